//! Counts, for Prometheus. No label holds anything about a person.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
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

/// Why somebody was refused: an [`ErrorCode`]'s name or a [`Refusal`]'s.
type Reason = [(&'static str, &'static str); 1];

/// What a server counts. Shared by all of its tasks; the counts are atomic.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) connections: Gauge,
    pub(crate) rooms: Gauge,
    pub(crate) participants: Gauge,
    pub(crate) accepted: Counter,
    pub(crate) joined: Counter,
    pub(crate) taken_back: Counter,
    pub(crate) lost: Counter,
    pub(crate) relayed: Counter,
    pub(crate) relayed_bytes: Counter,
    pub(crate) undeliverable: Counter,
    refused: Family<Reason, Counter>,
}

impl Metrics {
    /// What [`Metrics::render`] gives.
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    pub(crate) fn refuse(&self, code: ErrorCode) {
        self.reason(code.as_str()).inc();
    }

    pub(crate) fn refuse_below(&self, refusal: Refusal) {
        self.reason(refusal.name()).inc();
    }

    fn reason(&self, reason: &'static str) -> Counter {
        self.refused.get_or_create(&[("reason", reason)]).clone()
    }

    /// How often clients were refused with this code.
    pub fn refused(&self, code: ErrorCode) -> u64 {
        self.reason(code.as_str()).get()
    }

    /// How often clients were refused below the protocol's messages.
    pub fn refused_below(&self, refusal: Refusal) -> u64 {
        self.reason(refusal.name()).get()
    }

    /// Rooms now.
    pub fn rooms(&self) -> i64 {
        self.rooms.get()
    }

    /// Participants now, those within their grace time included.
    pub fn participants(&self) -> i64 {
        self.participants.get()
    }

    /// Connections now.
    pub fn connections(&self) -> i64 {
        self.connections.get()
    }

    /// Envelopes passed on.
    pub fn relayed(&self) -> u64 {
        self.relayed.get()
    }

    /// Everything in OpenMetrics' text format, which Prometheus reads.
    pub fn render(&self) -> String {
        // What has not happened yet is zero and not absent.
        let codes = ErrorCode::ALL.iter().map(|code| code.as_str());
        for reason in codes.chain(Refusal::ALL.map(Refusal::name)) {
            self.reason(reason);
        }
        let mut registry = Registry::with_prefix("tincan");
        let gauges = [
            ("connections", "Connections now", &self.connections),
            ("rooms", "Rooms now", &self.rooms),
            ("participants", "Participants now, those within their grace time included", &self.participants),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        let counters = [
            ("accepted", "TCP connections accepted", &self.accepted),
            ("joined", "New memberships of rooms", &self.joined),
            ("taken_back", "Memberships taken back on another connection", &self.taken_back),
            ("lost", "Connections lost without a farewell", &self.lost),
            ("relayed", "Envelopes passed on", &self.relayed),
            ("relayed_bytes", "Bytes of envelopes passed on, as JSON", &self.relayed_bytes),
            ("undeliverable", "Envelopes for somebody who was not connected", &self.undeliverable),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register("refused", "Clients refused or cut off", self.refused.clone());
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing to a string does not fail");
        text
    }
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
