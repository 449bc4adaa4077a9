//! Pictures in another size.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::{Resolution, VideoFrame};

/// What to do when the shapes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// The whole picture, undistorted, between black bars.
    #[default]
    Letterbox,
    /// The whole picture, distorted. Only for sizes that are equal up to rounding.
    Stretch,
}

/// A rectangle in pixels; fractions are allowed because windows scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Rect {
    /// All of a picture of this size.
    pub const fn of(size: Resolution) -> Self {
        Self { x: 0.0, y: 0.0, width: size.width as f32, height: size.height as f32 }
    }
}

/// A rectangle of whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pixels {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Its size.
    pub size: Resolution,
}

/// Where a picture of size `inner` lies, undistorted, as large as possible and centred, in `outer`.
pub fn letterbox(inner: Resolution, outer: Rect) -> Rect {
    let scale = (outer.width / inner.width.max(1) as f32).min(outer.height / inner.height.max(1) as f32);
    let (width, height) = (inner.width as f32 * scale, inner.height as f32 * scale);
    Rect {
        x: outer.x + (outer.width - width) / 2.0,
        y: outer.y + (outer.height - height) / 2.0,
        width,
        height,
    }
}

/// Scales pictures; keeps its work buffers from one to the next.
pub struct Scaler {
    resizer: Resizer,
    options: ResizeOptions,
}

impl Default for Scaler {
    fn default() -> Self {
        Self::new()
    }
}

impl Scaler {
    /// A scaler for any sizes.
    pub fn new() -> Self {
        Self {
            resizer: Resizer::new(),
            // Bilinear over the whole footprint of a target pixel: no aliasing, which a codec pays for in bits, and
            // a third cheaper than a cubic filter, whose sharpness a low bitrate does not carry.
            options: ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)),
        }
    }

    /// `frame` at size `to`, its time kept. A size that it already has is only copied.
    pub fn scale(&mut self, frame: &VideoFrame, to: Resolution, fit: Fit) -> VideoFrame {
        if frame.resolution() == to {
            return frame.clone();
        }
        let mut scaled = VideoFrame::black(frame.time(), to);
        if to.width == 0 || to.height == 0 || frame.resolution().width == 0 || frame.resolution().height == 0
        {
            return scaled;
        }
        let inner = match fit {
            Fit::Stretch => (0, 0, to.width, to.height),
            Fit::Letterbox => inner_pixels(frame.resolution(), to),
        };
        let (from, chroma_from) = (frame.resolution(), half(frame.resolution()));
        let chroma_to = half(to);
        let chroma_inner = (inner.0 / 2, inner.1 / 2, inner.2.div_ceil(2), inner.3.div_ceil(2));
        let (y, u, v) = frame.planes();
        let (to_y, to_u, to_v) = scaled.planes_mut();
        self.plane(y, from, to_y, to, inner);
        self.plane(u, chroma_from, to_u, chroma_to, chroma_inner);
        self.plane(v, chroma_from, to_v, chroma_to, chroma_inner);
        scaled
    }

    /// Draws `part` of `frame`, stretched, on these pixels of `onto`; sides and edges of the place are even, so that luma and
    /// chroma cover the same. What lies outside of either picture is not drawn.
    pub fn paste(&mut self, frame: &VideoFrame, part: Rect, onto: &mut VideoFrame, place: Pixels) {
        let (from, to) = (frame.resolution(), onto.resolution());
        let inside = part.x >= 0.0
            && part.y >= 0.0
            && part.width >= 1.0
            && part.height >= 1.0
            && part.x + part.width <= from.width as f32
            && part.y + part.height <= from.height as f32;
        let fits = place.x + place.size.width <= to.width && place.y + place.size.height <= to.height;
        if !inside || !fits || place.size.width < 2 || place.size.height < 2 {
            return;
        }
        let (y, u, v) = frame.planes();
        let (to_y, to_u, to_v) = onto.planes_mut();
        self.paste_plane((y, from), part, (to_y, to.width), place);
        // Of an odd size chroma is rounded up, and its last sample belongs to half a pixel more than there is.
        let chroma_part =
            Rect { x: part.x / 2.0, y: part.y / 2.0, width: part.width / 2.0, height: part.height / 2.0 };
        let chroma_place = Pixels { x: place.x / 2, y: place.y / 2, size: half(place.size) };
        self.paste_plane((u, half(from)), chroma_part, (to_u, half(to).width), chroma_place);
        self.paste_plane((v, half(from)), chroma_part, (to_v, half(to).width), chroma_place);
    }

    fn paste_plane(
        &mut self,
        (source, from): (&[u8], Resolution),
        part: Rect,
        (target, stride): (&mut [u8], u32),
        place: Pixels,
    ) {
        let source = ImageRef::new(from.width, from.height, source, PixelType::U8)
            .expect("a frame's plane has its resolution's size");
        let mut image = Image::new(place.size.width, place.size.height, PixelType::U8);
        let [x, y, width, height] = [part.x, part.y, part.width, part.height].map(f64::from);
        let options = self.options.crop(x, y, width, height);
        self.resizer
            .resize(&source, &mut image, &options)
            .expect("both planes are one byte a pixel, and the part lies within the source");
        let rows = image.buffer().chunks_exact(place.size.width as usize);
        let lines = target.chunks_exact_mut(stride as usize).skip(place.y as usize);
        for (row, line) in rows.zip(lines) {
            line[place.x as usize..(place.x + place.size.width) as usize].copy_from_slice(row);
        }
    }

    fn plane(
        &mut self,
        source: &[u8],
        from: Resolution,
        target: &mut [u8],
        to: Resolution,
        (x, y, width, height): (u32, u32, u32, u32),
    ) {
        let source = ImageRef::new(from.width, from.height, source, PixelType::U8)
            .expect("a frame's plane has its resolution's size");
        if (width, height) == (to.width, to.height) {
            let mut image = Image::from_slice_u8(width, height, target, PixelType::U8)
                .expect("a frame's plane has its resolution's size");
            self.resizer
                .resize(&source, &mut image, &self.options)
                .expect("both planes are one byte a pixel");
            return;
        }
        let mut image = Image::new(width, height, PixelType::U8);
        self.resizer.resize(&source, &mut image, &self.options).expect("both planes are one byte a pixel");
        let rows = image.buffer().chunks_exact(width as usize);
        for (row, line) in rows.zip(target.chunks_exact_mut(to.width as usize).skip(y as usize)) {
            line[x as usize..(x + width) as usize].copy_from_slice(row);
        }
    }
}

const fn half(size: Resolution) -> Resolution {
    Resolution::new(size.width.div_ceil(2), size.height.div_ceil(2))
}

/// [`letterbox`] on even pixels, so that luma and chroma cover the same.
fn inner_pixels(from: Resolution, to: Resolution) -> (u32, u32, u32, u32) {
    let inner = letterbox(from, Rect::of(to));
    let even = |size: f32, most: u32| {
        // Not `clamp`, which panics where the target is one pixel: there the bounds cross.
        if size.round() as u32 >= most { most } else { ((size / 2.0).round() as u32 * 2).max(2).min(most) }
    };
    let (width, height) = (even(inner.width, to.width), even(inner.height, to.height));
    (((to.width - width) / 2) & !1, ((to.height - height) / 2) & !1, width, height)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::MediaTime;

    fn grey(size: Resolution, luma: u8) -> VideoFrame {
        let mut frame = VideoFrame::black(MediaTime::from_micros(5), size);
        frame.planes_mut().0.fill(luma);
        frame
    }

    #[test]
    fn a_picture_of_another_shape_lies_between_black_bars() {
        let scaled =
            Scaler::new().scale(&grey(Resolution::new(640, 480), 200), Resolution::HD, Fit::Letterbox);
        let luma = scaled.planes().0;
        assert_eq!((luma[0], luma[159], luma[160], luma[1_119], luma[1_120]), (16, 16, 200, 200, 16));
        assert_eq!(scaled.time(), MediaTime::from_micros(5));
    }

    #[test]
    fn stretching_fills_the_picture() {
        let scaled = Scaler::new().scale(
            &grey(Resolution::new(640, 480), 200),
            Resolution::new(320, 180),
            Fit::Stretch,
        );
        assert!(scaled.planes().0.iter().all(|&luma| luma == 200));
    }

    #[test]
    fn a_part_of_a_picture_is_drawn_where_it_belongs_and_nowhere_else() {
        let mut frame = grey(Resolution::new(640, 360), 50);
        for line in frame.planes_mut().0.chunks_exact_mut(640) {
            line[320..].fill(200);
        }
        let mut onto = VideoFrame::black(MediaTime::ZERO, Resolution::new(64, 36));
        let part = Rect { x: 320.0, y: 0.0, width: 320.0, height: 360.0 };
        Scaler::new().paste(&frame, part, &mut onto, Pixels { x: 8, y: 4, size: Resolution::new(16, 18) });
        for (at, luma) in onto.planes().0.iter().enumerate() {
            let inside = (8..24).contains(&(at % 64)) && (4..22).contains(&(at / 64));
            // At the edge a little of what is beside the part comes along.
            assert!(if inside { *luma > 150 } else { *luma == 16 }, "{at}: {luma}");
        }
        let before = onto.clone();
        Scaler::new().paste(&frame, part, &mut onto, Pixels { x: 60, y: 4, size: Resolution::new(16, 18) });
        assert_eq!(onto, before, "what has no room is left out");
    }

    #[test]
    fn a_window_shows_a_wide_picture_with_bars_above_and_below() {
        let rect = letterbox(Resolution::HD, Rect { x: 10.0, y: 20.0, width: 640.0, height: 480.0 });
        assert_eq!(rect, Rect { x: 10.0, y: 80.0, width: 640.0, height: 360.0 });
    }

    #[test]
    fn a_column_fits_into_a_single_pixel() {
        let to = Resolution::new(1, 1);
        let scaled = Scaler::new().scale(&grey(Resolution::new(1, 23), 200), to, Fit::Letterbox);
        assert_eq!(scaled.resolution(), to);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_part_is_drawn_on_any_even_place(
            (w, h) in (1u32..70, 1u32..70), (x, y) in (0u32..20, 0u32..20), (tw, th) in (1u32..30, 1u32..30),
            (left, top) in (0.0f32..0.9, 0.0f32..0.9),
        ) {
            let frame = grey(Resolution::new(w, h), 200);
            let (x0, y0) = ((w as f32 * left).floor(), (h as f32 * top).floor());
            let part = Rect { x: x0, y: y0, width: w as f32 - x0, height: h as f32 - y0 };
            let mut onto = VideoFrame::black(MediaTime::ZERO, Resolution::new(100, 100));
            let place = Pixels { x: 2 * x, y: 2 * y, size: Resolution::new(2 * tw, 2 * th) };
            Scaler::new().paste(&frame, part, &mut onto, place);
            let drawn = onto.planes().0.iter().filter(|&&luma| luma == 200).count();
            prop_assert_eq!(drawn as u32, 4 * tw * th);
        }

        #[test]
        fn any_size_becomes_any_other(
            (w, h) in (1u32..70, 1u32..70), (tw, th) in (1u32..70, 1u32..70), stretch in any::<bool>(),
        ) {
            let fit = if stretch { Fit::Stretch } else { Fit::Letterbox };
            let to = Resolution::new(tw, th);
            let scaled = Scaler::new().scale(&grey(Resolution::new(w, h), 200), to, fit);
            prop_assert_eq!(scaled.resolution(), to);
            prop_assert!(scaled.planes().0.contains(&200));
        }
    }
}
