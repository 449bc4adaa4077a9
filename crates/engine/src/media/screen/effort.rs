//! When a picture of a screen is made. Pure: time is an argument.
//!
//! What was made must have left before the next is: bits that wait are a picture that is late. And what stands still is made
//! again, each time a little sharper, until there is nothing left to sharpen.

use std::time::{Duration, Instant};

use tincan_media::Bitrate;

/// So much may wait when the next picture is made: it takes that long to be made and to reach the path.
const MAY_WAIT: Duration = Duration::from_millis(60);
/// What was made is known to wait after so long.
const REACHES: Duration = Duration::from_millis(150);
/// A picture that costs less than this many bytes changed nothing that anybody sees: 1080p that stands still takes a tenth.
const NOTHING: usize = 1_500;
/// So many in a row, and there is nothing left to refine.
const SETTLED: u32 = 2;
/// However much a picture flickers by itself, refining it ends.
const REFINE_FOR: Duration = Duration::from_secs(4);

/// See the module's description.
#[derive(Debug, Clone)]
pub(super) struct Effort {
    /// The shortest time between two pictures.
    interval: Duration,
    /// When what was made will have left.
    free_at: Instant,
    last: Option<Instant>,
    /// Something changed that was not made yet.
    changed: bool,
    /// Since when it is only refined.
    still_since: Option<Instant>,
    small: u32,
}

impl Effort {
    pub(super) fn new(frames_per_second: f32, now: Instant) -> Self {
        Self {
            interval: Duration::from_secs_f32(0.9 / frames_per_second.max(1.0)),
            free_at: now,
            last: None,
            changed: true,
            still_since: None,
            small: 0,
        }
    }

    /// There is something new to see.
    pub(super) const fn changed(&mut self) {
        (self.changed, self.small, self.still_since) = (true, 0, None);
    }

    /// When the next picture is to be made; `None`: not before something changes. `now` or earlier: at once.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let refined = self.small >= SETTLED
            || self.still_since.is_some_and(|since| now.saturating_duration_since(since) >= REFINE_FOR);
        if !self.changed && refined {
            return None;
        }
        Some(self.earliest(now))
    }

    /// Before when nothing is to be made, whatever it is for.
    pub(super) fn earliest(&self, now: Instant) -> Instant {
        let after = self.last.map_or(now, |last| last + self.interval);
        after.max(self.free_at.checked_sub(MAY_WAIT).unwrap_or(self.free_at))
    }

    /// What was made before still takes so long to leave: the path takes less than was thought when it was made, or more.
    pub(super) fn waits(&mut self, waits: Duration, now: Instant) {
        let leaves = now + waits;
        self.free_at = if self.is_known(now) { leaves } else { self.free_at.max(leaves) };
    }

    /// Whether what was made last has reached the place where it waits to leave.
    pub(super) fn is_known(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| now.saturating_duration_since(last) >= REACHES)
    }

    /// What waits to leave is not waited for: the next picture takes its place.
    pub(super) const fn replaces(&mut self, now: Instant) {
        self.free_at = now;
    }

    /// A picture was fed, and so many bytes came of it; `None`: the encoder skipped it. They leave at this rate.
    pub(super) fn made(&mut self, bytes: Option<usize>, rate: Bitrate, now: Instant) {
        self.last = Some(now);
        let Some(bytes) = bytes else { return };
        let leaving = Duration::from_secs_f64(bytes as f64 * 8.0 / (rate.as_bps() as f64).max(1.0));
        self.free_at = self.free_at.max(now) + leaving;
        self.changed = false;
        self.still_since.get_or_insert(now);
        self.small = if bytes < NOTHING { self.small + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Bitrate = Bitrate::kbps(1_000);

    fn after(effort: &Effort, now: Instant) -> Option<u64> {
        effort.next(now).map(|at| (at.saturating_duration_since(now).as_secs_f64() * 1e3).round() as u64)
    }

    #[test]
    fn the_next_picture_waits_until_the_one_before_has_left() {
        let now = Instant::now();
        let mut effort = Effort::new(15.0, now);
        assert_eq!(after(&effort, now), Some(0));
        effort.made(Some(125_000), RATE, now);
        effort.changed();
        assert_eq!(after(&effort, now), Some(940));
        effort.made(Some(1_000), RATE, now + Duration::from_millis(940));
        effort.changed();
        assert_eq!(
            after(&effort, now + Duration::from_millis(940)),
            Some(60),
            "as often as the rate of pictures allows"
        );
    }

    #[test]
    fn on_a_path_that_became_slower_it_waits_for_what_has_not_left() {
        let now = Instant::now();
        let mut effort = Effort::new(15.0, now);
        effort.made(Some(125_000), RATE, now);
        effort.changed();
        let soon = now + Duration::from_millis(40);
        effort.waits(Duration::ZERO, soon);
        assert_eq!(after(&effort, soon), Some(900), "what was just made has not reached the path yet");
        let later = now + Duration::from_millis(900);
        effort.waits(Duration::from_secs(3), later);
        assert_eq!(after(&effort, later), Some(2_940));
        effort.waits(Duration::from_millis(100), later);
        assert_eq!(after(&effort, later), Some(40), "and quicker again");
    }

    #[test]
    fn what_stands_still_is_refined_until_nothing_is_left_to_refine() {
        let mut now = Instant::now();
        let mut effort = Effort::new(15.0, now);
        for bytes in [40_000, 9_000, 400, 3_000, 400] {
            now = effort.next(now).expect("not done yet");
            effort.made(Some(bytes), RATE, now);
        }
        now = effort.next(now).unwrap();
        effort.made(Some(300), RATE, now);
        assert_eq!(effort.next(now), None);
        effort.changed();
        assert!(effort.next(now).is_some());
    }

    #[test]
    fn what_never_settles_by_itself_is_left_alone_in_the_end() {
        let begin = Instant::now();
        let (mut now, mut effort, mut pictures) = (begin, Effort::new(15.0, begin), 0);
        while let Some(next) = effort.next(now) {
            now = next.max(now);
            effort.made(Some(4_000), RATE, now);
            pictures += 1;
            assert!(pictures < 100);
        }
        assert!(now - begin < Duration::from_secs(5));
    }

    #[test]
    fn a_picture_that_was_skipped_is_made_the_next_time() {
        let now = Instant::now();
        let mut effort = Effort::new(15.0, now);
        effort.made(None, RATE, now);
        assert_eq!(after(&effort, now), Some(60));
    }
}
