//! Rooms: three and four people in one call, and calls on the local network that outlive the program which hosts them.
// A test that cannot go on has failed, in its helpers too.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::Value;
use tincan_media::video::Resolution;
use tincan_tests::clips;
use tincan_tests::participant::Participant;
use tincan_tests::server::Server;

/// Small pictures and silence: what is looked at is who sees whom.
fn thrifty(folder: &Path) -> Vec<String> {
    let clip = folder.join("clip.y4m");
    if !clip.exists() {
        clips::y4m(&clip, Resolution::new(160, 90), 30);
    }
    ["--camera", &format!("file:{}", clip.display()), "--microphone", "none"].map(str::to_owned).to_vec()
}

fn with<'a>(usual: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    more.iter().copied().chain(usual.iter().map(String::as_str)).collect()
}

/// Whether exactly these are connected, and send pictures.
fn sees(call: &Value, names: &[&str]) -> bool {
    let participants = call["participants"].as_array();
    let mut there: Vec<_> = participants
        .into_iter()
        .flatten()
        .filter(|other| other["connection"] == "connected" && other["cameraOn"] == true)
        .filter_map(|other| other["name"].as_str())
        .collect();
    there.sort_unstable();
    there == names && participants.is_some_and(|all| all.len() == names.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn four_see_each_other_while_one_leaves_one_crashes_and_the_server_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let usual = thrifty(folder.path());
    let server = Server::start_with(&["--max-participants", "4", "--grace", "3"]).await;
    let url = server.url();
    let mut ada = Participant::start("Ada", &url, &with(&usual, &[]));
    let code = ada.code().await;
    let join = |name: &str| Participant::start(name, &url, &with(&usual, &[&code]));
    let (mut ben, mut cyd, mut dan) = (join("Ben"), join("Cyd"), join("Dan"));
    ada.until("three others", |call| sees(call, &["Ben", "Cyd", "Dan"])).await;
    ben.until("three others", |call| sees(call, &["Ada", "Cyd", "Dan"])).await;
    cyd.until("three others", |call| sees(call, &["Ada", "Ben", "Dan"])).await;
    dan.until("three others", |call| sees(call, &["Ada", "Ben", "Cyd"])).await;

    let (exit, said) = join("Eve").end().await;
    assert_eq!(exit, Some(3));
    assert!(said.iter().any(|line| line.contains("This call is full")), "{:?}", said.last());

    dan.leave().await;
    cyd.crash().await;
    // Cyd is back under another id before the server has missed the old one.
    let mut cyd = join("Cyd");
    ada.until("two others", |call| sees(call, &["Ben", "Cyd"])).await;
    ben.until("two others", |call| sees(call, &["Ada", "Cyd"])).await;
    cyd.until("two others", |call| sees(call, &["Ada", "Ben"])).await;

    let down = server.crash().await;
    ada.until("word that the server is away", |call| call["serverConnected"] == false).await;
    assert!(ada.call()["serverProblem"].is_string());
    let server = down.start().await;
    for (person, others) in
        [(&mut ada, ["Ben", "Cyd"]), (&mut ben, ["Ada", "Cyd"]), (&mut cyd, ["Ada", "Ben"])]
    {
        person.until("the server", |call| call["serverConnected"] == true && sees(call, &others)).await;
    }
    let mut dan = join("Dan");
    dan.until("three others", |call| sees(call, &["Ada", "Ben", "Cyd"])).await;
    ada.until("three others", |call| sees(call, &["Ben", "Cyd", "Dan"])).await;
    for person in [ada, ben, cyd, dan] {
        assert_eq!(person.leave().await.0, Some(0));
    }
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_call_outlives_the_program_that_hosts_it() {
    let folder = tempfile::tempdir().unwrap();
    let usual = thrifty(folder.path());
    let mut ada = Participant::start_locally("Ada", &with(&usual, &[]));
    let code = ada.code().await;
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    let link = ada.call()["inviteLink"].as_str().unwrap().to_owned();
    let mut ben = Participant::start_locally("Ben", &with(&usual, &[&code]));
    ben.until("Ada", |call| sees(call, &["Ada"])).await;
    ada.crash().await;
    ben.until("word that the server is away", |call| call["serverConnected"] == false).await;
    let problem = ben.call()["serverProblem"].as_str().unwrap().to_owned();
    assert!(problem.contains("computer") && !problem.contains("server"), "{problem}");
    ben.until("a server of his own", |call| call["serverConnected"] == true).await;
    assert_ne!(ben.call()["inviteLink"], link.as_str(), "the link names the new place");
    // By the code, and by the link whose address is dead.
    let mut cyd = Participant::start_locally("Cyd", &with(&usual, &[&link]));
    cyd.until("Ben", |call| sees(call, &["Ben"])).await;
    assert!(cyd.call()["reach"].as_str().unwrap().contains("local network"));
    ben.leave().await;
    cyd.until("an empty room", |call| call["phase"] == "alone").await;
    cyd.leave().await;
}
