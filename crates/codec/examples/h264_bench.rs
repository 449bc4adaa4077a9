//! What H.264 costs here: `cargo run --release -p tincan-codec --example h264_bench [FILM.i420 WIDTH HEIGHT]`.
//!
//! Encodes and decodes a moving picture at several bitrates and prints milliseconds of processor time a picture (on
//! Linux; elsewhere of the clock on the wall), the bitrate that came out, and the luma PSNR. A film is raw I420; without one a synthetic scene is used.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tincan_codec::{H264Decoder, H264Encoder};
use tincan_media::ports::{VideoDecoder, VideoEncoder};
use tincan_media::video::{Resolution, TestPattern, VideoFrame, packetize};
use tincan_media::{Bitrate, MediaTime};

const FRAMES: usize = 300;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let frames = match arguments.as_slice() {
        [film, width, height] => film_frames(film, Resolution::new(width.parse()?, height.parse()?))?,
        _ => scene(),
    };
    println!("{} pictures of {}", frames.len(), frames[0].resolution());
    println!(
        "{:>8} {:>8} {:>6} {:>8} {:>8} {:>7} {:>8} {:>8}",
        "target", "kbit/s", "fps", "enc ms", "dec ms", "PSNR", "packets", "max ms"
    );
    for kbps in [300, 500, 1_000, 1_500, 2_500] {
        let mut encoder = H264Encoder::new(Bitrate::kbps(kbps), 30.0);
        let mut decoder = H264Decoder::new();
        let (mut encode, mut decode, mut slowest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let (mut bytes, mut shown, mut packets, mut error, mut pixels) = (0, 0, 0, 0.0, 0);
        for frame in &frames {
            let begin = now();
            let unit = encoder.encode(frame, false)?;
            let took = now() - begin;
            encode += took;
            slowest = slowest.max(took);
            let Some(unit) = unit else { continue };
            bytes += unit.data.len();
            packets += packetize(&unit, 1_150).len();
            let begin = now();
            let decoded = decoder.decode(&unit)?.ok_or("no picture")?;
            decode += now() - begin;
            shown += 1;
            error += squared_error(frame.planes().0, decoded.planes().0);
            pixels += frame.planes().0.len();
        }
        let seconds = frames.len() as f64 / 30.0;
        println!(
            "{kbps:>8} {:>8.0} {:>6.1} {:>8.2} {:>8.2} {:>7.2} {:>8} {:>8.1}",
            bytes as f64 * 8.0 / seconds / 1e3,
            f64::from(shown) / seconds,
            encode.as_secs_f64() * 1e3 / frames.len() as f64,
            decode.as_secs_f64() * 1e3 / f64::from(shown.max(1)),
            10.0 * (255.0 * 255.0 * pixels as f64 / error).log10(),
            packets,
            slowest.as_secs_f64() * 1e3,
        );
    }
    Ok(())
}

/// The processor time of this thread: what is measured must not depend on who else uses the machine.
fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

fn squared_error(a: &[u8], b: &[u8]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum()
}

fn time(index: usize) -> MediaTime {
    MediaTime::from_micros(index as u64 * 33_333)
}

fn film_frames(path: &str, size: Resolution) -> Result<Vec<VideoFrame>, Box<dyn std::error::Error>> {
    let data = std::fs::read(path)?;
    let pictures = data.chunks_exact(size.i420_len()).take(FRAMES).enumerate();
    Ok(pictures
        .map(|(index, picture)| VideoFrame::new(time(index), size, picture.to_vec()))
        .collect::<Result<_, _>>()?)
}

/// The test pattern over a texture that sways, with a little sensor noise.
fn scene() -> Vec<VideoFrame> {
    let pattern = TestPattern::new(Resolution::HD);
    let mut noise = 1u32;
    (0..FRAMES)
        .map(|index| {
            let mut frame = pattern.draw(index as u32, time(index));
            let sway = ((index as f64 / 20.0).sin() * 12.0) as usize + 16;
            for (y, line) in frame.planes_mut().0.chunks_exact_mut(1_280).enumerate().skip(440) {
                for (x, luma) in line.iter_mut().enumerate() {
                    let wave = (((x + sway) as f32 / 9.0).sin() * ((y + sway / 2) as f32 / 13.0).cos() * 40.0)
                        as i32;
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *luma = (i32::from(*luma) / 2 + 60 + wave + (noise >> 30) as i32).clamp(16, 235) as u8;
                }
            }
            frame
        })
        .collect()
}
