//! The participant's side of signalling: keeps a membership of a room on the server, seals what is sent and opens what
//! comes, sees to it that everything arrives once and in order, reconnects with backoff, and finds local calls by mDNS.
//!
//! **Invariant:** never sees SDP or candidates as anything but opaque [`PeerMessage`]s, and never acts on a message
//! that did not open.
//!
//! [`SignalClient::join`] returns when the server has given its first answer. From then on one task owns the
//! connection and what is to be delivered; [`SignalClient`] talks to it, and [`SignalEvent`]s come out of a bounded
//! channel. [`SignalClient::leave`] returns when the task has ended; dropping the client ends it at once.
#![forbid(unsafe_code)]

mod backoff;
mod client;
mod config;
mod connect;
mod delivery;
mod discovery;
mod error;
mod line;
mod race;
mod scoped;
mod statistics;
mod task;

use tincan_protocol::{IceServer, PeerId, PeerMessage};

pub use client::{SignalClient, SignalEvents};
pub use config::{SignalConfig, Timing};
pub use discovery::{
    ANSWER, Answer, Browser, DiscoveryError, FoundServer, NearbyHost, RoomSearch, ask, browse, discover,
};
pub use error::{JoinError, SendError};
pub use statistics::SignalStatistics;

/// What happens on the signalling connection.
#[derive(Debug)]
pub enum SignalEvent {
    /// In the room, for the first time or again. `peers` is everyone else there now.
    ///
    /// Again after [`SignalEvent::Disconnected`] or a move. After a restart of the server the others may still be on their way
    /// back, so somebody who is missing in `peers` is not thereby gone: they come with
    /// [`SignalEvent::PeerJoined`], under the same id.
    Joined {
        /// Everyone else in the room.
        peers: Vec<PeerId>,
        /// How many the server lets into the room, everybody included.
        capacity: u32,
        /// STUN and TURN servers, with short-lived credentials.
        ice_servers: Vec<IceServer>,
    },
    /// Somebody came in.
    PeerJoined(PeerId),
    /// The server says that somebody is gone (left, or its connection was lost for longer than the grace time).
    PeerLeft(PeerId),
    /// The next message from somebody, who alone can have sealed it.
    Message {
        /// From whom.
        from: PeerId,
        /// What it says.
        message: PeerMessage,
    },
    /// Fresh STUN and TURN servers, for connections that are made from now on.
    IceServers(Vec<IceServer>),
    /// The connection is lost; the client keeps trying by itself.
    Disconnected,
    /// The server will not have us again, and waiting does not mend it ([`JoinError::retry`]). The last event.
    Refused(JoinError),
}
