//! When each of a microphone's frames was captured, by the process's clock.

use std::time::Duration;

use tincan_media::MediaTime;
use tincan_media::audio::FRAME_DURATION;

/// Follows a microphone's clock, which counts samples, by the process's clock. No frame is ever left out for it: whoever
/// sends the sound counts samples and tells the difference beside them.
///
/// A device's clock differs from ours by some 50 ppm (30 ms in ten minutes), a device that just started says strange
/// things about its latency, and an overrun loses samples without a word. So what the clock says of every frame is
/// gathered. The median of a second (buffers come when they like, and some latencies are wild) moves the stamps slowly
/// while it is off by little, which is drift; when it is off by a frame or more for two seconds, samples are missing, and
/// the stamps step there.
#[derive(Debug)]
pub(super) struct CaptureClock {
    /// The next frame's stamp.
    next: Option<MediaTime>,
    /// By how many µs each frame seems to have been captured later than its stamp says.
    late_micros: Vec<i64>,
    enough: usize,
    /// By how many µs each frame's stamp is moved, so that the last second's error is gone after a few.
    slew_micros: f64,
    /// What of it is less than a µs.
    fraction: f64,
    /// The last second's median was off by a frame.
    doubtful: bool,
}

/// A frame: less than that is drift or noise, for no device loses less. Lips and voice part visibly at 45 ms (ITU-R
/// BT.1359), and other things add to it.
const MAX_OFF_MICROS: i64 = FRAME_DURATION.as_micros() as i64;
/// Frames that are judged by together: a second.
const ENOUGH: usize = 100;
/// The first time sooner, because the first buffers' times are the worst and nobody has spoken yet.
const ENOUGH_AT_FIRST: usize = 20;
/// The share of an error that is taken up in a second: 200 ppm then lag by less than a millisecond, and a busy second's
/// late wake-ups, which are some milliseconds, move the stamps by a part only.
const GAIN: f64 = 0.25;

impl Default for CaptureClock {
    fn default() -> Self {
        Self {
            next: None,
            late_micros: Vec::with_capacity(ENOUGH),
            enough: ENOUGH_AT_FIRST,
            slew_micros: 0.0,
            fraction: 0.0,
            doubtful: false,
        }
    }
}

impl CaptureClock {
    /// When the next frame was captured, whose capture seems to have begun at `estimate`.
    pub(super) fn stamp(&mut self, estimate: MediaTime) -> MediaTime {
        let next = *self.next.get_or_insert(estimate);
        self.late_micros.push(estimate.as_micros() as i64 - next.as_micros() as i64);
        self.fraction += self.slew_micros;
        let whole = self.fraction.trunc();
        self.fraction -= whole;
        let moved = self.judge() + whole as i64;
        let time = MediaTime::from_micros(next.as_micros().saturating_add_signed(moved));
        self.next = Some(time + FRAME_DURATION);
        time
    }

    /// Samples of this length were thrown away before the next frame.
    pub(super) fn skip(&mut self, length: Duration) {
        self.next = self.next.map(|next| next + length);
        self.late_micros.clear();
    }

    /// By how much the stamps are to step, once there are enough frames to tell; else nothing.
    fn judge(&mut self) -> i64 {
        if self.late_micros.len() < self.enough {
            return 0;
        }
        let middle = self.late_micros.len() / 2;
        let median = *self.late_micros.select_nth_unstable(middle).1;
        self.late_micros.clear();
        let first = std::mem::replace(&mut self.enough, ENOUGH) == ENOUGH_AT_FIRST;
        let off = median.abs() > MAX_OFF_MICROS;
        let step = first || (off && self.doubtful);
        self.doubtful = off && !step;
        self.slew_micros = if off || step { 0.0 } else { median as f64 * GAIN / ENOUGH as f64 };
        if step { median } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a device does with its frames: when frame `n` was captured in truth, and how much later it seems to be. Gives
    /// stamps and truth.
    fn run(frames: u64, truth: impl Fn(u64) -> u64, late: impl Fn(u64) -> i64) -> Vec<(u64, u64)> {
        let mut clock = CaptureClock::default();
        (0..frames)
            .map(|n| {
                let estimate = MediaTime::from_micros(truth(n).saturating_add_signed(late(n)));
                (clock.stamp(estimate).as_micros(), truth(n))
            })
            .collect()
    }

    /// Frames come 0 to 5 ms late, by no pattern, and one of twenty seems 50 ms early.
    fn noise(n: u64) -> i64 {
        let noise = (n.wrapping_mul(2_654_435_761) >> 7) % 20;
        if noise == 0 && n > 0 { -50_000 } else { (noise * 250) as i64 }
    }

    fn worst(stamps: &[(u64, u64)]) -> u64 {
        stamps.iter().map(|&(stamp, real)| stamp.abs_diff(real)).max().unwrap()
    }

    /// Steps that a sender would take for missing samples or for another device (half a frame).
    fn steps(stamps: &[(u64, u64)]) -> usize {
        stamps.windows(2).filter(|pair| (pair[1].0 as i64 - pair[0].0 as i64 - 10_000).abs() > 5_000).count()
    }

    #[test]
    fn an_hour_of_drift_is_followed_without_a_step() {
        for ppm in [0, 100, -100, 200, -200] {
            let stamps = run(360_000, |n| (1_000_000 + n as i64 * (10_000 - ppm / 100)) as u64, noise);
            assert!(steps(&stamps[25..]) == 0, "{ppm} ppm: {} steps", steps(&stamps[25..]));
            assert!(worst(&stamps) < 6_000, "{ppm} ppm: {} µs", worst(&stamps));
        }
    }

    #[test]
    fn a_device_that_begins_with_wrong_times_is_put_right_within_a_quarter_second() {
        for off in [60_000, -60_000] {
            let late = |n| if n < 3 { off } else { noise(n) };
            let stamps = run(1_000, |n| 1_000_000 + n * 10_000, late);
            assert!(worst(&stamps[25..]) < 6_000, "{off} µs: {} µs", worst(&stamps[25..]));
        }
    }

    #[test]
    fn lost_samples_are_one_step_and_no_delay_for_ever() {
        let stamps = run(2_000, |n| 1_000_000 + n * 10_000 + if n < 500 { 0 } else { 40_000 }, noise);
        assert_eq!(steps(&stamps), 1);
        assert!(worst(&stamps[720..]) < 6_000, "{} µs", worst(&stamps[720..]));
    }

    #[test]
    fn a_busy_second_is_no_loss() {
        let late = |n| noise(n) + if (500..600).contains(&n) { 30_000 } else { 0 };
        let stamps = run(2_000, |n| 1_000_000 + n * 10_000, late);
        assert_eq!(steps(&stamps), 0);
        assert!(worst(&stamps) < 10_000, "{} µs", worst(&stamps));
    }

    #[test]
    fn what_is_thrown_away_is_stepped_over_at_once() {
        let mut clock = CaptureClock::default();
        for n in 0..150 {
            clock.stamp(MediaTime::from_micros(n * 10_000));
        }
        clock.skip(Duration::from_millis(300));
        assert_eq!(clock.stamp(MediaTime::from_micros(1_800_000)).as_micros(), 1_800_000);
    }
}
