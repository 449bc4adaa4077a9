//! The decoder.

use openh264::OpenH264API;
use openh264::decoder::{Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;
use tincan_media::video::{EncodedVideo, Resolution, VideoFrame};
use tincan_media::{CodecError, ports::VideoDecoder};

use super::error;

/// Larger pictures are refused before memory is taken for them: level 5.2's 36,864 macroblocks, with some room.
const MAX_PIXELS: usize = 4_096 * 2_560;

/// Decodes complete access units. After an error it refuses everything until a keyframe, and starts over with that.
pub struct H264Decoder {
    decoder: Option<Decoder>,
}

impl Default for H264Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl H264Decoder {
    /// A decoder that waits for its first keyframe.
    pub const fn new() -> Self {
        Self { decoder: None }
    }
}

impl VideoDecoder for H264Decoder {
    fn decode(&mut self, unit: &EncodedVideo) -> Result<Option<VideoFrame>, CodecError> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            None if unit.keyframe => {
                // No reordering in baseline, so nothing waits inside to be flushed out.
                let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
                let decoder = Decoder::with_api_config(OpenH264API::from_source(), config)
                    .map_err(|detail| error("start the decoder", detail))?;
                self.decoder.insert(decoder)
            }
            None => return Err(error("decode", "it waits for a keyframe")),
        };
        let decoded = match decoder.decode(&unit.data) {
            Ok(Some(picture)) => copy(&picture, unit).map(Some),
            Ok(None) => Ok(None),
            Err(detail) => Err(error("decode", detail)),
        };
        if decoded.is_err() {
            // What is left inside refers to pictures that never were; a new one begins clean.
            self.decoder = None;
        }
        decoded
    }
}

/// The decoder's planes have padding; the window, the scaler and the recorder want none. One copy.
fn copy(picture: &impl YUVSource, unit: &EncodedVideo) -> Result<VideoFrame, CodecError> {
    let (width, height) = picture.dimensions();
    if width == 0 || height == 0 || width.checked_mul(height).is_none_or(|pixels| pixels > MAX_PIXELS) {
        return Err(error("decode", format!("a picture of {width}x{height} is refused")));
    }
    let size = Resolution::new(width as u32, height as u32);
    let (stride_y, stride_u, stride_v) = picture.strides();
    let mut data = Vec::with_capacity(size.i420_len());
    let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
    for (plane, stride, width, height) in [
        (picture.y(), stride_y, width, height),
        (picture.u(), stride_u, chroma_width, chroma_height),
        (picture.v(), stride_v, chroma_width, chroma_height),
    ] {
        for line in plane.chunks(stride.max(1)).take(height) {
            data.extend_from_slice(line.get(..width).unwrap_or_default());
        }
    }
    VideoFrame::new(unit.time, size, data).map_err(|detail| error("decode", detail))
}
