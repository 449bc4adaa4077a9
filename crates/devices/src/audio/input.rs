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
/// The device's clock differs from ours by some 50 ppm: 30 ms in ten minutes. When the difference (smoothed, because
/// buffers come when they like) has grown to that, one frame is left out or one is stamped later.
#[derive(Debug, Default)]
struct Timeline {
    next: Option<MediaTime>,
    ahead_micros: f64,
}

/// Beyond this, lips and voice would part (ITU-R BT.1359: 45 ms are noticed).
const MAX_AHEAD_MICROS: f64 = 30_000.0;
/// Over about a second.
const SMOOTHING: f64 = 0.01;

impl Timeline {
    /// The time of the next frame, whose capture seems to have begun at `estimate`; `None`: leave this frame out.
    fn stamp(&mut self, estimate: MediaTime) -> Option<MediaTime> {
        let Some(next) = self.next else {
            self.next = Some(estimate + FRAME_DURATION);
            return Some(estimate);
        };
        let ahead = next.as_micros() as f64 - estimate.as_micros() as f64;
        self.ahead_micros += (ahead - self.ahead_micros) * SMOOTHING;
        if self.ahead_micros > MAX_AHEAD_MICROS {
            self.ahead_micros -= FRAME_DURATION.as_micros() as f64;
            return None;
        }
        let time = if self.ahead_micros < -MAX_AHEAD_MICROS {
            self.ahead_micros = 0.0;
            estimate.max(next)
        } else {
            next
        };
        self.next = Some(time + FRAME_DURATION);
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten minutes of a device that is off by `ppm`, its buffers 0 to 20 ms late; returns the stamps and the true times.
    fn run(ppm: i64) -> Vec<(u64, u64)> {
        let mut timeline = Timeline::default();
        let mut stamps = Vec::new();
        for n in 0..60_000i64 {
            let real = (1_000_000 + n * (10_000 - ppm / 100)) as u64;
            let late = (n as u64).wrapping_mul(2_654_435_761) % 20_000;
            if let Some(time) = timeline.stamp(MediaTime::from_micros(real + late)) {
                stamps.push((time.as_micros(), real));
            }
        }
        stamps
    }

    #[test]
    fn stamps_are_10_ms_apart_and_stay_close_to_the_clock() {
        for ppm in [0, 100, -100] {
            let stamps = run(ppm);
            let steps = stamps.windows(2).filter(|pair| pair[1].0 - pair[0].0 != 10_000).count();
            assert!(steps <= 4, "{ppm} ppm: {steps} irregular steps");
            let worst = stamps.iter().map(|&(stamp, real)| stamp.abs_diff(real)).max().unwrap();
            assert!(worst < 60_000, "{ppm} ppm: {worst} µs");
            assert!(stamps.len().abs_diff(60_000) <= 10, "{ppm} ppm");
        }
    }
}
