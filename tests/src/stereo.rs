//! Two tones, one at each side, and whether they are heard there.

use std::f32::consts::TAU;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{interval, timeout};

use crate::process::PATIENCE;

const RATE: usize = 48_000;

/// Writes a stereo file with a tone of `left` Hz at the left and one of `right` Hz at the right.
///
/// # Panics
/// When the file cannot be written.
pub fn tones(path: &Path, left: f32, right: f32, seconds: usize) {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("the test's folder can be written");
    for n in 0..RATE * seconds {
        for hertz in [left, right] {
            let sample = 0.2 * (TAU * hertz * n as f32 / RATE as f32).sin();
            file.write_sample((sample * f32::from(i16::MAX)) as i16).expect("the disk has room");
        }
    }
    file.finalize().expect("the disk has room");
}

/// Writes a file with a tone in syllables, four a second, which noise suppression takes for a voice.
///
/// # Panics
/// When the file cannot be written.
pub fn syllables(path: &Path, hertz: f32, seconds: usize) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("the test's folder can be written");
    for n in 0..RATE * seconds {
        let time = n as f32 / RATE as f32;
        let sample = 0.4 * (TAU * hertz * time).sin() * (TAU * 4.0 * time).sin().max(0.0);
        file.write_sample((sample * f32::from(i16::MAX)) as i16).expect("the disk has room");
    }
    file.finalize().expect("the disk has room");
}

/// What `--speaker file:PATH` records.
pub struct Recording(PathBuf);

/// A piece of it: left and right.
pub struct Piece([Vec<f32>; 2]);

impl Recording {
    /// Of this file.
    pub fn of(path: PathBuf) -> Self {
        Self(path)
    }

    /// As an option's value.
    pub fn selector(&self) -> String {
        format!("file:{}", self.0.display())
    }

    /// The last half second of what is in it by now; `None`: there is less.
    fn newest(&self) -> Option<Piece> {
        const PIECE: u32 = RATE as u32 / 2;
        let mut file = hound::WavReader::open(&self.0).ok()?;
        assert_eq!(file.spec().channels, 2, "a speaker has two sides");
        file.seek(file.duration().checked_sub(PIECE)?).ok()?;
        let samples: Vec<f32> =
            file.samples::<i16>().map_while(Result::ok).map(|sample| f32::from(sample) / 32_768.0).collect();
        let side = |channel: usize| samples.chunks_exact(2).map(|both| both[channel]).collect();
        Some(Piece([side(0), side(1)]))
    }

    /// Returns when half a second of which `holds` is true has been heard.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until(&self, what: &str, holds: impl Fn(&Piece) -> bool) {
        let mut told = String::new();
        let heard = async {
            let mut pause = interval(Duration::from_millis(250));
            loop {
                pause.tick().await;
                let Some(piece) = self.newest() else { continue };
                told = piece.tell();
                if holds(&piece) {
                    return;
                }
            }
        };
        let in_time = timeout(PATIENCE, heard).await.is_ok();
        assert!(in_time, "{what} is not heard, but {told}");
    }
}

impl Piece {
    /// How much of a tone is at the left and at the right, as an amplitude.
    pub fn of(&self, hertz: f32) -> [f32; 2] {
        [amount(&self.0[0], hertz), amount(&self.0[1], hertz)]
    }

    /// Whether a tone is heard at one side alone.
    pub fn only_at(&self, side: usize, hertz: f32) -> bool {
        let of = self.of(hertz);
        of[side] > 0.05 && of[1 - side] < of[side] / 8.0
    }

    /// Whether a tone is heard at both sides alike.
    pub fn at_both(&self, hertz: f32) -> bool {
        let [left, right] = self.of(hertz);
        left > 0.02 && (left - right).abs() < left / 4.0
    }

    /// Whether nothing of a tone is heard.
    pub fn without(&self, hertz: f32) -> bool {
        self.of(hertz).iter().all(|amount| *amount < 0.002)
    }

    fn tell(&self) -> String {
        [440.0, 660.0, 1_000.0].map(|hertz| format!("{hertz} Hz {:.3?}", self.of(hertz))).join(", ")
    }
}

/// How much of a tone is in sound (Goertzel's question, answered plainly), as an amplitude; a window keeps others out.
pub fn amount(samples: &[f32], hertz: f32) -> f32 {
    let length = samples.len().max(1) as f32;
    let (mut re, mut im) = (0.0f64, 0.0f64);
    for (n, sample) in samples.iter().enumerate() {
        let window = 1.0 - (TAU * n as f32 / length).cos();
        let phase = f64::from(hertz) * n as f64 / RATE as f64 * std::f64::consts::TAU;
        re += f64::from(sample * window) * phase.cos();
        im += f64::from(sample * window) * phase.sin();
    }
    (2.0 * re.hypot(im) / f64::from(length)) as f32
}
