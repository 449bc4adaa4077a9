//! Links that are bad, are cut, or are changed for others in mid-call.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tincan_tests::clips;
use tincan_tests::network::{Link, Machine, longest_silence};
use tincan_tests::participant::Participant;
use tincan_tests::process::Process;

use super::{SERVER, call, connected, flowing, internet};

/// The pauses of the recorded speech itself, and the tenth of a second in which one ends.
const BREATH: Duration = Duration::from_millis(600);

/// Ada behind a link that can be bad, Ben beside the server. Dropped from the top: programs before their machines.
struct Place {
    link: Link,
    _server: Process,
    url: String,
    ada: Machine,
    ben: Machine,
    internet: Machine,
}

impl Place {
    async fn new() -> Self {
        let (internet, ada, ben) = (internet(), Machine::new(), Machine::new());
        let link = Link::lay((&ada, "wifi"), (&internet, "to-ada"), 1).await;
        ada.addresses("wifi", &["198.51.100.2/24"]);
        ada.ip("route add default via 198.51.100.1");
        internet.addresses("to-ada", &["198.51.100.1/24"]);
        ben.cable(("cable", &["192.0.2.2/24"]), &internet, ("to-ben", &["192.0.2.1/24"]));
        ben.ip("route add default via 192.0.2.1");
        let (server, url) = internet.serve(SERVER, &[]).await;
        Self { link, _server: server, url, ada, ben, internet }
    }

    /// A call in which both speak and both record what they hear. They say the same at once, which must not be taken
    /// for an echo.
    async fn call(&self, voices: &Voices) -> (Participant, Participant) {
        let arguments = |side: &str| {
            [
                "--microphone".to_owned(),
                format!("file:{}", voices.speech.display()),
                "--speaker".to_owned(),
                format!("file:{}", voices.heard(side).display()),
                "--no-echo-cancellation".to_owned(),
            ]
        };
        let (ada, ben) = (arguments("ada"), arguments("ben"));
        let (ada, ben) = (ada.each_ref().map(String::as_str), ben.each_ref().map(String::as_str));
        call(&self.url, (&self.ada, &ada), (&self.ben, &ben)).await
    }
}

/// What is said and what is heard.
struct Voices {
    folder: TempDir,
    speech: PathBuf,
}

impl Voices {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let speech = folder.path().join("speech.wav");
        clips::speech(&speech, 10);
        Self { folder, speech }
    }

    fn heard(&self, side: &str) -> PathBuf {
        self.folder.path().join(format!("heard-by-{side}.wav"))
    }

    /// Fails when one of both heard nothing for longer than this.
    fn check(&self, limit: Duration) {
        for side in ["ada", "ben"] {
            let silence = longest_silence(&self.heard(side));
            println!("{side} heard nothing for {silence:?} at most");
            assert!(silence <= limit + BREATH, "{side} heard nothing for {silence:?}");
        }
    }
}

async fn leave(ada: Participant, ben: Participant) {
    ben.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_over_a_link_that_loses_a_tenth_in_bursts() {
    let mut place = Place::new().await;
    place.link.set("both delay=40ms jitter=5ms loss=10% burst=3").await;
    let (mut ada, mut ben) = call(&place.url, (&place.ada, &[]), (&place.ben, &[])).await;
    flowing(&mut ada, &mut ben).await;
    let second = ada
        .seconds_until("a second with loss and delay", |one| {
            one["roundTripMs"].as_f64() > Some(80.0) && one["lossReceived"].as_f64() > Some(2.0)
        })
        .await;
    assert!(second["roundTripMs"].as_f64() < Some(200.0), "{second}");
    let report = loop {
        ben.seconds_until("another second", |_| true).await;
        let report = place.link.report().await;
        if report["ba"]["offered"].as_u64() > Some(1500) {
            break report;
        }
    };
    println!("{report}");
    for way in ["ab", "ba"] {
        let number = |name: &str| report[way][name].as_f64().unwrap();
        let share = number("lost") / number("offered");
        assert!((0.06..0.14).contains(&share), "{share} of the packets were lost: {report}");
        assert!((39.0..55.0).contains(&number("delayMs")), "{report}");
    }
    assert!(connected(ada.call()) && connected(ben.call()));
    leave(ada, ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_was_cut_for_five_seconds_carries_the_call_again_within_three() {
    let mut place = Place::new().await;
    let voices = Voices::new();
    let (mut ada, mut ben) = place.call(&voices).await;
    flowing(&mut ada, &mut ben).await;
    place.link.set("both cut").await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(4500) {
        ada.seconds_until("another second", |_| true).await;
    }
    place.link.set("both").await;
    let cut = began.elapsed();
    let least = cut.as_millis() as u64 - 100;
    let pauses = [ada.pause(least).await, ben.pause(least).await].map(Duration::from_millis);
    println!("the path was away for {cut:?}, pictures for {pauses:?}");
    let limit = cut + Duration::from_secs(3);
    assert!(
        pauses.iter().all(|pause| *pause < limit),
        "the path was away for {cut:?}, pictures for {pauses:?}"
    );
    flowing(&mut ada, &mut ben).await;
    leave(ada, ben).await;
    voices.check(limit);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn a_train_that_leaves_a_tunnel_is_back_in_the_call() {
    let mut place = Place::new().await;
    let (mut ada, mut ben) = call(&place.url, (&place.ada, &[]), (&place.ben, &[])).await;
    for seconds in [15, 40] {
        flowing(&mut ada, &mut ben).await;
        place.link.set("both cut").await;
        let began = Instant::now();
        ada.until("an outage", |call| !connected(call)).await;
        ben.until("an outage", |call| !connected(call)).await;
        while began.elapsed() < Duration::from_secs(seconds) {
            ada.another_word().await;
        }
        place.link.set("both").await;
        let (cut, over) = (began.elapsed(), Instant::now());
        ada.until("a connection", connected).await;
        ben.until("a connection", connected).await;
        let back = over.elapsed();
        println!("the path was away for {cut:?}, the connection {back:?} longer");
        assert!(back < Duration::from_secs(10), "back {back:?} after a cut of {cut:?}");
    }
    leave(ada, ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_from_one_network_to_another_interrupts_a_call_for_less_than_three_seconds() {
    let place = Place::new().await;
    let voices = Voices::new();
    let (mut ada, mut ben) = place.call(&voices).await;
    flowing(&mut ada, &mut ben).await;
    place.ada.ip("link set wifi down");
    place.ada.ip("address flush dev wifi");
    place.ada.cable(("cable", &["198.51.101.2/24"]), &place.internet, ("to-desk", &["198.51.101.1/24"]));
    place.ada.ip("route add default via 198.51.101.1");
    let pauses = tokio::join!(ada.longest_pause(6), ben.longest_pause(6));
    println!("pictures paused for {pauses:?} ms");
    assert!(pauses.0 < 3000 && pauses.1 < 3000, "pictures paused for {pauses:?} ms");
    flowing(&mut ada, &mut ben).await;
    assert!(connected(ada.call()) && ada.call()["serverConnected"] == true);
    leave(ada, ben).await;
    voices.check(Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_works_where_there_is_only_ipv6() {
    let (internet, ada, ben) = (Machine::router(), Machine::new(), Machine::new());
    internet.ip("address add 2001:db8::1/128 dev lo nodad");
    for (machine, name, net) in [(&ada, "to-ada", "2001:db8:a"), (&ben, "to-ben", "2001:db8:b")] {
        let (ours, gateway) = (format!("{net}::2/64"), format!("{net}::1"));
        machine.cable(("cable", &[&ours]), &internet, (name, &[&format!("{gateway}/64")]));
        machine.ip(&format!("route add default via {gateway}"));
    }
    let (_server, url) = internet.serve("2001:db8::1".parse().unwrap(), &[]).await;
    let (mut ada, mut ben) = call(&url, (&ada, &[]), (&ben, &[])).await;
    assert_eq!(flowing(&mut ada, &mut ben).await, ["host", "host"]);
    leave(ada, ben).await;
}
