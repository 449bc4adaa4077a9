//! A bad network, made by a program of ours: packets from one TUN device to another and back, late, lost, out of order
//! or too slowly, as asked for. Some kernels have no netem, and this one is seeded: the same packets get lost again.
//!
//! [`Direction`] decides, in whatever time it is told; [`program`] moves real packets in real time.

mod conditions;
mod direction;
#[cfg(target_os = "linux")]
pub mod program;

pub use conditions::{Conditions, Loss, Reordering};
pub use direction::{Direction, Report};
