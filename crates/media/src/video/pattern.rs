//! The test pattern: colour bars, something that moves, a running clock and a [`Stamp`]; what tests and measurements
//! send in place of a camera's pictures.

use super::stamp::Stamp;
use super::{Resolution, VideoFrame};
use crate::time::MediaTime;

/// Y, U, V of 75% colour bars (white, yellow, cyan, green, magenta, red, blue; BT.601 limited range).
const BARS: [[u8; 3]; 7] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
];
const GREY: [u8; 3] = [60, 128, 128];
const WHITE: [u8; 3] = [235, 128, 128];
const DARK: [u8; 3] = [24, 128, 128];
/// The sweeping bar and the ball cross the picture in so many frames: four and three seconds at 30 fps.
const SWEEP: u32 = 120;
const BALL: u32 = 90;

/// Digits and the colon, five by seven points, one byte a row, the leftmost point in bit 4. Our own drawing.
const GLYPHS: [[u8; 7]; 12] = [
    [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
    [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
    [0x0e, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1f],
    [0x0e, 0x11, 0x01, 0x06, 0x01, 0x11, 0x0e],
    [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
    [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
    [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
    [0x1f, 0x01, 0x02, 0x04, 0x04, 0x08, 0x08],
    [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
    [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
    [0x00, 0x04, 0x04, 0x00, 0x04, 0x04, 0x00],
    [0x00, 0x00, 0x00, 0x00, 0x00, 0x06, 0x06],
];
const COLON: usize = 10;
const POINT: usize = 11;

/// Draws the test pattern. What never moves is drawn once.
pub struct TestPattern {
    background: VideoFrame,
}

impl TestPattern {
    /// A pattern of this size. Sizes are made even and at least 16x16.
    pub fn new(resolution: Resolution) -> Self {
        let size = Resolution::new((resolution.width & !1).max(16), (resolution.height & !1).max(16));
        let mut background = VideoFrame::black(MediaTime::ZERO, size);
        let (width, height) = (size.width, size.height);
        fill(&mut background, 0, 0, width, height, GREY);
        let count = BARS.len() as u32;
        for (index, colour) in (0..).zip(BARS) {
            let (left, right) = (width * index / count, width * (index + 1) / count);
            fill(&mut background, left, height * 3 / 10, right - left, height * 3 / 10, colour);
        }
        Self { background }
    }

    /// Its size.
    pub const fn resolution(&self) -> Resolution {
        self.background.resolution()
    }

    /// Picture number `counter`, captured at `time`, which the clock shows and the stamp carries.
    pub fn draw(&self, counter: u32, time: MediaTime) -> VideoFrame {
        self.draw_stamped(counter, time, time.as_micros())
    }

    /// As [`Self::draw`], with another time in the stamp: one that the reader's machine knows too.
    pub fn draw_stamped(&self, counter: u32, time: MediaTime, micros: u64) -> VideoFrame {
        let mut frame = self.background.clone().at(time);
        let Resolution { width, height } = frame.resolution();
        let unit = (height / 36).max(2);

        let sweep = counter % SWEEP * width / SWEEP;
        fill(&mut frame, sweep, height * 3 / 10, unit, height * 3 / 10, WHITE);

        // There and back along the lower edge, in a triangle wave.
        let phase = counter % (2 * BALL);
        let along = if phase < BALL { phase } else { 2 * BALL - phase };
        let ball = unit * 4;
        fill(
            &mut frame,
            along * width.saturating_sub(ball) / BALL,
            height - ball - unit,
            ball,
            ball,
            BARS[1],
        );

        draw_clock(&mut frame, time);
        Stamp { counter, micros }.write(&mut frame);
        frame
    }
}

/// Hours, minutes, seconds and tenths, large and centred.
fn draw_clock(frame: &mut VideoFrame, time: MediaTime) {
    let tenths = time.as_micros() / 100_000;
    let digit = |value: u64| (value % 10) as usize;
    let seconds = tenths / 10;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    let glyphs = [
        digit(hours / 10),
        digit(hours),
        COLON,
        digit(minutes % 60 / 10),
        digit(minutes % 60),
        COLON,
        digit(seconds % 60 / 10),
        digit(seconds % 60),
        POINT,
        digit(tenths),
    ];
    let Resolution { width, height } = frame.resolution();
    let columns = glyphs.len() as u32 * 6 - 1;
    let scale = (width * 7 / 10 / columns).min(height / 60 * 2).max(1);
    let (left, top) = (width.saturating_sub(columns * scale) / 2, height * 13 / 20);
    fill(
        frame,
        left.saturating_sub(scale * 2),
        top.saturating_sub(scale),
        columns * scale + scale * 4,
        scale * 9,
        DARK,
    );
    for (index, glyph) in (0..).zip(glyphs) {
        for (row, bits) in (0..).zip(GLYPHS[glyph]) {
            for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                fill(frame, left + (index * 6 + column) * scale, top + row * scale, scale, scale, WHITE);
            }
        }
    }
}

/// Fills a rectangle; what lies outside is left out.
fn fill(frame: &mut VideoFrame, left: u32, top: u32, width: u32, height: u32, [luma, u, v]: [u8; 3]) {
    let size = frame.resolution();
    let stride = frame.chroma_stride();
    let (right, bottom) = ((left + width).min(size.width) as usize, (top + height).min(size.height) as usize);
    let (left, top) = ((left as usize).min(right), (top as usize).min(bottom));
    let planes = frame.planes_mut();
    for line in planes.0.chunks_exact_mut(size.width as usize).take(bottom).skip(top) {
        line[left..right].fill(luma);
    }
    for (plane, value) in [(planes.1, u), (planes.2, v)] {
        for line in plane.chunks_exact_mut(stride).take(bottom.div_ceil(2)).skip(top / 2) {
            line[left / 2..right.div_ceil(2)].fill(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_says_which_picture_it_is() {
        let pattern = TestPattern::new(Resolution::HD);
        let frame = pattern.draw(41, MediaTime::from_micros(1_234_567));
        assert_eq!(Stamp::read(&frame), Some(Stamp { counter: 41, micros: 1_234_567 }));
        assert_eq!(frame.time(), MediaTime::from_micros(1_234_567));
    }

    #[test]
    fn no_two_pictures_in_a_row_are_the_same() {
        let pattern = TestPattern::new(Resolution::new(320, 180));
        for counter in 0..300 {
            let time = MediaTime::from_micros(u64::from(counter) * 33_333);
            assert_ne!(pattern.draw(counter, time).data(), pattern.draw(counter + 1, time).data());
        }
    }

    #[test]
    fn any_size_can_be_drawn() {
        for (width, height) in [(0, 0), (1, 1), (17, 33), (160, 90), (720, 1_280), (1_919, 1_079)] {
            let size =
                TestPattern::new(Resolution::new(width, height)).draw(1_000, MediaTime::ZERO).resolution();
            assert!(size.width.is_multiple_of(2) && size.height.is_multiple_of(2));
        }
    }
}
