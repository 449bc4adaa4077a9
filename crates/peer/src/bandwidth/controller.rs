//! A simple rate controller: standing queue, loss, and what was acknowledged.
//!
//! Pure: time is an argument. Its delay signal is the *least* one-way delay of the last moments above the least of the
//! last seconds: what every packet waited, so that a burst of our own, or jitter, is no congestion (the idea of CoDel,
//! RFC 8289). Its loss rules follow draft-ietf-rmcat-gcc-02, section 6, but decrease by the excess only, so that
//! steady random loss of 10% does not collapse the rate. Packets whose feedback was lost are no signal.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tincan_media::Bitrate;

/// Where a call starts: 360p is fine at it, and a path that carries less carries no call.
const FIRST: Bitrate = Bitrate::kbps(350);
/// Most paths carry this, so it is reached within a second unless a queue shows: 720p looks decent at it. Later growth
/// has to be earned by what was acknowledged.
const START: Bitrate = Bitrate::kbps(1_000);
/// The sound and a little: pictures pause well above it.
pub(crate) const MIN: Bitrate = Bitrate::kbps(60);

/// Least delay over this long is what everybody waited; two feedback intervals.
const QUEUE_WINDOW: Duration = Duration::from_millis(200);
/// The empty path's delay is the least in this many seconds: long enough to span a congestion, short enough for a new
/// route.
const BASE_SECONDS: usize = 10;
/// A standing queue above this is ours to drain. Jitter of 10 ms (sigma) stays below it.
const CONGESTED: f64 = 0.045;
/// Below this the queue is empty again.
const DRAINED: f64 = 0.020;
/// A queue this long takes seconds to drain at 85%.
const LONG_QUEUE: f64 = 0.100;
/// What was acknowledged is measured over this long.
const ACKNOWLEDGED_WINDOW: Duration = Duration::from_millis(500);
/// ... and while there is a queue over this long too: before it came, less was sent than the path carries.
const QUEUED_WINDOW: Duration = Duration::from_millis(200);
/// A queue that so many decreases do not shrink is none: the path has become longer.
const FUTILE_CUTS: u32 = 2;
/// A second decrease for the same queue believes no measurement that is lower than this part of the one before: with
/// feedback lost and pauses of our own, they err downwards.
const LEAST_OF_CAPACITY: f64 = 0.7;
/// Loss is judged in steps of this, and of at least [`LOSS_PACKETS`].
const LOSS_STEP: Duration = Duration::from_millis(500);
const LOSS_PACKETS: u32 = 20;
/// GCC's bounds: grow freely below a part of it, shrink above.
const LOSS_HIGH: f64 = 0.10;
const LOSS_LOW: f64 = 0.05;
/// Every second until [`START`]: four times as much.
const FIRST_GROWTH: f64 = 4.0;
/// A second's growth: before anything was ever congested, far from what was, and near it.
const GROWTH_START: f64 = 0.40;
const GROWTH_FAR: f64 = 0.12;
const GROWTH_NEAR: f64 = 0.03;
/// A small target grows by a larger share, up to this much a second: what several controllers share on one link then
/// evens out (what only multiplies keeps the shares that it began with), and one that sends sound alone finds out when
/// its pictures may come back.
const GROWTH_SMALL: f64 = 0.10;
const GROWTH_SMALL_AT_MOST: f64 = 20_000.0;
/// How long a measured capacity is believed.
const CAPACITY_MEMORY: Duration = Duration::from_secs(20);

/// What became of one packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// Counts all packets in the order in which they left.
    pub(crate) id: u64,
    pub(crate) sent: Instant,
    pub(crate) arrived: bool,
    /// On the other side's clock, whose zero is unknown.
    pub(crate) arrival: Option<Duration>,
    pub(crate) size: usize,
}

#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    /// Seconds on the other side's clock.
    arrival: f64,
    bytes: usize,
    /// Packets before it were never reported: nobody knows how many of them came since the one before.
    after_hole: bool,
}

/// After a decrease, until the queue is gone.
#[derive(Debug)]
struct Draining {
    /// The target before the first decrease: what arrives faster than that was saved up on the way.
    before: f64,
    /// Decreases so far.
    cuts: u32,
    /// Its length in seconds when it was last seen to shrink.
    queue: f64,
    /// If it does not shrink until then, the decrease was not enough.
    look_again: Instant,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Controller {
    target: f64,
    max: f64,
    epoch: Option<Instant>,
    /// Least delay of each of the last seconds.
    base: VecDeque<(u64, f64)>,
    /// (when the feedback came, delay) of the last [`QUEUE_WINDOW`].
    delays: VecDeque<(Instant, f64)>,
    /// Of the last [`ACKNOWLEDGED_WINDOW`].
    acknowledged: VecDeque<Acknowledged>,
    /// Of the last packet that was reported, arrived or not.
    last_id: Option<u64>,
    loss: f64,
    /// Of the last [`LOSS_STEP`] alone.
    latest_loss: f64,
    loss_step: Option<(Instant, u32, u32)>,
    capacity: Option<(Instant, f64)>,
    draining: Option<Draining>,
    last_growth: Option<Instant>,
    congested_once: bool,
}

impl Controller {
    pub(crate) fn new(max: Bitrate) -> Self {
        let max = (max.as_bps() as f64).max(MIN.as_bps() as f64);
        Self {
            target: (FIRST.as_bps() as f64).min(max),
            max,
            epoch: None,
            base: VecDeque::new(),
            delays: VecDeque::new(),
            acknowledged: VecDeque::new(),
            last_id: None,
            loss: 0.0,
            latest_loss: 0.0,
            loss_step: None,
            capacity: None,
            draining: None,
            last_growth: None,
            congested_once: false,
        }
    }

    /// The rate to send at.
    pub(crate) fn target(&self) -> Bitrate {
        Bitrate::bps(self.target as u64)
    }

    /// Smoothed share of packets lost.
    pub(crate) fn loss(&self) -> f32 {
        self.loss as f32
    }

    /// What the other side reported of our packets.
    pub(crate) fn feedback(&mut self, now: Instant, deliveries: &[Delivery]) {
        if deliveries.is_empty() {
            return;
        }
        let epoch = *self.epoch.get_or_insert(deliveries[0].sent);
        let mut after_hole = self.last_id.is_some_and(|last| deliveries[0].id > last + 1);
        self.last_id = deliveries.iter().map(|d| d.id).chain(self.last_id).max();
        for delivery in deliveries.iter().filter(|d| d.arrived) {
            let Some(arrival) = delivery.arrival else { continue };
            let arrival = arrival.as_secs_f64();
            let sent = delivery.sent.saturating_duration_since(epoch).as_secs_f64();
            self.note_delay(now, epoch, arrival - sent);
            self.acknowledged.push_back(Acknowledged { arrival, bytes: delivery.size, after_hole });
            after_hole = false;
        }
        self.forget(now);
        let round_trip = deliveries
            .iter()
            .filter(|d| d.arrived)
            .map(|d| now.saturating_duration_since(d.sent))
            .min()
            .unwrap_or_default();
        self.judge_loss(now, deliveries);
        self.judge_queue(now, round_trip);
        self.grow(now);
        self.target = self.target.clamp(MIN.as_bps() as f64, self.max);
    }

    fn note_delay(&mut self, now: Instant, epoch: Instant, delay: f64) {
        let second = now.saturating_duration_since(epoch).as_secs();
        match self.base.back_mut() {
            Some((at, least)) if *at == second => *least = least.min(delay),
            _ => self.base.push_back((second, delay)),
        }
        self.delays.push_back((now, delay));
    }

    fn forget(&mut self, now: Instant) {
        while self.base.len() > BASE_SECONDS {
            self.base.pop_front();
        }
        while self.delays.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > QUEUE_WINDOW) {
            self.delays.pop_front();
        }
        let newest = self.acknowledged.back().map_or(0.0, |one| one.arrival);
        while self.acknowledged.front().is_some_and(|one| {
            newest - one.arrival > ACKNOWLEDGED_WINDOW.as_secs_f64() || one.arrival > newest + 1.0
        }) {
            self.acknowledged.pop_front();
        }
    }

    /// Bits a second that arrived in the last moments; `None` until there is enough to tell.
    fn acknowledged_rate(&self, over: Duration) -> Option<f64> {
        let since = self.acknowledged.back()?.arrival - over.as_secs_f64();
        let recent = self.acknowledged.iter().filter(|one| one.arrival >= since);
        // Every packet ends the time since the one before; the first only opens it.
        let steps = recent.clone().zip(recent.skip(1));
        let (mut bytes, mut span, mut packets) = (0, 0.0, 0);
        for (before, one) in steps.filter(|(_, one)| !one.after_hole) {
            bytes += one.bytes;
            span += one.arrival - before.arrival;
            packets += 1;
        }
        (span >= 0.05 && packets >= 4).then(|| bytes as f64 * 8.0 / span)
    }

    /// Seconds that every packet waited lately.
    fn standing_queue(&self) -> Option<f64> {
        let least = |values: &mut dyn Iterator<Item = f64>| values.reduce(f64::min);
        let base = least(&mut self.base.iter().map(|(_, delay)| *delay))?;
        let now = least(&mut self.delays.iter().map(|(_, delay)| *delay))?;
        (self.delays.len() >= 5).then_some(now - base)
    }

    fn judge_queue(&mut self, now: Instant, round_trip: Duration) {
        let Some(queue) = self.standing_queue() else { return };
        let [long, short] = [ACKNOWLEDGED_WINDOW, QUEUED_WINDOW].map(|over| self.acknowledged_rate(over));
        let rate = long.into_iter().chain(short).reduce(f64::max);
        if let Some(draining) = &mut self.draining {
            if queue < DRAINED {
                self.draining = None;
                if let Some((_, capacity)) = self.capacity {
                    self.target = self.target.max(capacity * 0.9);
                }
                return;
            }
            // A queue that shrinks empties at the path's own rate, which is the best measure of it.
            if queue < draining.queue * 0.9 {
                draining.queue = queue;
                draining.look_again = now + round_trip + QUEUE_WINDOW;
                if let (Some(rate), Some((at, capacity))) = (rate, &mut self.capacity) {
                    (*at, *capacity) = (now, capacity.max(rate));
                }
            }
            // Packets that left before the decrease still tell of the time before it.
            if now < draining.look_again {
                return;
            }
            if draining.cuts >= FUTILE_CUTS && self.latest_loss < LOSS_LOW {
                self.target = draining.before * 0.85;
                tracing::debug!(queue, target = self.target, "the path is longer now");
                self.draining = None;
                self.capacity = None;
                self.base.clear();
                return;
            }
        }
        let (Some(rate), true) = (rate, queue > CONGESTED) else { return };
        // While it is us who congest, what arrives is what the path carries. Measured against the target before this
        // queue: against one that was lowered already, every look at a queue that is slow to drain would lower it more.
        let (before, cuts) =
            self.draining.as_ref().map_or((self.target, 0), |draining| (draining.before, draining.cuts));
        let known = self.capacity.filter(|_| self.draining.is_some()).map_or(0.0, |(_, capacity)| capacity);
        let rate = rate.max(known * LEAST_OF_CAPACITY).min(before);
        self.congested_once = true;
        self.capacity = Some((now, rate));
        self.target = rate * if queue > LONG_QUEUE { 0.6 } else { 0.85 };
        tracing::debug!(queue, rate, target = self.target, "the path is congested");
        let look_again = now + round_trip + QUEUE_WINDOW + Duration::from_millis(100);
        self.draining = Some(Draining { before, cuts: cuts + 1, queue, look_again });
    }

    fn judge_loss(&mut self, now: Instant, deliveries: &[Delivery]) {
        let (since, mut total, mut lost) = self.loss_step.unwrap_or((now, 0, 0));
        total += deliveries.len() as u32;
        lost += deliveries.iter().filter(|d| !d.arrived).count() as u32;
        if now.saturating_duration_since(since) < LOSS_STEP || total < LOSS_PACKETS {
            self.loss_step = Some((since, total, lost));
            return;
        }
        self.loss_step = Some((now, 0, 0));
        let step = f64::from(lost) / f64::from(total);
        self.loss = 0.7 * self.loss + 0.3 * step;
        self.latest_loss = step;
        // What a full queue dropped was answered already, and old losses are not to be answered twice.
        if self.loss.min(step) > LOSS_HIGH && self.draining.is_none() {
            self.congested_once = true;
            self.target *= 1.0 - 0.5 * (self.loss - LOSS_HIGH);
        }
    }

    fn grow(&mut self, now: Instant) {
        let Some(last) = self.last_growth.replace(now) else { return };
        // A silence is not a licence to jump.
        let step = now.saturating_duration_since(last).min(Duration::from_millis(500)).as_secs_f64();
        let quiet = self.standing_queue().is_some_and(|queue| queue < DRAINED);
        // A queue too short to be seen shows in the latest losses first.
        let loss = self.loss.max(self.latest_loss);
        if self.draining.is_some() || !quiet || loss > LOSS_HIGH {
            return;
        }
        if !self.congested_once && self.target < START.as_bps() as f64 {
            self.target *= FIRST_GROWTH.powf(step);
            return;
        }
        // What is not used is not known to be there.
        if self.acknowledged_rate(ACKNOWLEDGED_WINDOW).is_none_or(|rate| self.target > rate * 1.5 + 50_000.0)
        {
            return;
        }
        let near = self
            .capacity
            .filter(|(at, _)| now.saturating_duration_since(*at) < CAPACITY_MEMORY)
            .is_some_and(|(_, capacity)| self.target > capacity * 0.8);
        let growth = match (near, self.congested_once) {
            (true, _) => GROWTH_NEAR,
            (false, false) => GROWTH_START,
            (false, true) => GROWTH_FAR,
        };
        let growth = if loss > LOSS_LOW { growth / 2.0 } else { growth };
        let small = (self.target * GROWTH_SMALL).min(GROWTH_SMALL_AT_MOST);
        self.target += (self.target * growth).max(small) * step;
    }
}

#[cfg(test)]
mod tests;
