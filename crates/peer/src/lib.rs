//! One connection to one participant.
//!
//! [`Peer`] is a handle; one task owns the connection (`connection`), and a chain of stages (`stages`) handles media
//! packets inside `webrtc`'s driver: the pacer, retransmission both ways, sender reports and what is received.
//!
//! **Invariant:** the only crate that knows about `webrtc` and `rtc`.
#![forbid(unsafe_code)]

mod api;
mod bandwidth;
mod connection;
mod control;
mod events;
mod interfaces;
mod negotiation;
mod outgoing;
mod paths;
mod peer;
mod relays;
mod runtime;
mod setup;
mod shared;
mod stages;
mod stun;

pub use api::*;
pub use events::PeerEvents;
pub use interfaces::{LocalAddress, LocalAddresses};
pub use peer::{Peer, PeerSender};

#[cfg(test)]
mod tests;
