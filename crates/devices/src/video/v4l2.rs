//! Cameras on Linux, by V4L2 itself. `nokhwa` waits for the next picture without a limit there: a camera that falls
//! silent could not even be closed, and so never be started anew. It also refuses cameras whose rate is no whole number
//! and those that another program left in a format that it does not know.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use tincan_media::DeviceError;
use tincan_media::video::Resolution;
use v4l::buffer::{Flags, Type};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::{FrameSizeEnum, Stepwise};
use v4l::io::mmap::Stream;
use v4l::io::traits::CaptureStream;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

use super::CaptureRequest;
use super::convert::PixelFormat;
use super::format::{Offer, ranked};
use super::native::{MAX_TRIES, device_error};
use super::reader::RawCamera;

/// A camera that gives no picture for so long is closed, and opened again by the watching thread, which tells of it
/// after two seconds.
const SILENCE: Duration = Duration::from_secs(4);
/// What the driver fills while we convert: at 30 a second a delay of 100 ms loses nothing.
const BUFFERS: u32 = 4;
const KNOWN: [(&[u8; 4], PixelFormat); 7] = [
    (b"YUYV", PixelFormat::Yuyv),
    (b"NV12", PixelFormat::Nv12),
    (b"MJPG", PixelFormat::Mjpeg),
    (b"JPEG", PixelFormat::Mjpeg),
    (b"GREY", PixelFormat::Grey),
    (b"RGB3", PixelFormat::Rgb),
    (b"BGR3", PixelFormat::Bgr),
];

fn pixel_format(code: FourCC) -> Option<PixelFormat> {
    KNOWN.iter().find(|(known, _)| **known == code.repr).map(|(_, format)| *format)
}

pub(super) struct V4l2Camera {
    name: String,
    format: PixelFormat,
    resolution: Resolution,
    frames_per_second: f32,
    stream: Stream<'static>,
}

impl V4l2Camera {
    /// Opens `/dev/videoINDEX`, which people know by `name`.
    pub(super) fn open(index: usize, name: &str, request: CaptureRequest) -> Result<Self, DeviceError> {
        let opening = |error: io::Error| device_error(name, &error.to_string(), false);
        let device = Device::new(index).map_err(opening)?;
        let (format, resolution) = negotiate(&device, name, request)?;
        let frames_per_second = device
            .params()
            .ok()
            .map(|params| params.interval)
            .filter(|interval| interval.numerator > 0 && interval.denominator > 0)
            .map_or(request.frames_per_second as f32, |interval| {
                interval.denominator as f32 / interval.numerator as f32
            });
        let mut stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS).map_err(opening)?;
        stream.set_timeout(SILENCE);
        Ok(Self { name: name.to_owned(), format, resolution, frames_per_second, stream })
    }
}

/// Sets the best format that the driver takes; returns what it then really is.
fn negotiate(
    device: &Device,
    name: &str,
    request: CaptureRequest,
) -> Result<(PixelFormat, Resolution), DeviceError> {
    let formats = device.enum_formats().map_err(|error| device_error(name, &error.to_string(), false))?;
    let mut refused = None;
    let offers: Vec<Offer> =
        formats.iter().flat_map(|format| offers(device, format.fourcc, request)).collect();
    for wanted in ranked(&offers, request).into_iter().take(MAX_TRIES) {
        // `JPEG` and `MJPG` are the same to us, but not to the driver.
        let mut codes = formats.iter().map(|format| format.fourcc);
        let Some(code) = codes.find(|code| pixel_format(*code) == Some(wanted.format)) else { continue };
        let size = wanted.resolution;
        match device.set_format(&Format::new(size.width, size.height, code)) {
            Ok(set) => {
                // The driver may have chosen another one; it must be one that we can read.
                let Some(format) = pixel_format(set.fourcc) else { continue };
                // Some drivers have one rate and no way to say so.
                if let Err(error) = device.set_params(&Parameters::with_fps(wanted.frames_per_second)) {
                    tracing::debug!(%error, "a camera keeps its rate");
                }
                return Ok((format, Resolution::new(set.width, set.height)));
            }
            Err(error) => {
                tracing::debug!(%error, "a camera refuses a format that it offers");
                refused.get_or_insert(error);
            }
        }
    }
    Err(match refused {
        Some(error) => device_error(name, &error.to_string(), false),
        None => DeviceError::Unsupported { device: name.to_owned(), detail: listed(&formats) },
    })
}

fn listed(formats: &[v4l::format::Description]) -> String {
    let names: Vec<String> = formats.iter().map(|format| format.fourcc.to_string()).collect();
    if names.is_empty() { "none that is known here".into() } else { names.join(", ") }
}

/// The sizes and rates of one pixel format. A driver that does not list them is asked for what we want.
fn offers(device: &Device, code: FourCC, request: CaptureRequest) -> Vec<Offer> {
    let Some(format) = pixel_format(code) else { return Vec::new() };
    let sizes: Vec<Resolution> = match device.enum_framesizes(code) {
        Ok(sizes) => sizes
            .into_iter()
            .map(|size| match size.size {
                FrameSizeEnum::Discrete(size) => Resolution::new(size.width, size.height),
                FrameSizeEnum::Stepwise(steps) => nearest_size(&steps, request.resolution),
            })
            .collect(),
        Err(_) => vec![request.resolution],
    };
    let with_rates = |resolution: Resolution| {
        let intervals =
            device.enum_frameintervals(code, resolution.width, resolution.height).unwrap_or_default();
        let mut rates: Vec<u32> = intervals
            .into_iter()
            .map(|interval| match interval.interval {
                // 30000/1001 is 30 to everybody.
                FrameIntervalEnum::Discrete(one) => rate(one.numerator, one.denominator),
                FrameIntervalEnum::Stepwise(steps) => request
                    .frames_per_second
                    .min(rate(steps.min.numerator, steps.min.denominator))
                    .max(rate(steps.max.numerator, steps.max.denominator)),
            })
            .collect();
        if rates.is_empty() {
            rates.push(request.frames_per_second);
        }
        rates.into_iter().map(move |frames_per_second| Offer { format, resolution, frames_per_second })
    };
    sizes.into_iter().flat_map(with_rates).collect()
}

/// Pictures a second that come at an interval, rounded.
fn rate(numerator: u32, denominator: u32) -> u32 {
    (f64::from(denominator) / f64::from(numerator.max(1))).round() as u32
}

/// The size of a range that comes nearest.
fn nearest_size(steps: &Stepwise, wanted: Resolution) -> Resolution {
    let side = |wanted: u32, min: u32, max: u32, step: u32| {
        let wanted = wanted.clamp(min, max.max(min));
        wanted - (wanted - min) % step.max(1)
    };
    Resolution::new(
        side(wanted.width, steps.min_width, steps.max_width, steps.step_width),
        side(wanted.height, steps.min_height, steps.max_height, steps.step_height),
    )
}

impl RawCamera for V4l2Camera {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> (PixelFormat, Resolution) {
        (self.format, self.resolution)
    }

    fn frames_per_second(&self) -> f32 {
        self.frames_per_second
    }

    fn read(&mut self) -> Result<Cow<'_, [u8]>, DeviceError> {
        let name = &self.name;
        match self.stream.next() {
            // The driver itself says that this one is damaged; nothing in it can be trusted.
            Ok((_, about)) if about.flags.contains(Flags::ERROR) => Ok(Cow::Borrowed(&[])),
            Ok((bytes, about)) => {
                let used = (about.bytesused as usize).min(bytes.len());
                Ok(Cow::Borrowed(if used == 0 { bytes } else { &bytes[..used] }))
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(DeviceError::Stalled { device: name.clone() })
            }
            Err(error) => Err(device_error(name, &error.to_string(), true)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_rounded_to_what_people_call_them() {
        assert_eq!([rate(1, 30), rate(1001, 30_000), rate(2, 15), rate(0, 25)], [30, 30, 8, 25]);
    }

    #[test]
    fn a_range_of_sizes_gives_the_nearest_one() {
        let steps = |max_width, max_height, step| Stepwise {
            min_width: 48,
            max_width,
            step_width: step,
            min_height: 32,
            max_height,
            step_height: step,
        };
        let nearest = |steps: Stepwise| nearest_size(&steps, Resolution::HD);
        assert_eq!(nearest(steps(4_096, 4_096, 1)), Resolution::HD);
        assert_eq!(nearest(steps(4_096, 4_096, 32)), Resolution::new(1_264, 704));
        assert_eq!(nearest(steps(640, 480, 16)), Resolution::new(640, 480));
        assert_eq!(nearest(steps(0, 0, 0)), Resolution::new(48, 32), "a driver's nonsense");
    }
}
