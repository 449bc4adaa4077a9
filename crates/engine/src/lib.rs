//! The engine: the tasks and pipelines around the session, the connections, media and devices. A window, the
//! command-line participant and the tests all drive this same engine.
//!
//! **Invariant:** imports neither `tauri` nor the signalling server; whoever embeds a server hands in its address.
#![forbid(unsafe_code)]

pub mod api;
