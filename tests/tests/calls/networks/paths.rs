//! Machines whose addresses come and go, that have many of them, or none but those of a cable.

use std::time::{Duration, Instant};

use tincan_tests::network::{Checks, Link, Machine};
use tincan_tests::participant::Participant;
use tincan_tests::process::Process;

use super::{SERVER, call, connected, flowing, internet};

/// How much longer than usual pictures may stay away when something changes that the call does not use.
const UNNOTICED: u64 = 200;

/// Ada behind a link with a delay, Ben beside the server. Dropped from the top: programs before their machines.
struct Place {
    _link: Link,
    _server: Process,
    url: String,
    ada: Machine,
    ben: Machine,
    _internet: Machine,
}

impl Place {
    /// With this round trip between both.
    async fn new(round_trip: Duration, before_the_call: impl FnOnce(&Machine, &Machine)) -> Self {
        let (internet, ada, ben) = (internet(), Machine::new(), Machine::new());
        let mut link = Link::lay((&ada, "wifi"), (&internet, "to-ada"), 1).await;
        link.set(&format!("both delay={}ms", round_trip.as_millis() / 2)).await;
        ada.addresses("wifi", &["198.51.100.2/24"]);
        ada.ip("route add default via 198.51.100.1");
        internet.addresses("to-ada", &["198.51.100.1/24"]);
        ben.cable(("cable", &["192.0.2.2/24"]), &internet, ("to-ben", &["192.0.2.1/24"]));
        ben.ip("route add default via 192.0.2.1");
        before_the_call(&ada, &ben);
        let (server, url) = internet.serve(SERVER, &["--grace", "3"]).await;
        Self { _link: link, _server: server, url, ada, ben, _internet: internet }
    }
}

async fn leave(ada: Participant, ben: Participant) {
    ben.leave().await;
    ada.leave().await;
}

/// An interface as containers and virtual machines have it.
fn bridge(machine: &Machine, name: &str, address: &str) {
    machine.ip(&format!("link add {name} type veth peer name {name}-end"));
    machine.ip(&format!("link set {name}-end up"));
    machine.addresses(name, &[address]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interface_that_the_call_does_not_use_comes_and_goes_unnoticed() {
    let place = Place::new(Duration::from_millis(150), |ada, _| bridge(ada, "br0", "172.30.0.1/24")).await;
    let (mut ada, mut ben) = call(&place.url, (&place.ada, &[]), (&place.ben, &[])).await;
    flowing(&mut ada, &mut ben).await;
    let _ = tokio::join!(ada.longest_pause(2), ben.longest_pause(2));
    for times in 0..2 {
        place.ada.ip("link delete br0");
        let gone = tokio::join!(ada.longest_pause(2), ben.longest_pause(2));
        bridge(&place.ada, "br0", "172.30.0.1/24");
        let back = tokio::join!(ada.longest_pause(2), ben.longest_pause(2));
        println!("{times}: pictures paused for {gone:?} ms when it went, {back:?} when it came");
        for pause in [gone.0, gone.1, back.0, back.1] {
            assert!(pause < UNNOTICED, "pictures paused for {pause} ms");
        }
        assert!(connected(ada.call()) && connected(ben.call()));
    }
    leave(ada, ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_way_to_the_server_vanishes_and_the_call_goes_on() {
    let cable = |ada: &Machine, ben: &Machine| {
        ada.cable(("desk", &["10.7.0.1/24"]), ben, ("desk", &["10.7.0.2/24"]));
    };
    // The way through the middle is slow, so that the call takes the cable.
    let place = Place::new(Duration::from_millis(300), cable).await;
    let (mut ada, mut ben) = call(&place.url, (&place.ada, &[]), (&place.ben, &[])).await;
    flowing(&mut ada, &mut ben).await;
    let second = ada.seconds_until("a round trip", |one| one["roundTripMs"].is_number()).await;
    assert!(second["roundTripMs"].as_f64() < Some(100.0), "the call takes the cable: {second}");
    place.ada.ip("link set wifi down");
    place.ada.ip("address flush dev wifi");
    // Longer than the server's patience, and then some.
    let pauses = tokio::join!(ada.longest_pause(9), ben.longest_pause(9));
    println!("pictures paused for {pauses:?} ms");
    // Nine seconds of a busy machine have a hiccup of their own.
    assert!(pauses.0 < 500 && pauses.1 < 500, "pictures paused for {pauses:?} ms");
    assert!(connected(ada.call()) && ada.call()["serverConnected"] == false);
    assert!(connected(ben.call()));
    leave(ada, ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_addresses_on_both_sides_connect_within_two_seconds_by_a_hundred_checks_a_second() {
    let crowd = |ada: &Machine, ben: &Machine| {
        for n in 1..=20 {
            bridge(ada, &format!("br{n}"), &format!("172.20.{n}.1/24"));
            bridge(ben, &format!("br{n}"), &format!("172.21.{n}.1/24"));
        }
    };
    let place = Place::new(Duration::from_millis(150), crowd).await;
    let from_ada = Checks::start(&place.ada, "wifi", "198.51.100.2").await;
    let from_ben = Checks::start(&place.ben, "cable", "192.0.2.2").await;
    let mut ada = place.ada.call("Ada", &place.url, &[]);
    let code = ada.code().await;
    let mut ben = place.ben.call("Ben", &place.url, &[&code]);
    let began = Instant::now();
    ben.until("Ada", |call| call["participants"][0].is_object()).await;
    let met = Instant::now();
    ada.until("connection", connected).await;
    ben.until("connection", connected).await;
    println!("met after {:?}, connected {:?} later", met - began, met.elapsed());
    assert!(met.elapsed() < Duration::from_secs(2), "{:?}", met.elapsed());
    flowing(&mut ada, &mut ben).await;
    leave(ada, ben).await;
    let most = (from_ada.most_in_a_second().await, from_ben.most_in_a_second().await);
    println!("at most {most:?} checks a second");
    assert!((1..=100).contains(&most.0) && (1..=100).contains(&most.1), "{most:?}");
}

/// Two machines, one cable, no server, and these addresses.
async fn on_one_cable(ada_has: &[&str], ben_has: &[&str]) {
    let (ada, ben) = (Machine::new(), Machine::new());
    ada.cable(("cable", ada_has), &ben, ("cable", ben_has));
    // Whoever asks the network in its very first second is not heard yet.
    ada.settled().await;
    ben.settled().await;
    let mut host = ada.call_nearby("Ada", &[]);
    let code = host.code().await;
    let mut guest = ben.call_nearby("Ben", &[&code]);
    host.until("connection", connected).await;
    guest.until("connection", connected).await;
    assert_eq!(flowing(&mut host, &mut guest).await[0], "host");
    leave(host, guest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_with_link_local_ipv4_addresses_only_call_each_other_over_one_cable() {
    on_one_cable(&["169.254.7.1/16"], &["169.254.9.2/16"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_with_link_local_ipv6_addresses_only_call_each_other_over_one_cable() {
    // The kernel gives them by itself, after a second in which it looks for duplicates.
    on_one_cable(&["fe80::a/64"], &["fe80::b/64"]).await;
}
