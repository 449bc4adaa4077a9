//! What cameras deliver, as I420. Sizes are cut to even ones, because chroma has half the sides.

use std::borrow::Cow;
use std::time::Instant;

use tincan_media::MediaTime;
use tincan_media::video::{Resolution, VideoFrame};
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

use super::colour::{Colour, Range};
use super::jpeg;
use super::pixel_format::{Component, GreyLayout, PixelFormat, RgbLayout, YuvLayout};

/// How a camera's pictures lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PictureFormat {
    pub(super) pixel: PixelFormat,
    /// The size that the camera names; a JPEG may have another one.
    pub(super) resolution: Resolution,
    /// Bytes from one row to the next of each buffer, as far as the driver says it; else zero.
    pub(super) strides: [usize; 3],
    pub(super) colour: Colour,
}

#[cfg(any(test, not(target_os = "linux")))]
impl PictureFormat {
    /// Rows without padding as far as is known, in our colours.
    pub(super) const fn new(pixel: PixelFormat, resolution: Resolution) -> Self {
        let colour = match pixel {
            PixelFormat::Jpeg | PixelFormat::Rgb(_) => Colour::FULL,
            PixelFormat::Yuv(_) | PixelFormat::Grey(_) => Colour::OURS,
        };
        Self { pixel, resolution, strides: [0; 3], colour }
    }
}

/// One picture as the driver filled it.
pub(super) struct RawPicture<'a> {
    /// One buffer for the whole picture, or one for each of its planes.
    pub(super) buffers: Vec<Cow<'a, [u8]>>,
    /// When it was taken.
    pub(super) captured: Instant,
}

/// Picture bytes that do not make a picture: a torn USB transfer. The camera is fine; the next one will do.
#[derive(Debug, thiserror::Error)]
#[error("a {kind} picture of {resolution} is damaged: {detail}")]
pub(super) struct DamagedPicture {
    kind: &'static str,
    resolution: Resolution,
    detail: String,
}

/// Converts the picture in `buffers`, stamped `time`.
pub(super) fn to_i420(
    format: &PictureFormat,
    buffers: &[Cow<'_, [u8]>],
    time: MediaTime,
) -> Result<VideoFrame, DamagedPicture> {
    let PictureFormat { pixel, resolution, strides, colour } = *format;
    let damaged = |detail: String| DamagedPicture { kind: pixel.name(), resolution, detail };
    let size = even(resolution);
    if size.width == 0 || size.height == 0 {
        return Err(damaged("it has no pixels".into()));
    }
    let mut frame = match pixel {
        PixelFormat::Jpeg => {
            return jpeg::decode(buffers.first().map_or(&[], |bytes| bytes), time)
                .map_err(|error| damaged(error.to_string()));
        }
        PixelFormat::Yuv(layout) => {
            let planes = Planes::find(&shapes_of_yuv(&layout, resolution), buffers, strides);
            yuv(&layout, &planes.map_err(damaged)?, size, time)
        }
        PixelFormat::Grey(layout) => {
            let shape = Shape {
                row: layout.bytes * resolution.width as usize,
                rows: resolution.height,
                share: (1, 1),
            };
            let planes = Planes::find(&[shape], buffers, strides);
            grey(layout, &planes.map_err(damaged)?, size, time)
        }
        PixelFormat::Rgb(layout) => {
            let step = match layout {
                RgbLayout::Bytes { step, .. } => step,
                RgbLayout::Word { .. } => 2,
            };
            let shape =
                Shape { row: step * resolution.width as usize, rows: resolution.height, share: (1, 1) };
            let planes = Planes::find(&[shape], buffers, strides).map_err(damaged)?;
            // The conversion turns them into ours.
            return rgb(layout, &planes, size, colour.range, time)
                .map_err(|error| damaged(error.to_string()));
        }
    };
    colour.into_ours(&mut frame);
    Ok(frame)
}

/// The largest even size in `size`.
pub(super) const fn even(size: Resolution) -> Resolution {
    Resolution::new(size.width & !1, size.height & !1)
}

/// The upper left part of a picture.
pub(super) fn cropped(frame: &VideoFrame, to: Resolution) -> VideoFrame {
    let mut part = VideoFrame::black(frame.time(), to);
    let chroma = (frame.chroma_stride() as u32, to.width.div_ceil(2));
    let (y, u, v) = frame.planes();
    let (to_y, to_u, to_v) = part.planes_mut();
    let planes = [(y, to_y, (frame.resolution().width, to.width)), (u, to_u, chroma), (v, to_v, chroma)];
    for (plane, target, (stride, width)) in planes {
        for (line, row) in lines(target, width.max(1)).zip(plane.chunks_exact((stride as usize).max(1))) {
            line.copy_from_slice(&row[..line.len()]);
        }
    }
    part
}

pub(super) fn lines(plane: &mut [u8], width: u32) -> std::slice::ChunksExactMut<'_, u8> {
    plane.chunks_exact_mut(width as usize)
}

/// What a plane has to hold.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Bytes of a row that are used.
    row: usize,
    rows: u32,
    /// Its stride as a share of the first plane's, where both lie in one buffer.
    share: (usize, usize),
}

impl Shape {
    fn bytes(&self, stride: usize) -> usize {
        match self.rows as usize {
            0 => 0,
            // Whatever pads the last row may be missing.
            rows => stride * (rows - 1) + self.row,
        }
    }

    fn stride(&self, first: usize) -> usize {
        (first * self.share.0).div_ceil(self.share.1).max(self.row)
    }
}

fn shapes_of_yuv(layout: &YuvLayout, resolution: Resolution) -> Vec<Shape> {
    let (width, height) = (resolution.width as usize, resolution.height as usize);
    let all =
        [(layout.y, 1, 1), (layout.u, layout.across, layout.down), (layout.v, layout.across, layout.down)];
    let planes = 1 + layout.u.plane.max(layout.v.plane);
    (0..planes)
        .map(|plane| {
            let here = || all.iter().filter(|(component, ..)| component.plane == plane);
            let row = here().map(|(component, across, _)| width.div_ceil(*across) * component.step).max();
            let rows = here().map(|(.., down)| height.div_ceil(*down)).max();
            let share = match here().next() {
                Some((component, across, _)) if plane > 0 => (component.step, layout.y.step * across),
                _ => (1, 1),
            };
            Shape { row: row.unwrap_or(0), rows: rows.unwrap_or(0) as u32, share }
        })
        .collect()
}

/// The planes of one picture, each with its stride.
struct Planes<'a>(Vec<(&'a [u8], usize)>);

impl<'a> Planes<'a> {
    /// Finds them in one buffer, one behind the other, or in one buffer each.
    fn find(shapes: &[Shape], buffers: &'a [Cow<'_, [u8]>], strides: [usize; 3]) -> Result<Self, String> {
        let Some(first) = buffers.first() else { return Err("it has no bytes".into()) };
        if buffers.len() == 1 {
            return Self::split(shapes, first, strides[0]);
        }
        if buffers.len() != shapes.len() {
            return Err(format!("it has {} buffers for {} planes", buffers.len(), shapes.len()));
        }
        let one = |((shape, buffer), stride): ((&Shape, &'a Cow<'_, [u8]>), usize)| {
            // The driver gives each buffer's own stride.
            Self::split(&[Shape { share: (1, 1), ..*shape }], buffer, stride)
        };
        let found: Result<Vec<Self>, String> = shapes.iter().zip(buffers).zip(strides).map(one).collect();
        Ok(Self(found?.into_iter().flat_map(|planes| planes.0).collect()))
    }

    fn split(shapes: &[Shape], bytes: &'a [u8], stride: usize) -> Result<Self, String> {
        let needed = |stride: usize| {
            let whole = shapes.iter().rev().skip(1).map(|shape| shape.stride(stride) * shape.rows as usize);
            whole.sum::<usize>() + shapes.last().map_or(0, |shape| shape.bytes(shape.stride(stride)))
        };
        let tight = shapes.first().map_or(0, |shape| shape.row);
        // Less than a row is no stride: some drivers count pixels, some nothing.
        let stride = if stride < tight { 0 } else { stride };
        let padded = inferred(shapes, bytes.len());
        let stride = if stride > 0 && needed(stride) <= bytes.len() {
            stride
        } else if bytes.len() == needed(tight) || (stride == 0 && padded.is_none()) {
            // The driver says nothing, or it says what its own bytes contradict.
            tight
        } else {
            padded
                .filter(|_| stride == 0)
                .ok_or_else(|| format!("{} bytes of {}", bytes.len(), needed(stride)))?
        };
        let mut rest = bytes;
        let mut planes = Vec::with_capacity(shapes.len());
        for shape in shapes {
            let own = shape.stride(stride);
            let too_short = || format!("{} bytes of {}", bytes.len(), needed(stride));
            let plane = rest.get(..shape.bytes(own)).ok_or_else(too_short)?;
            planes.push((plane, own));
            rest = rest.get(own * shape.rows as usize..).unwrap_or(&[]);
        }
        Ok(Self(planes))
    }

    /// A row's bytes; empty below the picture, which no caller asks for.
    fn row(&self, component: Component, row: usize) -> &'a [u8] {
        let Some(&(bytes, stride)) = self.0.get(component.plane) else { return &[] };
        bytes.get(row * stride + component.offset..).unwrap_or(&[])
    }
}

/// Cameras on macOS pad rows and do not say so: what is longer than needed, by whole rows, is padding.
fn inferred(shapes: &[Shape], bytes: usize) -> Option<usize> {
    /// At most a row of 4096 bytes alignment; more is something else behind the picture.
    const MAX_PADDING: usize = 4_096;
    /// Makes whole numbers of all shares.
    const PARTS: usize = 8;
    let tight = shapes.first()?.row;
    let parts: usize =
        shapes.iter().map(|shape| shape.rows as usize * PARTS * shape.share.0 / shape.share.1).sum();
    let stride = (bytes * PARTS).checked_div(parts)?;
    (stride * parts == bytes * PARTS && stride > tight && stride < tight + MAX_PADDING).then_some(stride)
}

fn yuv(layout: &YuvLayout, planes: &Planes<'_>, size: Resolution, time: MediaTime) -> VideoFrame {
    let mut frame = VideoFrame::black(time, size);
    let (y, u, v) = frame.planes_mut();
    for (row, line) in lines(y, size.width).enumerate() {
        samples(line, planes.row(layout.y, row), layout.y.step);
    }
    for (target, component) in [(u, layout.u), (v, layout.v)] {
        for (row, line) in lines(target, size.width / 2).enumerate() {
            let upper = planes.row(component, row * 2 / layout.down);
            let lower = planes.row(component, (row * 2 + 1) / layout.down);
            chroma(line, upper, lower, component.step, layout.across);
        }
    }
    frame
}

/// Every `step`th byte.
fn samples(line: &mut [u8], row: &[u8], step: usize) {
    /// The compiler makes the most of a step that it knows.
    fn of<const STEP: usize>(line: &mut [u8], row: &[u8]) {
        for (sample, pixel) in line.iter_mut().zip(row.chunks(STEP)) {
            *sample = pixel[0];
        }
    }
    match step {
        1 => {
            let length = line.len().min(row.len());
            line[..length].copy_from_slice(&row[..length]);
        }
        2 => of::<2>(line, row),
        3 => of::<3>(line, row),
        _ => of::<4>(line, row),
    }
}

/// A row of chroma for every two pixels, from the two rows of the camera's (which may be the same one).
fn chroma(line: &mut [u8], upper: &[u8], lower: &[u8], step: usize, across: usize) {
    fn mean(a: u8, b: u8) -> u8 {
        (u16::from(a) + u16::from(b)).div_ceil(2) as u8
    }
    /// One sample for two pixels already: the mean of two rows.
    fn of_two<const STEP: usize>(line: &mut [u8], upper: &[u8], lower: &[u8]) {
        for ((sample, upper), lower) in line.iter_mut().zip(upper.chunks(STEP)).zip(lower.chunks(STEP)) {
            *sample = mean(upper[0], lower[0]);
        }
    }
    /// One sample for each pixel: the mean of four.
    fn of_one(line: &mut [u8], upper: &[u8], lower: &[u8], step: usize) {
        for ((sample, upper), lower) in
            line.iter_mut().zip(upper.chunks(step * 2)).zip(lower.chunks(step * 2))
        {
            let sum = |row: &[u8]| u16::from(row[0]) + u16::from(*row.get(step).unwrap_or(&row[0]));
            *sample = ((sum(upper) + sum(lower) + 2) / 4) as u8;
        }
    }
    match (across, step) {
        (1, _) => of_one(line, upper, lower, step),
        (2, 1) => of_two::<1>(line, upper, lower),
        (2, 2) => of_two::<2>(line, upper, lower),
        (2, _) => of_two::<4>(line, upper, lower),
        _ => {
            // One sample for four pixels or more, each taken as often as it is needed.
            for (index, sample) in line.iter_mut().enumerate() {
                let at = index * 2 / across * step;
                let one = |row: &[u8]| *row.get(at).unwrap_or(&128);
                *sample = mean(one(upper), one(lower));
            }
        }
    }
}

fn grey(layout: GreyLayout, planes: &Planes<'_>, size: Resolution, time: MediaTime) -> VideoFrame {
    let mut frame = VideoFrame::black(time, size);
    let first = Component { plane: 0, offset: 0, step: layout.bytes };
    for (row, line) in lines(frame.planes_mut().0, size.width).enumerate() {
        let bytes = planes.row(first, row);
        if layout.bytes == 1 {
            samples(line, bytes, 1);
            continue;
        }
        for (sample, pixel) in line.iter_mut().zip(bytes.chunks_exact(2)) {
            let pixel = [pixel[0], pixel[1]];
            let value = if layout.big_endian { u16::from_be_bytes(pixel) } else { u16::from_le_bytes(pixel) };
            *sample = (value >> (layout.bits - 8)).min(255) as u8;
        }
    }
    frame
}

/// By `yuv`, whose vector code needs red, green and blue in one of four orders; others are put in order first.
fn rgb(
    layout: RgbLayout,
    planes: &Planes<'_>,
    size: Resolution,
    range: Range,
    time: MediaTime,
) -> Result<VideoFrame, yuv::YuvError> {
    type Convert = fn(
        &mut YuvPlanarImageMut<'_, u8>,
        &[u8],
        u32,
        YuvRange,
        YuvStandardMatrix,
        YuvConversionMode,
    ) -> Result<(), yuv::YuvError>;
    let Some(&(bytes, stride)) = planes.0.first() else { return Err(yuv::YuvError::ZeroBaseSize) };
    let ordered;
    let (convert, bytes, stride): (Convert, &[u8], usize) = match layout {
        RgbLayout::Bytes { step: 3, red: 0, .. } => (yuv::rgb_to_yuv420, bytes, stride),
        RgbLayout::Bytes { step: 3, .. } => (yuv::bgr_to_yuv420, bytes, stride),
        RgbLayout::Bytes { step: 4, red: 0, .. } => (yuv::rgba_to_yuv420, bytes, stride),
        RgbLayout::Bytes { step: 4, red: 2, .. } => (yuv::bgra_to_yuv420, bytes, stride),
        _ => {
            ordered = in_order(layout, bytes, stride, size);
            (yuv::rgb_to_yuv420, &ordered, size.width as usize * 3)
        }
    };
    let mut frame = VideoFrame::black(time, size);
    let (y, u, v) = frame.planes_mut();
    let mut target = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: size.width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: size.width / 2,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: size.width / 2,
        width: size.width,
        height: size.height,
    };
    // Black of 16 in becomes black of 16 out only where nothing is scaled, which the conversion calls full range.
    let range = match range {
        Range::Full => YuvRange::Limited,
        Range::Limited => YuvRange::Full,
    };
    // It wants exactly the rows that it is to take.
    let rows = &bytes[..bytes.len().min(stride * size.height as usize)];
    convert(&mut target, rows, stride as u32, range, YuvStandardMatrix::Bt601, YuvConversionMode::Balanced)?;
    Ok(frame)
}

/// Pixels of three bytes each, red first, rows without padding.
fn in_order(layout: RgbLayout, bytes: &[u8], stride: usize, size: Resolution) -> Vec<u8> {
    let width = size.width as usize;
    let mut ordered = vec![0; width * size.height as usize * 3];
    for (line, row) in ordered.chunks_exact_mut(width * 3).zip(bytes.chunks(stride)) {
        let pixels = line.chunks_exact_mut(3);
        match layout {
            RgbLayout::Bytes { step, red, green, blue } => {
                for (to, from) in pixels.zip(row.chunks_exact(step)) {
                    to.copy_from_slice(&[from[red], from[green], from[blue]]);
                }
            }
            RgbLayout::Word { red, green, blue, big_endian } => {
                for (to, from) in pixels.zip(row.chunks_exact(2)) {
                    let from = [from[0], from[1]];
                    let word = if big_endian { u16::from_be_bytes(from) } else { u16::from_le_bytes(from) };
                    to.copy_from_slice(&[red, green, blue].map(|(low, bits)| widened(word >> low, bits)));
                }
            }
        }
    }
    ordered
}

/// The lowest `bits` as eight, so that all ones are all ones.
const fn widened(value: u16, bits: u32) -> u8 {
    let most = (1u16 << bits) - 1;
    (((value & most) as u32 * 255 + most as u32 / 2) / most as u32) as u8
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
