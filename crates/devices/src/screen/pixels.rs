//! A screen's pixels as a picture.

use std::borrow::Cow;

use tincan_media::MediaTime;
use tincan_media::video::{Resolution, VideoFrame};
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

/// Bytes a pixel: three colours, and one of no meaning.
pub(super) const PIXEL: usize = 4;

/// In which order a pixel's colours come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    BlueFirst,
    RedFirst,
}

/// Rows of pixels somewhere in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pixels<'a> {
    /// From the first pixel of the first row on.
    pub(super) bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub(super) stride: usize,
    pub(super) order: Order,
    pub(super) size: Resolution,
}

impl Pixels<'_> {
    /// As a picture: BT.601, limited range, an odd last row or column left out, because codecs need even sides. `None`
    /// when there are fewer bytes than it says, or no picture of two by two pixels.
    pub(super) fn picture(&self, time: MediaTime) -> Option<VideoFrame> {
        let even = Resolution::new(self.size.width & !1, self.size.height & !1);
        let (width, height) = (even.width as usize * PIXEL, even.height as usize);
        if width == 0 || height == 0 || self.stride < width {
            return None;
        }
        let (rows, stride) = self.rows(width, height)?;
        let mut frame = VideoFrame::black(time, even);
        let (y, u, v) = frame.planes_mut();
        let mut target = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(y),
            y_stride: even.width,
            u_plane: BufferStoreMut::Borrowed(u),
            u_stride: even.width / 2,
            v_plane: BufferStoreMut::Borrowed(v),
            v_stride: even.width / 2,
            width: even.width,
            height: even.height,
        };
        let convert = match self.order {
            Order::BlueFirst => yuv::bgra_to_yuv420,
            Order::RedFirst => yuv::rgba_to_yuv420,
        };
        let (range, matrix) = (YuvRange::Limited, YuvStandardMatrix::Bt601);
        let converted =
            convert(&mut target, &rows, stride as u32, range, matrix, YuvConversionMode::Balanced);
        if let Err(error) = converted {
            // The sizes fit by construction; black is better than none.
            tracing::error!(%error, "a screen's pixels were not converted");
        }
        Some(frame)
    }

    /// The rows and their stride. The conversion wants exactly the rows that it is to take, and whole ones: where the
    /// last one ends before its padding does, they are copied.
    fn rows(&self, width: usize, height: usize) -> Option<(Cow<'_, [u8]>, usize)> {
        if let Some(rows) = self.bytes.get(..self.stride * height) {
            return Some((Cow::Borrowed(rows), self.stride));
        }
        if self.bytes.len() < self.stride * (height - 1) + width {
            return None;
        }
        let tight: Vec<u8> =
            self.bytes.chunks(self.stride).take(height).flat_map(|row| &row[..width]).copied().collect();
        Some((Cow::Owned(tight), width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red pixels of this order in rows with padding, which is green.
    fn red(order: Order, width: usize, height: usize, stride: usize) -> Vec<u8> {
        let pixel = match order {
            Order::BlueFirst => [0, 0, 255, 0],
            Order::RedFirst => [255, 0, 0, 0],
        };
        let mut bytes = [0, 255, 0, 0].repeat(stride / PIXEL * height);
        for row in bytes.chunks_mut(stride) {
            row[..width * PIXEL].copy_from_slice(&pixel.repeat(width));
        }
        bytes
    }

    fn is_red(frame: &VideoFrame) -> bool {
        let (y, u, v) = frame.planes();
        let near = |plane: &[u8], wanted: u8| plane.iter().all(|value| value.abs_diff(wanted) <= 2);
        near(y, 81) && near(u, 90) && near(v, 240)
    }

    #[test]
    fn both_orders_padding_and_odd_sides_give_the_same_red() {
        for order in [Order::BlueFirst, Order::RedFirst] {
            let bytes = red(order, 7, 5, 48);
            // The last row may lack its padding, as in a part of something larger.
            for length in [bytes.len(), 4 * 48 + 7 * PIXEL, 3 * 48 + 6 * PIXEL] {
                let size = Resolution::new(7, 5);
                let pixels = Pixels { bytes: &bytes[..length], stride: 48, order, size };
                let frame = pixels.picture(MediaTime::ZERO).unwrap();
                assert_eq!(frame.resolution(), Resolution::new(6, 4));
                assert!(is_red(&frame), "{order:?}, {length}");
            }
        }
    }

    #[test]
    fn what_is_too_short_or_too_small_is_no_picture() {
        let (bytes, order) = (red(Order::RedFirst, 4, 4, 16), Order::RedFirst);
        let picture = |bytes, stride, width, height| {
            let size = Resolution::new(width, height);
            Pixels { bytes, stride, order, size }.picture(MediaTime::ZERO)
        };
        assert!(picture(&bytes, 16, 4, 4).is_some());
        assert!(picture(&bytes[1..], 16, 4, 4).is_none());
        assert!(picture(&bytes, 8, 4, 4).is_none(), "rows that are longer than their distance");
        assert!(picture(&bytes, 16, 4, 6).is_none());
        assert!(picture(&bytes, 16, 1, 4).is_none());
    }
}
