//! Which size and frame rate a bitrate is worth.

use std::time::{Duration, Instant};

use super::Resolution;
use crate::units::Bitrate;

/// What to encode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Size to scale to before encoding; even on both sides.
    pub resolution: Resolution,
    /// Pictures a second to feed.
    pub frames_per_second: f32,
}

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
/// Sizes are these shares of the captured one (libwebrtc's steps): few, because every change costs a keyframe.
const STEPS: [(u32, u32); 5] = [(1, 1), (3, 4), (1, 2), (3, 8), (1, 4)];
/// Smaller pictures than this show nothing.
const MIN_HEIGHT: u32 = 90;
/// No encoder takes less, a macroblock, or more, 4K, long side first; whatever a source delivers is brought between them.
const MIN_SIDE: u32 = 16;
const MAX_SIDES: (u32, u32) = (3_840, 2_160);
/// A size is kept until the bitrate falls this far below its worth.
const KEEP: f64 = 0.82;
/// A larger size is taken when the bitrate held its worth for so long: estimates overshoot while they probe.
const UP_AFTER: Duration = Duration::from_secs(2);
/// A smaller one when it stayed too low for so long; one report may be a mistake.
const DOWN_AFTER: Duration = Duration::from_millis(500);
/// ... but at once when it fell below this share of what is needed: waiting would fill the queue.
const DOWN_AT_ONCE: f64 = 0.5;
/// Nothing is known of the path at first, so the first pictures are of a size that this many bits a second are enough
/// for: a keyframe of 360 lines passes a path of 500 kbit/s, where one of 720 fills the queue and loses half of itself.
const FIRST: f64 = 300e3;
/// So long: the estimate has climbed to where it begins in earnest, or has met what the path takes, also over 300 ms.
const FIRST_FOR: Duration = Duration::from_millis(1_250);
/// Below this rate, even the smallest picture is better at half the frames.
const HALF_RATE_BELOW: f64 = 70e3;

/// Chooses among a few sizes with hysteresis. Pure: time is an argument.
#[derive(Debug)]
pub struct QualityLadder {
    capture: Resolution,
    frames_per_second: f32,
    /// `None` until the path is known.
    step: Option<usize>,
    /// When the first picture was chosen.
    began: Option<Instant>,
    half_rate: bool,
    up_since: Option<Instant>,
    down_since: Option<Instant>,
}

impl QualityLadder {
    /// For a camera that delivers this.
    pub const fn new(capture: Resolution, frames_per_second: f32) -> Self {
        Self {
            capture,
            frames_per_second,
            step: None,
            began: None,
            half_rate: false,
            up_since: None,
            down_since: None,
        }
    }

    /// The camera delivers something else now.
    pub fn set_capture(&mut self, capture: Resolution, frames_per_second: f32) {
        if (capture, frames_per_second) != (self.capture, self.frames_per_second) {
            let Self { began, half_rate, .. } = *self;
            *self = Self { began, half_rate, ..Self::new(capture, frames_per_second) };
        }
    }

    /// What is sent goes over other paths from now on, of which nothing is known.
    pub const fn begin_anew(&mut self) {
        *self = Self::new(self.capture, self.frames_per_second);
    }

    /// What to encode at `target` bits a second for the picture alone.
    pub fn update(&mut self, target: Bitrate, now: Instant) -> Quality {
        let target = target.as_bps() as f64;
        let known = now.saturating_duration_since(*self.began.get_or_insert(now)) >= FIRST_FOR;
        let step = match self.step {
            Some(current) => self.moved(current, self.best(target), target, now),
            None => self.best(if known { target } else { target.min(FIRST) }),
        };
        self.step = known.then_some(step);
        let rate = if self.half_rate { HALF_RATE_BELOW * 1.3 } else { HALF_RATE_BELOW };
        self.half_rate = target < rate && self.frames_per_second > 20.0;
        Quality {
            resolution: self.size(step),
            frames_per_second: self.frames_per_second / if self.half_rate { 2.0 } else { 1.0 },
        }
    }

    fn moved(&mut self, current: usize, best: usize, target: f64, now: Instant) -> usize {
        if best < current {
            self.down_since = None;
            let since = *self.up_since.get_or_insert(now);
            if now.saturating_duration_since(since) < UP_AFTER {
                return current;
            }
            self.up_since = None;
            return best;
        }
        self.up_since = None;
        if target >= self.worth(current) * KEEP {
            self.down_since = None;
            return current;
        }
        let since = *self.down_since.get_or_insert(now);
        let at_once = target < self.worth(current) * DOWN_AT_ONCE;
        if !at_once && now.saturating_duration_since(since) < DOWN_AFTER {
            return current;
        }
        self.down_since = None;
        best
    }

    fn best(&self, target: f64) -> usize {
        (0..self.last()).find(|&step| target >= self.worth(step)).unwrap_or_else(|| self.last())
    }

    /// The smallest size that still shows something.
    fn last(&self) -> usize {
        (0..STEPS.len()).rev().find(|&step| self.size(step).height >= MIN_HEIGHT).unwrap_or(0)
    }

    fn size(&self, step: usize) -> Resolution {
        let (share, of) = STEPS[step];
        let Resolution { width, height } = self.capture;
        let (long, short) = (width.max(height).max(1), width.min(height).max(1));
        // Of two fractions the smaller one: what keeps both sides within what encoders take.
        let (to, from) =
            if u64::from(MAX_SIDES.0) * u64::from(short) < u64::from(MAX_SIDES.1) * u64::from(long) {
                (MAX_SIDES.0.min(long), long)
            } else {
                (MAX_SIDES.1.min(short), short)
            };
        let side = |full: u32| {
            let scaled =
                u64::from(full) * u64::from(share) * u64::from(to) / (u64::from(of) * u64::from(from));
            // Even sides: chroma has half of them.
            ((scaled as u32) & !1).max(MIN_SIDE)
        };
        Resolution::new(side(width), side(height))
    }

    fn worth(&self, step: usize) -> f64 {
        let size = self.size(step);
        let pixels = f64::from(size.width) * f64::from(size.height);
        let above = WORTH.iter().position(|&(of, _)| of >= pixels).unwrap_or(WORTH.len() - 1).max(1);
        let ((low, low_rate), (high, high_rate)) = (WORTH[above - 1], WORTH[above]);
        let rate = low_rate + (high_rate - low_rate) * ((pixels - low) / (high - low)).max(0.0);
        // Half the frames need more than half the bits: the differences between them grow.
        rate * f64::from((self.frames_per_second / 30.0).clamp(0.1, 2.0)).powf(0.7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that has sent its first pictures, so that it knows its path.
    fn ladder(kbps: u64, now: Instant) -> QualityLadder {
        let mut ladder = QualityLadder::new(Resolution::HD, 30.0);
        ladder.update(Bitrate::kbps(kbps), now.checked_sub(FIRST_FOR).unwrap());
        ladder
    }

    fn height(kbps: u64) -> u32 {
        let now = Instant::now();
        ladder(kbps, now).update(Bitrate::kbps(kbps), now).resolution.height
    }

    #[test]
    fn the_first_pictures_are_small_until_the_path_is_known() {
        let mut ladder = QualityLadder::new(Resolution::HD, 30.0);
        let start = Instant::now();
        let mut at = |millis, kbps| {
            let now = start + Duration::from_millis(millis);
            ladder.update(Bitrate::kbps(kbps), now).resolution.height
        };
        assert_eq!([at(0, 1_000), at(33, 1_000), at(1_249, 1_200), at(1_250, 1_200)], [360, 360, 360, 720]);
        ladder.set_capture(Resolution::new(1_920, 1_080), 30.0);
        let size = ladder.update(Bitrate::kbps(5_000), start + Duration::from_secs(9)).resolution;
        assert_eq!(size.height, 1_080, "another camera says nothing of the path");
        ladder.begin_anew();
        let size = ladder.update(Bitrate::kbps(5_000), start + Duration::from_secs(10)).resolution;
        assert_eq!(size.height, 270, "another path does");
    }

    #[test]
    fn each_bitrate_has_its_size() {
        let cases = [
            (2_500, 720),
            (1_000, 720),
            (900, 540),
            (650, 540),
            (500, 360),
            (357, 360),
            (200, 270),
            (100, 180),
            (40, 180),
        ];
        for (kbps, expected) in cases {
            assert_eq!(height(kbps), expected, "at {kbps} kbit/s");
        }
    }

    #[test]
    fn very_little_halves_the_frame_rate() {
        let quality = QualityLadder::new(Resolution::HD, 30.0).update(Bitrate::kbps(50), Instant::now());
        assert_eq!(quality.frames_per_second, 15.0);
    }

    #[test]
    fn sizes_keep_their_shape_and_are_even() {
        for capture in [
            Resolution::new(640, 480),
            Resolution::new(1_920, 1_080),
            Resolution::new(720, 1_280),
            Resolution::new(1_278, 718),
        ] {
            let ladder = QualityLadder::new(capture, 30.0);
            for step in 0..STEPS.len() {
                let size = ladder.size(step);
                assert!(size.width.is_multiple_of(2) && size.height.is_multiple_of(2));
                let shape = f64::from(capture.width) / f64::from(capture.height);
                assert!((f64::from(size.width) / f64::from(size.height) / shape - 1.0).abs() < 0.01);
            }
        }
    }

    #[test]
    fn a_size_is_not_left_for_a_little_less_and_not_taken_for_a_moment_of_more() {
        let mut now = Instant::now();
        let mut ladder = ladder(1_000, now);
        let mut changes = 0;
        let mut last = ladder.update(Bitrate::kbps(1_000), now);
        for index in 0..600 {
            now += Duration::from_millis(100);
            // Around the edge, with peaks of a second.
            let kbps = if index / 10 % 2 == 0 { 850 } else { 1_050 };
            let quality = ladder.update(Bitrate::kbps(kbps), now);
            changes += usize::from(quality != last);
            last = quality;
        }
        assert_eq!(changes, 0);
    }

    #[test]
    fn a_collapse_is_followed_at_once_and_a_recovery_after_two_seconds() {
        let now = Instant::now();
        let mut ladder = ladder(1_500, now);
        ladder.update(Bitrate::kbps(1_500), now);
        assert_eq!(ladder.update(Bitrate::kbps(200), now).resolution.height, 270);
        assert_eq!(ladder.update(Bitrate::kbps(1_500), now).resolution.height, 270);
        let later = now + Duration::from_millis(2_001);
        assert_eq!(ladder.update(Bitrate::kbps(1_500), later).resolution.height, 720);
    }

    #[test]
    fn no_size_is_asked_for_that_no_encoder_takes() {
        let now = Instant::now();
        for (width, height) in
            [(2, 2), (16, 16), (4_000, 20), (20, 4_000), (8_192, 8_192), (8_192, 16), (4_096, 3_072)]
        {
            for capture in [Resolution::new(width, height), Resolution::new(height, width)] {
                for kbps in [1, 60, 500, 20_000] {
                    let mut ladder = QualityLadder::new(capture, 30.0);
                    ladder.update(Bitrate::kbps(kbps), now.checked_sub(FIRST_FOR).unwrap());
                    let Resolution { width, height } = ladder.update(Bitrate::kbps(kbps), now).resolution;
                    let (long, short) = (width.max(height), width.min(height));
                    assert!(short >= 16 && long <= 3_840 && short <= 2_160, "{capture}: {width}x{height}");
                    assert!(width.is_multiple_of(2) && height.is_multiple_of(2));
                }
            }
        }
        let mut large = QualityLadder::new(Resolution::new(4_096, 3_072), 30.0);
        large.update(Bitrate::kbps(20_000), now.checked_sub(FIRST_FOR).unwrap());
        assert_eq!(large.update(Bitrate::kbps(20_000), now).resolution, Resolution::new(2_880, 2_160));
    }
}
