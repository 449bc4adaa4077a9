//! Every screen of the real window, large and small, dark and light: nothing sticks out of it. What was shown is kept as
//! pictures beside the built programs, to be looked at by a person.

use tincan_tests::participant::Participant;
use tincan_tests::process::programs;
use tincan_tests::server::Server;
use tincan_tests::window::{Screen, Window};

const THEMES: [&str; 2] = ["dark", "light"];

/// What can be pressed, typed into or read, and reaches beyond the window's left or right edge although it is shown.
const STICKS_OUT: &str = "
    const out = [...document.querySelectorAll('button, input, select, h1, h2, p, [data-testid]')].filter((element) => {
        const { left, right, width, height } = element.getBoundingClientRect();
        const shown = width > 0 && height > 0 && element.checkVisibility({ opacityProperty: true });
        // A picture that fills its place is cut off by it.
        const whole = element.type !== 'range' && element.tagName !== 'CANVAS';
        return shown && whole && (left < -1 || right > innerWidth + 1);
    }).map((element) => element.dataset.testid ?? element.textContent.trim().slice(0, 40));
    if (document.documentElement.scrollWidth > innerWidth) out.push('the page');
    return out.join(', ');";

struct Looker {
    screen: Screen,
    window: Window,
    size: String,
}

impl Looker {
    async fn look(&self, name: &str) {
        let folder = programs().join("screens");
        std::fs::create_dir_all(&folder).unwrap();
        for theme in THEMES {
            self.window.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
            self.window.settled().await;
            let path = folder.join(format!("{name}-{}-{theme}.png", self.size));
            self.screen.photograph(&path).await;
            let out = self.window.run(STICKS_OUT).await;
            assert_eq!(out.as_str(), Some(""), "{name} at {}, {theme}: {out}", self.size);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_fits_a_large_window_in_both_themes() {
    look_at_every_screen(1280, 800).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_fits_a_small_window_in_both_themes() {
    look_at_every_screen(480, 640).await;
}

async fn look_at_every_screen(width: u32, height: u32) {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::of(width, height).await;
    let url = server.url();
    let arguments = ["--server", &url, "--name", "Ada Lovelace", "--camera", "test-pattern"];
    let devices = ["--microphone", "tone", "--speaker", "none"];
    let ada = Window::open(&screen, folder.path(), &[&arguments[..], &devices].concat()).await;

    let looker = Looker { screen, window: ada, size: format!("{width}x{height}") };
    let ada = &looker.window;
    let shown = ada.run("return `${innerWidth}x${innerHeight}`").await;
    assert_eq!(shown.as_str(), Some(looker.size.as_str()), "the window is no larger than the screen");
    ada.shows("new-call").await;
    looker.look("home").await;
    ada.press("settings").await;
    looker.look("settings").await;
    ada.key("\u{e00c}").await;
    ada.join("0000000000").await;
    ada.shows("error").await;
    // The lobby is still there, and its devices are on.
    ada.has("mic-toggle", "aria-pressed", "true").await;
    ada.has("camera-toggle", "aria-pressed", "true").await;
    looker.look("wrong-code").await;
    ada.press("lobby-back").await;
    ada.press("new-call").await;
    ada.shows("self-canvas").await;
    looker.look("lobby").await;
    ada.press("lobby-join").await;
    let code = ada.text("room-code").await;
    looker.look("alone").await;

    let mut ben = Participant::start("Ben", &url, &[&code]);
    ada.stamp("remote-canvas").await;
    looker.look("call").await;
    ada.press("more-menu").await;
    looker.look("menu").await;
    ada.key("\u{e00c}").await;
    ada.key("t").await;
    ada.shows("stats").await;
    looker.look("statistics").await;
    ada.key("t").await;
    ada.key("d").await;
    ada.shows("share-choice").await;
    looker.look("share-sheet").await;
    ada.press("share-choice").await;
    ada.shows("sharing").await;
    looker.look("sharing").await;
    ada.press("stop-sharing").await;
    ben.say("share test-text:still").await;
    ada.stamp("screen-canvas").await;
    looker.look("shared-screen").await;
    ben.say("stop sharing").await;
    ada.hides("screen-tile").await;
    ada.press("mic-toggle").await;
    ben.say("camera off").await;
    ben.say("mute").await;
    ada.shows("initials").await;
    looker.look("both-off").await;
    let _down = server.crash().await;
    ada.shows("banner").await;
    looker.look("server-lost").await;
    ben.crash().await;
    ada.has("remote-tile", "data-connection", "reconnecting").await;
    looker.look("reconnecting").await;
    ada.press("leave").await;
    ada.shows("after-home").await;
    looker.look("after").await;
    looker.window.close().await;
}
