//! The participant's side of signalling: keeps a place in a room on the server, seals what is sent and opens what
//! comes, reconnects with backoff, and finds local calls by mDNS.
//!
//! **Invariant:** never sees SDP or candidates as anything but opaque [`PeerMessage`]s, and never acts on a message
//! that did not open.
#![forbid(unsafe_code)]

use tincan_protocol::{IceServer, PeerId, PeerMessage};

/// What happens on the signalling connection.
#[derive(Debug)]
pub enum SignalEvent {
    /// In the room, for the first time or again. `peers` is everyone else there now.
    Joined {
        /// Everyone else in the room.
        peers: Vec<PeerId>,
        /// STUN and TURN servers, with short-lived credentials.
        ice_servers: Vec<IceServer>,
    },
    /// Somebody came in.
    PeerJoined(PeerId),
    /// The server says that somebody is gone (left, or its connection was lost for longer than the grace time).
    PeerLeft(PeerId),
    /// A message that opened under the room's key.
    Message {
        /// Who sealed it.
        from: PeerId,
        /// What it says.
        message: PeerMessage,
    },
    /// The connection is lost; the client keeps trying by itself.
    Disconnected,
}
