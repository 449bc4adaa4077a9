//! Draws persons as PNGs, and says what a picture costs: `cargo run -p tincan-media --example portraits -- FOLDER`.
// An example may end at the first mistake.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tincan_media::MediaTime;
use tincan_media::video::{Portrait, Resolution, VideoFrame};

/// Seconds into the call at which each person is drawn.
const AT: f64 = 2.0;
const PERSONS: u64 = 12;
const MEASURED: u32 = 300;

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".into()));
    let at = std::env::args().nth(2).and_then(|seconds| seconds.parse().ok()).unwrap_or(AT);
    for seed in 0..PERSONS {
        let mut portrait = Portrait::new(Resolution::HD, seed);
        let frame = portrait.draw(MediaTime::ZERO + Duration::from_secs_f64(at));
        write(&folder.join(format!("portrait-{seed}.png")), &frame);
    }
    let mut portrait = Portrait::new(Resolution::HD, 0);
    let begin = Instant::now();
    for picture in 0..MEASURED {
        let _ = portrait.draw(MediaTime::ZERO + Duration::from_millis(33) * picture);
    }
    let each = begin.elapsed() / MEASURED;
    println!("{each:?} a picture of 720p: {:.3} of a core at 30 a second", each.as_secs_f64() * 30.0);
}

fn write(path: &PathBuf, frame: &VideoFrame) {
    let size = frame.resolution();
    let (luma, u, v) = frame.planes();
    let mut pixels = Vec::new();
    for row in 0..size.height as usize {
        for column in 0..size.width as usize {
            let chroma = row / 2 * frame.chroma_stride() + column / 2;
            let y = (f64::from(luma[row * size.width as usize + column]) - 16.0) / 219.0;
            let (u, v) = ((f64::from(u[chroma]) - 128.0) / 224.0, (f64::from(v[chroma]) - 128.0) / 224.0);
            // BT.601.
            let rgb = [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u];
            pixels.extend(rgb.map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8));
        }
    }
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path).unwrap()), size.width, size.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}
