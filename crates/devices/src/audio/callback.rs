//! What runs on the device's own thread: samples between the device's buffer and a lock-free ring, and nothing else.
//!
//! No lock, no allocation, no log, no system call: a test runs these bodies under an allocator that counts.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpal::{Data, FromSample, I24, SampleFormat, SizedSample, U24};
use rtrb::{Consumer, Producer};

/// A dead ALSA device gives more than a thousand errors in a quarter of a second; one that works gives none or one.
const MAX_ERRORS: u32 = 10;
/// Errors without a callback in between for this long are no hiccup.
const MAX_FAILING: Duration = Duration::from_secs(1);

/// Channels in a speaker's ring.
pub(super) const PLAYED: usize = 2;

/// The largest callback of this span and of the one before it counts.
const LARGEST_SPAN: Duration = Duration::from_secs(2);

/// What the callbacks tell the other threads. Only counters: each is right by itself, none guards another.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The device is gone for good.
    pub(super) lost: AtomicBool,
    /// Callbacks so far; 0 means that the device never ran.
    pub(super) callbacks: AtomicU64,
    /// The largest number of frames that one callback moved since [`Largest`] looked.
    largest: AtomicU32,
    /// Frames that found no room, or were not there in time.
    pub(super) glitches: AtomicU64,
    /// Latency that the device reports, in µs.
    pub(super) device_latency: AtomicU32,
    /// Errors that might pass, since the last callback.
    pub(super) errors: AtomicU32,
    /// The number of the thread that calls back, once it has; only Linux needs it, where its priority is raised from
    /// outside.
    pub(super) thread: AtomicU32,
}

impl Shared {
    /// Takes note of the calling thread, the first time: one system call, which does not wait.
    pub(super) fn note_thread(&self) {
        #[cfg(target_os = "linux")]
        if self.thread.load(Ordering::Relaxed) == 0 {
            self.thread.store(crate::priority::linux::this_thread(), Ordering::Relaxed);
        }
    }

    fn note(&self, frames: usize, latency: Option<Duration>) {
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        self.errors.store(0, Ordering::Relaxed);
        self.largest.fetch_max(u32::try_from(frames).unwrap_or(u32::MAX), Ordering::Relaxed);
        if let Some(latency) = latency {
            let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
            self.device_latency.store(micros, Ordering::Relaxed);
        }
    }

    /// Whether the device is gone: it says so, or nothing but errors came for `silent`.
    pub(super) fn is_lost(&self, silent: Duration) -> bool {
        if silent > MAX_FAILING && self.errors.load(Ordering::Relaxed) >= MAX_ERRORS {
            self.lost.store(true, Ordering::Relaxed);
        }
        self.lost.load(Ordering::Relaxed)
    }

    /// Latency that the device reports; a wild value (some drivers have none to tell) counts as a quarter second.
    pub(super) fn device_latency(&self) -> Duration {
        let micros = self.device_latency.load(Ordering::Relaxed).min(250_000);
        Duration::from_micros(u64::from(micros))
    }
}

/// The largest number of frames that one callback moved lately. Not ever: PulseAudio asks for its whole buffer at once
/// when it starts, and never again.
#[derive(Debug)]
pub(super) struct Largest {
    /// In the span of [`LARGEST_SPAN`] before this one.
    before: u32,
    since: Instant,
}

impl Largest {
    pub(super) const fn new(now: Instant) -> Self {
        Self { before: 0, since: now }
    }

    /// Duration of what one callback moves, at `rate` frames a second.
    pub(super) fn duration(&mut self, shared: &Shared, rate: u32, now: Instant) -> Duration {
        if now.saturating_duration_since(self.since) >= LARGEST_SPAN {
            self.before = shared.largest.swap(0, Ordering::Relaxed);
            self.since = now;
        }
        let frames = self.before.max(shared.largest.load(Ordering::Relaxed));
        Duration::from_secs_f64(f64::from(frames) / f64::from(rate))
    }
}

/// Calls `$body` with `$samples` as a slice of the type that `$data` holds.
macro_rules! with_samples {
    ($data:expr, $slice:ident, $samples:ident => $body:expr) => {
        match $data.sample_format() {
            SampleFormat::I8 => with_samples!(@ i8, $data, $slice, $samples => $body),
            SampleFormat::I16 => with_samples!(@ i16, $data, $slice, $samples => $body),
            SampleFormat::I24 => with_samples!(@ I24, $data, $slice, $samples => $body),
            SampleFormat::I32 => with_samples!(@ i32, $data, $slice, $samples => $body),
            SampleFormat::I64 => with_samples!(@ i64, $data, $slice, $samples => $body),
            SampleFormat::U8 => with_samples!(@ u8, $data, $slice, $samples => $body),
            SampleFormat::U16 => with_samples!(@ u16, $data, $slice, $samples => $body),
            SampleFormat::U24 => with_samples!(@ U24, $data, $slice, $samples => $body),
            SampleFormat::U32 => with_samples!(@ u32, $data, $slice, $samples => $body),
            SampleFormat::U64 => with_samples!(@ u64, $data, $slice, $samples => $body),
            SampleFormat::F32 => with_samples!(@ f32, $data, $slice, $samples => $body),
            SampleFormat::F64 => with_samples!(@ f64, $data, $slice, $samples => $body),
            _ => {}
        }
    };
    (@ $type:ty, $data:expr, $slice:ident, $samples:ident => $body:expr) => {
        if let Some($samples) = $data.$slice::<$type>() {
            $body
        }
    };
}

/// Whether the callbacks understand a format: all of PCM, not DSD.
pub(super) const fn understands(format: SampleFormat) -> bool {
    !matches!(format, SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32)
}

/// From the microphone into the ring, all channels of whole frames: which one is heard is decided behind it.
pub(super) fn capture(
    data: &Data,
    channels: usize,
    latency: Option<Duration>,
    ring: &mut Producer<f32>,
    shared: &Shared,
) {
    with_samples!(data, as_slice, samples => capture_samples(samples, channels.max(1), latency, ring, shared));
}

fn capture_samples<T>(
    samples: &[T],
    channels: usize,
    latency: Option<Duration>,
    ring: &mut Producer<f32>,
    shared: &Shared,
) where
    T: SizedSample,
    f32: FromSample<T>,
{
    let frames = samples.len() / channels;
    shared.note(frames, latency);
    let room = (ring.slots() / channels).min(frames);
    shared.glitches.fetch_add((frames - room) as u64, Ordering::Relaxed);
    let Ok(chunk) = ring.write_chunk_uninit(room * channels) else { return };
    chunk.fill_from_iter(samples.iter().map(|&sample| f32::from_sample_(sample)));
}

/// From the ring, in which left and right take turns, to the speaker's first two channels (left and right everywhere), silence
/// on others. A speaker of one channel plays the mean of both.
pub(super) fn playback(
    data: &mut Data,
    channels: usize,
    latency: Option<Duration>,
    ring: &mut Consumer<f32>,
    shared: &Shared,
) {
    with_samples!(data, as_slice_mut, samples => playback_samples(samples, channels.max(1), latency, ring, shared));
}

fn playback_samples<T>(
    samples: &mut [T],
    channels: usize,
    latency: Option<Duration>,
    ring: &mut Consumer<f32>,
    shared: &Shared,
) where
    T: SizedSample + FromSample<f32>,
{
    let frames = samples.len() / channels;
    shared.note(frames, latency);
    let ready = (ring.slots() / PLAYED).min(frames);
    shared.glitches.fetch_add((frames - ready) as u64, Ordering::Relaxed);
    let Ok(chunk) = ring.read_chunk(ready * PLAYED) else { return };
    let (first, second) = chunk.as_slices();
    let mut sound = first.iter().chain(second).copied();
    for frame in samples.chunks_exact_mut(channels) {
        let (left, right) = (sound.next().unwrap_or(0.0), sound.next().unwrap_or(0.0));
        let both = if channels == 1 { [(left + right) / 2.0; PLAYED] } else { [left, right] };
        for (channel, slot) in frame.iter_mut().enumerate() {
            *slot =
                both.get(channel).map_or(T::EQUILIBRIUM, |sample| T::from_sample(sample.clamp(-1.0, 1.0)));
        }
    }
    chunk.commit_all();
}

#[cfg(test)]
#[path = "callback_tests.rs"]
mod tests;
