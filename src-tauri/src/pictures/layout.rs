//! Where pictures are and what lies over them: rectangles in, rectangles of the screen's pixels out.

use std::collections::BTreeSet;

use serde::Deserialize;
use tincan_media::video::{Rect, Resolution, letterbox};

/// Far more than a call shows at once, and little to compute when a page that went wrong says more.
const MOST_VIEWS: usize = 32;
const MOST_HOLES: usize = 64;
/// In CSS pixels; a screen that is looked at eight times as large is below it. Beyond, sums of `f32` would be wrong.
const FARTHEST: f64 = 100_000.0;

/// As the page says it, in CSS pixels from its upper left corner. Views that come later lie above; a stream has one.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Layout {
    pub(crate) views: Vec<View>,
}

/// One picture.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct View {
    pub(crate) stream: u32,
    /// Whether the page is to get its pictures as well.
    #[serde(default)]
    pub(crate) page: bool,
    /// In which the picture lies, undistorted, as large as possible: x, y, width, height.
    pub(crate) picture: [f64; 4],
    /// Of which nothing goes beyond this.
    pub(crate) clip: [f64; 4],
    /// Of the corners of `clip`.
    #[serde(default)]
    pub(crate) radius: f64,
    #[serde(default)]
    pub(crate) mirrored: bool,
    /// What lies over it: x, y, width, height, radius.
    #[serde(default)]
    pub(crate) holes: Vec<[f64; 5]>,
}

impl Layout {
    /// Without what cannot be drawn, and no longer than what a call needs.
    pub(crate) fn checked(mut self) -> Self {
        let sane = |rect: &[f64]| {
            rect.iter().all(|value| value.is_finite() && value.abs() <= FARTHEST)
                && rect[2] > 0.0
                && rect[3] > 0.0
        };
        let mut streams = BTreeSet::new();
        self.views.retain(|view| sane(&view.picture) && sane(&view.clip) && streams.insert(view.stream));
        self.views.truncate(MOST_VIEWS);
        for view in &mut self.views {
            view.radius = if view.radius.is_finite() { view.radius.clamp(0.0, FARTHEST) } else { 0.0 };
            view.holes.retain(|hole| sane(hole));
            view.holes.truncate(MOST_HOLES);
        }
        self
    }

    /// On a window of `size` device pixels, `scale` of which are a CSS pixel.
    pub(crate) fn placed(&self, size: (i32, i32), scale: f64) -> Vec<Placed> {
        let window = Pixels { x: 0, y: 0, width: size.0, height: size.1 };
        let place = |view: &View| {
            let clip = Pixels::of(view.clip, scale);
            let [x, y, width, height] = view.picture.map(|value| (value * scale) as f32);
            Placed {
                stream: view.stream,
                picture: Rect { x, y, width, height },
                clip,
                within: clip.intersection(window),
                radius: view.radius * scale,
                mirrored: view.mirrored,
                holes: view
                    .holes
                    .iter()
                    .map(|&[x, y, width, height, radius]| {
                        (Pixels::of([x, y, width, height], scale), radius.max(0.0) * scale)
                    })
                    .collect(),
            }
        };
        self.views.iter().map(place).filter(|placed| !placed.within.is_empty()).collect()
    }
}

/// A rectangle of whole device pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pixels {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
}

impl Pixels {
    /// Edges are rounded, not sizes: what touches goes on touching.
    fn of([x, y, width, height]: [f64; 4], scale: f64) -> Self {
        let edge = |value: f64| (value * scale).round() as i32;
        let (left, top) = (edge(x), edge(y));
        Self { x: left, y: top, width: edge(x + width) - left, height: edge(y + height) - top }
    }

    pub(crate) fn right(self) -> i32 {
        self.x + self.width
    }

    pub(crate) fn bottom(self) -> i32 {
        self.y + self.height
    }

    pub(crate) fn is_empty(self) -> bool {
        self.width <= 0 || self.height <= 0
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        Self {
            x,
            y,
            width: self.right().min(other.right()) - x,
            height: self.bottom().min(other.bottom()) - y,
        }
    }

    /// From where to where it goes in the row `y`, with corners of this radius; `None` above and below it.
    fn span(self, y: i32, radius: f64) -> Option<(i32, i32)> {
        if y < self.y || y >= self.bottom() {
            return None;
        }
        let radius = radius.min(f64::from(self.width) / 2.0).min(f64::from(self.height) / 2.0);
        // By the middle of the row's pixels, from the nearer edge.
        let from_edge = f64::from((y - self.y).min(self.bottom() - 1 - y)) + 0.5;
        let above = (radius - from_edge).max(0.0);
        let inset = (radius - (radius * radius - above * above).max(0.0).sqrt()).round() as i32;
        let (left, right) = (self.x + inset, self.right() - inset);
        (left < right).then_some((left, right))
    }
}

/// One view on the screen's pixels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    pub(crate) stream: u32,
    pub(crate) picture: Rect,
    clip: Pixels,
    /// Of the clip what is within the window.
    pub(crate) within: Pixels,
    radius: f64,
    pub(crate) mirrored: bool,
    holes: Vec<(Pixels, f64)>,
}

/// What of a picture is seen, and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    /// The pixels that it covers.
    pub(crate) seen: Pixels,
    /// What of the picture that is, in the picture's own pixels as it was taken (mirroring comes after).
    pub(crate) crop: Rect,
}

impl Placed {
    /// Where a picture of this size lies, all of it.
    pub(crate) fn whole(&self, size: Resolution) -> Rect {
        letterbox(size, self.picture)
    }

    /// `None` when nothing of it is seen.
    pub(crate) fn part(&self, size: Resolution) -> Option<Part> {
        let whole = self.whole(size);
        if size.width == 0 || size.height == 0 || whole.width < 1.0 || whole.height < 1.0 {
            return None;
        }
        let rect = [whole.x, whole.y, whole.width, whole.height].map(f64::from);
        let seen = Pixels::of(rect, 1.0).intersection(self.within);
        if seen.is_empty() {
            return None;
        }
        let (across, down) = (size.width as f32 / whole.width, size.height as f32 / whole.height);
        let (left, right) = if self.mirrored {
            (whole.x + whole.width - seen.right() as f32, whole.x + whole.width - seen.x as f32)
        } else {
            (seen.x as f32 - whole.x, seen.right() as f32 - whole.x)
        };
        let within = |value: f32, most: u32| value.clamp(0.0, most as f32);
        let (left, right) = (within(left * across, size.width), within(right * across, size.width));
        let (top, bottom) = (
            within((seen.y as f32 - whole.y) * down, size.height),
            within((seen.bottom() as f32 - whole.y) * down, size.height),
        );
        let crop = Rect { x: left, y: top, width: right - left, height: bottom - top };
        (crop.width > 0.0 && crop.height > 0.0).then_some(Part { seen, crop })
    }

    /// The rectangles of `seen` on which the picture is painted: not the corners, and not what lies over it.
    pub(crate) fn painted(&self, seen: Pixels) -> Vec<Pixels> {
        let mut bands: Vec<Pixels> = Vec::new();
        // Where the last row's spans begin in `bands`, and those spans.
        let mut last: (usize, Vec<(i32, i32)>) = (0, Vec::new());
        for y in seen.y..seen.bottom() {
            let spans = self.spans(seen, y);
            if y > seen.y && spans == last.1 {
                for band in &mut bands[last.0..] {
                    band.height += 1;
                }
                continue;
            }
            last = (bands.len(), spans);
            bands.extend(last.1.iter().map(|&(left, right)| Pixels {
                x: left,
                y,
                width: right - left,
                height: 1,
            }));
        }
        bands
    }

    fn spans(&self, seen: Pixels, y: i32) -> Vec<(i32, i32)> {
        let Some((left, right)) = self.clip.span(y, self.radius) else { return Vec::new() };
        let mut spans = vec![(left.max(seen.x), right.min(seen.right()))];
        spans.retain(|(left, right)| left < right);
        for (hole, radius) in &self.holes {
            let Some((from, to)) = hole.span(y, *radius) else { continue };
            spans = spans
                .into_iter()
                .flat_map(|(left, right)| [(left, right.min(from)), (left.max(to), right)])
                .filter(|(left, right)| left < right)
                .collect();
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: (i32, i32) = (1_280, 800);

    fn view(picture: [f64; 4], clip: [f64; 4]) -> View {
        View { picture, clip, ..View::default() }
    }

    fn only(view: View, scale: f64) -> Placed {
        let layout = Layout { views: vec![view] }.checked();
        layout.placed(WINDOW, scale).pop().expect("it is within the window")
    }

    fn area(rects: &[Pixels]) -> i32 {
        rects.iter().map(|rect| rect.width * rect.height).sum()
    }

    #[test]
    fn a_picture_in_its_shape_fills_its_place() {
        let placed = only(view([10.0, 20.0, 640.0, 360.0], [10.0, 20.0, 640.0, 360.0]), 1.0);
        let part = placed.part(Resolution::HD).unwrap();
        assert_eq!(part.seen, Pixels { x: 10, y: 20, width: 640, height: 360 });
        assert_eq!(part.crop, Rect::of(Resolution::HD));
        assert_eq!(placed.painted(part.seen), [part.seen]);
    }

    #[test]
    fn what_goes_beyond_its_tile_is_cut_off_the_picture() {
        // 16:9 that fills a 4:3 tile loses an eighth on each side.
        let placed = only(view([-80.0, 0.0, 640.0, 360.0], [0.0, 0.0, 480.0, 360.0]), 1.0);
        let part = placed.part(Resolution::HD).unwrap();
        assert_eq!(part.seen, Pixels { x: 0, y: 0, width: 480, height: 360 });
        assert_eq!(part.crop, Rect { x: 160.0, y: 0.0, width: 960.0, height: 720.0 });
    }

    #[test]
    fn a_screen_that_is_looked_at_closely_shows_only_a_part() {
        let placed = only(view([-640.0, -400.0, 2_560.0, 1_600.0], [0.0, 0.0, 640.0, 400.0]), 1.0);
        let part = placed.part(Resolution::new(1_280, 800)).unwrap();
        assert_eq!(part.crop, Rect { x: 320.0, y: 200.0, width: 320.0, height: 200.0 });
    }

    #[test]
    fn a_mirrored_picture_loses_the_other_side() {
        let mirrored = View { mirrored: true, ..view([0.0, 0.0, 640.0, 360.0], [0.0, 0.0, 160.0, 360.0]) };
        let part = only(mirrored, 1.0).part(Resolution::HD).unwrap();
        assert_eq!(part.crop, Rect { x: 960.0, y: 0.0, width: 320.0, height: 720.0 });
    }

    #[test]
    fn another_shape_than_the_page_knows_is_letterboxed_in_its_place() {
        let placed = only(view([0.0, 0.0, 640.0, 360.0], [0.0, 0.0, 640.0, 360.0]), 1.0);
        let part = placed.part(Resolution::new(480, 360)).unwrap();
        assert_eq!(part.seen, Pixels { x: 80, y: 0, width: 480, height: 360 });
    }

    #[test]
    fn on_a_fine_screen_a_css_pixel_is_four() {
        let layout = Layout { views: vec![view([10.0, 10.0, 320.0, 180.0], [10.0, 10.0, 320.0, 180.0])] };
        let placed = layout.placed((2_560, 1_600), 2.0).pop().unwrap();
        let part = placed.part(Resolution::HD).unwrap();
        assert_eq!(part.seen, Pixels { x: 20, y: 20, width: 640, height: 360 });
    }

    #[test]
    fn corners_are_round_and_what_lies_over_it_is_left_out() {
        let round = View {
            radius: 16.0,
            holes: vec![[10.0, 300.0, 100.0, 30.0, 8.0], [50.0, 310.0, 100.0, 30.0, 0.0]],
            ..view([0.0, 0.0, 640.0, 360.0], [0.0, 0.0, 640.0, 360.0])
        };
        let placed = only(round, 1.0);
        let seen = placed.part(Resolution::HD).unwrap().seen;
        let painted = placed.painted(seen);
        let covers = |x: i32, y: i32| {
            painted
                .iter()
                .filter(|rect| x >= rect.x && x < rect.right() && y >= rect.y && y < rect.bottom())
                .count()
        };
        for (x, y) in [(0, 0), (639, 0), (0, 359), (639, 359), (60, 315), (20, 315), (149, 339)] {
            assert_eq!(covers(x, y), 0, "{x}, {y}");
        }
        for (x, y) in [(16, 0), (0, 16), (320, 180), (160, 315), (9, 315), (10, 300)] {
            assert_eq!(covers(x, y), 1, "{x}, {y}");
        }
        let corners = 4.0 * 16.0 * 16.0 * (1.0 - std::f64::consts::FRAC_PI_4);
        let holes = 100 * 30 * 2 - 60 * 20;
        assert!((area(&painted) - (640 * 360 - corners as i32 - holes)).abs() < 60, "{}", area(&painted));
    }

    #[test]
    fn what_is_fully_covered_or_outside_is_not_painted() {
        let covered = View {
            holes: vec![[-5.0, -5.0, 700.0, 400.0, 0.0]],
            ..view([0.0, 0.0, 640.0, 360.0], [0.0, 0.0, 640.0, 360.0])
        };
        let placed = only(covered, 1.0);
        assert_eq!(placed.painted(placed.part(Resolution::HD).unwrap().seen), []);
        let outside = Layout { views: vec![view([0.0, 0.0, 640.0, 360.0], [0.0, 900.0, 640.0, 360.0])] };
        assert_eq!(outside.placed(WINDOW, 1.0), []);
        let beside = only(view([700.0, 0.0, 64.0, 36.0], [0.0, 0.0, 640.0, 360.0]), 1.0);
        assert_eq!(beside.part(Resolution::HD), None);
    }

    #[test]
    fn nonsense_of_the_page_is_left_out() {
        let good = view([0.0, 0.0, 64.0, 36.0], [0.0, 0.0, 64.0, 36.0]);
        let mut views = vec![
            view([f64::NAN, 0.0, 64.0, 36.0], good.clip),
            view(good.picture, [0.0, 0.0, f64::INFINITY, 36.0]),
            view(good.picture, [0.0, 0.0, -64.0, 36.0]),
            view([1e300, 0.0, 64.0, 36.0], good.clip),
            View { holes: vec![[f64::NAN; 5]; 3], radius: f64::NAN, ..good.clone() },
        ];
        views.extend((1..1_000).map(|stream| View { stream: stream / 2, ..good.clone() }));
        let layout = Layout { views }.checked();
        assert_eq!(layout.views.len(), MOST_VIEWS);
        assert!(layout.views[0].holes.is_empty());
        let placed = layout.placed(WINDOW, 1.0).swap_remove(0);
        assert!(!placed.painted(placed.within).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_said_nothing_is_painted_twice_or_outside_of_the_window(
            picture in [-200f64..1500.0, -200f64..900.0, 0.5f64..3000.0, 0.5f64..3000.0],
            clip in [-200f64..1500.0, -200f64..900.0, 0.5f64..1500.0, 0.5f64..900.0],
            radius in -5f64..800.0,
            holes in prop::collection::vec([-50f64..1300.0, -50f64..800.0, 1f64..400.0, 1f64..400.0, 0f64..300.0], 0..5),
            (width, height) in (1u32..2000, 1u32..2000),
            mirrored in any::<bool>(),
        ) {
            let layout = Layout { views: vec![View { picture, clip, radius, holes, mirrored, ..View::default() }] };
            for placed in layout.checked().placed(WINDOW, 1.0) {
                let Some(Part { seen, crop }) = placed.part(Resolution::new(width, height)) else { continue };
                prop_assert!(seen.x >= 0 && seen.y >= 0 && seen.right() <= WINDOW.0 && seen.bottom() <= WINDOW.1);
                prop_assert!(crop.x >= 0.0 && crop.x + crop.width <= width as f32 + 0.01);
                prop_assert!(crop.y >= 0.0 && crop.y + crop.height <= height as f32 + 0.01);
                let painted = placed.painted(seen);
                prop_assert!(painted.iter().all(|rect| rect.intersection(seen) == *rect && !rect.is_empty()));
                for (at, one) in painted.iter().enumerate() {
                    prop_assert!(painted[at + 1..].iter().all(|other| one.intersection(*other).is_empty()));
                }
            }
        }
    }
}
