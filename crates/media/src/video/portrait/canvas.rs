//! Colours, and where shapes are drawn with them.

use super::raster::{Fill, Raster};
pub(super) use super::raster::{Path, Transform};
use crate::video::VideoFrame;

/// A colour, and how much it covers (0 to 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ink {
    red: f32,
    green: f32,
    blue: f32,
    alpha: f32,
}

impl Ink {
    /// From red, green and blue, as one number of hexadecimal digits.
    pub(super) const fn hex(code: u32) -> Self {
        const fn channel(code: u32, shift: u32) -> f32 {
            ((code >> shift) & 0xff) as f32 / 255.0
        }
        Self { red: channel(code, 16), green: channel(code, 8), blue: channel(code, 0), alpha: 1.0 }
    }

    /// The same, seen through to some degree.
    pub(super) const fn at(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }

    /// Some way on to another colour.
    pub(super) fn towards(self, other: Self, share: f32) -> Self {
        let mixed = |from: f32, to: f32| from + (to - from) * share;
        Self {
            red: mixed(self.red, other.red),
            green: mixed(self.green, other.green),
            blue: mixed(self.blue, other.blue),
            alpha: self.alpha,
        }
    }

    pub(super) fn darker(self, share: f32) -> Self {
        self.towards(Self::hex(0x14_0a_1e), share)
    }

    pub(super) fn lighter(self, share: f32) -> Self {
        self.towards(Self::hex(0xff_f6_ec), share)
    }

    /// How bright it is (0 to 1).
    pub(super) fn luma(self) -> f32 {
        0.299 * self.red + 0.587 * self.green + 0.114 * self.blue
    }

    /// In luma and chroma (BT.601, limited range).
    pub(super) fn yuv(self) -> [u8; 3] {
        let luma = self.luma();
        let chroma = |value: f32, scale: f32| 128.0 + 224.0 * (value - luma) / scale;
        [16.0 + 219.0 * luma, chroma(self.blue, 1.772), chroma(self.red, 1.402)]
            .map(|value| value.round().clamp(0.0, 255.0) as u8)
    }
}

/// A shape.
pub(super) fn shape(build: impl FnOnce(&mut Path)) -> Path {
    let mut path = Path::default();
    build(&mut path);
    path
}

/// An ellipse around a point.
pub(super) fn oval(x: f32, y: f32, across: f32, down: f32) -> Path {
    shape(|path| path.oval(x, y, across, down))
}

/// A rectangle from its upper left corner.
pub(super) fn block(x: f32, y: f32, width: f32, height: f32) -> Path {
    shape(|path| {
        path.move_to(x, y);
        path.line_to(x + width, y);
        path.line_to(x + width, y + height);
        path.line_to(x, y + height);
    })
}

/// Where shapes are drawn, and in which units.
pub(super) struct Canvas<'a> {
    frame: &'a mut VideoFrame,
    raster: &'a mut Raster,
    transform: Transform,
}

impl<'a> Canvas<'a> {
    pub(super) const fn new(frame: &'a mut VideoFrame, raster: &'a mut Raster, transform: Transform) -> Self {
        Self { frame, raster, transform }
    }

    /// The same canvas in other units.
    pub(super) fn within(&mut self, transform: Transform) -> Canvas<'_> {
        let transform = self.transform.pre_concat(transform);
        Canvas { frame: self.frame, raster: self.raster, transform }
    }

    pub(super) fn fill(&mut self, path: Path, ink: Ink) {
        let fill = Fill { yuv: ink.yuv(), cover: (ink.alpha.clamp(0.0, 1.0) * 256.0).round() as u32 };
        self.raster.fill(self.frame, &path, self.transform, fill);
    }

    /// A line with round ends.
    pub(super) fn line(&mut self, path: Path, width: f32, ink: Ink) {
        self.fill(path.widened(width), ink);
    }

    /// A shape on both sides of the middle.
    pub(super) fn both(&mut self, draw: impl Fn(&mut Canvas<'_>)) {
        draw(self);
        draw(&mut self.within(Transform::from_scale(-1.0, 1.0)));
    }
}
