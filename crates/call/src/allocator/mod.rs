//! Who gets which layer of our picture: one encode per layer, for the whole room.
//!
//! [`Allocator::handle`] takes what was measured and what is wanted, [`Allocator::plan`] says what to encode and what each
//! link gets. It is asked for every picture.
//!
//! **One receiver** gets one layer, whose size follows the path among all sizes. **Several receivers** share up to three
//! layers. A layer's rate is the least of what its receivers carry; who cannot carry its floor gets half the pictures at once
//! (the other half are marked as nobody's reference), then the smaller layer, then none: sound stays. Upwards it goes only
//! when the estimate was well above the next floor for three seconds, one link every 200 ms. Whoever comes begins with the
//! smallest layer, at once if the uplink may have room for it, and takes it from nobody. All links begin with one uplink
//! ([`uplink`]), which has one budget: the largest layer is lowered first. A busy processor ([`processor`]) lowers the size
//! before the rate.
//!
//! Where others hold a layer's rate down, an estimate has nothing to grow from: then one link after the other tries half
//! the next layer, and goes back when its path becomes too full.

mod alone;
mod api;
mod link;
mod processor;
mod rates;
mod sizes;
#[cfg(test)]
mod tests;
mod uplink;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tincan_media::Bitrate;
use tincan_media::video::Resolution;

use self::alone::Ladder;
pub use self::api::{
    AllocatorInput, Layer, LayerId, LimitedBy, LinkPlan, PathEstimate, Pictures, Plan, Want,
};
use self::link::{BASE_SHARE, Link, Rung, UP};
use self::processor::Processor;
use self::sizes::Sizes;
use self::uplink::Uplink;

/// One link gets more only every so often: what one takes shows before the next one takes it too.
const ONE_UP_EVERY: Duration = Duration::from_millis(200);
/// Whoever is kept from a layer by the uplink for so long gets the room of somebody who has two layers more.
const BLOCKED_FOR: Duration = Duration::from_secs(3);
/// Who meet within this time meet at once: whoever was first has no claim to more.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Nothing is given while a path was too full within this time.
const QUIET: Duration = Duration::from_millis(600);
/// One paused picture is tried again every so often in the room, and less and less often when that fails.
const RETURN_EVERY: Duration = Duration::from_secs(2);
const RETURN_EVERY_AT_MOST: Duration = Duration::from_secs(16);
/// What the limit must leave free for somebody to get more: everybody in their new layer gets the keyframe too.
const SPARE: f64 = 1.25;
/// 30 pictures a second, what cameras are asked for.
const NOMINAL_RATE: f32 = 30.0;
/// So many layers at most are encoded: more cost more than they give.
const MAX_LAYERS: usize = 3;

/// See the module's description. `L` names a link.
#[derive(Debug, Clone)]
pub struct Allocator<L> {
    capture: (Resolution, f32),
    sizes: Sizes,
    links: BTreeMap<L, Link>,
    came: u64,
    /// A screen is shared beside it.
    screen: bool,
    /// The size of each layer in use, and its rate in bits a second at the full frame rate.
    layers: BTreeMap<LayerId, (Ladder, f64)>,
    /// Who is the only receiver, and its size.
    alone: Option<(L, Ladder)>,
    uplink: Uplink<L>,
    processor: Processor,
    last_up: Option<Instant>,
    /// When rates were set last.
    rated_at: Option<Instant>,
    /// Who was the last whose paused picture was tried again, when, and how long to wait for the next.
    returned: Option<(L, Instant)>,
    return_every: Duration,
}

impl<L: Copy + Ord> Default for Allocator<L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<L: Copy + Ord> Allocator<L> {
    /// Without links, for a camera of 720 rows until another one is told.
    pub fn new() -> Self {
        Self {
            capture: (Resolution::HD, NOMINAL_RATE),
            sizes: Sizes::new(Resolution::HD, NOMINAL_RATE),
            links: BTreeMap::new(),
            came: 0,
            screen: false,
            layers: BTreeMap::new(),
            alone: None,
            uplink: Uplink::default(),
            processor: Processor::default(),
            last_up: None,
            rated_at: None,
            returned: None,
            return_every: RETURN_EVERY,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: AllocatorInput<L>) {
        match input {
            AllocatorInput::LinkUp(id) => {
                self.came += 1;
                let mut link = Link::new(self.came, now);
                link.beside_screen(self.screen);
                self.links.insert(id, link);
                if self.alone.as_ref().is_some_and(|(of, _)| *of == id) {
                    self.alone = None;
                }
            }
            AllocatorInput::LinkDown(id) => {
                self.leave_to_others(id, now);
                self.links.remove(&id);
                self.alone.take_if(|(of, _)| *of == id);
                if self.links.is_empty() {
                    // What comes next goes over other paths.
                    self.uplink = Uplink::default();
                }
            }
            AllocatorInput::Path(id, path) => {
                let links = self.links.len();
                if self.links.get_mut(&id).is_some_and(|link| link.measured(path, now)) {
                    self.uplink.overuse(id, links, now);
                }
            }
            AllocatorInput::Want(id, want) => {
                if want == Want::Nothing {
                    self.leave_to_others(id, now);
                }
                if let Some(link) = self.links.get_mut(&id) {
                    link.want = want;
                }
            }
            AllocatorInput::KeyframeRequested(id) => self.keyframe_requested(id, now),
            AllocatorInput::Screen(on) => {
                self.screen = on;
                self.links.values_mut().for_each(|link| link.beside_screen(on));
            }
            AllocatorInput::Capture(resolution, rate) => {
                if self.capture != (resolution, rate) {
                    self.capture = (resolution, rate);
                    self.sizes = Sizes::new(resolution, rate);
                    if let Some((_, ladder)) = &mut self.alone {
                        ladder.other_sizes();
                    }
                    for (id, (ladder, _)) in &mut self.layers {
                        *ladder = Ladder::at(self.sizes.entry(*id), now);
                    }
                }
            }
            AllocatorInput::Encoded(share) => {
                self.processor.picture(f64::from(share), self.sizes.last() + 1, now);
            }
        }
    }

    /// A link takes nothing more. Where the uplink was what all of them met, their estimates add up to it, so what one leaves
    /// is the others' at once (as in RFC 8699's flow state exchange).
    fn leave_to_others(&mut self, id: L, now: Instant) {
        let Some(left) = self.links.get(&id).map(|link| self.cost(link.rung)) else { return };
        let coupled = self.uplink.coupled(now);
        if left <= 0.0 || !coupled.contains(&id) {
            return;
        }
        let takes = |of: &L, link: &Link| *of != id && link.rung.share() > 0.0 && coupled.contains(of);
        let others = self.links.iter().filter(|(of, link)| takes(of, link)).count();
        for (_, link) in self.links.iter_mut().filter(|(of, link)| takes(of, link)) {
            link.lend(left / others as f64, now);
        }
    }

    /// Asked twice within two seconds, somebody gets the smaller layer: alone in it, they only pay for themselves.
    fn keyframe_requested(&mut self, id: L, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.asked(now)
            && self.alone.is_none()
            && let Some(layer) = link.rung.layer()
            && layer > self.sizes.get(0).layer
        {
            let below = link.best_below(&self.sizes, layer);
            link.change(below, now);
        }
    }

    /// What to encode now.
    pub fn plan(&mut self, now: Instant) -> Plan<L> {
        self.settle_sizes();
        let costs: Vec<f64> = self.links.values().map(|link| self.cost(link.rung)).collect();
        for (link, cost) in self.links.values_mut().zip(costs) {
            link.watch(&self.sizes, cost, now);
            if link.want == Want::Nothing {
                link.change(Rung::Paused, now);
                link.attempt = None;
            }
        }
        let mut wanting = self.links.iter().filter(|(_, link)| link.want != Want::Nothing).map(|(id, _)| *id);
        match (wanting.next(), wanting.next()) {
            (Some(one), None) => self.one(one, now),
            (None, _) => {
                self.alone = None;
                self.layers.clear();
            }
            (Some(_), Some(_)) => self.several(now),
        }
        let plan = self.made();
        let total = self.links.values().map(|link| self.cost(link.rung) + link.sound).sum();
        self.uplink.sends(total, now);
        plan
    }

    /// After the camera changed: no link is in a layer that there is not.
    fn settle_sizes(&mut self) {
        for link in self.links.values_mut() {
            if let Some(layer) = link.rung.layer() {
                let there = self.sizes.get(self.sizes.entry(layer)).layer;
                if there != layer {
                    link.rung = match link.rung {
                        Rung::Half(_) => Rung::Half(there),
                        _ => Rung::All(there),
                    };
                }
            }
        }
        let there = |layer: LayerId| self.sizes.get(self.sizes.entry(layer)).layer == layer;
        self.layers.retain(|&layer, _| there(layer));
    }

    /// The largest size that a link is to get, by what it shows and what this computer encodes.
    fn most(&self, link: &Link) -> usize {
        self.wanted(link).min(self.processor.most(self.sizes.last() + 1))
    }

    fn wanted(&self, link: &Link) -> usize {
        match link.want {
            Want::Any => self.sizes.fitting(720),
            Want::Nothing => 0,
            Want::Lines(lines) => self.sizes.fitting(lines),
        }
    }

    /// The only receiver.
    fn one(&mut self, id: L, now: Instant) {
        let Some(link) = self.links.get(&id) else { return };
        let most = self.most(link);
        let mut ladder = match self.alone.take() {
            Some((of, ladder)) if of == id => ladder,
            _ => match link.rung.layer() {
                Some(layer) => self
                    .layers
                    .get(&layer)
                    .map_or_else(|| Ladder::at(self.sizes.entry(layer), now), |(ladder, _)| ladder.clone()),
                None => Ladder::default(),
            },
        };
        let index = ladder.update(&self.sizes, link.estimate, (0, most), now);
        let size = *self.sizes.get(index);
        let (estimate, floor) = (link.estimate, size.floor());
        let margin = |on: bool| if on { 1.0 } else { UP };
        let carries_all = !matches!(link.rung, Rung::Half(_) | Rung::Paused);
        let carries_half = link.rung != Rung::Paused;
        let least = self.sizes.get(0).floor() * BASE_SHARE;
        let rung = if estimate < least * margin(carries_half) {
            Rung::Paused
        } else if index == 0 && estimate < floor * margin(carries_all) {
            Rung::Half(size.layer)
        } else {
            Rung::All(size.layer)
        };
        let rate = (estimate / rung.share().max(BASE_SHARE)).min(size.ceiling());
        self.layers.clear();
        self.layers.insert(size.layer, (Ladder::at(index, now), rate));
        self.alone = Some((id, ladder));
        if let Some(link) = self.links.get_mut(&id) {
            link.attempt = None;
            link.change(rung, now);
        }
    }

    /// More than one receiver.
    fn several(&mut self, now: Instant) {
        if let Some((first, _)) = self.alone.take()
            && let Some(link) = self.links.get_mut(&first)
            && now.saturating_duration_since(link.came) < AT_ONCE
        {
            let smallest = link.smallest(&self.sizes, 1.0);
            link.change(smallest, now);
        }
        let needs = BASE_SHARE * self.sizes.floor(self.sizes.get(0).layer);
        let starving =
            self.links.iter().filter(|(_, link)| link.estimate < needs).map(|(id, _)| *id).collect();
        self.uplink.starving(starving, self.links.len(), now);
        self.carry(now);
        self.keep_to_budget(now);
        self.give_way(now);
        self.keep_to_three_layers(now);
        self.admit(now);
        if self.last_up.is_none_or(|at| now.saturating_duration_since(at) >= ONE_UP_EVERY)
            && let Some((id, rung, attempt)) = self.next_up(now)
            && let Some(link) = self.links.get_mut(&id)
        {
            if attempt && rung.layer() == Some(self.sizes.get(0).layer) {
                self.returned = Some((id, now));
            }
            link.change(rung, now);
            link.attempt = attempt.then_some(now);
            self.last_up = Some(now);
        }
        self.set_rates(now);
    }

    /// Everybody keeps what their own path carries.
    fn carry(&mut self, now: Instant) {
        let most: Vec<LayerId> =
            self.links.values().map(|link| self.sizes.get(self.most(link)).layer).collect();
        for (link, most) in self.links.values_mut().zip(most) {
            let rung = link.carried(&self.sizes, most, now);
            link.change(rung, now);
        }
        // Who holds back the others of a layer leaves it.
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            let Some(layer) = self.links.get(&id).and_then(|link| link.rung.layer()) else { continue };
            let least = self.others_carry(id, layer).map(|least| least.min(self.ceiling(layer)));
            if let Some(link) = self.links.get_mut(&id)
                && link.drags(least, now)
                && layer > self.sizes.get(0).layer
            {
                let below = link.best_below(&self.sizes, layer);
                link.change(below, now);
            }
        }
    }

    /// The least that the others who get all of a layer carry.
    fn others_carry(&self, id: L, layer: LayerId) -> Option<f64> {
        let others = self.links.iter().filter(|(of, link)| **of != id && link.rung == Rung::All(layer));
        others.map(|(_, link)| link.estimate).reduce(f64::min)
    }

    /// The layers that somebody gets, one link left out.
    fn used(&self, but: Option<L>) -> BTreeSet<LayerId> {
        let others = self.links.iter().filter(|(id, _)| Some(**id) != but);
        others.filter_map(|(_, link)| link.rung.layer()).collect()
    }

    /// Among four layers the largest is nobody's.
    fn keep_to_three_layers(&mut self, now: Instant) {
        let used = self.used(None);
        if used.len() > MAX_LAYERS
            && let Some(&largest) = used.last()
        {
            for link in self.links.values_mut().filter(|link| link.rung.layer() == Some(largest)) {
                let below = link.best_below(&self.sizes, largest);
                link.change(below, now);
            }
        }
    }

    /// All links' sound, which comes first.
    fn sound(&self) -> f64 {
        self.links.values().map(|link| link.sound).sum()
    }

    /// Together at least this much, by the floors.
    fn floors(&self) -> f64 {
        self.links.values().map(|link| link.rung.floor(&self.sizes)).sum()
    }

    /// While even the floors are above the uplink's budget, the largest layer is lowered, the last to come first; at the
    /// bottom half the pictures, then none.
    fn keep_to_budget(&mut self, now: Instant) {
        let Some(budget) = self.uplink.budget().map(|budget| budget - self.sound()) else { return };
        let smallest = self.sizes.get(0).layer;
        while self.floors() > budget {
            let size = |link: &Link| (link.rung.layer(), matches!(link.rung, Rung::All(_)), link.order);
            let Some(link) = self.links.values_mut().max_by_key(|link| size(link)) else { return };
            let lower = match link.rung {
                Rung::New | Rung::Paused => return,
                Rung::Half(layer) if layer == smallest => Rung::Paused,
                Rung::All(layer) if layer == smallest => Rung::Half(layer),
                Rung::Half(layer) | Rung::All(layer) => link.best_below(&self.sizes, layer),
            };
            link.attempt = None;
            link.change(lower, now);
        }
    }

    /// Whoever the uplink has kept from a layer for a while gets the room of somebody who has two layers more.
    fn give_way(&mut self, now: Instant) {
        let waits = |link: &&mut Link| {
            link.blocked_since.is_some_and(|at| now.saturating_duration_since(at) >= BLOCKED_FOR)
        };
        let rank = |rung: Rung| rung.layer().map_or(0, |layer| layer as usize + 1);
        let Some(waiting) = self.links.values_mut().filter(waits).map(|link| rank(link.rung)).min() else {
            return;
        };
        let richest = self.links.values_mut().max_by_key(|link| (rank(link.rung), link.order));
        if let Some(link) = richest
            && rank(link.rung) >= waiting + 2
            && let Some(layer) = link.rung.layer()
        {
            let below = link.best_below(&self.sizes, layer);
            link.change(below, now);
            link.attempt = None;
        }
    }

    /// Whoever has just come gets the smallest layer, all of them at once: nobody waits for another one's picture.
    fn admit(&mut self, now: Instant) {
        if self.uplink.was_full(QUIET, now) {
            return;
        }
        let limit = self.uplink.limit() - self.sound();
        let smallest = self.sizes.get(0).layer;
        let used = self.used(None);
        if used.len() >= MAX_LAYERS && !used.contains(&smallest) {
            return;
        }
        let comes = |link: &&mut Link| link.rung == Rung::New && link.want != Want::Nothing;
        let mut floors = self.floors();
        let mut newcomers: Vec<&mut Link> = self.links.values_mut().filter(comes).collect();
        newcomers.sort_unstable_by_key(|link| link.order);
        for link in newcomers {
            let rung = link.smallest(&self.sizes, 1.0);
            if rung.share() > 0.0 && (floors + rung.floor(&self.sizes)) * SPARE <= limit {
                floors += rung.floor(&self.sizes);
                link.change(rung, now);
            }
        }
    }

    /// Who gets more now: the one with the least, the first to come among several.
    fn next_up(&mut self, now: Instant) -> Option<(L, Rung, bool)> {
        if self.uplink.was_full(QUIET, now) {
            return None;
        }
        let (floors, limit) = (self.floors(), self.uplink.limit() - self.sound());
        let mut ids: Vec<(LayerId, u64, L)> = Vec::new();
        let bottom = self.sizes.get(0).layer;
        for (&id, link) in self.links.iter().filter(|(_, link)| link.want != Want::Nothing) {
            ids.push((link.rung.layer().unwrap_or(bottom), link.order, id));
        }
        ids.sort_unstable_by_key(|(layer, order, id)| {
            let has = self.links[id].rung.share() > 0.0;
            (has, *layer, *order)
        });
        let mut attempt = None;
        let attempting = self.links.values().any(|link| link.attempt.is_some());
        let may_return = self.may_return(now);
        for (_, _, id) in ids {
            let link = &self.links[&id];
            let most = self.most(link);
            let layer = self.sizes.get(most).layer;
            let rate = |layer: LayerId| self.layers.get(&layer).map(|(_, rate)| *rate);
            let wishes = link.wishes(&self.sizes, layer, rate, now);
            let used = self.used(Some(id));
            let room = |rung: &Rung| {
                let one_more = rung.layer().is_some_and(|layer| !used.contains(&layer));
                used.len() + usize::from(one_more) <= MAX_LAYERS
                    && rung.share() > 0.0
                    && (floors - link.rung.floor(&self.sizes) + rung.floor(&self.sizes)) * SPARE <= limit
            };
            let rung = wishes.iter().copied().find(room);
            let blocked = rung.is_none() && wishes.iter().any(|rung| rung.share() > 0.0);
            if rung.is_none() && !attempting && attempt.is_none() {
                let others = link.rung.layer().and_then(|layer| self.others_carry(id, layer));
                let again = link.attempt(&self.sizes, most, others, now).filter(room);
                let again = again.filter(|_| may_return || link.rung.share() > 0.0);
                attempt = again.map(|rung| (id, rung, true));
            }
            if let Some(link) = self.links.get_mut(&id) {
                link.blocked_since = blocked.then(|| link.blocked_since.unwrap_or(now));
            }
            if let Some(rung) = rung {
                return Some((id, rung, false));
            }
        }
        attempt
    }

    /// Whether a paused picture may be tried again.
    fn may_return(&mut self, now: Instant) -> bool {
        let Some((last, at)) = self.returned else { return true };
        if now.saturating_duration_since(at) < self.return_every {
            return false;
        }
        let stayed = self.links.get(&last).is_none_or(|link| link.rung.share() > 0.0);
        let longer = (self.return_every * 2).min(RETURN_EVERY_AT_MOST);
        self.return_every = if stayed { RETURN_EVERY } else { longer };
        self.returned = None;
        stayed
    }

    fn made(&self) -> Plan<L> {
        let halved = self.processor.halves(self.sizes.last() + 1);
        // When nobody gets a layer's other half, it is not made.
        let all = |layer: LayerId| self.links.values().any(|link| link.rung == Rung::All(layer));
        let layers = self
            .layers
            .iter()
            .filter(|(layer, _)| self.links.values().any(|link| link.rung.layer() == Some(**layer)));
        let layers = layers.map(|(&id, (ladder, rate))| {
            let index = ladder.index().unwrap_or_else(|| self.sizes.entry(id));
            let (bitrate, half) = if all(id) { (*rate, false) } else { (*rate * BASE_SHARE, true) };
            Layer {
                id,
                resolution: self.sizes.get(index).resolution,
                bitrate: Bitrate::bps(bitrate as u64),
                frames_per_second: self.capture.1 / if half || halved { 2.0 } else { 1.0 },
            }
        });
        let links = self.links.iter().map(|(&id, link)| {
            let pictures = match link.rung {
                Rung::New | Rung::Paused => Pictures::Paused,
                Rung::Half(layer) if all(layer) => Pictures::Base(layer),
                Rung::Half(layer) | Rung::All(layer) => Pictures::All(layer),
            };
            (id, LinkPlan { pictures, limited_by: self.limit_of(link, halved) })
        });
        Plan { layers: layers.collect(), links: links.collect() }
    }

    fn limit_of(&self, link: &Link, halved: bool) -> LimitedBy {
        if link.want == Want::Nothing {
            return LimitedBy::None;
        }
        let has = link.rung.layer().and_then(|layer| self.layers.get(&layer)).and_then(|(of, _)| of.index());
        let wanted = self.wanted(link);
        match has {
            Some(index) if index >= wanted && !halved && !matches!(link.rung, Rung::Half(_)) => {
                LimitedBy::None
            }
            Some(index) if index >= self.most(link) && (halved || self.most(link) < wanted) => {
                LimitedBy::Processor
            }
            _ => LimitedBy::Bandwidth,
        }
    }
}
