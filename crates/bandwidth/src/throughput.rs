//! How much arrives. Pure: time is an argument.

use std::collections::VecDeque;

use crate::history::Delivery;

/// What arrived is measured over this long ...
const WINDOW: f64 = 0.5;
/// ... and over this long too: what came is a better measure of a path that has just become wider or narrower.
const SHORT: f64 = 0.2;
/// Less says nothing.
const LEAST_PACKETS: usize = 4;
const LEAST_SPAN: f64 = 0.05;

#[derive(Debug, Clone, Copy)]
struct Arrived {
    /// Seconds on the other side's clock.
    at: f64,
    id: u64,
    bytes: usize,
}

/// What was acknowledged of the last moments, in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Throughput {
    arrived: VecDeque<Arrived>,
    /// Reported, whether arrived or not: what is between is unknown.
    known_to: u64,
    /// The first packet after a hole, of which it is unknown how much came since the one before.
    holes: VecDeque<u64>,
}

impl Throughput {
    pub(crate) fn feedback(&mut self, deliveries: &[Delivery]) {
        for one in deliveries {
            if one.id > self.known_to + 1 && self.known_to > 0 {
                self.holes.push_back(one.id);
            }
            self.known_to = self.known_to.max(one.id);
            let Some(arrival) = one.arrival else { continue };
            let at = arrival.as_secs_f64();
            let index = self.arrived.iter().rposition(|other| other.at <= at).map_or(0, |index| index + 1);
            self.arrived.insert(index, Arrived { at, id: one.id, bytes: one.size });
        }
        let newest = self.arrived.back().map_or(0.0, |one| one.at);
        // Of a clock that was set, nothing is left after a second either.
        while self.arrived.front().is_some_and(|one| newest - one.at > WINDOW) {
            self.arrived.pop_front();
        }
        let oldest = self.arrived.iter().map(|one| one.id).min().unwrap_or(self.known_to);
        while self.holes.front().is_some_and(|hole| *hole < oldest) {
            self.holes.pop_front();
        }
    }

    fn over(&self, window: f64) -> Option<f64> {
        let since = self.arrived.back()?.at - window;
        let recent: Vec<_> = self.arrived.iter().filter(|one| one.at >= since).collect();
        // Every packet ends the time since the one before; the first only opens it.
        let (mut bytes, mut span, mut packets) = (0, 0.0, 0);
        for pair in recent.windows(2) {
            let [before, one] = pair else { continue };
            if self.holes.contains(&one.id) {
                continue;
            }
            bytes += one.bytes;
            span += one.at - before.at;
            packets += 1;
        }
        (span >= LEAST_SPAN && packets >= LEAST_PACKETS).then(|| bytes as f64 * 8.0 / span)
    }

    /// Bits a second lately; `None` until there is enough to tell.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.over(WINDOW)
    }

    /// The same while the path is full: what was sent before it became so is no measure of it.
    pub(crate) fn rate_when_full(&self) -> Option<f64> {
        [self.over(WINDOW), self.over(SHORT)].into_iter().flatten().reduce(f64::max)
    }

    pub(crate) fn forget(&mut self) {
        *self = Self { known_to: self.known_to, ..Self::default() };
    }
}
