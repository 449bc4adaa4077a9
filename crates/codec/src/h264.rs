//! H.264 by OpenH264, both ways: constrained baseline, one thread, built for calls.

mod decoder;
mod encoder;
mod svc;
#[cfg(test)]
mod tests;

pub use decoder::H264Decoder;
pub use encoder::H264Encoder;

use tincan_media::CodecError;

/// What pictures are of, which an encoder is tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// People: a little blur is no harm, and everything moves a little.
    Camera,
    /// Text and drawings: sharp edges, most of it still, and then all of it another at once.
    Screen,
}

const CODEC: &str = "H.264";

fn error(action: &'static str, detail: impl ToString) -> CodecError {
    CodecError { codec: CODEC, action, detail: detail.to_string() }
}
