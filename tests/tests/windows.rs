//! Whole calls between two real windows: two processes of the app on a screen without a monitor, operated by WebDriver.
// A test that cannot go on has failed, in its helpers too.
#![allow(clippy::unwrap_used)]

use tempfile::TempDir;
use tincan_tests::clips;
use tincan_tests::server::Server;
use tincan_tests::window::{Screen, Window, call};

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
async fn two_windows_see_each_other_and_every_button_does_what_it_says() {
    let server = Server::start().await;
    let mut desk = Desk::default();
    let ada = desk.open("Ada Lovelace", &server, &[]).await;
    let ben = desk.open("Ben", &server, &[]).await;
    call(&ada, &ben).await;

    // Each reads the other's moving counter out of the drawn pixels.
    let seen = ada.stamp("remote-canvas").await;
    ada.later_stamp("remote-canvas", seen).await;
    let seen = ben.stamp("remote-canvas").await;
    ben.later_stamp("remote-canvas", seen).await;
    assert_eq!(ben.text("tile-name").await, "Ada Lovelace");

    // Mute takes effect here at once and is shown there.
    ada.press("mic-toggle").await;
    ada.has("mic-toggle", "aria-pressed", "false").await;
    ben.shows("muted-icon").await;
    ada.key("m").await;
    ada.has("mic-toggle", "aria-pressed", "true").await;
    ben.hides("muted-icon").await;

    // Camera off shows initials; on again shows the picture.
    ada.press("camera-toggle").await;
    assert_eq!(ben.text("initials").await, "AL");
    ada.press("camera-toggle").await;
    ben.hides("initials").await;
    let seen = ben.stamp("remote-canvas").await;
    ben.later_stamp("remote-canvas", seen).await;

    // Switching a device keeps the call.
    ada.press("camera-menu").await;
    ada.press("device-none").await;
    ben.shows("initials").await;
    ada.press("camera-menu").await;
    ada.press("device-test-pattern").await;
    ben.hides("initials").await;
    let seen = ben.stamp("remote-canvas").await;
    ben.later_stamp("remote-canvas", seen).await;

    // The safety number's four pictures are there to be seen, and the same on both sides.
    let mut words = Vec::new();
    for window in [&ada, &ben] {
        window.press("more-menu").await;
        window.press("more-safety").await;
        words.push(window.text("safety-words").await);
        window
            .until_run(
                "[...document.querySelectorAll('[data-testid=safety] img')].filter((one) => one.naturalWidth > 0).length",
                4,
            )
            .await;
        window.press("safety-close").await;
    }
    assert_eq!(words[0], words[1]);

    // Statistics by key; leaving brings both home, and the other is told who left.
    ada.key("t").await;
    ada.shows("stats").await;
    ada.press("leave").await;
    ada.press("after-home").await;
    ada.shows("new-call").await;
    ben.has("alone", "data-left", "true").await;
    let card = ben.text("alone").await;
    assert!(card.contains("Ada Lovelace") && card.contains("left"), "{card}");
    ben.press("left-leave").await;
    ben.press("after-home").await;
    ben.shows("new-call").await;
    ada.close().await;
    ben.close().await;
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
    // What was typed is still there, in the lobby and before it.
    ben.until_value("lobby-code", "0000-0000-00").await;
    ben.press("lobby-back").await;
    ben.until_value("code-field", "0000-0000-00").await;
    ben.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_dies_and_comes_back_while_two_windows_talk() {
    let server = Server::start().await;
    let mut desk = Desk::default();
    let ada = desk.open("Ada", &server, &[]).await;
    let ben = desk.open("Ben", &server, &[]).await;
    call(&ada, &ben).await;
    let seen = ada.stamp("remote-canvas").await;
    let down = server.crash().await;
    ada.shows("banner").await;
    ada.later_stamp("remote-canvas", seen).await;
    let _server = down.start().await;
    ada.hides("banner").await;
    let seen = ben.stamp("remote-canvas").await;
    ben.later_stamp("remote-canvas", seen).await;
    ada.press("leave").await;
    ben.shows("alone").await;
    ada.close().await;
    ben.close().await;
}

/// Who has the focus, and whether its mark is painted: an outline, on something that the page draws itself.
const FOCUS: &str = "
    const one = document.activeElement;
    const style = getComputedStyle(one);
    const own = !['SELECT', 'INPUT'].includes(one.tagName) || ['text', 'number'].includes(one.type) ||
        style.appearance === 'none' || style.webkitAppearance === 'none';
    const seen = own && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    return `${one.dataset.testid ?? one.tagName} ${one.type ?? ''} ${seen ? 'seen' : 'unseen'}`;";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_a_mouse_sees_the_focus_and_talks_from_wherever_it_is() {
    const TAB: &str = "\u{e004}";
    let server = Server::start().await;
    let mut desk = Desk::default();
    let ada = desk.open("Ada", &server, &[]).await;
    ada.press("settings").await;
    ada.shows("settings-dialog").await;
    // Once through all of the settings: fields, lists, buttons, switches.
    let mut kinds = std::collections::BTreeSet::new();
    for _ in 0..24 {
        ada.type_key(TAB).await;
        let focus = ada.run(FOCUS).await;
        let focus = focus.as_str().unwrap_or_default().to_owned();
        assert!(focus.ends_with(" seen"), "the focus is not to be seen on {focus}");
        kinds.extend(focus.split(' ').nth(1).map(str::to_owned));
    }
    for kind in ["text", "select-one", "checkbox", "button", "textarea"] {
        assert!(kinds.contains(kind), "Tab did not come by a {kind}: {kinds:?}");
    }
    ada.press("settings-dialog-close").await;

    // Nothing of the window is text to be selected.
    ada.chord('\u{e009}', 'a').await;
    let selected = ada.run("return getSelection().toString()").await;
    assert_eq!(selected.as_str(), Some(""));

    // Space on a button talks instead of pressing it; a menu that the mouse opened shows where its focus is.
    ada.press("new-call").await;
    ada.press("lobby-join").await;
    ada.shows("room-code").await;
    ada.press("mic-toggle").await;
    ada.has("mic-toggle", "aria-pressed", "false").await;
    ada.focus("leave").await;
    ada.hold(' ').await;
    ada.has("mic-toggle", "aria-pressed", "true").await;
    ada.let_go(' ').await;
    ada.has("mic-toggle", "aria-pressed", "false").await;
    ada.shows("room-code").await;
    ada.press("more-menu").await;
    ada.type_key("\u{e015}").await;
    let focus = ada.run(FOCUS).await;
    assert!(focus.as_str().is_some_and(|focus| focus.ends_with(" seen")), "{focus}");
    ada.type_key("\u{e00c}").await;
    ada.press("leave").await;
    ada.shows("after-home").await;
    // Enter goes on.
    ada.type_key("\u{e007}").await;
    ada.shows("new-call").await;
    ada.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn without_a_screen_a_sentence_says_what_to_do() {
    use tincan_tests::process::{Process, binary};
    use tokio::process::Command;

    for display in [None, Some(":9999")] {
        let mut app = Command::new(binary("tincan-app"));
        app.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        app.envs(display.map(|display| ("DISPLAY", display)));
        let (code, said) = Process::start("tincan-app", app).end().await;
        assert_eq!(code, Some(1), "{said:?}");
        assert!(said.iter().any(|line| line.contains("no screen")), "{said:?}");
    }
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
    ada.moving_picture("remote-canvas").await;
    // It repeats what it hears: its tile speaks after we did.
    ada.has("remote-tile", "data-speaking", "true").await;
    // What there was to try is ticked off.
    ada.has("test-seen", "data-done", "true").await;
    ada.has("test-said", "data-done", "true").await;
    ada.press("leave").await;
    ada.shows("after-home").await;
    ada.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_write_to_each_other_and_keys_write_where_they_write() {
    // WebDriver's Enter and Up.
    const ENTER: &str = "\u{e007}";
    const UP: &str = "\u{e013}";
    let server = Server::start().await;
    let mut desk = Desk::default();
    let ada = desk.open("Ada", &server, &[]).await;
    let ben = desk.open("Ben", &server, &[]).await;
    call(&ada, &ben).await;
    let said = |text: &str| {
        format!(
            "[...document.querySelectorAll('[data-testid=\"chat-text\"]')].filter((one) => \
             one.textContent.trim() === '{text}').length"
        )
    };
    ada.key("c").await;
    ada.write("chat-composer", "mmm: https://a.example").await;
    ada.has("mic-toggle", "aria-pressed", "true").await;
    ada.write("chat-composer", ENTER).await;
    ada.until_run(&said("mmm: https://a.example"), 1).await;
    ada.until_value("chat-composer", "").await;
    assert_eq!(ben.text("unread").await, "1");
    ben.press("toast-act").await;
    assert_eq!(ben.text("chat-text").await, "mmm: https://a.example");
    assert_eq!(ben.text("chat-author").await, "Ada");
    ben.hides("unread").await;
    ben.write("chat-composer", &format!("helo{ENTER}")).await;
    ada.until_run(&said("helo"), 1).await;
    ben.until_value("chat-composer", "").await;
    ben.write("chat-composer", UP).await;
    ben.until_value("chat-composer", "helo").await;
    ben.write("chat-composer", &format!("!{ENTER}")).await;
    ada.until_run(&said("helo! (edited)"), 1).await;
    ada.press("chat-more").await;
    ada.press("chat-delete").await;
    ben.until_run("document.querySelectorAll('[data-testid=\"chat-text\"]').length", 1).await;
    for window in [ada, ben] {
        window.close().await;
    }
}
