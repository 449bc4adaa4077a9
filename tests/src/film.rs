//! What is seen and heard in a recording, by ffmpeg.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::sound::{Heard, RATE};

/// Pictures are looked at so often a second, however many there are: 2 ms.
const LOOKS: u32 = 500;
/// Of a picture that is scaled down to that.
const PIXELS: usize = 16;

/// How large the pictures of a recording are.
pub const SIZE: (usize, usize) = (1_280, 720);

/// The luma of so many pictures a second, each row of [`SIZE`] behind the other.
///
/// # Panics
/// When ffmpeg is not installed or complains.
pub fn pictures(path: &Path, per_second: u32) -> Vec<Vec<u8>> {
    let filter = format!("fps={per_second},format=gray");
    let pictures = decoded(path, &["-vf", &filter, "-an", "-f", "rawvideo"]);
    pictures.chunks_exact(SIZE.0 * SIZE.1).map(<[u8]>::to_vec).collect()
}

/// How loud each tenth of a second is: root mean square.
///
/// # Panics
/// When ffmpeg is not installed or complains.
pub fn loudness(path: &Path) -> Vec<f32> {
    let bytes = decoded(path, &["-vn", "-ac", "1", "-ar", "48000", "-f", "f32le"]);
    let samples: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let rms =
        |part: &[f32]| (part.iter().map(|sample| sample * sample).sum::<f32>() / part.len() as f32).sqrt();
    samples.chunks(4_800).map(rms).collect()
}

/// How long it is, by its sound.
///
/// # Panics
/// When ffmpeg is not installed or complains.
pub fn seconds(path: &Path) -> f64 {
    loudness(path).len() as f64 / 10.0
}

/// When each flash ([`crate::camera::Camera::of_flashes`]) begins, in seconds.
///
/// # Panics
/// When ffmpeg is not installed or complains.
pub fn flashes(path: &Path) -> Vec<f64> {
    let filter = format!("fps={LOOKS}:start_time=0,scale=4:4,format=gray");
    let pictures = decoded(path, &["-vf", &filter, "-an", "-f", "rawvideo"]);
    let bright = |picture: &[u8]| picture.iter().map(|&luma| usize::from(luma)).sum::<usize>() > 110 * PIXELS;
    let bright: Vec<bool> = pictures.chunks_exact(PIXELS).map(bright).collect();
    let begins = bright.windows(2).enumerate().filter(|(_, pair)| !pair[0] && pair[1]);
    begins.map(|(before, _)| (before + 1) as f64 / f64::from(LOOKS)).collect()
}

/// The size of every picture, and when it is shown, in seconds.
///
/// # Panics
/// When ffprobe is not installed or complains.
pub fn sizes(path: &Path) -> Vec<(f64, (u32, u32))> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time,width,height"])
        .args(["-of", "csv=print_section=0"])
        .arg(path)
        .output()
        .expect("ffprobe comes with ffmpeg");
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |line: &str| {
        let mut fields = line.trim_end_matches(',').split(',');
        let at = fields.next()?.parse().ok()?;
        Some((at, (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?)))
    };
    text.lines().filter_map(line).collect()
}

/// When each burst ([`crate::clips::bursts`]) begins, in seconds.
///
/// # Panics
/// When ffmpeg is not installed or complains.
pub fn bursts(path: &Path) -> Vec<f64> {
    let rate = RATE.to_string();
    let filter = "aresample=async=1:first_pts=0";
    let bytes = decoded(path, &["-vn", "-af", filter, "-ac", "1", "-ar", &rate, "-f", "f32le"]);
    let samples = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let heard = Heard { samples, began: Instant::now() };
    heard.onsets().iter().map(|onset| onset.duration_since(heard.began).as_secs_f64()).collect()
}

fn decoded(path: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(arguments)
        .arg("-")
        .output()
        .expect("ffmpeg is installed");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", path.display());
    output.stdout
}
