//! Cameras through `nokhwa`: Media Foundation and AVFoundation. Only raw buffers are taken from it; its own conversion to
//! RGB costs 4 ms a picture.

use std::borrow::Cow;

use nokhwa::utils::{
    CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType,
    Resolution as NokhwaResolution,
};
use nokhwa::{Camera, NokhwaError};
use tincan_media::DeviceError;
use tincan_media::video::Resolution;

use super::CaptureRequest;
use super::convert::PixelFormat;
use super::format::{Offer, ranked};
use super::native::{MAX_TRIES, device_error};
use super::reader::RawCamera;

const FORMATS: [FrameFormat; 6] = [
    FrameFormat::YUYV,
    FrameFormat::NV12,
    FrameFormat::MJPEG,
    FrameFormat::GRAY,
    FrameFormat::RAWRGB,
    FrameFormat::RAWBGR,
];

/// A camera that is open.
pub(super) struct NokhwaCamera {
    name: String,
    camera: Camera,
}

impl NokhwaCamera {
    /// Opens the camera at `index`, which people know by `name`.
    pub(super) fn open(
        index: &CameraIndex,
        name: &str,
        request: CaptureRequest,
    ) -> Result<Self, DeviceError> {
        let opening = |error: NokhwaError| device_error(name, &error.to_string(), false);
        // Opened with any format, because only an open camera says which ones it has.
        let any = RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS);
        let mut camera = Camera::new(index.clone(), any).map_err(opening)?;
        let formats = camera.compatible_camera_formats().map_err(opening)?;
        let offers: Vec<Offer> = formats.iter().filter_map(offer).collect();
        let current = offer(&camera.camera_format());
        let mut refused = None;
        let mut taken = false;
        for wanted in ranked(&offers, request).into_iter().take(MAX_TRIES) {
            if current == Some(wanted) {
                taken = true;
                break;
            }
            let exact = RequestedFormatType::Exact(camera_format(wanted));
            match camera.set_camera_requset(RequestedFormat::with_formats(exact, &FORMATS)) {
                Ok(_) => {
                    taken = true;
                    break;
                }
                Err(error) => {
                    tracing::debug!(%error, "a camera refuses a format that it offers");
                    refused.get_or_insert(error);
                }
            }
        }
        if !taken && pixel_format(camera.frame_format()).is_none() {
            let error = match refused {
                Some(error) => device_error(name, &error.to_string(), false),
                None => DeviceError::Unsupported { device: name.to_owned(), detail: listed(&formats) },
            };
            return Err(error);
        }
        camera.open_stream().map_err(opening)?;
        Ok(Self { name: name.to_owned(), camera })
    }
}

impl RawCamera for NokhwaCamera {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> (PixelFormat, Resolution) {
        let format = self.camera.camera_format();
        let resolution = Resolution::new(format.width(), format.height());
        (pixel_format(format.format()).unwrap_or(PixelFormat::Mjpeg), resolution)
    }

    fn frames_per_second(&self) -> f32 {
        self.camera.frame_rate() as f32
    }

    fn read(&mut self) -> Result<Cow<'_, [u8]>, DeviceError> {
        let name = &self.name;
        self.camera.frame_raw().map_err(|error| device_error(name, &error.to_string(), true))
    }
}

fn pixel_format(format: FrameFormat) -> Option<PixelFormat> {
    Some(match format {
        FrameFormat::YUYV => PixelFormat::Yuyv,
        FrameFormat::NV12 => PixelFormat::Nv12,
        FrameFormat::MJPEG => PixelFormat::Mjpeg,
        FrameFormat::GRAY => PixelFormat::Grey,
        FrameFormat::RAWRGB => PixelFormat::Rgb,
        FrameFormat::RAWBGR => PixelFormat::Bgr,
    })
}

fn offer(format: &CameraFormat) -> Option<Offer> {
    Some(Offer {
        format: pixel_format(format.format())?,
        resolution: Resolution::new(format.width(), format.height()),
        frames_per_second: format.frame_rate(),
    })
}

fn camera_format(offer: Offer) -> CameraFormat {
    let format = match offer.format {
        PixelFormat::Yuyv => FrameFormat::YUYV,
        PixelFormat::Nv12 => FrameFormat::NV12,
        PixelFormat::Mjpeg => FrameFormat::MJPEG,
        PixelFormat::Grey => FrameFormat::GRAY,
        PixelFormat::Rgb => FrameFormat::RAWRGB,
        PixelFormat::Bgr => FrameFormat::RAWBGR,
    };
    let size = NokhwaResolution::new(offer.resolution.width, offer.resolution.height);
    CameraFormat::new(size, format, offer.frames_per_second)
}

fn listed(formats: &[CameraFormat]) -> String {
    let mut names: Vec<String> = formats.iter().map(|format| format.format().to_string()).collect();
    names.sort();
    names.dedup();
    if names.is_empty() { "none that is known here".into() } else { names.join(", ") }
}
