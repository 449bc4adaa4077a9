//! Whole calls in which somebody shares a screen: it begins, is read letter by letter, changes, and ends.
#![cfg(target_os = "linux")]

use serde_json::{Value, json};
use tincan_media::video::{Rect, Stamp};
use tincan_tests::browser::{Browser, Clips};
use tincan_tests::film;
use tincan_tests::participant::{Participant, Second, others, shows};
use tincan_tests::process::{binary, computed};
use tincan_tests::room::Room;
use tincan_tests::server::Server;
use tincan_tests::window::Screen;
use tokio::process::Command;

/// The thread that encodes what is shared.
const ENCODER: &str = "tincan-screen";

/// Whether somebody is seen to share something.
fn shares(call: &Value, name: &str) -> bool {
    others(call).iter().any(|other| other["name"] == name && shows(other, "screen"))
}

/// How many letters of somebody's screen can be read, and how many there are.
fn letters(second: &Second<'_>, name: &str) -> Option<(u64, u64)> {
    let legible = second.screen_of(name)["legible"].as_array()?;
    Some((legible[0].as_u64()?, legible[1].as_u64()?))
}

/// All letters of what somebody shares can be read.
async fn reads(person: &mut Participant, name: &str) {
    let all = person.second("every letter of the page", |second| {
        letters(second, name).and_then(|(right, all)| (right == all).then_some(all))
    });
    assert!(all.await > 1_000, "a page has more letters");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_screen_is_read_to_the_last_letter_and_ends_when_it_is_stopped() {
    let server = Server::start().await;
    let mut room = Room::of(&server.url(), &["Ada", "Ben"]).await;
    room.all_meet().await;
    room.person("Ada").say("share test-text:still").await;
    let ben = room.person("Ben");
    ben.until("Ada's screen", |call| shares(call, "Ada")).await;
    reads(ben, "Ada").await;
    let size = ben.second("its size", |second| {
        let screen = second.screen_of("Ada");
        Some((screen["width"].as_u64()?, screen["height"].as_u64()?))
    });
    assert_eq!(size.await, (1_920, 1_080));
    // The camera goes on beside it, on a slow processor too small for its counter to be read.
    let shown = |second: &Second<'_>| second.pictures_of("Ada")["pictures"].as_u64();
    let before = ben.second("the camera's pictures", shown).await;
    ben.second("more of them", |second| shown(second).filter(|now| *now > before)).await;

    // What stands still costs nothing.
    let ada = room.person("Ada");
    for _ in 0..4 {
        ada.second("a second of standing still", |_| Some(())).await;
    }
    let before = computed(ada.id(), ENCODER);
    for _ in 0..4 {
        ada.second("another second", |_| Some(())).await;
    }
    let took = (computed(ada.id(), ENCODER) - before) / 4;
    assert!(took.as_millis() < 20, "a still screen takes {took:?} of a second");

    room.person("Ada").say("share test-text").await;
    room.person("Ben")
        .second("another page", |second| {
            // Its first page is the still one's.
            second.screen_of("Ada")["counter"].as_u64().filter(|counter| *counter > 0)
        })
        .await;
    room.person("Ada").say("stop sharing").await;
    room.person("Ben").until("Ada's face alone", |call| !shares(call, "Ada")).await;
    let counter = room.person("Ben").counter().await;
    room.person("Ben").another_counter(counter).await;
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_share_at_once_and_whoever_comes_later_sees_both() {
    let server = Server::start().await;
    let mut room = Room::of(&server.url(), &["Ada", "Ben"]).await;
    room.all_meet().await;
    for name in ["Ada", "Ben"] {
        room.person(name).say("share test-text:still").await;
    }
    reads(room.person("Ben"), "Ada").await;
    reads(room.person("Ada"), "Ben").await;
    room.join("Cyd");
    room.all_meet().await;
    for name in ["Ada", "Ben"] {
        reads(room.person("Cyd"), name).await;
    }
    let ada = room.take("Ada");
    ada.crash().await;
    room.person("Cyd").until("Ben's screen alone", |call| !shares(call, "Ada") && shares(call, "Ben")).await;
    reads(room.person("Cyd"), "Ben").await;
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_screen_is_shared_from_the_command_line_and_what_is_not_there_is_told() {
    let server = Server::start().await;
    let screen = Screen::of(800, 600).await;
    let mut command = Command::new(binary("tincan"));
    command.env("DISPLAY", screen.name()).env_remove("WAYLAND_DISPLAY");
    let mut ada = Participant::start_by(command, "Ada", &server.url(), &["--screen", "monitor"]);
    let code = ada.code().await;
    let mut ben = Participant::start("Ben", &server.url(), &[&code]);
    let size = ben.second("Ada's screen", |second| {
        let shown = second.screen_of("Ada");
        Some((shown["width"].as_u64()?, shown["height"].as_u64()?))
    });
    assert_eq!(size.await, (800, 600));
    ada.say("share window:0x7fffff").await;
    ada.notice("screen_not_found").await;
    ben.until("Ada without a screen", |call| !shares(call, "Ada")).await;
    ada.say("share monitor").await;
    ben.until("Ada's screen again", |call| shares(call, "Ada")).await;
    assert_eq!(ada.leave().await.0, Some(0));
    ben.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_whose_server_dies_is_shared_no_more_and_everybody_is_told() {
    let server = Server::start().await;
    let screen = Screen::of(800, 600).await;
    let mut command = Command::new(binary("tincan"));
    command.env("DISPLAY", screen.name()).env_remove("WAYLAND_DISPLAY");
    let mut ada = Participant::start_by(command, "Ada", &server.url(), &["--screen", "monitor"]);
    let code = ada.code().await;
    let mut ben = Participant::start("Ben", &server.url(), &[&code]);
    ben.until("Ada's screen", |call| shares(call, "Ada")).await;
    drop(screen);
    ada.notice("screen_lost").await;
    ben.until("Ada without a screen", |call| !shares(call, "Ada")).await;
    ada.leave().await;
    ben.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_shows_a_shared_screen_large_and_the_faces_beside_it() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    let mut room = Room::open(&server.url(), "Ada").await;
    let arguments = [room.code().to_owned(), "--record".into(), path.to_string_lossy().into_owned()];
    let arguments = arguments.each_ref().map(String::as_str);
    let mut ben = Participant::start("Ben", &server.url(), &room.devices().with(&arguments));
    ben.sees(&["Ada"]).await;
    let face = ben.counter().await;
    ben.another_counter(face).await;
    room.person("Ada").say("share test-text:still").await;
    reads(&mut ben, "Ada").await;
    room.person("Ada").say("stop sharing").await;
    ben.until("Ada's face alone", |call| !shares(call, "Ada")).await;
    for _ in 0..3 {
        let face = ben.counter().await;
        ben.another_counter(face).await;
    }
    let (code, said) = ben.leave().await;
    assert_eq!(code, Some(0));
    assert!(said.iter().any(|line| line.contains(r#""code":"recorded""#)), "{:?}", said.last());
    room.close().await;

    let at = |x: f32, y: f32, width: f32, height: f32| Rect { x, y, width, height };
    let (screen, faces) =
        (at(0.0, 74.0, 1_016.0, 572.0), [at(1_024.0, 212.0, 256.0, 144.0), at(1_024.0, 364.0, 256.0, 144.0)]);
    let pictures = film::pictures(&path, 4);
    let stamp = |luma: &Vec<u8>, place| Stamp::read_luma(luma, film::SIZE.0, place);
    let shared: Vec<bool> = pictures.iter().map(|luma| stamp(luma, screen).is_some()).collect();
    let (first, last) = (shared.iter().position(|on| *on), shared.iter().rposition(|on| *on));
    let (first, last) = (first.expect("the screen is in it"), last.expect("the screen is in it"));
    assert!(first > 2 && last + 2 < shared.len(), "faces, the screen, and faces: {shared:?}");
    for face in faces {
        let seen = pictures[first..=last].iter().filter(|luma| stamp(luma, face).is_some()).count();
        assert!(seen > 0, "the faces stand beside it");
    }
}

/// The page's newest picture of what the other shares.
fn shared_picture(second: &Value) -> Option<(u64, u64)> {
    let shared = &second["shared"];
    Some((shared["stamp"]["counter"].as_u64()?, shared["width"].as_u64()?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_sees_what_is_shared_and_shares_itself() {
    let (server, clips) = (Server::start().await, Clips::make());
    let mut ada = Participant::start("Ada", &server.url(), &[]);
    let code = ada.code().await;
    let mut guest = Browser::start(&clips).await;
    guest.join(&server.url(), Some(&code), json!({})).await;
    guest.until("Ada", |page| page["phase"] == "connected" && page["other"]["cameraOn"] == true).await;
    ada.say("share test-text with sound tone:440:660").await;
    guest.until("the word that she shares", |page| page["other"]["screenOn"] == true).await;
    let wide = |second: &Value| shared_picture(second).is_some_and(|(_, width)| width == 1_920);
    let second = guest.second_until("her screen", wide).await;
    let (first, _) = shared_picture(&second).unwrap();
    let heard =
        |second: &Value| second["statistics"]["inbound-rtp screen sound"]["audioLevel"].as_f64() > Some(0.05);
    guest.second_until("its sound", heard).await;
    guest
        .second_until("another page", |second| shared_picture(second).is_some_and(|(page, _)| page > first))
        .await;
    // Whoever came to a screen that stands still sees it, and a face beside it.
    ada.say("share test-text:still").await;
    guest
        .second_until("the still page", |second| shared_picture(second).is_some_and(|(page, _)| page == 0))
        .await;
    guest.second_until("her face", |second| second["stamp"].is_object()).await;

    guest.say(json!({ "command": "share", "on": true })).await;
    ada.until("the guest's screen", |call| shares(call, "Guest")).await;
    let pages = |second: &Second<'_>| second.screen_of("Guest")["counter"].as_u64();
    let first = ada.second("a page of the guest's", pages).await;
    ada.second("another one", |second| pages(second).filter(|page| *page > first)).await;

    ada.say("stop sharing").await;
    guest.until("the word that she shares nothing", |page| page["other"]["screenOn"] == false).await;
    guest.say(json!({ "command": "share", "on": false })).await;
    ada.until("the guest's face alone", |call| !shares(call, "Guest")).await;
    // The faces go on.
    let seen = ada.counter().await;
    ada.another_counter(seen).await;
    ada.leave().await;
    guest.close().await;
}
