//! How long it takes to the other side and back, by the checks that ICE makes each second: also where nobody speaks and
//! no camera is on, so that no report tells it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc::stun::message::TransactionId;

/// Checks that are on their way. What is not answered makes room for newer ones.
const ASKED: usize = 64;
/// Of so many answers the least counts: without what queues add, and without paths that are not in use any more.
const ANSWERS: usize = 8;

/// Of one connection.
#[derive(Debug, Default)]
pub(super) struct RoundTrips {
    asked: VecDeque<(TransactionId, Instant)>,
    answers: VecDeque<Duration>,
}

impl RoundTrips {
    /// A check leaves. One that is repeated counts from its first time: nobody knows which one is answered.
    pub(super) fn asked(&mut self, now: Instant, transaction: TransactionId) {
        if self.asked.iter().any(|(known, _)| *known == transaction) {
            return;
        }
        if self.asked.len() == ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back((transaction, now));
    }

    /// The answer to one came.
    pub(super) fn answered(&mut self, now: Instant, transaction: TransactionId) {
        let Some(at) = self.asked.iter().position(|(known, _)| *known == transaction) else { return };
        if let Some((_, asked)) = self.asked.remove(at) {
            if self.answers.len() == ANSWERS {
                self.answers.pop_front();
            }
            self.answers.push_back(now.saturating_duration_since(asked));
        }
    }

    /// The least of the last few.
    pub(super) fn least(&self) -> Option<Duration> {
        self.answers.iter().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn check(n: u8) -> TransactionId {
        TransactionId([n; 12])
    }

    #[test]
    fn the_least_of_the_last_answers_counts_and_what_nobody_asked_does_not() {
        let (start, mut trips) = (Instant::now(), RoundTrips::default());
        let at = |ms| start + Duration::from_millis(ms);
        trips.answered(at(5), check(1));
        assert_eq!(trips.least(), None);
        trips.asked(at(0), check(1));
        trips.asked(at(90), check(1));
        trips.answered(at(100), check(1));
        trips.answered(at(101), check(1));
        assert_eq!(trips.least(), Some(Duration::from_millis(100)));
        // Another path.
        for n in 2..10 {
            trips.asked(at(1_000), check(n));
            trips.answered(at(1_250 + u64::from(n)), check(n));
        }
        assert_eq!(trips.least(), Some(Duration::from_millis(252)));
        for n in 0..=255 {
            trips.asked(at(3_000), check(n));
        }
        assert_eq!(trips.asked.len(), ASKED);
    }
}
