//! How much a path takes: a [`History`] of what left, joined with what the other side reports of it, and the [`Controller`]
//! that makes a rate of that; and what sound needs against the losses of its own packets.
//!
//! **Invariant:** pure: time is an argument, and nothing here knows of sockets, RTP or codecs.
#![forbid(unsafe_code)]

mod controller;
mod history;
mod loss;
mod probe;
mod queue;
pub mod simulation;
mod sound;
#[cfg(test)]
mod tests;
mod throughput;
mod trend;

pub use controller::Controller;
pub use history::{Delivery, History, Report};
pub use probe::Probe;
pub use sound::SoundPath;
