//! What a camera's numbers mean as colours, and how they become what the program works with: BT.601 in limited range.

use tincan_media::video::VideoFrame;

/// Which numbers stand for black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Range {
    /// Luma from 16 to 235, chroma from 16 to 240.
    Limited,
    /// All 256.
    Full,
}

impl Range {
    /// Luma's black, luma's steps to white, and chroma's steps from one end to the other.
    const fn steps(self) -> (f64, f64, f64) {
        match self {
            Self::Limited => (16.0, 219.0, 224.0),
            Self::Full => (0.0, 255.0, 255.0),
        }
    }
}

/// Which share of luma red, green and blue have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Matrix {
    /// ITU-R BT.601: webcams and JPEG.
    Bt601,
    /// ITU-R BT.709: what comes from HDMI.
    Bt709,
    /// ITU-R BT.2020, not of constant luminance.
    Bt2020,
    /// SMPTE 240M.
    Smpte240,
}

impl Matrix {
    /// The shares of red and blue; green has the rest.
    const fn shares(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
            Self::Smpte240 => (0.212, 0.087),
        }
    }
}

/// What the numbers of a picture mean. Of red, green and blue only the range counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Colour {
    pub(super) range: Range,
    pub(super) matrix: Matrix,
}

impl Colour {
    /// What the program works with, and what webcams deliver unless they say something else.
    pub(super) const OURS: Self = Self { range: Range::Limited, matrix: Matrix::Bt601 };
    /// What JFIF prescribes for every JPEG.
    pub(super) const FULL: Self = Self { range: Range::Full, matrix: Matrix::Bt601 };

    /// Makes a picture of these colours one of ours.
    pub(super) fn into_ours(self, frame: &mut VideoFrame) {
        if self.matrix == Matrix::Bt601 {
            if self.range == Range::Full {
                stretch(frame);
            }
        } else {
            Turn::new(self).apply(frame);
        }
    }
}

/// Full range to limited: 219 steps from 16 for luma, 224 around 128 for chroma (BT.601).
fn stretch(frame: &mut VideoFrame) {
    let table = |steps: u16| -> [u8; 256] {
        std::array::from_fn(|full| (16 + (full as u16 * steps + 127) / 255) as u8)
    };
    let (luma, chroma) = (table(219), table(224));
    let (y, u, v) = frame.planes_mut();
    for (plane, table) in [(y, &luma), (u, &chroma), (v, &chroma)] {
        for value in plane {
            *value = table[usize::from(*value)];
        }
    }
}

/// Bits behind the point of the factors below.
const SHIFT: u32 = 14;

/// From other shares of red, green and blue to BT.601's. Grey stays grey, so luma changes by some chroma only.
struct Turn {
    black: i32,
    /// Of luma, of U and of V in our luma.
    luma: [i32; 3],
    /// Of U and of V in our U.
    u: [i32; 2],
    /// ... and in our V.
    v: [i32; 2],
}

impl Turn {
    fn new(from: Colour) -> Self {
        let (black, luma_steps, chroma_steps) = from.range.steps();
        let (_, our_luma_steps, our_chroma_steps) = Range::Limited.steps();
        let (red, blue) = from.matrix.shares();
        let (our_red, our_blue) = Matrix::Bt601.shares();
        // What a step of U (first) and of V (second) adds to red, green and blue, by the definition of both.
        let green = 1.0 - red - blue;
        let adds = [
            [0.0, 2.0 * (1.0 - red)],
            [-2.0 * blue * (1.0 - blue) / green, -2.0 * red * (1.0 - red) / green],
            [2.0 * (1.0 - blue), 0.0],
        ];
        let luma: [f64; 2] = std::array::from_fn(|chroma| {
            our_red * adds[0][chroma]
                + (1.0 - our_red - our_blue) * adds[1][chroma]
                + our_blue * adds[2][chroma]
        });
        let fixed = |factor: f64, to: f64, of: f64| (factor * to / of * f64::from(1 << SHIFT)).round() as i32;
        let chroma = |colour: usize, share: f64| -> [i32; 2] {
            std::array::from_fn(|chroma| {
                let factor = (adds[colour][chroma] - luma[chroma]) / (2.0 * (1.0 - share));
                fixed(factor, our_chroma_steps, chroma_steps)
            })
        };
        Self {
            black: black as i32,
            luma: [
                fixed(1.0, our_luma_steps, luma_steps),
                fixed(luma[0], our_luma_steps, chroma_steps),
                fixed(luma[1], our_luma_steps, chroma_steps),
            ],
            u: chroma(2, our_blue),
            v: chroma(0, our_red),
        }
    }

    fn apply(&self, frame: &mut VideoFrame) {
        const HALF: i32 = 1 << (SHIFT - 1);
        let width = frame.resolution().width as usize;
        let chroma_width = frame.chroma_stride();
        let (y, u, v) = frame.planes_mut();
        let mut added = vec![0i32; chroma_width];
        let chroma = u.chunks_exact_mut(chroma_width).zip(v.chunks_exact_mut(chroma_width));
        for (rows, (u, v)) in y.chunks_mut(width * 2).zip(chroma) {
            for ((u, v), added) in u.iter_mut().zip(v).zip(&mut added) {
                let (from_u, from_v) = (i32::from(*u) - 128, i32::from(*v) - 128);
                *added = self.luma[1] * from_u + self.luma[2] * from_v + HALF;
                let turned = |[of_u, of_v]: [i32; 2]| {
                    (128 + ((of_u * from_u + of_v * from_v + HALF) >> SHIFT)).clamp(0, 255) as u8
                };
                (*u, *v) = (turned(self.u), turned(self.v));
            }
            for row in rows.chunks_exact_mut(width) {
                for (pair, added) in row.chunks_mut(2).zip(&added) {
                    for luma in pair {
                        let scaled = self.luma[0] * (i32::from(*luma) - self.black) + added;
                        *luma = (16 + (scaled >> SHIFT)).clamp(0, 255) as u8;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;
    use tincan_media::video::Resolution;

    use super::*;

    fn frame_of(y: u8, u: u8, v: u8) -> VideoFrame {
        let mut frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(4, 4));
        let planes = frame.planes_mut();
        planes.0.fill(y);
        planes.1.fill(u);
        planes.2.fill(v);
        frame
    }

    /// What red, green and blue (0 to 1) are in `colour`, by the definition.
    fn encoded(rgb: [f64; 3], colour: Colour) -> [u8; 3] {
        let (red, blue) = colour.matrix.shares();
        let (black, luma_steps, chroma_steps) = colour.range.steps();
        let y = red * rgb[0] + (1.0 - red - blue) * rgb[1] + blue * rgb[2];
        let u = (rgb[2] - y) / (2.0 * (1.0 - blue));
        let v = (rgb[0] - y) / (2.0 * (1.0 - red));
        let chroma = |value: f64| (128.0 + chroma_steps * value).round().clamp(0.0, 255.0) as u8;
        [(black + luma_steps * y).round() as u8, chroma(u), chroma(v)]
    }

    #[test]
    fn a_colour_is_the_same_whatever_numbers_it_comes_in() {
        let colours =
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.9, 0.6, 0.5], [0.2, 0.3, 0.7], [1.0; 3]];
        for range in [Range::Limited, Range::Full] {
            for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020, Matrix::Smpte240] {
                for rgb in colours {
                    let colour = Colour { range, matrix };
                    let [y, u, v] = encoded(rgb, colour);
                    let mut frame = frame_of(y, u, v);
                    colour.into_ours(&mut frame);
                    let wanted = encoded(rgb, Colour::OURS);
                    let got = [frame.planes().0[5], frame.planes().1[1], frame.planes().2[2]];
                    let near = got.iter().zip(wanted).all(|(&got, wanted)| got.abs_diff(wanted) <= 2);
                    assert!(near, "{colour:?} {rgb:?}: {got:?}, not {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn ours_are_left_as_they_are() {
        let mut frame = frame_of(3, 250, 7);
        Colour::OURS.into_ours(&mut frame);
        assert_eq!(frame, frame_of(3, 250, 7));
    }
}
