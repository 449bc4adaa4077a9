//! Which tick it is here, and how that follows the host's.

use std::time::{Duration, Instant};

use super::curves::TICKS_A_SECOND;

const NANOS: i64 = 1_000_000_000;
/// With how many ticks to spare a move is to reach the host before it is fixed: less is too late for a path that wavers.
const SPARE: i32 = 2;
/// More to spare than this is only more to foretell.
const PLENTY: i32 = 5;
/// Over how many moves it is looked whether there is plenty, about two seconds.
const REPORTS: u32 = 40;
/// How far the clock is set at most: who is further from the host than a second cannot play.
const FURTHEST: i32 = TICKS_A_SECOND as i32;

/// A round's clock. Ticks before 0 are a wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct TickClock {
    since: Instant,
    tick: i64,
}

impl TickClock {
    /// It is this tick now.
    pub(super) const fn new(now: Instant, tick: i64) -> Self {
        Self { since: now, tick }
    }

    /// Which tick it is.
    pub(super) fn tick(&self, now: Instant) -> i64 {
        let nanos =
            i64::try_from(now.saturating_duration_since(self.since).as_nanos()).unwrap_or(i64::MAX / 64);
        self.tick + nanos.saturating_mul(i64::from(TICKS_A_SECOND)) / NANOS
    }

    /// When a tick begins.
    pub(super) fn begins(&self, tick: i64) -> Instant {
        let ticks = (tick - self.tick).max(0);
        // Rounded up: looked at then, it is that tick.
        let nanos = (ticks.saturating_mul(NANOS) + i64::from(TICKS_A_SECOND) - 1) / i64::from(TICKS_A_SECOND);
        self.since + Duration::from_nanos(nanos.unsigned_abs())
    }

    /// Sets it forward, or back.
    pub(super) const fn shift(&mut self, ticks: i64) {
        self.tick += ticks;
    }
}

/// Keeps our clock so far ahead of the host's that our moves arrive in time, and not much further.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// What is said of moves before this tick is of before the clock was set.
    settled_from: i64,
    least: Option<i32>,
    reports: u32,
}

impl Pace {
    /// The host says how early our newest move came, which ended with tick `heard`. Says how far the clock is to be set.
    pub(super) fn report(&mut self, early: i32, heard: u32, tick: i64) -> i64 {
        if i64::from(heard) < self.settled_from {
            return 0;
        }
        // A host may say anything.
        let early = early.clamp(-10 * FURTHEST, 10 * FURTHEST);
        let least = self.least.map_or(early, |least| least.min(early));
        (self.least, self.reports) = (Some(least), self.reports + 1);
        let shift = if early < SPARE {
            (SPARE - early).saturating_add(1).min(FURTHEST)
        } else if self.reports >= REPORTS && least > PLENTY {
            // One tick less is not seen.
            if least > 3 * PLENTY { (PLENTY - least).max(-FURTHEST) } else { -1 }
        } else if self.reports >= REPORTS {
            (self.least, self.reports) = (None, 0);
            return 0;
        } else {
            return 0;
        };
        let shift = i64::from(shift);
        *self = Self { settled_from: tick + shift.max(0), ..Self::default() };
        shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_there_when_it_is_said_to_begin_and_not_before() {
        let start = Instant::now();
        let clock = TickClock::new(start, -60);
        assert_eq!(clock.tick(start + Duration::from_secs(2)), 60);
        for tick in -60..1_000 {
            let begins = clock.begins(tick);
            assert_eq!(clock.tick(begins), tick);
            assert!(tick == -60 || clock.tick(begins - Duration::from_nanos(2)) == tick - 1);
        }
    }

    #[test]
    fn moves_that_come_late_set_the_clock_once_until_the_next_are_heard() {
        let mut pace = Pace::default();
        assert_eq!(pace.report(-9, 100, 109), 12);
        assert_eq!(pace.report(-9, 103, 112), 0);
        assert_eq!(pace.report(3, 122, 130), 0);
        assert_eq!(pace.report(1, 125, 133), 2);
    }

    #[test]
    fn whatever_a_host_claims_the_clock_is_set_by_a_second_at_most() {
        for early in [i32::MIN, i32::MAX, -500, 500] {
            let mut pace = Pace::default();
            let shifts: Vec<i64> = (0..100).map(|report| pace.report(early, report, 0)).collect();
            assert!(shifts.iter().all(|shift| shift.abs() <= i64::from(FURTHEST)), "{early}: {shifts:?}");
        }
    }

    #[test]
    fn moves_that_come_far_too_early_set_it_back() {
        let mut pace = Pace::default();
        let shifts: i64 = (0..REPORTS).map(|report| pace.report(8, report * 3, 0)).sum();
        assert_eq!(shifts, -1);
        let shifts: i64 = (0..REPORTS).map(|report| pace.report(50, report * 3, 0)).sum();
        assert_eq!(shifts, -45);
    }
}
