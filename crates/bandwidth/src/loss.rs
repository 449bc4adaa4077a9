//! How much of the loss is the path's own, and how much comes of sending more than it takes. Pure: time is an argument.
//!
//! Model: libwebrtc's loss-based estimate, second version. A path is thought of as one that loses a share of packets
//! whatever is sent (its *inherent* loss), and besides everything above its bandwidth. Of a few candidates for the bandwidth
//! the one is taken that explains best what was lost at which rate lately; of two that explain it as well, the greater.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::history::Delivery;

/// Losses are counted over this long, and at least so many packets.
const STEP: Duration = Duration::from_millis(250);
const LEAST_PACKETS: f64 = 12.0;
/// So many steps are looked back at; each counts for less than the one after it.
const STEPS: usize = 20;
const WEIGHT: f64 = 0.9;
/// Steps before there is anything to say.
const LEAST_STEPS: usize = 4;
/// How much the greater of two bandwidths is liked better, a packet: for each kbit/s, and for each doubling.
const LIKED: f64 = 0.000_2;
const LIKED_LOGARITHM: f64 = 0.02;
/// The bandwidths that are tried, as shares of the one before.
const CANDIDATES: [f64; 5] = [1.04, 1.0, 0.95, 0.85, 0.7];
/// A path that loses nothing at all still has this: or one lost packet would say everything.
const LEAST_INHERENT: f64 = 0.001;
const MOST_INHERENT: f64 = 0.6;
const INHERENT_STEPS: usize = 40;
/// Above this share no more is sent than [`BALANCE`] over what is above it, however it is explained: whoever shares the
/// path suffers from it too.
const TOO_MUCH: f64 = 0.10;
const BALANCE: f64 = 75_000.0;

#[derive(Debug, Clone, Copy)]
struct Step {
    packets: f64,
    lost: f64,
    /// At what rate they were sent.
    rate: f64,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct LossEstimate {
    steps: VecDeque<Step>,
    since: Option<Instant>,
    packets: f64,
    lost: f64,
    bytes: f64,
    /// What the path takes as far as loss tells; `None`: it tells nothing.
    limit: Option<f64>,
    inherent: f64,
    smoothed: f64,
}

impl LossEstimate {
    /// Takes in what became of packets; `target` is what is sent at most now, and `arrives` what was acknowledged lately.
    pub(crate) fn feedback(
        &mut self,
        now: Instant,
        deliveries: &[Delivery],
        target: f64,
        arrives: Option<f64>,
    ) {
        let since = *self.since.get_or_insert(now);
        for one in deliveries {
            if one.late {
                self.lost = (self.lost - 1.0).max(0.0);
                continue;
            }
            self.packets += 1.0;
            self.lost += if one.is_lost() { 1.0 } else { 0.0 };
            self.bytes += one.size as f64;
        }
        let span = now.saturating_duration_since(since);
        if span < STEP || self.packets < LEAST_PACKETS {
            return;
        }
        let rate = self.bytes * 8.0 / span.as_secs_f64();
        let step = Step { packets: self.packets, lost: self.lost, rate };
        self.smoothed += 0.3 * (step.lost / step.packets - self.smoothed);
        self.steps.push_front(step);
        self.steps.truncate(STEPS);
        (self.since, self.packets, self.lost, self.bytes) = (Some(now), 0.0, 0.0, 0.0);
        if self.steps.len() >= LEAST_STEPS {
            self.look(target, arrives);
        }
    }

    fn look(&mut self, target: f64, arrives: Option<f64>) {
        let before = self.limit.unwrap_or(target).min(target.max(arrives.unwrap_or(0.0)));
        let tried = CANDIDATES.into_iter().map(|share| before * share);
        // What arrived is a bandwidth that the path has.
        let tried = tried.chain(arrives).chain([target]);
        let best = tried.map(|bandwidth| (bandwidth, self.explains(bandwidth)));
        let Some((bandwidth, (_, inherent))) = best.max_by(|one, other| one.1.0.total_cmp(&other.1.0)) else {
            return;
        };
        self.inherent = inherent;
        let mut bandwidth = bandwidth;
        let share = self.share();
        if share > TOO_MUCH {
            bandwidth = bandwidth.min(BALANCE / (share - TOO_MUCH));
        }
        self.limit = (bandwidth < target * 1.03 || share > TOO_MUCH).then_some(bandwidth);
    }

    /// How likely what was lost is with this bandwidth, and with which inherent loss it is likeliest.
    fn explains(&self, bandwidth: f64) -> (f64, f64) {
        let grid = (0..=INHERENT_STEPS).map(|step| {
            // Denser where losses are usual.
            let share = step as f64 / INHERENT_STEPS as f64;
            LEAST_INHERENT + (MOST_INHERENT - LEAST_INHERENT) * share * share
        });
        let liked = LIKED * bandwidth / 1e3 + LIKED_LOGARITHM * (1.0 + bandwidth / 1e3).log2();
        grid.map(|inherent| {
            let mut weight = 1.0;
            let mut sum = 0.0;
            for step in &self.steps {
                let excess = ((step.rate - bandwidth) / step.rate.max(1.0)).max(0.0);
                let lost = (inherent + (1.0 - inherent) * excess).clamp(1e-4, 1.0 - 1e-4);
                sum += weight * (step.lost * lost.ln() + (step.packets - step.lost) * (1.0 - lost).ln());
                sum += weight * step.packets * liked * 0.1;
                weight *= WEIGHT;
            }
            (sum, inherent)
        })
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .unwrap_or((f64::MIN, 0.0))
    }

    /// The share that is lost, the latest steps counting most.
    fn share(&self) -> f64 {
        let (mut weight, mut lost, mut packets) = (1.0, 0.0, 0.0);
        for step in &self.steps {
            lost += weight * step.lost;
            packets += weight * step.packets;
            weight *= WEIGHT;
        }
        if packets > 0.0 { lost / packets } else { 0.0 }
    }

    /// What the path takes, as far as loss tells.
    pub(crate) const fn limit(&self) -> Option<f64> {
        self.limit
    }

    /// Smoothed share of packets lost.
    pub(crate) const fn loss(&self) -> f64 {
        self.smoothed
    }

    /// Of the last moment alone.
    pub(crate) fn latest(&self) -> f64 {
        self.steps.front().map_or(0.0, |step| step.lost / step.packets)
    }

    /// Another path.
    pub(crate) fn forget(&mut self) {
        *self = Self { smoothed: self.smoothed, ..Self::default() };
    }
}
