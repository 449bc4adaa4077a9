//! Who is who: what everybody compares, what is remembered of it, and somebody who sits between two people, with a server
//! that overheard the code and shows each of them a key of its own in place of the other's.

use tincan_engine::api::{CallPhase, CallView, Command, SafetyNumber, Trust};
use tincan_protocol::{Description, DescriptionKind, PeerMessage};
use tincan_tests::eve;
use tincan_tests::hostile::{Den, Place};
use tincan_tests::middleman::{Masks, Middleman, Passing};
use tincan_tests::participant::Participant;
use tincan_tests::person::{Person, named};
use tincan_tests::server::Server;
use tokio::sync::mpsc;

fn connected(call: &CallView) -> bool {
    call.phase == CallPhase::Connected
}

/// What everybody would compare, once it is made of so many others.
async fn number(person: &Person, others: usize) -> SafetyNumber {
    let proven = |call: &CallView| {
        let proven = call.participants.iter().filter(|other| other.trust != Trust::Unconfirmed).count();
        proven == others && call.safety.is_some()
    };
    person.call_until("what is compared aloud", proven).await.safety.unwrap()
}

async fn end(people: impl IntoIterator<Item = Person>) {
    for person in people {
        person.engine.shutdown().await;
    }
}

/// Ada and Ben in one room, on a server that has the code and stands between them.
async fn both_join(place: Place, middleman: &Middleman) -> (Person, Person) {
    let (den, ada) = Den::open(place, middleman.server(), "Ada").await;
    middleman.knows(den.keys.clone());
    (ada, den.join("Ben").await)
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

/// Passes everything on, with offers rewritten.
fn rewriting(rewrite: fn(&str) -> String) -> (impl FnMut(&Masks, Passing), mpsc::UnboundedReceiver<u32>) {
    let (offers, seen) = mpsc::unbounded_channel();
    let decide = move |masks: &Masks, Passing { from, to, message }: Passing| {
        let message = match message {
            PeerMessage::Description(Description { kind: DescriptionKind::Offer, sdp, connection }) => {
                let _ = offers.send(connection);
                let (kind, sdp) = (DescriptionKind::Offer, rewrite(&sdp));
                PeerMessage::Description(Description { kind, sdp, connection })
            }
            other => other,
        };
        masks.say(from, to, &message);
    };
    (decide, seen)
}

fn nobody_is_proven(call: &CallView) -> bool {
    !connected(call)
        && call.safety.is_none()
        && call.participants.iter().all(|other| other.trust == Trust::Unconfirmed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_puts_another_certificate_into_a_description_prevents_the_call() {
    for place in Place::ALL {
        let server = Server::start().await;
        let (decide, mut offers) = rewriting(replaced);
        let middleman = Middleman::start(&server.url(), decide).await;
        let (ada, ben) = both_join(place, &middleman).await;
        // A second attempt follows when nothing came of the first.
        while offers.recv().await.unwrap() < 2 {}
        for person in [&ada, &ben] {
            assert!(nobody_is_proven(&person.snapshot().await.call.unwrap()));
        }
        end([ada, ben]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hides_a_certificate_in_a_description_is_told_of_and_gets_no_call() {
    for place in Place::ALL {
        let server = Server::start().await;
        let (decide, _offers) = rewriting(disguised);
        let middleman = Middleman::start(&server.url(), decide).await;
        let (den, ada) = Den::open(place, middleman.server(), "Ada").await;
        middleman.knows(den.keys.clone());
        let mut notices = ada.notices().await;
        let ben = den.join("Ben").await;
        let notice = notices.until("peer_certificate").await;
        assert!(notice.said.message.contains("sat between you"), "{}", notice.said.message);
        assert!(nobody_is_proven(&ada.snapshot().await.call.unwrap()));
        end([ada, ben]).await;
    }
}

/// Both shook hands with each other, and each believes that the other is somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_only_passes_everything_on_gets_no_connection_that_is_proven_and_both_are_told() {
    for place in Place::ALL {
        let server = Server::start().await;
        let (decide, _offers) = rewriting(str::to_owned);
        let middleman = Middleman::start(&server.url(), decide).await;
        let (den, ada) = Den::open(place, middleman.server(), "Ada").await;
        middleman.knows(den.keys.clone());
        let mut adas = ada.notices().await;
        let ben = den.join("Ben").await;
        let mut bens = ben.notices().await;
        let (notice, _) = tokio::join!(adas.until("unproven"), bens.until("unproven"));
        assert!(notice.said.message.contains("sat between you"), "{}", notice.said.message);
        for person in [&ada, &ben] {
            assert!(nobody_is_proven(&person.snapshot().await.call.unwrap()));
        }
        end([ada, ben]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_part_as_the_other_with_both_shows_them_different_numbers() {
    for place in Place::ALL {
        let server = Server::start().await;
        let (pass, passing) = mpsc::unbounded_channel();
        let decide = move |_: &Masks, one: Passing| drop(pass.send(one));
        let middleman = Middleman::start(&server.url(), decide).await;
        let eve = tokio::spawn(eve::impersonate(middleman.masks().clone(), passing));
        let (ada, ben) = both_join(place, &middleman).await;
        for (person, other) in [(&ada, "Ben"), (&ben, "Ada")] {
            let call = person.call_until("connected", connected).await;
            assert!(named(&call, other).is_some(), "nothing else looks wrong");
        }
        let (adas, bens) = (number(&ada, 1).await, number(&ben, 1).await);
        assert_ne!(adas.words, bens.words);
        assert_ne!(adas.digits, bens.digits);
        end([ada, ben]).await;
        drop(middleman);
        eve.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_compare_one_number_and_whoever_is_verified_stays_so_while_others_come_and_go() {
    let server = Server::start().await;
    let url = server.url();
    let person = |name: &str| Person::quiet(name, Some(&url));
    let ada = person("Ada");
    let code = ada.create().await;
    let (ben, cyd, dan) = (person("Ben"), person("Cyd"), person("Dan"));
    for one in [&ben, &cyd, &dan] {
        one.join(&code).await;
    }
    let fours = number(&ada, 3).await;
    for one in [&ben, &cyd, &dan] {
        assert_eq!(number(one, 3).await, fours);
    }
    ada.ask(Command::SetVerified { peer: None, on: true }).await;
    let trusts = |call: &CallView, wanted: &[(&str, Trust, bool)]| {
        call.participants.len() == wanted.len()
            && wanted.iter().all(|(name, trust, late)| {
                named(call, name).is_some_and(|other| (other.trust, other.late) == (*trust, *late))
            })
    };
    let verified = |name| (name, Trust::Verified, false);
    ada.call_until("three who are verified", |call| trusts(call, &["Ben", "Cyd", "Dan"].map(verified))).await;

    let eva = person("Eva");
    eva.join(&code).await;
    let late = ("Eva", Trust::Unverified, true);
    let wanted = [verified("Ben"), verified("Cyd"), verified("Dan"), late];
    ada.call_until("a newcomer who is not", |call| trusts(call, &wanted)).await;
    let fives = number(&ada, 4).await;
    assert_ne!(fives, fours, "a newcomer changes the number");
    for one in [&ben, &cyd, &dan, &eva] {
        assert_eq!(number(one, 4).await, fives);
    }
    ben.call_until("nobody whom Ben compared", |call| {
        call.participants.iter().all(|other| other.trust == Trust::Unverified && !other.late)
    })
    .await;

    dan.ask(Command::Leave).await;
    let wanted = [verified("Ben"), verified("Cyd"), late];
    let call = ada.call_until("the same of those who are left", |call| trusts(call, &wanted)).await;
    let peer = Some(named(&call, "Eva").unwrap().id.clone());
    ada.ask(Command::SetVerified { peer, on: true }).await;
    ada.call_until("all verified", |call| trusts(call, &["Ben", "Cyd", "Eva"].map(verified))).await;
    end([ada, ben, cyd, dan, eva]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_with_another_key_is_told_of_to_those_who_had_verified_them() {
    let server = Server::start().await;
    let ada = Person::quiet("Ada", Some(&server.url()));
    let code = ada.create().await;
    let quiet = [code.as_str(), "--camera", "none", "--microphone", "none"];
    let ben = Participant::start("Ben", &server.url(), &quiet);
    number(&ada, 1).await;
    let trust = |call: &CallView, trust| call.participants.iter().any(|other| other.trust == trust);
    ada.ask(Command::SetVerified { peer: None, on: true }).await;
    let call = ada.call_until("a verified Ben", |call| trust(call, Trust::Verified)).await;
    let before = named(&call, "Ben").unwrap().id.clone();

    let mut notices = ada.notices().await;
    ben.crash().await;
    let ben = Participant::start("Ben", &server.url(), &quiet);
    let notice = notices.until("changed_key").await;
    assert!(notice.said.message.contains("Ben"), "{}", notice.said.message);
    let call = ada
        .call_until("another Ben alone", |call| call.participants.len() == 1 && trust(call, Trust::Changed))
        .await;
    assert_ne!(named(&call, "Ben").unwrap().id, before);
    ada.ask(Command::SetVerified { peer: None, on: true }).await;
    ada.call_until("the new one verified", |call| trust(call, Trust::Verified)).await;
    ben.leave().await;
    end([ada]).await;
}
