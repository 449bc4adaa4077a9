//! Sound: 48 kHz, 10 ms at a time; voices on one channel, what is shared on two.

mod channels;
mod chime;
mod drift;
mod frame;
pub mod jitter;
mod meter;
mod mixer;
pub mod processing;
pub mod red;
mod reference;
mod sender;

pub use channels::ChannelSelector;
pub use chime::chime;
pub use drift::ClockDrift;
pub use frame::{
    AudioFrame, EncodedAudio, FRAME_DURATION, Frame, SAMPLE_RATE, SAMPLES_PER_FRAME, Sample, Stereo,
    StereoFrame,
};
pub use jitter::{JitterBuffer, JitterStatistics};
pub use meter::{LevelMeter, VoiceDetector, dbfs, perceptual_level, rfc6464_level};
pub use mixer::Mixer;
pub use processing::{AudioProcessor, ProcessingConfig};
pub use sender::AudioSender;
