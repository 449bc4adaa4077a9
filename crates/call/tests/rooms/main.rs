//! Sessions in simulated time. One program: each more would be linked with all that they share.

mod lock;
mod random;
mod said;
mod scenarios;
mod trust;
mod world;
