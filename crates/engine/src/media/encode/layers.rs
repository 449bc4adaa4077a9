//! One encoder per layer.

use std::time::{Duration, Instant};

use tincan_call::Layer;
use tincan_codec::H264Encoder;
use tincan_media::ports::VideoEncoder;
use tincan_media::video::{EncodedVideo, Fit, Scaler, VideoFrame};
use tincan_media::{Bitrate, CodecError, MediaTime};

/// A keyframe costs as much as a second of video; two askers within this time get the same one.
const KEYFRAME_PAUSE: Duration = Duration::from_millis(300);
/// An encoder holds tens of megabytes, but whoever comes back soon finds it running.
const UNWANTED_FOR: Duration = Duration::from_secs(5);
/// The encoder is told of another frame rate only from this difference on: cameras are never even.
const RATE_STEP: f32 = 1.0;

/// A layer and its encoder.
pub(super) struct LayerEncoder {
    layer: Layer,
    /// `None` after an error: whatever state it was in, a new one begins with a keyframe.
    encoder: Option<H264Encoder>,
    /// What the encoder was told last.
    configured: (Bitrate, f32),
    keyframe_wanted: bool,
    last_keyframe: Option<Instant>,
    last_encoded: Option<MediaTime>,
    unwanted_since: Option<Instant>,
}

impl LayerEncoder {
    pub(super) const fn new(layer: Layer) -> Self {
        Self {
            layer,
            encoder: None,
            configured: (layer.bitrate, layer.frames_per_second),
            keyframe_wanted: true,
            last_keyframe: None,
            last_encoded: None,
            unwanted_since: None,
        }
    }

    /// What is made now.
    pub(super) const fn layer(&self) -> &Layer {
        &self.layer
    }

    /// Somebody gets it: as it is planned from now on.
    pub(super) const fn want(&mut self, layer: Layer) {
        self.layer = layer;
        self.unwanted_since = None;
    }

    /// Whether it is in the plan.
    pub(super) const fn is_wanted(&self) -> bool {
        self.unwanted_since.is_none()
    }

    /// Nobody gets it now. Whether it has been so for long enough to end it.
    pub(super) fn unwanted(&mut self, now: Instant) -> bool {
        now - *self.unwanted_since.get_or_insert(now) >= UNWANTED_FOR
    }

    /// Somebody needs a keyframe of it.
    pub(super) const fn want_keyframe(&mut self) {
        self.keyframe_wanted = true;
    }

    /// Somebody has no picture at all: they need not wait for a pause that others caused.
    pub(super) const fn hurry(&mut self) {
        self.keyframe_wanted = true;
        self.last_keyframe = None;
    }

    /// The layer's picture of `frame`; `None` when it is left out. `fed` is what the camera gives a second.
    pub(super) fn encode(
        &mut self,
        frame: &VideoFrame,
        fed: f32,
        scaler: &mut Scaler,
        now: Instant,
    ) -> Result<Option<EncodedVideo>, CodecError> {
        let Layer { resolution, bitrate, frames_per_second, .. } = self.layer;
        if self.too_soon(frame.time(), frames_per_second) {
            return Ok(None);
        }
        self.last_encoded = Some(frame.time());
        let scaled;
        let picture = if frame.resolution() == resolution {
            frame
        } else {
            scaled = scaler.scale(frame, resolution, Fit::Stretch);
            &scaled
        };
        let result = self.encode_scaled(picture, (bitrate, fed.min(frames_per_second)), now);
        if result.is_err() {
            self.encoder = None;
            self.keyframe_wanted = true;
        }
        result
    }

    fn encode_scaled(
        &mut self,
        picture: &VideoFrame,
        target: (Bitrate, f32),
        now: Instant,
    ) -> Result<Option<EncodedVideo>, CodecError> {
        let (bitrate, rate) = target;
        let encoder = self.encoder.get_or_insert_with(|| {
            self.configured = target;
            H264Encoder::new(bitrate, rate)
        });
        let (was, at) = self.configured;
        if was != bitrate || (at - rate).abs() > RATE_STEP {
            encoder.set_target(bitrate, rate)?;
            self.configured = target;
        }
        let may = self.last_keyframe.is_none_or(|last| now - last >= KEYFRAME_PAUSE);
        let unit = encoder.encode(picture, self.keyframe_wanted && may)?;
        if unit.as_ref().is_some_and(|unit| unit.keyframe) {
            self.keyframe_wanted = false;
            self.last_keyframe = Some(now);
        }
        Ok(unit)
    }

    /// Whether this picture is to be left out to come down to the wanted rate. A tenth of an interval is allowed for,
    /// since no camera's clock is even.
    fn too_soon(&self, time: MediaTime, frames_per_second: f32) -> bool {
        let interval = Duration::from_secs_f32(0.9 / frames_per_second.max(1.0));
        self.last_encoded.is_some_and(|last| time.saturating_since(last) < interval && time >= last)
    }
}
