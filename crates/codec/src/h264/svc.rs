//! OpenH264's encoder itself: what the crate's own wrapper does not offer is two temporal layers from the first picture on.
//!
//! Of the pictures of the upper layer nobody refers to another (`nal_ref_idc` 0), so that a receiver can be sent every
//! second picture, 60% of the bits, at any moment and without a keyframe. It costs neither quality nor time (36.25 dB and
//! 2.44 ms at 720p and 1.5 Mbit/s, against 36.26 dB and 2.4 ms: measured).

use std::ffi::{c_int, c_void};
use std::ptr;

use openh264_sys2::{
    CAMERA_VIDEO_REAL_TIME, DEBLOCKING_IDC_0, ENCODER_OPTION, ENCODER_OPTION_BITRATE,
    ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_TRACE_LEVEL, ISVCEncoder,
    ISVCEncoderVtbl, LOW_COMPLEXITY, PRO_BASELINE, RC_BITRATE_MODE, SBitrateInfo, SCREEN_CONTENT_REAL_TIME,
    SEncParamExt, SFrameBSInfo, SM_SINGLE_SLICE, SPATIAL_LAYER_0, SSourcePicture, WELS_LOG_QUIET,
    source::APILoader, videoFormatI420, videoFrameTypeIDR, videoFrameTypeInvalid, videoFrameTypeSkip,
};
use tincan_media::video::nal::is_discardable;
use tincan_media::video::{Resolution, VideoFrame};
use tincan_media::{Bitrate, CodecError};

use super::{Content, error};

/// BT.601 (H.264, tables E-3 to E-5: SMPTE 170M), which is what our planes are.
const BT601: u8 = 6;
/// Every quantizer that H.264 has.
const QP: (c_int, c_int) = (0, 51);
/// What text is legible at: finer than 26 is not worth its bits, and at the encoder's own limit of 35 letters of a page melt into
/// each other, for good: its rate control is in debt after a page, and leaves what stands still as it is. A page of 1080p that is
/// turned takes 46 kB at 35 (38 dB), 50 at 32, 52 at 29 (44 dB) and 55 at 26: what is saved is not worth it.
const SCREEN_QP: (c_int, c_int) = (26, 30);
/// Temporal layers: the base and one of pictures that nobody refers to.
const TEMPORAL_LAYERS: c_int = 2;

/// One access unit.
pub(super) struct Unit {
    pub(super) data: Vec<u8>,
    pub(super) keyframe: bool,
    /// Whether no other picture refers to it.
    pub(super) discardable: bool,
}

/// An encoder for pictures of one size.
pub(super) struct Svc {
    encoder: *mut ISVCEncoder,
}

// SAFETY: the encoder has no thread of its own (`iMultipleThreadIdc` is 1) and no thread-local state; it may move between
// threads as long as only one uses it at a time, which `&mut self` sees to.
unsafe impl Send for Svc {}

/// What a function of the encoder's table returned: anything but 0 is a failure.
fn checked(action: &'static str, result: Option<c_int>) -> Result<(), CodecError> {
    match result {
        Some(0) => Ok(()),
        Some(code) => Err(error(action, format!("OpenH264 error {code}"))),
        None => Err(error(action, "OpenH264 has no such function")),
    }
}

impl Svc {
    pub(super) fn open(
        content: Content,
        size: Resolution,
        bitrate: Bitrate,
        frames_per_second: f32,
    ) -> Result<Self, CodecError> {
        let mut encoder = ptr::null_mut();
        // SAFETY: the function writes a pointer to a new encoder, which we own from here on.
        let created = unsafe { APILoader::WelsCreateSVCEncoder(&raw mut encoder) };
        checked("start the encoder", Some(created))?;
        if encoder.is_null() {
            return Err(error("start the encoder", "there is none"));
        }
        let this = Self { encoder };
        let mut trace = WELS_LOG_QUIET;
        // SAFETY: this option takes a pointer to an int (codec_app_def.h) and copies it.
        unsafe { this.set_option("start the encoder", ENCODER_OPTION_TRACE_LEVEL, (&raw mut trace).cast()) }?;
        let mut parameters = SEncParamExt::default();
        // SAFETY: both functions take the encoder and a pointer to the parameters, which live until they return; the first
        // fills them in, the second copies them.
        unsafe {
            let defaults = this.table().GetDefaultParams;
            checked("start the encoder", defaults.map(|get| get(encoder, &raw mut parameters)))?;
            set_up(&mut parameters, size, bitrate, frames_per_second);
            if content == Content::Screen {
                set_up_screen(&mut parameters);
            }
            let initialize = this.table().InitializeExt;
            checked("start the encoder", initialize.map(|start| start(encoder, &raw const parameters)))?;
        }
        Ok(this)
    }

    fn table(&self) -> &ISVCEncoderVtbl {
        // SAFETY: the encoder is a C++ object whose first field points to its table of functions (codec_api.h); both live
        // until `drop`.
        unsafe { &**self.encoder }
    }

    /// The next picture, `millis` after some instant; `None` when the rate control skipped it.
    pub(super) fn encode(
        &mut self,
        frame: &VideoFrame,
        millis: u64,
        keyframe: bool,
    ) -> Result<Option<Unit>, CodecError> {
        let size = frame.resolution();
        let (width, height) = (size.width as c_int, size.height as c_int);
        let (y, u, v) = frame.planes();
        let picture = SSourcePicture {
            iColorFormat: videoFormatI420,
            iStride: [width, width / 2, width / 2, 0],
            pData: [y.as_ptr().cast_mut(), u.as_ptr().cast_mut(), v.as_ptr().cast_mut(), ptr::null_mut()],
            iPicWidth: width,
            iPicHeight: height,
            uiTimeStamp: i64::try_from(millis).unwrap_or(i64::MAX),
            bPsnrY: false,
            bPsnrU: false,
            bPsnrV: false,
        };
        let mut info = SFrameBSInfo::default();
        // SAFETY: the planes are as large as the strides and the size say (even sides, checked by the caller) and live until
        // the call returns; the encoder only reads them. What it writes into `info` points into its own buffers, which are
        // valid until the next call, and is copied before that.
        unsafe {
            if keyframe {
                // The declaration lacks the layer's number, which only matters to simulcast.
                let force = self.table().ForceIntraFrame;
                checked("make a keyframe", force.map(|force| force(self.encoder, true)))?;
            }
            let encode = self.table().EncodeFrame;
            checked("encode", encode.map(|encode| encode(self.encoder, &raw const picture, &raw mut info)))?;
            Ok(unit(&info))
        }
    }

    pub(super) fn set_frame_rate(&mut self, mut frames_per_second: f32) -> Result<(), CodecError> {
        let value = (&raw mut frames_per_second).cast();
        // SAFETY: the option takes a pointer to a float (codec_app_def.h), which lives until the call returns.
        unsafe { self.set_option("follow a new frame rate", ENCODER_OPTION_FRAME_RATE, value) }
    }

    pub(super) fn set_bitrate(&mut self, from: Bitrate, to: Bitrate) -> Result<(), CodecError> {
        // The maximum may never lie below the target, not even between the two calls: the encoder refuses.
        let order = if to > from {
            [ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_BITRATE]
        } else {
            [ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE]
        };
        for option in order {
            // Our only layer by its number: with SPATIAL_LAYER_ALL the encoder stores a maximum that it then never looks
            // at, and refuses to rise above the one that it was opened with (`WelsBitRateVerification`).
            let mut info = SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: to.as_bps() as c_int };
            // SAFETY: both options take a pointer to an SBitrateInfo (codec_app_def.h), which lives until the call returns.
            unsafe { self.set_option("follow a new bitrate", option, (&raw mut info).cast()) }?;
        }
        Ok(())
    }

    /// # Safety
    /// `value` points to what `option` takes.
    unsafe fn set_option(
        &self,
        action: &'static str,
        option: ENCODER_OPTION,
        value: *mut c_void,
    ) -> Result<(), CodecError> {
        let set = self.table().SetOption;
        // SAFETY: the encoder is alive, and the caller vouches for the value.
        checked(action, set.map(|set| unsafe { set(self.encoder, option, value) }))
    }
}

impl Drop for Svc {
    fn drop(&mut self) {
        // SAFETY: the encoder was created by `open` and is used no more; an encoder that was not initialized allows both.
        unsafe {
            if let Some(end) = self.table().Uninitialize {
                end(self.encoder);
            }
            APILoader::WelsDestroySVCEncoder(self.encoder);
        }
    }
}

fn set_up(parameters: &mut SEncParamExt, size: Resolution, bitrate: Bitrate, frames_per_second: f32) {
    let (width, height) = (size.width as c_int, size.height as c_int);
    let rate = bitrate.as_bps() as c_int;
    parameters.iUsageType = CAMERA_VIDEO_REAL_TIME;
    parameters.iPicWidth = width;
    parameters.iPicHeight = height;
    parameters.iTargetBitrate = rate;
    parameters.iRCMode = RC_BITRATE_MODE;
    parameters.fMaxFrameRate = frames_per_second;
    parameters.iTemporalLayerNum = TEMPORAL_LAYERS;
    parameters.iSpatialLayerNum = 1;
    parameters.iComplexityMode = LOW_COMPLEXITY;
    // Keyframes only when somebody needs one: they are ten times as large as other pictures.
    parameters.uiIntraPeriod = 0;
    parameters.bEnableSceneChangeDetect = false;
    // Without leave to skip, 400 kbit/s become 923 (measured).
    parameters.bEnableFrameSkip = true;
    parameters.bEnableAdaptiveQuant = true;
    parameters.bEnableBackgroundDetection = true;
    parameters.bEnableDenoise = false;
    parameters.bEnableLongTermReference = false;
    // Ordinary H.264: what only SVC's decoders read stays out.
    parameters.bPrefixNalAddingCtrl = false;
    parameters.bSimulcastAVC = false;
    parameters.iMultipleThreadIdc = 1;
    parameters.iLoopFilterDisableIdc = DEBLOCKING_IDC_0;
    (parameters.iMinQp, parameters.iMaxQp) = QP;
    let layer = &mut parameters.sSpatialLayers[0];
    layer.iVideoWidth = width;
    layer.iVideoHeight = height;
    layer.fFrameRate = frames_per_second;
    layer.iSpatialBitrate = rate;
    layer.iMaxSpatialBitrate = rate;
    layer.uiProfileIdc = PRO_BASELINE;
    layer.sSliceArgument.uiSliceMode = SM_SINGLE_SLICE;
    layer.sSliceArgument.uiSliceNum = 1;
    // Says what our planes are (BT.601, limited range), which a receiver would otherwise guess by the size.
    layer.bVideoSignalTypePresent = true;
    layer.bColorDescriptionPresent = true;
    layer.bFullRange = false;
    layer.uiColorPrimaries = BT601;
    layer.uiTransferCharacteristics = BT601;
    layer.uiColorMatrix = BT601;
}

/// What is different for text and drawings. Measured at 1080p with scrolling text at 1.5 Mbit/s: 54 ms mean delay against
/// 1,023 in camera mode, a third of the bits, and three times the time.
fn set_up_screen(parameters: &mut SEncParamExt) {
    parameters.iUsageType = SCREEN_CONTENT_REAL_TIME;
    // Of a screen nobody is sent every second picture; and what such a picture refines the next one would lack.
    parameters.iTemporalLayerNum = 1;
    // Whoever encodes it waits until the path took what was made before. The encoder counts pictures and no time: after a page of
    // 100 kB it would skip the first two seconds of whatever comes next, however long the page stood.
    parameters.bEnableFrameSkip = false;
    parameters.bEnableAdaptiveQuant = false;
    (parameters.iMinQp, parameters.iMaxQp) = SCREEN_QP;
}

/// # Safety
/// `info` was filled in by the encoder, whose buffers are still valid.
unsafe fn unit(info: &SFrameBSInfo) -> Option<Unit> {
    if info.eFrameType == videoFrameTypeSkip || info.eFrameType == videoFrameTypeInvalid {
        return None;
    }
    let mut data = Vec::with_capacity(info.iFrameSizeInBytes.max(0) as usize);
    for layer in info.sLayerInfo.iter().take(info.iLayerNum.max(0) as usize) {
        let mut at = 0;
        for nal in 0..layer.iNalCount.max(0) as usize {
            // SAFETY: there are `iNalCount` lengths, and `pBsBuf` has as many bytes as they say together (codec_app_def.h).
            let unit = unsafe {
                let length = (*layer.pNalLengthInByte.add(nal)).max(0) as usize;
                std::slice::from_raw_parts(layer.pBsBuf.add(at), length)
            };
            at += unit.len();
            data.extend_from_slice(unit);
        }
    }
    let keyframe = info.eFrameType == videoFrameTypeIDR;
    let discardable = is_discardable(&data);
    (!data.is_empty()).then_some(Unit { data, keyframe, discardable })
}
