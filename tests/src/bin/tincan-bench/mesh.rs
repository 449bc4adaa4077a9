//! Rooms of two to eight, beside the same meshes of Chromium: what a side takes and gets, and how long a newcomer waits.

use std::fmt::Write as _;

use crate::chromium;
use crate::clip::Clip;
use crate::numbers::{Case, Run, mean, median};
use crate::ours::{self, Place};
use crate::{FRAME_RATE, WARM_UP};

/// How many people, and on how many lines each of them is shown in a window of 1280x720.
const ROOMS: [(usize, u32); 5] = [(2, 720), (3, 360), (4, 360), (6, 240), (8, 240)];
/// Where fewer pictures than this share of the camera's arrive, the machine stops: what a larger room takes of it says
/// nothing.
const STOPS: f64 = 0.5;
/// A tenth fewer pictures are equal.
const EQUAL: f64 = 0.9;

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Everybody is shown at any size, as Chromium sends.
    Whole,
    /// Everybody is shown as large as in the window's grid.
    Grid,
    Chromium,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Whole, Self::Grid, Self::Chromium];

    const fn name(self) -> &'static str {
        match self {
            Self::Whole => "Tincan",
            Self::Grid => "Tincan, as a grid",
            Self::Chromium => "Chromium",
        }
    }
}

/// The medians of one room's rounds.
struct Row {
    people: usize,
    kind: Kind,
    cpu: f64,
    encoder_cpu: f64,
    memory: f64,
    first_ms: f64,
    received: Case,
}

impl Row {
    fn of(people: usize, kind: Kind, runs: &[Run]) -> Self {
        let of = |value: fn(&Run) -> f64| median(runs.iter().map(value));
        Self {
            people,
            kind,
            cpu: of(|run| run.cpu),
            encoder_cpu: of(|run| run.encoder_cpu),
            memory: of(|run| run.memory),
            first_ms: of(|run| run.first_ms),
            received: Case::mean(&runs.iter().map(Run::everybody).collect::<Vec<_>>()),
        }
    }

    fn is_beyond_the_machine(&self) -> bool {
        self.received.fps < f64::from(FRAME_RATE) * STOPS
    }

    fn line(&self) -> String {
        let Case { fps, height, kbps, .. } = self.received;
        let Self { people, cpu, encoder_cpu, memory, first_ms, .. } = self;
        let encoder = if encoder_cpu.is_nan() { "-".to_owned() } else { format!("{encoder_cpu:.2}") };
        format!(
            "{people:>6} {:<18} {cpu:>6.2} {encoder:>8} {memory:>7.0} {fps:>5.1} {height:>6.0} {kbps:>7.0} {first_ms:>9.0}",
            self.kind.name()
        )
    }
}

/// Measures every room, and gives the table.
pub(crate) async fn table(clip: &Clip, rounds: usize, seconds: u64) -> String {
    let mut rows: Vec<Row> = Vec::new();
    let mut given_up: Vec<Kind> = Vec::new();
    let mut table = format!(
        "{:>6} {:<18} {:>6} {:>8} {:>7} {:>5} {:>6} {:>7} {:>9}\n",
        "people", "a side", "cores", "encoder", "MB", "fps", "height", "kbit/s", "newcomer"
    );
    for (people, lines) in ROOMS {
        let mut runs = Kind::ALL.map(|kind| (kind, Vec::new()));
        for round in 1..=rounds {
            for (kind, runs) in &mut runs {
                if given_up.contains(kind) {
                    continue;
                }
                eprintln!("{people} people, {}, round {round} of {rounds}", kind.name());
                let shown = lines.to_string();
                match kind {
                    Kind::Whole => runs.push(ours::room(clip, people, &[], Place::Loopback, seconds).await),
                    Kind::Grid => {
                        let shown = ["--show-lines", &shown];
                        runs.push(ours::room(clip, people, &shown, Place::Loopback, seconds).await);
                    }
                    Kind::Chromium => match chromium::room(clip, people, None, seconds).await {
                        Ok(measured) => runs.push(measured.run),
                        Err(why) => {
                            eprintln!("{why}");
                            given_up.push(*kind);
                        }
                    },
                }
            }
        }
        for (kind, runs) in runs {
            if runs.is_empty() {
                let _ = writeln!(table, "{people:>6} {:<18} beyond this machine", kind.name());
                continue;
            }
            let row = Row::of(people, kind, &runs);
            // They come as they are measured: a run of many rooms is long.
            eprintln!("{}", row.line());
            let _ = writeln!(table, "{}", row.line());
            if row.is_beyond_the_machine() {
                given_up.push(kind);
            }
            rows.push(row);
        }
    }
    let _ = writeln!(
        table,
        "{} lines; cores, MB and what is received: mean of all sides, after {} s; newcomer: ms until the last one who comes sees \
         and is seen by all\n{}",
        clip.resolution.height,
        WARM_UP.as_secs(),
        bars(&rows)
    );
    table
}

/// What must be true, and whether it is.
fn bars(rows: &[Row]) -> String {
    let find = |people, kind| {
        rows.iter().find(|row| row.people == people && row.kind == kind && !row.is_beyond_the_machine())
    };
    let mut said = String::new();
    let mut say = |what: String, met: Option<bool>| {
        let verdict = match met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not to be seen on this machine",
        };
        let _ = writeln!(said, "{what}: {verdict}");
    };
    for people in [3, 4] {
        let pair = find(people, Kind::Whole).zip(find(people, Kind::Chromium));
        let ratio = pair.map(|(ours, theirs)| ours.cpu / theirs.cpu);
        let equal = pair.map(|(ours, theirs)| {
            let (ours, theirs) = (ours.received, theirs.received);
            ours.fps >= EQUAL * theirs.fps && ours.height >= theirs.height
        });
        say(
            format!(
                "{people} people: at most 0.5 of Chromium's CPU ({:.2}), with pictures as good",
                ratio.unwrap_or(f64::NAN)
            ),
            ratio.zip(equal).map(|(ratio, equal)| ratio <= 0.5 && equal),
        );
    }
    let rooms = |kind, few, many| find(few, kind).zip(find(many, kind));
    let growth = rooms(Kind::Grid, 2, 6).map(|(two, six)| six.cpu / two.cpu);
    say(
        format!("6 people as a grid: at most 1.5 of the CPU of 2 ({:.2})", growth.unwrap_or(f64::NAN)),
        growth.map(|growth| growth <= 1.5),
    );
    // Against the mean of all rooms that are shown alike: one room's share varies by a tenth from run to run.
    for kind in [Kind::Whole, Kind::Grid] {
        let shares: Vec<f64> = [2, 3, 4, 6, 8]
            .iter()
            .filter_map(|people| find(*people, kind))
            .map(|row| row.encoder_cpu)
            .collect();
        let last = shares.last().copied().filter(|_| shares.len() > 1);
        say(
            format!(
                "{}: the encoder's share does not grow with the people ({})",
                kind.name(),
                shares.iter().map(|share| format!("{share:.2}")).collect::<Vec<_>>().join(", ")
            ),
            last.map(|last| last <= 1.2 * mean(&shares)),
        );
    }
    said
}
