//! Microphones and speakers that are no devices: a tone, files, nothing. They keep time by the clock, as devices do.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use hound::{SampleFormat, WavSpec, WavWriter};
use tincan_media::audio::{
    AudioFrame, ChannelSelector, FRAME_DURATION, SAMPLE_RATE, SAMPLES_PER_FRAME, StereoFrame,
};
use tincan_media::{AudioInput, AudioOutput, DeviceError, MediaClock};

use super::resample::Resampler;
use super::wav::{Found, WavFile};

/// Who falls this far behind (a suspended machine, a debugger) goes on from now instead of catching up in a burst.
const MAX_BEHIND: u64 = 20;
/// -20 dBFS, the level of a test tone (EBU R 68 has -18, SMPTE RP 155 -20): a sine's peak is 3 dB above its RMS.
pub(super) const TONE_AMPLITUDE: f32 = 0.141;
/// Two frames wait in a file or in nothing: as little as a device could have.
const TARGET_FRAMES: u64 = 2;
/// The recorder's header is right every half second, so that a killed program leaves a file that plays.
const FRAMES_PER_FLUSH: u64 = 50;

/// Counts 10 ms frames on the clock.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    frames: u64,
}

impl Pace {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, frames: 0 }
    }

    fn elapsed(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.start).as_millis() / FRAME_DURATION.as_millis()) as u64
    }

    fn at(&self, frame: u64) -> Instant {
        self.start + Duration::from_millis(10 * frame)
    }

    /// When the next frame began, if it is complete at `now`.
    pub(super) fn next_captured(&mut self, now: Instant) -> Option<Instant> {
        let elapsed = self.elapsed(now);
        if elapsed > self.frames + MAX_BEHIND {
            self.frames = elapsed - 1;
        }
        let begun = self.at(self.frames);
        (elapsed > self.frames).then(|| {
            self.frames += 1;
            begun
        })
    }

    /// How many frames are missing at `now` so that `TARGET_FRAMES` wait.
    fn wanted(&mut self, now: Instant) -> usize {
        let elapsed = self.elapsed(now);
        if elapsed > self.frames + MAX_BEHIND {
            self.frames = elapsed;
        }
        (elapsed + TARGET_FRAMES).saturating_sub(self.frames) as usize
    }

    fn waiting(&self, now: Instant) -> Duration {
        self.at(self.frames).saturating_duration_since(now)
    }
}

/// No microphone: nothing ever comes.
pub(super) struct NoMicrophone;

impl AudioInput for NoMicrophone {
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError> {
        Ok(None)
    }
}

/// A sine.
pub(super) struct Tone {
    clock: MediaClock,
    pace: Pace,
    step: f32,
    phase: f32,
}

impl Tone {
    pub(super) fn new(hertz: u32, clock: MediaClock) -> Self {
        Self { clock, pace: Pace::new(Instant::now()), step: hertz as f32 / SAMPLE_RATE as f32, phase: 0.0 }
    }

    fn read_at(&mut self, now: Instant) -> Option<AudioFrame> {
        let mut frame = AudioFrame::silence(self.clock.at(self.pace.next_captured(now)?));
        for sample in &mut frame.samples {
            *sample = TONE_AMPLITUDE * (TAU * self.phase).sin();
            self.phase = (self.phase + self.step).fract();
        }
        Some(frame)
    }
}

impl AudioInput for Tone {
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError> {
        Ok(self.read_at(Instant::now()))
    }
}

/// A WAV file, again and again, or a pipe that one comes through, once; any rate, any number of channels.
pub(super) struct WavLoop {
    clock: MediaClock,
    pace: Pace,
    path: String,
    file: WavFile,
    /// Nothing was read since its beginning.
    begins: bool,
    selector: ChannelSelector,
    resampler: Resampler,
    ready: VecDeque<f32>,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
}

impl WavLoop {
    pub(super) fn open(path: &Path, clock: MediaClock) -> Result<Self, DeviceError> {
        let shown = path.display().to_string();
        let refuse = |detail: String| DeviceError::File { path: shown.clone(), detail };
        let file = WavFile::open(path).map_err(refuse)?;
        let resampler = Resampler::new(file.rate(), SAMPLE_RATE, 1)
            .map_err(|_| refuse(format!("its rate of {} Hz cannot be converted", file.rate())))?;
        Ok(Self {
            clock,
            pace: Pace::new(Instant::now()),
            path: shown,
            selector: ChannelSelector::new(file.channels(), file.rate()),
            file,
            begins: true,
            resampler,
            ready: VecDeque::new(),
            interleaved: Vec::new(),
            mono: Vec::new(),
        })
    }

    fn read_at(&mut self, now: Instant) -> Result<Option<AudioFrame>, DeviceError> {
        let Some(begun) = self.pace.next_captured(now) else { return Ok(None) };
        while self.ready.len() < SAMPLES_PER_FRAME {
            let more = self
                .refill()
                .map_err(|error| DeviceError::File { path: self.path.clone(), detail: error.to_string() })?;
            if !more {
                break;
            }
        }
        let mut frame = AudioFrame::silence(self.clock.at(begun));
        // A pipe that has nothing, or nothing more, is silent.
        let length = self.ready.len().min(SAMPLES_PER_FRAME);
        for (slot, sample) in frame.samples.iter_mut().zip(self.ready.drain(..length)) {
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
        self.mono.clear();
        self.selector.process(&self.interleaved, &mut self.mono);
        self.resampler.process(&self.mono, &mut self.ready);
        Ok(true)
    }
}

impl AudioInput for WavLoop {
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError> {
        self.read_at(Instant::now())
    }
}

/// Plays into nowhere, at the right pace.
pub(super) struct NoSpeaker {
    pace: Pace,
}

impl NoSpeaker {
    pub(super) fn new() -> Self {
        Self { pace: Pace::new(Instant::now()) }
    }
}

impl AudioOutput for NoSpeaker {
    fn wanted(&mut self) -> Result<usize, DeviceError> {
        Ok(self.pace.wanted(Instant::now()))
    }

    fn write(&mut self, _frame: &StereoFrame) {
        self.pace.frames += 1;
    }

    fn latency(&self) -> Duration {
        self.pace.waiting(Instant::now())
    }
}

/// Records what is played as 16-bit stereo WAV at 48 kHz.
pub(super) struct WavRecorder {
    pace: Pace,
    path: String,
    writer: WavWriter<std::io::BufWriter<File>>,
    failed: Option<String>,
}

impl WavRecorder {
    pub(super) fn create(path: &Path) -> Result<Self, DeviceError> {
        let spec = WavSpec {
            channels: 2,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let shown = path.display().to_string();
        let refuse = |error: hound::Error| DeviceError::File { path: shown.clone(), detail: explain(&error) };
        let mut writer = WavWriter::create(path, spec).map_err(refuse)?;
        writer.flush().map_err(refuse)?;
        Ok(Self { pace: Pace::new(Instant::now()), path: shown, writer, failed: None })
    }

    fn record(&mut self, frame: &StereoFrame) -> Result<(), hound::Error> {
        for sample in frame.samples.as_flattened() {
            self.writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16)?;
        }
        if self.pace.frames.is_multiple_of(FRAMES_PER_FLUSH) {
            self.writer.flush()?;
        }
        Ok(())
    }
}

impl AudioOutput for WavRecorder {
    fn wanted(&mut self) -> Result<usize, DeviceError> {
        match &self.failed {
            Some(detail) => Err(DeviceError::File { path: self.path.clone(), detail: detail.clone() }),
            None => Ok(self.pace.wanted(Instant::now())),
        }
    }

    fn write(&mut self, frame: &StereoFrame) {
        self.pace.frames += 1;
        if let Err(error) = self.record(frame) {
            self.failed = Some(explain(&error));
        }
    }

    fn latency(&self) -> Duration {
        self.pace.waiting(Instant::now())
    }
}

/// What is wrong with a WAV file, for a person.
fn explain(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file ends in the middle".into()
        }
        hound::Error::IoError(error) => error.to_string(),
        hound::Error::FormatError(detail) => format!("it is no WAV file ({detail})"),
        hound::Error::Unsupported => "this kind of WAV file is not supported; use PCM".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
#[path = "twins_tests.rs"]
mod tests;
