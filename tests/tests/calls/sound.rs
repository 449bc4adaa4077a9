//! Calls through sound servers: what is spoken into one machine's microphone comes out of the other's speaker, whatever
//! happens to microphones, speakers and servers meanwhile.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;
use tincan_media::video::Resolution;
use tincan_tests::camera::Camera;
use tincan_tests::clips;
use tincan_tests::numbers::percentile;
use tincan_tests::participant::Participant;
use tincan_tests::server::Server;
use tincan_tests::sound::{Ear, Sound, ways};
use tincan_tests::window::{Screen, Window};
use tokio::io::AsyncReadExt;
use tokio::process::Child;

/// Ada and Ben, each with a machine of their own; pictures would only warm this one.
async fn call(server: &Server, adas: &Sound, bens: &Sound) -> (Participant, Participant) {
    call_with(server, adas, bens, &[]).await
}

/// With more words for Ben's command line.
async fn call_with(server: &Server, adas: &Sound, bens: &Sound, more: &[&str]) -> (Participant, Participant) {
    let devices = ["--camera", "none", "--microphone", "default", "--speaker", "default"];
    let mut ada = Participant::start_by(adas.tincan(), "Ada", &server.url(), &devices);
    let code = ada.code().await;
    let mut arguments = vec![code.as_str()];
    arguments.extend(devices);
    arguments.extend(more);
    let mut ben = Participant::start_by(bens.tincan(), "Ben", &server.url(), &arguments);
    for one in [&mut ada, &mut ben] {
        one.until("connection", |call| call["phase"] == "connected").await;
        one.preview_until("microphone and speaker", |preview| {
            works(preview, "microphone", "Microphone") && works(preview, "speaker", "Speaker")
        })
        .await;
    }
    (ada, ben)
}

fn works(preview: &Value, what: &str, device: &str) -> bool {
    preview[what]["working"] == true
        && preview[what]["device"] == device
        && preview[what]["problem"].is_null()
}

/// A call in which Ben hears what Ada says over and over. Dropped from the top: programs before their machines.
struct Talk {
    ada: Participant,
    ben: Participant,
    _speaking: Child,
    adas: Sound,
    bens: Sound,
    _server: Server,
    said: PathBuf,
    _folder: TempDir,
}

impl Talk {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said.wav");
        clips::speech(&said, 120);
        let server = Server::start().await;
        let (adas, bens) = (Sound::start().await, Sound::start().await);
        let (ada, ben) = call(&server, &adas, &bens).await;
        let speaking = adas.speak(&said);
        bens.listen("speaker").until_heard().await;
        Self { ada, ben, _speaking: speaking, adas, bens, _server: server, said, _folder: folder }
    }

    async fn end(self) {
        end(self.ada, self.ben).await;
    }
}

async fn end(ada: Participant, ben: Participant) {
    assert_eq!(ben.leave().await.0, Some(0));
    assert_eq!(ada.leave().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_into_one_microphone_is_heard_from_the_others_speaker() {
    let folder = tempfile::tempdir().unwrap();
    let (said, heard) = (folder.path().join("said.wav"), folder.path().join("heard.wav"));
    clips::speech(&said, 20);
    let server = Server::start().await;
    let (adas, bens) = (Sound::start().await, Sound::start().await);
    let (ada, ben) = call(&server, &adas, &bens).await;
    for (mouth, far) in [(&adas, &bens), (&bens, &adas)] {
        let _speaking = mouth.speak(&said);
        let mut ear = far.listen("speaker");
        ear.until_heard().await;
        // The gain finds its level first.
        ear.hear(1.0).await;
        let sound = ear.hear(5.0).await;
        sound.save(&heard);
        let (likeness, loudness) = (clips::likeness(&said, &heard), sound.loudness());
        println!("likeness {likeness:.3}, loudness {loudness:.3}");
        assert!(likeness > 0.8, "what was heard has a likeness of {likeness} with what was said");
    }
    end(ada, ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_speaker_that_vanishes_is_told_and_its_return_heard() {
    let mut talk = Talk::begin().await;
    talk.bens.unplug_speaker().await;
    talk.ben.notice("device_lost").await;
    // The call goes on with what there is.
    talk.ben.preview_until("another speaker", |preview| works(preview, "speaker", "Voice")).await;
    talk.bens.listen("voice").until_heard().await;
    talk.bens.plug_in_speaker("speaker", "Speaker").await;
    talk.ben.preview_until("the speaker", |preview| works(preview, "speaker", "Speaker")).await;
    talk.bens.listen("speaker").until_heard().await;
    talk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_microphone_that_vanishes_is_told_and_its_return_heard() {
    let mut talk = Talk::begin().await;
    talk.adas.unplug_microphone().await;
    talk.ada.notice("device_lost").await;
    talk.adas.plug_in_microphone().await;
    talk.ada.preview_until("the microphone", |preview| works(preview, "microphone", "Microphone")).await;
    talk.bens.listen("speaker").until_heard().await;
    talk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_follows_the_systems_default_to_another_speaker() {
    let mut talk = Talk::begin().await;
    talk.bens.plug_in_speaker("headset", "Headset").await;
    talk.ben.preview_until("the headset", |preview| works(preview, "speaker", "Headset")).await;
    talk.bens.listen("headset").until_heard().await;
    let left = talk.bens.listen("speaker").hear(1.0).await.loudness();
    assert!(left < 0.001, "the first speaker still plays, {left}");
    talk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_devices_that_are_not_there_are_replaced_until_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said.wav");
    clips::speech(&said, 120);
    let server = Server::start().await;
    let (adas, bens) = (Sound::start().await, Sound::start().await);
    let headset = "device:pulseaudio:headset";
    let mut ada = Participant::start_by(
        adas.tincan(),
        "Ada",
        &server.url(),
        &["--camera", "none", "--microphone", headset, "--speaker", "none"],
    );
    let code = ada.code().await;
    let mut ben = Participant::start_by(
        bens.tincan(),
        "Ben",
        &server.url(),
        &[&code, "--camera", "none", "--microphone", "none", "--speaker", headset],
    );
    let in_place = |preview: &Value, what: &str, used: &str| {
        let problem = preview[what]["problem"]["message"].as_str().unwrap_or("");
        preview[what]["working"] == true && problem.ends_with(&format!("Until then {used} is used."))
    };
    ada.preview_until("another microphone", |preview| in_place(preview, "microphone", "Microphone")).await;
    ben.preview_until("another speaker", |preview| in_place(preview, "speaker", "Speaker")).await;
    let _speaking = adas.speak(&said);
    bens.listen("speaker").until_heard().await;

    // The chosen one, whatever the system prefers.
    bens.add_speaker("headset", "Headset").await;
    ben.preview_until("the headset", |preview| works(preview, "speaker", "Headset")).await;
    bens.listen("headset").until_heard().await;
    bens.unload("sink_name=headset").await;
    ben.notice("device_lost").await;
    ben.preview_until("another speaker again", |preview| in_place(preview, "speaker", "Speaker")).await;
    bens.listen("speaker").until_heard().await;
    end(ada, ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_server_dies_and_comes_back_in_mid_call() {
    let mut talk = Talk::begin().await;
    talk.bens.die().await;
    talk.ben.notice("device_lost").await;
    talk.ben
        .preview_until("what is missing", |preview| {
            ["microphone", "speaker"].iter().all(|what| preview[what]["problem"].is_object())
        })
        .await;
    assert_eq!(talk.ben.call()["phase"], "connected");
    talk.bens.come_back().await;
    talk.ben
        .preview_until("microphone and speaker", |preview| {
            works(preview, "microphone", "Microphone") && works(preview, "speaker", "Speaker")
        })
        .await;
    talk.bens.listen("speaker").until_heard().await;
    let _answering = talk.bens.speak(&talk.said);
    talk.adas.listen("speaker").until_heard().await;
    talk.end().await;
}

/// How loud somebody hears herself when the other's speaker plays into the other's microphone.
async fn echo_of(ear: &mut Ear) -> f32 {
    // The canceller learns the room first; then whole sentences.
    ear.hear(6.0).await;
    ear.hear(6.0).await.loudness()
}

#[ignore = "takes minutes: cargo xtask test --all"]
#[tokio::test(flavor = "multi_thread")]
async fn the_echo_of_the_speaker_is_removed_from_the_microphone() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said.wav");
    clips::speech(&said, 60);
    let server = Server::start().await;
    let mut levels = Vec::new();
    for arguments in [&["--no-echo-cancellation"][..], &[]] {
        let (adas, bens) = (Sound::start().await, Sound::start().await);
        bens.play_speaker_into_microphone().await;
        let (ada, ben) = call_with(&server, &adas, &bens, arguments).await;
        let _speaking = adas.speak(&said);
        bens.listen("speaker").until_heard().await;
        levels.push(echo_of(&mut adas.listen("speaker")).await);
        end(ada, ben).await;
    }
    // What cannot be heard at all is as good as 100 dB.
    let removed = 20.0 * (levels[0] / levels[1].max(levels[0] / 100_000.0)).log10();
    println!("echo: {:.4} without, {:.6} with cancellation: {removed:.1} dB removed", levels[0], levels[1]);
    assert!(levels[0] > 0.01, "without cancellation there is an echo to remove: {}", levels[0]);
    assert!(removed >= 25.0, "only {removed:.1} dB of the echo were removed");
}

/// A lamp flashes before Ada's camera and a buzz is played to her microphone, each once a second. Ben's screen is looked
/// at and his speaker listened to: what is between the two is what a person would notice.
#[ignore = "takes minutes: cargo xtask test --all"]
#[tokio::test(flavor = "multi_thread")]
async fn lips_move_with_the_voice() {
    const SECONDS: u32 = 24;
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said.wav");
    clips::bursts(&said, SECONDS + 60);
    let (camera, mut lamp) = Camera::of_flashes(Resolution::new(640, 360));
    let server = Server::start().await;
    let url = server.url();
    let (adas, bens, screen) = (Sound::start().await, Sound::start().await, Screen::start().await);
    let sound = ["--microphone", "default", "--speaker", "default"];

    let mut command = adas.tincan();
    camera.plug_into(&mut command);
    let with_camera = [&sound[..], &["--camera", "default"]].concat();
    let mut ada = Participant::start_by(command, "Ada", &url, &with_camera);
    let code = ada.code().await;
    let without = [&sound[..], &["--camera", "none", "--server", &url, "--name", "Ben"]].concat();
    let ben = Window::open(&screen, bens.home(), &without).await;
    ben.join(&code).await;
    ben.shows("remote-tile").await;

    let (mut near, mut far) = (adas.listen("voice"), bens.listen("speaker"));
    let _speaking = adas.speak(&said);
    far.until_heard().await;
    near.until_heard().await;
    // Buffers settle, and the size of the pictures.
    tokio::join!(near.hear(6.0), far.hear(6.0));
    let seconds = SECONDS as f32;
    let flashed = async {
        let mut flashed = Vec::new();
        // What waits in the pipe flashed before.
        while lamp.try_read(&mut [0; 64]).is_ok() {}
        for _ in 1..SECONDS {
            lamp.read_u8().await.unwrap();
            flashed.push(Instant::now());
        }
        flashed
    };
    let (near, far, flashed, seen) =
        tokio::join!(near.hear(seconds), far.hear(seconds), flashed, screen.flashes(seconds));
    let (voice, lips) = (ways(&near.onsets(), &far.onsets()), ways(&flashed, &seen));
    // Delays change in a call: each flash is compared with the buzz next to it.
    let late: Vec<f64> = lips
        .iter()
        .filter_map(|(at, lips)| {
            let distance = |buzz: &&(Instant, f64)| buzz.0.max(*at) - buzz.0.min(*at);
            voice.iter().min_by_key(distance).map(|(_, voice)| lips - voice)
        })
        .collect();
    let enough = SECONDS as usize * 2 / 3;
    assert!(
        voice.len() > enough && late.len() > enough,
        "{} buzzes, {} flashes came",
        voice.len(),
        lips.len()
    );
    let middle = |ways: &[(Instant, f64)]| percentile(ways.iter().map(|way| way.1).collect(), 0.5);
    let median = percentile(late.clone(), 0.5);
    println!(
        "microphone to speaker {:.0} ms, camera to screen {:.0} ms: pictures are {median:+.0} ms late (p5 {:+.0}, p95 \
         {:+.0})",
        middle(&voice),
        middle(&lips),
        percentile(late.clone(), 0.05),
        percentile(late, 0.95),
    );
    assert!(median.abs() <= 40.0, "pictures are {median:+.0} ms late");
    ben.press("leave").await;
    ben.close().await;
    assert_eq!(ada.leave().await.0, Some(0));
}
