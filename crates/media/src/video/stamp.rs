//! A frame counter and a time, written into the picture itself: the proof that a picture went the whole way from a
//! camera to a screen, and how long it took. Blocks of black and white large enough to survive H.264 at 300 kbit/s,
//! a rescale from 720p to 180p, and a screenshot of a letterboxed window.
//!
//! The picture is thought of as a grid of 40 by 22.5 cells, whatever its shape. In columns 3 to 36 and rows 1 to 3
//! lies the stamp: 32 bits a row, most significant first, between a white cell on the left and a black one on the
//! right, which say what white and black have become. Row 1 is the counter, row 2 the upper 32 bits of the time, row 3
//! its lower 16 bits and the check.

use super::{Rect, VideoFrame};

const COLUMNS: f32 = 40.0;
const ROWS: f32 = 22.5;
/// The white reference's column; the bits follow, and the black reference after them.
const FIRST_COLUMN: u32 = 3;
const FIRST_ROW: u32 = 1;
const BITS: u32 = 32;
const STAMP_ROWS: usize = 3;
/// Limited-range black and white (BT.601).
const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// Below this contrast there is no stamp: an eighth of what was written.
const MIN_CONTRAST: f32 = 28.0;

/// What is written into a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Counts pictures.
    pub counter: u32,
    /// Microseconds on whatever clock the writer and the reader share; 48 bits are kept (nine years).
    pub micros: u64,
}

impl Stamp {
    /// Draws the stamp. Pictures smaller than about 160x90 do not carry it through a codec.
    pub fn write(self, frame: &mut VideoFrame) {
        let size = frame.resolution();
        let chroma_stride = frame.chroma_stride();
        let (luma, u, v) = frame.planes_mut();
        let (width, height) = (size.width as usize, size.height as usize);
        for (row, bits) in self.rows().into_iter().enumerate() {
            let (top, bottom) = span(FIRST_ROW + row as u32, ROWS, height);
            for column in 0..BITS + 2 {
                let white = match column {
                    0 => true,
                    column if column > BITS => false,
                    column => bits >> (BITS - column) & 1 == 1,
                };
                let (left, right) = span(FIRST_COLUMN + column, COLUMNS, width);
                for line in luma.chunks_exact_mut(width).take(bottom).skip(top) {
                    line[left..right].fill(if white { WHITE } else { BLACK });
                }
            }
            let (left, right) =
                (span(FIRST_COLUMN, COLUMNS, width).0, span(FIRST_COLUMN + BITS + 1, COLUMNS, width).1);
            for plane in [&mut *u, &mut *v] {
                for line in plane.chunks_exact_mut(chroma_stride).take(bottom.div_ceil(2)).skip(top / 2) {
                    line[left / 2..right.div_ceil(2)].fill(128);
                }
            }
        }
    }

    /// Reads the stamp of a picture.
    pub fn read(frame: &VideoFrame) -> Option<Self> {
        let size = frame.resolution();
        Self::read_luma(frame.planes().0, size.width as usize, Rect::of(size))
    }

    /// Reads the stamp of a picture that lies at `rect` in a plane of luma with `stride` bytes a row.
    pub fn read_luma(luma: &[u8], stride: usize, rect: Rect) -> Option<Self> {
        Self::read_with(rect, |x, y| luma.get(y * stride + x).copied().filter(|_| x < stride).map(f32::from))
    }

    /// Reads the stamp of a picture that lies at `rect` in an RGBA image (a screenshot) `width` pixels wide.
    pub fn read_rgba(rgba: &[u8], width: usize, rect: Rect) -> Option<Self> {
        Self::read_with(rect, |x, y| {
            let pixel = rgba.get((y * width + x) * 4..)?.first_chunk::<3>().filter(|_| x < width)?;
            // Grey blocks: green alone would do, but a screen's colour profile may shift one of them.
            Some(pixel.iter().map(|&channel| f32::from(channel)).sum::<f32>() / 3.0)
        })
    }

    fn read_with(rect: Rect, pixel: impl Fn(usize, usize) -> Option<f32>) -> Option<Self> {
        let mut rows = [0u32; STAMP_ROWS];
        for (row, bits) in rows.iter_mut().enumerate() {
            let cell = |column: u32| cell_mean(rect, FIRST_COLUMN + column, FIRST_ROW + row as u32, &pixel);
            let (white, black) = (cell(0)?, cell(BITS + 1)?);
            if white - black < MIN_CONTRAST {
                return None;
            }
            for column in 1..=BITS {
                *bits = (*bits << 1) | u32::from(cell(column)? > (white + black) / 2.0);
            }
        }
        let stamp = Self { counter: rows[0], micros: u64::from(rows[1]) << 16 | u64::from(rows[2] >> 16) };
        (stamp.rows() == rows).then_some(stamp)
    }

    fn rows(self) -> [u32; STAMP_ROWS] {
        let micros = self.micros & 0xffff_ffff_ffff;
        let mut bytes = [0; 10];
        bytes[..4].copy_from_slice(&self.counter.to_be_bytes());
        bytes[4..].copy_from_slice(&micros.to_be_bytes()[2..]);
        [self.counter, (micros >> 16) as u32, (micros as u32) << 16 | u32::from(crc16(&bytes))]
    }
}

/// CRC-16/CCITT-FALSE: catches every burst up to 16 bits, such as one block row gone wrong.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, &byte| {
        (0..8)
            .fold(crc ^ u16::from(byte) << 8, |crc, _| crc << 1 ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    })
}

/// Pixels from and to of cell `index` of `cells` along a side of `size` pixels.
fn span(index: u32, cells: f32, size: usize) -> (usize, usize) {
    let edge = |at: u32| ((at as f32 * size as f32 / cells).round() as usize).min(size);
    (edge(index), edge(index + 1))
}

/// Mean of the middle of a cell; its edges are where scaling and the codec blur.
fn cell_mean(rect: Rect, column: u32, row: u32, pixel: impl Fn(usize, usize) -> Option<f32>) -> Option<f32> {
    let range = |origin: f32, size: f32, index: u32, cells: f32| {
        let cell = size / cells;
        let from = origin + cell * (index as f32 + 0.3);
        let to = (origin + cell * (index as f32 + 0.7)).max(from + 0.5);
        // No screen has a million pixels a side; beyond that the arithmetic of indices would not hold.
        (from >= 0.0 && to < 1e6).then_some(from as usize..(to.ceil() as usize).max(from as usize + 1))
    };
    let columns = range(rect.x, rect.width, column, COLUMNS)?;
    let rows = range(rect.y, rect.height, row, ROWS)?;
    let mut sum = 0.0;
    let mut count = 0.0;
    for y in rows {
        for x in columns.clone() {
            sum += pixel(x, y)?;
            count += 1.0;
        }
    }
    Some(sum / count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::MediaTime;
    use crate::video::Resolution;
    use crate::video::pattern::TestPattern;
    use crate::video::scale::{Fit, Scaler, letterbox};

    const STAMP: Stamp = Stamp { counter: 0xdead_beef, micros: 0x1234_5678_9abc };

    fn stamped(size: Resolution) -> VideoFrame {
        let mut frame = TestPattern::new(size).draw(7, MediaTime::ZERO);
        STAMP.write(&mut frame);
        frame
    }

    #[test]
    fn a_stamp_survives_720p_to_180p_and_back() {
        let mut scaler = Scaler::new();
        let small = scaler.scale(&stamped(Resolution::HD), Resolution::new(320, 180), Fit::Letterbox);
        assert_eq!(Stamp::read(&small), Some(STAMP));
        assert_eq!(Stamp::read(&scaler.scale(&small, Resolution::HD, Fit::Letterbox)), Some(STAMP));
    }

    #[test]
    fn a_stamp_is_read_from_a_screenshot_of_a_letterboxed_window() {
        // A tile of 500x500 at 13, 57 in a window of 640x600, background red.
        let (width, height) = (640usize, 600usize);
        let tile = Rect { x: 13.0, y: 57.0, width: 500.0, height: 500.0 };
        let picture =
            Scaler::new().scale(&stamped(Resolution::HD), Resolution::new(500, 500), Fit::Letterbox);
        let mut rgba = [200, 0, 0, 255].repeat(width * height);
        for (y, line) in picture.planes().0.chunks_exact(500).enumerate() {
            for (x, &luma) in line.iter().enumerate() {
                let grey = ((f32::from(luma) - 16.0) * 255.0 / 219.0).clamp(0.0, 255.0) as u8;
                rgba[((y + 57) * width + x + 13) * 4..][..3].fill(grey);
            }
        }
        assert_eq!(Stamp::read_rgba(&rgba, width, letterbox(Resolution::HD, tile)), Some(STAMP));
    }

    #[test]
    fn a_picture_without_a_stamp_has_none() {
        assert_eq!(Stamp::read(&VideoFrame::black(MediaTime::ZERO, Resolution::HD)), None);
        let mut damaged = stamped(Resolution::HD);
        damaged.planes_mut().0[1280 * 40..1280 * 60].fill(16);
        assert_eq!(Stamp::read(&damaged), None);
    }

    #[test]
    fn a_rectangle_outside_the_picture_is_no_error() {
        let frame = stamped(Resolution::new(320, 180));
        for rect in [
            Rect { x: -50.0, y: 0.0, width: 320.0, height: 180.0 },
            Rect { x: 100.0, y: 100.0, width: 320.0, height: 1_800.0 },
            Rect { x: 0.0, y: 0.0, width: 0.0, height: 0.0 },
            Rect { x: f32::NAN, y: 0.0, width: f32::INFINITY, height: 1.0 },
        ] {
            assert_eq!(Stamp::read_luma(frame.planes().0, 320, rect), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_stamp_reads_back_at_every_size(
            counter in any::<u32>(), micros in 0u64..1 << 48, width in 160u32..700, height in 90u32..500,
        ) {
            let stamp = Stamp { counter, micros };
            let mut frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(width, height));
            stamp.write(&mut frame);
            prop_assert_eq!(Stamp::read(&frame), Some(stamp));
        }
    }
}
