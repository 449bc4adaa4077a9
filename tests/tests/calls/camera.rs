//! Calls with a camera behind V4L2, in everything that cameras do: a picture or a sentence comes, never a hang.
#![cfg(target_os = "linux")]

use serde_json::{Value, json};
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
    preview["camera"]["problem"]["message"].as_str().unwrap_or("")
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
async fn every_packing_gives_the_picture_that_was_taken() {
    for (packing, most) in [
        (Packing::Yuyv, 0.01),
        (Packing::Uyvy, 0.01),
        (Packing::Planes, 0.01),
        (Packing::Buffers, 0.01),
        (Packing::Mjpeg, 4.0),
    ] {
        let size = Resolution::new(426, 240);
        for picture in Camera::new(&[(packing, size)]).looked_at(5).await {
            assert_eq!((&picture["width"], &picture["height"]), (&json!(426), &json!(240)), "{packing:?}");
            let difference = picture["difference"].as_f64();
            assert!(difference.is_some_and(|difference| difference <= most), "{packing:?}: {picture}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_pictures_are_left_out_and_those_without_tables_are_not() {
    let camera = Camera::new(&[(Packing::TornMjpeg, Resolution::new(640, 360))]);
    for picture in camera.looked_at(15).await {
        assert!(picture["counter"].as_u64().is_some_and(|counter| counter % 3 != 2), "{picture}");
        assert!(picture["difference"].as_f64().is_some_and(|difference| difference < 4.0), "{picture}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_has_the_time_at_which_it_was_taken() {
    let late = 200;
    let camera = Camera::new(&[(Packing::Yuyv, Resolution::new(320, 180))]).with_late_pictures(late);
    let pictures = camera.looked_at(10).await;
    for picture in &pictures {
        // However busy the machine is, it makes them older only.
        assert!(picture["ageMs"].as_u64().is_some_and(|age| (late..late + 700).contains(&age)), "{picture}");
    }
    // The driver's clock is even, whenever the pictures were read.
    for pair in pictures.windows(2) {
        let micros = |picture: &Value| picture["micros"].as_i64().unwrap();
        let counter = |picture: &Value| picture["counter"].as_i64().unwrap();
        let (passed, pictures) = (micros(&pair[1]) - micros(&pair[0]), counter(&pair[1]) - counter(&pair[0]));
        assert!((passed - pictures * 33_333).abs() < 1_000, "{pair:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_connection_is_full_the_camera_sends_jpegs() {
    let size = Resolution::HD;
    let camera = Camera::new(&[(Packing::Yuyv, size), (Packing::Mjpeg, size)]).on_a_crowded_connection();
    assert!(camera.looked_at(2).await.iter().all(|picture| picture["counter"].is_u64()));
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
