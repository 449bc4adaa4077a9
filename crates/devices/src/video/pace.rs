//! The pace of cameras that have no clock of their own.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::reader::Told;

/// Further behind than this (the machine slept), the lost pictures are not made up for.
const MAX_BEHIND: Duration = Duration::from_millis(500);
/// Keeps a steady pace without drifting, and hears the word to stop in between.
pub(crate) struct Pace<'a> {
    told: &'a Receiver<Told>,
    interval: Duration,
    next: Instant,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(told: &'a Receiver<Told>, frames_per_second: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / frames_per_second.clamp(0.1, 1_000.0));
        Self { told, interval, next: Instant::now() }
    }

    /// Waits for the next picture's time; `None` when it is time to stop.
    pub(crate) fn wait(&mut self) -> Option<Instant> {
        loop {
            let now = Instant::now();
            if now.saturating_duration_since(self.next) > MAX_BEHIND {
                self.next = now;
            }
            let left = self.next.saturating_duration_since(now);
            match self.told.recv_timeout(left) {
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(Told::Reader(..)) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let at = self.next;
                    self.next += self.interval;
                    return Some(at);
                }
            }
        }
    }
}
