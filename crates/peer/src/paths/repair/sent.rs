//! Records that were sent and may be asked for again. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::wire::Run;
use crate::channels::Lost;

/// As much as the library may have under way at once: a record that is asked for is one of those.
const MOST_BYTES: usize = 2 << 20;
/// After this long the library has sent it again by itself.
const LONGEST: Duration = Duration::from_secs(2);
/// Nobody gets more copies of a record, whatever they ask for.
const MOST_COPIES: u8 = 4;
/// So long after the last record the other side is told that it was the last, and once more so long after that: whoever lost
/// it would not know.
const TELL_AFTER: [Duration; 2] = [Duration::from_millis(30), Duration::from_millis(150)];
/// What share of the records was lost is measured over this many.
const MEASURED_OVER: u32 = 128;

struct Kept {
    number: u64,
    at: Instant,
    copies: u8,
    datagram: Box<[u8]>,
}

/// See the module's description.
#[derive(Default)]
pub(super) struct Sent {
    /// In the order of their numbers.
    kept: VecDeque<Kept>,
    bytes: usize,
    /// When the other side is to be told the newest number, and how often it was.
    tell: Option<(Instant, usize)>,
    counted: u32,
    asked_for: u32,
    lost: Lost,
}

impl Sent {
    /// A record leaves.
    pub(super) fn sent(&mut self, now: Instant, number: u64, datagram: &[u8]) {
        if let Some(last) = self.kept.back() {
            if last.number >> 48 != number >> 48 {
                // Of another epoch nobody asks for what came before.
                self.kept.clear();
                self.bytes = 0;
            } else if number <= last.number {
                // It is handed over once more, since the socket was full.
                return;
            }
        }
        self.bytes += datagram.len();
        self.kept.push_back(Kept { number, at: now, copies: 0, datagram: datagram.into() });
        while self.kept.front().is_some_and(|oldest| {
            self.bytes > MOST_BYTES || now.saturating_duration_since(oldest.at) > LONGEST
        }) {
            self.bytes -= self.kept.pop_front().map_or(0, |oldest| oldest.datagram.len());
        }
        self.tell = Some((now + TELL_AFTER[0], 0));
        self.counted += 1;
        if self.counted >= MEASURED_OVER {
            let share = self.asked_for as f32 / self.counted as f32;
            self.lost = Lost { share, measured: self.lost.measured.wrapping_add(1) };
            (self.counted, self.asked_for) = (0, 0);
        }
    }

    /// The other side misses these: gives those that are here.
    pub(super) fn again(&mut self, runs: &[Run]) -> Vec<Box<[u8]>> {
        let mut again = Vec::new();
        for run in runs {
            let begin = self.kept.partition_point(|kept| kept.number < run.first);
            let end = run.first.saturating_add(u64::from(run.count));
            for kept in self.kept.range_mut(begin..).take_while(|kept| kept.number < end) {
                if kept.copies < MOST_COPIES {
                    self.asked_for += u32::from(kept.copies == 0);
                    kept.copies += 1;
                    again.push(kept.datagram.clone());
                }
            }
        }
        again
    }

    /// The number that the other side is to be told now.
    pub(super) fn tell(&mut self, now: Instant) -> Option<u64> {
        let (_, times) = self.tell.take_if(|(at, _)| *at <= now)?;
        self.tell = TELL_AFTER.get(times + 1).map(|after| (now + *after, times + 1));
        self.kept.back().map(|last| last.number)
    }

    /// When there is something to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.tell.map(|(at, _)| at)
    }

    /// What had to be sent again of the last hundred.
    pub(super) fn lost(&self) -> Lost {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_comes_again_a_few_times_and_not_when_it_is_old() {
        let (start, mut sent) = (Instant::now(), Sent::default());
        for number in 1..=10 {
            sent.sent(start, number, &[number as u8; 3]);
        }
        let ask = [Run { first: 3, count: 2 }, Run { first: 9, count: 40 }];
        let bytes: Vec<u8> = sent.again(&ask).iter().map(|datagram| datagram[0]).collect();
        assert_eq!(bytes, [3, 4, 9, 10]);
        for _ in 0..10 {
            sent.again(&ask);
        }
        assert!(sent.again(&ask).is_empty(), "enough copies");
        assert!(sent.again(&[Run { first: u64::MAX, count: u16::MAX }]).is_empty());
        sent.sent(start + Duration::from_secs(3), 11, &[11]);
        assert!(sent.again(&[Run { first: 1, count: 10 }]).is_empty(), "too old");
    }

    #[test]
    fn what_is_handed_over_twice_is_kept_once_and_nothing_before_it_is_lost() {
        let (now, mut sent) = (Instant::now(), Sent::default());
        for number in [1, 2, 3, 2, 3, 4] {
            sent.sent(now, number, &[number as u8]);
        }
        let all = sent.again(&[Run { first: 0, count: 9 }]);
        assert_eq!(all.iter().map(|datagram| datagram[0]).collect::<Vec<u8>>(), [1, 2, 3, 4]);
        sent.sent(now, 1 << 48, &[9]);
        assert!(sent.again(&[Run { first: 0, count: 9 }]).is_empty(), "another epoch");
    }

    #[test]
    fn the_newest_is_told_twice_after_the_last_and_not_while_more_follow() {
        let (start, mut sent) = (Instant::now(), Sent::default());
        let at = |ms| start + Duration::from_millis(ms);
        for n in 0..10 {
            sent.sent(at(n * 10), n + 1, &[0]);
            assert_eq!(sent.tell(at(n * 10 + 9)), None);
        }
        assert_eq!(sent.due(), Some(at(120)));
        assert_eq!(sent.tell(at(120)), Some(10));
        assert_eq!(sent.tell(at(200)), None);
        assert_eq!(sent.tell(at(270)), Some(10));
        assert_eq!((sent.due(), sent.tell(at(9_000))), (None, None));
    }

    #[test]
    fn no_more_is_kept_than_the_library_may_have_under_way() {
        let (start, mut sent) = (Instant::now(), Sent::default());
        for number in 0..10_000 {
            sent.sent(start, number, &[0; 1_200]);
        }
        assert!(sent.bytes <= MOST_BYTES && sent.kept.len() * 1_200 == sent.bytes);
    }
}
