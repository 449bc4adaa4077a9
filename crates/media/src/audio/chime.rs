//! The sound of the speaker test.

use std::f32::consts::TAU;

use super::frame::{AudioFrame, FRAME_DURATION, SAMPLE_RATE, SAMPLES_PER_FRAME};
use crate::time::MediaTime;

/// E5, G5 and C6: a rising major chord, in Hz (equal temperament, A4 = 440).
const NOTES: [f32; 3] = [659.26, 783.99, 1_046.5];
/// Seconds between the notes.
const NOTE_GAP: f32 = 0.14;
/// How fast a note dies away, in 1/s: -60 dB after 1.2 s, as a struck bell bar does.
const DECAY: f32 = 6.0;
/// -14 dBFS for one note: clearly heard, and three at once stay below full scale.
const AMPLITUDE: f32 = 0.2;
/// A note begins over 4 ms, because a step would click.
const ATTACK: f32 = 0.004;
/// 1.2 s: the last note has faded by then.
const FRAMES: u64 = 120;

/// Three rising bell notes, 1.2 s long, the first frame at `start`.
pub fn chime(start: MediaTime) -> impl Iterator<Item = AudioFrame> + Send {
    (0..FRAMES).map(move |index| {
        let mut frame = AudioFrame::silence(start + FRAME_DURATION * index as u32);
        let first = index as usize * SAMPLES_PER_FRAME;
        for (offset, sample) in frame.samples.iter_mut().enumerate() {
            *sample = sample_at((first + offset) as f32 / SAMPLE_RATE as f32);
        }
        frame
    })
}

fn sample_at(seconds: f32) -> f32 {
    let end = FRAMES as f32 * FRAME_DURATION.as_secs_f32();
    // The last 50 ms fade linearly to nothing, so that the end cannot click either.
    let tail = ((end - seconds) / 0.05).clamp(0.0, 1.0);
    let note = |(index, hertz): (usize, &f32)| {
        let since = seconds - index as f32 * NOTE_GAP;
        if since < 0.0 {
            return 0.0;
        }
        let envelope = (since / ATTACK).min(1.0) * (-DECAY * since).exp();
        // A quarter of the octave above makes it a bell rather than a test tone.
        envelope * AMPLITUDE * (0.8 * (TAU * hertz * since).sin() + 0.2 * (2.0 * TAU * hertz * since).sin())
    };
    tail * NOTES.iter().enumerate().map(note).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chime_is_heard_and_never_clips() {
        let frames: Vec<_> = chime(MediaTime::ZERO).collect();
        assert_eq!(frames.len(), 120);
        let peak = frames.iter().map(AudioFrame::peak).fold(0.0, f32::max);
        assert!((0.15..0.9).contains(&peak), "{peak}");
    }

    #[test]
    fn the_chime_has_no_step() {
        let samples: Vec<f32> = chime(MediaTime::ZERO).flat_map(|frame| frame.samples).collect();
        let step = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.1, "{step}");
        assert!(samples[0].abs() < 1e-6 && samples[samples.len() - 1].abs() < 1e-3);
    }
}
