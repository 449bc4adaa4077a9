//! Opus and H.264 behind the media ports.
//!
//! **Invariant:** the FFI fence: no other crate knows libopus or OpenH264, and nothing here does I/O or reads a clock.

mod h264;
mod opus;

pub use h264::{Content, H264Decoder, H264Encoder};
pub use opus::{
    DECODER_COMPLEXITY, DEFAULT_OPUS_BITRATE, MUSIC_BITRATE, MusicEncoder, OpusDecoder, OpusEncoder,
};
