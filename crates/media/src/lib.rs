//! Frames, time and bitrate; the ports through which sound and pictures enter and leave; and the algorithms between
//! them: audio processing, the adaptive jitter buffer, the mixer, RTP packetization, frame assembly and playout.
//!
//! **Invariant:** nothing here reads a clock, sleeps, spawns a thread, opens a socket or knows an async runtime. Time
//! is always an argument.
#![forbid(unsafe_code)]

pub mod audio;
pub mod ports;
pub mod time;
pub mod units;
pub mod video;

pub use ports::{AudioInput, AudioOutput, CodecError, DeviceError, SharedSound, SharedSoundError, VideoSink};
pub use time::{MediaClock, MediaTime};
pub use units::Bitrate;
