//! Sound to share that no program plays: two tones, or a file.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::path::Path;
use std::time::Instant;

use tincan_media::audio::{SAMPLE_RATE, SAMPLES_PER_FRAME, Sample, Stereo, StereoFrame};
use tincan_media::{DeviceError, MediaClock, SharedSound, SharedSoundError};

use crate::audio::resample::Resampler;
use crate::audio::twins::{Pace, TONE_AMPLITUDE};
use crate::audio::wav::{Found, WavFile};

/// A sine on each side.
pub(super) struct Tones {
    clock: MediaClock,
    pace: Pace,
    step: Stereo,
    phase: Stereo,
}

impl Tones {
    pub(super) fn new(left: u32, right: u32, clock: MediaClock) -> Self {
        let step = [left, right].map(|hertz| hertz as f32 / SAMPLE_RATE as f32);
        Self { clock, pace: Pace::new(Instant::now()), step, phase: Stereo::SILENCE }
    }

    fn read_at(&mut self, now: Instant) -> Option<StereoFrame> {
        let mut frame = StereoFrame::silence(self.clock.at(self.pace.next_captured(now)?));
        for sample in &mut frame.samples {
            *sample = self.phase.map(|phase| TONE_AMPLITUDE * (TAU * phase).sin());
            self.phase = self.phase.plus(self.step).map(f32::fract);
        }
        Some(frame)
    }
}

impl SharedSound for Tones {
    fn read(&mut self) -> Result<Option<StereoFrame>, SharedSoundError> {
        Ok(self.read_at(Instant::now()))
    }
}

/// A WAV file, again and again. Of more than two channels the first two are heard; a single one is on both sides.
pub(super) struct StereoFile {
    clock: MediaClock,
    pace: Pace,
    path: String,
    file: WavFile,
    /// Nothing was read since its beginning.
    begins: bool,
    resampler: Resampler,
    ready: VecDeque<f32>,
    interleaved: Vec<f32>,
    stereo: Vec<Stereo>,
}

impl StereoFile {
    pub(super) fn open(path: &Path, clock: MediaClock) -> Result<Self, DeviceError> {
        let shown = path.display().to_string();
        let refuse = |detail: String| DeviceError::File { path: shown.clone(), detail };
        let file = WavFile::open(path).map_err(refuse)?;
        let resampler = Resampler::new(file.rate(), SAMPLE_RATE, Stereo::CHANNELS)
            .map_err(|_| refuse(format!("its rate of {} Hz cannot be converted", file.rate())))?;
        Ok(Self {
            clock,
            pace: Pace::new(Instant::now()),
            path: shown,
            file,
            begins: true,
            resampler,
            ready: VecDeque::new(),
            interleaved: Vec::new(),
            stereo: Vec::new(),
        })
    }

    fn read_at(&mut self, now: Instant) -> Result<Option<StereoFrame>, DeviceError> {
        let Some(begun) = self.pace.next_captured(now) else { return Ok(None) };
        while self.ready.len() < SAMPLES_PER_FRAME * Stereo::CHANNELS {
            let more = self
                .refill()
                .map_err(|error| DeviceError::File { path: self.path.clone(), detail: error.to_string() })?;
            if !more {
                break;
            }
        }
        let mut frame = StereoFrame::silence(self.clock.at(begun));
        let slots = Stereo::interleaved_mut(&mut frame.samples);
        // A pipe that has nothing, or nothing more, is silent.
        let length = self.ready.len().min(slots.len());
        for (slot, sample) in slots.iter_mut().zip(self.ready.drain(..length)) {
            *slot = sample;
        }
        Ok(Some(frame))
    }

    /// Reads about 10 ms from the file, from its beginning again at its end; whether there may be more.
    fn refill(&mut self) -> std::io::Result<bool> {
        self.interleaved.clear();
        let found = self.file.read((self.file.rate() as usize / 100).max(1), &mut self.interleaved)?;
        match found {
            Found::Sound => self.begins = false,
            Found::Nothing => return Ok(false),
            // Somebody emptied it meanwhile.
            Found::End if self.begins => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Found::End => {
                self.begins = self.file.rewind()?;
                return Ok(self.begins);
            }
        }
        let frames = self.interleaved.chunks_exact(self.file.channels());
        self.stereo.clear();
        self.stereo.extend(frames.map(|frame| match *frame {
            [only] => [only; 2],
            [left, right, ..] => [left, right],
            [] => Stereo::SILENCE,
        }));
        self.resampler.process(self.stereo.as_flattened(), &mut self.ready);
        Ok(true)
    }
}

impl SharedSound for StereoFile {
    fn read(&mut self) -> Result<Option<StereoFrame>, SharedSoundError> {
        Ok(self.read_at(Instant::now())?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn crossings(samples: &[Stereo], channel: usize) -> usize {
        samples.windows(2).filter(|pair| pair[0][channel] <= 0.0 && pair[1][channel] > 0.0).count()
    }

    #[test]
    fn tones_come_at_the_clocks_pace_each_on_its_side() {
        let start = Instant::now();
        let mut tones = Tones::new(500, 1_000, MediaClock::new(start));
        tones.pace = Pace::new(start);
        assert!(tones.read_at(start + Duration::from_millis(9)).is_none());
        let mut samples = Vec::new();
        for n in 1..=100 {
            let frame = tones.read_at(start + Duration::from_millis(10 * n)).unwrap();
            assert_eq!(frame.time.as_micros(), (n - 1) * 10_000);
            samples.extend(frame.samples);
        }
        assert!(crossings(&samples, 0).abs_diff(500) <= 1 && crossings(&samples, 1).abs_diff(1_000) <= 1);
    }

    #[test]
    fn a_files_sides_stay_where_they_are() {
        let path = std::env::temp_dir().join(format!("tincan-stereo-{}.wav", std::process::id()));
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for n in 0..44_100 {
            let sine = (TAU * 441.0 * n as f32 / 44_100.0).sin();
            writer.write_sample((sine * 16_000.0) as i16).unwrap();
            writer.write_sample(0i16).unwrap();
        }
        writer.finalize().unwrap();
        let start = Instant::now();
        let mut file = StereoFile::open(&path, MediaClock::new(start)).unwrap();
        file.pace = Pace::new(start);
        let mut samples = Vec::new();
        for n in 1..=200 {
            samples.extend(file.read_at(start + Duration::from_millis(10 * n)).unwrap().unwrap().samples);
        }
        std::fs::remove_file(&path).unwrap();
        // The filter rings before its first sound.
        let heard = crossings(&samples[SAMPLES_PER_FRAME..], 0);
        assert!(heard.abs_diff(441 * 199 / 100) <= 2, "{heard}");
        assert!(samples.iter().all(|both| both[1] == 0.0));
    }
}
