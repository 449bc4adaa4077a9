//! What each layer is encoded at.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::alone::Ladder;

use super::link::Rung;
use super::{Allocator, LayerId};

/// A layer's rate grows by no more than this share a second, and begins a little above its floor. Paths are asked for more step
/// by step then: seven senders who each take at once what a moment left free fill a downlink for seconds. (In rooms of eight drawn
/// at random, links were too full for 2.6% of the time; with this for 1.9%, at the same layers.)
const GROWTH: f64 = 0.25;
const BEGINS: f64 = 1.2;
/// A pause is no licence to jump.
const LONGEST_STEP: Duration = Duration::from_millis(200);

impl<L: Copy + Ord> Allocator<L> {
    /// More than this improves a layer no more.
    pub(super) fn ceiling(&self, layer: LayerId) -> f64 {
        self.sizes.get(self.largest(layer)).ceiling()
    }

    /// The index of the largest size of a layer that somebody in it wants and this computer makes.
    fn largest(&self, layer: LayerId) -> usize {
        let users = self.links.values().filter(|link| link.rung.layer() == Some(layer));
        let wanted = users.map(|link| self.most(link)).max().unwrap_or(self.sizes.last());
        let entry = self.sizes.entry(layer);
        (entry..=wanted.max(entry)).rev().find(|&index| self.sizes.get(index).layer == layer).unwrap_or(entry)
    }

    /// Each layer's rate: the least that its users carry, and together no more than the uplink does.
    pub(super) fn set_rates(&mut self, now: Instant) {
        let mut rates: BTreeMap<LayerId, (f64, f64)> = BTreeMap::new();
        for link in self.links.values() {
            if let Some(layer) = link.rung.layer() {
                let (rate, shares) = rates.entry(layer).or_insert((f64::INFINITY, 0.0));
                *rate = rate.min(link.estimate / link.rung.share());
                *shares += link.rung.share();
            }
        }
        let mut total = 0.0;
        for (&layer, (rate, shares)) in &mut rates {
            *rate = rate.min(self.ceiling(layer)).max(self.sizes.floor(layer));
            total += *rate * *shares;
        }
        let mut excess = total + self.sound() - self.uplink.limit();
        for (&layer, (rate, shares)) in rates.iter_mut().rev() {
            let cut = (excess / *shares).clamp(0.0, *rate - self.sizes.floor(layer));
            *rate -= cut;
            excess -= cut * *shares;
        }
        let since = self.rated_at.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let growth = 1.0 + GROWTH * since.min(LONGEST_STEP).as_secs_f64();
        self.layers.retain(|layer, _| rates.contains_key(layer));
        for (layer, (rate, _)) in rates {
            let floor = self.sizes.floor(layer);
            let before = self.layers.get(&layer).map_or(floor * BEGINS, |(_, rate)| *rate);
            let rate = rate.min(before.max(floor) * growth);
            let (least, most) = (self.sizes.entry(layer), self.largest(layer));
            let (ladder, of) = self.layers.entry(layer).or_insert_with(|| (Ladder::at(least, now), rate));
            ladder.update(&self.sizes, rate, (least, most), now);
            *of = rate;
        }
    }

    /// What a link costs now.
    pub(super) fn cost(&self, rung: Rung) -> f64 {
        let rate = rung.layer().and_then(|layer| self.layers.get(&layer)).map_or(0.0, |(_, rate)| *rate);
        rate * rung.share()
    }
}
