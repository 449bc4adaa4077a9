//! Whole calls in a real window: the app as its own process on a screen without a monitor, operated by WebDriver.
// A test that cannot go on has failed, in its helpers too.
#![allow(clippy::unwrap_used)]

use tempfile::TempDir;
use tincan_tests::clips;
use tincan_tests::server::Server;
use tincan_tests::window::{Screen, Window};

/// A screen for each: nobody arranges windows here, and one that another covers is not drawn.
#[derive(Default)]
struct Desk {
    screens: Vec<Screen>,
    folders: Vec<TempDir>,
}

impl Desk {
    /// Opens an app of its own, with synthetic devices.
    async fn open(&mut self, name: &str, server: &Server, more: &[&str]) -> Window {
        let folder = tempfile::tempdir().unwrap();
        let url = server.url();
        let mut arguments = vec!["--server", &url, "--name", name, "--camera", "test-pattern"];
        arguments.extend(["--microphone", "tone", "--speaker", "none"]);
        arguments.extend(more);
        let screen = Screen::start().await;
        let window = Window::open(&screen, folder.path(), &arguments).await;
        self.screens.push(screen);
        self.folders.push(folder);
        window
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_is_answered_with_a_sentence_and_an_invite_link_never_joins_by_itself() {
    let server = Server::start().await;
    let mut desk = Desk::default();
    let ben = desk.open("Ben", &server, &["tincan://join/0000000000"]).await;
    ben.until_value("code-field", "0000-0000-00").await;
    ben.hides("lobby-join").await;
    ben.press("join").await;
    ben.press("lobby-join").await;
    let error = ben.text("error").await;
    assert!(error.contains("no call with this code"), "{error}");
    ben.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_alone_sees_a_whole_test_call() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::start().await;
    let speech = folder.path().join("speech.wav");
    clips::speech(&speech, 10);
    let microphone = format!("file:{}", speech.display());
    let devices = ["--camera", "test-pattern", "--microphone", &microphone, "--speaker", "none"];
    let ada = Window::open(&screen, folder.path(), &devices).await;
    ada.press("test-call").await;
    let seen = ada.stamp("remote-canvas").await;
    ada.later_stamp("remote-canvas", seen).await;
    // It repeats what it hears: its tile speaks after we did.
    ada.has("remote-tile", "data-speaking", "true").await;
    ada.press("leave").await;
    ada.shows("after-home").await;
    ada.close().await;
}
