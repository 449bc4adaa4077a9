//! Calls with a camera behind V4L2, in everything that cameras do: a picture or a sentence comes, never a hang.
#![cfg(target_os = "linux")]
// A test that cannot go on has failed, in its helpers too.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use tincan_media::video::Resolution;
use tincan_tests::camera::{Camera, Packing, State};
use tincan_tests::participant::{Participant, other};
use tincan_tests::server::Server;

/// Ada with `camera`, and Ben, who looks at her.
async fn call(server: &Server, camera: &Camera) -> (Participant, Participant) {
    let mut ada = alone(server, camera);
    let code = ada.code().await;
    let mut ben = Participant::start("Ben", &server.url(), &[&code, "--camera", "none"]);
    ben.until("connection", |call| call["phase"] == "connected").await;
    (ada, ben)
}

fn alone(server: &Server, camera: &Camera) -> Participant {
    Participant::start_by(camera.tincan(), "Ada", &server.url(), &["--camera", "default"])
}

async fn end(ada: Participant, ben: Participant) {
    assert_eq!(ben.leave().await.0, Some(0));
    assert_eq!(ada.leave().await.0, Some(0));
}

fn problem(preview: &Value) -> &str {
    preview["camera"]["problem"].as_str().unwrap_or("")
}

fn works(preview: &Value) -> bool {
    preview["camera"]["working"] == true && preview["camera"]["problem"].is_null()
}

async fn comes_at_30_a_second(packing: Packing) {
    let server = Server::start().await;
    let camera = Camera::new(&[(packing, Resolution::HD)]);
    let (mut ada, mut ben) = call(&server, &camera).await;
    let picture = ben.picture_until("720p", |one| one["height"] == 720 && one["counter"].is_u64()).await;
    assert_eq!(picture["width"], 1280);
    // Whole seconds in a row, of which one may be the busy machine's and not the camera's.
    let before = ben.picture_until("a first second", |one| one["counter"].is_u64()).await;
    for _ in 0..5 {
        ben.seconds_until("another second", |_| true).await;
    }
    let after = ben.picture_until("a last second", |one| one["counter"].is_u64()).await;
    let seen = after["pictures"].as_u64().unwrap() - before["pictures"].as_u64().unwrap();
    println!("{packing:?}: {:.1} pictures a second arrive", seen as f64 / 6.0);
    assert!((165..=190).contains(&seen), "{seen} pictures in six seconds");
    ada.preview_until("the camera's name", |preview| preview["camera"]["device"] == "Test camera").await;
    end(ada, ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uncompressed_720p_arrives_at_30_a_second() {
    comes_at_30_a_second(Packing::Yuyv).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn motion_jpeg_720p_arrives_at_30_a_second() {
    comes_at_30_a_second(Packing::Mjpeg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unplugged_and_plugged_in_again_the_camera_comes_back_into_the_call() {
    let server = Server::start().await;
    let camera = Camera::new(&[(Packing::Yuyv, Resolution::new(640, 360))]);
    let (mut ada, mut ben) = call(&server, &camera).await;
    ben.counter().await;
    for _ in 0..2 {
        camera.set(State::Unplugged);
        ada.notice("device_lost").await;
        ada.preview_until("a problem", |preview| problem(preview).starts_with("Test camera")).await;
        camera.set(State::Plugged);
        ada.preview_until("the camera again", works).await;
        let seen = ben.counter().await;
        ben.another_counter(seen).await;
    }
    end(ada, ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_cannot_be_opened_gives_its_reason_and_comes_when_it_can() {
    let server = Server::start().await;
    let camera = Camera::new(&[(Packing::Yuyv, Resolution::new(640, 360))]);
    for (state, sentence) in [
        (
            State::Busy,
            "Test camera is in use by another program. Close that program, or choose another device.",
        ),
        (State::Denied, "This computer does not let Tincan use"),
        (State::Unplugged, "A camera was not found. Plug it in, or choose another one."),
    ] {
        camera.set(state);
        let mut ada = alone(&server, &camera);
        ada.preview_until("a reason", |preview| problem(preview).starts_with(sentence)).await;
        camera.set(State::Plugged);
        ada.preview_until("the camera", works).await;
        assert_eq!(ada.leave().await.0, Some(0), "{state:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_with_only_unusual_sizes_gives_a_picture() {
    let server = Server::start().await;
    let odd = Camera::new(&[(Packing::Yuyv, Resolution::new(1283, 717))]);
    let (ada, mut ben) = call(&server, &odd).await;
    // The first pictures are smaller.
    ben.picture_until("a whole picture with a counter", |one| {
        one["counter"].is_u64() && one["width"] == 1282 && one["height"] == 716
    })
    .await;
    end(ada, ben).await;

    // Old telephones' and large photographs' sizes: the large one comes nearest, and is scaled down.
    let (small, large) = (Resolution::new(352, 288), Resolution::new(1600, 1200));
    let two = Camera::new(&[(Packing::Yuyv, small), (Packing::Mjpeg, large)]);
    let (ada, mut ben) = call(&server, &two).await;
    ben.picture_until("a picture of four to three", |one| {
        let (width, height) = (one["width"].as_f64().unwrap(), one["height"].as_f64().unwrap());
        one["counter"].is_u64() && height <= 1200.0 && (width / height - 4.0 / 3.0).abs() < 0.01
    })
    .await;
    end(ada, ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_falls_silent_is_told_and_started_anew() {
    let server = Server::start().await;
    let camera = Camera::new(&[(Packing::Yuyv, Resolution::new(640, 360))]);
    let (mut ada, mut ben) = call(&server, &camera).await;
    ben.counter().await;
    camera.set(State::Silent);
    ada.preview_until("word of silence", |preview| problem(preview).starts_with("Test camera sends nothing"))
        .await;
    camera.set(State::Plugged);
    ada.preview_until("the camera again", works).await;
    let seen = ben.counter().await;
    ben.another_counter(seen).await;
    assert_eq!(other(ben.call())["name"], "Ada");
    end(ada, ben).await;
}
