//! The unit in which sound walks through the program.

use std::time::Duration;

use bytes::Bytes;

use crate::time::MediaTime;

/// Opus's own rate; everything inside runs at it, so that only the device's edge resamples.
pub const SAMPLE_RATE: u32 = 48_000;
/// 10 ms: the block that echo cancellation works on (WebRTC's audio processing takes nothing else).
pub const FRAME_DURATION: Duration = Duration::from_millis(10);
/// Samples in one [`AudioFrame`].
pub const SAMPLES_PER_FRAME: usize = 480;

/// 10 ms of mono sound at 48 kHz, samples from -1 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioFrame {
    /// When the first sample was captured (or is to be played).
    pub time: MediaTime,
    /// The samples.
    pub samples: [f32; SAMPLES_PER_FRAME],
}

impl AudioFrame {
    /// Silence at `time`.
    pub const fn silence(time: MediaTime) -> Self {
        Self { time, samples: [0.0; SAMPLES_PER_FRAME] }
    }

    /// The loudest sample's absolute value.
    pub fn peak(&self) -> f32 {
        self.samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    /// Root mean square of the samples.
    pub fn rms(&self) -> f32 {
        (self.samples.iter().map(|s| s * s).sum::<f32>() / SAMPLES_PER_FRAME as f32).sqrt()
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
