//! Counts, and Prometheus's text format. No label holds anything about a person.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tincan_protocol::ErrorCode;

/// Refusals that happen below the protocol's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// An address with too many connections.
    ConnectionsPerAddress,
    /// Too many connections altogether.
    Connections,
    /// No TLS handshake, or none in time.
    Tls,
    /// No complete HTTP request in time, or not HTTP.
    Http,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::ConnectionsPerAddress, Self::Connections, Self::Tls, Self::Http];

    fn name(self) -> &'static str {
        match self {
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::Connections => "connections",
            Self::Tls => "tls",
            Self::Http => "http",
        }
    }
}

/// How many codes the protocol has; [`ErrorCode::ALL`]'s length.
const CODES: usize = ErrorCode::ALL.len();

/// The server's counts.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) connections: Gauge,
    pub(crate) rooms: Gauge,
    pub(crate) participants: Gauge,
    pub(crate) accepted: Counter,
    pub(crate) joined: Counter,
    pub(crate) resumed: Counter,
    pub(crate) lost: Counter,
    pub(crate) relayed: Counter,
    pub(crate) relayed_bytes: Counter,
    pub(crate) undeliverable: Counter,
    refused: [Counter; CODES],
    refused_below: [Counter; Refusal::ALL.len()],
}

/// Goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }
}

/// Goes up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metrics {
    pub(crate) fn refuse(&self, code: ErrorCode) {
        if let Some(place) = ErrorCode::ALL.iter().position(|known| *known == code) {
            self.refused[place].add(1);
        }
    }

    pub(crate) fn refuse_below(&self, refusal: Refusal) {
        self.refused_below[refusal as usize].add(1);
    }

    /// How often clients were refused with this code.
    pub fn refused(&self, code: ErrorCode) -> u64 {
        ErrorCode::ALL.iter().position(|known| *known == code).map_or(0, |place| self.refused[place].get())
    }

    /// How often clients were refused below the protocol's messages.
    pub fn refused_below(&self, refusal: Refusal) -> u64 {
        self.refused_below[refusal as usize].get()
    }

    /// Rooms now.
    pub fn rooms(&self) -> i64 {
        self.rooms.0.load(Ordering::Relaxed)
    }

    /// Participants now, those within their grace time included.
    pub fn participants(&self) -> i64 {
        self.participants.0.load(Ordering::Relaxed)
    }

    /// Connections now.
    pub fn connections(&self) -> i64 {
        self.connections.0.load(Ordering::Relaxed)
    }

    /// Envelopes passed on.
    pub fn relayed(&self) -> u64 {
        self.relayed.get()
    }

    /// Everything in Prometheus's text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let gauges = [
            ("tincan_connections", "Connections now.", &self.connections),
            ("tincan_rooms", "Rooms now.", &self.rooms),
            (
                "tincan_participants",
                "Places in rooms now, those within their grace time included.",
                &self.participants,
            ),
        ];
        for (name, help, gauge) in gauges {
            let value = gauge.0.load(Ordering::Relaxed);
            line(&mut text, &format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}"));
        }
        let counters = [
            ("tincan_accepted_total", "TCP connections accepted.", &self.accepted),
            ("tincan_joined_total", "New places in rooms.", &self.joined),
            ("tincan_resumed_total", "Places taken back after a lost connection.", &self.resumed),
            ("tincan_lost_total", "Connections lost without a farewell.", &self.lost),
            ("tincan_relayed_total", "Envelopes passed on.", &self.relayed),
            ("tincan_relayed_bytes_total", "Bytes of envelopes passed on, as JSON.", &self.relayed_bytes),
            ("tincan_undeliverable_total", "Envelopes for somebody who was not there.", &self.undeliverable),
        ];
        for (name, help, counter) in counters {
            line(
                &mut text,
                &format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {}", counter.get()),
            );
        }
        line(
            &mut text,
            "# HELP tincan_refused_total Clients refused or cut off.\n# TYPE tincan_refused_total counter",
        );
        let codes = ErrorCode::ALL.iter().map(|code| (code.as_str(), self.refused(*code)));
        let below = Refusal::ALL.iter().map(|refusal| (refusal.name(), self.refused_below(*refusal)));
        for (reason, count) in codes.chain(below) {
            line(&mut text, &format!("tincan_refused_total{{reason=\"{reason}\"}} {count}"));
        }
        text
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_own_line() {
        let metrics = Metrics::default();
        metrics.refuse(ErrorCode::RoomFull);
        metrics.refuse(ErrorCode::RoomFull);
        metrics.refuse_below(Refusal::Http);
        let text = metrics.render();
        assert!(text.contains("tincan_refused_total{reason=\"room_full\"} 2\n"), "{text}");
        assert!(text.contains("tincan_refused_total{reason=\"http\"} 1\n"), "{text}");
        assert_eq!(text.matches("reason=").count(), ErrorCode::ALL.len() + Refusal::ALL.len());
    }
}
