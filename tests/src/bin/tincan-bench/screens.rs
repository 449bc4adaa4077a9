//! A screen that is shared, beside Chromium's `getDisplayMedia`: the same pages on the same kind of screen at the same rate. Pages
//! are turned, prose scrolls, and a page stands still.

use std::path::Path;
use std::process::Command as Blocking;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tincan_tests::browser::node;
use tincan_tests::numbers::percentile;
use tincan_tests::page::{Easel, Page};
use tincan_tests::process::{Process, binary};
use tincan_tests::server::Server;
use tincan_tests::window::Screen;
use tokio::process::Command;
use tokio::time::{interval, sleep};

use crate::numbers::{median, number};
use crate::table::{Bar, Table};
use crate::usage;

/// What a share may take of a path.
const KBPS: u64 = 1_500;
/// Rates climb, and what is new about the screen has been sent.
const WARM_UP: Duration = Duration::from_secs(8);
const TURNS: u32 = 20;
const TURN: Duration = Duration::from_secs(1);
const STEPS: u32 = 150;
const STEP: Duration = Duration::from_millis(67);
/// Rows of the screen in a step: about a line of prose.
const ROWS: usize = 24;
const STILL: Duration = Duration::from_secs(10);
/// After the last change, until what was sent late has arrived.
const AFTER: Duration = Duration::from_secs(2);
/// Starting two browsers, and whatever is watched.
const LIMIT: Duration = Duration::from_secs(120);
/// Milliseconds from the turn of a page until it is seen, at the 95th percentile.
const TURN_MS: f64 = 250.0;
/// Cores of whoever shares.
const STILL_CORES: f64 = 0.1;
const SCROLL_CORES: f64 = 0.3;

/// Counters, and when they were shown or seen, in microseconds since 1970.
type Times = Vec<(u32, u64)>;

/// One program's round.
#[derive(Default)]
struct Round {
    turns: Watched,
    scroll: Watched,
    still: Watched,
    /// Of the page that stood still, in dB.
    sharpness: f64,
}

/// What was seen of some changes, and what it took.
#[derive(Default)]
struct Watched {
    shown: Times,
    seen: Times,
    /// Of whoever shares, and of whoever looks.
    cores: [f64; 2],
}

impl Watched {
    /// Milliseconds until each change was seen, and how many of all were never seen.
    fn delays(&self) -> (Vec<f64>, f64) {
        let delay = |&(counter, at): &(u32, u64)| {
            let is_it = |(other, time): &&(u32, u64)| *other == counter && *time >= at;
            self.seen.iter().find(is_it).map(|(_, time)| (time - at) as f64 / 1000.0)
        };
        let delays: Vec<f64> = self.shown.iter().filter_map(delay).collect();
        let missed = self.shown.len() - delays.len();
        (delays, missed as f64 / self.shown.len() as f64)
    }
}

/// Measures both, and gives the table.
pub(crate) async fn table(rounds: usize) -> Result<String, String> {
    let pages: Vec<Page> = (0..TURNS).map(Page::of).collect();
    let (mut ours, mut theirs, mut version) = (Vec::new(), Vec::new(), String::new());
    for round in 1..=rounds {
        eprintln!("a shared screen, round {round} of {rounds}: Tincan, Chromium");
        let stage = Stage::set(&pages[0]).await;
        let mut tincan = Tincan::start(&stage.screen).await?;
        ours.push(measure(&stage, &pages, &mut tincan).await?);
        tincan.end().await;
        let stage = Stage::set(&pages[0]).await;
        let mut chromium = Chromium::start(&stage.screen).await?;
        theirs.push(measure(&stage, &pages, &mut chromium).await?);
        version = std::mem::take(&mut chromium.version);
        chromium.process.end().await;
    }
    let of = |rounds: &[Round], value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(value));
    let both = |value: &dyn Fn(&Round) -> f64| (of(&ours, value), of(&theirs, value));
    let late = |watched: &Watched, share: f64| percentile(watched.delays().0, share);
    let title = format!("1080p at {KBPS} kbit/s, median of {rounds}");
    let mut table = Table::new(&title, &version);
    let turn = both(&|round| late(&round.turns, 0.95));
    table.row("page turned until seen p50, ms", both(&|round| late(&round.turns, 0.5)), Bar::None);
    table.row("page turned until seen p95, ms", turn, Bar::None);
    table.row("pages never seen, %", both(&|round| 100.0 * round.turns.delays().1), Bar::None);
    table.row("scrolled until seen p50, ms", both(&|round| late(&round.scroll, 0.5)), Bar::None);
    table.row("scrolled until seen p95, ms", both(&|round| late(&round.scroll, 0.95)), Bar::None);
    table.row("steps never seen, %", both(&|round| 100.0 * round.scroll.delays().1), Bar::None);
    table.row("sharpness of what stands still, dB", both(&|round| round.sharpness), Bar::None);
    let scroll = both(&|round| round.scroll.cores[0]);
    let still = both(&|round| round.still.cores[0]);
    table.row("CPU of whoever shares, scrolling, cores", scroll, Bar::None);
    table.row("CPU of whoever shares, still, cores", still, Bar::None);
    table.row("CPU of whoever looks, scrolling, cores", both(&|round| round.scroll.cores[1]), Bar::None);
    table.row("CPU of whoever looks, still, cores", both(&|round| round.still.cores[1]), Bar::None);
    let verdict = |value: f64, bar: f64| if value < bar { "met" } else { "MISSED" };
    Ok(format!(
        "{table}a page below {TURN_MS} ms at p95: {}; below {STILL_CORES} cores still: {}; below {SCROLL_CORES} scrolling: {}\n",
        verdict(turn.0, TURN_MS),
        verdict(still.0, STILL_CORES),
        verdict(scroll.0, SCROLL_CORES),
    ))
}

/// A screen with pages on it.
struct Stage {
    screen: Screen,
    easel: Easel,
}

impl Stage {
    async fn set(page: &Page) -> Self {
        let screen = Easel::screen().await;
        let easel = Easel::on(&screen);
        easel.show(page);
        Self { screen, easel }
    }
}

/// Two who are in a call, one of whom shares the screen.
trait Pair {
    /// What is seen while `work` is done, for so long at least.
    async fn watch(&mut self, time: Duration, work: impl Future<Output = Times>) -> Result<Watched, String>;
    /// Saves what is seen now.
    async fn picture(&mut self, path: &Path) -> Result<(), String>;
}

async fn measure(stage: &Stage, pages: &[Page], pair: &mut impl Pair) -> Result<Round, String> {
    let easel = &stage.easel;
    easel.raise();
    easel.show(&pages[0]);
    sleep(WARM_UP).await;
    let turning = async {
        let (mut shown, mut pace) = (Times::new(), interval(TURN));
        for number in 1..TURNS {
            pace.tick().await;
            easel.show(&pages[number as usize]);
            shown.push((number, micros()));
        }
        shown
    };
    let turns = pair.watch(TURN * TURNS + AFTER, turning).await?;
    let scrolling = async {
        let (mut shown, mut pace) = (Times::new(), interval(STEP));
        for step in 0..STEPS {
            pace.tick().await;
            let number = TURNS + step;
            easel.scroll(&pages[0], step as usize * ROWS, ROWS, number);
            shown.push((number, micros()));
        }
        shown
    };
    let scroll = pair.watch(STEP * STEPS + AFTER, scrolling).await?;
    easel.show(&pages[0]);
    sleep(AFTER).await;
    let still = pair.watch(STILL, async { Times::new() }).await?;
    let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    let path = folder.path().join("seen.png");
    pair.picture(&path).await?;
    Ok(Round { turns, scroll, still, sharpness: sharpness(&path, &pages[0])? })
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// How close the picture's brightness is to the page's (PSNR), in dB.
fn sharpness(picture: &Path, page: &Page) -> Result<f64, String> {
    let scale = format!("scale={},format=gray", Page::size());
    let output = Blocking::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(picture)
        .args(["-vf", &scale, "-frames:v", "1", "-f", "rawvideo", "-"])
        .output()
        .map_err(|error| format!("ffmpeg: {error}"))?;
    let drawn = page.luma();
    if output.stdout.len() != drawn.len() {
        return Err(format!("{} is no picture of the screen", picture.display()));
    }
    let square = |(one, other): (&u8, &u8)| f64::from(one.abs_diff(*other)).powi(2);
    let error = output.stdout.iter().zip(&drawn).map(square).sum::<f64>() / drawn.len() as f64;
    Ok(10.0 * (255.0_f64.powi(2) / error.max(1e-9)).log10())
}

/// Two `tincan call`.
struct Tincan {
    _server: Server,
    shares: Process,
    looks: Process,
}

impl Tincan {
    async fn start(screen: &Screen) -> Result<Self, String> {
        let server = Server::start().await;
        let url = server.url();
        let start = |name: &str, code: Option<&str>, more: &[&str]| {
            let mut command = Command::new(binary("tincan"));
            command.arg("call").args(code).args(["--server", &url, "--name", name]);
            command.args(["--camera", "none", "--microphone", "none", "--speaker", "none"]);
            command.args(["--max-kbps", &KBPS.to_string(), "--events", "json", "--stats", "json"]).args(more);
            command.env("DISPLAY", screen.name()).env_remove("WAYLAND_DISPLAY");
            Process::start(name, command)
        };
        let mut shares = start("Ada", None, &["--screen", "monitor"]);
        let code = |line: &str| {
            serde_json::from_str::<Value>(line).ok()?["joined"]["code"].as_str().map(str::to_owned)
        };
        let code = shares.look_for(LIMIT, "a code", code).await?;
        let mut looks = start("Ben", Some(&code), &["--read-stamp", "--every-stamp"]);
        let picture = |line: &str| (!seen(line)?.is_empty()).then_some(());
        looks.look_for(LIMIT, "a picture of the screen", picture).await?;
        Ok(Self { _server: server, shares, looks })
    }

    async fn end(self) {
        for mut side in [self.looks, self.shares] {
            side.type_line("leave").await;
            side.end().await;
        }
    }

    fn seconds(&self) -> [f64; 2] {
        [&self.shares, &self.looks].map(|side| usage::of_tree(side.id()).seconds)
    }
}

/// What a line of statistics says of the only screen.
fn seen(line: &str) -> Option<Times> {
    let line: Value = serde_json::from_str(line).ok()?;
    let screen = line["screens"].as_object()?.values().next()?;
    Some(times(&screen["seen"], 1.0))
}

fn times(list: &Value, factor: f64) -> Times {
    let time = |pair: &Value| Some((pair[0].as_u64()? as u32, (pair[1].as_f64()? * factor) as u64));
    list.as_array().into_iter().flatten().filter_map(time).collect()
}

impl Pair for Tincan {
    async fn watch(&mut self, time: Duration, work: impl Future<Output = Times>) -> Result<Watched, String> {
        let (before, began) = (self.seconds(), Instant::now());
        let (shown, ()) = tokio::join!(work, sleep(time));
        let (after, seconds) = (self.seconds(), began.elapsed().as_secs_f64());
        // Statistics are told every second, with what was seen until then.
        sleep(TURN + TURN / 2).await;
        let lines = std::iter::from_fn(|| self.looks.line_so_far());
        let seen = lines.filter_map(|line| seen(&line)).flatten().collect();
        while self.shares.line_so_far().is_some() {}
        Ok(Watched { shown, seen, cores: [0, 1].map(|side| (after[side] - before[side]) / seconds) })
    }

    async fn picture(&mut self, path: &Path) -> Result<(), String> {
        self.looks.type_line(&format!("save screen {}", path.display())).await;
        let saved = |line: &str| line.starts_with("Saved as").then_some(());
        self.looks.look_for(LIMIT, "a saved picture", saved).await
    }
}

/// Two Chromium, as `tests/browser/screen.js` starts them.
struct Chromium {
    process: Process,
    version: String,
}

impl Chromium {
    async fn start(screen: &Screen) -> Result<Self, String> {
        let mut command = node("screen.js");
        command.args(["--display", screen.name(), "--kbps", &KBPS.to_string()]).env_remove("WAYLAND_DISPLAY");
        let mut process = Process::start("screen.js", command);
        let ready =
            |line: &str| serde_json::from_str::<Value>(line).ok()?["ready"].as_str().map(str::to_owned);
        let version = process.look_for(LIMIT, "a picture of the screen", ready).await?;
        Ok(Self { process, version })
    }
}

impl Pair for Chromium {
    async fn watch(&mut self, time: Duration, work: impl Future<Output = Times>) -> Result<Watched, String> {
        self.process.type_line(&format!("watch {}", time.as_secs_f64())).await;
        let shown = work.await;
        let watched =
            |line: &str| serde_json::from_str::<Value>(line).ok().filter(|line| line["seen"].is_array());
        let watched = self.process.look_for(LIMIT, "what was seen", watched).await?;
        let cores = [0, 1].map(|side| number(&watched["cores"][side]));
        Ok(Watched { shown, seen: times(&watched["seen"], 1000.0), cores })
    }

    async fn picture(&mut self, path: &Path) -> Result<(), String> {
        self.process.type_line(&format!("picture {}", path.display())).await;
        let saved = |line: &str| line.contains("\"saved\"").then_some(());
        self.process.look_for(LIMIT, "a saved picture", saved).await
    }
}
