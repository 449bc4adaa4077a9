//! The session of a room as a pure state machine: who is there, who offers to whom, when a connection is
//! restarted or made anew, who sends what, and when somebody is given up.
//!
//! [`Session::handle`] takes what happened, [`Session::poll`] gives what is to be done (until it gives
//! `None`), and
//! [`Session::poll_timeout`] says when to come back with [`Input::Timeout`] if nothing happens before.
//!
//! Between two participants there is one *connection* at a time, numbered from 1. Whoever starts anew counts
//! up, and the other side follows; everything that belongs to an older number is dropped.
//! Within a connection
//! both sides may offer at once: the connection resolves that by perfect negotiation, in which the smaller
//! [`PeerId`] is polite. The larger id also looks after the connection: it restarts and reopens, the polite
//! side only steps in later, so that the two do not get in each other's way.
//!
//! Beside it stand the [`Allocator`], which says how our own picture is encoded and who gets what of it, and the
//! [`ScreenAllocator`], which does so for a screen that we share.
//!
//! **Invariant:** no I/O, no clock, no async runtime, and nothing that assumes two people. Time is an
//! argument.
//!
//! [`PeerId`]: tincan_protocol::PeerId
#![forbid(unsafe_code)]

mod allocator;
mod api;
mod participant;
mod session;
mod sharing;
mod timing;

pub use allocator::{
    Allocator, AllocatorInput, Layer, LayerId, LimitedBy, LinkPlan, PathEstimate, Pictures, Plan, Want,
};
pub use api::{
    AgainConfig, ConnectionState, ConnectionView, Input, LeaveReason, LocalCandidate, Output, PeerChange,
    Phase, SessionConfig, SessionEvent, Trust,
};
pub use participant::Participant;
pub use session::Session;
pub use sharing::{Pace, ScreenAllocator, ScreenLink, ScreenPlan};
