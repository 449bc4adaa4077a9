//! Two real connections over loopback in one process.

mod calls;
mod channels;
mod gate;
mod harness;
mod lossy;
mod restarts;
mod sources;
mod trust;
mod wakes;
