//! The sizes that a camera's pictures are sent in, and what bitrate each is worth.

use tincan_media::video::Resolution;

use super::LayerId;

/// Rows of the short side (libwebrtc's steps of 720 lines: 1/4, 3/8, 1/2, 3/4, 1): few, because every change costs a
/// keyframe. Two sizes share the middle and the large layer, so that a layer need not be left when its rate falls a little.
const LINES: [u32; 6] = [180, 270, 360, 540, 720, 1_080];
/// A size that is closer than this to the captured one is not worth scaling for.
const NEAR: f64 = 1.15;
/// From so many rows on (short side, times [`NEAR`]) a picture belongs to the next layer.
const BOUNDS: [(f64, LayerId); 3] =
    [(180.0 * NEAR, LayerId::Small), (360.0 * NEAR, LayerId::Medium), (720.0 * NEAR, LayerId::Large)];
/// No encoder takes less, a macroblock, or a longer side than 4K's.
const MIN_SIDE: u32 = 16;
const MAX_SIDE: u32 = 3_840;

/// Pixels of a picture, and the bitrate at 30 fps from which it looks better than the next smaller one. Between the
/// rows it is interpolated. Chromium over the same networks sent 720p from about 970 kbit/s, 540p at 907 and 360p at
/// 357 (H.264, measured); libwebrtc's simulcast table asks for 600, 350, 150 and 30 kbit/s at least.
const WORTH: [(f64, f64); 7] = [
    (160.0 * 90.0, 0.0),
    (320.0 * 180.0, 90e3),
    (480.0 * 270.0, 180e3),
    (640.0 * 360.0, 300e3),
    (960.0 * 540.0, 600e3),
    (1280.0 * 720.0, 950e3),
    (1920.0 * 1080.0, 2_800e3),
];
/// A size is kept until the bitrate falls this far below its worth.
pub(super) const KEEP: f64 = 0.82;
/// Tiny pictures are worth nothing by the table, but a path that carries nothing carries no packet's header either.
const LEAST: f64 = 1e3;
/// More than this many times its worth improves a picture no more: 720 lines get 2.5 Mbit/s.
const GENEROUS: f64 = 2.6;
/// Without a capture rate nothing is halved.
const NOMINAL_RATE: f32 = 30.0;

/// One size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) resolution: Resolution,
    pub(super) lines: u32,
    pub(super) layer: LayerId,
    /// Bits a second from which it looks better than the next smaller one.
    pub(super) worth: f64,
}

impl Size {
    /// It is left below this rate.
    pub(super) fn floor(&self) -> f64 {
        (self.worth * KEEP).max(LEAST)
    }

    /// It gains nothing from more.
    pub(super) fn ceiling(&self) -> f64 {
        // Tiny pictures are worth nothing by the table, but cost something.
        (self.worth * GENEROUS).max(100e3)
    }
}

/// The sizes of one camera, smallest first; never empty.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    sizes: Vec<Size>,
}

impl Sizes {
    pub(super) fn new(capture: Resolution, frames_per_second: f32) -> Self {
        let short = capture.width.min(capture.height).max(1);
        let largest = short.min(LINES[LINES.len() - 1]);
        let smaller = LINES.into_iter().filter(|&lines| f64::from(lines) * NEAR <= f64::from(largest));
        let rate = if frames_per_second.is_finite() { frames_per_second } else { NOMINAL_RATE };
        let sizes = smaller
            .chain([largest])
            .map(|lines| {
                let resolution = scaled(capture, lines);
                let layer = BOUNDS
                    .into_iter()
                    .find(|&(below, _)| f64::from(lines) < below)
                    .map_or(LayerId::Full, |(_, layer)| layer);
                Size { resolution, lines, layer, worth: worth(resolution, rate) }
            })
            .collect();
        Self { sizes }
    }

    pub(super) fn get(&self, index: usize) -> &Size {
        &self.sizes[index.min(self.last())]
    }

    /// The index of the largest.
    pub(super) const fn last(&self) -> usize {
        self.sizes.len() - 1
    }

    /// The largest size that `bitrate` is worth, up to the index `most`.
    pub(super) fn best(&self, bitrate: f64, most: usize) -> usize {
        (0..=most.min(self.last())).rev().find(|&index| bitrate >= self.sizes[index].worth).unwrap_or(0)
    }

    /// The index of the smallest size in a layer; the largest one below it where the camera gives no such size.
    pub(super) fn entry(&self, layer: LayerId) -> usize {
        self.sizes
            .iter()
            .position(|size| size.layer == layer)
            .unwrap_or_else(|| self.sizes.iter().rposition(|size| size.layer < layer).unwrap_or(0))
    }

    /// What a layer costs at least.
    pub(super) fn floor(&self, layer: LayerId) -> f64 {
        self.get(self.entry(layer)).floor()
    }

    /// The next larger layer of this camera, up to the size `most`.
    pub(super) fn above(&self, layer: LayerId, most: usize) -> Option<LayerId> {
        self.sizes[..=most.min(self.last())].iter().map(|size| size.layer).find(|&above| above > layer)
    }

    /// The layers of this camera below one, largest first.
    pub(super) fn below(&self, layer: LayerId) -> impl Iterator<Item = LayerId> + '_ {
        let mut last = layer;
        self.sizes.iter().rev().filter_map(move |size| {
            let is_new = size.layer < last;
            last = last.min(size.layer);
            is_new.then_some(size.layer)
        })
    }

    /// The smallest size that fills `lines` rows without being stretched by more than a fifth.
    pub(super) fn fitting(&self, lines: u32) -> usize {
        let enough = |size: &Size| u64::from(size.lines) * 6 >= u64::from(lines) * 5;
        self.sizes.iter().position(enough).unwrap_or(self.last())
    }
}

/// The captured picture with `lines` on its short side, both sides even (chroma has half of them) and such that encoders
/// take them.
fn scaled(capture: Resolution, lines: u32) -> Resolution {
    let (long, short) = (capture.width.max(capture.height).max(1), capture.width.min(capture.height).max(1));
    // Of two fractions the smaller one.
    let (to, from) = if u64::from(long) * u64::from(lines) > u64::from(MAX_SIDE) * u64::from(short) {
        (MAX_SIDE, long)
    } else {
        (lines, short)
    };
    let side = |full: u32| ((u64::from(full) * u64::from(to) / u64::from(from)) as u32 & !1).max(MIN_SIDE);
    Resolution::new(side(capture.width), side(capture.height))
}

fn worth(size: Resolution, frames_per_second: f32) -> f64 {
    let pixels = f64::from(size.width) * f64::from(size.height);
    let above = WORTH.iter().position(|&(of, _)| of >= pixels).unwrap_or(WORTH.len() - 1).max(1);
    let ((low, low_rate), (high, high_rate)) = (WORTH[above - 1], WORTH[above]);
    let rate = low_rate + (high_rate - low_rate) * ((pixels - low) / (high - low)).max(0.0);
    // Half the frames need more than half the bits: the differences between them grow.
    rate * f64::from((frames_per_second / 30.0).clamp(0.1, 2.0)).powf(0.7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(width: u32, height: u32) -> Vec<u32> {
        Sizes::new(Resolution::new(width, height), 30.0).sizes.iter().map(|size| size.lines).collect()
    }

    #[test]
    fn a_camera_is_sent_in_the_usual_sizes_and_in_its_own() {
        assert_eq!(lines(1_280, 720), [180, 270, 360, 540, 720]);
        assert_eq!(lines(720, 1_280), [180, 270, 360, 540, 720]);
        assert_eq!(lines(640, 480), [180, 270, 360, 480]);
        assert_eq!(lines(1_920, 1_080), [180, 270, 360, 540, 720, 1_080]);
        assert_eq!(lines(3_840, 2_160), [180, 270, 360, 540, 720, 1_080]);
        assert_eq!(lines(160, 120), [120]);
    }

    #[test]
    fn sizes_keep_their_shape_and_are_even() {
        for (width, height) in [(640, 480), (1_920, 1_080), (720, 1_280), (1_278, 718), (1_080, 1_920)] {
            for Size { resolution: size, .. } in Sizes::new(Resolution::new(width, height), 30.0).sizes {
                assert!(size.width.is_multiple_of(2) && size.height.is_multiple_of(2));
                let shape = f64::from(width) / f64::from(height);
                assert!((f64::from(size.width) / f64::from(size.height) / shape - 1.0).abs() < 0.01);
            }
        }
    }

    #[test]
    fn no_size_is_asked_for_that_no_encoder_takes() {
        for (long, short) in
            [(2, 2), (16, 16), (4_000, 20), (8_192, 8_192), (8_192, 16), (4_096, 3_072), (1, 0)]
        {
            for capture in [Resolution::new(long, short), Resolution::new(short, long)] {
                for Size { resolution: size, .. } in Sizes::new(capture, 30.0).sizes {
                    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
                    assert!(short >= 16 && long <= 3_840 && short <= 2_160, "{capture}: {size}");
                    assert!(size.width.is_multiple_of(2) && size.height.is_multiple_of(2));
                }
            }
        }
    }

    #[test]
    fn each_bitrate_has_its_size() {
        let sizes = Sizes::new(Resolution::HD, 30.0);
        let cases = [(2_500, 720), (1_000, 720), (900, 540), (500, 360), (357, 360), (200, 270), (40, 180)];
        for (kbps, expected) in cases {
            let size = sizes.get(sizes.best(f64::from(kbps) * 1e3, sizes.last()));
            assert_eq!(size.lines, expected, "at {kbps} kbit/s");
        }
    }

    #[test]
    fn layers_lie_one_above_the_other() {
        let sizes = Sizes::new(Resolution::HD, 30.0);
        assert_eq!(sizes.below(LayerId::Large).collect::<Vec<_>>(), [LayerId::Medium, LayerId::Small]);
        assert_eq!(sizes.above(LayerId::Medium, sizes.last()), Some(LayerId::Large));
        assert_eq!(sizes.above(LayerId::Medium, 2), None);
        assert_eq!(sizes.above(LayerId::Large, sizes.last()), None);
        assert_eq!(sizes.get(sizes.fitting(200)).lines, 180);
        assert_eq!(sizes.get(sizes.fitting(430)).lines, 360);
        assert_eq!(sizes.get(sizes.fitting(2_000)).lines, 720);
    }
}
