//! How a call was, in one sentence for the person who had it.

use crate::api::Sentence;
use std::collections::BTreeMap;

/// For so many seconds a busy moment explains what follows it: pictures that were left out then freeze until the next
/// keyframe.
const AFTERMATH: u32 = 3;
/// Below these shares of bad time a call was good, mostly good, or poor at times.
const GOOD: f32 = 0.05;
const MOSTLY_GOOD: f32 = 0.3;
const POOR_AT_TIMES: f32 = 0.6;
/// From so many freezes a minute on it was not good, and not even mostly good.
const SOME_FREEZES: f32 = 1.0;
const MANY_FREEZES: f32 = 6.0;

/// What one second with one participant was like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Second {
    /// As [`quality`](super::statistics::quality) calls it.
    pub(crate) quality: u8,
    /// Freezes of their picture since the connection began, and how many seconds they took.
    pub(crate) freezes: u32,
    pub(crate) frozen_seconds: f32,
    /// Whether this computer was too busy.
    pub(crate) busy: bool,
}

/// Remembers how a call was.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    seconds: u32,
    freezes: u32,
    frozen_seconds: f32,
    /// Seconds that were bad for these reasons.
    computer: u32,
    network: u32,
    /// By nothing that was measured here: the other side's camera or computer, perhaps.
    unknown: u32,
    /// Seconds until a busy moment explains nothing any more.
    aftermath: u32,
    /// The counters of each participant's connection so far.
    before: BTreeMap<String, (u32, f32)>,
}

impl Verdict {
    /// One second with `participant`.
    pub(crate) fn second(&mut self, participant: &str, second: Second) {
        let Second { quality, freezes, frozen_seconds, busy } = second;
        self.aftermath = if busy { AFTERMATH } else { self.aftermath.saturating_sub(1) };
        let before = self.before.entry(participant.to_owned()).or_default();
        // Somebody who came again is counted from zero.
        if freezes < before.0 || frozen_seconds < before.1 {
            *before = (0, 0.0);
        }
        let froze = freezes - before.0;
        self.freezes += froze;
        self.frozen_seconds += frozen_seconds - before.1;
        *before = (freezes, frozen_seconds);
        self.seconds += 1;
        if quality > 2 && froze == 0 {
            return;
        }
        // What a busy computer does to sound and pictures looks like loss to the other side's statistics too.
        if self.aftermath > 0 {
            self.computer += 1;
        } else if quality < 4 {
            self.network += 1;
        } else {
            self.unknown += 1;
        }
    }

    /// One sentence.
    pub(crate) fn sentence(&self) -> Sentence {
        if self.seconds == 0 {
            return Sentence::new("nobody_connected", "Nobody was connected.");
        }
        let bad = self.computer + self.network + self.unknown;
        let share = self.frozen_seconds.max(bad as f32) / self.seconds as f32;
        let freezes_a_minute = self.freezes as f32 * 60.0 / self.seconds.max(60) as f32;
        let how = match share {
            share if share < GOOD && freezes_a_minute < SOME_FREEZES => "good",
            share if share < MOSTLY_GOOD && freezes_a_minute < MANY_FREEZES => "mostly good",
            share if share < POOR_AT_TIMES => "poor at times",
            _ => "poor",
        };
        let freezes = match self.freezes {
            0 if how == "good" => " throughout".into(),
            0 => String::new(),
            1 => "; the picture froze once".into(),
            2 => "; the picture froze twice".into(),
            n => format!("; the picture froze {n} times"),
        };
        let (why, because) = if how == "good" {
            ("none", "")
        } else if 2 * self.computer > bad {
            ("computer", ", because this computer was too busy")
        } else if 2 * self.network > bad {
            ("network", ", because of the network")
        } else {
            ("none", "")
        };
        Sentence::new("call_was", format!("The call was {how}{freezes}{because}."))
            .with("how", how.replace(' ', "_"))
            .with("freezes", self.freezes)
            .with("why", why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(seconds: impl Iterator<Item = (u8, u32, bool)>) -> String {
        let mut verdict = Verdict::default();
        for (quality, freezes, busy) in seconds {
            let frozen_seconds = freezes as f32 * 0.5;
            verdict.second("a", Second { quality, freezes, frozen_seconds, busy });
        }
        verdict.sentence().message
    }

    #[test]
    fn it_is_one_sentence_that_does_not_contradict_itself() {
        assert_eq!(verdict(std::iter::empty()), "Nobody was connected.");
        assert_eq!(verdict((0..100).map(|_| (4, 0, false))), "The call was good throughout.");
        assert_eq!(
            verdict((0..600).map(|n| (4, u32::from(n > 300), false))),
            "The call was good; the picture froze once."
        );
        assert_eq!(
            verdict((0..60).map(|n| (4, n / 6, false))),
            "The call was poor at times; the picture froze 9 times."
        );
        assert_eq!(verdict((0..100).map(|_| (1, 0, false))), "The call was poor, because of the network.");
    }

    #[test]
    fn a_busy_computer_is_told_from_a_bad_network() {
        // Each freeze follows a busy second; the sound suffers too.
        let busy = (0..120).map(|n| (if n % 12 == 0 { 2 } else { 4 }, n / 12, n % 12 == 11));
        assert_eq!(
            verdict(busy),
            "The call was mostly good; the picture froze 9 times, because this computer was too busy."
        );
        let lossy = (0..120).map(|n| (if n % 12 == 0 { 2 } else { 3 }, n / 12, n == 60));
        assert_eq!(
            verdict(lossy),
            "The call was mostly good; the picture froze 9 times, because of the network."
        );
    }

    #[test]
    fn whoever_comes_again_is_counted_on_and_each_participant_apart() {
        let mut verdict = Verdict::default();
        let second = |freezes| Second { quality: 4, freezes, frozen_seconds: 0.0, busy: false };
        for freezes in [0, 2, 0, 1] {
            verdict.second("a", second(freezes));
            verdict.second("b", second(1));
        }
        assert_eq!(verdict.freezes, 4);
    }
}
