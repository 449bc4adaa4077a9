//! What is printed on standard output.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use tincan_engine::api::{
    CallStatistics, CallView, NumberedEvent, Participant, ParticipantStatistics, Snapshot, Source,
};

use crate::frames::StreamReport;

/// A line for programs; each has one key that says what it is, or is a statistics line with `elapsed`.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Line<'a> {
    /// Where the engine stood when events began.
    Snapshot {
        snapshot: &'a Snapshot,
    },
    /// In the room.
    Joined {
        joined: Joined<'a>,
    },
    /// An event, as the window gets it.
    Event(&'a NumberedEvent),
    Statistics(StatisticsLine<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Joined<'a> {
    pub(crate) code: &'a str,
    pub(crate) invite_link: &'a str,
    /// A text to send to somebody.
    pub(crate) invitation: &'a str,
}

/// A second of the call.
#[derive(Serialize)]
pub(crate) struct StatisticsLine<'a> {
    /// Seconds since the program joined.
    pub(crate) elapsed: f64,
    pub(crate) statistics: &'a CallStatistics,
    /// By peer id, ours under `self`; with `--read-stamp` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stamps: Option<BTreeMap<String, StreamReport>>,
    /// What they share, by peer id; with `--read-stamp` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) screens: Option<BTreeMap<String, ScreenReport>>,
}

/// What is seen of a shared screen.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScreenReport {
    #[serde(flatten)]
    pub(crate) stream: StreamReport,
    /// Of the drawn text: how many letters can be read, and how many there are.
    pub(crate) legible: Option<(usize, usize)>,
}

/// Prints one line. A reader that has gone away is told by the closed pipe when there is nobody to read: no
/// error.
pub(crate) fn print(line: &Line<'_>) {
    if let Ok(text) = serde_json::to_string(line) {
        say(&text);
    }
}

/// Prints one line of text, at once even into a pipe.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Streams of this source, by whom they show.
pub(crate) fn by_peer(
    streams: BTreeMap<u32, StreamReport>,
    call: Option<&CallView>,
    source: Source,
) -> BTreeMap<String, StreamReport> {
    let name = |stream: u32| match stream {
        0 => (source == Source::Camera).then(|| "self".to_owned()),
        _ => {
            let shows = |other: &&Participant| {
                other.streams.iter().any(|shown| shown.stream == stream && shown.source == source)
            };
            call?.participants.iter().find(shows).map(|other| other.id.clone())
        }
    };
    streams.into_iter().filter_map(|(stream, report)| Some((name(stream)?, report))).collect()
}

/// A participant's second as a person reads it.
pub(crate) fn describe(elapsed: f64, name: &str, s: &ParticipantStatistics) -> String {
    let round_trip = s.round_trip_ms.map_or("-".to_owned(), |ms| format!("{ms:.0}"));
    format!(
        "{elapsed:6.0} s  {name}: round trip {round_trip} ms, sent {:.0} kbit/s {}x{}@{:.0} ({:.1}% lost), \
         received {:.0} kbit/s {}x{}@{:.0} ({:.1}% lost), {} freezes, path {}",
        s.sent_kbps,
        s.sent_width,
        s.sent_height,
        s.sent_fps,
        s.loss_sent,
        s.received_kbps,
        s.received_width,
        s.received_height,
        s.received_fps,
        s.loss_received,
        s.freezes,
        s.path.as_deref().unwrap_or("-"),
    )
}
