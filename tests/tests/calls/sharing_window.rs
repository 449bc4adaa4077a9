//! A screen that is shared from the window, and one that is looked at in it.
#![cfg(target_os = "linux")]

use serde_json::Value;
use tincan_tests::participant::{Participant, others, shows};
use tincan_tests::process::programs;
use tincan_tests::server::Server;
use tincan_tests::window::{Screen, Window, new_call};

fn shares(call: &Value) -> bool {
    others(call).iter().any(|other| shows(other, "screen"))
}

/// Ada in the window on a screen in memory, in a call with Ben.
async fn ada_and_ben(screen: &Screen, server: &Server, data: &std::path::Path) -> (Window, Participant) {
    let url = server.url();
    let devices = ["--camera", "test-pattern", "--microphone", "tone", "--speaker", "none"];
    let arguments = [&["--server", &url, "--name", "Ada"][..], &devices].concat();
    let ada = Window::open(screen, data, &arguments).await;
    let code = new_call(&ada).await;
    let mut ben = Participant::start("Ben", &url, &[&code]);
    ben.sees(&["Ada"]).await;
    (ada, ben)
}

/// For a person to look at.
async fn photograph(screen: &Screen, name: &str) {
    let folder = programs().join("screens");
    std::fs::create_dir_all(&folder).unwrap();
    screen.photograph(&folder.join(format!("{name}.png"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_is_chosen_by_its_picture_is_a_card_while_it_is_shared_and_stops_at_a_press() {
    let (server, folder, screen) =
        (Server::start().await, tempfile::tempdir().unwrap(), Screen::start().await);
    let (ada, mut ben) = ada_and_ben(&screen, &server, folder.path()).await;
    ada.hides("sharing").await;
    ada.key("d").await;
    ada.shows("share-sheet").await;
    ada.shows("share-choice").await;
    ada.settled().await;
    photograph(&screen, "share-sheet").await;
    ada.press("share-choice").await;
    ada.hides("share-sheet").await;
    ada.shows("sharing").await;
    ada.shows("share-card").await;
    ben.until("Ada's screen", shares).await;
    let size = ben.second("its picture", |second| {
        let shown = second.screen_of("Ada");
        Some((shown["width"].as_u64()?, shown["height"].as_u64()?))
    });
    assert_eq!(size.await, (1_280, 800));
    let seen = programs().join("screens").join("shared-by-ada.png");
    ben.save_screen(&seen).await;
    ada.settled().await;
    photograph(&screen, "sharing").await;
    // The camera goes off and on beside it.
    ada.press("camera-toggle").await;
    ben.until("no face", |call| others(call).iter().all(|other| !shows(other, "camera"))).await;
    assert!(shares(ben.call()));
    ada.press("camera-toggle").await;
    ben.sees(&["Ada"]).await;

    ada.press("stop-sharing").await;
    ada.hides("sharing").await;
    ada.hides("share-card").await;
    ben.until("no screen", |call| !shares(call)).await;
    ada.shows("remote-tile").await;
    ben.leave().await;
    ada.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebodys_screen_has_the_large_place_is_looked_at_closely_and_goes_again() {
    let (server, folder, screen) =
        (Server::start().await, tempfile::tempdir().unwrap(), Screen::start().await);
    let (ada, mut ben) = ada_and_ben(&screen, &server, folder.path()).await;
    ben.say("share test-text").await;
    ada.shows("screen-tile").await;
    let first = ada.stamp("screen-canvas").await;
    ada.later_stamp("screen-canvas", first).await;
    photograph(&screen, "shared-by-ben").await;
    ada.press("tile-zoom").await;
    ada.has("tile-zoom", "aria-pressed", "true").await;
    ada.settled().await;
    photograph(&screen, "shared-by-ben-closely").await;
    ada.press("tile-zoom").await;
    ada.has("tile-zoom", "aria-pressed", "false").await;
    ada.key("x").await;
    ada.has("tile-point", "aria-pressed", "true").await;
    ben.say("stop sharing").await;
    ada.hides("screen-tile").await;
    ada.shows("remote-tile").await;
    // A screen that stood still before she came is seen too, and so is one at the same time as her own.
    ben.say("share test-text:still").await;
    ada.stamp("screen-canvas").await;
    ada.key("d").await;
    ada.press("share-choice").await;
    ada.shows("share-card").await;
    ada.shows("screen-tile").await;
    ada.settled().await;
    photograph(&screen, "both-share").await;
    ben.crash().await;
    ada.hides("screen-tile").await;
    ada.close().await;
}
