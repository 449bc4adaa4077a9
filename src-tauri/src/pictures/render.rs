//! From a picture as it was decoded to the pixels of the screen on which it is seen.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use tincan_media::video::VideoFrame;
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix};

use super::layout::Part;

/// Bytes of a pixel: blue, green, red, and one that means nothing.
pub(super) const PIXEL: usize = 4;

/// Scales and converts; keeps its work buffers from one picture to the next.
pub(super) struct Renderer {
    resizer: Resizer,
    planes: [Vec<u8>; 3],
}

impl Renderer {
    pub(super) fn new() -> Self {
        Self { resizer: Resizer::new(), planes: [Vec::new(), Vec::new(), Vec::new()] }
    }

    /// Fills `pixels` with `part` of the picture, row by row without padding. What does not convert stays grey.
    pub(super) fn render(&mut self, frame: &VideoFrame, part: &Part, mirrored: bool, pixels: &mut Vec<u8>) {
        let (width, height) = (part.seen.width as u32, part.seen.height as u32);
        let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
        pixels.resize(width as usize * height as usize * PIXEL, 128);
        let size = frame.resolution();
        let (y, u, v) = frame.planes();
        let whole = part.crop.width >= size.width as f32 && part.crop.height >= size.height as f32;
        let mut planes = [y, u, v];
        if !whole || (size.width, size.height) != (width, height) {
            let chroma = (size.width.div_ceil(2), size.height.div_ceil(2));
            let crop = [part.crop.x, part.crop.y, part.crop.width, part.crop.height].map(f64::from);
            let [luma, first, second] = &mut self.planes;
            scale(&mut self.resizer, y, (size.width, size.height), crop, luma, (width, height));
            let half = crop.map(|value| value / 2.0);
            scale(&mut self.resizer, u, chroma, half, first, (chroma_width, chroma_height));
            scale(&mut self.resizer, v, chroma, half, second, (chroma_width, chroma_height));
            planes = [luma, first, second];
        }
        let image = YuvPlanarImage {
            y_plane: planes[0],
            y_stride: width,
            u_plane: planes[1],
            u_stride: chroma_width,
            v_plane: planes[2],
            v_stride: chroma_width,
            width,
            height,
        };
        let row = width * PIXEL as u32;
        let converted = yuv::yuv420_to_bgra(&image, pixels, row, YuvRange::Limited, YuvStandardMatrix::Bt601);
        if let Err(error) = converted {
            tracing::debug!(%error, "a picture was not converted");
        }
        if mirrored {
            for line in pixels.chunks_exact_mut(row as usize) {
                let (line, _) = line.as_chunks_mut::<PIXEL>();
                line.reverse();
            }
        }
    }
}

fn scale(
    resizer: &mut Resizer,
    source: &[u8],
    from: (u32, u32),
    [x, y, width, height]: [f64; 4],
    target: &mut Vec<u8>,
    to: (u32, u32),
) {
    target.resize(to.0 as usize * to.1 as usize, 128);
    // Roundings must not lead out of the plane.
    let (x, y) = (x.min(f64::from(from.0) - 0.5), y.min(f64::from(from.1) - 0.5));
    let (width, height) = (width.min(f64::from(from.0) - x), height.min(f64::from(from.1) - y));
    // Bilinear over the whole footprint of a pixel, as in the rest of the program.
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(x, y, width, height);
    let scaled = ImageRef::new(from.0, from.1, source, PixelType::U8)
        .map_err(|error| error.to_string())
        .and_then(|source| {
            let mut image =
                Image::from_slice_u8(to.0, to.1, target, PixelType::U8).map_err(|error| error.to_string())?;
            resizer.resize(&source, &mut image, &options).map_err(|error| error.to_string())
        });
    if let Err(error) = scaled {
        tracing::debug!(error, "a picture was not scaled");
    }
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;
    use tincan_media::video::{Rect, Resolution};

    use super::super::layout::Pixels;
    use super::*;

    const SIZE: Resolution = Resolution::new(8, 4);

    /// Black on the left half, white on the right.
    fn halves() -> VideoFrame {
        let mut frame = VideoFrame::black(MediaTime::ZERO, SIZE);
        for row in frame.planes_mut().0.chunks_exact_mut(8) {
            row[4..].fill(235);
        }
        frame
    }

    fn rendered(frame: &VideoFrame, crop: Rect, (width, height): (i32, i32), mirrored: bool) -> Vec<u8> {
        let mut pixels = Vec::new();
        let part = Part { seen: Pixels { x: 3, y: 5, width, height }, crop };
        Renderer::new().render(frame, &part, mirrored, &mut pixels);
        assert_eq!(pixels.len(), width as usize * height as usize * PIXEL);
        pixels
    }

    fn pixel(pixels: &[u8], width: usize, (x, y): (usize, usize)) -> [u8; 3] {
        let at = (y * width + x) * PIXEL;
        pixels[at..at + 3].try_into().unwrap()
    }

    #[test]
    fn a_picture_of_the_right_size_is_only_converted() {
        let pixels = rendered(&halves(), Rect::of(SIZE), (8, 4), false);
        assert_eq!(pixel(&pixels, 8, (0, 0)), [0, 0, 0]);
        assert_eq!(pixel(&pixels, 8, (7, 3)), [255, 255, 255]);
    }

    #[test]
    fn a_mirrored_one_is_turned_round() {
        let pixels = rendered(&halves(), Rect::of(SIZE), (16, 8), true);
        assert_eq!(pixel(&pixels, 16, (0, 0)), [255, 255, 255]);
        assert_eq!(pixel(&pixels, 16, (15, 7)), [0, 0, 0]);
    }

    #[test]
    fn a_part_is_as_large_as_where_it_is_seen_also_at_odd_sizes() {
        let right = Rect { x: 4.5, y: 0.25, width: 3.5, height: 3.75 };
        let pixels = rendered(&halves(), right, (31, 17), false);
        assert_eq!(pixel(&pixels, 31, (15, 9)), [255, 255, 255]);
        let left = Rect { x: 0.0, y: 0.0, width: 0.6, height: 0.4 };
        let pixels = rendered(&halves(), left, (1, 1), false);
        assert_eq!(pixel(&pixels, 1, (0, 0)), [0, 0, 0]);
    }

    #[test]
    fn red_is_red() {
        let mut frame = VideoFrame::black(MediaTime::ZERO, SIZE);
        let (y, u, v) = frame.planes_mut();
        y.fill(81);
        u.fill(90);
        v.fill(240);
        let [blue, green, red] = pixel(&rendered(&frame, Rect::of(SIZE), (8, 4), false), 8, (2, 2));
        assert!(red > 250 && green < 5 && blue < 5, "{red} {green} {blue}");
    }
}
