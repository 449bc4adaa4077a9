//! Sound: 48 kHz, mono, 10 ms at a time.

mod frame;

pub use frame::{AudioFrame, EncodedAudio, FRAME_DURATION, SAMPLE_RATE, SAMPLES_PER_FRAME};
