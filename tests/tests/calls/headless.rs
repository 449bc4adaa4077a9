//! Whole calls between two participants without a window: their own processes, the real server, real connections.

use serde_json::Value;
use tincan_tests::participant::{Participant, other, shows};
use tincan_tests::server::Server;
use tincan_tests::{clips, process};

use tincan_media::video::Resolution;

fn connected(call: &Value) -> bool {
    call["phase"] == "connected"
}

async fn call(server: &Server, caller: &[&str], callee: &[&str]) -> (Participant, Participant) {
    let mut ada = Participant::start("Ada", &server.url(), caller);
    let code = ada.code().await;
    let mut arguments = vec![code.as_str()];
    arguments.extend(callee);
    let mut ben = Participant::start("Ben", &server.url(), &arguments);
    ada.until("connection", connected).await;
    ben.until("connection", connected).await;
    (ada, ben)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sees_the_others_moving_counter_and_name_and_leaves_properly() {
    let server = Server::start().await;
    let (mut ada, mut ben) = call(&server, &[], &[]).await;
    let (seen_by_ada, seen_by_ben) = (ada.counter().await, ben.counter().await);
    ada.counter_after(seen_by_ada).await;
    ben.counter_after(seen_by_ben).await;
    ada.until("Ben's name", |call| other(call)["name"] == "Ben").await;
    ben.until("Ada's name", |call| other(call)["name"] == "Ada").await;
    ada.until("what is compared aloud", |call| call["safety"]["digits"].is_string()).await;
    ben.until("what is compared aloud", |call| call["safety"]["digits"].is_string()).await;
    assert_eq!(ada.call()["safety"], ben.call()["safety"], "both compare the same");
    let (code, _) = ben.leave().await;
    assert_eq!(code, Some(0));
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    let (code, _) = ada.leave().await;
    assert_eq!(code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_and_a_recording_stand_in_for_camera_and_microphone() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, speech, heard) =
        (folder.path().join("clip.y4m"), folder.path().join("speech.wav"), folder.path().join("heard.wav"));
    let recorded = folder.path().join("recorded.mp4");
    clips::y4m(&clip, Resolution::new(640, 360), 90);
    clips::speech(&speech, 10);
    let server = Server::start().await;
    let (camera, microphone, speaker) = (
        format!("file:{}", clip.display()),
        format!("file:{}", speech.display()),
        format!("file:{}", heard.display()),
    );
    let (mut ada, mut ben) = call(
        &server,
        &["--camera", &camera, "--microphone", &microphone],
        &["--speaker", &speaker, "--microphone", "none", "--record", &recorded.to_string_lossy()],
    )
    .await;
    let first = ben.counter().await;
    ben.another_counter(first).await;
    let sizes = ben.seconds_until("a size", |one| one["receivedHeight"] == 360).await;
    assert_eq!(sizes["receivedWidth"], 640);
    ada.until("a participant without a microphone", |call| shows(other(call), "camera")).await;
    for _ in 0..4 {
        ben.seconds_until("another second", |_| true).await;
    }
    let (_, said) = ben.leave().await;
    ada.leave().await;
    let told = said.iter().any(|line| line.contains(r#""code":"recorded""#));
    assert!(told, "the recording's end is told: {:?}", said.last());
    let recorded = std::fs::read(&recorded).unwrap();
    assert!(recorded.len() > 50_000 && &recorded[4..8] == b"ftyp", "{} bytes are no film", recorded.len());
    let loud = clips::loudness(&heard).into_iter().filter(|&rms| rms > 0.02).count();
    assert!(loud > 10, "speech was heard in only {loud} tenths of a second");
}

#[tokio::test(flavor = "multi_thread")]
async fn mute_silences_and_is_shown_there() {
    let folder = tempfile::tempdir().unwrap();
    let heard = folder.path().join("heard.wav");
    let speech = folder.path().join("speech.wav");
    clips::speech(&speech, 10);
    let (microphone, speaker) = (format!("file:{}", speech.display()), format!("file:{}", heard.display()));
    let server = Server::start().await;
    let (mut ada, mut ben) = call(&server, &["--microphone", &microphone], &["--speaker", &speaker]).await;
    ben.until("Ada's microphone", |call| other(call)["microphoneOn"] == true).await;
    for _ in 0..3 {
        ben.seconds_until("a second of speech", |_| true).await;
    }
    ada.say("mute").await;
    ben.until("a muted icon", |call| other(call)["microphoneOn"] == false).await;
    for _ in 0..4 {
        ben.seconds_until("a second of silence", |_| true).await;
    }
    ben.leave().await;
    ada.leave().await;
    let loudness = clips::loudness(&heard);
    let last_second = &loudness[loudness.len() - 20..loudness.len() - 10];
    assert!(loudness.iter().any(|&rms| rms > 0.02), "speech was never heard: {loudness:?}");
    assert!(last_second.iter().all(|&rms| rms < 0.001), "something was heard while muted: {last_second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_camera_goes_off_and_on_and_is_switched_without_a_new_connection() {
    let server = Server::start().await;
    let (mut ada, mut ben) = call(&server, &[], &[]).await;
    let before = ben.counter().await;
    ada.say("camera off").await;
    ben.until("no camera", |call| !shows(other(call), "camera")).await;
    ada.say("camera on").await;
    ben.until("a camera", |call| shows(other(call), "camera")).await;
    let again = ben.seconds_until("pictures again", |one| one["receivedFps"].as_f64() > Some(5.0)).await;
    assert!(again["receivedHeight"].as_u64() > Some(0));

    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.y4m");
    clips::y4m(&clip, Resolution::new(320, 240), 60);
    ada.say(&format!("camera file:{}", clip.display())).await;
    ben.seconds_until("the other camera's shape", |one| one["receivedHeight"] == 240).await;
    assert!(connected(ben.call()), "the call went on from counter {before}");
    ben.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_camera_and_microphone_works_and_says_so() {
    let server = Server::start().await;
    let nothing = ["--camera", "none", "--microphone", "none"];
    let (mut ada, ben) = call(&server, &nothing, &[]).await;
    let first = ada.counter().await;
    ada.counter_after(first).await;
    ben.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_finds_nobody() {
    let server = Server::start().await;
    let mut ada = Participant::start("Ada", &server.url(), &[]);
    ada.code().await;
    let ben = Participant::start("Ben", &server.url(), &["0000-0000-00"]);
    let (code, said) = ben.end().await;
    assert_eq!(code, Some(3), "{said:?}");
    assert!(said.iter().any(|line| line.contains("no call with this code")), "{said:?}");
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_is_refused_politely_where_two_fit_and_the_two_do_not_notice() {
    let server = Server::start_with(&["--max-participants", "2"]).await;
    let (mut ada, ben) = call(&server, &[], &[]).await;
    let code = ada.call()["code"].as_str().unwrap().to_owned();
    let carl = Participant::start("Carl", &server.url(), &[&code]);
    let (exit, said) = carl.end().await;
    assert_eq!(exit, Some(3), "{said:?}");
    assert!(said.iter().any(|line| line.contains("full")), "{said:?}");
    let seen = ada.counter().await;
    ada.counter_after(seen).await;
    assert_eq!(ada.call()["participants"].as_array().unwrap().len(), 1);
    ben.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_dies_and_comes_back_in_mid_call() {
    let server = Server::start().await;
    let (mut ada, mut ben) = call(&server, &[], &[]).await;
    let down = server.crash().await;
    ada.until("word that the server is away", |call| call["serverConnected"] == false).await;
    let seen = ada.counter().await;
    ada.counter_after(seen).await;
    assert!(connected(ada.call()), "the call lives on without the server");
    let _server = down.start().await;
    ada.until("the server", |call| call["serverConnected"] == true).await;
    ben.until("the server", |call| call["serverConnected"] == true).await;
    let seen = ben.counter().await;
    ben.counter_after(seen).await;
    assert!(connected(ben.call()));
    ben.leave().await;
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_crashes_is_told_as_lost_and_can_come_back() {
    let server = Server::start().await;
    let (mut ada, ben) = call(&server, &[], &[]).await;
    let code = ada.call()["code"].as_str().unwrap().to_owned();
    let lost = other(ada.call())["id"].clone();
    assert!(lost.is_string());
    ben.crash().await;
    ada.until("reconnecting", |call| call["phase"] != "connected").await;
    // Under a new identity, while the old place still waits for the old one.
    let mut ben = Participant::start("Ben", &server.url(), &[&code]);
    ada.until("another Ben", |call| connected(call) && other(call)["id"] != lost).await;
    assert_eq!(ada.call()["participants"].as_array().unwrap().len(), 1, "the lost one is gone");
    let seen = ben.counter().await;
    ben.counter_after(seen).await;
    ben.leave().await;
    ada.leave().await;
}

/// A process that is stopped stands for a laptop that is closed.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_laptop_that_slept_until_it_was_given_up_is_back_in_the_call() {
    let server = Server::start_with(&["--idle-timeout", "10", "--grace", "2"]).await;
    let (mut ada, mut ben) = call(&server, &[], &[]).await;
    process::signal(ben.id(), "STOP");
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    process::signal(ben.id(), "CONT");
    ada.until("Ben again", connected).await;
    ben.until("Ada again", connected).await;
    for woken in [&mut ada, &mut ben] {
        let seen = woken.counter().await;
        woken.counter_after(seen).await;
    }
    ben.leave().await;
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    ada.leave().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_the_call_properly() {
    let server = Server::start().await;
    let (mut ada, ben) = call(&server, &[], &[]).await;
    process::signal(ben.id(), "INT");
    let (code, _) = ben.end().await;
    assert_eq!(code, Some(0));
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_is_reached_by_tls_and_one_that_is_not_trusted_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = Server::start_with(&[
        "--tls-cert",
        &certificate.to_string_lossy(),
        "--tls-key",
        &key.to_string_lossy(),
    ])
    .await;
    let url = server.url().replace("ws://127.0.0.1", "wss://localhost");
    let trusting = |name: &str, arguments: &[&str]| {
        let mut command = tokio::process::Command::new(process::binary("tincan"));
        command.env("SSL_CERT_FILE", &certificate);
        Participant::start_by(command, name, &url, arguments)
    };
    let mut ada = trusting("Ada", &[]);
    let code = ada.code().await;
    let (exit, said) = Participant::start("Eve", &url, &[&code]).end().await;
    assert_eq!(exit, Some(3), "{said:?}");
    let mut ben = trusting("Ben", &[&code]);
    ada.until("connection", connected).await;
    let seen = ben.counter().await;
    ben.counter_after(seen).await;
    ben.leave().await;
    ada.leave().await;
}
