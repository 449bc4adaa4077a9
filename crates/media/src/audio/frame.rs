//! The unit in which sound walks through the program.

use std::time::Duration;

use bytes::Bytes;

use crate::time::MediaTime;

/// Opus's own rate; everything inside runs at it, so that only the device's edge resamples.
pub const SAMPLE_RATE: u32 = 48_000;
/// 10 ms: the block that echo cancellation works on (WebRTC's audio processing takes nothing else).
pub const FRAME_DURATION: Duration = Duration::from_millis(10);
/// Samples of a channel in one [`Frame`].
pub const SAMPLES_PER_FRAME: usize = 480;

/// What one channel or two have at a moment. Whatever delays, stretches or mixes sound is written once for both, so that the
/// channels of a stereo stream never part.
pub trait Sample: Copy + Send + Sync + std::fmt::Debug + PartialEq + 'static {
    /// How many channels there are.
    const CHANNELS: usize;
    /// No sound.
    const SILENCE: Self;

    /// Every channel made louder or softer.
    #[must_use]
    fn scaled(self, gain: f32) -> Self;

    /// The sum, channel by channel.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// On two channels: a single one is on both.
    fn stereo(self) -> Stereo;

    /// On one channel: the mean of two.
    fn mono(self) -> f32;

    /// The loudest channel's absolute value.
    fn peak(self) -> f32;

    /// The channels' samples one after the other, as codecs want them.
    fn interleaved(samples: &[Self]) -> &[f32];

    /// [`Self::interleaved`], to be written into.
    fn interleaved_mut(samples: &mut [Self]) -> &mut [f32];
}

/// Left and right.
pub type Stereo = [f32; 2];

impl Sample for f32 {
    const CHANNELS: usize = 1;
    const SILENCE: Self = 0.0;

    fn scaled(self, gain: f32) -> Self {
        self * gain
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn stereo(self) -> Stereo {
        [self, self]
    }

    fn mono(self) -> f32 {
        self
    }

    fn peak(self) -> f32 {
        self.abs()
    }

    fn interleaved(samples: &[Self]) -> &[f32] {
        samples
    }

    fn interleaved_mut(samples: &mut [Self]) -> &mut [f32] {
        samples
    }
}

impl Sample for Stereo {
    const CHANNELS: usize = 2;
    const SILENCE: Self = [0.0; 2];

    fn scaled(self, gain: f32) -> Self {
        self.map(|sample| sample * gain)
    }

    fn plus(self, other: Self) -> Self {
        [self[0] + other[0], self[1] + other[1]]
    }

    fn stereo(self) -> Stereo {
        self
    }

    fn mono(self) -> f32 {
        (self[0] + self[1]) / 2.0
    }

    fn peak(self) -> f32 {
        self[0].abs().max(self[1].abs())
    }

    fn interleaved(samples: &[Self]) -> &[f32] {
        samples.as_flattened()
    }

    fn interleaved_mut(samples: &mut [Self]) -> &mut [f32] {
        samples.as_flattened_mut()
    }
}

/// 10 ms of sound at 48 kHz, samples from -1 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<S> {
    /// When the first sample was captured (or is to be played).
    pub time: MediaTime,
    /// The samples.
    pub samples: [S; SAMPLES_PER_FRAME],
}

/// 10 ms of one channel: a voice.
pub type AudioFrame = Frame<f32>;
/// 10 ms of two channels: what is shared, and what speakers play.
pub type StereoFrame = Frame<Stereo>;

impl<S: Sample> Frame<S> {
    /// Silence at `time`.
    pub const fn silence(time: MediaTime) -> Self {
        Self { time, samples: [S::SILENCE; SAMPLES_PER_FRAME] }
    }

    /// The loudest sample's absolute value.
    pub fn peak(&self) -> f32 {
        self.samples.iter().fold(0.0, |peak, sample| peak.max(sample.peak()))
    }

    /// Root mean square of the samples of all channels.
    pub fn rms(&self) -> f32 {
        let samples = S::interleaved(&self.samples);
        (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
    }

    /// On one channel.
    pub fn mono(&self) -> AudioFrame {
        Frame { time: self.time, samples: self.samples.map(Sample::mono) }
    }

    /// On two channels.
    pub fn stereo(&self) -> StereoFrame {
        Frame { time: self.time, samples: self.samples.map(Sample::stereo) }
    }
}

/// One Opus packet: 20 ms of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedAudio {
    /// Its first sample's place on the timeline that counts samples, from which RTP times are made (RFC 7587, section
    /// 4.1): exactly 20 ms after the packet before it while nothing is missing between them, whatever the clocks say.
    pub time: MediaTime,
    /// When its first sample was captured, by the process's clock. The microphone's own clock runs a little faster or
    /// slower, so this and `time` drift apart; sender reports say by how much (RFC 3550, section 6.4.1).
    pub captured: MediaTime,
    /// The Opus packet (RFC 6716).
    pub payload: Bytes,
    /// The same sound in fewer bits, for paths on which packets carry those before them too ([`red`](super::red)); made
    /// while somebody needs it.
    pub thin: Option<Bytes>,
    /// Level for the RTP header extension of RFC 6464: 0 (loudest) to 127 (silence), in -dBov.
    pub level: u8,
    /// Whether somebody speaks in it.
    pub voice: bool,
}
