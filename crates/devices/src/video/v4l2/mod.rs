//! Cameras on Linux, by V4L2 itself. `nokhwa` waits for the next picture without a limit there: a camera that falls
//! silent could not even be closed, and so never be started anew. It also refuses cameras whose rate is no whole number
//! and those that another program left in a format that it does not know. The `v4l` crate gives V4L2's structures and
//! its lists of sizes and rates.

mod formats;
mod node;
mod stamps;
mod stream;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tincan_media::DeviceError;
use tincan_media::video::Resolution;
use v4l::FourCC;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::{FrameSizeEnum, Stepwise};
use v4l::video::Capture;

use self::formats::{colour, pixel_format};
use self::node::BufferKind;
pub(super) use self::node::Node;
use self::stamps::Stamps;
use self::stream::Stream;
use super::CaptureRequest;
use super::convert::{PictureFormat, RawPicture};
use super::format::{Offer, ranked};
use super::native::{MAX_TRIES, device_error};
use super::reader::RawCamera;

/// A camera that gives no picture for so long is closed, and opened again by the watching thread, which tells of it
/// after two seconds.
const SILENCE: Duration = Duration::from_secs(4);
/// "No space left on device": of a USB connection, when other devices have reserved what it carries.
const ENOSPC: i32 = 28;

/// A camera that is open and delivers.
pub(super) struct V4l2Camera {
    name: String,
    format: PictureFormat,
    frames_per_second: f32,
    stream: Stream,
    stamps: Stamps,
}

impl V4l2Camera {
    /// Opens `/dev/videoINDEX`, which people know by `name`, in the best format in which it starts.
    pub(super) fn open(index: usize, name: &str, request: CaptureRequest) -> Result<Self, DeviceError> {
        let opening = |error: io::Error| device_error(name, &error.to_string(), false);
        let node = Arc::new(Node::open(index).map_err(opening)?);
        let kind = node.about().map_err(opening)?.kind.unwrap_or(BufferKind::Single);
        let codes = node.formats(kind).map_err(opening)?;
        let offers: Vec<Offer> =
            codes.iter().enumerate().flat_map(|(of, code)| offers(&node, of, *code, request)).collect();
        let mut refused = None;
        let mut tries = 0;
        // What the connection carries is less than this, once a format did not fit.
        let mut room = u64::MAX;
        for offer in ranked(&offers, request) {
            if tries == MAX_TRIES {
                break;
            }
            if offer.bytes_per_second() >= room {
                continue;
            }
            tries += 1;
            match Self::start(&node, kind, codes[offer.of], name, offer) {
                Ok(camera) => return Ok(camera),
                Err(error) => {
                    tracing::debug!(%error, "a camera does not start in a format that it offers");
                    if error.raw_os_error() == Some(ENOSPC) {
                        room = offer.bytes_per_second();
                    }
                    refused.get_or_insert(error);
                }
            }
        }
        Err(match refused {
            Some(error) => device_error(name, &error.to_string(), false),
            None => DeviceError::Unsupported { device: name.to_owned(), detail: listed(&codes) },
        })
    }

    fn start(
        node: &Arc<Node>,
        kind: BufferKind,
        code: [u8; 4],
        name: &str,
        offer: Offer,
    ) -> io::Result<Self> {
        let set = node.set_format(kind, code, offer.resolution)?;
        // The driver may have chosen another one; it must be one that we can read.
        let Some(pixel) = pixel_format(set.code) else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the driver chose a format that is not known",
            ));
        };
        let frames_per_second =
            node.set_rate(kind, offer.frames_per_second).unwrap_or(offer.frames_per_second as f32);
        let stream = Stream::start(node, kind, set.buffers)?;
        let format = PictureFormat {
            pixel,
            resolution: Resolution::new(set.size.0, set.size.1),
            strides: set.strides,
            colour: colour(pixel, set.colours),
        };
        tracing::info!(pixel = pixel.name(), size = %format.resolution, frames_per_second, "camera started");
        Ok(Self { name: name.to_owned(), format, frames_per_second, stream, stamps: Stamps::default() })
    }
}

fn listed(codes: &[[u8; 4]]) -> String {
    let names: Vec<String> =
        codes.iter().map(|code| String::from_utf8_lossy(code).trim().to_owned()).collect();
    if names.is_empty() { "none that is known here".into() } else { names.join(", ") }
}

/// The sizes and rates of one pixel format. A driver that does not list them is asked for what we want.
fn offers(node: &Node, of: usize, code: [u8; 4], request: CaptureRequest) -> Vec<Offer> {
    let Some(format) = pixel_format(code) else { return Vec::new() };
    let code = FourCC::new(&code);
    let sizes: Vec<Resolution> = match node.device.enum_framesizes(code) {
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
            node.device.enum_frameintervals(code, resolution.width, resolution.height).unwrap_or_default();
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
        rates.into_iter().map(move |frames_per_second| Offer { format, resolution, frames_per_second, of })
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

    fn format(&self) -> PictureFormat {
        self.format
    }

    fn frames_per_second(&self) -> f32 {
        self.frames_per_second
    }

    fn read(&mut self) -> Result<RawPicture<'_>, DeviceError> {
        let name = &self.name;
        match self.stream.next(SILENCE) {
            Ok(filled) => {
                let captured = self.stamps.at(filled.stamp, stamps::monotonic(), Instant::now());
                // What the driver calls damaged is not worth a look.
                let planes = if filled.damaged { Vec::new() } else { filled.planes };
                Ok(RawPicture { buffers: planes.into_iter().map(Cow::Borrowed).collect(), captured })
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
