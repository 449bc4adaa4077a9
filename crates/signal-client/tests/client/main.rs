//! Clients against a real server. One program: each more would be linked with all that they share.
// A test that cannot go on has failed, in its helpers too.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
mod discovery;
mod hostile;
mod logs;
mod meddling;
mod rooms;
