//! The allocator in simulated time.

mod network;
mod properties;
mod room;
mod rules;
