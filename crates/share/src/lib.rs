//! What people in a call do together beside talking, above the channels of their connections: the chat, files, the
//! whiteboard ([`Board`]) and games ([`play`], [`sketch`]).
//!
//! [`Chat::handle`] takes what happened, [`Chat::poll`] gives what changed (until it gives `None`), and [`Chat::tell`] says to
//! a member what they lack. Nothing waits in queues: what a link is told next is found in what is kept, so a slow link
//! costs no memory, and a link that is made anew goes on where the one before ended.
//!
//! **Invariant:** no I/O, no clock, no thread, no async runtime, and nothing that assumes two people. Time is an argument.
#![forbid(unsafe_code)]

mod board;
mod chat;
mod files;
mod game_input;
mod picture_head;
pub mod play;
pub mod sketch;

pub use board::{
    Board, BoardError, BoardInput, BoardOutput, Edit, Element, LIVE_INTERVAL, Live, LiveState, LiveStroke,
    MAX_AUTHOR_COST, MAX_BOARD_AUTHORS, MAX_BOARD_COST, MAX_ELEMENTS, New, Own, Place,
};
pub use chat::{Chat, ChatError, ChatInput, ChatOutput, Draft, MAX_AUTHORS, MAX_POSTS, MAX_TEXT, Said};
pub use files::{
    Earlier, FileProblem, FileStatus, Files, FilesOutput, HostilePath, Layout, List, ListError, MAX_OURS,
    MAX_THEIRS, MAX_UNDECIDED, Offer, OfferId, PART, PART_NOTES, PiecePlace, Transfer, WINDOW, claim,
    file_hash, is_program, numbered, piece_value, safe_name, safe_paths,
};
pub use game_input::GameInput;
