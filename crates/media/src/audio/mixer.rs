//! Sums the participants into what the speaker plays.

use super::frame::{Frame, SAMPLES_PER_FRAME, Sample, Stereo, StereoFrame};
use crate::time::MediaTime;

/// Peaks stay below this: -1 dBFS leaves the device's own resampler room to overshoot (EBU R 128 asks for the same).
const CEILING: f32 = 0.89;
/// The limiter works in steps of 1 ms, as libwebrtc's AGC2 limiter about does (it has 20 in 10 ms).
const STEP: usize = 48;
/// Back to full gain at this share of the remaining way for each step: -63% in 100 ms, so speech does not pump.
const RELEASE: f32 = 0.01;

/// Sums any number of participants, each at its own volume, and limits the sum softly: both channels by the same gain, so
/// that what is loud at the left does not move to the right. A voice is on both channels.
///
/// For every 10 ms: [`Mixer::add`] for each participant, then [`Mixer::finish`].
#[derive(Debug, Clone)]
pub struct Mixer {
    sum: [Stereo; SAMPLES_PER_FRAME],
    gain: f32,
}

impl Default for Mixer {
    fn default() -> Self {
        Self::new()
    }
}

impl Mixer {
    /// A mixer with nothing in it.
    pub const fn new() -> Self {
        Self { sum: [Stereo::SILENCE; SAMPLES_PER_FRAME], gain: 1.0 }
    }

    /// Adds one participant's 10 ms at `volume` (1 is unchanged; values below 0 count as 0).
    pub fn add<S: Sample>(&mut self, frame: &Frame<S>, volume: f32) {
        let volume = if volume.is_finite() { volume.max(0.0) } else { 0.0 };
        for (sum, sample) in self.sum.iter_mut().zip(&frame.samples) {
            // A decoder's broken sample must not silence everybody else for good.
            if sample.peak().is_finite() {
                *sum = sum.plus(sample.scaled(volume).stereo());
            }
        }
    }

    /// The limited sum of all that was added since the last call, to be played at `time`.
    pub fn finish(&mut self, time: MediaTime) -> StereoFrame {
        let mut frame = StereoFrame::silence(time);
        for (input, output) in self.sum.chunks_exact(STEP).zip(frame.samples.chunks_exact_mut(STEP)) {
            let peak = input.iter().fold(0.0f32, |peak, sample| peak.max(sample.peak()));
            let wanted = if peak > CEILING { CEILING / peak } else { 1.0 };
            let end = if wanted < self.gain { wanted } else { self.gain + (wanted - self.gain) * RELEASE };
            // Falling gain acts from the start of the step (there is no look-ahead): the ramp would let the peak through.
            let start = if end < self.gain { (end + self.gain) / 2.0 } else { self.gain };
            for (index, (output, input)) in output.iter_mut().zip(input).enumerate() {
                let gain = start + (end - start) * (index + 1) as f32 / STEP as f32;
                *output = input.scaled(gain).map(soft_clip);
            }
            self.gain = end;
        }
        self.sum = [Stereo::SILENCE; SAMPLES_PER_FRAME];
        frame
    }
}

/// Leaves everything below the ceiling as it is, and bends what is above it towards 1.
fn soft_clip(sample: f32) -> f32 {
    let over = sample.abs() - CEILING;
    if over <= 0.0 {
        return sample;
    }
    let room = 1.0 - CEILING;
    (CEILING + room * (over / room).tanh()).copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioFrame;

    fn sine(amplitude: f32, step: f32) -> AudioFrame {
        let mut frame = AudioFrame::silence(MediaTime::ZERO);
        for (n, sample) in frame.samples.iter_mut().enumerate() {
            *sample = amplitude * (n as f32 * step).sin();
        }
        frame
    }

    #[test]
    fn one_quiet_participant_passes_unchanged() {
        let mut mixer = Mixer::new();
        let frame = sine(0.5, 0.1);
        mixer.add(&frame, 1.0);
        assert_eq!(mixer.finish(MediaTime::ZERO), frame.stereo());
        assert_eq!(mixer.finish(MediaTime::ZERO).peak(), 0.0);
    }

    #[test]
    fn volume_scales_and_zero_silences() {
        let mut mixer = Mixer::new();
        mixer.add(&sine(0.5, 0.1), 0.5);
        mixer.add(&sine(0.5, 0.3), 0.0);
        mixer.add(&sine(0.5, 0.3), f32::NAN);
        assert!((mixer.finish(MediaTime::ZERO).peak() - 0.25).abs() < 1e-3);
    }

    #[test]
    fn six_who_shout_at_once_never_clip() {
        let mut mixer = Mixer::new();
        for _ in 0..100 {
            for _ in 0..6 {
                mixer.add(&sine(0.9, 0.1), 1.0);
            }
            assert!(mixer.finish(MediaTime::ZERO).peak() <= 1.0);
        }
        // And the limiter, once settled, holds the ceiling by gain and not by bending the wave.
        for _ in 0..6 {
            mixer.add(&sine(0.9, 0.1), 1.0);
        }
        assert!(mixer.finish(MediaTime::ZERO).peak() < CEILING + 0.02);
    }

    #[test]
    fn left_and_right_stay_apart_and_are_limited_together() {
        let mut mixer = Mixer::new();
        let mut shared = StereoFrame::silence(MediaTime::ZERO);
        for (slot, sample) in shared.samples.iter_mut().zip(sine(2.0, 0.1).samples) {
            *slot = [sample, sample / 4.0];
        }
        // The first frame is bent, before the gain has found its place.
        mixer.add(&shared, 1.0);
        mixer.finish(MediaTime::ZERO);
        mixer.add(&shared, 1.0);
        let mixed = mixer.finish(MediaTime::ZERO);
        assert!(mixed.peak() <= 1.0);
        let peak =
            |channel: usize| mixed.samples.iter().fold(0.0f32, |peak, both| peak.max(both[channel].abs()));
        assert!(peak(0) > 3.5 * peak(1), "{} and {}", peak(0), peak(1));
        mixer.add(&sine(0.1, 0.1), 1.0);
        assert!(
            mixer.finish(MediaTime::ZERO).samples.iter().all(|[left, right]| left == right),
            "a voice is on both"
        );
    }

    #[test]
    fn the_gain_comes_back() {
        let mut mixer = Mixer::new();
        mixer.add(&sine(4.0, 0.1), 1.0);
        mixer.finish(MediaTime::ZERO);
        for _ in 0..100 {
            mixer.add(&sine(0.5, 0.1), 1.0);
            mixer.finish(MediaTime::ZERO);
        }
        mixer.add(&sine(0.5, 0.1), 1.0);
        assert!(mixer.finish(MediaTime::ZERO).peak() > 0.49);
    }
}
