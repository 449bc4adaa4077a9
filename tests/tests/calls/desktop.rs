//! The window as a citizen of its desktop: the mouse, notifications, the screen saver, a wrong link.
#![cfg(target_os = "linux")]

use tincan_tests::desktop::{Desktop, Wish};
use tincan_tests::participant::Participant;
use tincan_tests::server::Server;
use tincan_tests::window::{Screen, Window};

const DEVICES: [&str; 6] = ["--camera", "test-pattern", "--microphone", "tone", "--speaker", "none"];

/// How far down the page or anything in it is scrolled, in pixels.
const SCROLLED: &str = "return Math.max(...[...document.querySelectorAll('*')].map((one) => one.scrollTop))";

#[tokio::test(flavor = "multi_thread")]
async fn the_mouse_wheel_scrolls() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::of(480, 480).await;
    let window = Window::open(&screen, folder.path(), &DEVICES).await;
    window.press("settings").await;
    window.press("settings-devices").await;
    window.settled().await;
    assert_eq!(window.run(SCROLLED).await.as_f64(), Some(0.0));
    screen.turn_wheel(240, 300).await;
    window.until_number("a page that was scrolled", SCROLLED, |pixels| pixels > 0.0).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_comes_or_writes_is_told_to_the_desktop_and_the_screen_stays_on_in_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut desktop = Desktop::start().await;
    let screen = Screen::with_desktop(&desktop).await;
    let server = Server::start().await;
    let url = server.url();
    // What the shell says itself is said in the window's language.
    std::fs::write(folder.path().join("settings.json"), r#"{"language":"de"}"#).unwrap();
    let arguments = [&["--server", &url, "--name", "Ada"][..], &DEVICES].concat();
    let ada = Window::open(&screen, folder.path(), &arguments).await;
    ada.press("new-call").await;
    ada.press("lobby-join").await;
    let code = ada.text("room-code").await;
    assert_eq!(desktop.wish().await, Wish::ScreenOn);
    // Whoever looks at the window needs no notification.
    screen.look_elsewhere().await;
    ada.until_number("a window without the focus", "return document.hasFocus() ? 1 : 0", |focus| {
        focus == 0.0
    })
    .await;
    let mut ben = Participant::start("Ben", &url, &[code.trim(), "--chat"]);
    assert_eq!(desktop.wish().await, Wish::Notification("Tincan: Ben ist beigetreten.".into()));
    ben.until("connection", |call| call["phase"] == "connected").await;
    ben.say("look here").await;
    assert_eq!(desktop.wish().await, Wish::Notification("Tincan: Ben: look here".into()));
    ada.press("leave").await;
    assert_eq!(desktop.wish().await, Wish::ScreenMayGoDark);
    drop(ben);
    ada.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_link_opens_the_window_and_is_told_there() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::start().await;
    let arguments = [&DEVICES[..], &["https://meet.example.org/abc-defg-hij"]].concat();
    let window = Window::open(&screen, folder.path(), &arguments).await;
    window.shows("code-problem").await;
    window.close().await;
}
