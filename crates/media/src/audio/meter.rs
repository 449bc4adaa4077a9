//! How loud it is, and whether somebody speaks.

use super::frame::{AudioFrame, Frame, Sample};

/// What counts as silence: the floor of the meter and of RFC 6464's scale lies below any microphone's own noise.
const SILENCE_DBFS: f32 = -127.0;

/// The bottom of the meter. Speech at a normal distance lies between -40 and -15 dBFS; a quiet room's noise, near -60,
/// should leave the meter empty.
const METER_FLOOR_DBFS: f32 = -60.0;

/// How fast the meter falls, in dB a second: PPM meters fall 20 dB in 1.7 s (IEC 60268-10); a call's meter is small and
/// must look alive, so it falls three times as fast.
const METER_FALL_DB_PER_FRAME: f32 = 35.0 / 100.0;

/// Converts an amplitude (1 is full scale) to dBFS, not below -127.
pub fn dbfs(amplitude: f32) -> f32 {
    if amplitude > 0.0 { (20.0 * amplitude.log10()).max(SILENCE_DBFS) } else { SILENCE_DBFS }
}

/// The level of RFC 6464 for a root mean square: 0 is the loudest, 127 silence, in steps of 1 dB below full scale.
pub fn rfc6464_level(rms: f32) -> u8 {
    (-dbfs(rms)).round().clamp(0.0, 127.0) as u8
}

/// Maps dBFS to 0 to 1 so that equal steps look equal to people: linear in dB from -60 dBFS to full scale.
pub fn perceptual_level(dbfs: f32) -> f32 {
    ((dbfs - METER_FLOOR_DBFS) / -METER_FLOOR_DBFS).clamp(0.0, 1.0)
}

/// A meter that rises at once and falls slowly enough to be seen.
#[derive(Debug, Clone)]
pub struct LevelMeter {
    dbfs: f32,
}

impl Default for LevelMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl LevelMeter {
    /// A meter that shows silence.
    pub const fn new() -> Self {
        Self { dbfs: SILENCE_DBFS }
    }

    /// Takes in 10 ms; returns the new [`Self::level`].
    pub fn update<S: Sample>(&mut self, frame: &Frame<S>) -> f32 {
        let fallen = self.dbfs.max(METER_FLOOR_DBFS) - METER_FALL_DB_PER_FRAME;
        self.dbfs = dbfs(frame.rms()).max(fallen);
        self.level()
    }

    /// From 0 (silence) to 1 (full scale), even to the eye.
    pub fn level(&self) -> f32 {
        perceptual_level(self.dbfs)
    }

    /// Shows silence at once, as when the microphone is closed.
    pub fn clear(&mut self) {
        self.dbfs = SILENCE_DBFS;
    }
}

/// Speech must stand out this far over the room's noise. 9 dB is where WebRTC's own level-based checks put it too.
const VOICE_OVER_NOISE_DB: f32 = 9.0;
/// Nothing below this is speech into a microphone that can be understood.
const VOICE_FLOOR_DBFS: f32 = -50.0;
/// A steady sound becomes the room's noise in some ten seconds: 3 dB a second, as minimum-statistics trackers rise.
const NOISE_RISE_DB_PER_FRAME: f32 = 3.0 / 100.0;
/// Shorter than the shortest syllable (about 60 ms), longer than a key's click (10 to 30 ms).
const VOICE_ONSET_FRAMES: u32 = 4;
/// Bridges the stops and pauses inside a sentence.
const VOICE_HANGOVER_FRAMES: u32 = 30;
/// Lets a detector that starts in a noisy room settle within its first second instead of calling the noise speech.
const INITIAL_NOISE_DBFS: f32 = -55.0;

/// A simple voice-activity detector: energy over a tracked noise floor, with onset and hangover.
///
/// Good enough for a speaking ring and for "you are muted"; nothing is ever cut off because of it.
#[derive(Debug, Clone)]
pub struct VoiceDetector {
    noise_dbfs: f32,
    onset: u32,
    hangover: u32,
}

impl Default for VoiceDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl VoiceDetector {
    /// A detector that has heard nothing yet.
    pub const fn new() -> Self {
        Self { noise_dbfs: INITIAL_NOISE_DBFS, onset: 0, hangover: 0 }
    }

    /// Takes in 10 ms; returns whether somebody speaks.
    pub fn update(&mut self, frame: &AudioFrame) -> bool {
        let level = dbfs(frame.rms());
        if level < self.noise_dbfs {
            // Down quickly, but not in one step: a dropout of zeros says nothing about the room.
            self.noise_dbfs += (level.max(-90.0) - self.noise_dbfs) * 0.1;
        } else {
            self.noise_dbfs = (self.noise_dbfs + NOISE_RISE_DB_PER_FRAME).min(level);
        }
        if level > VOICE_FLOOR_DBFS && level > self.noise_dbfs + VOICE_OVER_NOISE_DB {
            self.onset += 1;
            if self.onset >= VOICE_ONSET_FRAMES {
                self.hangover = VOICE_HANGOVER_FRAMES;
            }
        } else {
            self.onset = 0;
            self.hangover = self.hangover.saturating_sub(1);
        }
        self.is_voice()
    }

    /// What the last [`Self::update`] returned.
    pub const fn is_voice(&self) -> bool {
        self.hangover > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MediaTime;

    fn sine(amplitude: f32) -> AudioFrame {
        let mut frame = AudioFrame::silence(MediaTime::ZERO);
        for (n, sample) in frame.samples.iter_mut().enumerate() {
            *sample = amplitude * (n as f32 * std::f32::consts::TAU / 48.0).sin();
        }
        frame
    }

    #[test]
    fn rfc6464_levels_run_from_full_scale_to_silence() {
        for (rms, level) in [(1.0, 0), (0.1, 20), (0.01, 40), (1e-7, 127), (0.0, 127), (2.0, 0)] {
            assert_eq!(rfc6464_level(rms), level, "rms {rms}");
        }
    }

    #[test]
    fn not_a_number_is_silence() {
        assert_eq!(rfc6464_level(f32::NAN), 127);
    }

    #[test]
    fn the_meter_rises_at_once_and_falls_slowly() {
        let mut meter = LevelMeter::new();
        let loud = meter.update(&sine(0.5));
        assert!((0.8..0.9).contains(&loud), "{loud}");
        let after = meter.update(&sine(0.0));
        assert!(after < loud && after > loud - 0.01, "{after}");
        for _ in 0..300 {
            meter.update(&sine(0.0));
        }
        assert_eq!(meter.level(), 0.0);
    }

    #[test]
    fn a_click_is_not_voice_but_a_syllable_is() {
        let mut detector = VoiceDetector::new();
        for _ in 0..100 {
            assert!(!detector.update(&sine(0.0005)));
        }
        assert!(!detector.update(&sine(0.3)) && !detector.update(&sine(0.3)));
        for _ in 0..40 {
            assert!(!detector.update(&sine(0.0005)));
        }
        assert!((0..10).any(|_| detector.update(&sine(0.1))));
    }

    #[test]
    fn a_steady_noise_stops_being_voice() {
        let mut detector = VoiceDetector::new();
        let voiced = (0..2_000).filter(|_| detector.update(&sine(0.02))).count();
        assert!(voiced < 1_000, "{voiced}");
        assert!(!detector.is_voice());
    }
}
