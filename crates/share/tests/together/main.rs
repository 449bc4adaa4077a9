//! What people do together, between several of them in simulated time. One program: each more would be linked with all that
//! they share.
// A test that cannot go on has failed, in its helpers too.
#![allow(clippy::unwrap_used, clippy::type_complexity)]

mod board;
mod board_svg;
mod board_world;
mod chat;
mod files;
mod files_world;
mod live;
mod play;
mod play_world;
mod sketch;
mod sketch_world;
mod world;
