//! Relays that forget, that speak IPv6 only, and whose connections break.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tincan_tests::network::Machine;
use tincan_tests::process::Process;
use tincan_tests::relay::{Form, Relay};

use super::{SERVER, call, connected, flowing, internet};

/// Both use the relay only.
const HIDDEN: &[&str] = &["--relay-only"];

/// Ada and Ben, and a relay in the middle. Dropped from the top.
struct Place {
    _relay: Relay,
    _server: Process,
    url: String,
    ada: Machine,
    ben: Machine,
    internet: Machine,
}

impl Place {
    /// The signalling server names the relay in this form.
    async fn new(form: Form, options: &[&str]) -> Self {
        let (internet, ada, ben) = (internet(), Machine::new(), Machine::new());
        for (machine, name, net) in [(&ada, "to-ada", "198.51.100"), (&ben, "to-ben", "192.0.2")] {
            let (ours, gateway) = (format!("{net}.2/24"), format!("{net}.1"));
            machine.cable(("cable", &[&ours]), &internet, (name, &[&format!("{gateway}/24")]));
            machine.ip(&format!("route add default via {gateway}"));
        }
        let relay = Relay::start_with(&internet, SERVER, options).await;
        let arguments = relay.arguments(&[form]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (server, url) = internet.serve(SERVER, &arguments).await;
        Self { _relay: relay, _server: server, url, ada, ben, internet }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_changes_its_nonce_carries_the_call_on() {
    // The client renews its allocation every four seconds, with a nonce that is too old by then.
    let place = Place::new(Form::Udp, &["--stale-nonce=3", "--max-allocate-lifetime=8"]).await;
    let (mut ada, mut ben) = call(&place.url, (&place.ada, HIDDEN), (&place.ben, HIDDEN)).await;
    assert_eq!(flowing(&mut ada, &mut ben).await, ["relay", "relay"]);
    let pauses = tokio::join!(ada.longest_pause(12), ben.longest_pause(12));
    println!("pictures paused for {pauses:?} ms");
    assert!(pauses.0 < 500 && pauses.1 < 500, "pictures paused for {pauses:?} ms");
    ben.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_has_ipv6_only_is_used() {
    let (internet, ada, ben) = (Machine::router(), Machine::new(), Machine::new());
    let address: IpAddr = "2001:db8::1".parse().unwrap();
    internet.ip(&format!("address add {address}/128 dev lo nodad"));
    for (machine, name, net) in [(&ada, "to-ada", "2001:db8:a"), (&ben, "to-ben", "2001:db8:b")] {
        let (ours, gateway) = (format!("{net}::2/64"), format!("{net}::1"));
        machine.cable(("cable", &[&ours]), &internet, (name, &[&format!("{gateway}/64")]));
        machine.ip(&format!("route add default via {gateway}"));
    }
    let relay = Relay::start(&internet, address).await;
    let arguments = relay.arguments(&[Form::Udp]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (_server, url) = internet.serve(address, &arguments).await;
    let (mut ada, mut ben) = call(&url, (&ada, HIDDEN), (&ben, HIDDEN)).await;
    assert_eq!(flowing(&mut ada, &mut ben).await, ["relay", "relay"]);
    ben.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_with_a_relay_is_made_anew_within_three_seconds() {
    let place = Place::new(Form::Tcp, &[]).await;
    let (mut ada, mut ben) = call(&place.url, (&place.ada, HIDDEN), (&place.ben, HIDDEN)).await;
    assert_eq!(flowing(&mut ada, &mut ben).await, ["relay", "relay"]);
    let rule = "INPUT -s 198.51.100.2 -p tcp --dport 3478 -j REJECT --reject-with tcp-reset";
    let began = Instant::now();
    place.internet.shell(&format!("iptables -I {rule}; sleep 0.1; iptables -D {rule}"));
    println!("the connection was refused for {:?}", began.elapsed());
    let pauses = tokio::join!(ada.longest_pause(6), ben.longest_pause(6));
    println!("pictures paused for {pauses:?} ms");
    let limit = Duration::from_secs(3).as_millis() as u64;
    assert!(pauses.0 > 100 || pauses.1 > 100, "it was not broken");
    assert!(pauses.0 < limit && pauses.1 < limit, "pictures paused for {pauses:?} ms");
    flowing(&mut ada, &mut ben).await;
    assert!(connected(ada.call()) && connected(ben.call()));
    ben.leave().await;
    ada.leave().await;
}
