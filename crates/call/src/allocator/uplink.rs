//! What all links may take together: every path begins with our own uplink.
//!
//! Each path's estimate knows nothing of the others. So a total may only grow step by step from what went well, and when
//! several paths are too full at the same time, it is the uplink that they share (the idea of coupled congestion control,
//! RFC 8699).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Overuse of half the paths, and of two at least, within this time has one cause. (Two of seven are often full at once
/// by chance: a budget that followed these sank to a fifth of the uplink.)
const TOGETHER: Duration = Duration::from_millis(500);
/// What is taken back then, as each path's own controller does.
const DECREASE: f64 = 0.85;
/// A decrease shows after a round trip and the controllers' windows (200 ms and more); another one before would answer the
/// same queue twice.
const SETTLE: Duration = Duration::from_millis(800);
/// A total that went so long without a complaint is proven.
const PROOF: Duration = Duration::from_millis(600);
/// The next total, over the proven one: before the uplink was ever full, and afterwards.
const STEP_FIRST: f64 = 1.3;
const STEP: f64 = 1.15;
/// ... and this much, so that it can grow from nothing: two small pictures.
const STEP_LEAST: f64 = 150e3;
/// Before anything was proven: a little more than the estimate of one path begins with. Three others see us at once then,
/// and more a moment later.
const BEGIN: f64 = 450e3;
/// A second's growth of the budget after a decrease, near the rate that was too much and when that is long ago.
const GROWTH_NEAR: f64 = 0.03;
const GROWTH_FAR: f64 = 0.12;
/// How long a measured uplink is believed.
const MEMORY: Duration = Duration::from_secs(20);

/// See the module's description. Bits a second, sound and pictures.
#[derive(Debug, Clone)]
pub(super) struct Uplink<L> {
    /// Which paths were too full lately.
    overuses: Vec<(L, Instant)>,
    last_overuse: Option<Instant>,
    /// When it was the uplink last.
    congested: Option<Instant>,
    /// Whose paths were too full then.
    coupled: Vec<L>,
    budget: Option<f64>,
    proven: f64,
    /// Totals of the last [`PROOF`].
    sent: VecDeque<(Instant, f64)>,
    grown: Option<Instant>,
}

impl<L> Default for Uplink<L> {
    fn default() -> Self {
        Self {
            overuses: Vec::new(),
            last_overuse: None,
            congested: None,
            coupled: Vec::new(),
            budget: None,
            proven: 0.0,
            sent: VecDeque::new(),
            grown: None,
        }
    }
}

impl<L: Copy + PartialEq> Uplink<L> {
    /// The path to `link`, one of so many, is too full.
    pub(super) fn overuse(&mut self, link: L, links: usize, now: Instant) {
        self.overuses.retain(|(of, at)| *of != link && now.saturating_duration_since(*at) <= TOGETHER);
        self.overuses.push((link, now));
        self.last_overuse = Some(now);
        if self.congested.is_some_and(|at| now.saturating_duration_since(at) <= TOGETHER) {
            self.coupled.retain(|of| *of != link);
            self.coupled.push(link);
        }
        if self.overuses.len() < most_of(links) {
            return;
        }
        let coupled = self.overuses.iter().map(|(of, _)| *of).collect();
        self.full(coupled, now);
    }

    /// These, of so many paths, carry next to nothing. When they are most, it is the uplink, although no estimate can fall
    /// any more.
    pub(super) fn starving(&mut self, paths: Vec<L>, links: usize, now: Instant) {
        if paths.len() >= most_of(links) {
            self.last_overuse = Some(now);
            self.full(paths, now);
        }
    }

    fn full(&mut self, coupled: Vec<L>, now: Instant) {
        if self.congested.is_some_and(|at| now.saturating_duration_since(at) < SETTLE) {
            return;
        }
        self.congested = Some(now);
        self.coupled = coupled;
        self.grown = None;
        if let Some(&(_, sent)) = self.sent.back() {
            let sent = self.budget.map_or(sent, |budget| budget.min(sent));
            self.budget = Some(sent * DECREASE);
            self.proven = self.proven.min(sent * DECREASE);
        }
        self.sent.clear();
    }

    /// `total` is sent from now on.
    pub(super) fn sends(&mut self, total: f64, now: Instant) {
        self.sent.push_back((now, total));
        while self.sent.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= PROOF) {
            self.sent.pop_front();
        }
        let long = self.sent.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= PROOF);
        let quiet = self.last_overuse.is_none_or(|at| now.saturating_duration_since(at) >= PROOF);
        if long && quiet {
            let sustained = self.sent.iter().map(|(_, total)| *total).fold(f64::INFINITY, f64::min);
            self.proven = self.proven.max(sustained);
        }
        self.grow(now);
    }

    fn grow(&mut self, now: Instant) {
        let step = self.grown.replace(now).map_or(0.0, |last| {
            now.saturating_duration_since(last).min(Duration::from_millis(500)).as_secs_f64()
        });
        let (Some(budget), Some(congested)) = (&mut self.budget, self.congested) else { return };
        let age = now.saturating_duration_since(congested);
        if age >= SETTLE {
            let growth = if age < MEMORY { GROWTH_NEAR } else { GROWTH_FAR };
            *budget *= 1.0 + step * growth;
        }
    }

    /// More than this was too much: `None` while the uplink was never full.
    pub(super) const fn budget(&self) -> Option<f64> {
        self.budget
    }

    /// What everything may take together now, growing step by step.
    pub(super) fn limit(&self) -> f64 {
        let (step, begin) = if self.congested.is_some() { (STEP, 0.0) } else { (STEP_FIRST, BEGIN) };
        self.budget.unwrap_or(f64::INFINITY).min((self.proven * step + STEP_LEAST).max(begin))
    }

    /// Those whose estimate is the uplink's, and not their own path's.
    pub(super) fn coupled(&self, now: Instant) -> &[L] {
        let known = self.congested.is_some_and(|at| now.saturating_duration_since(at) < MEMORY);
        if known { &self.coupled } else { &[] }
    }

    /// Whether some path was too full within this time.
    pub(super) fn was_full(&self, within: Duration, now: Instant) -> bool {
        self.last_overuse.is_some_and(|at| now.saturating_duration_since(at) < within)
    }
}

/// Half of so many, and two at least.
fn most_of(links: usize) -> usize {
    links.div_ceil(2).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(uplink: &mut Uplink<u8>, now: &mut Instant, millis: u64, total: impl Fn(f64) -> f64) {
        for _ in 0..millis / 20 {
            *now += Duration::from_millis(20);
            uplink.sends(total(uplink.limit()), *now);
        }
    }

    #[test]
    fn one_path_alone_is_not_the_uplink_and_most_at_once_are() {
        let (mut uplink, mut now) = (Uplink::default(), Instant::now());
        run(&mut uplink, &mut now, 1_000, |_| 2e6);
        uplink.overuse(1, 3, now);
        uplink.overuse(1, 3, now);
        assert_eq!(uplink.budget(), None);
        now += Duration::from_millis(501);
        uplink.overuse(2, 3, now);
        assert_eq!(uplink.budget(), None);
        uplink.overuse(3, 3, now);
        assert_eq!(uplink.budget(), Some(1.7e6));
        uplink.overuse(1, 3, now);
        assert_eq!(uplink.budget(), Some(1.7e6), "the same queue is answered once");
    }

    #[test]
    fn a_total_grows_step_by_step_from_what_went_well() {
        let (mut uplink, mut now) = (Uplink::<u8>::default(), Instant::now());
        run(&mut uplink, &mut now, 560, |limit| limit);
        assert!(uplink.limit() <= BEGIN);
        run(&mut uplink, &mut now, 10_000, |limit| limit.min(4e6));
        assert!(uplink.proven >= 3.9e6, "{}", uplink.proven);
        uplink.overuse(1, 3, now);
        uplink.overuse(2, 3, now);
        run(&mut uplink, &mut now, 3_000, |limit| limit.min(4e6));
        assert!((3.4e6..3.8e6).contains(&uplink.limit()), "{}", uplink.limit());
        run(&mut uplink, &mut now, 30_000, |limit| limit.min(6e6));
        assert!(uplink.limit() > 6e6, "and the uplink may have become wider");
    }
}
