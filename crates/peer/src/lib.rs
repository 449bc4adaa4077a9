//! One connection to one participant.
//!
//! [`Peer`] is a handle; one task owns the connection (`connection`), and a chain of stages (`stages`) handles media
//! packets inside `webrtc`'s driver: from what the owner hands over (`outgoing`) to the wire, and from the wire to what the
//! owner takes (`media`). No task is between. What both sides say to each other besides goes over `channels`.
//!
//! A stream is known by its [`Source`](tincan_protocol::Source): whether it has sound or pictures is a property of that.
//!
//! **Invariant:** the only crate that knows about `webrtc` and `rtc`.
#![forbid(unsafe_code)]

mod api;
mod bandwidth;
mod channels;
mod connection;
mod events;
mod interfaces;
mod media;
mod negotiation;
mod outgoing;
mod paths;
mod peer;
mod relays;
mod runtime;
mod setup;
mod shared;
mod sources;
mod stages;
mod stun;
mod tracks;

pub use api::*;
pub use events::PeerEvents;
pub use interfaces::{LocalAddress, LocalAddresses};
pub use peer::{Peer, PeerSender};

#[cfg(test)]
mod tests;
