//! Pictures as files.

use tincan_media::video::VideoFrame;

/// A picture as a PNG; `None` when it has no pixels.
pub fn png(frame: &VideoFrame) -> Option<Vec<u8>> {
    let size = frame.resolution();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, size.width, size.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().ok()?.write_image_data(&rgb(frame)).ok()?;
    Some(png)
}

/// BT.601, limited range, to red, green and blue.
fn rgb(frame: &VideoFrame) -> Vec<u8> {
    let size = frame.resolution();
    let (luma, u, v) = frame.planes();
    let chroma = frame.chroma_stride();
    let mut rgb = Vec::with_capacity(luma.len() * 3);
    for (row, line) in luma.chunks_exact((size.width as usize).max(1)).enumerate() {
        for (column, &y) in line.iter().enumerate() {
            let at = row / 2 * chroma + column / 2;
            let y = 1.164 * (f32::from(y) - 16.0);
            let (u, v) = (f32::from(u[at]) - 128.0, f32::from(v[at]) - 128.0);
            // A float becomes the nearest byte that there is.
            rgb.extend(
                [y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u].map(|value| value.round() as u8),
            );
        }
    }
    rgb
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;
    use tincan_media::video::Resolution;

    use super::*;

    #[test]
    fn a_picture_keeps_its_colours() {
        let mut frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(4, 2));
        assert_eq!(rgb(&frame)[..3], [0, 0, 0]);
        let (y, u, v) = frame.planes_mut();
        y.fill(81);
        u.fill(90);
        v.fill(240);
        let first = &rgb(&frame)[..3];
        assert!(first[0] > 250 && first[1] < 5 && first[2] < 5, "{first:?}");
        assert!(png(&frame).unwrap().starts_with(b"\x89PNG"));
    }
}
