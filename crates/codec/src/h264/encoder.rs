//! The encoder.

use tincan_media::video::{EncodedVideo, Resolution, VideoFrame};
use tincan_media::{Bitrate, CodecError, ports::VideoEncoder};

use super::svc::{Svc, Unit};
use super::{Content, error};

/// The encoder refuses less, and no picture is worth looking at below it.
const MIN_BITRATE: u64 = 20_000;
/// More than any camera picture gains from; keeps the encoder's 32-bit arithmetic far from its end.
const MAX_BITRATE: u64 = 20_000_000;
/// Frame rates that the rate control can do something with.
const FRAME_RATES: std::ops::RangeInclusive<f32> = 1.0..=120.0;
/// OpenH264's own limit (its README): level 5.2.
const MAX_SIDES: (u32, u32) = (3_840, 2_160);

/// Encodes pictures as constrained-baseline H.264 for real-time use, every second one such that no other refers to it.
///
/// Every slice is a whole picture: packets are cut by FU-A. Slices of a packet's size would cost a twentieth of the
/// bitrate and buy nothing, since a decoder gets complete pictures only.
pub struct H264Encoder {
    content: Content,
    open: Option<(Resolution, Svc)>,
    bitrate: Bitrate,
    frames_per_second: f32,
    /// A keyframe was asked for and none came out yet: the rate control may skip the picture that was to be one.
    keyframe_due: bool,
    /// Milliseconds of the last picture: the rate control must see time pass.
    last_millis: Option<u64>,
}

impl H264Encoder {
    /// An encoder for a camera's pictures and this target. It takes the size of the first picture that it is given.
    pub fn new(bitrate: Bitrate, frames_per_second: f32) -> Self {
        Self::of(Content::Camera, bitrate, frames_per_second)
    }

    /// An encoder for what is named.
    pub fn of(content: Content, bitrate: Bitrate, frames_per_second: f32) -> Self {
        Self {
            content,
            open: None,
            bitrate: clamp_bitrate(bitrate),
            frames_per_second: clamp_rate(frames_per_second),
            keyframe_due: false,
            last_millis: None,
        }
    }
}

impl VideoEncoder for H264Encoder {
    fn encode(&mut self, frame: &VideoFrame, keyframe: bool) -> Result<Option<EncodedVideo>, CodecError> {
        let size = frame.resolution();
        check_size(size)?;
        self.keyframe_due |= keyframe;
        if self.open.as_ref().is_none_or(|(of, _)| *of != size) {
            // A fresh encoder, whose first picture is a keyframe.
            self.open = Some((size, Svc::open(self.content, size, self.bitrate, self.frames_per_second)?));
            self.last_millis = None;
        }
        let Some((_, encoder)) = &mut self.open else {
            return Err(error("encode", "the encoder is not open"));
        };

        let millis = frame.time().as_micros() / 1_000;
        let millis = self.last_millis.map_or(millis, |last| millis.max(last + 1));
        self.last_millis = Some(millis);
        let Some(unit) = encoder.encode(frame, millis, self.keyframe_due)? else { return Ok(None) };
        let Unit { data, keyframe, discardable } = unit;
        self.keyframe_due &= !keyframe;
        let (time, data, resolution) = (frame.time(), data.into(), Some(size));
        Ok(Some(EncodedVideo { time, data, keyframe, discardable, resolution }))
    }

    fn set_target(&mut self, bitrate: Bitrate, frames_per_second: f32) -> Result<(), CodecError> {
        let bitrate = clamp_bitrate(bitrate);
        let frames_per_second = clamp_rate(frames_per_second);
        if let Some((_, encoder)) = &mut self.open {
            if frames_per_second != self.frames_per_second {
                encoder.set_frame_rate(frames_per_second)?;
                self.frames_per_second = frames_per_second;
            }
            if bitrate != self.bitrate {
                encoder.set_bitrate(self.bitrate, bitrate)?;
            }
        }
        self.bitrate = bitrate;
        self.frames_per_second = frames_per_second;
        Ok(())
    }
}

fn clamp_bitrate(bitrate: Bitrate) -> Bitrate {
    Bitrate::bps(bitrate.as_bps().clamp(MIN_BITRATE, MAX_BITRATE))
}

fn clamp_rate(frames_per_second: f32) -> f32 {
    if frames_per_second.is_finite() {
        frames_per_second.clamp(*FRAME_RATES.start(), *FRAME_RATES.end())
    } else {
        30.0
    }
}

/// Chroma has half the sides, so luma must have even ones; and OpenH264 has a smallest and a largest size.
fn check_size(size: Resolution) -> Result<(), CodecError> {
    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
    if !size.width.is_multiple_of(2)
        || !size.height.is_multiple_of(2)
        || short < 16
        || long > MAX_SIDES.0
        || short > MAX_SIDES.1
    {
        return Err(error("encode", format!("pictures of {size} cannot be encoded")));
    }
    Ok(())
}
