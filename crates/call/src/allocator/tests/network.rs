//! A room of senders and receivers in simulated time: each sender's uplink and each receiver's downlink is a first-in,
//! first-out queue that all flows through it share, and each flow has a rate controller of its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tincan_media::Bitrate;

use super::super::{Allocator, AllocatorInput, LayerId, PathEstimate, Pictures, Want};

pub(super) const TICK: Duration = Duration::from_millis(10);
const DT: f64 = 0.010;
/// Opus with headers.
pub(super) const SOUND: f64 = 40e3;
/// From sending to the news of it, on an empty path.
const ROUND_TRIP: Duration = Duration::from_millis(60);
/// Routers drop what would wait longer.
const BUFFER: f64 = 0.400;
/// A keyframe has the bits of so many seconds.
const KEYFRAME: f64 = 0.25;
/// An encoder needs so long to follow a new rate (time constant).
const FOLLOWS: f64 = 0.200;

/// Some bits of one flow.
#[derive(Debug, Clone, Copy)]
struct Parcel {
    flow: usize,
    bits: f64,
    sent: Instant,
    /// What it waited so far, seconds.
    waited: f64,
}

/// A queue with a rate.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) capacity: f64,
    parcels: VecDeque<Parcel>,
    bits: f64,
    /// What the next to come will wait, for each of the last 50 ticks.
    recent: VecDeque<f64>,
}

impl Queue {
    fn new(capacity: f64) -> Self {
        Self { capacity, parcels: VecDeque::new(), bits: 0.0, recent: VecDeque::new() }
    }

    /// Seconds.
    pub(super) fn delay(&self) -> f64 {
        self.bits / self.capacity
    }

    /// The least of half a second: what everybody waited, a keyframe's moment left out.
    pub(super) fn standing(&self) -> f64 {
        self.recent.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Whether it was taken.
    fn push(&mut self, mut parcel: Parcel) -> bool {
        if self.delay() > BUFFER {
            return false;
        }
        parcel.waited += self.delay();
        self.bits += parcel.bits;
        self.parcels.push_back(parcel);
        true
    }

    fn serve(&mut self) -> Vec<Parcel> {
        let mut left = self.capacity * DT;
        let mut out = Vec::new();
        while let Some(first) = self.parcels.front_mut() {
            let part = first.bits.min(left);
            left -= part;
            self.bits = (self.bits - part).max(0.0);
            first.bits -= part;
            out.push(Parcel { bits: part, ..*first });
            if first.bits > 0.0 {
                break;
            }
            self.parcels.pop_front();
        }
        self.recent.push_back(self.delay());
        if self.recent.len() > 50 {
            self.recent.pop_front();
        }
        out
    }
}

/// The rate controller of one flow, after the one that connections have: standing queue, loss, and growth that what was
/// acknowledged allows.
#[derive(Debug)]
pub(super) struct Controller {
    pub(super) target: f64,
    delays: VecDeque<(Instant, f64)>,
    /// Least delay of each of the last ten seconds: what an empty path is taken to have.
    base: VecDeque<(Instant, f64)>,
    acknowledged: VecDeque<(Instant, f64)>,
    draining: Option<(f64, Instant)>,
    capacity: Option<(Instant, f64)>,
    congested_once: bool,
    told: f64,
    lost: f64,
    total: f64,
    loss: f64,
    loss_since: Option<Instant>,
}

const MAX: f64 = 4.5e6;

impl Controller {
    fn new() -> Self {
        Self {
            target: 350e3,
            delays: VecDeque::new(),
            base: VecDeque::new(),
            acknowledged: VecDeque::new(),
            draining: None,
            capacity: None,
            congested_once: false,
            told: 0.0,
            lost: 0.0,
            total: 0.0,
            loss: 0.0,
            loss_since: None,
        }
    }

    fn arrived(&mut self, parcel: &Parcel, now: Instant) {
        self.delays.push_back((now, parcel.waited));
        match self.base.back_mut() {
            Some((at, least)) if now.saturating_duration_since(*at) < Duration::from_secs(1) => {
                *least = least.min(parcel.waited);
            }
            _ => self.base.push_back((now, parcel.waited)),
        }
        if self.base.len() > 10 {
            self.base.pop_front();
        }
        self.acknowledged.push_back((now, parcel.bits));
        self.total += parcel.bits;
    }

    fn dropped(&mut self, bits: f64) {
        self.lost += bits;
        self.total += bits;
    }

    fn rate(&self, over: Duration, now: Instant) -> f64 {
        let since = now.checked_sub(over).unwrap();
        self.acknowledged.iter().filter(|(at, _)| *at >= since).map(|(_, bits)| bits).sum::<f64>()
            / over.as_secs_f64()
    }

    fn step(&mut self, now: Instant) {
        let old = |at: Instant, millis| now.saturating_duration_since(at) > Duration::from_millis(millis);
        while self.delays.front().is_some_and(|(at, _)| old(*at, 200)) {
            self.delays.pop_front();
        }
        while self.acknowledged.front().is_some_and(|(at, _)| old(*at, 500)) {
            self.acknowledged.pop_front();
        }
        self.judge_loss(now);
        let long = self.rate(Duration::from_millis(500), now);
        let rate = long.max(self.rate(Duration::from_millis(200), now));
        let least = |of: &VecDeque<(Instant, f64)>| of.iter().map(|(_, delay)| *delay).reduce(f64::min);
        let (Some(queue), Some(base)) = (least(&self.delays), least(&self.base)) else { return };
        let queue = queue - base;
        if let Some((before, look_again)) = self.draining {
            if queue < 0.020 {
                self.draining = None;
                if let Some((_, capacity)) = self.capacity {
                    self.target = self.target.max(capacity * 0.9);
                }
            } else if now >= look_again && queue > 0.045 {
                self.congested(now, queue, rate, before);
            }
        } else if queue > 0.045 {
            self.congested(now, queue, rate, self.target);
        } else if queue < 0.020 && self.loss <= 0.1 {
            self.grow(now, long);
        }
        self.target = self.target.clamp(60e3, MAX);
    }

    fn congested(&mut self, now: Instant, queue: f64, rate: f64, before: f64) {
        let rate = rate.min(before);
        self.congested_once = true;
        self.capacity = Some((now, rate));
        self.target = rate * if queue > 0.100 { 0.6 } else { 0.85 };
        let again = now + ROUND_TRIP + Duration::from_millis(300);
        self.draining = Some((before, again));
    }

    fn judge_loss(&mut self, now: Instant) {
        let since = *self.loss_since.get_or_insert(now);
        if now.saturating_duration_since(since) < Duration::from_millis(500) || self.total <= 0.0 {
            return;
        }
        self.loss = 0.7 * self.loss + 0.3 * self.lost / self.total;
        if self.loss > 0.1 && self.draining.is_none() {
            self.congested_once = true;
            self.target *= 1.0 - 0.5 * (self.loss - 0.1);
        }
        (self.lost, self.total, self.loss_since) = (0.0, 0.0, Some(now));
    }

    fn grow(&mut self, now: Instant, rate: f64) {
        if !self.congested_once && self.target < 1e6 {
            self.target *= 4f64.powf(DT);
            return;
        }
        if self.target > rate * 1.5 + 50e3 {
            return;
        }
        let near = self.capacity.is_some_and(|(at, capacity)| {
            now.saturating_duration_since(at) < Duration::from_secs(20) && self.target > capacity * 0.8
        });
        let growth = match (near, self.congested_once) {
            (true, _) => 0.03,
            (false, false) => 0.40,
            (false, true) => 0.12,
        };
        self.target += (self.target * growth).max((self.target * 0.1).min(20e3)) * DT;
    }
}

/// What one sender sends to one receiver.
#[derive(Debug)]
struct Flow {
    from: usize,
    to: usize,
    up: bool,
    controller: Controller,
    pictures: Pictures,
    /// Bits that wait for the pacer.
    backlog: f64,
}

/// What happened on the way, told when the sender hears of it.
struct News {
    at: Instant,
    flow: usize,
    /// `None` when it was lost.
    parcel: Option<Parcel>,
    bits: f64,
}

/// See the module's description.
pub(super) struct Room {
    pub(super) now: Instant,
    pub(super) allocators: Vec<Allocator<usize>>,
    /// Rate that each sender's encoder gives of each layer now.
    encoded: Vec<[f64; 4]>,
    pub(super) uplinks: Vec<Queue>,
    pub(super) downlinks: Vec<Queue>,
    flows: Vec<Flow>,
    news: VecDeque<News>,
    tick: u64,
    pub(super) switches: u64,
}

impl Room {
    /// Nobody is connected to anybody yet.
    pub(super) fn new(uplinks: &[f64], downlinks: &[f64]) -> Self {
        let people = uplinks.len();
        let pairs = (0..people).flat_map(|from| (0..people).map(move |to| (from, to)));
        let flows = pairs.filter(|(from, to)| from != to).map(|(from, to)| Flow {
            from,
            to,
            up: false,
            controller: Controller::new(),
            pictures: Pictures::Paused,
            backlog: 0.0,
        });
        Self {
            now: Instant::now(),
            allocators: (0..people).map(|_| Allocator::new()).collect(),
            encoded: vec![[0.0; 4]; people],
            uplinks: uplinks.iter().map(|&rate| Queue::new(rate)).collect(),
            downlinks: downlinks.iter().map(|&rate| Queue::new(rate)).collect(),
            flows: flows.collect(),
            news: VecDeque::new(),
            tick: 0,
            switches: 0,
        }
    }

    /// Connects two, both ways.
    pub(super) fn connect(&mut self, one: usize, other: usize) {
        let now = self.now;
        for flow in &mut self.flows {
            if (flow.from, flow.to) == (one, other) || (flow.from, flow.to) == (other, one) {
                flow.up = true;
                flow.controller = Controller::new();
                self.allocators[flow.from].handle(now, AllocatorInput::LinkUp(flow.to));
            }
        }
    }

    pub(super) fn connect_all(&mut self) {
        for one in 0..self.uplinks.len() {
            for other in 0..one {
                self.connect(one, other);
            }
        }
    }

    pub(super) fn want(&mut self, from: usize, to: usize, want: Want) {
        self.allocators[from].handle(self.now, AllocatorInput::Want(to, want));
    }

    /// What `to` gets of `from`.
    pub(super) fn pictures(&self, from: usize, to: usize) -> Pictures {
        self.flows.iter().find(|flow| (flow.from, flow.to) == (from, to)).unwrap().pictures
    }

    pub(super) fn layer(&self, from: usize, to: usize) -> Option<LayerId> {
        self.pictures(from, to).layer()
    }

    pub(super) fn run(&mut self, time: Duration, mut look: impl FnMut(&Self)) {
        let end = self.now + time;
        while self.now < end {
            self.step();
            look(self);
        }
    }

    fn step(&mut self) {
        self.now += TICK;
        self.tick += 1;
        let now = self.now;
        if self.tick.is_multiple_of(3) {
            for sender in 0..self.allocators.len() {
                self.encode(sender);
            }
        }
        for index in 0..self.flows.len() {
            self.send(index);
        }
        for uplink in 0..self.uplinks.len() {
            for parcel in self.uplinks[uplink].serve() {
                let to = self.flows[parcel.flow].to;
                if !self.downlinks[to].push(parcel) {
                    let at = now + ROUND_TRIP;
                    self.news.push_back(News { at, flow: parcel.flow, parcel: None, bits: parcel.bits });
                }
            }
        }
        for downlink in 0..self.downlinks.len() {
            for parcel in self.downlinks[downlink].serve() {
                let (at, flow, bits) = (now + ROUND_TRIP, parcel.flow, parcel.bits);
                self.news.push_back(News { at, flow, parcel: Some(parcel), bits });
            }
        }
        while self.news.front().is_some_and(|news| news.at <= now) {
            let news = self.news.pop_front().unwrap();
            let controller = &mut self.flows[news.flow].controller;
            match news.parcel {
                Some(parcel) => controller.arrived(&parcel, now),
                None => controller.dropped(news.bits),
            }
        }
        for flow in self.flows.iter_mut().filter(|flow| flow.up) {
            flow.controller.step(now);
        }
        if self.tick.is_multiple_of(10) {
            self.tell();
        }
    }

    /// Controllers tell their targets when they moved.
    fn tell(&mut self) {
        for flow in self.flows.iter_mut().filter(|flow| flow.up) {
            let controller = &mut flow.controller;
            if (controller.target - controller.told).abs() > controller.told * 0.03 {
                controller.told = controller.target;
                let path = PathEstimate {
                    available: Bitrate::bps(controller.target as u64),
                    sound: Bitrate::bps(SOUND as u64),
                    loss: controller.loss as f32,
                };
                self.allocators[flow.from].handle(self.now, AllocatorInput::Path(flow.to, path));
            }
        }
    }

    fn encode(&mut self, sender: usize) {
        let plan = self.allocators[sender].plan(self.now);
        let encoded = &mut self.encoded[sender];
        let mut keyframes = [false; 4];
        for (to, link) in &plan.links {
            let flow = self.flows.iter_mut().find(|flow| (flow.from, flow.to) == (sender, *to)).unwrap();
            if flow.pictures.layer() != link.pictures.layer() {
                self.switches += 1;
                if let Some(layer) = link.pictures.layer() {
                    keyframes[layer as usize] = true;
                }
            }
            flow.pictures = link.pictures;
        }
        let mut of = [0.0; 4];
        for layer in &plan.layers {
            let (target, now) = (layer.bitrate.as_bps() as f64, &mut encoded[layer.id as usize]);
            if *now <= 0.0 {
                *now = target;
            }
            *now += (target - *now) * 3.0 * DT / FOLLOWS;
            of[layer.id as usize] = *now;
        }
        *encoded = of;
        for flow in self.flows.iter_mut().filter(|flow| flow.from == sender && flow.up) {
            let (layer, share) = match flow.pictures {
                Pictures::Paused => {
                    flow.backlog = 0.0;
                    continue;
                }
                Pictures::Base(layer) => (layer, 0.6),
                Pictures::All(layer) => (layer, 1.0),
            };
            let rate = of[layer as usize];
            flow.backlog += rate * share * 3.0 * DT;
            if keyframes[layer as usize] {
                flow.backlog += rate * KEYFRAME;
            }
        }
    }

    fn send(&mut self, index: usize) {
        let flow = &mut self.flows[index];
        if !flow.up {
            return;
        }
        // Paced at twice the target, and nothing waits longer than a quarter of a second.
        let paced = (2.0 * flow.controller.target * DT).max(flow.backlog * DT / 0.25);
        let pictures = flow.backlog.min(paced);
        flow.backlog -= pictures;
        let bits = pictures + SOUND * DT;
        let parcel = Parcel { flow: index, bits, sent: self.now, waited: 0.0 };
        if !self.uplinks[flow.from].push(parcel) {
            let at = parcel.sent + ROUND_TRIP;
            self.news.push_back(News { at, flow: index, parcel: None, bits });
        }
    }
}
