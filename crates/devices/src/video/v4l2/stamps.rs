//! When pictures were taken, by the driver's stamps as far as they can be believed.

use std::time::{Duration, Instant};

/// A picture is never older than this when it is read: cameras in the dark take 200 ms for one, and a few wait in the
/// driver's buffers.
const MAX_AGE: Duration = Duration::from_secs(1);
/// Drivers that compute the time from the camera's own clock may be a little ahead of ours.
const MAX_AHEAD: Duration = Duration::from_millis(20);
/// A driver whose stamps could not be so many times is not asked any more: times of two kinds in turns are worse than
/// those of one.
const MAX_WRONG: u32 = 10;

/// Follows one camera.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    last_stamp: Option<Duration>,
    last: Option<Instant>,
    wrong: u32,
}

impl Stamps {
    /// When the picture was taken that carries `stamp` and was read `now`, which is `monotonic` on the clock of stamps.
    /// Never later than now, and never earlier than the picture before it.
    pub(super) fn at(&mut self, stamp: Option<Duration>, monotonic: Duration, now: Instant) -> Instant {
        let taken = self.believed(stamp, monotonic).and_then(|age| now.checked_sub(age)).unwrap_or(now);
        let taken = self.last.map_or(taken, |last| taken.max(last)).min(now);
        self.last = Some(taken);
        taken
    }

    /// The picture's age.
    fn believed(&mut self, stamp: Option<Duration>, monotonic: Duration) -> Option<Duration> {
        let stamp = stamp.filter(|_| self.wrong < MAX_WRONG)?;
        let stands_still = self.last_stamp.is_some_and(|last| stamp <= last);
        self.last_stamp = Some(stamp);
        let age = monotonic.saturating_sub(stamp);
        if stands_still || age > MAX_AGE || stamp > monotonic + MAX_AHEAD {
            self.wrong += 1;
            return None;
        }
        Some(age)
    }
}

/// Now on the clock of V4L2's stamps, `CLOCK_MONOTONIC`.
pub(super) fn monotonic() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes the structure that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_picture_is_as_old_as_its_stamp_however_late_it_is_read() {
        let (start, mut stamps) = (Instant::now(), Stamps::default());
        for (index, late) in [5, 90, 60, 30, 5].into_iter().enumerate() {
            let taken = MS * 33 * index as u32;
            let read = taken + MS * late;
            let at = stamps.at(Some(MS * 10_000 + taken), MS * 10_000 + read, start + read);
            assert_eq!(at, start + taken);
        }
    }

    #[test]
    fn without_a_stamp_or_with_one_that_cannot_be_the_time_of_reading_counts() {
        let start = Instant::now();
        let at = |stamp| Stamps::default().at(stamp, MS * 60_000, start);
        for stamp in [None, Some(Duration::ZERO), Some(MS * 58_000), Some(MS * 61_000), Some(Duration::MAX)] {
            assert_eq!(at(stamp), start, "{stamp:?}");
        }
        assert_eq!(at(Some(MS * 60_010)), start, "a little ahead");
    }

    #[test]
    fn stamps_that_stand_still_are_soon_not_asked_any_more() {
        let (start, mut stamps) = (Instant::now(), Stamps::default());
        for index in 0..MAX_WRONG + 2 {
            stamps.at(Some(MS * 500), MS * (510 + index), start + MS * index);
        }
        // Right again, but too late.
        assert_eq!(stamps.at(Some(MS * 590), MS * 600, start + MS * 90), start + MS * 90);
    }

    proptest! {
        #[test]
        fn times_never_go_back_and_never_lie_ahead(
            stamps in proptest::collection::vec((proptest::option::of(0u64..3_000), 0u64..100), 0..50),
        ) {
            let (start, mut clock, mut last, mut now) = (Instant::now(), Stamps::default(), None, MS * 1_000);
            for (stamp, pause) in stamps {
                now += Duration::from_millis(pause);
                let at = clock.at(stamp.map(Duration::from_millis), now, start + now);
                prop_assert!(at <= start + now && at + MAX_AGE >= start + now - MAX_AGE);
                prop_assert!(last.is_none_or(|last| last <= at));
                last = Some(at);
            }
        }
    }

    #[test]
    fn the_clock_of_stamps_runs() {
        assert!(monotonic() > Duration::ZERO);
    }
}
