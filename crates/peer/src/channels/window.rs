//! How much of what is bulk the library may hold at once.
//!
//! What it holds cannot be overtaken by control. So it is given what the path carries in a round trip and
//! [`QUEUE`] more, which is BBR's idea: the rate is measured by what was acknowledged while there was always something
//! to send, and the round trip is the least that was seen. A queue that a transfer makes on the way is thereby bounded
//! too. Pure: time is an argument.

use std::time::{Duration, Instant};

/// What control may have to wait behind.
const QUEUE: Duration = Duration::from_millis(50);
/// A radio loses less than this share; more are lost where a queue overflows, which is shorter than ours then: ours is halved.
const MUCH: f32 = 0.1;
/// What is left of what the path carries when that much was lost, so that the queue drains.
const DRAINING: f64 = 0.85;
/// So much longer the queue may become again in a second.
const RECOVERING: Duration = Duration::from_millis(5);
/// Two of the longest messages: enough for 2.6 Mbit/s over 100 ms, from where the measured rate takes it further.
const LEAST: usize = 32 * 1024;
/// The other side takes no more at once (the library's receive buffer, and browsers').
const MOST: usize = 1024 * 1024;
/// A rate is measured over this long, or a round trip where that is longer.
const MEASURED_OVER: Duration = Duration::from_millis(50);
/// Until a round trip was measured.
const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(50);

/// What of the data channels' records was lost on their way.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Lost {
    /// Which share.
    pub(crate) share: f32,
    /// How often it was measured: the same measurement tells nothing new.
    pub(crate) measured: u32,
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    /// [`QUEUE`], or what the path's own has room for.
    queue: Duration,
    /// The measurement of what was lost that was heeded last.
    heeded: u32,
    /// Since the beginning.
    sent: u64,
    /// When the measurement began, and what had been acknowledged by then.
    since: Option<(Instant, u64)>,
}

impl Default for Window {
    fn default() -> Self {
        Self { size: LEAST, queue: QUEUE, heeded: 0, sent: 0, since: None }
    }
}

impl Window {
    /// So many bytes were given to the library.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Whether it may be given more, when so much is unacknowledged and this share of what was sent got lost on the way. It is
    /// asked whenever something waits.
    pub(super) fn has_room(
        &mut self,
        now: Instant,
        outstanding: usize,
        round_trip: Option<Duration>,
        lost: Lost,
    ) -> bool {
        let round_trip = round_trip.unwrap_or(UNKNOWN_ROUND_TRIP);
        let acknowledged = self.sent.saturating_sub(outstanding as u64);
        match self.since {
            // Nothing was under way: before now there was nothing to measure.
            _ if outstanding == 0 => self.since = Some((now, acknowledged)),
            None => self.since = Some((now, acknowledged)),
            Some((since, before)) => {
                let time = now.saturating_duration_since(since);
                if time >= MEASURED_OVER.max(round_trip) {
                    let rate = acknowledged.saturating_sub(before) as f64 / time.as_secs_f64();
                    let part = self.heed(lost, time);
                    let carries = (rate * (round_trip + self.queue).as_secs_f64() * part) as usize;
                    // A moment without acknowledgements is no narrower path.
                    self.size = carries.max(self.size / 4 * 3).clamp(LEAST, MOST);
                    self.since = Some((now, acknowledged));
                }
            }
        }
        outstanding < self.size
    }

    /// Makes the queue shorter or longer, by what was lost in this time. Gives which part of what the path carries may be
    /// under way.
    fn heed(&mut self, lost: Lost, time: Duration) -> f64 {
        if lost.share < MUCH {
            self.queue = (self.queue + RECOVERING.mul_f64(time.as_secs_f64())).min(QUEUE);
        } else if lost.measured != self.heeded {
            self.heeded = lost.measured;
            self.queue /= 2;
            return DRAINING;
        }
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path, and what happens to what is sent over it.
    struct Path {
        /// Bytes a second.
        rate: f64,
        round_trip: Duration,
        /// How much fits into its queue. What comes on top is lost, and sent again a round trip later.
        fits: Duration,
        /// What is lost of what does fit.
        loses: f64,
    }

    const fn path(rate: f64, round_trip: u64) -> Path {
        Path { rate, round_trip: Duration::from_millis(round_trip), fits: Duration::MAX, loses: 0.0 }
    }

    /// Sends as much as fits over a path for some seconds; gives the bytes a second in the second half of it, how long the
    /// path's queue was then, and which share was lost.
    fn transfer(path: &Path, seconds: u64) -> (f64, Duration, f64) {
        const PIECE: usize = 4_096;
        let start = Instant::now();
        let mut window = Window::default();
        // (when it is acknowledged, bytes)
        let mut under_way = std::collections::BTreeMap::<(Instant, u64), usize>::new();
        let mut again = std::collections::BTreeMap::<(Instant, u64), usize>::new();
        let mut free_at = start;
        let (mut outstanding, mut carried, mut longest, mut order) = (0, 0, Duration::ZERO, 0);
        let (mut sent, mut lost, mut recent, mut said) = (0, 0, (0, 0), Lost::default());
        for millis in 0..seconds * 1_000 {
            let now = start + Duration::from_millis(millis);
            let measured = millis >= seconds * 500;
            while let Some(entry) = under_way.first_entry().filter(|entry| entry.key().0 <= now) {
                let bytes = entry.remove();
                outstanding -= bytes;
                carried += if measured { bytes } else { 0 };
            }
            let mut leaves: Vec<usize> = Vec::new();
            while let Some(entry) = again.first_entry().filter(|entry| entry.key().0 <= now) {
                leaves.push(entry.remove());
            }
            while window.has_room(now, outstanding, Some(path.round_trip), said) {
                window.sent(PIECE);
                outstanding += PIECE;
                leaves.push(PIECE);
            }
            for bytes in leaves {
                order += 1;
                recent.0 += 1;
                sent += i32::from(measured);
                let falls_out = free_at.saturating_duration_since(now) > path.fits;
                if falls_out || (f64::from(order as u32) * path.loses).fract() + path.loses >= 1.0 {
                    again.insert((now + path.round_trip, order), bytes);
                    recent.1 += 1;
                    lost += i32::from(measured);
                } else {
                    free_at = free_at.max(now) + Duration::from_secs_f64(bytes as f64 / path.rate);
                    under_way.insert((free_at + path.round_trip, order), bytes);
                }
                if recent.0 == 128 {
                    said = Lost { share: recent.1 as f32 / 128.0, measured: said.measured + 1 };
                    recent = (0, 0);
                }
            }
            if measured {
                longest = longest.max(free_at.saturating_duration_since(now));
            }
        }
        (carried as f64 / (seconds as f64 / 2.0), longest, f64::from(lost) / f64::from(sent))
    }

    #[test]
    fn a_transfer_fills_the_path_and_makes_control_wait_for_50_ms_at_most() {
        for (rate, round_trip) in [(2.5e6, 20), (2.5e6, 100), (6e6, 100), (12e6, 30)] {
            let (carried, longest, _) = transfer(&path(rate, round_trip), 10);
            println!("{rate} bytes/s, {round_trip} ms: {carried} carried, {longest:?} queued");
            assert!(carried > rate * 0.9, "{carried} of {rate} over {round_trip} ms");
            assert!(longest < Duration::from_millis(80), "{longest:?}");
        }
    }

    #[test]
    fn a_narrow_path_gets_no_more_than_the_least() {
        let (carried, longest, _) = transfer(&path(125_000.0, 50), 10);
        assert!(carried > 110_000.0, "{carried}");
        // One message more than the least, at 1 Mbit/s.
        assert!(longest < Duration::from_millis(400), "{longest:?}");
    }

    #[test]
    fn a_path_that_loses_by_itself_is_filled_too() {
        for (rate, round_trip, loses) in
            [(2.5e6, 20, 0.01), (2.5e6, 100, 0.01), (6e6, 100, 0.03), (1.2e6, 60, 0.05)]
        {
            let (carried, longest, _) = transfer(&Path { loses, ..path(rate, round_trip) }, 20);
            println!("{rate} bytes/s, {round_trip} ms, {loses} lost: {carried} carried, {longest:?} queued");
            assert!(carried > rate * 0.9, "{carried} of {rate} over {round_trip} ms");
            assert!(longest < Duration::from_millis(80), "{longest:?}");
        }
    }

    #[test]
    fn a_queue_that_is_short_is_not_kept_overflowing() {
        for (rate, round_trip, fits) in [(2.5e6, 40, 5), (2.5e6, 40, 10), (2.5e6, 100, 20), (6e6, 60, 20)] {
            let fits = Duration::from_millis(fits);
            let (carried, _, lost) = transfer(&Path { fits, ..path(rate, round_trip) }, 20);
            println!("{rate} bytes/s, {round_trip} ms, {fits:?} of queue: {carried} carried, {lost:.3} lost");
            assert!(carried > rate * 0.9, "{carried} of {rate} over {round_trip} ms");
            assert!(lost < 0.1, "{lost} of what is sent falls out of the queue");
        }
    }
}
