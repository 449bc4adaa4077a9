//! How often connectivity checks leave (RFC 8445, section 6.1.4.2). `webrtc` 0.21.1 sends one for every pair that has no
//! answer yet at every tick, and one more for every request that comes: with seventeen addresses on both sides that is
//! thousands a second, and no answer finds its way through. So its requests are taken as wishes: those that go beyond
//! the pace are dropped here, and it makes another one for the same pair with its next tick.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// RFC 8445, section 14.2: the default of Ta.
const PACE: Duration = Duration::from_millis(50);
/// The same section's least distance between two of them.
const LEAST: Duration = Duration::from_millis(5);
/// So many of the first checks leave as fast as the library asks for them: nearly every call has its pair among them.
const HEAD_START: u32 = 5;
/// Whoever was not asked for this long is no longer among those whose turn it may be.
const FORGOTTEN: Duration = Duration::from_millis(200);
/// More pairs than this are not checked: an attacker's candidates must not take memory.
const MAX_TARGETS: usize = 256;

/// Whom a check goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// From one of our addresses.
    Direct(SocketAddr),
    /// Through this relay.
    Relayed(u8, SocketAddr),
    /// Through this relay, on this channel of it.
    Channel(u8, u16),
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    order: usize,
    sent: u32,
    wanted: Instant,
    /// A request came from there: the answer to it is a check at once (RFC 8445, section 7.3.1.4).
    triggered: bool,
    /// A check of ours was answered.
    proven: bool,
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    targets: HashMap<Target, Progress>,
    sent: u32,
    last: Option<Instant>,
}

impl Checks {
    /// Begins anew: another generation of candidates.
    pub(crate) fn restart(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }

    /// Whether a check to this target may leave now; when it may, it counts as sent. Gives the number of those before
    /// it to the same target that brought no answer.
    pub(crate) fn may_leave(&mut self, now: Instant, target: Target, nominates: bool) -> Option<u32> {
        let order = self.targets.len();
        if order >= MAX_TARGETS && !self.targets.contains_key(&target) {
            return None;
        }
        let fresh = Progress { order, sent: 0, wanted: now, triggered: false, proven: false };
        let progress = self.targets.entry(target).or_insert(fresh);
        progress.wanted = now;
        let progress = *progress;
        // What is known to work is asked once a second, and nominated once.
        let exempt = nominates || progress.proven || progress.triggered;
        if !exempt {
            if !self.pace_allows(now) || !self.is_next(now, target, progress) {
                return None;
            }
            self.last = Some(now);
            self.sent += 1;
        }
        let progress = self.targets.get_mut(&target)?;
        progress.triggered = false;
        if progress.proven {
            return Some(0);
        }
        progress.sent += 1;
        Some(progress.sent - 1)
    }

    /// A request came from there.
    pub(crate) fn triggered(&mut self, now: Instant, target: Target) {
        let order = self.targets.len();
        if order < MAX_TARGETS || self.targets.contains_key(&target) {
            let fresh = Progress { order, sent: 0, wanted: now, triggered: false, proven: false };
            self.targets.entry(target).or_insert(fresh).triggered = true;
        }
    }

    /// A check to it was answered.
    pub(crate) fn proven(&mut self, target: Target) {
        if let Some(progress) = self.targets.get_mut(&target) {
            progress.proven = true;
        }
    }

    fn pace_allows(&self, now: Instant) -> bool {
        let pace = if self.sent < HEAD_START { LEAST } else { PACE };
        self.last.is_none_or(|last| now.saturating_duration_since(last) >= pace)
    }

    /// Whether nobody else was asked less often: then the direct ones come first, and then those that came first.
    fn is_next(&self, now: Instant, target: Target, progress: Progress) -> bool {
        let rank = |target: &Target, progress: &Progress| {
            (progress.sent, !matches!(target, Target::Direct(_)), progress.order)
        };
        let ours = rank(&target, &progress);
        self.targets
            .iter()
            .filter(|(_, other)| !other.proven && now.saturating_duration_since(other.wanted) < FORGOTTEN)
            .all(|(other, progress)| rank(other, progress) >= ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(20);

    fn direct(n: usize) -> Target {
        Target::Direct(SocketAddr::from(([192, 0, 2, n as u8], 5000)))
    }

    /// What leaves within `time` when the library asks for all of `count` targets at every tick: when, and to which.
    fn sent(checks: &mut Checks, count: usize, time: Duration) -> Vec<(Duration, usize)> {
        let begin = Instant::now();
        let mut sent = Vec::new();
        let mut at = Duration::ZERO;
        while at < time {
            for n in 0..count {
                if checks.may_leave(begin + at, direct(n), false).is_some() {
                    sent.push((at, n));
                }
            }
            at += TICK;
        }
        sent
    }

    #[test]
    fn four_hundred_pairs_are_checked_at_twenty_a_second() {
        let sent = sent(&mut Checks::default(), 200, Duration::from_secs(5));
        assert!((80..=105).contains(&sent.len()), "{}", sent.len());
        let in_first_second = sent.iter().filter(|(at, _)| *at < Duration::from_secs(1)).count();
        assert!(in_first_second <= 25, "{in_first_second}");
    }

    #[test]
    fn each_has_its_turn_and_the_first_comes_first() {
        let sent = sent(&mut Checks::default(), 10, Duration::from_secs(2));
        let first_round: Vec<usize> = sent.iter().take(10).map(|(_, n)| *n).collect();
        assert_eq!(first_round, (0..10).collect::<Vec<_>>());
        assert!(sent[4].0 <= TICK * 4, "the first five leave with the ticks: {sent:?}");
        let second_round: Vec<usize> = sent.iter().skip(10).take(10).map(|(_, n)| *n).collect();
        assert_eq!(second_round, first_round);
    }

    #[test]
    fn who_asks_is_answered_by_a_check_at_once_and_once() {
        let mut checks = Checks::default();
        let now = Instant::now();
        while checks.may_leave(now, direct(1), false).is_some() {}
        assert!(checks.may_leave(now, direct(2), false).is_none());
        checks.triggered(now, direct(2));
        assert!(checks.may_leave(now, direct(2), false).is_some());
        assert!(checks.may_leave(now, direct(2), false).is_none());
    }

    #[test]
    fn what_works_and_what_is_chosen_need_not_wait() {
        let mut checks = Checks::default();
        let now = Instant::now();
        while checks.may_leave(now, direct(1), false).is_some() {}
        assert!(checks.may_leave(now, direct(1), true).is_some());
        checks.proven(direct(1));
        assert!(checks.may_leave(now, direct(1), false).is_some());
    }

    #[test]
    fn whoever_is_not_asked_for_any_longer_holds_nobody_up() {
        let mut checks = Checks::default();
        let begin = Instant::now();
        assert!(checks.may_leave(begin, direct(1), false).is_some());
        let mut at = Duration::ZERO;
        let mut sent = 0;
        while at < Duration::from_secs(2) {
            at += TICK;
            sent += usize::from(checks.may_leave(begin + at, direct(2), false).is_some());
        }
        assert!(sent > 20, "{sent}");
    }

    #[test]
    fn an_attackers_candidates_take_no_memory() {
        let mut checks = Checks::default();
        let now = Instant::now();
        for port in 0..10_000 {
            let target = Target::Direct(SocketAddr::from(([192, 0, 2, 1], port)));
            checks.triggered(now, target);
            let _ = checks.may_leave(now, target, false);
        }
        assert_eq!(checks.targets.len(), MAX_TARGETS);
    }
}
