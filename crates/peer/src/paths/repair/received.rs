//! Records as they arrive: which are missing, and, while many come, in their order. Pure: time is an argument.
//!
//! SCTP takes every loss for congestion and halves what it sends; one packet of a hundred lost over 50 ms leaves 0.3 MB/s of any
//! path. A record that is sent again and handed over in its place is no loss to it, only a delay. When little comes,
//! nobody's speed hangs on it, and nothing waits for what is missing.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::wire::{MAX_RUNS, Run};

/// More that are missing at once were not lost one by one: the path was gone, and the library begins anew.
const MOST_MISSING: u64 = 1_024;
/// What waits for something that is missing.
const MOST_BYTES: usize = 2 << 20;
/// Until a round trip was measured.
const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(100);
/// Records that overtake others do so by this part of a round trip, and within these bounds.
const REORDERED: u32 = 8;
const REORDERED_LEAST: Duration = Duration::from_millis(2);
const REORDERED_MOST: Duration = Duration::from_millis(15);
/// An answer that has not come after a round trip and a quarter, and this long, does not come.
const LATE: Duration = Duration::from_millis(10);
/// After three round trips and this long nobody waits for it any more, and never as long as SCTP waits for an
/// acknowledgement (1 s).
const GIVEN_UP: Duration = Duration::from_millis(80);
const LONGEST: Duration = Duration::from_millis(700);
/// So many large records within so long are somebody's file. Small ones are words, moves of a game, or what acknowledges a
/// file: each acknowledgement is of all before it, so none has to wait for one that was lost.
const MANY: u32 = 8;
const LARGE: usize = 512;
const COUNTED_OVER: Duration = Duration::from_millis(150);
/// The share of a new round trip in the smoothed one.
const SMOOTHING: f64 = 1.0 / 8.0;

struct Gap {
    since: Instant,
    /// When it is to be asked for, or given up.
    due: Instant,
    asked: Option<Instant>,
    times: u32,
}

/// What becomes of a record that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is the library's.
    Deliver,
    /// It was taken: it comes out of [`Received::next`] in its turn.
    Keep,
}

/// How many large records came lately.
#[derive(Default)]
struct Recent {
    since: Option<Instant>,
    count: u32,
    before: u32,
}

/// See the module's description.
#[derive(Default)]
pub(super) struct Received {
    /// The number after the newest one.
    next: Option<u64>,
    gaps: BTreeMap<u64, Gap>,
    held: BTreeMap<u64, Box<[u8]>>,
    held_bytes: usize,
    ready: VecDeque<Box<[u8]>>,
    /// No gap is due before.
    due: Option<Instant>,
    round_trip: Option<Duration>,
    recent: Recent,
}

impl Received {
    /// A record arrived.
    pub(super) fn arrived(&mut self, now: Instant, number: u64, datagram: &[u8]) -> Fate {
        let many = self.recent.count(now, datagram.len() >= LARGE);
        let Some(next) = self.next.filter(|next| next >> 48 == number >> 48) else {
            self.begin_anew(number);
            return self.hand_on(datagram);
        };
        if number < next {
            if let Some(gap) = self.gaps.remove(&number)
                && let (Some(asked), 1) = (gap.asked, gap.times)
            {
                self.measured(now.saturating_duration_since(asked));
            }
            if self.held.is_empty() {
                return self.hand_on(datagram);
            }
            return self.hold(number, datagram);
        }
        if number - next > MOST_MISSING {
            self.begin_anew(number);
            return self.hand_on(datagram);
        }
        self.missing(next..number, now, now + self.reordered());
        self.next = Some(number + 1);
        let waits = !self.held.is_empty() || (many && !self.gaps.is_empty());
        if waits { self.hold(number, datagram) } else { self.hand_on(datagram) }
    }

    /// The other side sent nothing newer than this.
    pub(super) fn newest(&mut self, now: Instant, number: u64) {
        let Some(next) = self.next else { return };
        // The same epoch, and what may have been lost.
        if next >> 48 == number >> 48 && number >= next && number - next < MOST_MISSING {
            self.missing(next..number + 1, now, now);
            self.next = Some(number + 1);
        }
    }

    /// What is to be asked for now.
    pub(super) fn ask(&mut self, now: Instant) -> Vec<Run> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let patience = self.patience();
        self.gaps.retain(|_, gap| now.saturating_duration_since(gap.since) < patience);
        self.release();
        let again = now + self.round_trip().mul_f64(1.25) + LATE;
        let mut runs: Vec<Run> = Vec::new();
        for (number, gap) in self.gaps.iter_mut().filter(|(_, gap)| gap.due <= now) {
            let full = runs.len() == MAX_RUNS;
            match runs.last_mut() {
                Some(run) if run.first + u64::from(run.count) == *number => run.count += 1,
                _ if full => break,
                _ => runs.push(Run { first: *number, count: 1 }),
            }
            gap.asked = Some(now);
            gap.times += 1;
            gap.due = again.min(gap.since + patience);
        }
        self.due = self.gaps.values().map(|gap| gap.due).min();
        runs
    }

    /// When [`Self::ask`] is to be called.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// As it was measured otherwise, which is at once and without what waits.
    pub(super) fn set_round_trip(&mut self, round_trip: Option<Duration>) {
        self.round_trip = round_trip.or(self.round_trip);
    }

    /// The next record whose turn it is, of those that were kept.
    pub(super) fn next(&mut self) -> Option<Box<[u8]>> {
        self.ready.pop_front()
    }

    /// How long the next one is.
    pub(super) fn next_length(&self) -> Option<usize> {
        self.ready.front().map(|datagram| datagram.len())
    }

    fn begin_anew(&mut self, number: u64) {
        self.gaps.clear();
        self.release();
        self.due = None;
        self.next = Some(number + 1);
    }

    fn missing(&mut self, numbers: std::ops::Range<u64>, since: Instant, due: Instant) {
        if numbers.is_empty() {
            return;
        }
        for number in numbers {
            self.gaps.insert(number, Gap { since, due, asked: None, times: 0 });
        }
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
        while self.gaps.len() as u64 > MOST_MISSING {
            self.gaps.pop_first();
        }
    }

    /// Straight to the library, unless others are to come before it.
    fn hand_on(&mut self, datagram: &[u8]) -> Fate {
        if self.ready.is_empty() {
            return Fate::Deliver;
        }
        self.ready.push_back(datagram.into());
        Fate::Keep
    }

    fn hold(&mut self, number: u64, datagram: &[u8]) -> Fate {
        if let Some(other) = self.held.insert(number, datagram.into()) {
            self.held_bytes -= other.len();
        }
        self.held_bytes += datagram.len();
        self.release();
        while self.held_bytes > MOST_BYTES && self.gaps.pop_first().is_some() {
            self.release();
        }
        Fate::Keep
    }

    /// Whatever lies before the first gap has its turn.
    fn release(&mut self) {
        let first = self.gaps.first_key_value().map(|(number, _)| *number);
        while let Some(entry) =
            self.held.first_entry().filter(|held| first.is_none_or(|gap| *held.key() < gap))
        {
            let datagram = entry.remove();
            self.held_bytes -= datagram.len();
            self.ready.push_back(datagram);
        }
    }

    fn measured(&mut self, round_trip: Duration) {
        let before = self.round_trip.unwrap_or(round_trip);
        self.round_trip = Some(before.mul_f64(1.0 - SMOOTHING) + round_trip.mul_f64(SMOOTHING));
    }

    fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or(UNKNOWN_ROUND_TRIP)
    }

    fn reordered(&self) -> Duration {
        (self.round_trip() / REORDERED).clamp(REORDERED_LEAST, REORDERED_MOST)
    }

    fn patience(&self) -> Duration {
        (self.round_trip() * 3 + GIVEN_UP).min(LONGEST)
    }
}

impl Recent {
    /// Another one came; says whether many large ones do.
    fn count(&mut self, now: Instant, large: bool) -> bool {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed >= COUNTED_OVER {
            // After a pause what came before it says nothing.
            self.before = if passed < COUNTED_OVER * 2 { self.count } else { 0 };
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += u32::from(large);
        self.count.max(self.before) >= MANY
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sent::Sent;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Gives what the library gets.
    fn take(received: &mut Received, now: Instant, number: u64) -> Vec<u64> {
        let mut datagram = number.to_be_bytes().to_vec();
        datagram.resize(LARGE, 0);
        let fate = received.arrived(now, number, &datagram);
        let mut got = Vec::new();
        if fate == Fate::Deliver {
            got.push(number);
        }
        got.extend(drain(received));
        got
    }

    fn drain(received: &mut Received) -> Vec<u64> {
        std::iter::from_fn(|| received.next())
            .map(|datagram| u64::from_be_bytes(*datagram.first_chunk().unwrap()))
            .collect()
    }

    #[test]
    fn small_ones_never_wait() {
        let (start, mut received) = (Instant::now(), Received::default());
        for number in (1..200).filter(|number| number % 7 != 0) {
            assert_eq!(received.arrived(start, number, &[0; 100]), Fate::Deliver);
        }
        assert!(!received.ask(start + 20 * MS).is_empty(), "but what is missing is asked for");
    }

    #[test]
    fn while_little_comes_nothing_waits_and_what_is_missing_is_asked_for() {
        let (start, mut received) = (Instant::now(), Received::default());
        assert_eq!(take(&mut received, start, 1), [1]);
        assert_eq!(take(&mut received, start, 4), [4]);
        assert!(received.ask(start).is_empty(), "they may have been overtaken");
        let due = received.due().unwrap();
        assert_eq!(received.ask(due), [Run { first: 2, count: 2 }]);
        assert_eq!(take(&mut received, due + 50 * MS, 3), [3]);
        assert_eq!(received.round_trip, Some(50 * MS));
        let again = received.due().unwrap();
        assert_eq!(received.ask(again), [Run { first: 2, count: 1 }]);
        assert!(received.ask(again + Duration::from_secs(1)).is_empty(), "given up");
        assert_eq!(received.due(), None);
    }

    #[test]
    fn of_many_those_that_follow_wait_for_what_is_missing_but_not_for_ever() {
        let (start, mut received) = (Instant::now(), Received::default());
        for number in 1..=40 {
            assert_eq!(take(&mut received, start, number), [number]);
        }
        assert!(take(&mut received, start, 42).is_empty() && take(&mut received, start, 44).is_empty());
        assert_eq!(take(&mut received, start + MS, 41), [41, 42], "it was overtaken");
        assert!(take(&mut received, start + MS, 45).is_empty());
        assert_eq!(received.ask(start + 20 * MS), [Run { first: 43, count: 1 }]);
        received.ask(start + Duration::from_secs(1));
        assert_eq!(drain(&mut received), [44, 45]);
        assert_eq!(take(&mut received, start + Duration::from_secs(1), 43), [43], "the library judges it");
        assert_eq!(take(&mut received, start + Duration::from_secs(1), 46), [46]);
    }

    #[test]
    fn the_last_one_of_all_is_missed_when_the_other_side_says_so() {
        let (start, mut received) = (Instant::now(), Received::default());
        take(&mut received, start, 1);
        received.newest(start, 1);
        assert_eq!(received.due(), None);
        received.newest(start, 3);
        assert_eq!(received.ask(start), [Run { first: 2, count: 2 }]);
        received.newest(start, 90_000);
        received.newest(start, u64::MAX);
        assert_eq!(received.gaps.len(), 2, "nobody lost so many");
        assert_eq!(take(&mut received, start, 80_000), [80_000], "the path was gone");
        assert_eq!(received.due(), None);
        // Another epoch begins anew.
        assert_eq!(take(&mut received, start, 1 << 48), [1 << 48]);
    }

    /// A path with a delay and losses between somebody who sends at a steady speed and somebody who takes: what the taker's
    /// library gets, and how many were sent again.
    fn over(seed: u64, loss: f64, one_way: Duration, jitter: Duration, count: u64) -> (Vec<u64>, usize) {
        use rand::{Rng, SeedableRng};
        enum Packet {
            Record(u64),
            Ask(Vec<Run>),
            Newest(u64),
        }
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let start = Instant::now();
        let (mut sent, mut received) = (Sent::default(), Received::default());
        let mut under_way: BTreeMap<(Instant, u64), Packet> = BTreeMap::new();
        received.set_round_trip(Some(one_way * 2));
        let (mut got, mut again, mut order) = (Vec::new(), 0, 0);
        let mut send = |under_way: &mut BTreeMap<_, _>, at: Instant, packet: Packet| {
            order += 1;
            let wavers = jitter.mul_f64(random.random());
            if !random.random_bool(loss) || matches!(packet, Packet::Record(1)) {
                under_way.insert((at + one_way + wavers, order), packet);
            }
        };
        for step in 0..(count / 2 + 2_000) {
            let now = start + MS * step as u32;
            for number in (step * 2 + 1..=step * 2 + 2).filter(|number| *number <= count) {
                sent.sent(now, number, &number.to_be_bytes());
                send(&mut under_way, now, Packet::Record(number));
            }
            if let Some(newest) = sent.tell(now) {
                send(&mut under_way, now, Packet::Newest(newest));
            }
            while let Some(entry) = under_way.first_entry().filter(|entry| entry.key().0 <= now) {
                match entry.remove() {
                    Packet::Record(number) => got.extend(take(&mut received, now, number)),
                    Packet::Newest(newest) => received.newest(now, newest),
                    Packet::Ask(runs) => {
                        for datagram in sent.again(&runs) {
                            again += 1;
                            let number = u64::from_be_bytes(*datagram.first_chunk().unwrap());
                            send(&mut under_way, now, Packet::Record(number));
                        }
                    }
                }
            }
            let runs = received.ask(now);
            if !runs.is_empty() {
                send(&mut under_way, now, Packet::Ask(runs));
            }
            got.extend(drain(&mut received));
        }
        // What comes twice is dropped by DTLS.
        let mut seen = std::collections::BTreeSet::new();
        got.retain(|number| seen.insert(*number));
        (got, again)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_path_that_loses_looks_like_one_that_does_not(
            seed in any::<u64>(),
            loss in 0.0..0.06_f64,
            one_way in 1_u64..120,
            jitter in 0_u64..10,
        ) {
            const COUNT: u64 = 3_000;
            let (got, again) = over(seed, loss, MS * one_way as u32, MS * jitter as u32, COUNT);
            // One in thousands is lost with all of its copies.
            prop_assert!(got.len() as u64 >= COUNT - 4 - (COUNT as f64 * loss.powi(3) * 4.0) as u64, "{} of {COUNT}", got.len());
            let out_of_order = got.windows(2).filter(|two| two[0] > two[1]).count();
            // The first ones are handed on as they come, until there are many.
            prop_assert!(out_of_order <= 30 + (COUNT as f64 * loss.powi(3) * 8.0) as usize, "{out_of_order} out of order");
            let lost = COUNT as f64 * loss;
            prop_assert!((again as f64) < 20.0 + lost * 2.0 + if jitter > 2 { COUNT as f64 * 0.6 } else { 0.0 }, "{again} again for {lost}");
        }
    }
}
