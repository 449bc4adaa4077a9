//! The sound of a call: what is heard of the others and what is said here, on one line of samples.
//!
//! Speaker and microphone have clocks of their own, and neither is the process's, by which pictures are placed. So what comes
//! of each is a lane: it lies end to end, and is stretched by a sample here and there when it is not where its times say.

use std::collections::VecDeque;
use std::time::Duration;

use tincan_media::MediaTime;
use tincan_media::audio::{AudioFrame, Mixer, SAMPLE_RATE, SAMPLES_PER_FRAME};

/// Samples in a packet: 20 ms.
pub(super) const PACKET: usize = 2 * SAMPLES_PER_FRAME;
/// Times of devices waver by their lumps; what is further off is a pause, or another device.
const JUMP: i64 = 4_800;
/// So slowly what is off is believed: in two seconds.
const SMOOTH: f64 = 1.0 / 200.0;
/// What is off by less stays: 2 ms, which nobody hears or sees.
const CLOSE: f64 = 96.0;
/// What is off by more is taken up faster: 15 ms.
const FAR: f64 = 720.0;
/// No device is this far ahead.
const AHEAD: Duration = Duration::from_secs(3);

/// What comes of one device.
#[derive(Debug, Default)]
struct Lane {
    /// Where the first of `samples` lies.
    begin: u64,
    samples: VecDeque<f32>,
    /// How far what comes lies behind where the lane ends, in samples, smoothed.
    off: f64,
    /// The sample before the next one.
    last: f32,
}

impl Lane {
    fn end(&self) -> u64 {
        self.begin + self.samples.len() as u64
    }

    /// Takes 10 ms that begin at `at`.
    fn take(&mut self, at: u64, frame: &[f32; SAMPLES_PER_FRAME]) {
        let off = at as i64 - self.end() as i64;
        if off < -JUMP {
            // A device that was replaced by a quicker one: both would be heard at once.
            return;
        }
        if off > JUMP || (self.samples.is_empty() && self.begin == 0) {
            self.off = 0.0;
            if self.samples.is_empty() {
                self.begin = at;
            } else {
                self.samples.extend(std::iter::repeat_n(0.0, off.max(0) as usize));
            }
        } else {
            self.off += (off as f64 - self.off) * SMOOTH;
        }
        let step = if self.off.abs() > FAR { 4 } else { usize::from(self.off.abs() > CLOSE) };
        let length = if self.off > 0.0 { SAMPLES_PER_FRAME + step } else { SAMPLES_PER_FRAME - step };
        self.off -= length as f64 - SAMPLES_PER_FRAME as f64;
        self.stretch(frame, length);
    }

    /// Adds a frame as so many samples.
    fn stretch(&mut self, frame: &[f32; SAMPLES_PER_FRAME], length: usize) {
        if length == SAMPLES_PER_FRAME {
            self.samples.extend(frame);
        } else {
            let sample = |at: usize| if at == 0 { self.last } else { frame[at - 1] };
            let step = SAMPLES_PER_FRAME as f32 / length as f32;
            // The frame's own last sample is the last one here, so the next frame goes on from it.
            let stretched = (1..=length).map(|n| {
                let at = n as f32 * step;
                let before = (at.floor() as usize).min(SAMPLES_PER_FRAME - 1);
                let share = at - before as f32;
                sample(before) + (sample(before + 1) - sample(before)) * share
            });
            let stretched: Vec<f32> = stretched.collect();
            self.samples.extend(stretched);
        }
        self.last = frame[SAMPLES_PER_FRAME - 1];
    }

    /// What lies from `from` on, in `into`; what is missing is silence.
    fn give(&mut self, from: u64, into: &mut [f32; SAMPLES_PER_FRAME]) {
        let late = from.saturating_sub(self.begin).min(self.samples.len() as u64);
        self.samples.drain(..late as usize);
        self.begin += late;
        let ahead = self.begin.saturating_sub(from).min(SAMPLES_PER_FRAME as u64) as usize;
        let here = self.samples.len().min(SAMPLES_PER_FRAME - ahead);
        into.fill(0.0);
        for (into, sample) in into[ahead..].iter_mut().zip(self.samples.drain(..here)) {
            *into = sample;
        }
        self.begin += here as u64;
    }
}

/// See the module's description.
pub(super) struct Sound {
    began: MediaTime,
    heard: Lane,
    said: Lane,
    mixer: Mixer,
    /// How many samples were given.
    given: u64,
}

impl Sound {
    /// What is given begins at `began`.
    pub(super) fn new(began: MediaTime) -> Self {
        Self { began, heard: Lane::default(), said: Lane::default(), mixer: Mixer::new(), given: 0 }
    }

    /// Takes what is heard of the others from its time on.
    pub(super) fn heard(&mut self, now: MediaTime, frame: &AudioFrame) {
        if let Some(at) = self.place(now, frame) {
            self.heard.take(at, &frame.samples);
        }
    }

    /// Takes what was said here at its time.
    pub(super) fn said(&mut self, now: MediaTime, frame: &AudioFrame) {
        if let Some(at) = self.place(now, frame) {
            self.said.take(at, &frame.samples);
        }
    }

    /// Where a frame lies, if that can be.
    fn place(&self, now: MediaTime, frame: &AudioFrame) -> Option<u64> {
        let near = frame.time.saturating_since(now) < AHEAD;
        (frame.time >= self.began && near).then(|| samples(frame.time.saturating_since(self.began)))
    }

    /// The next 20 ms, if all of it was before `until`.
    pub(super) fn next(&mut self, until: MediaTime) -> Option<[AudioFrame; 2]> {
        if samples(until.saturating_since(self.began)) < self.given + PACKET as u64 {
            return None;
        }
        Some([self.frame(), self.frame()])
    }

    fn frame(&mut self) -> AudioFrame {
        let mut frame = AudioFrame::silence(MediaTime::ZERO);
        for lane in [&mut self.heard, &mut self.said] {
            lane.give(self.given, &mut frame.samples);
            self.mixer.add(&frame, 1.0);
        }
        self.given += SAMPLES_PER_FRAME as u64;
        self.mixer.finish(MediaTime::ZERO).mono()
    }
}

/// So many samples are so long.
pub(super) const fn samples(time: Duration) -> u64 {
    (time.as_micros() * SAMPLE_RATE as u128 / 1_000_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: f64 = 0.01;

    fn at(seconds: f64) -> MediaTime {
        MediaTime::from_micros((seconds * 1e6) as u64)
    }

    /// 10 ms of a clock that runs at `speed`, with a click where a whole second of the process's clock begins.
    fn clicking(n: u64, speed: f64, waver: f64) -> AudioFrame {
        let began = n as f64 * FRAME / speed;
        let mut frame = AudioFrame::silence(at(began + waver));
        for (index, sample) in frame.samples.iter_mut().enumerate() {
            let time = began + index as f64 / 48_000.0 / speed;
            *sample = if time.fract() < 0.002 && time > 0.5 { 0.5 } else { 0.0 };
        }
        frame
    }

    /// All that is given of so many seconds.
    fn all(sound: &mut Sound, seconds: f64) -> Vec<f32> {
        let mut samples = Vec::new();
        while let Some(frames) = sound.next(at(seconds)) {
            samples.extend(frames.iter().flat_map(|frame| frame.samples));
        }
        samples
    }

    /// When something begins after silence, in seconds.
    fn onsets(samples: &[f32]) -> Vec<f64> {
        let mut quiet = 1_000;
        let mut found = Vec::new();
        for (n, sample) in samples.iter().enumerate() {
            if sample.abs() < 0.2 {
                quiet += 1;
            } else {
                if quiet >= 1_000 {
                    found.push(n as f64 / 48_000.0);
                }
                quiet = 0;
            }
        }
        found
    }

    #[test]
    fn clocks_that_drift_stay_in_step() {
        for speed in [1.0 - 200e-6, 1.0, 1.0 + 200e-6] {
            let mut sound = Sound::new(MediaTime::ZERO);
            let (mut clicks, mut told) = (Vec::new(), 0);
            for n in 0..120_000u64 {
                // Devices take sound in lumps of 40 ms.
                let frame = clicking(n, speed, f64::from(n as u32 % 4) * -0.005);
                sound.heard(frame.time, &frame);
                if n.is_multiple_of(100) {
                    let samples = all(&mut sound, n as f64 * FRAME - 1.0);
                    clicks.extend(onsets(&samples).iter().map(|on| told as f64 / 48_000.0 + on));
                    told += samples.len();
                }
            }
            assert!(clicks.len() > 1_150, "{}", clicks.len());
            let worst = clicks.iter().map(|on| (on - on.round()).abs()).fold(0.0, f64::max);
            assert!(worst < 0.015, "{speed}: {worst}");
        }
    }

    #[test]
    fn what_is_heard_and_what_is_said_lie_where_they_were_and_together() {
        let mut sound = Sound::new(at(10.0));
        let mut tone = |seconds: f64, level: f32, ours: bool| {
            let mut frame = AudioFrame::silence(at(seconds));
            frame.samples.fill(level);
            if ours { sound.said(at(seconds), &frame) } else { sound.heard(at(seconds), &frame) }
        };
        // From before it began nothing is taken.
        tone(9.95, 0.3, false);
        for n in 0..50 {
            tone(10.5 + f64::from(n) * FRAME, 0.3, false);
            tone(10.75 + f64::from(n) * FRAME, 0.2, true);
        }
        let samples = all(&mut sound, 12.0);
        let level = |seconds: f64| samples[(seconds * 48_000.0) as usize];
        for (seconds, wanted) in [(0.1, 0.0), (0.6, 0.3), (0.8, 0.5), (1.1, 0.2), (1.5, 0.0)] {
            assert!((level(seconds) - wanted).abs() < 1e-3, "{seconds}: {}", level(seconds));
        }
        assert_eq!(samples.len(), 96_000);
    }

    #[test]
    fn a_microphone_that_is_muted_is_silent_and_goes_on_in_its_place() {
        let mut sound = Sound::new(MediaTime::ZERO);
        for n in (0..100u64).chain(300..400) {
            let mut frame = AudioFrame::silence(at(n as f64 * FRAME));
            frame.samples.fill(0.4);
            sound.said(frame.time, &frame);
        }
        let samples = all(&mut sound, 5.0);
        let loud = |seconds: f64| samples[(seconds * 48_000.0) as usize] > 0.3;
        let seen: Vec<bool> = [0.5, 0.98, 1.02, 2.98, 3.02, 3.98, 4.02].into_iter().map(loud).collect();
        assert_eq!(seen, [true, true, false, false, true, true, false]);
    }

    #[test]
    fn a_time_of_another_day_and_a_device_that_jumps_back_do_no_harm() {
        let mut sound = Sound::new(MediaTime::ZERO);
        let frame = |seconds: f64| AudioFrame::silence(at(seconds));
        sound.heard(at(1.0), &frame(1.0));
        sound.heard(at(1.0), &frame(90_000.0));
        sound.heard(at(1.0), &frame(0.2));
        assert_eq!(all(&mut sound, 2.0).len(), 96_000);
        assert!(sound.heard.samples.len() < 48_000);
    }

    #[test]
    fn a_frame_is_stretched_without_a_break() {
        let mut lane = Lane { begin: 1, ..Lane::default() };
        let ramp = |n: usize| std::array::from_fn(|index| ((n * SAMPLES_PER_FRAME + index) as f32) * 1e-4);
        lane.stretch(&ramp(0), SAMPLES_PER_FRAME);
        lane.stretch(&ramp(1), SAMPLES_PER_FRAME + 1);
        lane.stretch(&ramp(2), SAMPLES_PER_FRAME - 4);
        let samples: Vec<f32> = lane.samples.iter().copied().collect();
        assert!(samples.windows(2).all(|pair| (0.9e-4..1.1e-4).contains(&(pair[1] - pair[0]))));
        assert_eq!(samples.len(), 3 * SAMPLES_PER_FRAME - 3);
    }
}
