//! How large pictures this computer decodes in time. Whoever sends cannot know that: a queue before our decoder looks like
//! nothing at all from outside. So we ask for smaller pictures, of everybody, for all decoders share the processor.

use std::time::{Duration, Instant};

/// A picture that was complete for so long before it was decoded, at the best of times, waited behind others.
pub(super) const LATE: Duration = Duration::from_millis(60);
/// How long it must stay so: a program that starts, or a window that is moved, takes the processor for a moment.
const BEHIND_FOR: Duration = Duration::from_secs(1);
/// Until smaller pictures are there and what waited is decoded.
const SETTLE: Duration = Duration::from_secs(3);
/// After so long without trouble larger ones are tried again; each time in vain twice as long.
const TRY_AFTER: Duration = Duration::from_secs(20);
const TRY_AFTER_AT_MOST: Duration = Duration::from_secs(320);
/// What is asked for at most, step by step, in lines: the sizes that others encode in a room.
const STEPS: [u16; 2] = [360, 180];

/// See the module's description.
#[derive(Debug)]
pub(super) struct Decoding {
    /// How many of [`STEPS`] are taken.
    steps: usize,
    behind_since: Option<Instant>,
    /// When the last step was taken, and whether it was one back up.
    changed: Option<(Instant, bool)>,
    try_after: Duration,
}

impl Default for Decoding {
    fn default() -> Self {
        Self { steps: 0, behind_since: None, changed: None, try_after: TRY_AFTER }
    }
}

impl Decoding {
    /// Pictures of so many lines are decoded, and the one that was decoded soonest after it was complete, lately, waited for
    /// so long. Several are told one after the other; the slowest counts.
    pub(super) fn look(&mut self, now: Instant, received: impl IntoIterator<Item = (u16, Duration)>) {
        // Whoever sends no more than the next step would ask for is not what takes the time.
        let next = STEPS.get(self.steps).copied().unwrap_or(0);
        let (mut late, mut larger) = (false, false);
        for (lines, waited) in received {
            late |= waited >= LATE;
            larger |= lines > next;
        }
        let since = self.changed.map(|(at, _)| now.saturating_duration_since(at));
        if since.is_some_and(|since| since < SETTLE) {
            self.behind_since = None;
            return;
        }
        if !late {
            self.behind_since = None;
            if self.steps > 0 && since.is_none_or(|since| since >= self.try_after) {
                self.steps -= 1;
                self.changed = Some((now, true));
            }
            return;
        }
        let behind = now.saturating_duration_since(*self.behind_since.get_or_insert(now));
        if behind >= BEHIND_FOR && larger && self.steps < STEPS.len() {
            // In vain is what did not last as long as the wait before it.
            let in_vain =
                matches!((self.changed, since), (Some((_, true)), Some(since)) if since < self.try_after);
            self.try_after = if in_vain { (self.try_after * 2).min(TRY_AFTER_AT_MOST) } else { TRY_AFTER };
            self.steps += 1;
            self.changed = Some((now, false));
            self.behind_since = None;
        }
    }

    /// So many lines are to be asked for of a picture that is shown on `lines`; `None` for any.
    pub(super) fn within(&self, lines: Option<u16>) -> Option<u16> {
        let Some(&most) = self.steps.checked_sub(1).and_then(|step| STEPS.get(step)) else { return lines };
        Some(lines.map_or(most, |lines| lines.min(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(100);

    /// A computer that decodes so many lines in time, and a sender who sends what is asked for after half a second.
    struct Computer {
        decoding: Decoding,
        now: Instant,
        carries: u16,
        sent: u16,
        asked: Vec<(Instant, u16)>,
    }

    impl Computer {
        fn new(carries: u16) -> Self {
            let now = Instant::now();
            Self { decoding: Decoding::default(), now, carries, sent: 720, asked: Vec::new() }
        }

        /// How often the size changed.
        fn run(&mut self, time: Duration) -> usize {
            let (mut changes, end) = (0, self.now + time);
            while self.now < end {
                self.now += LOOK;
                let waits = if self.sent > self.carries { LATE * 4 } else { LATE / 10 };
                self.decoding.look(self.now, [(self.sent, waits), (90, LATE / 10)]);
                let most = self.decoding.within(None).unwrap_or(720);
                if self.asked.last().is_none_or(|(_, last)| *last != most) {
                    self.asked.push((self.now, most));
                    changes += 1;
                }
                let old = self.now.checked_sub(LOOK * 5).unwrap();
                self.sent =
                    self.asked.iter().rev().find(|(at, _)| *at <= old).map_or(720, |(_, lines)| *lines);
            }
            changes
        }
    }

    #[test]
    fn whoever_decodes_in_time_asks_for_everything() {
        let mut computer = Computer::new(720);
        computer.run(Duration::from_secs(600));
        assert_eq!(computer.decoding.within(None), None);
        assert_eq!(computer.asked.len(), 1);
    }

    #[test]
    fn a_slow_computer_asks_for_less_and_tries_again_less_and_less_often() {
        let mut computer = Computer::new(360);
        computer.run(Duration::from_secs(2));
        assert_eq!(computer.decoding.within(None), Some(360), "within two seconds");
        assert!(computer.run(Duration::from_secs(3_600)) < 40);
        assert!(computer.asked.iter().all(|(_, lines)| *lines >= 360), "no less than needed");
        let mut slower = Computer::new(180);
        slower.run(Duration::from_secs(8));
        assert_eq!(slower.decoding.within(None), Some(180));
    }

    #[test]
    fn when_the_other_program_has_ended_larger_pictures_come_back() {
        let mut computer = Computer::new(180);
        computer.run(Duration::from_secs(10));
        computer.carries = 720;
        computer.run(TRY_AFTER * 2 + Duration::from_secs(5));
        assert_eq!(computer.decoding.within(None), None);
    }

    #[test]
    fn small_pictures_that_are_late_are_not_asked_to_be_smaller() {
        let mut decoding = Decoding::default();
        let start = Instant::now();
        for n in 0..600 {
            decoding.look(start + LOOK * n, [(180, LATE * 2)]);
        }
        assert_eq!(decoding.within(None), None, "nothing would be won");
    }

    #[test]
    fn a_moment_is_no_trouble() {
        let mut decoding = Decoding::default();
        let start = Instant::now();
        for n in 0..600 {
            let waits = if n % 10 < 8 { LATE * 2 } else { Duration::ZERO };
            decoding.look(start + LOOK * n, [(720, waits)]);
        }
        assert_eq!(decoding.within(None), None);
    }
}
