//! Our end of a real speaker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rtrb::Producer;
use tincan_media::audio::{FRAME_DURATION, SAMPLE_RATE, SAMPLES_PER_FRAME, StereoFrame};
use tincan_media::{AudioOutput, DeviceError};

use super::callback::{Largest, PLAYED, Shared};
use super::input::STALL_LIMIT;
use super::resample::Resampler;
use super::stream::StreamThread;

/// What waits in the ring beyond one of the device's buffers: the audio thread comes every 5 ms and writes 10 ms.
const SLACK: Duration = Duration::from_millis(10);
/// Never less than two frames.
const MIN_TARGET: Duration = Duration::from_millis(20);
/// Until the device has shown the size of its buffers.
const FIRST_TARGET: Duration = Duration::from_millis(40);
/// Each second with a gap adds a frame, up to here: a machine that is so busy needs it.
const MAX_EXTRA: Duration = Duration::from_millis(60);
/// So long without a gap takes a frame away again.
const CALM: Duration = Duration::from_secs(30);
const GLITCH_INTERVAL: Duration = Duration::from_secs(1);
/// A burst larger than this only fills the ring with what will be old.
const MAX_WANTED: usize = 10;

/// A real speaker: takes 48 kHz stereo into its ring.
pub(super) struct DeviceOutput {
    name: String,
    rate: u32,
    ring: Producer<f32>,
    shared: Arc<Shared>,
    resampler: Resampler,
    staged: VecDeque<f32>,
    margin: Margin,
    seen_callbacks: u64,
    last_callback: Instant,
    largest: Largest,
    /// What one callback takes.
    buffer: Duration,
    _thread: StreamThread,
}

impl DeviceOutput {
    pub(super) fn new(
        name: String,
        rate: u32,
        ring: Producer<f32>,
        shared: Arc<Shared>,
        thread: StreamThread,
    ) -> Result<Self, DeviceError> {
        let resampler = Resampler::new(SAMPLE_RATE, rate, PLAYED)
            .map_err(|error| DeviceError::Unsupported { device: name.clone(), detail: error.to_string() })?;
        Ok(Self {
            name,
            rate,
            ring,
            shared,
            resampler,
            staged: VecDeque::with_capacity(4 * SAMPLES_PER_FRAME * PLAYED),
            margin: Margin::default(),
            seen_callbacks: 0,
            last_callback: Instant::now(),
            largest: Largest::new(Instant::now()),
            buffer: Duration::ZERO,
            _thread: thread,
        })
    }

    fn waiting(&self) -> Duration {
        let samples = self.ring.buffer().capacity() - self.ring.slots();
        Duration::from_secs_f64((samples / PLAYED) as f64 / f64::from(self.rate))
    }

    fn target(&self) -> Duration {
        if self.seen_callbacks == 0 {
            return FIRST_TARGET;
        }
        (self.buffer + SLACK).max(MIN_TARGET) + self.margin.extra
    }
}

impl AudioOutput for DeviceOutput {
    fn wanted(&mut self) -> Result<usize, DeviceError> {
        let now = Instant::now();
        let callbacks = self.shared.callbacks.load(Ordering::Relaxed);
        if callbacks != self.seen_callbacks {
            self.seen_callbacks = callbacks;
            self.last_callback = now;
        }
        let silent = now.saturating_duration_since(self.last_callback);
        if self.shared.is_lost(silent) {
            return Err(DeviceError::Lost { device: self.name.clone() });
        }
        if silent > STALL_LIMIT {
            return Err(DeviceError::Stalled { device: self.name.clone() });
        }
        self.buffer = self.largest.duration(&self.shared, self.rate, now);
        self.margin.update(now, self.shared.glitches.load(Ordering::Relaxed));
        let missing = self.target().saturating_sub(self.waiting());
        let frames = missing.as_micros().div_ceil(FRAME_DURATION.as_micros()) as usize;
        Ok(frames.min(MAX_WANTED))
    }

    fn write(&mut self, frame: &StereoFrame) {
        self.resampler.process(frame.samples.as_flattened(), &mut self.staged);
        // Whole frames, or left and right would change places.
        let room = self.ring.slots().min(self.staged.len()) / PLAYED * PLAYED;
        if let Ok(chunk) = self.ring.write_chunk_uninit(room) {
            chunk.fill_from_iter(self.staged.drain(..room));
        }
        // The device has stopped taking anything: what does not fit would only be played late.
        self.staged.clear();
    }

    fn latency(&self) -> Duration {
        // The device counts from its next callback, which takes the ring's first sample.
        let next = self.buffer.saturating_sub(self.last_callback.elapsed());
        self.waiting() + next + self.shared.device_latency()
    }
}

/// How much more than usual waits in the ring, because there were gaps.
#[derive(Debug, Default)]
struct Margin {
    extra: Duration,
    glitches: u64,
    changed: Option<Instant>,
}

impl Margin {
    fn update(&mut self, now: Instant, glitches: u64) {
        let Some(changed) = self.changed else {
            // The device starts before the first sound is there: that gap is none.
            self.changed = Some(now);
            self.glitches = glitches;
            return;
        };
        let since = now.saturating_duration_since(changed);
        if glitches != self.glitches {
            if since >= GLITCH_INTERVAL {
                self.extra = (self.extra + FRAME_DURATION).min(MAX_EXTRA);
                self.changed = Some(now);
            }
            self.glitches = glitches;
        } else if since >= CALM {
            self.extra = self.extra.saturating_sub(FRAME_DURATION);
            self.changed = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_add_slack_once_a_second_and_calm_takes_it_away() {
        let mut margin = Margin::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        margin.update(at(0), 500);
        margin.update(at(100), 600);
        assert_eq!(margin.extra, Duration::ZERO, "the start's own gap does not count");
        for second in 1..=20 {
            for _ in 0..3 {
                margin.update(at(second * 1_000), 600 + second);
            }
        }
        assert_eq!(margin.extra, MAX_EXTRA);
        for second in 21..=300 {
            margin.update(at(second * 1_000), 620);
        }
        assert_eq!(margin.extra, Duration::ZERO);
    }
}
