//! What is asked of a V4L2 device. Every answer is taken as it comes: the safe half of the `v4l` crate panics on names
//! that are no UTF-8 and on numbers that are newer than itself, and knows no pictures in several buffers.

use std::io;
use std::os::raw::c_void;

use tincan_media::video::Resolution;
use v4l::Device;
use v4l::v4l_sys::{
    V4L2_CAP_DEVICE_CAPS, V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE_MPLANE, V4L2_CAP_VIDEO_M2M,
    V4L2_CAP_VIDEO_M2M_MPLANE, V4L2_CAP_VIDEO_OUTPUT_MPLANE, V4L2_PIX_FMT_PRIV_MAGIC, v4l2_capability,
    v4l2_fmtdesc, v4l2_format, v4l2_streamparm,
};
use v4l::v4l2::vidioc::{self, _IOC_TYPE};

/// More formats than this are a driver that never comes to an end.
const MAX_FORMATS: u32 = 256;
/// "No such entry", the end of every list.
pub(super) const EINVAL: i32 = 22;
/// Interrupted by a signal; asked again.
const EINTR: i32 = 4;

/// Whether a picture lies in one buffer or in several, which is another half of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BufferKind {
    Single,
    Multi,
}

impl BufferKind {
    /// V4L2's number.
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Single => 1,
            Self::Multi => 9,
        }
    }
}

/// What a device says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct About {
    pub(in super::super) name: String,
    /// Where it is plugged in.
    pub(in super::super) place: String,
    /// How it gives pictures; `None` when it gives none (its other files carry metadata or are a codec's).
    pub(super) kind: Option<BufferKind>,
}

impl About {
    /// Whether it is a camera.
    pub(in super::super) const fn is_camera(&self) -> bool {
        self.kind.is_some()
    }
}

/// A format as the driver has set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SetFormat {
    pub(super) code: [u8; 4],
    pub(super) size: (u32, u32),
    /// Buffers of a picture.
    pub(super) buffers: usize,
    /// Bytes from one row to the next, of each buffer.
    pub(super) strides: [usize; 3],
    /// V4L2's numbers for the colour space, for the matrix, and for the range.
    pub(super) colours: (u32, u32, u32),
}

/// An open device file.
pub(in super::super) struct Node {
    pub(super) device: Device,
}

impl Node {
    pub(in super::super) fn open(index: usize) -> io::Result<Self> {
        Ok(Self { device: Device::new(index)? })
    }

    /// Asks the driver.
    ///
    /// # Safety
    /// `argument` must be what `request` takes (`linux/videodev2.h`), and every pointer in it valid.
    pub(super) unsafe fn ask<T>(&self, request: _IOC_TYPE, argument: &mut T) -> io::Result<()> {
        loop {
            // SAFETY: the caller's promise; the file is open as long as `self`.
            let answer = unsafe {
                v4l::v4l2::ioctl(
                    self.device.handle().fd(),
                    request,
                    std::ptr::from_mut(argument).cast::<c_void>(),
                )
            };
            match answer {
                Err(error) if error.raw_os_error() == Some(EINTR) => {}
                answer => return answer,
            }
        }
    }

    pub(in super::super) fn about(&self) -> io::Result<About> {
        // SAFETY: a plain C structure, of which zeros are a value; the one that this request takes.
        let about = unsafe {
            let mut about: v4l2_capability = std::mem::zeroed();
            self.ask(vidioc::VIDIOC_QUERYCAP, &mut about)?;
            about
        };
        let can = if about.capabilities & V4L2_CAP_DEVICE_CAPS == 0 {
            about.capabilities
        } else {
            about.device_caps
        };
        let converts =
            can & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_VIDEO_OUTPUT_MPLANE) != 0;
        let kind = if converts {
            None
        } else if can & V4L2_CAP_VIDEO_CAPTURE != 0 {
            Some(BufferKind::Single)
        } else if can & V4L2_CAP_VIDEO_CAPTURE_MPLANE != 0 {
            Some(BufferKind::Multi)
        } else {
            None
        };
        Ok(About { name: text(&about.card), place: text(&about.bus_info), kind })
    }

    /// The pixel formats that it offers.
    pub(super) fn formats(&self, kind: BufferKind) -> io::Result<Vec<[u8; 4]>> {
        let mut formats = Vec::new();
        for index in 0..MAX_FORMATS {
            // SAFETY: a plain C structure, of which zeros are a value; the one that this request takes.
            let answer = unsafe {
                let mut format: v4l2_fmtdesc = std::mem::zeroed();
                (format.index, format.type_) = (index, kind.number());
                self.ask(vidioc::VIDIOC_ENUM_FMT, &mut format).map(|()| format.pixelformat)
            };
            match answer {
                Ok(code) => formats.push(code.to_le_bytes()),
                Err(error) if error.raw_os_error() == Some(EINVAL) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(formats)
    }

    /// Sets a format; returns what the driver made of the wish.
    pub(super) fn set_format(
        &self,
        kind: BufferKind,
        code: [u8; 4],
        size: Resolution,
    ) -> io::Result<SetFormat> {
        // SAFETY: a plain C structure, of which zeros are a value; the one that this request takes. The half of the
        // union that is read is the one that the kind of buffer makes valid.
        unsafe {
            let mut format: v4l2_format = std::mem::zeroed();
            format.type_ = kind.number();
            match kind {
                BufferKind::Single => {
                    let pix = &mut format.fmt.pix;
                    (pix.width, pix.height, pix.pixelformat) =
                        (size.width, size.height, u32::from_le_bytes(code));
                    // Without it the colours are not filled in.
                    pix.priv_ = V4L2_PIX_FMT_PRIV_MAGIC;
                }
                BufferKind::Multi => {
                    let pix = &mut format.fmt.pix_mp;
                    (pix.width, pix.height, pix.pixelformat) =
                        (size.width, size.height, u32::from_le_bytes(code));
                }
            }
            self.ask(vidioc::VIDIOC_S_FMT, &mut format)?;
            Ok(match kind {
                BufferKind::Single => {
                    let pix = format.fmt.pix;
                    SetFormat {
                        code: pix.pixelformat.to_le_bytes(),
                        size: (pix.width, pix.height),
                        buffers: 1,
                        strides: [pix.bytesperline as usize, 0, 0],
                        colours: (pix.colorspace, pix.__bindgen_anon_1.ycbcr_enc, pix.quantization),
                    }
                }
                BufferKind::Multi => {
                    // Copied out one by one: the structure is packed.
                    let pix = format.fmt.pix_mp;
                    let planes = pix.plane_fmt;
                    SetFormat {
                        code: { pix.pixelformat }.to_le_bytes(),
                        size: (pix.width, pix.height),
                        buffers: usize::from(pix.num_planes).clamp(1, 3),
                        strides: std::array::from_fn(|plane| { planes[plane].bytesperline } as usize),
                        colours: (
                            pix.colorspace,
                            u32::from(pix.__bindgen_anon_1.ycbcr_enc),
                            u32::from(pix.quantization),
                        ),
                    }
                }
            })
        }
    }

    /// Asks for so many pictures a second; returns how many will come, if the driver says it. Some drivers have one rate
    /// and no way to say so.
    pub(super) fn set_rate(&self, kind: BufferKind, frames_per_second: u32) -> Option<f32> {
        // SAFETY: a plain C structure, of which zeros are a value; the one that both requests take. Of the union,
        // cameras use `capture`.
        let interval = unsafe {
            let mut parameters: v4l2_streamparm = std::mem::zeroed();
            parameters.type_ = kind.number();
            let interval = &mut parameters.parm.capture.timeperframe;
            (interval.numerator, interval.denominator) = (1, frames_per_second);
            if let Err(error) = self.ask(vidioc::VIDIOC_S_PARM, &mut parameters) {
                tracing::debug!(%error, "a camera keeps its rate");
                parameters = std::mem::zeroed();
                parameters.type_ = kind.number();
                self.ask(vidioc::VIDIOC_G_PARM, &mut parameters).ok()?;
            }
            parameters.parm.capture.timeperframe
        };
        (interval.numerator > 0 && interval.denominator > 0)
            .then(|| interval.denominator as f32 / interval.numerator as f32)
    }
}

/// C's text in a field of fixed length. Cheap cameras have names in any encoding.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}
