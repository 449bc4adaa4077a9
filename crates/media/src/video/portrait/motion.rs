//! How a person moves while listening: sways a little, breathes, blinks, looks aside, smiles.

use std::f32::consts::TAU;

use super::person::{Dice, Person};

/// A blink, from open to open.
const BLINK: f32 = 0.18;
/// People blink every few seconds: once in each of these, in seconds.
const BLINKS: f32 = 3.7;
/// Once in each of these the eyes go somewhere else.
const GLANCES: f32 = 2.3;
/// ... and get there within this time.
const SACCADE: f32 = 0.09;
/// Once in some of these the person laughs without a sound.
const LAUGHS: f32 = 7.9;

/// Where everything is at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pose {
    /// The head's place, in units of half its height.
    pub(super) x: f32,
    pub(super) y: f32,
    /// In degrees.
    pub(super) tilt: f32,
    /// How far the face is turned aside and down, as the way that its parts go.
    pub(super) turn: f32,
    pub(super) nod: f32,
    /// How far the shoulders are up from breathing.
    pub(super) breath: f32,
    /// One: open.
    pub(super) eyes: f32,
    pub(super) gaze: f32,
    /// How far the brows are up.
    pub(super) brows: f32,
    pub(super) smile: f32,
    /// How far the mouth is open.
    pub(super) mouth: f32,
}

impl Pose {
    /// At `seconds` from the beginning.
    pub(super) fn new(person: &Person, seconds: f64) -> Self {
        let phase = (person.phase % 1_000) as f32 / 1_000.0;
        // Two waves whose periods have no common multiple worth mentioning.
        let sway = |period: f64, shift: f32| {
            let wave = |period: f64| ((seconds / period).fract() as f32 + phase + shift) * TAU;
            0.65 * wave(period).sin() + 0.35 * wave(period * 0.43).sin()
        };
        let laugh = laugh(person.phase, seconds);
        Self {
            x: 0.05 * sway(7.3, 0.0),
            y: 0.025 * sway(5.9, 0.3) - 0.02 * laugh,
            tilt: 2.2 * sway(8.9, 0.6),
            turn: 0.055 * sway(6.7, 0.1),
            nod: 0.03 * sway(4.7, 0.8),
            breath: 0.014 * (((seconds / 4.1).fract() as f32 + phase) * TAU).sin(),
            eyes: (1.0 - blink(person.phase, seconds)).min(1.0 - 0.25 * laugh),
            gaze: gaze(person.phase, seconds),
            brows: 0.5 + 0.5 * sway(9.7, 0.2) + 0.6 * laugh,
            smile: person.smile * (1.0 + 0.12 * sway(5.3, 0.4)) + 0.25 * laugh,
            mouth: laugh,
        }
    }
}

/// Which stretch of time this is, how far it has come, and its own dice.
fn stretch(phase: u64, seconds: f64, length: f32, salt: u64) -> (f32, Dice) {
    let length = f64::from(length);
    let number = (seconds / length).floor();
    let dice = Dice::new(phase ^ (number as u64).wrapping_mul(0x2545_f491_4f6c_dd1d) ^ salt);
    ((seconds - number * length) as f32, dice)
}

/// One: closed.
fn blink(phase: u64, seconds: f64) -> f32 {
    let (now, mut dice) = stretch(phase, seconds, BLINKS, 1);
    let begin = dice.between(0.1, BLINKS - 3.0 * BLINK);
    let one = |begin: f32| (1.0 - ((now - begin) / BLINK * 2.0 - 1.0).abs()).max(0.0);
    let twice = if dice.share() < 0.2 { one(begin + 1.6 * BLINK) } else { 0.0 };
    // Lids are fast: closed for a third of the time.
    (one(begin).max(twice) * 1.7).min(1.0)
}

fn gaze(phase: u64, seconds: f64) -> f32 {
    let target = |seconds: f64| {
        let (now, mut dice) = stretch(phase, seconds, GLANCES, 2);
        // Mostly at the other one.
        (now, if dice.share() < 0.55 { 0.0 } else { dice.between(-1.0, 1.0) })
    };
    let (now, to) = target(seconds);
    let (_, from) = target((seconds - f64::from(now) - 0.001).max(0.0));
    from + (to - from) * (now / SACCADE).min(1.0)
}

fn laugh(phase: u64, seconds: f64) -> f32 {
    let (now, mut dice) = stretch(phase, seconds, LAUGHS, 3);
    if dice.share() < 0.45 {
        return 0.0;
    }
    let begin = dice.between(0.5, LAUGHS - 3.0);
    let length = dice.between(1.4, 2.4);
    let up = ((now - begin) / 0.35).clamp(0.0, 1.0);
    let down = ((begin + length - now) / 0.5).clamp(0.0, 1.0);
    let smooth = |x: f32| x * x * (3.0 - 2.0 * x);
    smooth(up).min(smooth(down)) * dice.between(0.5, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_jumps_and_everybody_blinks() {
        for seed in 0..20 {
            let person = Person::new(seed);
            let poses: Vec<Pose> =
                (0..30 * 60).map(|frame| Pose::new(&person, f64::from(frame) / 30.0)).collect();
            for pair in poses.windows(2) {
                let [before, after] = pair else { panic!("two") };
                let moved = [before.x - after.x, before.y - after.y, before.turn - after.turn];
                assert!(moved.iter().all(|way| way.abs() < 0.01), "{before:?} {after:?}");
                assert!((before.tilt - after.tilt).abs() < 0.3);
            }
            let closed = poses.iter().filter(|pose| pose.eyes < 0.2).count();
            // Some 16 to 20 times a minute, two pictures each or more.
            assert!((20..200).contains(&closed), "{closed}");
        }
    }

    #[test]
    fn a_pose_is_the_same_however_long_the_call_lasts() {
        let person = Person::new(3);
        let pose = Pose::new(&person, 360_000.25);
        assert!((0.0..=1.0).contains(&pose.eyes) && pose.x.abs() < 0.1);
    }
}
