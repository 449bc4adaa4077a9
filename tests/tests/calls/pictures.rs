//! Pictures that the window itself draws, above the page, as they are seen on the screen.
#![cfg(target_os = "linux")]

use tempfile::TempDir;
use tincan_media::video::Resolution;
use tincan_tests::process::programs;
use tincan_tests::server::Server;
use tincan_tests::window::{Screen, Window, call};

/// The colour of plates on pictures (`--plate` in the style sheet).
const PLATE: [u8; 3] = [0x14, 0x19, 0x1b];

async fn open(screen: &Screen, folder: &TempDir, server: &Server, name: &str, way: &str) -> Window {
    let url = server.url();
    let devices = ["--camera", "test-pattern", "--microphone", "tone", "--speaker", "none"];
    let arguments = [&["--server", &url, "--name", name, "--pictures", way][..], &devices].concat();
    Window::open(screen, folder.path(), &arguments).await
}

/// What an element shows at parts of its width, in the middle of the colour bars of the test pattern.
async fn bars(window: &Window, id: &str, at: [f32; 2]) -> Option<[[u8; 3]; 2]> {
    let [x, y, width, height] = window.place_of(id).await.map(|value| value as usize);
    let shown = window.look().await?.part(x, y, width, height)?;
    Some(at.map(|at| shown.pixel((width as f32 * at) as usize, height * 45 / 100)))
}

fn alike(one: [u8; 3], other: [u8; 3]) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(other) < 40)
}

/// For a person to look at.
async fn photograph(screen: &Screen, name: &str) {
    let folder = programs().join("screens");
    std::fs::create_dir_all(&folder).unwrap();
    screen.photograph(&folder.join(format!("{name}.png"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_draws_pictures_in_their_tiles_with_the_controls_above_them() {
    let server = Server::start().await;
    let (screens, folders) =
        ([Screen::start().await, Screen::start().await], [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let ada = open(&screens[0], &folders[0], &server, "Ada", "native").await;
    let ben = open(&screens[1], &folders[1], &server, "Ben", "native").await;
    call(&ada, &ben).await;
    for id in ["remote-canvas", "self-canvas"] {
        ada.has(id, "data-renderer", "native").await;
    }
    let seen = ada.stamp("remote-canvas").await;
    ada.later_stamp("remote-canvas", seen).await;
    ada.settled().await;
    photograph(&screens[0], "drawn-by-the-window").await;

    // The name stands on its plate, over the picture.
    ada.until_seen("the name's plate", async || {
        let [x, y, _, height] = ada.place_of("tile-name").await.map(|value| value as usize);
        alike(ada.look().await?.pixel(x - 3, y + height / 2), PLATE).then_some(())
    })
    .await;

    // We see ourselves mirrored, over the other's picture.
    ada.until_seen("a mirrored self-view", async || {
        let [left, right] = bars(&ada, "self-canvas", [0.05, 0.95]).await?;
        let [others_left, others_right] = bars(&ada, "remote-canvas", [0.05, 0.95]).await?;
        (alike(left, others_right) && alike(right, others_left) && !alike(left, right)).then_some(())
    })
    .await;

    // What is pressed on a picture is pressed in the page.
    let [x, y, width, height] = ada.place_of("tile-statistics").await;
    ada.click_at(x + width / 2, y + height / 2).await;
    ada.shows("stats").await;
    let seen = ada.stamp("remote-canvas").await;
    ada.later_stamp("remote-canvas", seen).await;
    ada.key("t").await;
    ada.hides("stats").await;

    // What is seen through is drawn by the page, and back again.
    ada.key("?").await;
    ada.shows("keys").await;
    let page = "document.querySelectorAll('[data-testid=remote-canvas]:not([data-renderer=native])').length";
    ada.until_run(page, 1).await;
    ada.settled().await;
    photograph(&screens[0], "drawn-by-the-page-below-a-dialog").await;
    ada.press("keys-close").await;
    ada.has("remote-canvas", "data-renderer", "native").await;
    let seen = ada.stamp("remote-canvas").await;
    ada.later_stamp("remote-canvas", seen).await;

    // In a smaller window it is smaller.
    ada.resize(900, 640).await;
    let seen = ada.stamp("remote-canvas").await;
    ada.later_stamp("remote-canvas", seen).await;
    ada.settled().await;
    photograph(&screens[0], "drawn-by-the-window-smaller").await;

    // Of a camera that is off nothing stays.
    ben.press("camera-toggle").await;
    ada.shows("initials").await;
    ada.until_seen("initials without a picture", async || {
        let [x, y, width, height] = ada.place_of("remote-tile").await.map(|value| value as usize);
        let shown = ada.look().await?.part(x, y, width, height)?;
        let corners = [(width / 20, height / 2), (width / 4, height / 2), (width * 3 / 4, height / 5)];
        // The colour behind initials turns into another one slowly; a bar is brighter by far.
        corners.iter().all(|&(x, y)| shown.pixel(x, y).iter().all(|value| *value < 140)).then_some(())
    })
    .await;
    ben.press("camera-toggle").await;
    ada.hides("initials").await;
    ada.stamp("remote-canvas").await;
    ada.close().await;
    ben.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_fine_screen_the_window_draws_with_all_of_its_pixels() {
    let server = Server::start().await;
    let (fine, plain) = (Screen::fine().await, Screen::start().await);
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let ada = open(&fine, &folders[0], &server, "Ada", "native").await;
    let ben = open(&plain, &folders[1], &server, "Ben", "native").await;
    call(&ada, &ben).await;
    ada.has("remote-canvas", "data-renderer", "native").await;
    assert_eq!(ada.run("return devicePixelRatio").await, 2);
    let seen = ada.stamp("remote-canvas").await;
    ada.later_stamp("remote-canvas", seen).await;
    ada.until_seen("a mirrored self-view", async || {
        let [left, right] = bars(&ada, "self-canvas", [0.05, 0.95]).await?;
        let [others_left, others_right] = bars(&ada, "remote-canvas", [0.05, 0.95]).await?;
        (alike(left, others_right) && alike(right, others_left) && !alike(left, right)).then_some(())
    })
    .await;
    photograph(&fine, "drawn-by-the-window-fine").await;
    ada.close().await;
    ben.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_the_page_draws_are_there_for_whoever_chooses_them() {
    let server = Server::start().await;
    let (screens, folders) =
        ([Screen::start().await, Screen::start().await], [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let ada = open(&screens[0], &folders[0], &server, "Ada", "canvas").await;
    let ben = open(&screens[1], &folders[1], &server, "Ben", "canvas").await;
    call(&ada, &ben).await;
    for window in [&ada, &ben] {
        let seen = window.stamp("remote-canvas").await;
        window.later_stamp("remote-canvas", seen).await;
        window.counts("[data-renderer='native']", 0).await;
    }
    assert!(ada.look().await.is_some_and(|all| all.size() == Resolution::new(1_280, 800)));
    ada.close().await;
    ben.close().await;
}
