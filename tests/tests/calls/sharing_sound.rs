//! Calls in which somebody shares sound with their screen: it is heard in stereo beside the voices, it is other programs' and
//! never the voices', and it comes back after the sound server was gone.
#![cfg(target_os = "linux")]

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use tincan_tests::participant::{Participant, others, shows};
use tincan_tests::server::Server;
use tincan_tests::sound::Sound;
use tincan_tests::stereo::{self, Recording, amount};

/// What is said all the time. (The usual microphone's tone is what is shared at the left.)
const VOICE: f32 = 1_000.0;

/// Whether somebody is told to share sound.
fn shares_sound(call: &Value, name: &str) -> bool {
    others(call).iter().any(|other| other["name"] == name && other["sharesSound"] == true)
}

fn shares(call: &Value, name: &str) -> bool {
    others(call).iter().any(|other| other["name"] == name && shows(other, "screen"))
}

/// Somebody who says it.
fn voice(folder: &TempDir) -> String {
    let said = folder.path().join("said.wav");
    stereo::syllables(&said, VOICE, 4);
    format!("file:{}", said.display())
}

/// What somebody hears.
fn recording(folder: &TempDir) -> Recording {
    Recording::of(folder.path().join("heard.wav"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_with_sound_is_heard_in_stereo_beside_the_voices() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start().await);
    let heard = recording(&folder);
    let said = voice(&folder);
    let mut options = vec!["--camera", "none", "--microphone", &said];
    options.extend(["--screen", "test-text", "--smooth", "--screen-sound", "tone:440:660"]);
    let mut ada = Participant::start("Ada", &server.url(), &options);
    let code = ada.code().await;
    let speaker = heard.selector();
    let mut ben =
        Participant::start("Ben", &server.url(), &[&code, "--camera", "none", "--speaker", &speaker]);
    ben.until("Ada's screen with sound", |call| shares(call, "Ada") && shares_sound(call, "Ada")).await;
    heard
        .until("each tone at its side, and the voice at both", |piece| {
            piece.only_at(0, 440.0) && piece.only_at(1, 660.0) && piece.at_both(VOICE)
        })
        .await;
    // How much of it was made up says how busy this machine is.
    let counted = |one: &Value| {
        one["screen"]["soundBufferMs"].as_f64() > Some(0.0) && one["screen"]["soundConcealed"].is_number()
    };
    ben.seconds_until("the sound counted", counted).await;

    // Another share without sound, and with it again.
    ada.say("share test-text").await;
    ben.until("a screen without sound", |call| shares(call, "Ada") && !shares_sound(call, "Ada")).await;
    heard.until("the voice alone", |piece| piece.without(440.0) && piece.at_both(VOICE)).await;
    ada.say("share test-text with sound tone:660:440").await;
    heard.until("the tones the other way round", |piece| piece.only_at(1, 440.0)).await;
    ada.say("stop sharing").await;
    ben.until("nothing shared", |call| !shares(call, "Ada") && !shares_sound(call, "Ada")).await;
    heard.until("the voice alone again", |piece| piece.without(440.0) && piece.at_both(VOICE)).await;
    ben.leave().await;
    ada.leave().await;
}

/// Ada shares her machine's sound with Ben, who talks all the time; and a film that she has.
struct Evening {
    ada: Participant,
    ben: Participant,
    heard: Recording,
    film: PathBuf,
    _folder: TempDir,
    _server: Server,
}

impl Evening {
    async fn begin(adas: &Sound) -> Self {
        let (folder, server) = (tempfile::tempdir().unwrap(), Server::start().await);
        let (film, heard) = (folder.path().join("film.wav"), recording(&folder));
        stereo::tones(&film, 440.0, 660.0, 60);
        let options = [
            ["--camera", "none", "--microphone", "none", "--speaker", "default"].as_slice(),
            &["--screen", "test-text:still", "--screen-sound", "system"],
        ];
        let mut ada = Participant::start_by(adas.tincan(), "Ada", &server.url(), &options.concat());
        let code = ada.code().await;
        let (speaker, said) = (heard.selector(), voice(&folder));
        let options = [&code, "--camera", "none", "--microphone", &said, "--speaker", &speaker];
        let mut ben = Participant::start("Ben", &server.url(), &options);
        ben.until("Ada's screen with sound", |call| shares_sound(call, "Ada")).await;
        Self { ada, ben, heard, film, _folder: folder, _server: server }
    }

    /// Another program plays the film, and Ben hears it and not himself, whom Ada hears.
    async fn film_is_heard(&self, adas: &Sound) {
        let playing = adas.play(&self.film);
        self.heard
            .until("the film in stereo, without Ben's own voice", |piece| {
                piece.only_at(0, 440.0) && piece.only_at(1, 660.0) && piece.without(VOICE)
            })
            .await;
        let there = adas.listen("speaker").hear(1.0).await.samples;
        assert!(amount(&there, VOICE) > 0.02, "Ada hears Ben: {}", amount(&there, VOICE));
        assert!(amount(&there, 440.0) > 0.02, "and her film: {}", amount(&there, 440.0));
        drop(playing);
        self.heard.until("nothing once the film is over", |piece| piece.without(440.0)).await;
    }

    async fn end(self) {
        self.ben.leave().await;
        self.ada.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_programs_play_is_shared_without_the_others_voices_and_comes_back_with_the_server() {
    let mut adas = Sound::start().await;
    let mut evening = Evening::begin(&adas).await;
    evening.film_is_heard(&adas).await;
    adas.die().await;
    evening.ada.notice("shared_sound_lost").await;
    let without = |call: &Value| shares(call, "Ada") && !shares_sound(call, "Ada");
    evening.ben.until("the screen alone", without).await;
    adas.come_back().await;
    evening.ben.until("sound again", |call| shares_sound(call, "Ada")).await;
    let playing = adas.play(&evening.film);
    evening.heard.until("the film again", |piece| piece.only_at(0, 440.0) && piece.without(VOICE)).await;
    drop(playing);
    evening.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_pipewire_too_only_other_programs_are_shared() {
    let adas = Sound::start_on_pipewire().await;
    let evening = Evening::begin(&adas).await;
    evening.film_is_heard(&adas).await;
    evening.end().await;
}
