//! Our end of a real microphone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtrb::Consumer;
use tincan_media::audio::{AudioFrame, ChannelSelector, SAMPLE_RATE, SAMPLES_PER_FRAME};
use tincan_media::{AudioInput, DeviceError, MediaClock, MediaTime};

use super::callback::{Largest, Shared};
use super::capture_clock::CaptureClock;
use super::resample::Resampler;
use super::stream::{Layout, StreamThread};

/// A device that delivers nothing for this long does not work. Bluetooth headsets take up to three seconds to begin.
pub(super) const STALL_LIMIT: Duration = Duration::from_secs(5);
/// When more waits, the audio thread has stood still; old sound would stay late for ever.
const MAX_WAITING_MILLIS: usize = 250;
/// What is kept of it then.
const KEEP_MILLIS: usize = 40;

/// A real microphone: 48 kHz mono out of its ring.
pub(super) struct DeviceInput {
    name: String,
    layout: Layout,
    ring: Consumer<f32>,
    shared: Arc<Shared>,
    clock: MediaClock,
    selector: ChannelSelector,
    resampler: Resampler,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
    ready: VecDeque<f32>,
    /// When the last sample in `ready` was captured.
    newest: MediaTime,
    capture_clock: CaptureClock,
    last_sound: Instant,
    largest: Largest,
    _thread: StreamThread,
}

impl DeviceInput {
    pub(super) fn new(
        name: String,
        layout: Layout,
        ring: Consumer<f32>,
        shared: Arc<Shared>,
        clock: MediaClock,
        thread: StreamThread,
    ) -> Result<Self, DeviceError> {
        let resampler = Resampler::new(layout.rate, SAMPLE_RATE, 1)
            .map_err(|error| DeviceError::Unsupported { device: name.clone(), detail: error.to_string() })?;
        Ok(Self {
            name,
            layout,
            ring,
            shared,
            clock,
            selector: ChannelSelector::new(layout.channels, layout.rate),
            resampler,
            interleaved: Vec::new(),
            mono: Vec::new(),
            ready: VecDeque::with_capacity(4 * SAMPLES_PER_FRAME),
            newest: MediaTime::ZERO,
            capture_clock: CaptureClock::default(),
            last_sound: Instant::now(),
            largest: Largest::new(Instant::now()),
            _thread: thread,
        })
    }

    /// Moves what has come from the ring to `ready`.
    fn drain(&mut self, now: Instant) {
        let Layout { rate, channels } = self.layout;
        let mut waiting = self.ring.slots() / channels;
        if waiting > rate as usize * MAX_WAITING_MILLIS / 1_000 {
            let excess = waiting - rate as usize * KEEP_MILLIS / 1_000;
            if let Ok(chunk) = self.ring.read_chunk(excess * channels) {
                chunk.commit_all();
            }
            let kept = Duration::from_secs_f64(self.ready.len() as f64 / f64::from(SAMPLE_RATE));
            self.ready.clear();
            self.capture_clock.skip(Duration::from_secs_f64(excess as f64 / f64::from(rate)) + kept);
            waiting -= excess;
        }
        if waiting == 0 {
            return;
        }
        self.interleaved.resize(waiting * channels, 0.0);
        if self.ring.pop_entire_slice(&mut self.interleaved).is_ok() {
            self.mono.clear();
            self.selector.process(&self.interleaved, &mut self.mono);
            self.resampler.process(&self.mono, &mut self.ready);
            self.newest = self.clock.at(now) - self.beyond_callback(now);
            self.last_sound = now;
        }
    }

    /// Latency before the device's buffer: the device counts from a buffer's first sample, we from its last.
    fn beyond_callback(&mut self, now: Instant) -> Duration {
        let buffer = self.largest.duration(&self.shared, self.layout.rate, now);
        self.shared.device_latency().saturating_sub(buffer)
    }
}

impl AudioInput for DeviceInput {
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError> {
        let now = Instant::now();
        self.drain(now);
        if self.ready.len() >= SAMPLES_PER_FRAME {
            let age = Duration::from_micros(self.ready.len() as u64 * 1_000_000 / u64::from(SAMPLE_RATE));
            let mut frame = AudioFrame::silence(self.capture_clock.stamp(self.newest - age));
            for (slot, sample) in frame.samples.iter_mut().zip(self.ready.drain(..SAMPLES_PER_FRAME)) {
                *slot = sample;
            }
            return Ok(Some(frame));
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
