//! Clips for cameras and microphones, made when a test needs them.

use std::f32::consts::TAU;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use tincan_media::MediaTime;
use tincan_media::video::{Resolution, TestPattern};

/// A y4m clip of the stamped test pattern: `frames` pictures at 30 a second.
///
/// # Panics
/// When the file cannot be written.
pub fn y4m(path: &Path, resolution: Resolution, frames: u32) {
    y4m_at(path, resolution, frames, 30);
}

/// The same with so many pictures a second.
///
/// # Panics
/// When the file cannot be written.
pub fn y4m_at(path: &Path, resolution: Resolution, frames: u32, rate: u32) {
    let mut file = BufWriter::new(File::create(path).expect("the test's folder can be written"));
    let (width, height) = (resolution.width, resolution.height);
    let pattern = TestPattern::new(resolution);
    writeln!(file, "YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420jpeg").expect("the disk has room");
    for counter in 0..frames {
        let time = MediaTime::from_micros(u64::from(counter) * u64::from(1_000_000 / rate));
        let frame = pattern.draw(counter, time);
        file.write_all(b"FRAME\n").and_then(|()| file.write_all(frame.data())).expect("the disk has room");
    }
    file.flush().expect("the disk has room");
}

/// A short syllable every second, and silence in between, to hear when each one begins.
///
/// # Panics
/// When the file cannot be written.
pub fn bursts(path: &Path, seconds: u32) {
    voice(path, seconds, |time| if time % 1.0 < 0.15 { 1.0 } else { 0.0 });
}

/// Something that a voice detector takes for speech: a buzz of 140 Hz with overtones, in syllables, with pauses.
///
/// # Panics
/// When the file cannot be written.
pub fn speech(path: &Path, seconds: u32) {
    voice(path, seconds, |time| {
        // Four syllables a second, and a breath every other second.
        (TAU * 4.0 * time).sin().max(0.0) * if time % 2.0 < 1.6 { 1.0 } else { 0.0 }
    });
}

/// A voice that is as loud as `loudness` says of each moment.
fn voice(path: &Path, seconds: u32, loudness: impl Fn(f32) -> f32) {
    const RATE: u32 = 48_000;
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("the test's folder can be written");
    for n in 0..RATE * seconds {
        let time = n as f32 / RATE as f32;
        let buzz: f32 = (1..12).map(|k| (TAU * 140.0 * k as f32 * time).sin() / k as f32).sum();
        let sample = buzz * loudness(time) * 0.2;
        file.write_sample((sample * f32::from(i16::MAX)) as i16).expect("the disk has room");
    }
    file.finalize().expect("the disk has room");
}

/// How loud a recorded file is: the root mean square of each 100 ms.
///
/// # Panics
/// When it is no WAV file.
pub fn loudness(path: &Path) -> Vec<f32> {
    envelope(path, 10)
}

/// How much what was heard sounds like what was said over and over, by how loudness rises and falls in the two seconds
/// that are most alike: 1 for the same, about 0 for something else. More would tell how busy this machine is.
///
/// # Panics
/// When one of them is no WAV file, or less was heard.
pub fn likeness(said: &Path, heard: &Path) -> f32 {
    // A syllable is six of these, two seconds are a hundred.
    let (said, heard) = (envelope(said, 50), envelope(heard, 50));
    let windows: Vec<&[f32]> = heard.windows(100).step_by(25).collect();
    assert!(!windows.is_empty(), "only {} s were heard", heard.len() / 50);
    let like = |start: usize| {
        let said: Vec<f32> = said.iter().cycle().skip(start).take(100).copied().collect();
        windows.iter().map(move |heard| correlation(&said, heard)).fold(0.0, f32::max)
    };
    (0..said.len()).map(like).fold(0.0, f32::max)
}

/// Pearson's.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |x: &[f32], mean_x: f32, y: &[f32], mean_y: f32| {
        x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f32>()
    };
    product(a, mean_a, b, mean_b) / (product(a, mean_a, a, mean_a) * product(b, mean_b, b, mean_b)).sqrt()
}

fn envelope(path: &Path, per_second: u32) -> Vec<f32> {
    let mut file = hound::WavReader::open(path).expect("the recording can be read");
    let spec = file.spec();
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => file.samples::<f32>().map_while(Result::ok).collect(),
        hound::SampleFormat::Int => {
            let full = (1u32 << (spec.bits_per_sample - 1)) as f32;
            file.samples::<i32>().map_while(Result::ok).map(|sample| sample as f32 / full).collect()
        }
    };
    let block = (spec.sample_rate / per_second) as usize * usize::from(spec.channels);
    samples
        .chunks(block)
        .map(|block| (block.iter().map(|s| s * s).sum::<f32>() / block.len() as f32).sqrt())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_like_itself_and_unlike_another_rhythm() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (said, other) = (folder.path().join("said.wav"), folder.path().join("other.wav"));
        speech(&said, 4);
        let mut reader = hound::WavReader::open(&said).expect("it was written");
        let mut writer = hound::WavWriter::create(&other, reader.spec()).expect("the folder can be written");
        // Half as fast: every sample twice.
        for sample in reader.samples::<i16>().map_while(Result::ok) {
            writer
                .write_sample(sample)
                .and_then(|()| writer.write_sample(sample))
                .expect("the disk has room");
        }
        writer.finalize().expect("the disk has room");
        assert!(likeness(&said, &said) > 0.99);
        assert!(likeness(&said, &other) < 0.6, "{}", likeness(&said, &other));
    }
}
