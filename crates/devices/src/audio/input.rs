//! Our end of a real microphone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtrb::Consumer;
use tincan_media::audio::{AudioFrame, FRAME_DURATION, SAMPLE_RATE, SAMPLES_PER_FRAME};
use tincan_media::{AudioInput, DeviceError, MediaClock, MediaTime};

use super::callback::{Largest, Shared};
use super::resample::Resampler;
use super::stream::StreamThread;

/// A device that delivers nothing for this long does not work. Bluetooth headsets take up to three seconds to begin.
pub(super) const STALL_LIMIT: Duration = Duration::from_secs(5);
/// When more waits, the audio thread has stood still; old sound would stay late for ever.
const MAX_WAITING_MILLIS: usize = 250;
/// What is kept of it then.
const KEEP_MILLIS: usize = 40;

/// A real microphone: 48 kHz mono out of its ring.
pub(super) struct DeviceInput {
    name: String,
    rate: u32,
    ring: Consumer<f32>,
    shared: Arc<Shared>,
    clock: MediaClock,
    resampler: Resampler,
    piece: Vec<f32>,
    ready: VecDeque<f32>,
    /// When the last sample in `ready` was captured.
    newest: MediaTime,
    timeline: Timeline,
    last_sound: Instant,
    largest: Largest,
    _thread: StreamThread,
}

impl DeviceInput {
    pub(super) fn new(
        name: String,
        rate: u32,
        ring: Consumer<f32>,
        shared: Arc<Shared>,
        clock: MediaClock,
        thread: StreamThread,
    ) -> Result<Self, DeviceError> {
        let resampler = Resampler::new(rate, SAMPLE_RATE)
            .map_err(|error| DeviceError::Unsupported { device: name.clone(), detail: error.to_string() })?;
        Ok(Self {
            name,
            rate,
            ring,
            shared,
            clock,
            resampler,
            piece: Vec::new(),
            ready: VecDeque::with_capacity(4 * SAMPLES_PER_FRAME),
            newest: MediaTime::ZERO,
            timeline: Timeline::default(),
            last_sound: Instant::now(),
            largest: Largest::new(Instant::now()),
            _thread: thread,
        })
    }

    /// Moves what has come from the ring to `ready`.
    fn drain(&mut self, now: Instant) {
        let mut waiting = self.ring.slots();
        if waiting > self.rate as usize * MAX_WAITING_MILLIS / 1_000 {
            let excess = waiting - self.rate as usize * KEEP_MILLIS / 1_000;
            if let Ok(chunk) = self.ring.read_chunk(excess) {
                chunk.commit_all();
            }
            self.ready.clear();
            self.timeline = Timeline::default();
            waiting -= excess;
        }
        if waiting == 0 {
            return;
        }
        self.piece.resize(waiting, 0.0);
        if self.ring.pop_entire_slice(&mut self.piece).is_ok() {
            self.resampler.process(&self.piece, &mut self.ready);
            self.newest = self.clock.at(now) - self.beyond_callback(now);
            self.last_sound = now;
        }
    }

    /// Latency before the device's buffer: the device counts from a buffer's first sample, we from its last.
    fn beyond_callback(&mut self, now: Instant) -> Duration {
        let buffer = self.largest.duration(&self.shared, self.rate, now);
        self.shared.device_latency().saturating_sub(buffer)
    }
}

impl AudioInput for DeviceInput {
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError> {
        let now = Instant::now();
        self.drain(now);
        while self.ready.len() >= SAMPLES_PER_FRAME {
            let age = Duration::from_micros(self.ready.len() as u64 * 1_000_000 / u64::from(SAMPLE_RATE));
            let stamp = self.timeline.stamp(self.newest - age);
            let mut frame = AudioFrame::silence(MediaTime::ZERO);
            for (slot, sample) in frame.samples.iter_mut().zip(self.ready.drain(..SAMPLES_PER_FRAME)) {
                *slot = sample;
            }
            if let Some(time) = stamp {
                frame.time = time;
                return Ok(Some(frame));
            }
        }
        let silent = now.saturating_duration_since(self.last_sound);
        if self.shared.is_lost(silent) {
            return Err(DeviceError::Lost { device: self.name.clone() });
        }
        if silent > STALL_LIMIT {
            return Err(DeviceError::Stalled { device: self.name.clone() });
        }
        Ok(None)
    }
}

/// Stamps frames exactly 10 ms apart, so that RTP times count samples, and yet follows the process's clock.
///
/// The device's clock differs from ours by some 50 ppm (30 ms in ten minutes), a device that just started says strange
/// things about its latency, and an overrun loses samples without a word. So what the clock says of every frame is
/// gathered, and when the median of a second is off by a frame, frames are left out or one is stamped later. The
/// median: buffers come when they like, and some latencies are wild.
#[derive(Debug)]
struct Timeline {
    next: Option<MediaTime>,
    /// By how many µs each frame seems to have been captured later than its stamp says.
    late_micros: Vec<i64>,
    enough: usize,
    leave_out: i64,
}

/// A frame: less cannot be left out. Lips and voice part visibly at 45 ms (ITU-R BT.1359), and other things add to it.
const MAX_OFF_MICROS: i64 = FRAME_DURATION.as_micros() as i64;
/// Frames that are judged by together: a second.
const ENOUGH: usize = 100;
/// The first time sooner, because the first buffers' times are the worst and nobody has spoken yet.
const ENOUGH_AT_FIRST: usize = 20;

impl Default for Timeline {
    fn default() -> Self {
        Self { next: None, late_micros: Vec::with_capacity(ENOUGH), enough: ENOUGH_AT_FIRST, leave_out: 0 }
    }
}

impl Timeline {
    /// The time of the next frame, whose capture seems to have begun at `estimate`; `None`: leave this frame out.
    fn stamp(&mut self, estimate: MediaTime) -> Option<MediaTime> {
        let next = *self.next.get_or_insert(estimate);
        if self.leave_out > 0 {
            self.leave_out -= 1;
            return None;
        }
        self.late_micros.push(estimate.as_micros() as i64 - next.as_micros() as i64);
        let late = self.judge();
        let time = if late > MAX_OFF_MICROS { next + Duration::from_micros(late as u64) } else { next };
        self.leave_out = (-late / MAX_OFF_MICROS).max(0);
        self.next = Some(time + FRAME_DURATION);
        Some(time)
    }

    /// By how much stamps were behind, once there are enough of them to tell; else nothing.
    fn judge(&mut self) -> i64 {
        if self.late_micros.len() < self.enough {
            return 0;
        }
        let middle = self.late_micros.len() / 2;
        let median = *self.late_micros.select_nth_unstable(middle).1;
        self.late_micros.clear();
        self.enough = ENOUGH;
        median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a device does with its frames: when frame `n` was captured in truth, and how much later it seems to be.
    fn run(frames: u64, truth: impl Fn(u64) -> u64, late: impl Fn(u64) -> i64) -> Vec<(u64, u64)> {
        let mut timeline = Timeline::default();
        let mut stamps = Vec::new();
        for n in 0..frames {
            let estimate = MediaTime::from_micros(truth(n).saturating_add_signed(late(n)));
            if let Some(time) = timeline.stamp(estimate) {
                stamps.push((time.as_micros(), truth(n)));
            }
        }
        stamps
    }

    /// Frames come 0 to 5 ms late, by no pattern, and one of twenty seems 50 ms early.
    fn noise(n: u64) -> i64 {
        let noise = (n.wrapping_mul(2_654_435_761) >> 7) % 20;
        if noise == 0 && n > 0 { -50_000 } else { (noise * 250) as i64 }
    }

    fn worst(stamps: &[(u64, u64)]) -> u64 {
        stamps.iter().map(|&(stamp, real)| stamp.abs_diff(real)).max().unwrap()
    }

    fn irregular(stamps: &[(u64, u64)]) -> usize {
        stamps.windows(2).filter(|pair| pair[1].0 - pair[0].0 != 10_000).count()
    }

    #[test]
    fn stamps_are_10_ms_apart_and_stay_close_to_the_clock() {
        for ppm in [0, 100, -100] {
            let stamps = run(60_000, |n| (1_000_000 + n as i64 * (10_000 - ppm / 100)) as u64, noise);
            assert!(irregular(&stamps) <= 7, "{ppm} ppm: {} irregular steps", irregular(&stamps));
            assert!(worst(&stamps) < 15_000, "{ppm} ppm: {} µs", worst(&stamps));
            assert!(stamps.len().abs_diff(60_000) <= 7, "{ppm} ppm: {} frames", stamps.len());
        }
    }

    #[test]
    fn a_device_that_begins_with_wrong_times_is_put_right_within_a_quarter_second() {
        for off in [60_000, -60_000] {
            let late = |n| if n < 3 { off } else { noise(n) };
            let stamps = run(1_000, |n| 1_000_000 + n * 10_000, late);
            assert!(worst(&stamps[25..]) < 15_000, "{off} µs: {} µs", worst(&stamps[25..]));
        }
    }

    #[test]
    fn lost_samples_are_a_step_and_no_delay_for_ever() {
        let stamps = run(1_000, |n| 1_000_000 + n * 10_000 + if n < 500 { 0 } else { 40_000 }, noise);
        assert_eq!(irregular(&stamps), 1);
        assert!(worst(&stamps[620..]) < 15_000, "{} µs", worst(&stamps[620..]));
    }
}
