//! What others learn of where somebody is, and when.

use serde_json::Value;
use tincan_tests::network::{Capture, Machine};
use tincan_tests::process::{Process, binary};
use tincan_tests::relay::{Form, Relay};

use super::{SERVER, call, flowing, internet};

const ADA: &str = "198.51.100.2";
const BEN: &str = "192.0.2.2";
/// How the signalling server names the relay.
const RELAY: &[Form] = &[Form::Stun, Form::Udp];

/// Two who could reach each other directly, and a relay. Dropped from the top.
struct Place {
    relay: Relay,
    _server: Process,
    url: String,
    ada: Machine,
    ben: Machine,
    _internet: Machine,
}

impl Place {
    /// The signalling server names the relay in these forms.
    async fn new(forms: &[Form]) -> Self {
        let (internet, ada, ben) = (internet(), Machine::new(), Machine::new());
        ada.cable(("cable", &[&format!("{ADA}/24")]), &internet, ("to-ada", &["198.51.100.1/24"]));
        ada.ip("route add default via 198.51.100.1");
        ben.cable(("cable", &[&format!("{BEN}/24")]), &internet, ("to-ben", &["192.0.2.1/24"]));
        ben.ip("route add default via 192.0.2.1");
        let relay = Relay::start(&internet, SERVER).await;
        let arguments = relay.arguments(forms);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (server, url) = internet.serve(SERVER, &arguments).await;
        Self { relay, _server: server, url, ada, ben, _internet: internet }
    }

    /// Somebody in Ben's place who writes down what the others say.
    fn witness(&self, code: &str) -> Process {
        let mut command = self.ben.command(binary("tincan-witness"));
        command.args([self.url.as_str(), code]);
        Process::start("tincan-witness", command)
    }
}

/// What Ada tells somebody who joins her call, up to the end of her candidates.
async fn told_by_ada(place: &Place, arguments: &[&str]) -> Vec<String> {
    let mut ada = place.ada.call("Ada", &place.url, arguments);
    let code = ada.code().await;
    let mut witness = place.witness(&code);
    let mut told = Vec::new();
    witness
        .wait_for_within(tincan_tests::process::PATIENCE, "the end of candidates", |line| {
            let said: Value = serde_json::from_str(line).ok()?;
            told.push(line.to_owned());
            (said["candidate"] == "").then_some(())
        })
        .await;
    witness.kill().await;
    ada.leave().await;
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_uses_relays_only_tells_the_others_no_address_of_their_own() {
    let place = Place::new(RELAY).await;
    let told = told_by_ada(&place, &[]).await;
    assert!(
        told.iter().any(|line| line.contains(ADA)),
        "otherwise it is told, and this would see it: {told:?}"
    );
    let told = told_by_ada(&place, &["--relay-only"]).await;
    assert!(told.iter().any(|line| line.contains("typ relay")), "{told:?}");
    assert!(!told.iter().any(|line| line.contains(ADA)), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("typ host") || line.contains("typ srflx")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_relays_only_no_packet_goes_from_one_to_the_other() {
    let place = Place::new(RELAY).await;
    let at_ada = Capture::start(&place.ada, "cable").await;
    let at_ben = Capture::start(&place.ben, "cable").await;
    // One who hides is enough.
    let hidden = &["--relay-only"][..];
    let (mut ada, mut ben) = call(&place.url, (&place.ada, hidden), (&place.ben, &[])).await;
    flowing(&mut ada, &mut ben).await;
    ben.leave().await;
    ada.leave().await;
    for (who, other, packets) in [("Ada", BEN, at_ada.end().await), ("Ben", ADA, at_ben.end().await)] {
        let between: Vec<&String> = packets.iter().filter(|packet| packet.contains(other)).collect();
        assert!(packets.len() > 200, "{} packets are no call", packets.len());
        assert!(between.is_empty(), "{who}'s machine saw {between:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_of_ones_own_is_used_with_its_name_and_password() {
    let place = Place::new(&[Form::Stun]).await;
    let entered = place.relay.entered();
    let hidden = &["--relay-only", "--ice-server", &entered][..];
    let (mut ada, mut ben) = call(&place.url, (&place.ada, hidden), (&place.ben, &[])).await;
    flowing(&mut ada, &mut ben).await;
    ben.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_signalling_leaves_a_machine_before_somebody_joined() {
    let place = Place::new(RELAY).await;
    let mut capture = Capture::start(&place.ada, "cable").await;
    let mut ada = place.ada.call("Ada", &place.url, &[]);
    let code = ada.code().await;
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    let signalling = format!("{SERVER}.4815");
    capture.until("signalling", |packet| packet.contains(&signalling)).await;
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(2) {
        ada.another_word().await;
    }
    // Whoever comes is told at once: what was captured before the first datagram was captured before they came.
    let before = capture.so_far().len();
    let _witness = place.witness(&code);
    let packets = capture
        .until("a datagram to the servers", |packet| {
            packet.contains("UDP") && packet.contains(&format!("{SERVER}.3478"))
        })
        .await;
    // Questions for calls on the local network stay on it, and name nothing that has to do with this one.
    let is_local = |packet: &str| packet.contains(" > 224.0.0.") || packet.contains(" > ff02::");
    let early: Vec<&String> = packets[..before]
        .iter()
        .filter(|packet| packet.starts_with("IP") && !packet.contains(&signalling) && !is_local(packet))
        .collect();
    assert!(early.is_empty(), "{early:?}");
    ada.leave().await;
}
