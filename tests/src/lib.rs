//! What the whole-call tests are made of: the project's own programs as processes, a screen without a monitor, and
//! clips that are generated. Everything here waits for what it waits for; nothing sleeps.

pub mod clips;
pub mod participant;
pub mod process;
pub mod server;
pub mod window;
