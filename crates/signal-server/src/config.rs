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
    /// Participants in a room.
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
    /// Messages kept for one participant: on their way to it, or to be sent again when it resumes.
    pub queued_messages: usize,
    /// The same in bytes.
    pub queued_bytes: usize,
    /// What is kept for all participants together, in bytes. Above it nobody's messages are kept after they were sent.
    pub queued_bytes_in_total: usize,
    /// And whoever then has more than this waiting is cut off.
    pub queued_bytes_when_short: usize,
    /// From the TCP connection to `join`: half-open connections cost nothing for longer than this.
    pub join_timeout: Duration,
    /// Between pings.
    pub ping: Duration,
    /// After so long without any frame a connection counts as lost.
    pub idle: Duration,
    /// For one frame to be taken by the client's TCP.
    pub write: Duration,
    /// How long a place is kept after its connection was lost.
    pub grace: Duration,
    /// After so long such a place goes to a newcomer for whom the room has no other.
    pub yielding: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Calls are between two for now; the protocol and the client take any number.
            participants: 2,
            // A family or an office behind one address.
            rooms_per_address: 32,
            connections_per_address: 64,
            // A company or a town behind one /48; an attacker with one is no more than four addresses.
            rooms_per_site: 128,
            connections_per_site: 256,
            // About 9 KiB each while idle: 90 MiB.
            connections: 10_000,
            // Connecting takes about 30 messages per participant, over within seconds; after a restart of the server
            // a client may send its whole memory of 256 again at once.
            messages_per_second: 50,
            message_burst: 500,
            // As many as a client remembers; see there.
            queued_messages: 256,
            queued_bytes: 512 * 1024,
            // A usual call has some 30 KiB while it connects, so 10,000 participants at once have 300 MB at most; what
            // does not read could have 5 GB.
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
