//! Cameras through `nokhwa`: Media Foundation and AVFoundation. Only raw buffers are taken from it; its own conversion to
//! RGB costs 4 ms a picture.

use std::time::Instant;

use nokhwa::utils::{CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Camera, NokhwaError};
use tincan_media::DeviceError;
use tincan_media::video::Resolution;

use super::CaptureRequest;
use super::convert::{PictureFormat, RawPicture};
use super::format::{Offer, ranked};
use super::native::{MAX_TRIES, device_error};
use super::pixel_format::PixelFormat;
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
        let offers: Vec<Offer> =
            formats.iter().enumerate().filter_map(|(of, format)| offer(of, format)).collect();
        let current = camera.camera_format();
        let mut refused = None;
        let mut taken = false;
        for wanted in ranked(&offers, request).into_iter().take(MAX_TRIES) {
            let wanted = formats[wanted.of];
            if current == wanted {
                taken = true;
                break;
            }
            let exact = RequestedFormatType::Exact(wanted);
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

    fn format(&self) -> PictureFormat {
        let format = self.camera.camera_format();
        let size = Resolution::new(format.width(), format.height());
        PictureFormat::new(pixel_format(format.format()).unwrap_or(PixelFormat::Jpeg), size)
    }

    fn frames_per_second(&self) -> f32 {
        self.camera.frame_rate() as f32
    }

    fn read(&mut self) -> Result<RawPicture<'_>, DeviceError> {
        let name = &self.name;
        match self.camera.frame_raw() {
            // `nokhwa` does not hand on the system's stamp.
            Ok(bytes) => Ok(RawPicture { buffers: vec![bytes], captured: Instant::now() }),
            Err(error) => Err(device_error(name, &error.to_string(), true)),
        }
    }
}

fn pixel_format(format: FrameFormat) -> Option<PixelFormat> {
    Some(match format {
        FrameFormat::YUYV => PixelFormat::YUYV,
        FrameFormat::NV12 => PixelFormat::NV12,
        FrameFormat::MJPEG => PixelFormat::Jpeg,
        FrameFormat::GRAY => PixelFormat::GREY,
        FrameFormat::RAWRGB => PixelFormat::RGB,
        FrameFormat::RAWBGR => PixelFormat::BGR,
    })
}

fn offer(of: usize, format: &CameraFormat) -> Option<Offer> {
    Some(Offer {
        format: pixel_format(format.format())?,
        resolution: Resolution::new(format.width(), format.height()),
        frames_per_second: format.frame_rate(),
        of,
    })
}

fn listed(formats: &[CameraFormat]) -> String {
    let mut names: Vec<String> = formats.iter().map(|format| format.format().to_string()).collect();
    names.sort();
    names.dedup();
    if names.is_empty() { "none that is known here".into() } else { names.join(", ") }
}
