//! Room codes and the keys derived from them, the sealed envelopes between participants, and every message on the
//! wire: to the signalling server, through it, and on the control channel. `docs/protocol.md` is its text.
//!
//! **Invariant:** serde only. Nothing here does I/O, reads a clock or knows an async runtime; the one thing it takes
//! from outside is the operating system's random source.
#![forbid(unsafe_code)]

mod control;
mod message;
mod peer_id;
mod room_id;

pub use control::{ControlError, ControlMessage};
pub use message::{Candidate, Description, DescriptionKind, IceServer, PeerMessage};
pub use peer_id::{ParsePeerIdError, PeerId};
pub use room_id::{ParseRoomIdError, RoomId};
