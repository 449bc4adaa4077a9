//! What a client is started with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tincan_protocol::{Identity, Intent, RoomKeys};
use tokio_rustls::rustls;
use url::Url;

/// Which room, on which server, as whom. `Debug` shows neither.
#[derive(Clone)]
pub struct SignalConfig {
    /// The server: `ws:` or `wss:`, see [`tincan_protocol::parse_server_url`].
    pub server: Url,
    /// The room's id and key.
    pub keys: RoomKeys,
    /// Who we are; a fresh [`Identity::random`] for every stay, because messages are numbered anew.
    pub identity: Identity,
    /// Whether the room must exist already.
    pub intent: Intent,
    /// How long to wait for what.
    pub timing: Timing,
    /// How to check a `wss:` server; `None` trusts what the operating system trusts.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl SignalConfig {
    /// With the default timing and the operating system's trust.
    pub fn new(server: Url, keys: RoomKeys, identity: Identity, intent: Intent) -> Self {
        Self { server, keys, identity, intent, timing: Timing::default(), tls: None }
    }
}

impl fmt::Debug for SignalConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalConfig")
            .field("intent", &self.intent)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// For a connection and the server's first answer.
    pub join: Duration,
    /// Between pings while nothing else is sent.
    pub ping: Duration,
    /// After so long without anything from the server the connection counts as lost.
    pub silence: Duration,
    /// The longest wait between two attempts to reconnect.
    pub longest_backoff: Duration,
    /// For what is still to be sent in [`crate::SignalClient::leave`].
    pub farewell: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            // Three tries of a lost TCP SYN (1 s, 3 s, 7 s; RFC 6298) fit, and a person still waits.
            join: Duration::from_secs(10),
            // Two and a half fit into `silence`, so that one lost ping is no lost connection. NAT bindings for TCP
            // last much longer (RFC 5382).
            ping: Duration::from_secs(8),
            // Below the server's default for idle clients plus grace (45 s + 20 s), so that a place is taken back
            // before it is given away.
            silence: Duration::from_secs(20),
            // A server that was down is found again within this time, at a cost of four attempts a minute.
            longest_backoff: Duration::from_secs(15),
            // One round trip on any path that can carry a call, or a new connection on most.
            farewell: Duration::from_secs(2),
        }
    }
}
