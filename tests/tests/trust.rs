//! Somebody sits between two people: a server that overheard the code, and can say to each of them whatever it likes in
//! the other's name.
// A test that cannot go on has failed, in its helpers too.
#![allow(clippy::unwrap_used)]

use tincan_engine::api::{CallPhase, SafetyNumber, Snapshot};
use tincan_protocol::{Description, DescriptionKind, PeerMessage};
use tincan_tests::eve;
use tincan_tests::middleman::{Middleman, Passing, Voice};
use tincan_tests::person::Person;
use tincan_tests::server::Server;
use tokio::sync::mpsc;

fn connected(snapshot: &Snapshot) -> bool {
    snapshot.call.as_ref().is_some_and(|call| call.phase == CallPhase::Connected)
}

fn safety(snapshot: &Snapshot) -> Option<&SafetyNumber> {
    snapshot.call.as_ref()?.participants.first()?.safety.as_ref()
}

/// What both would compare.
async fn number(person: &Person) -> SafetyNumber {
    let snapshot = person.until("what is compared aloud", |snapshot| safety(snapshot).is_some()).await;
    safety(&snapshot).unwrap().clone()
}

/// Ada and Ben in one room, on a server that has the code.
async fn both_join(middleman: &Middleman) -> (Person, Person) {
    let (ada, ben) = (Person::new("Ada", &middleman.url()), Person::new("Ben", &middleman.url()));
    let code = ada.create().await;
    middleman.knows(&code);
    ben.join(&code).await;
    (ada, ben)
}

async fn end(people: [Person; 2]) {
    for person in people {
        person.engine.shutdown().await;
    }
}

/// The hex digits of another certificate.
fn another() -> String {
    ["EE"; 32].join(":")
}

/// The description with another certificate's line in place of every line that names one.
fn replaced(sdp: &str) -> String {
    let other = format!("a=fingerprint:sha-256 {}", another());
    let line = |line: &str| if line.starts_with("a=fingerprint:") { other.clone() } else { line.to_owned() };
    sdp.lines().map(|one| line(one) + "\r\n").collect()
}

/// The description with another certificate in its sections, hidden behind the true one: the library took an attribute
/// without a value for the first of its name, and looked further below.
fn disguised(sdp: &str) -> String {
    let fingerprint = sdp.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap();
    let (session, sections) = sdp.split_once("m=").unwrap();
    let session = session.replace(&format!("{fingerprint}\r\n"), "");
    let sections =
        replaced(sections).replace("a=mid:", &format!("a=fingerprint:sha-256 {}\r\na=mid:", another()));
    format!("{session}a=fingerprint\r\n{fingerprint}\r\nm={sections}")
}

/// Passes everything on, with the newcomer's offers rewritten.
fn rewriting(rewrite: fn(&str) -> String) -> (impl FnMut(&Voice, Passing), mpsc::UnboundedReceiver<u32>) {
    let (offers, seen) = mpsc::unbounded_channel();
    let decide = move |voice: &Voice, Passing { from, to, message }: Passing| {
        let message = match message {
            PeerMessage::Description(Description { kind: DescriptionKind::Offer, sdp, connection }) => {
                let _ = offers.send(connection);
                let (kind, sdp) = (DescriptionKind::Offer, rewrite(&sdp));
                PeerMessage::Description(Description { kind, sdp, connection })
            }
            other => other,
        };
        voice.say(from, to, &message);
    };
    (decide, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_puts_another_certificate_into_a_description_prevents_the_call() {
    let server = Server::start().await;
    let (decide, mut offers) = rewriting(replaced);
    let middleman = Middleman::start(&server.url(), decide).await;
    let (ada, ben) = both_join(&middleman).await;
    // A second attempt follows when nothing came of the first.
    while offers.recv().await.unwrap() < 2 {}
    for person in [&ada, &ben] {
        let snapshot = person.snapshot().await;
        assert!(!connected(&snapshot) && safety(&snapshot).is_none());
    }
    end([ada, ben]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hides_a_certificate_in_a_description_is_told_of_and_gets_no_call() {
    let server = Server::start().await;
    let (decide, _offers) = rewriting(disguised);
    let middleman = Middleman::start(&server.url(), decide).await;
    let (ada, ben) = (Person::new("Ada", &middleman.url()), Person::new("Ben", &middleman.url()));
    let code = ada.create().await;
    middleman.knows(&code);
    let mut notices = ada.notices().await;
    ben.join(&code).await;
    let notice = notices.until("peer_certificate").await;
    assert!(notice.message.contains("sat between you"), "{}", notice.message);
    let snapshot = ada.snapshot().await;
    assert!(!connected(&snapshot) && safety(&snapshot).is_none());
    end([ada, ben]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_part_as_the_other_with_both_shows_them_different_numbers() {
    let server = Server::start().await;
    let (pass, passing) = mpsc::unbounded_channel();
    let decide = move |_: &Voice, one: Passing| drop(pass.send(one));
    let middleman = Middleman::start(&server.url(), decide).await;
    let eve = tokio::spawn(eve::impersonate(middleman.voice().clone(), passing));
    let (ada, ben) = both_join(&middleman).await;
    for (person, other) in [(&ada, "Ben"), (&ben, "Ada")] {
        let snapshot = person.until("connected", connected).await;
        assert_eq!(snapshot.call.unwrap().participants[0].name, other, "nothing else looks wrong");
    }
    let (adas, bens) = (number(&ada).await, number(&ben).await);
    assert_ne!(adas.words, bens.words);
    assert_ne!(adas.digits, bens.digits);
    end([ada, ben]).await;
    drop(middleman);
    eve.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_server_says_in_the_others_name_replaces_a_connection_that_is_up() {
    let server = Server::start().await;
    let (overheard, mut said) = mpsc::unbounded_channel();
    let decide = move |voice: &Voice, Passing { from, to, message }: Passing| {
        voice.say(from, to, &message);
        if let PeerMessage::Description(description) = message {
            let _ = overheard.send((from, to, description));
        }
    };
    let middleman = Middleman::start(&server.url(), decide).await;
    let (ada, ben) = both_join(&middleman).await;
    for person in [&ada, &ben] {
        person.until("connected", connected).await;
    }
    let (before, bens) = (number(&ada).await, number(&ben).await);
    assert_eq!(before, bens);
    let (from, to, description) = said.recv().await.unwrap();
    let voice = middleman.voice();
    for connection in 2..=4 {
        let description = Description { connection, ..description.clone() };
        voice.say(from, to, &PeerMessage::Description(description));
        voice.say(from, to, &PeerMessage::Goodbye);
    }
    // In order behind all of that: when this is shown, the rest was taken in.
    voice.say(from, to, &PeerMessage::Hello { name: "Forged".into() });
    let shown = |snapshot: &Snapshot| {
        let call = snapshot.call.as_ref();
        call.and_then(|call| call.participants.first()).is_some_and(|other| other.name == "Forged")
    };
    // The newcomer offered: what it said is repeated to who was there.
    let snapshot = ada.until("the forged name", shown).await;
    assert!(connected(&snapshot));
    assert_eq!(safety(&snapshot), Some(&before), "the connection is the one that was compared");
    end([ada, ben]).await;
}
