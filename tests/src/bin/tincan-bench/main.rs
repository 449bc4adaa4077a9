//! What `cargo xtask bench` runs: calls between two Tincan and calls between two Chromium, in turns, on the same clip at
//! the same bitrate, and one table of both. Numbers of one machine at one time: only their ratios travel.
#![forbid(unsafe_code)]

mod chromium;
mod clip;
mod files;
mod mesh;
mod networks;
mod numbers;
mod ours;
mod rated;
#[cfg(target_os = "linux")]
mod screens;
mod sound;
mod table;
mod usage;
mod windows;

use std::time::Duration;

use tincan_media::video::Resolution;
use tincan_tests::numbers::percentile;
use tincan_tests::process::programs;

use chromium::Chromium;
use clip::Clip;
use numbers::{Run, median};
use ours::Place;
use table::{Bar, Table};

/// What pictures may take, in kbit/s: what Chromium sends of 720p is good at this rate, and both reach it.
pub(crate) const VIDEO_KBPS: u64 = 1_500;
/// Our limit is for sound and pictures, Chromium's for pictures: what Opus takes with its headers.
pub(crate) const AUDIO_KBPS: u64 = 50;
/// In which the rate climbs to what the network takes.
pub(crate) const WARM_UP: Duration = Duration::from_secs(8);
/// Of the camera.
pub(crate) const FRAME_RATE: u32 = 30;
/// Whose way from the microphone to the speaker is timed, one a second.
const BURSTS: u32 = 40;
const USAGE: &str = "Usage: tincan-bench [--seconds N] [--rounds N] [--window] [--networks] [--random SEED] [--mesh] [--files] [--screen]
                    [--height N] [--only PART]
PART: calls, sound, windows (whoever draws their pictures), or words of a network's or a file case's name
--networks calls over the networks of tests/networks.txt too, with --random SEED over ten that the seed draws
--files measures files without a call instead
--screen measures a shared screen instead
--mesh measures rooms of two to eight instead, at --height lines (720)";

struct Options {
    seconds: u64,
    rounds: usize,
    window: bool,
    networks: bool,
    /// Networks are drawn by this seed.
    random: Option<u64>,
    mesh: bool,
    files: bool,
    screen: bool,
    /// Of the camera's pictures in rooms.
    height: u32,
    /// For whoever works on one part.
    only: Option<String>,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut options = Self {
            seconds: 20,
            rounds: 3,
            window: false,
            networks: false,
            random: None,
            mesh: false,
            files: false,
            screen: false,
            height: Resolution::HD.height,
            only: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let number = arguments.next().and_then(|number| number.parse::<u64>().ok());
                number.filter(|number| *number > 0).ok_or_else(|| format!("{argument} takes a number"))
            };
            match argument.as_str() {
                "--seconds" => options.seconds = number()?,
                "--rounds" => options.rounds = number()? as usize,
                "--window" => options.window = true,
                "--networks" => options.networks = true,
                "--random" => (options.networks, options.random) = (true, Some(number()?)),
                "--mesh" => options.mesh = true,
                "--files" => options.files = true,
                "--screen" => options.screen = true,
                "--height" => options.height = number()? as u32,
                "--only" => options.only = Some(arguments.next().ok_or("--only takes a part's name")?),
                other => return Err(format!("`{other}` is not understood.\n{USAGE}")),
            }
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| part.contains(only))
    }
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let options = Options::parse()?;
    if !cfg!(target_os = "linux") {
        return Err("what programs take of this machine is read from /proc, which only Linux has".into());
    }
    println!("{}, load {}", table::machine(), table::load());
    if options.mesh {
        // Pictures have an even number of rows and columns.
        let height = options.height & !1;
        let clip = Clip::make(Resolution::new((height * 16 / 9) & !1, height));
        println!("\n{}", mesh::table(&clip, options.rounds, options.seconds).await);
        println!("load at the end: {}", table::load());
        return Ok(());
    }
    if options.files {
        println!("\n{}", files::table(options.rounds, options.only.as_deref()).await?);
        println!("load at the end: {}", table::load());
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    if options.screen {
        println!("\n{}", screens::table(options.rounds).await?);
        println!("load at the end: {}", table::load());
        return Ok(());
    }
    let clip = Clip::make(Resolution::HD);
    let mut pairs = Pairs::default();
    for round in (1..=options.rounds).filter(|_| options.wants("calls")) {
        eprintln!(
            "round {round} of {}: Tincan, Chromium{}",
            options.rounds,
            if options.window { ", window" } else { "" }
        );
        pairs.ours.push(ours::call(&clip, Place::Loopback, VIDEO_KBPS, options.seconds, None, None).await);
        pairs.theirs.push(chromium::call(&clip, None, VIDEO_KBPS, options.seconds, None, None).await?);
        if options.window {
            pairs.windows.push(windows::call(&clip, options.seconds, &[]).await);
        }
    }
    if options.wants("sound") {
        eprintln!("sound: Tincan, Chromium");
        pairs.voice = (sound::ours(BURSTS).await, sound::theirs(BURSTS).await);
    }
    if options.wants("calls") || options.wants("sound") {
        println!("\n{}", pairs.table());
    }
    if options.only.as_deref() == Some("windows") {
        println!("{}", windows::ways(&clip, options.seconds, options.rounds).await);
    }
    if options.networks {
        let wants = |name: &str| options.only.is_none() || options.wants(name);
        let table = networks::table(&clip, options.rounds, options.seconds, options.random, wants).await?;
        println!("{table}");
    }
    println!("{}", sizes());
    println!("load at the end: {}", table::load());
    Ok(())
}

/// All rounds without anything in the way.
#[derive(Default)]
struct Pairs {
    ours: Vec<Run>,
    theirs: Vec<Chromium>,
    windows: Vec<windows::Usage>,
    /// Milliseconds from microphone to speaker, ours and theirs.
    voice: (Vec<f64>, Vec<f64>),
}

impl Pairs {
    fn table(&self) -> Table {
        let ours = |value: fn(&Run) -> f64| median(self.ours.iter().map(value));
        let theirs = |value: fn(&Run) -> f64| median(self.theirs.iter().map(|one| value(&one.run)));
        let version = self.theirs.first().map_or("", |one| one.version.as_str());
        let mut table =
            Table::new(&format!("720p30 both ways on loopback, median of {}", self.ours.len()), version);
        let both = |value: fn(&Run) -> f64| (ours(value), theirs(value));

        table.row("first picture, both present, ms", both(|run| run.first_ms), Bar::FirstPicture);
        table.row(
            "first picture, from the command to join, ms",
            (ours(|run| run.join_ms), f64::NAN),
            Bar::None,
        );
        table.row("camera to screen p50, ms", both(|run| run.delay_p50), Bar::None);
        table.row("camera to screen p95, ms", both(|run| run.delay_p95), Bar::AtMost(1.0));
        for (name, share) in [("p50", 0.5), ("p95", 0.95)] {
            let [ours, theirs] = [&self.voice.0, &self.voice.1].map(|ways| percentile(ways.clone(), share));
            table.row(&format!("microphone to speaker {name}, ms"), (ours, theirs), Bar::None);
        }
        table.row("CPU a side, cores", both(|run| run.cpu), Bar::AtMost(0.6));
        table.row("memory a side (PSS), MB", both(|run| run.memory), Bar::AtMost(0.6));
        if !self.windows.is_empty() {
            let windows = |value: fn(&windows::Usage) -> f64| median(self.windows.iter().map(value));
            let memory = (windows(|one| one.memory), theirs(|run| run.memory));
            for (name, ours, theirs) in [
                ("p50", windows(|one| one.delay_p50), theirs(|run| run.delay_p50)),
                ("p95", windows(|one| one.delay_p95), theirs(|run| run.delay_p95)),
            ] {
                table.row(&format!("one window to the other {name}, ms"), (ours, theirs), Bar::None);
            }
            table.row(
                "CPU a side with the window, cores",
                (windows(|one| one.cpu), theirs(|run| run.cpu)),
                Bar::AtMost(1.0),
            );
            table.row("  of this the engine's process", (windows(|one| one.own_cpu), f64::NAN), Bar::None);
            table.row(
                "  pictures drawn a second",
                (windows(|one| one.fps), theirs(|run| run.newcomer().fps)),
                Bar::None,
            );
            table.row("memory a side with the window, MB", memory, Bar::AtMost(0.6));
            table.row("  of this the engine's process", (windows(|one| one.own_memory), f64::NAN), Bar::None);
        }
        table.row("pictures a second", both(|run| run.newcomer().fps), Bar::None);
        table.row("height", both(|run| run.newcomer().height), Bar::None);
        table.row("kbit/s", both(|run| run.newcomer().kbps), Bar::None);
        table
    }
}

/// What is shipped.
fn sizes() -> String {
    let mut files = vec![programs().join("tincan-app"), programs().join("tincan")];
    let bundles = std::fs::read_dir(programs().join("bundle/deb")).into_iter().flatten().flatten();
    files.extend(
        bundles.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "deb")),
    );
    let line = |path: &std::path::PathBuf| {
        let megabytes = std::fs::metadata(path).ok()?.len() as f64 / 1e6;
        let bar = match (path.extension(), megabytes < 20.0) {
            (None, _) => "",
            (Some(_), true) => "  (bar 20: met)",
            (Some(_), false) => "  (bar 20: MISSED)",
        };
        Some(format!("{:<40} {megabytes:7.1} MB{bar}\n", path.file_name()?.to_string_lossy()))
    };
    files.iter().filter_map(line).collect()
}
