//! The encoder.

use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile,
    RateControlMode, UsageType, VuiConfig,
};
use openh264::formats::YUVSlices;
use openh264_sys2::{
    ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_MAX_BITRATE,
    SBitrateInfo, SPATIAL_LAYER_0,
};
use tincan_media::video::{EncodedVideo, Resolution, VideoFrame};
use tincan_media::{Bitrate, CodecError, ports::VideoEncoder};

use super::error;

/// The encoder refuses less, and no picture is worth looking at below it.
const MIN_BITRATE: u64 = 20_000;
/// More than any camera picture gains from; keeps the encoder's 32-bit arithmetic far from its end.
const MAX_BITRATE: u64 = 20_000_000;
/// Frame rates that the rate control can do something with.
const FRAME_RATES: std::ops::RangeInclusive<f32> = 1.0..=120.0;
/// OpenH264's own limit (its README): level 5.2.
const MAX_SIDES: (u32, u32) = (3_840, 2_160);

/// Encodes pictures as constrained-baseline H.264 for real-time use.
///
/// Every slice is a whole picture: packets are cut by FU-A. Slices of a packet's size would cost a twentieth of the
/// bitrate and buy nothing, since a decoder gets complete pictures only.
pub struct H264Encoder {
    open: Option<(Resolution, Encoder)>,
    bitrate: Bitrate,
    frames_per_second: f32,
    /// A keyframe was asked for and none came out yet: the rate control may skip the picture that was to be one.
    keyframe_due: bool,
    /// Milliseconds of the last picture: the rate control must see time pass.
    last_millis: Option<u64>,
}

impl H264Encoder {
    /// An encoder for this target. It takes the size of the first picture that it is given.
    pub fn new(bitrate: Bitrate, frames_per_second: f32) -> Self {
        Self {
            open: None,
            bitrate: clamp_bitrate(bitrate),
            frames_per_second: clamp_rate(frames_per_second),
            keyframe_due: false,
            last_millis: None,
        }
    }

    fn open(&self) -> Result<Encoder, CodecError> {
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .profile(Profile::Baseline)
            .complexity(Complexity::Low)
            .rate_control_mode(RateControlMode::Bitrate)
            // Without leave to skip, 400 kbit/s become 923 (measured).
            .skip_frames(true)
            .bitrate(BitRate::from_bps(self.bitrate.as_bps() as u32))
            .max_frame_rate(FrameRate::from_hz(self.frames_per_second))
            // Keyframes only when somebody needs one: they are ten times as large as other pictures.
            .intra_frame_period(IntraFramePeriod::from_num_frames(0))
            .scene_change_detect(false)
            .num_threads(1)
            // Says what our planes are (BT.601, limited range), which a receiver would otherwise guess by the size.
            .vui(VuiConfig::bt601());
        Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|detail| error("start the encoder", detail))
    }
}

impl VideoEncoder for H264Encoder {
    fn encode(&mut self, frame: &VideoFrame, keyframe: bool) -> Result<Option<EncodedVideo>, CodecError> {
        let size = frame.resolution();
        check_size(size)?;
        self.keyframe_due |= keyframe;
        if self.open.as_ref().is_none_or(|(of, _)| *of != size) {
            // A fresh encoder instead of the crate's reconfiguration: that one falls back to the bitrate it was made
            // with, whatever was set since. Its first picture is a keyframe.
            self.open = Some((size, self.open()?));
            self.last_millis = None;
        }
        let Some((_, encoder)) = &mut self.open else {
            return Err(error("encode", "the encoder is not open"));
        };

        let millis = frame.time().as_micros() / 1_000;
        let millis = self.last_millis.map_or(millis, |last| millis.max(last + 1));
        self.last_millis = Some(millis);
        if self.keyframe_due {
            encoder.force_intra_frame();
        }
        let (width, height) = (size.width as usize, size.height as usize);
        let picture = YUVSlices::new(frame.planes(), (width, height), (width, width / 2, width / 2));
        let stream = encoder
            .encode_at(&picture, openh264::Timestamp::from_millis(millis))
            .map_err(|detail| error("encode", detail))?;
        let keyframe = match stream.frame_type() {
            FrameType::Skip | FrameType::Invalid => return Ok(None),
            FrameType::IDR => true,
            FrameType::I | FrameType::P | FrameType::IPMixed => false,
        };
        let mut data = Vec::with_capacity(stream.raw_info().iFrameSizeInBytes.max(0) as usize);
        stream.write_vec(&mut data);
        if data.is_empty() {
            return Ok(None);
        }
        self.keyframe_due &= !keyframe;
        Ok(Some(EncodedVideo { time: frame.time(), data: data.into(), keyframe, resolution: Some(size) }))
    }

    fn set_target(&mut self, bitrate: Bitrate, frames_per_second: f32) -> Result<(), CodecError> {
        let bitrate = clamp_bitrate(bitrate);
        let frames_per_second = clamp_rate(frames_per_second);
        if let Some((_, encoder)) = &mut self.open {
            if frames_per_second != self.frames_per_second {
                set_frame_rate(encoder, frames_per_second)?;
                self.frames_per_second = frames_per_second;
            }
            // The maximum may never lie below the target, not even between the two calls: the encoder refuses.
            let order = if bitrate > self.bitrate {
                [ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_BITRATE]
            } else {
                [ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE]
            };
            if bitrate != self.bitrate {
                for option in order {
                    set_bitrate(encoder, option, bitrate)?;
                }
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

fn set_bitrate(encoder: &mut Encoder, option: ENCODER_OPTION, bitrate: Bitrate) -> Result<(), CodecError> {
    // Our only layer by its number: with SPATIAL_LAYER_ALL the encoder stores a maximum that it then never looks at, and
    // refuses to rise above the one that it was opened with (`WelsBitRateVerification`).
    let mut info = SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: bitrate.as_bps() as i32 };
    // SAFETY: both options take a pointer to an SBitrateInfo (codec_app_def.h), which lives until the call returns;
    // the encoder copies it. The wrapper does not rely on the bitrate after it has opened the encoder.
    let result = unsafe { encoder.raw_api().set_option(option, (&raw mut info).cast()) };
    if result == 0 { Ok(()) } else { Err(error("follow a new bitrate", format!("OpenH264 error {result}"))) }
}

fn set_frame_rate(encoder: &mut Encoder, mut frames_per_second: f32) -> Result<(), CodecError> {
    // SAFETY: the option takes a pointer to a float (codec_app_def.h), which lives until the call returns; the encoder
    // copies it. The wrapper does not rely on the frame rate after it has opened the encoder.
    let result = unsafe {
        encoder.raw_api().set_option(ENCODER_OPTION_FRAME_RATE, (&raw mut frames_per_second).cast())
    };
    if result == 0 {
        Ok(())
    } else {
        Err(error("follow a new frame rate", format!("OpenH264 error {result}")))
    }
}
