//! Two real connections over loopback in one process.

mod calls;
mod harness;
mod lossy;
mod restarts;
mod trust;
