//! What a server is started with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls;

use crate::metrics::Metrics;

/// What a server is started with. `Debug` does not show the TURN secret.
#[derive(Debug, Clone, Default)]
pub struct ServerConfig {
    /// Bounds.
    pub limits: Limits,
    /// STUN servers that clients are told of, `stun:host:port`.
    pub stun_urls: Vec<String>,
    /// TURN servers that clients get credentials for.
    pub turn: Option<TurnConfig>,
    /// TLS; `None` serves `ws:`, behind a proxy or on the local network.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The counts; keep a clone to read them.
    pub metrics: Arc<Metrics>,
    /// Whether a proxy in front sets `X-Forwarded-For`; its last entry is then the client's address. Without such a
    /// proxy anybody could write that header, so it is not read.
    pub trust_forwarded: bool,
}

/// coturn's shared-secret scheme ("TURN REST API").
#[derive(Clone)]
pub struct TurnConfig {
    /// `turn:` and `turns:` URLs.
    pub urls: Vec<String>,
    /// coturn's `static-auth-secret`.
    pub secret: String,
    /// How long credentials hold.
    pub lifetime: Duration,
}

impl TurnConfig {
    /// Renewed when half of it is over, so that somebody who needs a relay late in a call has at least an hour left; a
    /// server that goes down for as long ends nothing. coturn asks for valid credentials only when an allocation is made.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
}

impl fmt::Debug for TurnConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnConfig").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// Bounds. Each has a reason beside its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Participants in a room. What depends on it is in [`Limits::for_participants`].
    pub participants: usize,
    /// Rooms that exist because of one address: an IPv4 address, or a /64 of IPv6.
    pub rooms_per_address: usize,
    /// Rooms that exist because of one site: a /48 of IPv6.
    pub rooms_per_site: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
    /// Connections from one site.
    pub connections_per_site: usize,
    /// Connections altogether.
    pub connections: usize,
    /// Messages a second on one connection in the long run; each 4 KiB count as one more.
    pub messages_per_second: u32,
    /// Messages at once on one connection.
    pub message_burst: u32,
    /// Messages that wait for one participant to read them.
    pub queued_messages: usize,
    /// The same in bytes.
    pub queued_bytes: usize,
    /// What waits for all participants together, in bytes.
    pub queued_bytes_in_total: usize,
    /// Whoever has more than this waiting while it is more is cut off.
    pub queued_bytes_when_short: usize,
    /// From the TCP connection to `join`: half-open connections cost nothing for longer than this.
    pub join_timeout: Duration,
    /// Between pings.
    pub ping: Duration,
    /// After so long without any frame a connection counts as lost.
    pub idle: Duration,
    /// For one frame to be taken by the client's TCP.
    pub write: Duration,
    /// How long a membership is kept after its connection was lost.
    pub grace: Duration,
    /// After so long a full room gives such a membership to a newcomer.
    pub yielding: Duration,
}

/// How many a room takes unless it is said otherwise: everybody sends to everybody, and more than seven pictures are more
/// than a home's connection carries up.
const PARTICIPANTS: usize = 8;
/// What a client keeps for each other participant until it is acknowledged, and sends again at once when it comes back:
/// at most so many messages (`docs/protocol.md`, "Delivery").
const KEPT_FOR_EACH: usize = 64;
/// And at most 1 MiB in all, which costs as many messages as it has pieces of 4 KiB. Twice that, since it acknowledges
/// what the others send again at the same time.
const BURST_FOR_LARGE: usize = 512;
/// What may wait for a client from each other participant: a description, its candidates and what was sent again once or
/// twice while the path was slow.
const QUEUED_FROM_EACH: usize = 64 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self::for_participants(PARTICIPANTS)
    }
}

impl Limits {
    /// Bounds for rooms of so many: a client that comes back to all of them at once stays within these.
    pub fn for_participants(participants: usize) -> Self {
        let burst = participants.saturating_mul(KEPT_FOR_EACH).saturating_add(BURST_FOR_LARGE);
        Self {
            participants,
            message_burst: u32::try_from(burst).unwrap_or(u32::MAX),
            queued_messages: participants.saturating_mul(KEPT_FOR_EACH),
            queued_bytes: participants.saturating_mul(QUEUED_FROM_EACH),
            // A family or an office behind one address.
            rooms_per_address: 32,
            connections_per_address: 64,
            // A company or a town behind one /48; an attacker with one is no more than four addresses.
            rooms_per_site: 128,
            connections_per_site: 256,
            // About 9 KiB each while idle: 90 MiB.
            connections: 10_000,
            // Whoever joins a room of eight sends about 200 within seconds, which the burst takes; seven ICE restarts at once
            // are as many again. In between hardly anything is sent.
            messages_per_second: 50,
            // For whoever reads next to nothing waits, and 10,000 participants that do not read could have 5 GB.
            queued_bytes_in_total: 256 * 1024 * 1024,
            // One description and its candidates: a client that reads has no more waiting.
            queued_bytes_when_short: 64 * 1024,
            // A TLS handshake and two round trips on the worst path that can carry a call.
            join_timeout: Duration::from_secs(10),
            // Below the 30 s to 60 s after which proxies close idle connections.
            ping: Duration::from_secs(15),
            // Three pings.
            idle: Duration::from_secs(45),
            write: Duration::from_secs(10),
            // Changing from Wi-Fi to mobile takes up to ten seconds, and the client's backoff as much again.
            grace: Duration::from_secs(20),
            // A program that crashed is not started again sooner; most sockets that break are back by then.
            yielding: Duration::from_secs(3),
        }
    }
}
