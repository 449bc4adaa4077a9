//! From one side's microphone to the other's speaker, each a sound server's: what a person waits for an answer.

use tincan_tests::browser::node;
use tincan_tests::clips;
use tincan_tests::participant::Participant;
use tincan_tests::process::{PATIENCE, Process};
use tincan_tests::server::Server;
use tincan_tests::sound::{Sound, ways};

/// Gain and buffers find their places.
const SETTLING: f32 = 8.0;

/// How long each of so many bursts took between two Tincan, in milliseconds.
pub(crate) async fn ours(bursts: u32) -> Vec<f64> {
    let server = Server::start().await;
    let (a, b) = (Sound::start().await, Sound::start().await);
    let devices = ["--camera", "none", "--microphone", "default", "--speaker", "default"];
    let mut ada = Participant::start_by(a.tincan(), "Ada", &server.url(), &devices);
    let code = ada.code().await;
    let mut ben =
        Participant::start_by(b.tincan(), "Ben", &server.url(), &[&[code.as_str()], &devices[..]].concat());
    ben.until("connection", |call| call["phase"] == "connected").await;
    let found = measure(&a, &b, bursts).await;
    ben.leave().await;
    ada.leave().await;
    found
}

/// The same between two Chromium, whose sound is processed too.
pub(crate) async fn theirs(bursts: u32) -> Vec<f64> {
    let (a, b) = (Sound::start().await, Sound::start().await);
    let mut command = node("sound.js");
    command.args([a.address(), b.address()]);
    let mut process = Process::start("sound.js", command);
    let connected = |line: &str| line.contains(r#""connected":true"#).then_some(());
    process.wait_for_within(PATIENCE, "two browsers that hear each other", connected).await;
    let found = measure(&a, &b, bursts).await;
    process.end().await;
    found
}

async fn measure(a: &Sound, b: &Sound, bursts: u32) -> Vec<f64> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let said = folder.path().join("said.wav");
    clips::bursts(&said, bursts + SETTLING as u32 + 30);
    let _speaking = a.speak(&said);
    let (mut near, mut far) = (a.listen("voice"), b.listen("speaker"));
    far.until_heard().await;
    tokio::join!(near.hear(SETTLING), far.hear(SETTLING));
    let (near, far) = tokio::join!(near.hear(bursts as f32), far.hear(bursts as f32));
    ways(&near.onsets(), &far.onsets()).into_iter().map(|(_, way)| way).collect()
}
