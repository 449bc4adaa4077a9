//! What is known of one link, and what its path alone says about the layer.

use std::time::{Duration, Instant};

use super::sizes::Sizes;
use super::{LayerId, PathEstimate, Want};
use crate::sharing::camera_part;

/// Share of a layer's bits that its base pictures take, at two temporal layers (OpenH264, measured: 60 to 40).
pub(super) const BASE_SHARE: f64 = 0.6;
/// An estimate must exceed a layer's floor by this factor, for so long, before the layer is taken.
pub(super) const UP: f64 = 1.3;
const UP_AFTER: Duration = Duration::from_secs(3);
/// What was taken and lost again within this time was too much: the next wait is twice as long, up to the longest. Every
/// change costs everybody in the layer a keyframe.
const KEPT: Duration = Duration::from_secs(15);
const UP_AFTER_AT_MOST: Duration = Duration::from_secs(48);
/// Half the pictures bridge a gap; a smaller picture that moves is better in the long run.
const HALF_FOR: Duration = Duration::from_secs(2);
/// After a change, this long nothing gets better again.
const CALM: Duration = Duration::from_millis(500);
/// Above this share of lost packets a larger keyframe would not arrive in one piece.
const LOSSY: f32 = 0.10;
/// An estimate that falls by so much at once met a queue or losses; less is noise.
const FALL: f64 = 0.95;
/// Of what the others of a layer carry, who carries less leaves it after [`UP_AFTER`], and who carries so much may join.
const DRAG: f64 = 0.5;
const DRAG_ENTER: f64 = 0.6;
/// An attempt needs half the next layer and a little more, which the estimate knows; and its outcome is clear by then.
const ATTEMPT_ROOM: f64 = 1.15;
const ATTEMPT_FOR: Duration = Duration::from_secs(4);
/// So long a path must have been quiet before an attempt, at first and at most: each failure doubles it.
const ATTEMPT_AFTER: Duration = Duration::from_secs(5);
const ATTEMPT_AFTER_AT_MOST: Duration = Duration::from_secs(40);
/// A paused picture comes back when the path carries so many times what it costs: beside the sound alone, an estimate
/// has little to grow from.
const RETURN: f64 = 1.1;
/// A paused picture is tried more often: nothing is worse than none.
const RETURN_AFTER_AT_MOST: Duration = Duration::from_secs(20);
/// The smallest picture is not taken away for a moment: a controller's decrease takes that long to be earned back.
const PAUSE_AFTER: Duration = Duration::from_secs(3);
/// A path that carries all of it is estimated at no less than this share of what it costs, in the moment after a decrease
/// to 85% of sound and pictures.
const STARVED: f64 = 0.65;
/// A path that carried so many times less, and this much, is not believed to carry more: controllers begin with a guess,
/// and eight of these meet on one downlink.
const BELIEVED: f64 = 2.0;
const BELIEVED_LEAST: f64 = 100e3;
/// What another link left free is lent for so long; by then the estimate has grown or shown that the path takes less.
const LENT_FOR: Duration = Duration::from_secs(10);
/// A link that needs keyframes twice within this time loses too much of its layer.
const ASKED_TWICE: Duration = Duration::from_secs(2);
/// Until the network was measured: with the sound's 40 kbit/s what the bandwidth estimate begins with.
const START: f64 = 310e3;
const SOUND: f64 = 40e3;

/// What a link gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    /// Nothing yet.
    New,
    /// No pictures: the path does not carry them, or nobody looks.
    Paused,
    /// Every second picture.
    Half(LayerId),
    /// All pictures.
    All(LayerId),
}

impl Rung {
    pub(super) const fn layer(self) -> Option<LayerId> {
        match self {
            Self::New | Self::Paused => None,
            Self::Half(layer) | Self::All(layer) => Some(layer),
        }
    }

    /// Share of the layer's bits.
    pub(super) const fn share(self) -> f64 {
        match self {
            Self::New | Self::Paused => 0.0,
            Self::Half(_) => BASE_SHARE,
            Self::All(_) => 1.0,
        }
    }

    /// What it costs at least.
    pub(super) fn floor(self, sizes: &Sizes) -> f64 {
        self.layer().map_or(0.0, |layer| self.share() * sizes.floor(layer))
    }
}

/// One link.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Counts links in the order in which they came.
    pub(super) order: u64,
    pub(super) came: Instant,
    /// Bits a second for pictures: what was measured, or what was lent.
    pub(super) estimate: f64,
    measured: f64,
    /// What the path carries beside the sound, and whether a screen takes its part of that.
    spare: f64,
    beside_screen: bool,
    /// Bits a second of the sound.
    pub(super) sound: f64,
    /// As it was told, sound included.
    told: Option<f64>,
    loss: f32,
    pub(super) want: Want,
    pub(super) rung: Rung,
    changed: Instant,
    /// Per layer: since when the estimate has been well above its floor.
    high_since: [Option<Instant>; LayerId::ALL.len()],
    drags_since: Option<Instant>,
    /// When it got a larger layer last, and how long its estimate must be high before the next.
    rose: Option<Instant>,
    up_after: Duration,
    overuse: Option<Instant>,
    /// Since when it tries a layer that its estimate does not prove.
    pub(super) attempt: Option<Instant>,
    /// Whether that is the smallest one after a pause.
    returning: bool,
    patience: Duration,
    asked: Option<Instant>,
    /// Since when it does not carry half the smallest layer.
    starved_since: Option<Instant>,
    /// A rate, sound not included, that the common uplink has free for it, and since when.
    lent: Option<(f64, Instant)>,
    /// Wanted more and the uplink had no room, since then.
    pub(super) blocked_since: Option<Instant>,
}

impl Link {
    pub(super) fn new(order: u64, now: Instant) -> Self {
        Self {
            order,
            came: now,
            estimate: START,
            measured: START,
            spare: START,
            beside_screen: false,
            sound: SOUND,
            told: None,
            loss: 0.0,
            want: Want::Any,
            rung: Rung::New,
            changed: now,
            high_since: [None; LayerId::ALL.len()],
            drags_since: None,
            rose: None,
            up_after: UP_AFTER,
            overuse: None,
            attempt: None,
            returning: false,
            patience: ATTEMPT_AFTER,
            asked: None,
            starved_since: None,
            lent: None,
            blocked_since: None,
        }
    }

    /// Whether the path is too full.
    pub(super) fn measured(&mut self, path: PathEstimate, now: Instant) -> bool {
        let available = path.available.as_bps() as f64;
        let fell = self.told.replace(available).is_some_and(|before| available < before * FALL);
        self.sound = path.sound.as_bps() as f64;
        self.spare = (available - self.sound).max(0.0);
        self.measured = self.part();
        self.loss = path.loss;
        if fell {
            self.overuse = Some(now);
            self.lent = None;
            // The smallest picture is no cause of a queue: it gets its time.
            if self.attempt.is_some() && !self.returning {
                self.failed(now);
            }
        }
        self.estimate = self.measured.max(self.lent.map_or(0.0, |(rate, _)| rate));
        fell
    }

    /// What is left for the camera.
    fn part(&self) -> f64 {
        if self.beside_screen { camera_part(self.spare) } else { self.spare }
    }

    /// A screen is shared too from now on, or is not: less or more for the camera at once, and not because of a queue.
    pub(super) fn beside_screen(&mut self, on: bool) {
        self.beside_screen = on;
        self.measured = self.part();
        self.estimate = self.measured;
        self.lent = None;
    }

    pub(super) fn change(&mut self, rung: Rung, now: Instant) {
        if rung != self.rung {
            self.returning = matches!(self.rung, Rung::New | Rung::Paused);
            if rung.layer() > self.rung.layer() {
                self.rose = Some(now);
            } else if rung.layer() < self.rung.layer() {
                let kept = self.rose.take().is_none_or(|at| now.saturating_duration_since(at) >= KEPT);
                self.up_after = if kept { UP_AFTER } else { (self.up_after * 2).min(UP_AFTER_AT_MOST) };
            }
            self.rung = rung;
            self.changed = now;
            self.drags_since = None;
            self.blocked_since = None;
        }
    }

    /// The attempt came to nothing.
    fn failed(&mut self, now: Instant) {
        self.attempt = None;
        self.patience = (self.patience * 2).min(ATTEMPT_AFTER_AT_MOST);
        self.overuse = Some(now);
    }

    /// The uplink has so much more for it than before: the path's estimate was that of the uplink, which others left.
    pub(super) fn lend(&mut self, more: f64, now: Instant) {
        self.lent = Some((self.estimate + more, now));
        self.estimate += more;
    }

    #[cfg(test)]
    pub(super) const fn is_lent(&self) -> bool {
        self.lent.is_some()
    }

    /// Since when the estimate has been above the layers' floors. `cost` is what is sent to it.
    pub(super) fn watch(&mut self, sizes: &Sizes, cost: f64, now: Instant) {
        if self.lent.take_if(|(_, at)| now.saturating_duration_since(*at) >= LENT_FOR).is_some() {
            self.estimate = self.measured;
        }
        let believed = self.estimate.min(cost * BELIEVED + BELIEVED_LEAST);
        for (layer, since) in LayerId::ALL.into_iter().zip(&mut self.high_since) {
            *since = (believed >= UP * sizes.floor(layer)).then(|| since.unwrap_or(now));
        }
    }

    /// They cannot go on without a keyframe. Whether they are to get the smaller layer: a keyframe for one costs everybody in
    /// the layer.
    pub(super) fn asked(&mut self, now: Instant) -> bool {
        let again = self.asked.replace(now).is_some_and(|at| now.saturating_duration_since(at) < ASKED_TWICE);
        if again {
            self.asked = None;
            self.overuse = Some(now);
            self.high_since = [None; LayerId::ALL.len()];
        }
        again
    }

    /// What its path carries of `current`, without any wish to improve; at once and without a keyframe where that is enough.
    /// `most` is the largest layer that is wanted and can be made.
    pub(super) fn carried(&mut self, sizes: &Sizes, most: LayerId, now: Instant) -> Rung {
        let smallest = sizes.get(0).layer;
        let waited = now.saturating_duration_since(self.changed);
        let Some(layer) = self.rung.layer() else { return self.rung };
        if layer > most {
            self.attempt = None;
            return self.best_at_most(sizes, most);
        }
        let floor = sizes.floor(layer);
        let needs = floor * BASE_SHARE;
        let attempted = self.attempt.map(|at| now.saturating_duration_since(at));
        let enough = if layer > smallest { needs } else { needs * STARVED };
        if self.estimate >= enough {
            self.starved_since = None;
        } else if layer > smallest {
            self.attempt = None;
            return self.best_below(sizes, layer);
        } else {
            if attempted.is_some_and(|time| time < ATTEMPT_FOR) {
                return Rung::Half(layer);
            }
            let since = *self.starved_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= PAUSE_AFTER {
                if attempted.is_some() {
                    self.failed(now);
                }
                return Rung::Paused;
            }
            return Rung::Half(layer);
        }
        match self.rung {
            Rung::Half(_) if layer > smallest && attempted.is_some_and(|time| time >= ATTEMPT_FOR) => {
                self.failed(now);
                self.best_below(sizes, layer)
            }
            Rung::Half(_) if self.estimate >= floor * 1.1 && waited >= CALM => {
                if self.attempt.take().is_some() {
                    self.patience = ATTEMPT_AFTER;
                }
                Rung::All(layer)
            }
            Rung::Half(_) if self.attempt.is_none() && layer > smallest && waited >= HALF_FOR => {
                self.best_below(sizes, layer)
            }
            Rung::All(_) if self.estimate < floor => Rung::Half(layer),
            same => same,
        }
    }

    /// The largest layer below that the path carries; at the bottom half of its pictures, or none.
    pub(super) fn best_below(&self, sizes: &Sizes, layer: LayerId) -> Rung {
        let carried = sizes.below(layer).find(|&below| self.estimate >= sizes.floor(below));
        carried.map_or_else(|| self.smallest(sizes, 1.0), Rung::All)
    }

    fn best_at_most(&self, sizes: &Sizes, most: LayerId) -> Rung {
        if self.estimate >= sizes.floor(most) { Rung::All(most) } else { self.best_below(sizes, most) }
    }

    pub(super) fn smallest(&self, sizes: &Sizes, margin: f64) -> Rung {
        let layer = sizes.get(0).layer;
        let floor = sizes.floor(layer);
        match self.estimate {
            e if e >= floor * margin => Rung::All(layer),
            e if e >= floor * BASE_SHARE * margin => Rung::Half(layer),
            _ if matches!(self.rung, Rung::New | Rung::Paused) => Rung::Paused,
            // Whether it is taken away too is decided in a while.
            _ => Rung::Half(layer),
        }
    }

    /// What it is to get next if there is room, best first. `rate` is what a layer has now.
    pub(super) fn wishes(
        &self,
        sizes: &Sizes,
        most: LayerId,
        rate: impl Fn(LayerId) -> Option<f64>,
        now: Instant,
    ) -> Vec<Rung> {
        let waited = now.saturating_duration_since(self.changed);
        let current = match self.rung {
            // The smallest at once; a paused one when it surely fits.
            Rung::New => return vec![self.smallest(sizes, 1.0)],
            Rung::Paused if waited < CALM => return Vec::new(),
            Rung::Paused => return vec![self.smallest(sizes, RETURN)],
            Rung::Half(_) => return Vec::new(),
            Rung::All(layer) => layer,
        };
        if self.loss > LOSSY || waited < CALM {
            return Vec::new();
        }
        let ready = |layer: &LayerId| {
            let since = self.high_since[*layer as usize];
            let high = since.is_some_and(|at| now.saturating_duration_since(at) >= self.up_after);
            high && rate(*layer).is_none_or(|rate| self.estimate >= rate * DRAG_ENTER)
        };
        let above = LayerId::ALL.into_iter().rev().filter(|&layer| layer > current && layer <= most);
        let above = above.filter(|&layer| sizes.get(sizes.entry(layer)).layer == layer);
        above.filter(ready).map(Rung::All).collect()
    }

    /// The layer to try next although nothing proves it: its own is held down by somebody else in it, so that the estimate has
    /// nothing to grow from. `others` is the least that those carry.
    pub(super) fn attempt(
        &self,
        sizes: &Sizes,
        most: usize,
        others: Option<f64>,
        now: Instant,
    ) -> Option<Rung> {
        let quiet = |at: Instant| now.saturating_duration_since(at) >= self.patience;
        if matches!(self.rung, Rung::New | Rung::Paused) {
            let patience = self.patience.min(RETURN_AFTER_AT_MOST);
            let waited = now.saturating_duration_since(self.changed);
            return (waited >= patience).then_some(Rung::Half(sizes.get(0).layer));
        }
        let Rung::All(current) = self.rung else { return None };
        let next = sizes.above(current, most)?;
        let ready = self.estimate >= ATTEMPT_ROOM * BASE_SHARE * sizes.floor(next)
            && others.is_some_and(|others| self.estimate >= UP * others)
            && self.loss <= LOSSY
            && self.estimate < UP * sizes.floor(next)
            && quiet(self.changed)
            && self.overuse.is_none_or(|at| now.saturating_duration_since(at) >= ATTEMPT_AFTER);
        ready.then_some(Rung::Half(next))
    }

    /// Whether it has held back the others of its layer for a while, who carry `others` at least.
    pub(super) fn drags(&mut self, others: Option<f64>, now: Instant) -> bool {
        if others.is_none_or(|others| self.estimate >= others * DRAG) {
            self.drags_since = None;
            return false;
        }
        let since = *self.drags_since.get_or_insert(now);
        now.saturating_duration_since(since) >= UP_AFTER
    }
}
