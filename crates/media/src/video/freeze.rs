//! Freezes, counted as browsers count them, so that the numbers compare.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Intervals that the average is taken over (libwebrtc's `VideoQualityObserver`; W3C webrtc-stats `freezeCount`).
const WINDOW: usize = 30;
/// Fewer intervals than this say nothing about the usual one.
const MIN_INTERVALS: usize = 5;
/// A freeze is an interval of at least three usual ones, and of a usual one plus this.
const ALLOWANCE: Duration = Duration::from_millis(150);

/// Counts freezes by the definition of W3C's webrtc-stats: an interval between two rendered pictures longer than
/// `max(3 * average, average + 150 ms)` of the last thirty.
#[derive(Debug, Default)]
pub struct FreezeDetector {
    last: Option<Instant>,
    intervals: VecDeque<Duration>,
    sum: Duration,
    count: u64,
    frozen: Duration,
}

impl FreezeDetector {
    /// Nothing rendered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A picture was rendered at `at`. Returns whether a freeze ended with it.
    pub fn rendered(&mut self, at: Instant) -> bool {
        let Some(last) = self.last.replace(at) else { return false };
        let interval = at.saturating_duration_since(last);
        self.intervals.push_back(interval);
        self.sum += interval;
        if self.intervals.len() > WINDOW {
            self.sum -= self.intervals.pop_front().unwrap_or_default();
        }
        if self.intervals.len() < MIN_INTERVALS {
            return false;
        }
        let average = self.sum / self.intervals.len() as u32;
        let frozen = interval >= (average * 3).max(average + ALLOWANCE);
        if frozen {
            self.count += 1;
            self.frozen += interval;
        }
        frozen
    }

    /// The other side switched its camera off: the time until the next picture is no freeze.
    pub fn paused(&mut self) {
        self.last = None;
    }

    /// Freezes so far.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Seconds that they lasted together.
    pub const fn total(&self) -> Duration {
        self.frozen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(detector: &mut FreezeDetector, now: &mut Instant, intervals: impl IntoIterator<Item = u64>) {
        for millis in intervals {
            *now += Duration::from_millis(millis);
            detector.rendered(*now);
        }
    }

    #[test]
    fn a_gap_of_300_ms_in_30_fps_is_one_freeze_of_300_ms() {
        let (mut detector, mut now) = (FreezeDetector::new(), Instant::now());
        play(&mut detector, &mut now, [33; 40].into_iter().chain([300]).chain([33; 40]));
        assert_eq!((detector.count(), detector.total()), (1, Duration::from_millis(300)));
    }

    #[test]
    fn jitter_below_150_ms_is_no_freeze() {
        let (mut detector, mut now) = (FreezeDetector::new(), Instant::now());
        play(&mut detector, &mut now, [33, 120, 5, 5, 33, 130].into_iter().cycle().take(60));
        assert_eq!(detector.count(), 0);
    }

    #[test]
    fn a_camera_that_was_off_is_no_freeze() {
        let (mut detector, mut now) = (FreezeDetector::new(), Instant::now());
        play(&mut detector, &mut now, [33; 40]);
        detector.paused();
        play(&mut detector, &mut now, [60_000].into_iter().chain([33; 5]));
        assert_eq!(detector.count(), 0);
    }
}
