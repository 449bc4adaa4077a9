//! How much of what is bulk the library may hold at once.
//!
//! What it holds cannot be overtaken by control. So it is given what the path carries in a round trip and
//! [`QUEUE`] more, which is BBR's idea: the rate is measured by what was acknowledged while there was always something
//! to send, and the round trip is the least that was seen. A queue that a transfer makes on the way is thereby bounded
//! too. Pure: time is an argument.

use std::time::{Duration, Instant};

/// What control may have to wait behind.
const QUEUE: Duration = Duration::from_millis(50);
/// Two of the longest messages: enough for 2.6 Mbit/s over 100 ms, from where the measured rate takes it further.
const LEAST: usize = 32 * 1024;
/// The other side takes no more at once (the library's receive buffer, and browsers').
const MOST: usize = 1024 * 1024;
/// A rate is measured over this long, or a round trip where that is longer.
const MEASURED_OVER: Duration = Duration::from_millis(50);
/// Until a round trip was measured.
const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(50);

/// See the module's description.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    /// Since the beginning.
    sent: u64,
    /// When the measurement began, and what had been acknowledged by then.
    since: Option<(Instant, u64)>,
}

impl Default for Window {
    fn default() -> Self {
        Self { size: LEAST, sent: 0, since: None }
    }
}

impl Window {
    /// So many bytes were given to the library.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Whether it may be given more, when so much is unacknowledged. It is asked whenever something waits.
    pub(super) fn has_room(
        &mut self,
        now: Instant,
        outstanding: usize,
        round_trip: Option<Duration>,
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
                    let carries = (rate * (round_trip + QUEUE).as_secs_f64()) as usize;
                    // A moment without acknowledgements is no narrower path.
                    self.size = carries.max(self.size / 4 * 3).clamp(LEAST, MOST);
                    self.since = Some((now, acknowledged));
                }
            }
        }
        outstanding < self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as much as fits over a path for some seconds; gives the bytes a second in the last one, and how long the
    /// library's queue and the path's were then.
    fn transfer(rate: f64, round_trip: Duration, seconds: u64) -> (f64, Duration) {
        let start = Instant::now();
        let mut window = Window::default();
        // (when it is acknowledged, bytes)
        let mut under_way = std::collections::VecDeque::<(Instant, usize)>::new();
        let mut free_at = start;
        let (mut outstanding, mut carried, mut longest) = (0, 0, Duration::ZERO);
        for millis in 0..seconds * 1_000 {
            let now = start + Duration::from_millis(millis);
            while under_way.front().is_some_and(|(at, _)| *at <= now) {
                let (_, bytes) = under_way.pop_front().unwrap();
                outstanding -= bytes;
                if millis >= (seconds - 1) * 1_000 {
                    carried += bytes;
                }
            }
            while window.has_room(now, outstanding, Some(round_trip)) {
                window.sent(16_384);
                outstanding += 16_384;
                free_at = free_at.max(now) + Duration::from_secs_f64(16_384.0 / rate);
                under_way.push_back((free_at + round_trip, 16_384));
            }
            if millis >= (seconds - 1) * 1_000 {
                longest = longest.max(free_at.saturating_duration_since(now));
            }
        }
        (carried as f64, longest)
    }

    #[test]
    fn a_transfer_fills_the_path_and_makes_control_wait_for_50_ms_at_most() {
        for (rate, round_trip) in [(2.5e6, 20), (2.5e6, 100), (6e6, 100), (12e6, 30)] {
            let (carried, longest) = transfer(rate, Duration::from_millis(round_trip), 10);
            println!("{rate} bytes/s, {round_trip} ms: {carried} carried, {longest:?} queued");
            assert!(carried > rate * 0.9, "{carried} of {rate} over {round_trip} ms");
            assert!(longest < Duration::from_millis(80), "{longest:?}");
        }
    }

    #[test]
    fn a_narrow_path_gets_no_more_than_the_least() {
        let (carried, longest) = transfer(125_000.0, Duration::from_millis(50), 10);
        assert!(carried > 110_000.0, "{carried}");
        // One message more than the least, at 1 Mbit/s.
        assert!(longest < Duration::from_millis(400), "{longest:?}");
    }
}
