//! What the whole-call tests are made of: the project's own programs as processes, a screen without a monitor, and
//! clips that are generated. Everything here waits for what it waits for; nothing sleeps.
//!
//! **Invariant:** only tests import this, and it knows the programs only from outside.
#![forbid(unsafe_code)]

pub mod browser;
#[cfg(target_os = "linux")]
pub mod camera;
pub mod clips;
#[cfg(target_os = "linux")]
pub mod desktop;
pub mod eve;
pub mod film;
pub mod hostile;
pub mod link;
pub mod meddler;
pub mod middleman;
pub mod network;
pub mod numbers;
#[cfg(target_os = "linux")]
pub mod page;
pub mod participant;
pub mod people;
pub mod person;
pub mod process;
pub mod proxy;
pub mod relay;
pub mod room;
pub mod screen;
pub mod server;
pub mod sound;
pub mod stereo;
#[cfg(target_os = "linux")]
pub mod wayland;
pub mod window;
