//! Fills shapes with soft edges, straight into the planes of a picture.
//!
//! The exact part of each pixel that a shape covers is found by the sums of areas that font renderers use (as in `font-rs`
//! and FreeType's smooth rasteriser): every edge adds what it covers to the pixels that it passes, and the sum from the
//! left is the coverage. Pixels that no edge passes are as their left neighbour: they are filled in runs, without a look
//! at each. This is why a person costs less than the copy of the picture that it is drawn in.

use std::f32::consts::TAU;

use crate::video::VideoFrame;

/// A point, or a way from one to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

/// Where a shape's own units lie in the picture: turned, stretched and moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transform {
    across: Point,
    down: Point,
    origin: Point,
}

impl Transform {
    pub(super) const fn from_translate(x: f32, y: f32) -> Self {
        Self { across: Point { x: 1.0, y: 0.0 }, down: Point { x: 0.0, y: 1.0 }, origin: Point { x, y } }
    }

    pub(super) const fn from_scale(x: f32, y: f32) -> Self {
        Self { across: Point { x, y: 0.0 }, down: Point { x: 0.0, y }, origin: Point { x: 0.0, y: 0.0 } }
    }

    pub(super) fn from_rotate(degrees: f32) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Self {
            across: Point { x: cos, y: sin },
            down: Point { x: -sin, y: cos },
            origin: Point { x: 0.0, y: 0.0 },
        }
    }

    /// First `inner`, then this one.
    pub(super) fn pre_concat(self, inner: Self) -> Self {
        let turned = |way: Point| Point {
            x: self.across.x * way.x + self.down.x * way.y,
            y: self.across.y * way.x + self.down.y * way.y,
        };
        Self { across: turned(inner.across), down: turned(inner.down), origin: self.map(inner.origin) }
    }

    pub(super) fn pre_translate(self, x: f32, y: f32) -> Self {
        self.pre_concat(Self::from_translate(x, y))
    }

    pub(super) fn pre_scale(self, x: f32, y: f32) -> Self {
        self.pre_concat(Self::from_scale(x, y))
    }

    fn map(self, point: Point) -> Point {
        Point {
            x: self.across.x * point.x + self.down.x * point.y + self.origin.x,
            y: self.across.y * point.x + self.down.y * point.y + self.origin.y,
        }
    }
}

/// Parts of a curve; enough for the largest head at 1080p to have no corners.
const PARTS: u16 = 16;

/// Closed outlines, made of short straight lines. An outline in another that runs the other way is a hole.
#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    outlines: Vec<Vec<Point>>,
}

impl Path {
    pub(super) fn move_to(&mut self, x: f32, y: f32) {
        self.outlines.push(vec![Point { x, y }]);
    }

    pub(super) fn line_to(&mut self, x: f32, y: f32) {
        if let Some(outline) = self.outlines.last_mut() {
            outline.push(Point { x, y });
        }
    }

    /// A curve to `x`, `y` that leaves towards one point and comes from another.
    pub(super) fn cubic_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let Some(from) = self.last() else { return };
        for part in 1..=PARTS {
            let t = f32::from(part) / f32::from(PARTS);
            let s = 1.0 - t;
            let mixed = |a: f32, b: f32, c: f32, d: f32| {
                s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d
            };
            self.line_to(mixed(from.x, x1, x2, x), mixed(from.y, y1, y2, y));
        }
    }

    /// A curve to `x`, `y` that leaves towards the same point that it comes from.
    pub(super) fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let Some(from) = self.last() else { return };
        let third = |end: f32, middle: f32| end + (middle - end) * 2.0 / 3.0;
        self.cubic_to(third(from.x, x1), third(from.y, y1), third(x, x1), third(y, y1), x, y);
    }

    /// An ellipse.
    pub(super) fn oval(&mut self, x: f32, y: f32, across: f32, down: f32) {
        let parts = PARTS * 2;
        let points = (0..parts).map(|part| {
            let (sin, cos) = (TAU * f32::from(part) / f32::from(parts)).sin_cos();
            Point { x: x + across * cos, y: y + down * sin }
        });
        self.outlines.push(points.collect());
    }

    fn last(&self) -> Option<Point> {
        self.outlines.last().and_then(|outline| outline.last()).copied()
    }

    /// The outline of a line of this width along the path, with round ends.
    pub(super) fn widened(&self, width: f32) -> Self {
        let mut wide = Self::default();
        for line in &self.outlines {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            for (index, point) in line.iter().enumerate() {
                let before = line[index.saturating_sub(1)];
                let after = line[(index + 1).min(line.len() - 1)];
                let (x, y) = (after.x - before.x, after.y - before.y);
                let half = width / 2.0 / x.hypot(y).max(1e-6);
                let aside = Point { x: -y * half, y: x * half };
                left.push(Point { x: point.x + aside.x, y: point.y + aside.y });
                right.push(Point { x: point.x - aside.x, y: point.y - aside.y });
            }
            right.reverse();
            left.append(&mut right);
            // What overlaps has to run the same way, or it would be a hole.
            let area: f32 = (0..left.len())
                .map(|at| (left[at], left[(at + 1) % left.len()]))
                .map(|(a, b)| a.x * b.y - b.x * a.y)
                .sum();
            if area < 0.0 {
                left.reverse();
            }
            wide.outlines.push(left);
            for end in [line.first(), line.last()].into_iter().flatten() {
                wide.oval(end.x, end.y, width / 2.0, width / 2.0);
            }
        }
        wide
    }
}

/// What fills a shape: luma and chroma, and how much of what was there is covered (256: all).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fill {
    pub(super) yuv: [u8; 3],
    pub(super) cover: u32,
}

/// Room for one shape's sums.
pub(super) struct Raster {
    sums: Vec<f32>,
    /// A bit for each sum that is not zero.
    touched: Vec<u64>,
}

impl Raster {
    /// For pictures of up to so many pixels a side.
    pub(super) fn new(width: usize, height: usize) -> Self {
        let columns = Self::columns(width);
        Self { sums: vec![0.0; columns * height], touched: vec![0; columns / 64 * height] }
    }

    /// A row's sums: one more than its pixels, in whole words of bits.
    const fn columns(width: usize) -> usize {
        (width + 2).next_multiple_of(64)
    }

    /// Fills `path` in `frame`.
    pub(super) fn fill(&mut self, frame: &mut VideoFrame, path: &Path, transform: Transform, fill: Fill) {
        let (width, height) = (frame.resolution().width as usize, frame.resolution().height as usize);
        let chroma_width = frame.chroma_stride();
        let (y, u, v) = frame.planes_mut();
        if let Some(rows) = self.add(path, transform, width, height) {
            self.spread(rows, width, |from, to, cover| {
                blend(&mut y[from..to], fill.yuv[0], cover * fill.cover / 256)
            });
        }
        let half = Transform::from_scale(0.5, 0.5).pre_concat(transform);
        if let Some(rows) = self.add(path, half, chroma_width, height.div_ceil(2)) {
            self.spread(rows, chroma_width, |from, to, cover| {
                blend(&mut u[from..to], fill.yuv[1], cover * fill.cover / 256);
                blend(&mut v[from..to], fill.yuv[2], cover * fill.cover / 256);
            });
        }
    }

    /// Adds every edge; returns the rows that were passed.
    fn add(
        &mut self,
        path: &Path,
        transform: Transform,
        width: usize,
        height: usize,
    ) -> Option<(usize, usize)> {
        let (mut first, mut last) = (usize::MAX, 0);
        for outline in &path.outlines {
            let Some(mut from) = outline.last().map(|point| transform.map(*point)) else { continue };
            for point in outline {
                let to = transform.map(*point);
                if let Some((top, bottom)) = self.edge(from, to, width, height) {
                    (first, last) = (first.min(top), last.max(bottom));
                }
                from = to;
            }
        }
        (first <= last).then_some((first, last))
    }

    /// Adds one edge, row by row; returns the first and the last of them.
    fn edge(&mut self, from: Point, to: Point, width: usize, height: usize) -> Option<(usize, usize)> {
        let (sign, upper, lower) = if from.y < to.y { (1.0, from, to) } else { (-1.0, to, from) };
        if lower.y <= 0.0 || upper.y >= height as f32 || lower.y - upper.y < 1e-6 {
            return None;
        }
        let slope = (lower.x - upper.x) / (lower.y - upper.y);
        let top = upper.y.max(0.0);
        let bottom = lower.y.min(height as f32);
        let mut x = upper.x + (top - upper.y) * slope;
        let rows = (top as usize, (bottom.ceil() as usize).saturating_sub(1).min(height - 1));
        for row in rows.0..=rows.1 {
            let part = (row as f32 + 1.0).min(bottom) - (row as f32).max(top);
            let next = x + slope * part;
            self.row(row, x, next, sign * part, width);
            x = next;
        }
        Some(rows)
    }

    /// Adds the part of an edge that lies in one row: it goes from `x` to `next`, and covers so much of the row's height.
    fn row(&mut self, row: usize, x: f32, next: f32, height: f32, width: usize) {
        let right = width as f32;
        let (left, right) = (x.min(next).clamp(0.0, right), x.max(next).clamp(0.0, right));
        let (first, last) = (left as usize, right as usize);
        if first == last {
            // Within one pixel: it has what is to the right of the edge's middle, and all further ones have the whole.
            let outside = (left + right) / 2.0 - first as f32;
            self.put(row, first, height * (1.0 - outside), width);
            self.put(row, first + 1, height * outside, width);
            return;
        }
        // Over several: as much of the height as the share of its way that lies in each.
        let per_pixel = height / (right - left);
        let mut carried = 0.0;
        for pixel in first..=last {
            let (from, to) = (left.max(pixel as f32), right.min(pixel as f32 + 1.0));
            let share = per_pixel * (to - from);
            let own = share * (1.0 - ((from + to) / 2.0 - pixel as f32));
            self.put(row, pixel, carried + own, width);
            carried = share - own;
        }
        self.put(row, last + 1, carried, width);
    }

    fn put(&mut self, row: usize, column: usize, value: f32, width: usize) {
        let at = row * Self::columns(width) + column;
        self.sums[at] += value;
        self.touched[at / 64] |= 1 << (at % 64);
    }

    /// Gives every run of pixels of the same coverage (of 256) to `paint`, and leaves the sums empty.
    fn spread(&mut self, rows: (usize, usize), width: usize, mut paint: impl FnMut(usize, usize, u32)) {
        let columns = Self::columns(width);
        for row in rows.0..=rows.1 {
            let (mut sum, mut from) = (0.0f32, 0);
            let begin = row * columns;
            for word in begin / 64..(begin + columns) / 64 {
                let mut bits = std::mem::take(&mut self.touched[word]);
                while bits != 0 {
                    let at = word * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    let column = (at - begin).min(width);
                    let cover = (sum.abs().min(1.0) * 256.0 + 0.5) as u32;
                    if cover > 0 && column > from {
                        paint(row * width + from, row * width + column, cover);
                    }
                    from = column;
                    sum += std::mem::take(&mut self.sums[at]);
                }
            }
            // An outline that is closed leaves nothing; whatever is cut at the right edge goes on to there.
            let cover = (sum.abs().min(1.0) * 256.0 + 0.5) as u32;
            if cover > 1 && from < width {
                paint(row * width + from, (row + 1) * width, cover);
            }
        }
    }
}

fn blend(pixels: &mut [u8], value: u8, cover: u32) {
    if cover >= 256 {
        pixels.fill(value);
        return;
    }
    let (own, rest) = (u32::from(value) * cover + 128, 256 - cover);
    for pixel in pixels {
        *pixel = ((own + u32::from(*pixel) * rest) / 256) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MediaTime;
    use crate::video::Resolution;

    const WHITE: Fill = Fill { yuv: [255, 255, 255], cover: 256 };

    fn filled(path: &Path, transform: Transform) -> VideoFrame {
        let mut frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(40, 20));
        frame.planes_mut().0.fill(0);
        Raster::new(40, 20).fill(&mut frame, path, transform, WHITE);
        frame
    }

    fn area(frame: &VideoFrame) -> f64 {
        frame.planes().0.iter().map(|&luma| f64::from(luma) / 255.0).sum()
    }

    fn square(x: f32, y: f32, side: f32) -> Path {
        let mut path = Path::default();
        path.move_to(x, y);
        path.line_to(x + side, y);
        path.line_to(x + side, y + side);
        path.line_to(x, y + side);
        path
    }

    const STILL: Transform = Transform::from_translate(0.0, 0.0);

    #[test]
    fn a_shape_covers_its_area_wherever_its_edges_lie() {
        for (x, y) in [(2.0, 3.0), (2.25, 3.5), (5.1, 4.9), (7.77, 0.01)] {
            let frame = filled(&square(x, y, 10.0), STILL);
            assert!((area(&frame) - 100.0).abs() < 1.0, "{x} {y}: {}", area(&frame));
        }
        let mut oval = Path::default();
        oval.oval(20.0, 10.0, 15.0, 8.0);
        let wanted = std::f64::consts::PI * 15.0 * 8.0;
        assert!((area(&filled(&oval, STILL)) - wanted).abs() < 6.0);
        // Turned, it is as large.
        let turned = Transform::from_translate(20.0, 10.0).pre_concat(Transform::from_rotate(30.0));
        assert!((area(&filled(&square(-5.0, -5.0, 10.0), turned)) - 100.0).abs() < 1.0);
    }

    #[test]
    fn an_edge_is_as_soft_as_the_part_of_the_pixel_that_it_covers() {
        let frame = filled(&square(4.25, 4.0, 8.0), STILL);
        let row = &frame.planes().0[40 * 8..][..40];
        assert_eq!((row[3], row[5], row[11], row[13]), (0, 255, 255, 0));
        assert!(row[4].abs_diff(191) <= 1 && row[12].abs_diff(64) <= 1, "{row:?}");
    }

    #[test]
    fn what_is_outside_of_the_picture_is_cut_off() {
        for (x, y, wanted) in [
            (-5.0, 5.0, 50.0),
            (35.0, 5.0, 50.0),
            (10.0, -5.0, 50.0),
            (10.0, 15.0, 50.0),
            (50.0, 5.0, 0.0),
            (-20.0, 5.0, 0.0),
        ] {
            let frame = filled(&square(x, y, 10.0), STILL);
            assert!((area(&frame) - wanted).abs() < 1.0, "{x} {y}: {}", area(&frame));
        }
        assert!((area(&filled(&square(-100.0, -100.0, 300.0), STILL)) - 800.0).abs() < 1.0);
    }

    #[test]
    fn an_outline_that_runs_the_other_way_is_a_hole() {
        let mut ring = square(5.0, 2.0, 14.0);
        ring.move_to(9.0, 6.0);
        ring.line_to(9.0, 12.0);
        ring.line_to(15.0, 12.0);
        ring.line_to(15.0, 6.0);
        assert!((area(&filled(&ring, STILL)) - (196.0 - 36.0)).abs() < 1.0);
    }

    #[test]
    fn a_line_has_its_width_and_round_ends() {
        let mut line = Path::default();
        line.move_to(8.0, 10.0);
        line.line_to(28.0, 10.0);
        let wanted = 20.0 * 4.0 + std::f64::consts::PI * 4.0;
        assert!((area(&filled(&line.widened(4.0), STILL)) - wanted).abs() < 1.5);
    }

    #[test]
    fn a_shape_that_is_seen_through_covers_in_part() {
        let mut frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(40, 20));
        let half = Fill { cover: 128, ..WHITE };
        Raster::new(40, 20).fill(&mut frame, &square(-1.0, -1.0, 50.0), STILL, half);
        assert!(frame.planes().0.iter().all(|luma| luma.abs_diff(136) <= 1));
    }
}
