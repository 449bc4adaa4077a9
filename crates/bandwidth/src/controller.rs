//! How much to send: by delay, loss, what was acknowledged, and probes.
//!
//! Pure: time is an argument. Two detectors look at the delay: the [`trend`](crate::trend) sees a queue that begins to grow,
//! the [`queue`](crate::queue) one that stands. [`loss`](crate::loss) limits what they allow. Growth is earned by what was
//! acknowledged, or found by a [probe](crate::probe). While less is sent than would be allowed, nothing is learned of how
//! much that is, and a queue is not taken for ours.

use std::time::{Duration, Instant};

use tincan_media::Bitrate;

use crate::history::Delivery;
use crate::loss::LossEstimate;
use crate::probe::{Probe, Prober};
use crate::queue::Queue;
use crate::throughput::Throughput;
use crate::trend::{Trend, Usage};

/// Where a call starts: 360p is fine at it, and a path that carries less carries no call.
const FIRST: Bitrate = Bitrate::kbps(350);
/// Most paths carry this, so it is reached within a second unless a queue shows: 720p looks decent at it. Later growth
/// has to be earned by what was acknowledged.
const START: Bitrate = Bitrate::kbps(1_000);
/// The sound and a little: pictures pause well above it.
const MIN: Bitrate = Bitrate::kbps(60);

/// What a decrease leaves of what arrived; less of it where the queue takes long to drain.
const DECREASE: f64 = 0.85;
const DECREASE_LONG: f64 = 0.6;
/// Seconds.
const LONG_QUEUE: f64 = 0.100;
/// Until a decrease shows: what left before it still arrives.
const SETTLES: Duration = Duration::from_millis(250);
/// A queue that so many decreases do not shrink is none, unless it loses packets: the path has become longer, or somebody
/// else fills it.
const FUTILE_CUTS: u32 = 3;
/// What arrives over what leaves while a queue drains.
const DRAINS: f64 = 1.1;
/// A second decrease for the same queue believes no measurement that is lower than this part of the one before: with
/// feedback lost and pauses of our own, they err downwards.
const LEAST_OF_CAPACITY: f64 = 0.5;
/// Above this loss the target grows more slowly, and above the other not at all.
const LOSS_LOW: f64 = 0.05;
const LOSS_HIGH: f64 = 0.20;
/// Every second until [`START`]: four times as much.
const FIRST_GROWTH: f64 = 4.0;
/// A second's growth: before anything was ever congested, and far from what was.
const GROWTH_START: f64 = 0.40;
const GROWTH_FAR: f64 = 0.15;
/// Near it, everybody grows by the same: what several controllers share on one link then evens out, and what only
/// multiplies would keep the shares that it began with. In bits a second, but not by more than this share.
const GROWTH_NEAR: f64 = 35_000.0;
const GROWTH_NEAR_AT_MOST: f64 = 0.10;
/// By a probe that filled the path, and by one that did not, once something was congested: what others on the path left free
/// for a moment passes a probe too, and the next one comes soon.
const GROWTH_BESIDE: f64 = 1.2;
const GROWTH_PROBED: f64 = 1.5;
/// How long a measured capacity is believed.
const CAPACITY_MEMORY: Duration = Duration::from_secs(20);
/// Less than this share of the target is sent: the application has no more.
const LIMITED: f64 = 0.65;
/// A queue leaves so many times what an application sends that has no more.
const LIMITED_LEAST: f64 = 2.5;
/// For so long after there was more again, what arrived is still a measure of before, and for the time that it takes to be told.
const LIMITED_ECHO: Duration = Duration::from_millis(500);
/// What leaves is measured over this long.
const SENT_WINDOW: Duration = Duration::from_millis(300);
/// No probe for so long after a decrease.
const PROBE_AFTER: Duration = Duration::from_millis(1_500);
/// Nothing was reported for so long, and for three round trips, though something was sent: the path may be gone.
const SILENCE: Duration = Duration::from_millis(500);
/// What is left of the target then, each time.
const SILENT_DECREASE: f64 = 0.5;
/// What is sent into a silence at least, beside sound: as much as finds out when it is over.
const SILENT_LEAST: Bitrate = Bitrate::kbps(150);
/// What it begins with again when the silence is over, of what there was before.
const AFTER_SILENCE: f64 = 0.7;

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

/// Nothing is reported.
#[derive(Debug)]
struct Silence {
    /// The target when it began.
    before: f64,
    /// When what is not reported began to leave.
    since: Instant,
}

/// What left, of which nothing is reported yet.
#[derive(Debug, Clone, Copy)]
struct Unheard {
    first: Instant,
    last: Instant,
}

/// See the module's description.
#[derive(Debug)]
pub struct Controller {
    target: f64,
    max: f64,
    trend: Trend,
    queue: Queue,
    throughput: Throughput,
    loss: LossEstimate,
    prober: Prober,
    capacity: Option<(Instant, f64)>,
    draining: Option<Draining>,
    last_growth: Option<Instant>,
    congested_once: bool,
    round_trip: Duration,
    /// When it began, and bytes since; and the rate over the time before.
    leaving: Option<(Instant, usize)>,
    sent_rate: Option<f64>,
    limited: bool,
    /// When it last was.
    limited_at: Option<Instant>,
    heard: bool,
    /// Since the last report, or the last decrease for want of one.
    unheard: Option<Unheard>,
    silence: Option<Silence>,
    /// When what left went into the last silence.
    silent: Option<(Instant, Instant)>,
}

impl Controller {
    /// One that never allows more than `max`.
    pub fn new(max: Bitrate) -> Self {
        let max = (max.as_bps() as f64).max(MIN.as_bps() as f64);
        Self {
            target: (FIRST.as_bps() as f64).min(max),
            max,
            trend: Trend::default(),
            queue: Queue::default(),
            throughput: Throughput::default(),
            loss: LossEstimate::default(),
            prober: Prober::default(),
            capacity: None,
            draining: None,
            last_growth: None,
            congested_once: false,
            round_trip: Duration::from_millis(100),
            leaving: None,
            sent_rate: None,
            limited: false,
            limited_at: None,
            heard: false,
            unheard: None,
            silence: None,
            silent: None,
        }
    }

    /// The rate to send at.
    pub fn target(&self) -> Bitrate {
        Bitrate::bps(self.target as u64)
    }

    /// Smoothed share of packets lost.
    pub fn loss(&self) -> f32 {
        self.loss.loss() as f32
    }

    /// What is to be filled up with packets that were sent before.
    pub fn probe(&self, now: Instant) -> Option<Probe> {
        self.prober.pad(now)
    }

    /// A packet of so many bytes leaves.
    pub fn sent(&mut self, now: Instant, size: usize) {
        self.prober.sent(now, size);
        let patience = self.patience();
        let unheard = self.unheard.get_or_insert(Unheard { first: now, last: now });
        if now.saturating_duration_since(unheard.last) > patience {
            // Nothing was sent meanwhile, so nothing was to be heard.
            unheard.first = now;
        }
        unheard.last = now;
        let (since, bytes) = self.leaving.get_or_insert((now, 0));
        *bytes += size;
        let span = now.saturating_duration_since(*since);
        if span >= SENT_WINDOW {
            let rate = *bytes as f64 * 8.0 / span.as_secs_f64();
            self.sent_rate = Some(rate);
            self.leaving = Some((now, 0));
            let limited = rate < self.target * LIMITED;
            if limited {
                self.limited_at = Some(now);
            }
            if std::mem::replace(&mut self.limited, limited) && !limited {
                // It was not known what the path takes, and now it is asked for.
                self.prober.hurry();
            }
        }
    }

    fn patience(&self) -> Duration {
        SILENCE.max(self.round_trip * 3)
    }

    /// When [`Self::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        // Before anything was heard, there may be nobody yet.
        let Unheard { first, last } = self.unheard.filter(|_| self.heard)?;
        let patience = self.patience();
        // A few packets before a pause say nothing when they get lost.
        (last.saturating_duration_since(first) >= patience / 2).then_some(first + patience)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        let Some(unheard) = self.unheard.take() else { return };
        self.silence.get_or_insert(Silence { before: self.target, since: unheard.first });
        let least = (SILENT_LEAST.as_bps() as f64).min(self.target);
        self.target = (self.target * SILENT_DECREASE).max(least);
    }

    /// Another path, or the same one after a restart.
    pub fn path_changed(&mut self) {
        self.trend.forget();
        self.queue.forget();
        self.throughput.forget();
        self.loss.forget();
        self.prober.hurry();
        (self.capacity, self.draining, self.congested_once) = (None, None, false);
    }

    /// What the other side reported of our packets.
    pub fn feedback(&mut self, now: Instant, deliveries: &[Delivery]) {
        if deliveries.is_empty() {
            return;
        }
        let arrived = deliveries.iter().filter(|one| !one.is_lost());
        let round_trip = arrived.map(|one| now.saturating_duration_since(one.sent)).min();
        self.hear(now, round_trip.is_some());
        if let Some(round_trip) = round_trip {
            self.round_trip = round_trip;
        }
        // What was sent into a silence is lost because there was nobody.
        let known: Vec<Delivery> = deliveries
            .iter()
            .filter(|one| {
                let into_silence = |(from, to)| (from..to).contains(&one.sent);
                !one.is_lost() || !self.silent.is_some_and(into_silence)
            })
            .copied()
            .collect();
        let usual: Vec<Delivery> =
            known.iter().filter(|one| !self.prober.is_of_one(one.sent)).copied().collect();
        self.throughput.feedback(&usual);
        self.queue.feedback(now, &known, self.target);
        let usage = self.trend.feedback(now, &usual);
        self.loss.feedback(now, &known, self.target, self.throughput.rate());
        let found = self.prober.feedback(now, deliveries, self.target);
        self.judge_queue(now, usage);
        if let (Some(found), None) = (found, &self.draining) {
            // Where it was full before, others may send too, and would have to give way.
            let most = match (self.congested_once, found.full) {
                (false, _) => f64::MAX,
                (true, true) => self.target * GROWTH_BESIDE,
                (true, false) => self.target * GROWTH_PROBED,
            };
            self.target = found.rate.min(most);
            tracing::debug!(?found, target = self.target, "a probe came through");
        }
        self.grow(now, usage);
        if let Some(limit) = self.loss.limit()
            && limit < self.target
        {
            self.congested_once = true;
            self.target = limit;
        }
        self.target = self.target.clamp(MIN.as_bps() as f64, self.max);
        let quiet = self.draining.is_none() && usage == Usage::Normal && self.queue.is_drained();
        if quiet && !self.limited && self.target < self.max * 0.97 && self.loss.limit().is_none() {
            self.prober.begin(now, self.target, self.max);
        }
    }

    /// Something was reported.
    fn hear(&mut self, now: Instant, arrived: bool) {
        if !arrived {
            return;
        }
        self.heard = true;
        self.unheard = None;
        let Some(Silence { before, since }) = self.silence.take() else { return };
        self.target = self.target.max(before * AFTER_SILENCE);
        self.draining = None;
        self.throughput.forget();
        self.prober.hurry();
        // What left a round trip before it began was under way when it did.
        self.silent = Some((since.checked_sub(self.round_trip).unwrap_or(since), now));
    }

    fn judge_queue(&mut self, now: Instant, usage: Usage) {
        let Some(queue) = self.queue.length() else { return };
        let rate = self.throughput.rate_when_full();
        if let Some(draining) = &mut self.draining {
            if self.queue.is_drained() && usage != Usage::Over {
                self.draining = None;
                if let Some((_, capacity)) = self.capacity {
                    self.target = self.target.max(capacity * 0.9);
                }
                return;
            }
            // A queue that shrinks empties at the path's own rate, which is the best measure of it.
            if queue < draining.queue * 0.9 {
                draining.queue = queue;
                draining.look_again = now + self.round_trip + SETTLES;
                if let (Some(rate), Some((at, capacity))) = (rate, &mut self.capacity) {
                    (*at, *capacity) = (now, capacity.max(rate));
                }
            }
            // Packets that left before the decrease still tell of the time before it.
            if now < draining.look_again {
                return;
            }
            // More arrives than leaves: it drains, if not so that it shows.
            if rate.zip(self.sent_rate).is_some_and(|(rate, sent)| rate > sent * DRAINS) {
                draining.look_again = now + SETTLES;
                return;
            }
            if draining.cuts >= FUTILE_CUTS && self.loss.latest() < LOSS_LOW {
                self.target = draining.before * DECREASE;
                tracing::debug!(queue, target = self.target, "the queue is not ours");
                self.draining = None;
                self.capacity = None;
                self.queue.forget();
                return;
            }
        }
        let congested = self.queue.is_congested() || (usage == Usage::Over && !self.queue.is_drained());
        let (Some(rate), true) = (rate, congested) else { return };
        // Measured against the target before this queue: against one that was lowered already, every look at a queue that
        // is slow to drain would lower it more.
        let (before, cuts) =
            self.draining.as_ref().map_or((self.target, 0), |draining| (draining.before, draining.cuts));
        self.congested_once = true;
        self.prober.wait(now, PROBE_AFTER);
        let share = if queue > LONG_QUEUE { DECREASE_LONG } else { DECREASE };
        let echo = LIMITED_ECHO + self.round_trip;
        let lately = self.limited_at.is_some_and(|at| now.saturating_duration_since(at) < echo);
        if (self.limited || lately) && cuts == 0 {
            // What arrives is what was there to be sent, and no measure of the path.
            self.target = (before * share).max(before.min(rate * LIMITED_LEAST));
        } else {
            // While it is us who congest, what arrives is what the path carries.
            let known =
                self.capacity.filter(|_| self.draining.is_some()).map_or(0.0, |(_, capacity)| capacity);
            let rate = rate.max(known * LEAST_OF_CAPACITY).min(before);
            self.capacity = Some((now, rate));
            self.target = rate * share;
        }
        tracing::debug!(queue, rate, target = self.target, "the path is congested");
        let look_again = now + self.round_trip + SETTLES;
        self.draining = Some(Draining { before, cuts: cuts + 1, queue, look_again });
    }

    fn grow(&mut self, now: Instant, usage: Usage) {
        let Some(last) = self.last_growth.replace(now) else { return };
        // A silence is not a licence to jump.
        let step = now.saturating_duration_since(last).min(Duration::from_millis(500)).as_secs_f64();
        let loss = self.loss.loss();
        if self.draining.is_some() || usage != Usage::Normal || !self.queue.is_drained() || loss > LOSS_HIGH {
            return;
        }
        if !self.congested_once && self.target < START.as_bps() as f64 {
            self.target *= FIRST_GROWTH.powf(step);
            return;
        }
        // What is not used is not known to be there.
        if self.throughput.rate().is_none_or(|rate| self.target > rate * 1.5 + 50_000.0) {
            return;
        }
        let near = self
            .capacity
            .filter(|(at, _)| now.saturating_duration_since(*at) < CAPACITY_MEMORY)
            .is_some_and(|(_, capacity)| self.target > capacity * 0.8 && self.target < capacity * 1.15);
        let near = near || loss > LOSS_LOW;
        let step = step
            * match (near, self.congested_once) {
                (true, _) => GROWTH_NEAR.min(self.target * GROWTH_NEAR_AT_MOST),
                (false, false) => self.target * GROWTH_START,
                (false, true) => self.target * GROWTH_FAR,
            };
        self.target += step;
    }
}
