//! How quickly bytes come.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over this long: long enough to be read, short enough to follow a path that changes.
const OVER: Duration = Duration::from_secs(5);
/// A shorter time than this says nothing.
const LEAST: Duration = Duration::from_millis(400);

/// The mean over the last seconds.
#[derive(Debug, Default)]
pub(super) struct Speed {
    total: u64,
    /// When there had been how many.
    seen: VecDeque<(Instant, u64)>,
    rate: u64,
}

impl Speed {
    pub(super) fn add(&mut self, bytes: u64) {
        self.total += bytes;
    }

    /// Forgets what was: it stands still, or begins anew.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    /// A few times a second.
    pub(super) fn look(&mut self, now: Instant) {
        self.seen.push_back((now, self.total));
        while self.seen.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= OVER) {
            self.seen.pop_front();
        }
        if let Some((at, before)) = self.seen.front() {
            let time = now.saturating_duration_since(*at);
            if time >= LEAST {
                self.rate = ((self.total - before) as f64 / time.as_secs_f64()) as u64;
            }
        }
    }

    /// Bytes a second.
    pub(super) const fn rate(&self) -> u64 {
        self.rate
    }
}

/// Seconds that so many bytes take; `None` when nothing moves or it would be more than a month.
pub(super) fn seconds_left(bytes: u64, rate: u64) -> Option<u32> {
    let seconds = bytes.checked_div(rate)?;
    u32::try_from(seconds).ok().filter(|seconds| *seconds < 30 * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_the_mean_of_the_last_seconds() {
        let (start, mut speed) = (Instant::now(), Speed::default());
        for quarter in 0..60 {
            speed.look(start + Duration::from_millis(250) * quarter);
            speed.add(if quarter < 20 { 1_000 } else { 250_000 });
        }
        assert!((990_000..1_010_000).contains(&speed.rate()), "{}", speed.rate());
        assert_eq!(seconds_left(10_000_000, speed.rate()), Some(10));
        assert_eq!(seconds_left(1, 0), None);
        speed.stop();
        assert_eq!(speed.rate(), 0);
    }
}
