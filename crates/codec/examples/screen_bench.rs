//! What a shared screen costs and how late it is: `cargo run -p tincan-codec --example screen_bench`.
//!
//! Encodes the drawn screen for the camera and for the screen at several rates over a path that carries just that rate.
//! Pictures are made only when something changed or is still to be refined, and only when the path has room: as the
//! engine does. Prints processor time (on Linux), and how long changes took until they were over there.

use std::time::Duration;

use tincan_codec::{Content, H264Decoder, H264Encoder};
use tincan_media::ports::{VideoDecoder, VideoEncoder};
use tincan_media::video::{Resolution, TextScreen, VideoFrame, text_screen};
use tincan_media::{Bitrate, MediaTime};

const STEP: f64 = 1.0 / text_screen::STEPS_PER_SECOND as f64;
/// What may wait for the path before the next picture is made.
const MAX_WAITING: f64 = 0.1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "{:>8} {:>6} {:>7} {:>7} {:>8} {:>22} {:>22} {:>22} {:>9}",
        "content",
        "kbit/s",
        "sent",
        "pics",
        "ms/pic",
        "page turn mean/max ms",
        "scroll mean/max ms",
        "typing mean/max ms",
        "legible"
    );
    for kbps in [300, 600, 1_000, 1_500, 2_500] {
        for content in [Content::Camera, Content::Screen] {
            run(content, kbps)?;
        }
    }
    Ok(())
}

fn run(content: Content, kbps: u64) -> Result<(), Box<dyn std::error::Error>> {
    let size = Resolution::new(1_920, 1_080);
    let mut screen = TextScreen::new(size, false);
    let mut encoder = H264Encoder::of(content, Bitrate::kbps(kbps), text_screen::STEPS_PER_SECOND as f32);
    let mut decoder = H264Decoder::new();
    let mut path_free_at = 0.0f64;
    let mut latest: Option<VideoFrame> = None;
    let (mut fresh, mut small) = (false, 0);
    let (mut changed, mut bytes, mut pictures, mut spent) = (0.0, 0, 0, Duration::ZERO);
    let mut delays: [Vec<f64>; 3] = Default::default();
    let (mut legible_after, stood_since) = ([f64::NAN; 2], [0.0, 4.0]);
    for step in 0..600u32 {
        let now = f64::from(step) * STEP;
        let time = MediaTime::from_micros((now * 1e6) as u64);
        if let Some(frame) = screen.draw(Duration::from_secs_f64(now), time, 0) {
            latest = Some(frame);
            if !fresh {
                changed = now;
            }
            (fresh, small) = (true, 0);
        }
        let Some(frame) = &latest else { continue };
        if (path_free_at - now) > MAX_WAITING || (!fresh && small >= 2) {
            continue;
        }
        let begin = cpu();
        let unit = encoder.encode(&frame.clone().at(time), false)?;
        spent += cpu().saturating_sub(begin);
        let Some(unit) = unit else { continue };
        pictures += 1;
        bytes += unit.data.len();
        path_free_at = path_free_at.max(now) + unit.data.len() as f64 * 8.0 / (kbps as f64 * 1e3);
        let phase = match step % 300 {
            0..=1 | 60..=70 => Some(0),
            120..=170 => Some(1),
            225..=275 => Some(2),
            _ => None,
        };
        if let (true, Some(phase)) = (fresh, phase) {
            delays[phase].push((path_free_at - changed) * 1e3);
        }
        fresh = false;
        small = if unit.data.len() < 1_500 { small + 1 } else { 0 };
        let decoded = decoder.decode(&unit)?.ok_or("no picture")?;
        for (page, after) in legible_after.iter_mut().enumerate() {
            if after.is_nan()
                && (stood_since[page]..stood_since[page] + 4.0).contains(&now)
                && text_screen::legible(&decoded).is_some_and(|(right, all)| right == all)
            {
                *after = path_free_at - stood_since[page];
            }
        }
    }
    let show = |delays: &[f64]| {
        let mean = delays.iter().sum::<f64>() / delays.len().max(1) as f64;
        format!("{mean:.0}/{:.0} ({})", delays.iter().copied().fold(0.0, f64::max), delays.len())
    };
    println!(
        "{:>8} {kbps:>6} {:>7.0} {pictures:>7} {:>8.1} {:>22} {:>22} {:>22} {:>4.2} {:>4.2}",
        format!("{content:?}"),
        bytes as f64 * 8.0 / (600.0 * STEP) / 1e3,
        spent.as_secs_f64() * 1e3 / f64::from(pictures.max(1)),
        show(&delays[0]),
        show(&delays[1]),
        show(&delays[2]),
        legible_after[0],
        legible_after[1]
    );
    Ok(())
}

/// The processor time of this thread: what is measured must not depend on who else uses the machine.
fn cpu() -> Duration {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .map_or(Duration::ZERO, Duration::from_nanos)
}
