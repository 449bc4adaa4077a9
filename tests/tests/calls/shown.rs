//! What is not on a screen costs nothing: it is neither encoded nor sent. What is small there is sent small, and both come back
//! when somebody looks again.
#![cfg(target_os = "linux")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tincan_media::video::Resolution;
use tincan_tests::participant::{Participant, Second};
use tincan_tests::process::computed;
use tincan_tests::room::{Room, SmallDevices};
use tincan_tests::server::Server;

/// Two layers: 180 and 360 lines.
const PICTURE: Resolution = Resolution::new(640, 360);
const FRAME_RATE: u32 = 15;
/// The sound of one, with everything around it; pictures of 180 lines take more than twice as much besides.
const SOUND_KBPS: f64 = 90.0;
/// The thread that encodes.
const ENCODER: &str = "tincan-encoder";
/// Who was hidden for so many seconds has no encoder any more.
const HIDDEN_SECONDS: u32 = 8;
/// Within this the picture of somebody who is shown again is there.
const BACK: Duration = Duration::from_secs(1);

/// Ada, and Ben and Cyd who say how large they show whom; the last two tell when each picture came.
async fn room(server: &Server) -> Room {
    let (devices, url) = (SmallDevices::of(PICTURE, FRAME_RATE), server.url());
    let ada = Participant::start("Ada", &url, &devices.with(&[]));
    let mut room = Room::around(devices, &url, "Ada", ada).await;
    for name in ["Ben", "Cyd"] {
        let arguments = room.devices().with(&[room.code(), "--every-stamp"]);
        let newcomer = Participant::start(name, &url, &arguments);
        room.enter(name, newcomer);
    }
    room.all_meet().await;
    room
}

/// Whether pictures of so many lines are sent to somebody.
fn sends<'a>(name: &'a str, lines: u64) -> impl Fn(&Second<'_>) -> Option<()> + 'a {
    move |second| (second.of(name)["sentHeight"] == lines).then_some(())
}

/// Whether there is nothing but sound for both.
fn only_sound(second: &Second<'_>) -> bool {
    ["Ben", "Cyd"].iter().all(|name| {
        let sent = second.of(name);
        sent["sentHeight"] == 0 && sent["sentFps"] == 0.0 && sent["sentKbps"].as_f64() < Some(SOUND_KBPS)
    })
}

/// How long after somebody asked for pictures again the first of Ada's came.
async fn comes_back(person: &mut Participant) -> Duration {
    person.catch_up();
    let asked = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    person.say("show any").await;
    let came = person.second("a picture of Ada", |second| {
        let seen = second.pictures_of("Ada")["seen"].as_array()?;
        let times = seen.iter().filter_map(|one| Some(Duration::from_micros(one[1].as_u64()?)));
        times.filter(|came| *came > asked).min()
    });
    came.await - asked
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_shows_is_neither_encoded_nor_sent_and_comes_back_at_once() {
    let server = Server::start().await;
    let mut room = room(&server).await;
    for name in ["Ben", "Cyd"] {
        room.person("Ada").second("pictures for both", sends(name, 360)).await;
    }
    let encoder = computed(room.person("Ada").id(), ENCODER);
    for _ in 0..4 {
        room.person("Ada").second("a second of work", |_| Some(())).await;
    }
    let working = (computed(room.person("Ada").id(), ENCODER) - encoder) / 4;
    let frozen = |second: &Second<'_>| second.of("Ada")["frozenSeconds"].as_f64();
    let frozen_before = room.person("Ben").second("a second with Ada", frozen).await;

    for name in ["Ben", "Cyd"] {
        room.person(name).say("show 0").await;
    }
    let ada = room.person("Ada");
    ada.second("a second of sound alone", |second| only_sound(second).then_some(())).await;
    let encoder = computed(ada.id(), ENCODER);
    for _ in 0..HIDDEN_SECONDS {
        let quiet = ada.second("another second", |second| Some(only_sound(second))).await;
        assert!(quiet, "pictures are sent that nobody shows");
    }
    let idle = (computed(ada.id(), ENCODER) - encoder) / HIDDEN_SECONDS;
    assert!(idle < working / 10, "the encoder computes for {idle:?} a second, and {working:?} with pictures");
    room.person("Ben").hears("Ada").await;

    for name in ["Ben", "Cyd"] {
        let took = comes_back(room.person(name)).await;
        println!("{name} saw Ada {took:?} after asking for pictures again");
        assert!(took < BACK, "{name} waited {took:?}");
    }
    // With an encoder that still runs.
    for name in ["Ben", "Cyd"] {
        room.person(name).say("show 0").await;
    }
    room.person("Ada").second("a second of sound alone", |second| only_sound(second).then_some(())).await;
    for name in ["Ben", "Cyd"] {
        let took = comes_back(room.person(name)).await;
        assert!(took < BACK, "{name} waited {took:?}");
    }

    // A pause that nobody gave a reason for counts as a freeze after five seconds.
    for _ in 0..7 {
        room.person("Ben").second("a second with Ada", |_| Some(())).await;
    }
    let frozen = room.person("Ben").second("a second with Ada", frozen).await - frozen_before;
    assert!(frozen < f64::from(HIDDEN_SECONDS) / 2.0, "being hidden counts as {frozen} s of freezes");
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_gets_the_size_that_they_show_and_a_recording_gets_pictures_of_everybody_that_nobody_shows() {
    let server = Server::start().await;
    let mut room = room(&server).await;
    room.person("Ben").say("show 180").await;
    room.person("Ada").second("a large picture for Cyd", sends("Cyd", 360)).await;
    room.person("Ada").second("a small picture for Ben", sends("Ben", 180)).await;
    let small = |second: &Second<'_>| (second.of("Ada")["receivedHeight"] == 180).then_some(());
    room.person("Ben").second("a small picture of Ada", small).await;
    room.person("Ada").second("a large picture for Cyd", sends("Cyd", 360)).await;

    // One of several.
    room.person("Ben").say("show 0 Ada").await;
    room.person("Ada").second("no picture for Ben", sends("Ben", 0)).await;
    room.person("Cyd").second("a small picture for Ben", sends("Ben", 180)).await;
    room.person("Ada").second("a large picture for Cyd", sends("Cyd", 360)).await;
    room.person("Ben").say("show any Ada").await;
    room.person("Ada").second("a large picture for Ben", sends("Ben", 360)).await;

    let film = tempfile::tempdir().unwrap();
    let path = film.path().join("film.mp4");
    let arguments = ["--show-lines", "0", "--record", path.to_str().unwrap(), room.code()];
    let mut dan = Participant::start("Dan", &server.url(), &room.devices().with(&arguments));
    let pictures = |second: &Second<'_>| {
        ["Ada", "Ben", "Cyd"]
            .into_iter()
            .filter(|name| second.of(name)["receivedFps"].as_f64() > Some(0.0))
            .count()
    };
    dan.second("pictures of everybody", |second| (pictures(second) == 3).then_some(())).await;
    for name in ["Ada", "Ben", "Cyd"] {
        dan.hears(name).await;
    }
    dan.say("stop recording").await;
    dan.second("no pictures for nobody", |second| (pictures(second) == 0).then_some(())).await;
    dan.leave().await;
    room.close().await;
}
