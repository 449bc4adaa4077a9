//! A call between two real windows, each on a screen of its own: one that another covers is not drawn.

use std::path::Path;
use std::time::{Duration, Instant};

use tincan_tests::numbers::percentile;
use tincan_tests::server::Server;
use tincan_tests::window::{self, Screen, Window};
use tokio::time::sleep;

use crate::clip::Clip;
use crate::numbers::{delays, mean};
use crate::{AUDIO_KBPS, VIDEO_KBPS, WARM_UP, usage};

/// Notes the counter of every picture that is drawn, and when: the self-view's and the other's. It reads pixels back, so
/// nothing else is measured while it runs.
const WATCH: &str = "
    const seen = (window.seen = { 'self-canvas': [], 'remote-canvas': [] });
    const row = document.createElement('canvas');
    // The stamp's grid: 40 columns, 22.5 rows; row 1 has a white cell, 32 bits and a black cell from column 3 on.
    row.width = 40;
    row.height = 1;
    const context = row.getContext('2d', { willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    const note = (canvas) => {
        const { width, height } = canvas;
        context.drawImage(canvas, 0, Math.floor((height * 1.5) / 22.5), width, 1, 0, 0, 40, 1);
        const pixels = context.getImageData(0, 0, 40, 1).data;
        const cell = (column) => pixels[column * 4 + 1];
        const middle = (cell(3) + cell(36)) / 2;
        let counter = 0;
        for (let column = 4; column < 36; column += 1) counter = counter * 2 + (cell(column) > middle ? 1 : 0);
        seen[canvas.dataset.testid].push([counter, Math.round((performance.timeOrigin + performance.now()) * 1000)]);
    };
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (...all) {
        draw.apply(this, all);
        if (this.canvas.dataset.testid in seen) note(this.canvas);
    };";

/// Means of both sides; the screens' own processes do not count, which stand for the system's.
pub(crate) struct Usage {
    pub(crate) cpu: f64,
    pub(crate) memory: f64,
    /// Without the webview's processes.
    pub(crate) own_cpu: f64,
    pub(crate) own_memory: f64,
    /// Pictures of the other that were drawn, a second.
    pub(crate) fps: f64,
    /// Milliseconds from the drawing of one's self-view to that of the other's picture of it.
    pub(crate) delay_p50: f64,
    pub(crate) delay_p95: f64,
}

/// Counts how often the other's picture is drawn, whichever way the window chose.
const COUNT: &str = "
    if (window.drawn === undefined) {
        window.drawn = 0;
        const ways = { CanvasRenderingContext2D: ['drawImage', 'putImageData'], WebGL2RenderingContext: ['drawArrays'] };
        for (const [type, names] of Object.entries(ways)) {
            for (const name of window[type] ? names : []) {
                const draw = window[type].prototype[name];
                window[type].prototype[name] = function (...all) {
                    if (this.canvas.dataset.testid === 'remote-canvas') window.drawn += 1;
                    return draw.apply(this, all);
                };
            }
        }
    }
    return window.drawn;";

/// `way`: arguments that say who draws the pictures, or none.
pub(crate) async fn call(clip: &Clip, seconds: u64, way: &[&str]) -> Usage {
    let server = Server::start().await;
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder can be made"));
    let (url, kbps) = (server.url(), (VIDEO_KBPS + AUDIO_KBPS).to_string());
    let camera = format!("file:{}", clip.camera.display());
    let microphone = format!("file:{}", clip.microphone.display());
    let arguments =
        ["--server", &url, "--name", "Somebody", "--camera", &camera, "--microphone", &microphone];
    let arguments = [&arguments[..], &["--speaker", "none", "--max-kbps", &kbps]].concat();
    let screens = [Screen::start().await, Screen::start().await];
    let notes = folders.each_ref().map(|folder| folder.path().join("pictures"));
    let open = async |at: usize| {
        let notes = notes[at].to_string_lossy();
        let arguments = [&arguments[..], &["--note-pictures", &notes], way].concat();
        Window::open(&screens[at], folders[at].path(), &arguments).await
    };
    let (a, b) = (open(0).await, open(1).await);
    window::call(&a, &b).await;

    sleep(WARM_UP).await;
    let ids = [&a, &b]
        .map(|window| usage::find(window.driver(), "tincan-app").expect("the driver started the app"));
    let drawn = drawn(&b, &notes[1]).await;
    let start = Instant::now();
    let before = ids.map(|id| (usage::of_tree(id), usage::of(id)));
    sleep(Duration::from_secs(seconds)).await;
    let after = ids.map(|id| (usage::of_tree(id), usage::of(id)));
    let elapsed = start.elapsed().as_secs_f64();
    let fps = (self::drawn(&b, &notes[1]).await - drawn) / elapsed;
    for window in [&a, &b] {
        window.run(WATCH).await;
    }
    sleep(Duration::from_secs(seconds)).await;
    let own = seen(&a, "self-canvas", &notes[0], |stream| stream == 0).await;
    let others = seen(&b, "remote-canvas", &notes[1], |stream| stream != 0).await;
    let found = delays(&own, &others, Clip::length());
    b.close().await;
    a.close().await;

    let rises = |part: fn(&(usage::Usage, usage::Usage)) -> f64| {
        mean(&before.iter().zip(&after).map(|(before, after)| part(after) - part(before)).collect::<Vec<_>>())
    };
    Usage {
        cpu: rises(|(all, _)| all.seconds) / elapsed,
        own_cpu: rises(|(_, own)| own.seconds) / elapsed,
        memory: mean(&after.map(|(all, _)| all.megabytes)),
        own_memory: mean(&after.map(|(_, own)| own.megabytes)),
        fps,
        delay_p50: percentile(found.clone(), 0.5),
        delay_p95: percentile(found, 0.95),
    }
}

/// Calls in which the page draws and calls in which the window itself does, in turns.
pub(crate) async fn ways(clip: &Clip, seconds: u64, rounds: usize) -> String {
    let mut lines = String::from(
        "pictures by    CPU a side    engine's part    MB    drawn/s    window to window p50 / p95, ms",
    );
    for _ in 0..rounds {
        for way in ["canvas", "native"] {
            eprintln!("two windows, {way}");
            let one = call(clip, seconds, &["--pictures", way]).await;
            lines += &format!(
                "\n{way:<11} {:>13.2} {:>16.2} {:>5.0} {:>10.1} {:>22.0} / {:.0}",
                one.cpu, one.own_cpu, one.memory, one.fps, one.delay_p50, one.delay_p95
            );
        }
    }
    lines
}

/// (counter, when in microseconds) of each picture that was drawn, by the page or by the window itself.
async fn seen(window: &Window, canvas: &str, notes: &Path, of: impl Fn(u64) -> bool) -> Vec<(u64, u64)> {
    let seen = window.run(&format!("return JSON.stringify(window.seen['{canvas}'])")).await;
    let by_page = seen.as_str().and_then(|seen| serde_json::from_str(seen).ok()).unwrap_or_default();
    let noted = noted(notes).into_iter().filter(|(stream, ..)| of(*stream));
    [by_page, noted.filter_map(|(_, counter, when)| Some((counter?, when))).collect::<Vec<_>>()].concat()
}

/// Stream, counter and time of what the window itself drew.
fn noted(notes: &Path) -> Vec<(u64, Option<u64>, u64)> {
    let text = std::fs::read_to_string(notes).unwrap_or_default();
    let parse = |line: &str| {
        let mut parts = line.split(' ');
        let (stream, counter, when) = (parts.next()?, parts.next()?, parts.next()?);
        Some((stream.parse().ok()?, counter.parse().ok(), when.parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

async fn drawn(window: &Window, notes: &Path) -> f64 {
    let by_page = window.run(COUNT).await.as_f64().unwrap_or(f64::NAN);
    by_page + noted(notes).iter().filter(|(stream, ..)| *stream != 0).count() as f64
}
