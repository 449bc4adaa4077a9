//! Whole calls. One program: each more would be linked with all that they share.
// A test that cannot go on has failed, in its helpers too.
#![allow(clippy::unwrap_used)]

mod again;
mod board;
mod browser;
mod browser_together;
mod camera;
mod chat;
mod desktop;
mod disks;
mod files;
mod headless;
mod leaving;
mod log;
mod members;
mod networks;
mod pictures;
mod recording;
mod rooms;
mod screens;
mod server_load;
mod sharing;
mod sharing_sound;
mod sharing_wayland;
mod sharing_window;
mod shown;
mod sketch;
mod soak;
mod sound;
mod trust;
mod windows;
