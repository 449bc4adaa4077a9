//! The table, and what it was measured on.

use std::fmt;
use std::fs;

/// From both present to the first picture, in milliseconds: faster than a person perceives as waiting.
const FIRST_PICTURE_MS: f64 = 150.0;

/// What ours must reach.
pub(crate) enum Bar {
    None,
    /// So many times theirs.
    AtMost(f64),
    /// Within [`FIRST_PICTURE_MS`], and not later than theirs.
    FirstPicture,
}

pub(crate) struct Table {
    lines: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: &str, chromium: &str) -> Self {
        let mut table = Self::beside(title, "Chromium");
        table.lines.insert(0, format!("Chromium {chromium}, H.264"));
        table
    }

    /// Beside another program.
    pub(crate) fn beside(title: &str, other: &str) -> Self {
        Self { lines: vec![format!("{:<45} {:>9} {:>9} {:>7}  bar", title, "Tincan", other, "ratio")] }
    }

    pub(crate) fn row(&mut self, name: &str, (ours, theirs): (f64, f64), bar: Bar) {
        // Not measured this time.
        if ours.is_nan() && theirs.is_nan() {
            return;
        }
        let verdict = |met: bool| if met { "met" } else { "MISSED" };
        let said = match bar {
            Bar::None => String::new(),
            Bar::AtMost(ratio) => format!("at most {ratio:.1}: {}", verdict(ours <= ratio * theirs)),
            Bar::FirstPicture => {
                format!(
                    "at most {FIRST_PICTURE_MS:.0} ms and 1.0: {}",
                    verdict(ours <= FIRST_PICTURE_MS.min(theirs))
                )
            }
        };
        let line =
            format!("{name:<45} {} {} {}  {said}", cell(ours, 9), cell(theirs, 9), cell(ours / theirs, 7));
        self.lines.push(line.trim_end().to_owned());
    }
}

/// Two digits where they say something.
fn cell(value: f64, width: usize) -> String {
    match value {
        value if value.is_nan() => format!("{:>width$}", "-"),
        value if value.abs() < 10.0 => format!("{value:width$.2}"),
        value => format!("{value:width$.0}"),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Processors and memory.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("", |(_, name)| name);
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = read("/proc/meminfo");
    let kilobytes =
        memory.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(f64::NAN);
    format!(
        "{count} x {model}, {:.0} GB, Linux {}",
        kilobytes / 1e6,
        read("/proc/sys/kernel/osrelease").trim()
    )
}

/// The load over one, five and fifteen minutes, our own included.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
