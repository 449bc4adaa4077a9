//! Whole calls between real windows: processes of the app on screens without a monitor, operated by WebDriver.

use tempfile::TempDir;
use tincan_media::video::Resolution;
use tincan_tests::clips;
use tincan_tests::participant::{Participant, Second};
use tincan_tests::room::{Room, SmallDevices};
use tincan_tests::server::Server;
use tincan_tests::window::{Screen, Window, call, new_call, picture_of};

/// A screen for each: nobody arranges windows here, and one that another covers is not drawn.
#[derive(Default)]
struct Desk {
    screens: Vec<Screen>,
    folders: Vec<TempDir>,
}

impl Desk {
    /// Opens an app of its own, with synthetic devices.
    async fn open(&mut self, name: &str, server: &Server, more: &[&str]) -> Window {
        let devices = ["--camera", "test-pattern", "--microphone", "tone"];
        self.open_on(Screen::start().await, name, server, &[&devices, more].concat()).await
    }

    /// The same on a screen of its own, with these devices.
    async fn open_on(&mut self, screen: Screen, name: &str, server: &Server, devices: &[&str]) -> Window {
        let folder = tempfile::tempdir().unwrap();
        let url = server.url();
        let arguments = [&["--server", &url, "--name", name, "--speaker", "none"], devices].concat();
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

/// Three of these windows are drawn by two cores without a graphics card: small screens, and cameras of a third of the pictures.
const SMALL_SCREEN: (u32, u32) = (800, 600);
const SMALL_PICTURE: Resolution = Resolution::new(640, 360);
const FEW_PICTURES: u32 = 10;

async fn small_screen() -> Screen {
    Screen::of(SMALL_SCREEN.0, SMALL_SCREEN.1).await
}

/// The windows see the pictures of all others move, and each has exactly these people beside the call.
async fn all_see_each_other(windows: &[(&str, &Window)]) {
    for (name, window) in windows {
        for (other, _) in windows.iter().filter(|(other, _)| other != name) {
            let seen = window.stamp(&picture_of(other)).await;
            window.later_stamp(&picture_of(other), seen).await;
        }
        window.counts("remote-canvas", windows.len() as u64 - 1).await;
        window.key("p").await;
        window.shows("people-list").await;
        // We are one of those in the list.
        window.counts("[data-testid='people-list'] li", windows.len() as u64).await;
        let people = window.text("people-list").await;
        assert!(windows.iter().all(|(other, _)| people.contains(other)), "{name} reads {people}");
        let capacity = window.text("capacity").await;
        assert!(capacity.starts_with(&format!("{} of 8", windows.len())), "{name} reads {capacity}");
        window.key("p").await;
        window.hides("people-list").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_windows_see_each_other_and_one_leaves_and_another_is_closed() {
    let server = Server::start().await;
    let devices = SmallDevices::of(SMALL_PICTURE, FEW_PICTURES);
    let devices = ["--camera", devices.camera(), "--microphone", "tone"];
    let mut desk = Desk::default();
    let ada = desk.open_on(small_screen().await, "Ada", &server, &devices).await;
    let ben = desk.open_on(small_screen().await, "Ben", &server, &devices).await;
    let cyd = desk.open_on(small_screen().await, "Cyd", &server, &devices).await;
    let code = new_call(&ada).await;
    ben.join(&code).await;
    cyd.join(&code).await;
    all_see_each_other(&[("Ada", &ada), ("Ben", &ben), ("Cyd", &cyd)]).await;

    cyd.press("leave").await;
    cyd.shows("after-home").await;
    for window in [&ada, &ben] {
        window.hides(&picture_of("Cyd")).await;
    }
    all_see_each_other(&[("Ada", &ada), ("Ben", &ben)]).await;

    // The window goes, and says goodbye.
    ben.log_out();
    ada.has("alone", "data-left", "true").await;
    let card = ada.text("alone").await;
    assert!(card.contains("Ben") && card.contains("left"), "{card}");
    ada.close().await;
    cyd.close().await;
}

/// As the page is told when the window is minimised, or on another desktop.
async fn page_is_hidden(window: &Window, hidden: bool) {
    let script = format!(
        "Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }});
         document.dispatchEvent(new Event('visibilitychange'))"
    );
    window.run(&script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_send_a_window_small_pictures_for_its_strip_and_none_while_it_is_hidden() {
    let server = Server::start().await;
    let devices = SmallDevices::of(SMALL_PICTURE, FEW_PICTURES);
    let mut desk = Desk::default();
    let ada = desk
        .open_on(small_screen().await, "Ada", &server, &["--camera", "none", "--microphone", "tone"])
        .await;
    let ben = Participant::start("Ben", &server.url(), &devices.with(&[]));
    let mut room = Room::around(devices, &server.url(), "Ben", ben).await;
    room.join("Cyd");
    ada.join(room.code()).await;
    ada.stamp(&picture_of("Ben")).await;
    ada.stamp(&picture_of("Cyd")).await;

    // Whoever is pinned is large, and the other one in the strip.
    ada.press("[aria-label='Pin Ben']").await;
    let sends =
        |lines: u64| move |second: &Second<'_>| (second.of("Ada")["sentHeight"] == lines).then_some(());
    room.person("Ben").second("a large picture for Ada", sends(360)).await;
    room.person("Cyd").second("a small picture for Ada", sends(180)).await;

    page_is_hidden(&ada, true).await;
    for name in ["Ben", "Cyd"] {
        room.person(name).second("no picture for Ada", sends(0)).await;
    }
    page_is_hidden(&ada, false).await;
    for name in ["Ben", "Cyd"] {
        let seen = ada.stamp(&picture_of(name)).await;
        ada.later_stamp(&picture_of(name), seen).await;
    }
    room.person("Cyd").second("a small picture for Ada again", sends(180)).await;
    ada.close().await;
    room.close().await;
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
    // Once through all pages of the settings: fields, lists, buttons, switches.
    let mut kinds = std::collections::BTreeSet::new();
    for page in ["general", "devices", "calls", "notifications", "connection", "about"] {
        ada.press(&format!("settings-{page}")).await;
        ada.has("settings-page", "data-page", page).await;
        for _ in 0..9 {
            ada.type_key(TAB).await;
            let focus = ada.run(FOCUS).await;
            let focus = focus.as_str().unwrap_or_default().to_owned();
            assert!(focus.ends_with(" seen"), "the focus is not to be seen on {focus}");
            kinds.extend(focus.split(' ').nth(1).map(str::to_owned));
        }
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
