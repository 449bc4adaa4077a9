//! Which packets of one stream are missing, and when to ask for them.
//!
//! Pure: time is an argument. The library's own generator does not recognise a retransmission as a recovery and asks
//! 60 times for a packet; this one knows them, waits a round trip between requests and gives up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tincan_protocol::Source;

use super::newer;

/// Packets that overtake each other are no loss yet: half the interval at which requests leave.
const REORDER_GRACE: Duration = Duration::from_millis(5);
/// Requests are bundled: at most one message in this time.
const TICK: Duration = Duration::from_millis(10);
/// Between two requests for one packet, above the round trip; the other side's pacer needs it.
const RETRY_MARGIN: Duration = Duration::from_millis(10);
/// Where an answer takes long, a request that gets lost costs a freeze, and a second one a few bytes: it follows the first by so
/// much, or by half a round trip, so that one gap in the path does not take both.
const ECHO: Duration = Duration::from_millis(20);
const ECHO_FROM: Duration = Duration::from_millis(30);
/// As in libwebrtc's `NackRequester`, in each second that something is asked for.
const TRIES: u32 = 10;
/// What is older is of no use to a call: the frame assembly has asked for a keyframe long since.
const GIVE_UP: Duration = Duration::from_secs(1);
/// ... of a screen: a keyframe of a page takes longer than the path to recover from the page that overran it.
const GIVE_UP_SCREEN: Duration = Duration::from_secs(3);
/// A gap this long is not a loss but an outage: only a keyframe helps, and asking would fill a path that just came
/// back. At 2 Mbit/s this is 1 s.
const MAX_GAP: u16 = 256;
/// So many at most are waited for, as in libwebrtc's `NackRequester`: about what the sender keeps, too. Many small gaps
/// within [`GIVE_UP`] would pass any bound in time; what is beyond is given up from the oldest on.
const MAX_MISSING: usize = 1_000;
/// Until a round trip was measured.
const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct Missing {
    since: Instant,
    asked: Option<Instant>,
    /// The request was repeated.
    echoed: bool,
    tries: u32,
}

/// What a packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// It had not come before.
    pub(crate) fresh: bool,
    /// By how many the highest sequence number grew: the packets that were to be expected since.
    pub(crate) advanced: u16,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct NackTracker {
    highest: Option<u64>,
    missing: BTreeMap<u64, Missing>,
    last_tick: Option<Instant>,
    asks: bool,
    give_up: Duration,
}

impl NackTracker {
    /// A tracker that asks; without `asks` it only counts.
    pub(crate) fn new(source: Source, asks: bool) -> Self {
        let give_up = if source == Source::Screen { GIVE_UP_SCREEN } else { GIVE_UP };
        Self { highest: None, missing: BTreeMap::new(), last_tick: None, asks, give_up }
    }

    /// A packet of the stream arrived, be it directly or as a retransmission.
    pub(crate) fn arrived(&mut self, sequence: u16, now: Instant) -> Arrival {
        let Some(highest) = self.highest else {
            // Headroom below, so that an early reordering does not underflow.
            self.highest = Some((1 << 16) + u64::from(sequence));
            return Arrival { fresh: true, advanced: 1 };
        };
        self.forget(now);
        let low = highest as u16;
        if !newer(sequence, low) {
            let back = u64::from(low.wrapping_sub(sequence));
            let fresh = highest.checked_sub(back).is_some_and(|at| self.missing.remove(&at).is_some());
            return Arrival { fresh, advanced: 0 };
        }
        let advanced = sequence.wrapping_sub(low);
        let next = highest + u64::from(advanced);
        self.highest = Some(next);
        if advanced > MAX_GAP {
            self.missing.clear();
        } else {
            for at in highest + 1..next {
                self.missing.insert(at, Missing { since: now, asked: None, echoed: false, tries: 0 });
            }
        }
        self.forget(now);
        Arrival { fresh: true, advanced }
    }

    /// Gives up what is too old or too many. The oldest have the lowest numbers.
    fn forget(&mut self, now: Instant) {
        while let Some(first) = self.missing.first_entry()
            && (now.saturating_duration_since(first.get().since) >= self.give_up
                || self.missing.len() > MAX_MISSING)
        {
            self.missing.pop_first();
        }
    }

    /// The sequence numbers to ask for now.
    pub(crate) fn due(&mut self, now: Instant, round_trip: Option<Duration>) -> Vec<u16> {
        self.last_tick = Some(now);
        if !self.asks {
            return Vec::new();
        }
        let round_trip = round_trip.unwrap_or(DEFAULT_ROUND_TRIP);
        let retry = round_trip + RETRY_MARGIN;
        self.forget(now);
        let tries = TRIES * self.give_up.as_secs() as u32;
        self.missing.retain(|_, missing| missing.tries < tries);
        let mut due = Vec::new();
        for (at, missing) in &mut self.missing {
            let ready = match missing.asked {
                None => now.saturating_duration_since(missing.since) >= REORDER_GRACE,
                Some(asked) => now.saturating_duration_since(asked) >= retry,
            };
            let echo = round_trip >= ECHO_FROM
                && !missing.echoed
                && missing
                    .asked
                    .is_some_and(|asked| now.saturating_duration_since(asked) >= ECHO.min(round_trip / 2));
            if ready {
                missing.asked = Some(now);
                missing.tries += 1;
                missing.echoed = false;
                due.push(*at as u16);
            } else if echo {
                missing.echoed = true;
                due.push(*at as u16);
            }
        }
        due
    }

    /// When [`due`](Self::due) wants to be called: about every 10 ms while something is missing, else never.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        if !self.asks {
            return None;
        }
        let oldest = self.missing.first_key_value()?.1.since;
        let earliest = oldest + REORDER_GRACE;
        Some(self.last_tick.map_or(earliest, |last| earliest.max(last + TICK)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Step {
        /// Milliseconds, sequence number.
        Packet(u64, u16),
        /// Milliseconds, what is asked for (round trip 25 ms).
        Ask(u64, &'static [u16]),
    }
    use Step::{Ask, Packet};

    fn run(steps: &[Step]) {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut tracker = NackTracker::new(Source::Camera, true);
        for step in steps {
            match step {
                Packet(ms, sequence) => {
                    tracker.arrived(*sequence, at(*ms));
                }
                Ask(ms, expected) => {
                    assert_eq!(
                        tracker.due(at(*ms), Some(Duration::from_millis(25))),
                        *expected,
                        "at {ms} ms"
                    );
                }
            }
        }
    }

    #[test]
    fn a_gap_is_asked_for_once_a_round_trip() {
        run(&[
            Packet(0, 10),
            Packet(1, 13),
            Ask(2, &[]),
            Ask(10, &[11, 12]),
            Ask(20, &[]),
            Packet(30, 11),
            Ask(40, &[]),
            Ask(46, &[12]),
        ]);
    }

    #[test]
    fn where_an_answer_takes_long_it_is_asked_for_twice_in_a_row() {
        let (start, long) = (Instant::now(), Some(Duration::from_millis(200)));
        let at = |ms| start + Duration::from_millis(ms);
        let mut tracker = NackTracker::new(Source::Camera, true);
        tracker.arrived(1, start);
        tracker.arrived(3, start);
        let asked: Vec<u64> =
            (1..45).map(|i| i * 10).filter(|ms| tracker.due(at(*ms), long) == [2]).collect();
        assert_eq!(asked, [10, 30, 220, 240, 430]);
        tracker.arrived(2, at(435));
        assert!(tracker.due(at(450), long).is_empty());
    }

    #[test]
    fn reordering_is_not_asked_for() {
        run(&[Packet(0, 1), Packet(1, 3), Packet(3, 2), Ask(10, &[])]);
    }

    #[test]
    fn the_sequence_number_wraps() {
        run(&[Packet(0, 65_534), Packet(1, 1), Ask(10, &[65_535, 0]), Packet(12, 65_535), Ask(80, &[0])]);
    }

    #[test]
    fn an_outage_is_not_asked_for() {
        run(&[Packet(0, 1), Packet(1, 1_000), Ask(10, &[])]);
    }

    #[test]
    fn it_gives_up() {
        let start = Instant::now();
        let mut tracker = NackTracker::new(Source::Camera, true);
        tracker.arrived(1, start);
        tracker.arrived(3, start);
        let asked: usize = (1..500).map(|i| tracker.due(start + TICK * i, Some(Duration::ZERO)).len()).sum();
        assert_eq!(asked, TRIES as usize);
        assert_eq!(tracker.next_tick(), None);
    }

    #[test]
    fn many_small_gaps_are_given_up_from_the_oldest_on() {
        let start = Instant::now();
        let mut tracker = NackTracker::new(Source::Camera, true);
        for n in 0..3_000u16 {
            tracker.arrived(n * 2, start + Duration::from_micros(u64::from(n) * 100));
        }
        let due = tracker.due(start + Duration::from_millis(310), None);
        assert_eq!((due.len(), due[0], due.last()), (MAX_MISSING, 3_999, Some(&5_997)));
    }

    #[test]
    fn duplicates_and_late_packets_are_told_apart() {
        let now = Instant::now();
        let mut tracker = NackTracker::new(Source::Camera, false);
        assert_eq!(tracker.arrived(5, now), Arrival { fresh: true, advanced: 1 });
        assert_eq!(tracker.arrived(7, now), Arrival { fresh: true, advanced: 2 });
        assert_eq!(tracker.arrived(7, now), Arrival { fresh: false, advanced: 0 });
        assert_eq!(tracker.arrived(6, now), Arrival { fresh: true, advanced: 0 });
        assert_eq!(tracker.arrived(6, now), Arrival { fresh: false, advanced: 0 });
        assert_eq!(tracker.next_tick(), None, "a counter asks for nothing");
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(48))]

        /// Steps of the sequence number, mostly forwards, and milliseconds between: gaps of every size, quickly enough that
        /// nothing of them is too old.
        #[test]
        #[test]
        fn any_sequence_numbers_stay_bounded(
            steps in proptest::collection::vec(
                (proptest::prop_oneof![8 => 1u16..=MAX_GAP, 1 => 0u16..], 0u64..20),
                0..400,
            ),
            asks in proptest::bool::ANY,
        ) {
            let (mut now, mut sequence) = (Instant::now(), 65_000u16);
            let mut tracker = NackTracker::new(Source::Camera, asks);
            for (step, millis) in steps {
                now += Duration::from_millis(millis);
                sequence = sequence.wrapping_add(step);
                let fresh = tracker.arrived(sequence, now).fresh;
                let due = tracker.due(now, None);
                proptest::prop_assert!(tracker.missing.len() <= MAX_MISSING);
                proptest::prop_assert!(due.len() <= tracker.missing.len());
                proptest::prop_assert!(!fresh || !due.contains(&sequence), "it has just come");
                let oldest = tracker.missing.values().next().map(|missing| missing.since);
                proptest::prop_assert!(oldest.is_none_or(|oldest| now - oldest < GIVE_UP));
            }
        }
    }
}
