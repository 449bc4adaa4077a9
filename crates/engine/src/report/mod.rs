//! How a call went, for whoever helps a person with it: figures and events while it lasts, and a page of them on request.
//!
//! It follows the same events that a window is told ([`Reporter::hear`]), so it goes on while no window looks, and knows nothing
//! that is not shown. People are numbers in it. What it keeps is thinned by [`series`] as the call grows.

mod history;
mod page;
mod plot;
mod series;
#[cfg(test)]
mod tests;
mod words;

use std::time::Instant;

pub(crate) use history::{History, Reporter};

use crate::api::ReportWords;
use crate::new_file::What;

/// What is saved.
pub(crate) const REPORT: What = What { name: "report", extension: "html", code: "report_not_saved" };
/// A system's name is a few words.
const MAX_SYSTEM: usize = 80;

/// The page. Reads a file of the system's.
pub(crate) fn write(history: &History, now: Instant, utc_offset: i32, words: ReportWords) -> String {
    let about = page::About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system: system(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        utc_offset,
    };
    page::write(history, history.lasted(now), &words::Words::new(words), &about)
}

/// `Linux x86_64, Debian GNU/Linux 13 (trixie)`.
fn system() -> String {
    let os = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "macOS",
        "windows" => "Windows",
        other => other,
    };
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map(|name| name.trim_matches(['"', '\'']).chars().take(MAX_SYSTEM).collect::<String>());
    let kind = format!("{os} {}", std::env::consts::ARCH);
    name.map_or_else(|| kind.clone(), |name| format!("{kind}, {name}"))
}
