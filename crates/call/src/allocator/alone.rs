//! The one receiver's size: with nobody else to think of, it follows the path among all sizes.

use std::time::{Duration, Instant};

use super::sizes::Sizes;

/// A larger size is taken when the bitrate held its worth for so long: estimates overshoot while they probe.
const UP_AFTER: Duration = Duration::from_secs(2);
/// A smaller one when it stayed too low for so long; one report may be a mistake.
const DOWN_AFTER: Duration = Duration::from_millis(500);
/// ... but at once when it fell below this share of what is needed: waiting would fill the queue.
const DOWN_AT_ONCE: f64 = 0.5;
/// Nothing is known of the path at first, so the first pictures are of a size that this many bits a second are enough
/// for: a keyframe of 360 lines passes a path of 500 kbit/s, where one of 720 fills the queue and loses half of itself.
const FIRST: f64 = 300e3;
/// So long: the estimate has climbed to where it begins in earnest, or has met what the path takes, also over 300 ms.
pub(super) const FIRST_FOR: Duration = Duration::from_millis(1_250);

/// Chooses an index of [`Sizes`] with hysteresis. Also what chooses a layer's size between its two.
#[derive(Debug, Clone, Default)]
pub(super) struct Ladder {
    /// `None` until the path is known.
    index: Option<usize>,
    /// When the first picture was chosen.
    began: Option<Instant>,
    up_since: Option<Instant>,
    down_since: Option<Instant>,
}

impl Ladder {
    /// One whose path is known, at this size.
    pub(super) fn at(index: usize, now: Instant) -> Self {
        Self { index: Some(index), began: now.checked_sub(FIRST_FOR), ..Self::default() }
    }

    /// What was chosen, once the path is known.
    pub(super) const fn index(&self) -> Option<usize> {
        self.index
    }

    /// The camera gives something else; the path is what it was.
    pub(super) const fn other_sizes(&mut self) {
        let Self { began, .. } = *self;
        *self = Self { began, index: None, up_since: None, down_since: None };
    }

    /// The index to encode at `target` bits a second, of those from `least` to `most`.
    pub(super) fn update(
        &mut self,
        sizes: &Sizes,
        target: f64,
        (least, most): (usize, usize),
        now: Instant,
    ) -> usize {
        let began = *self.began.get_or_insert(now);
        let known = now.saturating_duration_since(began) >= FIRST_FOR;
        let best = |rate| sizes.best(rate, most).max(least);
        let index = match self.index {
            Some(current) if current > most => best(target),
            Some(current) => self.moved(sizes, current.max(least), best(target), target, now),
            None => best(if known { target } else { target.min(FIRST) }),
        };
        self.index = known.then_some(index);
        index
    }

    fn moved(&mut self, sizes: &Sizes, current: usize, best: usize, target: f64, now: Instant) -> usize {
        if best > current {
            self.down_since = None;
            let since = *self.up_since.get_or_insert(now);
            if now.saturating_duration_since(since) < UP_AFTER {
                return current;
            }
            self.up_since = None;
            return best;
        }
        self.up_since = None;
        let size = sizes.get(current);
        if target >= size.floor() {
            self.down_since = None;
            return current;
        }
        let since = *self.down_since.get_or_insert(now);
        let at_once = target < size.worth * DOWN_AT_ONCE;
        if !at_once && now.saturating_duration_since(since) < DOWN_AFTER {
            return current;
        }
        self.down_since = None;
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tincan_media::video::Resolution;

    fn hd() -> Sizes {
        Sizes::new(Resolution::HD, 30.0)
    }

    /// One that has sent its first pictures, so that it knows its path.
    fn ladder(sizes: &Sizes, kbps: f64, now: Instant) -> Ladder {
        Ladder::at(sizes.best(kbps * 1e3, 4), now)
    }

    fn lines(ladder: &mut Ladder, sizes: &Sizes, kbps: f64, now: Instant) -> u32 {
        sizes.get(ladder.update(sizes, kbps * 1e3, (0, 4), now)).lines
    }

    #[test]
    fn the_first_pictures_are_small_until_the_path_is_known() {
        let (sizes, start) = (hd(), Instant::now());
        let mut ladder = Ladder::default();
        let mut at = |millis, kbps| lines(&mut ladder, &sizes, kbps, start + Duration::from_millis(millis));
        let first = [at(0, 1_000.0), at(33, 1_000.0), at(1_249, 1_200.0), at(1_250, 1_200.0)];
        assert_eq!(first, [360, 360, 360, 720]);
        ladder.other_sizes();
        let later = start + Duration::from_secs(9);
        assert_eq!(
            lines(&mut ladder, &sizes, 5_000.0, later),
            720,
            "another camera says nothing of the path"
        );
    }

    #[test]
    fn a_size_is_not_left_for_a_little_less_and_not_taken_for_a_moment_of_more() {
        let (sizes, mut now) = (hd(), Instant::now());
        let mut ladder = ladder(&sizes, 1_000.0, now);
        let mut changes = 0;
        let mut last = lines(&mut ladder, &sizes, 1_000.0, now);
        for index in 0..600 {
            now += Duration::from_millis(100);
            // Around the edge, with peaks of a second.
            let size = lines(&mut ladder, &sizes, if index / 10 % 2 == 0 { 850.0 } else { 1_050.0 }, now);
            changes += usize::from(size != last);
            last = size;
        }
        assert_eq!(changes, 0);
    }

    #[test]
    fn a_collapse_is_followed_at_once_and_a_recovery_after_two_seconds() {
        let (sizes, now) = (hd(), Instant::now());
        let mut ladder = ladder(&sizes, 1_500.0, now);
        assert_eq!(lines(&mut ladder, &sizes, 200.0, now), 270);
        assert_eq!(lines(&mut ladder, &sizes, 1_500.0, now), 270);
        let later = now + Duration::from_millis(2_001);
        assert_eq!(lines(&mut ladder, &sizes, 1_500.0, later), 720);
    }
}
