//! Calling each other again: not by the code that was read aloud, but by the long one that the programs handed over.

use tincan_engine::api::{CallPhase, Command, Reply, Snapshot};
use tincan_tests::person::Person;
use tincan_tests::server::Server;

fn connected(snapshot: &Snapshot) -> bool {
    snapshot.call.as_ref().is_some_and(|call| call.phase == CallPhase::Connected)
}

fn alone(snapshot: &Snapshot) -> bool {
    snapshot.call.as_ref().is_some_and(|call| call.participants.is_empty())
}

async fn both_connected(ada: &Person, ben: &Person) {
    ada.until("connected", connected).await;
    ben.until("connected", connected).await;
    for person in [ada, ben] {
        // What the other one sends is told when the control channel opens, the code with it; the number comes later.
        person
            .until("what the other sends", |snapshot| {
                let Some(call) = &snapshot.call else { return false };
                call.participants.first().is_some_and(|other| other.microphone_on) && call.safety.is_some()
            })
            .await;
    }
}

/// Leaves, and gives the code by which the call is called again.
async fn leave(person: &Person) -> String {
    person.ask(Command::Leave).await;
    let snapshot = person.until("how the call was", |snapshot| snapshot.last_call.is_some()).await;
    let code = snapshot.last_call.unwrap().code;
    assert_eq!(snapshot.recent.first().map(|recent| &recent.code), Some(&code));
    code
}

async fn call_again(person: &Person, code: &str, server: &str) -> String {
    let command = Command::CallAgain { code: code.to_owned(), server: Some(server.to_owned()) };
    match person.ask(command).await {
        Reply::Joined { code } => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_was_read_aloud_is_for_one_call_and_those_that_follow_have_a_long_one() {
    let server = Server::start().await;
    let (ada, ben) = (Person::new("Ada", &server.url()), Person::new("Ben", &server.url()));
    let spoken = ada.create().await;
    ben.join(&spoken).await;
    both_connected(&ada, &ben).await;

    let again = leave(&ada).await;
    assert_eq!(again.replace('-', "").len(), 20, "{again}");
    ben.until("alone", alone).await;
    // Ben is still where they met, and there he is found.
    assert_eq!(call_again(&ada, &again, &server.url()).await, spoken);
    both_connected(&ada, &ben).await;
    assert_eq!(leave(&ada).await, again, "what was agreed on stays");
    assert_eq!(leave(&ben).await, again, "both call each other by the same code");

    // Whoever is first opens the room.
    assert_eq!(call_again(&ben, &again, &server.url()).await, again);
    let link = ben.call_until("a link", |call| !call.invite_link.is_empty()).await.invite_link;
    assert!(link.contains(&again.replace('-', "")), "a link to this room carries the long code");
    assert_eq!(call_again(&ada, &again, &server.url()).await, again);
    both_connected(&ada, &ben).await;
    assert_eq!(leave(&ben).await, again);
    assert_eq!(leave(&ada).await, again);
    ada.engine.shutdown().await;
    ben.engine.shutdown().await;
}
