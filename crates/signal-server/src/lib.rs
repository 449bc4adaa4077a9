//! The signalling server: rooms in memory, bounds on everything, nothing stored, nothing read. The same library runs
//! as a program of its own ([`program`]: `tincan serve`, and `tincan-server` under another name) and inside the app for calls
//! on the local network ([`LocalServer`]).
//!
//! **Invariant:** knows rooms only by [`tincan_protocol::RoomId`] and passes envelopes on without being able to open
//! them. Logs and metrics hold numbers only: no address, no id of a room or participant.
//!
//! One task accepts, one task owns each connection; they share the registry of rooms and the counts. The owner hands
//! in the listener and the cancellation, and [`serve`] returns when every task has ended.
#![forbid(unsafe_code)]

mod address;
mod config;
mod connection;
mod local;
mod log;
mod metrics;
mod outbox;
pub mod program;
mod rate;
mod registry;
mod server;
mod turn;

pub use config::{Limits, ServerConfig, TurnConfig};
pub use local::{LocalRoom, LocalServer, LocalServerError};
pub use log::log_filter;
pub use metrics::{Metrics, Refusal};
pub use server::{serve, serve_metrics};
pub use tokio_rustls::rustls;
