//! Pictures: I420, full range of sizes, one timeline with the sound.

mod frame;

pub use frame::{EncodedVideo, FrameSizeError, Resolution, VideoFrame};
