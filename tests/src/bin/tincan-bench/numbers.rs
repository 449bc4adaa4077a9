//! What is measured, and the arithmetic on it.

use serde_json::Value;
use tincan_tests::numbers::percentile;

/// A call between people of a kind; without another word, of the side that did worse in what is awaited and the mean of
/// all in what is used.
pub(crate) struct Run {
    /// Milliseconds from when the newcomer and the others were present to when the newcomer saw all of them and all saw the
    /// newcomer.
    pub(crate) first_ms: f64,
    /// Milliseconds from the start of the newcomer's program to the same.
    pub(crate) join_ms: f64,
    /// Milliseconds from the first one's camera to the newcomer's screen.
    pub(crate) delay_p50: f64,
    pub(crate) delay_p95: f64,
    /// Cores.
    pub(crate) cpu: f64,
    /// Cores that encoding pictures takes of it, where that is known.
    pub(crate) encoder_cpu: f64,
    /// Proportional set size in MB.
    pub(crate) memory: f64,
    /// By each side, the newcomer's last.
    pub(crate) received: Vec<Case>,
}

impl Run {
    /// What the newcomer receives.
    pub(crate) fn newcomer(&self) -> Case {
        self.received.last().copied().unwrap_or_default()
    }

    /// What everybody receives, on average.
    pub(crate) fn everybody(&self) -> Case {
        Case::mean(&self.received)
    }
}

/// What somebody receives: the mean of those who send.
#[derive(Default, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) fps: f64,
    pub(crate) height: f64,
    pub(crate) kbps: f64,
    pub(crate) freezes: f64,
    pub(crate) frozen_seconds: f64,
    pub(crate) concealed_percent: f64,
    /// PESQ of the speech that was heard; not a number where nobody rated it.
    pub(crate) pesq: f64,
}

impl Case {
    /// Of several; all zero of none.
    pub(crate) fn mean(cases: &[Self]) -> Self {
        if cases.is_empty() {
            return Self::default();
        }
        let of = |value: fn(&Self) -> f64| mean(&cases.iter().map(value).collect::<Vec<_>>());
        Self {
            fps: of(|case| case.fps),
            height: of(|case| case.height),
            kbps: of(|case| case.kbps),
            freezes: of(|case| case.freezes),
            frozen_seconds: of(|case| case.frozen_seconds),
            concealed_percent: of(|case| case.concealed_percent),
            pesq: of(|case| case.pesq),
        }
    }
}

/// The middle one; not a number when there is none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    percentile(values.collect(), 0.5)
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// What a JSON number says; not a number when it is none.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Milliseconds between the filming and the showing of pictures with the same counter. Counters of a clip of `length`
/// milliseconds come again: what is older than half of it is not the same picture.
pub(crate) fn delays(filmed: &[(u64, u64)], shown: &[(u64, u64)], length: f64) -> Vec<f64> {
    let delay = |(counter, at): &(u64, u64)| {
        let same = |(other, time): &&(u64, u64)| other == counter && time <= at;
        let (_, time) = filmed.iter().rev().find(same)?;
        Some((at - time) as f64 / 1000.0).filter(|delay| *delay < length / 2.0)
    };
    shown.iter().filter_map(delay).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_matched_with_those_of_the_same_round_of_the_clip() {
        let filmed = [(1, 1_000), (2, 34_000), (1, 5_001_000)];
        let shown = [(1, 41_000), (2, 64_000), (3, 70_000), (1, 5_021_000)];
        assert_eq!(delays(&filmed, &shown, 5_000.0), [40.0, 30.0, 20.0]);
        assert_eq!(delays(&filmed[..2], &shown[3..], 5_000.0), [0.0; 0]);
    }

    #[test]
    fn the_middle_one_counts() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert!(median(std::iter::empty()).is_nan());
    }
}
