//! The pixel formats that cameras deliver, as data: which bytes of which plane are whose. One conversion reads them all.
//!
//! Left out, because no camera that is sold for calls gives only these: raw sensor pictures (Bayer), which need an image
//! processor; tiled and bit-packed ones, which only decoders and sensors behind such a processor give; indexed colours;
//! depth; and streams (H.264, HEVC), next to which cameras offer JPEG.

/// A way to write a picture into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PixelFormat {
    /// Luma and chroma, eight bits of each (of more bits the upper eight are read).
    Yuv(YuvLayout),
    /// Luma only.
    Grey(GreyLayout),
    /// Red, green and blue.
    Rgb(RgbLayout),
    /// One JPEG a picture.
    Jpeg,
}

/// Where the samples of one component lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Component {
    /// Which plane.
    pub(super) plane: usize,
    /// Bytes of a row before the first sample.
    pub(super) offset: usize,
    /// Bytes from one sample to the next.
    pub(super) step: usize,
}

const fn component(plane: usize, offset: usize, step: usize) -> Component {
    Component { plane, offset, step }
}

/// Luma and chroma in up to three planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct YuvLayout {
    pub(super) y: Component,
    pub(super) u: Component,
    pub(super) v: Component,
    /// Pixels of a row that share a chroma sample.
    pub(super) across: usize,
    /// Rows that share a row of chroma.
    pub(super) down: usize,
}

/// Luma samples of one or two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct GreyLayout {
    pub(super) bytes: usize,
    pub(super) big_endian: bool,
    /// Bits that are used, the lowest ones.
    pub(super) bits: u32,
}

/// Pixels that hold red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RgbLayout {
    /// A byte each, at these offsets in a pixel of `step` bytes.
    Bytes { step: usize, red: usize, green: usize, blue: usize },
    /// Some bits each, as (lowest bit, number of bits), in a word of two bytes.
    Word { red: (u32, u32), green: (u32, u32), blue: (u32, u32), big_endian: bool },
}

impl PixelFormat {
    pub(super) const YUYV: Self = packed_422([0, 1, 3]);
    pub(super) const YVYU: Self = packed_422([0, 3, 1]);
    pub(super) const UYVY: Self = packed_422([1, 0, 2]);
    pub(super) const VYUY: Self = packed_422([1, 2, 0]);
    pub(super) const NV12: Self = semi_planar(2, 2, [0, 1]);
    pub(super) const NV21: Self = semi_planar(2, 2, [1, 0]);
    pub(super) const NV16: Self = semi_planar(2, 1, [0, 1]);
    pub(super) const NV61: Self = semi_planar(2, 1, [1, 0]);
    pub(super) const NV24: Self = semi_planar(1, 1, [0, 1]);
    pub(super) const NV42: Self = semi_planar(1, 1, [1, 0]);
    /// Ten bits in the upper ones of sixteen, little endian: the second byte of each sample is its upper eight.
    pub(super) const P010: Self = Self::Yuv(YuvLayout {
        y: component(0, 1, 2),
        u: component(1, 1, 4),
        v: component(1, 3, 4),
        across: 2,
        down: 2,
    });
    pub(super) const I420: Self = planar(2, 2, [1, 2]);
    pub(super) const YV12: Self = planar(2, 2, [2, 1]);
    pub(super) const I422: Self = planar(2, 1, [1, 2]);
    pub(super) const YV16: Self = planar(2, 1, [2, 1]);
    pub(super) const I444: Self = planar(1, 1, [1, 2]);
    pub(super) const YV24: Self = planar(1, 1, [2, 1]);
    pub(super) const I411: Self = planar(4, 1, [1, 2]);
    pub(super) const I410: Self = planar(4, 4, [1, 2]);
    pub(super) const YVU9: Self = planar(4, 4, [2, 1]);
    pub(super) const YUV24: Self = packed_444(3, [0, 1, 2]);
    pub(super) const YUVX: Self = packed_444(4, [0, 1, 2]);
    pub(super) const XYUV: Self = packed_444(4, [1, 2, 3]);
    pub(super) const VUYX: Self = packed_444(4, [2, 1, 0]);

    pub(super) const GREY: Self = Self::Grey(GreyLayout { bytes: 1, big_endian: false, bits: 8 });
    pub(super) const Y10: Self = wide_grey(10, false);
    pub(super) const Y12: Self = wide_grey(12, false);
    pub(super) const Y14: Self = wide_grey(14, false);
    pub(super) const Y16: Self = wide_grey(16, false);
    pub(super) const Y16_BE: Self = wide_grey(16, true);

    pub(super) const RGB: Self = rgb(3, [0, 1, 2]);
    pub(super) const BGR: Self = rgb(3, [2, 1, 0]);
    pub(super) const RGBX: Self = rgb(4, [0, 1, 2]);
    pub(super) const BGRX: Self = rgb(4, [2, 1, 0]);
    pub(super) const XRGB: Self = rgb(4, [1, 2, 3]);
    pub(super) const XBGR: Self = rgb(4, [3, 2, 1]);
    pub(super) const RGB565: Self = word([(11, 5), (5, 6), (0, 5)], false);
    pub(super) const RGB565_BE: Self = word([(11, 5), (5, 6), (0, 5)], true);
    pub(super) const RGB555: Self = word([(10, 5), (5, 5), (0, 5)], false);
    pub(super) const RGB555_BE: Self = word([(10, 5), (5, 5), (0, 5)], true);
    pub(super) const BGR555: Self = word([(0, 5), (5, 5), (10, 5)], false);
    pub(super) const RGBX555: Self = word([(11, 5), (6, 5), (1, 5)], false);
    pub(super) const BGRX555: Self = word([(1, 5), (6, 5), (11, 5)], false);
    pub(super) const RGB444: Self = word([(8, 4), (4, 4), (0, 4)], false);
    pub(super) const BGR444: Self = word([(0, 4), (4, 4), (8, 4)], false);
    pub(super) const RGBX444: Self = word([(12, 4), (8, 4), (4, 4)], false);
    pub(super) const BGRX444: Self = word([(4, 4), (8, 4), (12, 4)], false);

    /// What kind of format it is, for the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Yuv(_) => "YUV",
            Self::Grey(_) => "grey",
            Self::Rgb(_) => "RGB",
            Self::Jpeg => "JPEG",
        }
    }

    /// Bytes of a picture of so many pixels, about; of a JPEG about a tenth of what it stands for.
    pub(super) fn approximate_bytes(self, pixels: u64) -> u64 {
        match self {
            Self::Jpeg => pixels / 5,
            Self::Yuv(layout) => {
                let chroma = layout.u.step.max(layout.v.step) as u64;
                let share = (layout.across * layout.down) as u64;
                match (layout.u.plane, layout.v.plane) {
                    (0, 0) => pixels * layout.y.step.max(layout.u.step / layout.across) as u64,
                    (u, v) if u == v => pixels * layout.y.step as u64 + pixels * chroma / share,
                    _ => pixels * layout.y.step as u64 + 2 * pixels * chroma / share,
                }
            }
            Self::Grey(layout) => pixels * layout.bytes as u64,
            Self::Rgb(RgbLayout::Bytes { step, .. }) => pixels * step as u64,
            Self::Rgb(RgbLayout::Word { .. }) => pixels * 2,
        }
    }
}

const fn packed_422([y, u, v]: [usize; 3]) -> PixelFormat {
    PixelFormat::Yuv(YuvLayout {
        y: component(0, y, 2),
        u: component(0, u, 4),
        v: component(0, v, 4),
        across: 2,
        down: 1,
    })
}

const fn packed_444(step: usize, [y, u, v]: [usize; 3]) -> PixelFormat {
    PixelFormat::Yuv(YuvLayout {
        y: component(0, y, step),
        u: component(0, u, step),
        v: component(0, v, step),
        across: 1,
        down: 1,
    })
}

const fn semi_planar(across: usize, down: usize, [u, v]: [usize; 2]) -> PixelFormat {
    PixelFormat::Yuv(YuvLayout {
        y: component(0, 0, 1),
        u: component(1, u, 2),
        v: component(1, v, 2),
        across,
        down,
    })
}

const fn planar(across: usize, down: usize, [u, v]: [usize; 2]) -> PixelFormat {
    PixelFormat::Yuv(YuvLayout {
        y: component(0, 0, 1),
        u: component(u, 0, 1),
        v: component(v, 0, 1),
        across,
        down,
    })
}

const fn wide_grey(bits: u32, big_endian: bool) -> PixelFormat {
    PixelFormat::Grey(GreyLayout { bytes: 2, big_endian, bits })
}

const fn rgb(step: usize, [red, green, blue]: [usize; 3]) -> PixelFormat {
    PixelFormat::Rgb(RgbLayout::Bytes { step, red, green, blue })
}

const fn word([red, green, blue]: [(u32, u32); 3], big_endian: bool) -> PixelFormat {
    PixelFormat::Rgb(RgbLayout::Word { red, green, blue, big_endian })
}
