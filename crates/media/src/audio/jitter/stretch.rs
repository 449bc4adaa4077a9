//! Removes or inserts one pitch period, so that time changes and pitch does not.
//!
//! The idea of WSOLA (Verhelst and Roelands, 1993) as NetEQ's `Accelerate` and `PreemptiveExpand` use it: find the lag at
//! which the signal repeats itself best, and cross-fade over one such period.

use crate::audio::frame::Sample;

/// 2.5 ms: a voice of 400 Hz, the highest pitch of speech (NetEQ searches the same range).
const MIN_LAG: usize = 120;
/// 15 ms: a voice of 66 Hz.
const MAX_LAG: usize = 720;
/// Enough decoded sound to remove any one period.
pub(super) const NEEDED_TO_SHORTEN: usize = 2 * MAX_LAG;
/// How much of what was already played must be kept to lengthen from.
pub(super) const HISTORY: usize = MAX_LAG;
/// Both halves this quiet (-50 dBFS) can be cross-faded at any lag: nobody hears it.
const QUIET_MEAN_SQUARE: f32 = 1e-5;
/// The coarse search looks at every fourth sample and every fourth lag: 12 kHz is plenty to find a pitch.
const COARSE: usize = 4;

/// Removes one period from the front of `ready`; returns how many samples went.
///
/// `likeness` (0 to 1) is the correlation that the two periods must have.
pub(super) fn shorten<S: Sample>(ready: &mut Vec<S>, likeness: f32) -> Option<usize> {
    let max = MAX_LAG.min(ready.len() / 2);
    let lag = best_lag(max, likeness, |lag| (&ready[..lag], &ready[lag..2 * lag]))?;
    for index in 0..lag {
        ready[index] = cross_fade(ready[index], ready[index + lag], index, lag);
    }
    ready.drain(lag..2 * lag);
    Some(lag)
}

/// Inserts one period at the front of `ready`, made from it and from `history`, which was played just before.
pub(super) fn lengthen<S: Sample>(history: &[S], ready: &mut Vec<S>, likeness: f32) -> Option<usize> {
    let max = MAX_LAG.min(ready.len()).min(history.len());
    let lag = best_lag(max, likeness, |lag| (&ready[..lag], &history[history.len() - lag..]))?;
    let past = &history[history.len() - lag..];
    let inserted: Vec<S> = (0..lag).map(|index| cross_fade(ready[index], past[index], index, lag)).collect();
    ready.splice(0..0, inserted);
    Some(lag)
}

fn cross_fade<S: Sample>(from: S, to: S, index: usize, length: usize) -> S {
    let share = (index as f32 + 0.5) / length as f32;
    from.scaled(1.0 - share).plus(to.scaled(share))
}

/// The lag at which the two stretches that `pair` gives are most alike, if they are alike enough or both quiet.
///
/// Several channels are looked at as one, so that they stay together.
fn best_lag<'a, S: Sample>(
    max: usize,
    likeness: f32,
    pair: impl Fn(usize) -> (&'a [S], &'a [S]),
) -> Option<usize> {
    if max < MIN_LAG {
        return None;
    }
    let (first, second) = pair(max);
    if mean_square(first) < QUIET_MEAN_SQUARE && mean_square(second) < QUIET_MEAN_SQUARE {
        return Some(max);
    }
    let score = |lag: usize, stride: usize| {
        let (first, second) = pair(lag);
        correlation(first, second, stride)
    };
    let mut best = (MIN_LAG, f32::MIN);
    for lag in (MIN_LAG..=max).step_by(COARSE) {
        let found = score(lag, COARSE);
        if found > best.1 {
            best = (lag, found);
        }
    }
    let around = best.0.saturating_sub(COARSE - 1).max(MIN_LAG)..=(best.0 + COARSE - 1).min(max);
    let (lag, found) = around
        .map(|lag| (lag, score(lag, 1)))
        .fold((best.0, f32::MIN), |best, next| if next.1 > best.1 { next } else { best });
    (found >= likeness).then_some(lag)
}

/// Normalized cross-correlation, -1 to 1.
fn correlation<S: Sample>(first: &[S], second: &[S], stride: usize) -> f32 {
    let (mut cross, mut a, mut b) = (0.0f32, 1e-9f32, 1e-9f32);
    for (x, y) in first.iter().step_by(stride).zip(second.iter().step_by(stride)) {
        let (x, y) = (x.mono(), y.mono());
        cross += x * y;
        a += x * x;
        b += y * y;
    }
    cross / (a * b).sqrt()
}

fn mean_square<S: Sample>(samples: &[S]) -> f32 {
    let channels = S::interleaved(samples);
    channels.iter().map(|sample| sample * sample).sum::<f32>() / channels.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(from: usize, length: usize, hertz: f32) -> Vec<f32> {
        (from..from + length)
            .map(|n| 0.5 * (n as f32 * std::f32::consts::TAU * hertz / 48_000.0).sin())
            .collect()
    }

    fn largest_step(samples: &[f32]) -> f32 {
        samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_voiced_sound_loses_whole_periods_without_a_step() {
        for hertz in [80.0, 150.0, 220.0, 390.0] {
            let mut ready = sine(0, 2_000, hertz);
            let natural = largest_step(&ready);
            let removed = shorten(&mut ready, 0.9).expect("a sine repeats itself");
            assert_eq!(ready.len(), 2_000 - removed);
            let periods = removed as f32 * hertz / 48_000.0;
            assert!((periods - periods.round()).abs() < 0.03, "{hertz} Hz: {periods} periods");
            assert!(largest_step(&ready) < 1.3 * natural, "{hertz} Hz");
        }
    }

    #[test]
    fn a_voiced_sound_gains_whole_periods_without_a_step() {
        for hertz in [110.0, 150.0, 220.0, 390.0] {
            let history = sine(0, HISTORY, hertz);
            let mut ready = sine(HISTORY, 960, hertz);
            let natural = largest_step(&ready);
            let added = lengthen(&history, &mut ready, 0.9).expect("a sine repeats itself");
            assert_eq!(ready.len(), 960 + added);
            let whole: Vec<f32> = history.iter().chain(&ready).copied().collect();
            assert!(largest_step(&whole) < 1.3 * natural, "{hertz} Hz");
        }
    }

    #[test]
    fn noise_is_left_alone_until_it_must_go() {
        let mut state = 1u32;
        let mut noise: Vec<f32> = (0..2_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect();
        assert_eq!(shorten(&mut noise, 0.9), None);
        assert!(shorten(&mut noise, 0.0).is_some());
    }

    #[test]
    fn silence_goes_by_the_longest_step() {
        let mut silence = vec![0.0; 2_000];
        assert_eq!(shorten(&mut silence, 0.9), Some(MAX_LAG));
        assert_eq!(lengthen(&[0.0; HISTORY], &mut silence, 0.9), Some(MAX_LAG));
    }

    #[test]
    fn too_little_sound_is_left_alone() {
        assert_eq!(shorten(&mut vec![0.0; 200], 0.0), None);
        assert_eq!(lengthen(&[], &mut vec![0.0; 2_000], 0.0), None);
    }
}
