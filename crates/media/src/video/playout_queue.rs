//! Pictures that wait until they are to be shown.

use std::collections::VecDeque;
use std::time::Instant;

/// More than half a second at 30 pictures a second, and what that takes of memory: 22 MB at 720p.
const MOST: usize = 16;

/// Pictures in the order of showing, each with its time.
///
/// When one too many waits, the first is shown before its time. Dropped instead, a delay longer than the queue would
/// let no picture come to its turn: the screen would stand still until the delay shrinks.
#[derive(Debug)]
pub struct PlayoutQueue<T>(VecDeque<(Instant, T)>);

impl<T> Default for PlayoutQueue<T> {
    fn default() -> Self {
        Self(VecDeque::with_capacity(MOST + 1))
    }
}

impl<T> PlayoutQueue<T> {
    /// Adds one that came at `now` and is to be shown at `due`, which is not before the one before it.
    pub fn push(&mut self, due: Instant, picture: T, now: Instant) {
        self.0.push_back((due, picture));
        if self.0.len() > MOST {
            self.0[0].0 = now;
        }
    }

    /// The first of what is to be shown now. Of several that are due the newest is the one to show, since nobody would see
    /// the others.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        self.0.pop_front_if(|(due, _)| *due <= now).map(|(_, picture)| picture)
    }

    /// When there is something to take.
    pub fn next(&self) -> Option<Instant> {
        self.0.front().map(|&(due, _)| due)
    }

    /// Takes out all that wait.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.0.drain(..).map(|(_, picture)| picture)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::video::PlayoutClock;

    #[test]
    fn pictures_come_in_order_when_they_are_due() {
        let (mut queue, start) = (PlayoutQueue::default(), Instant::now());
        for n in 1..=3 {
            queue.push(start + Duration::from_millis(n * 10), n, start);
        }
        assert_eq!(queue.next(), Some(start + Duration::from_millis(10)));
        let due: Vec<_> = std::iter::from_fn(|| queue.pop(start + Duration::from_millis(20))).collect();
        assert_eq!(due, [1, 2]);
        assert_eq!(queue.drain().collect::<Vec<_>>(), [3]);
        assert_eq!(queue.next(), None);
    }

    /// The longest time without a picture after the first ten seconds, on a machine that needs `decoding` for one and a
    /// network that holds everything back for a second once.
    fn longest_pause(decoding: Duration) -> Duration {
        let (mut clock, mut queue, start) = (PlayoutClock::new(), PlayoutQueue::default(), Instant::now());
        let (mut longest, mut shown) = (Duration::ZERO, start);
        let mut arrivals = (0..900u32)
            .map(|n| {
                let sent = start + Duration::from_secs(n.into()) / 30;
                let outage = start + Duration::from_secs(10)..start + Duration::from_secs(11);
                (if outage.contains(&sent) { outage.end } else { sent }, n)
            })
            .peekable();
        for millis in 0..30_000 {
            let now = start + Duration::from_millis(millis);
            while let Some((arrived, n)) = arrivals.next_if(|(arrived, _)| *arrived <= now) {
                clock.decoded(decoding);
                queue.push(clock.schedule(n * 3_000, arrived), n, now);
            }
            if std::iter::from_fn(|| queue.pop(now)).last().is_some() {
                longest = longest.max(now - shown);
                shown = now;
            }
        }
        longest
    }

    #[test]
    fn an_outage_lasts_no_longer_than_it_lasts() {
        for decoding in [2, 40, 80] {
            let longest = longest_pause(Duration::from_millis(decoding));
            assert!(longest < Duration::from_millis(1_700), "decoding takes {decoding} ms: {longest:?}");
        }
    }
}
