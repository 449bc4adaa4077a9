//! One connection to one participant.
//!
//! **Invariant:** the only crate that knows about `webrtc` and `rtc`.
#![forbid(unsafe_code)]

mod api;

pub use api::*;
