//! What people in a call do together beside talking, above the channels of their connections: the chat.
//!
//! [`Chat::handle`] takes what happened, [`Chat::poll`] gives what changed (until it gives `None`), and [`Chat::tell`] says to
//! a member what they lack. Nothing waits in queues: what a link is told next is found in what is kept, so a slow link
//! costs no memory, and a link that is made anew goes on where the one before ended.
//!
//! **Invariant:** no I/O, no clock, no thread, no async runtime, and nothing that assumes two people. Time is an argument.
#![forbid(unsafe_code)]

mod chat;
pub mod play;

pub use chat::{Chat, ChatError, ChatInput, ChatOutput, Draft, MAX_AUTHORS, MAX_POSTS, MAX_TEXT, Said};
