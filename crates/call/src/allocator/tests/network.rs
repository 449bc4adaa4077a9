//! A room of senders and receivers in simulated time, packet by packet: each sender's uplink and each receiver's downlink is a
//! first-in, first-out queue that all flows through it share, reports included, and each flow has the rate controller and the
//! pacer that connections have.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tincan_bandwidth::Report;
use tincan_bandwidth::simulation::{Receiver, Sender};
use tincan_media::Bitrate;

use super::super::{Allocator, AllocatorInput, LayerId, PathEstimate, Pictures, Want};

/// How often a test looks.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// From one end of an empty path to the middle of the network, and from there to the other.
const HALF_WAY_MS: f64 = 15.0;
/// Routers drop what would wait longer.
const BUFFER_MS: f64 = 400.0;
/// A keyframe has the bits of so many seconds.
const KEYFRAME: f64 = 0.25;
/// An encoder needs so long to follow a new rate (time constant).
const FOLLOWS: f64 = 0.200;
/// A picture has so much more or less than the average.
const VARIES: f64 = 0.4;
const PICTURE_EVERY_MS: u64 = 33;
const REPORT_EVERY_MS: u64 = 50;
/// Owners of connections hear of a new target so often at most, and of changes from this share on.
const TOLD_EVERY_MS: u64 = 200;
const TOLD_FROM: f64 = 0.03;
/// Of one connection.
const MOST: Bitrate = Bitrate::kbps(4_500);

/// A generator that gives the same numbers everywhere (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    /// From 0 to 1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A queue with a rate.
#[derive(Debug)]
pub(super) struct Queue {
    /// Bits a second.
    pub(super) capacity: f64,
    /// When all that is in it has left, in milliseconds.
    free_at: f64,
    /// What the next to come would wait, in seconds, for each of the last 500 ms.
    recent: VecDeque<f64>,
}

impl Queue {
    const fn new(capacity: f64) -> Self {
        Self { capacity, free_at: 0.0, recent: VecDeque::new() }
    }

    /// What the next to come waits, in milliseconds.
    fn wait(&self, ms: f64) -> f64 {
        (self.free_at - ms).max(0.0)
    }

    /// The least of half a second, in seconds: what everybody waited, a keyframe's moment left out.
    pub(super) fn standing(&self) -> f64 {
        self.recent.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// When it has left, unless the queue was full.
    fn push(&mut self, ms: f64, bytes: usize) -> Option<f64> {
        if self.wait(ms) > BUFFER_MS {
            return None;
        }
        self.free_at = self.free_at.max(ms) + bytes as f64 * 8e3 / self.capacity;
        Some(self.free_at)
    }

    fn watch(&mut self, ms: f64) {
        self.recent.push_back(self.wait(ms) / 1e3);
        if self.recent.len() > 500 {
            self.recent.pop_front();
        }
    }
}

/// What one sender sends to one receiver.
#[derive(Debug)]
struct Flow {
    from: usize,
    to: usize,
    up: bool,
    sender: Sender,
    receiver: Receiver,
    /// (when it is back, what it says).
    reports: VecDeque<(f64, Report)>,
    pictures: Pictures,
    /// What the allocator was told, in bits a second.
    told: f64,
}

/// A packet between two queues.
#[derive(Debug)]
struct UnderWay {
    /// When it is at the downlink, in milliseconds.
    at: f64,
    flow: usize,
    sequence: u16,
    bytes: usize,
}

/// See the module's description.
pub(super) struct Room {
    pub(super) now: Instant,
    start: Instant,
    ms: u64,
    pub(super) allocators: Vec<Allocator<usize>>,
    /// Rate that each sender's encoder gives of each layer now.
    encoded: Vec<[f64; 4]>,
    pub(super) uplinks: Vec<Queue>,
    pub(super) downlinks: Vec<Queue>,
    /// Of each uplink.
    under_way: Vec<VecDeque<UnderWay>>,
    flows: Vec<Flow>,
    random: Random,
    pub(super) switches: u64,
}

impl Room {
    /// Nobody is connected to anybody yet.
    pub(super) fn new(uplinks: &[f64], downlinks: &[f64]) -> Self {
        let start = Instant::now();
        let people = uplinks.len();
        let pairs = (0..people).flat_map(|from| (0..people).map(move |to| (from, to)));
        let flows = pairs.filter(|(from, to)| from != to).map(|(from, to)| Flow {
            from,
            to,
            up: false,
            sender: Sender::new(start, 0, MOST),
            receiver: Receiver::default(),
            reports: VecDeque::new(),
            pictures: Pictures::Paused,
            told: 0.0,
        });
        Self {
            now: start,
            start,
            ms: 0,
            allocators: (0..people).map(|_| Allocator::new()).collect(),
            encoded: vec![[0.0; 4]; people],
            uplinks: uplinks.iter().map(|&rate| Queue::new(rate)).collect(),
            downlinks: downlinks.iter().map(|&rate| Queue::new(rate)).collect(),
            under_way: (0..people).map(|_| VecDeque::new()).collect(),
            flows: flows.collect(),
            random: Random(people as u64),
            switches: 0,
        }
    }

    /// Connects two, both ways.
    pub(super) fn connect(&mut self, one: usize, other: usize) {
        let now = self.now;
        for flow in &mut self.flows {
            if (flow.from, flow.to) == (one, other) || (flow.from, flow.to) == (other, one) {
                flow.up = true;
                flow.sender = Sender::new(self.start, self.ms, MOST);
                flow.receiver = Receiver::default();
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

    /// Looks every [`TICK`].
    pub(super) fn run(&mut self, time: Duration, mut look: impl FnMut(&Self)) {
        let end = self.now + time;
        while self.now < end {
            self.step();
            if self.ms.is_multiple_of(TICK.as_millis() as u64) {
                look(self);
            }
        }
    }

    /// A millisecond.
    fn step(&mut self) {
        self.now += Duration::from_millis(1);
        self.ms += 1;
        let ms = self.ms;
        for flow in self.flows.iter_mut().filter(|flow| flow.up) {
            while flow.reports.front().is_some_and(|(at, _)| *at <= ms as f64) {
                let (_, report) = flow.reports.pop_front().expect("there is a first");
                flow.sender.reported(ms, &report);
            }
            flow.sender.tick(ms);
        }
        // Cameras do not take their pictures at the same moment.
        for sender in 0..self.allocators.len() {
            if ms % PICTURE_EVERY_MS == sender as u64 * 4 % PICTURE_EVERY_MS {
                self.encode(sender);
            }
        }
        for index in 0..self.flows.len() {
            self.send(index);
        }
        for uplink in 0..self.uplinks.len() {
            self.pass_on(uplink);
        }
        for index in 0..self.flows.len() {
            if ms % REPORT_EVERY_MS == index as u64 * 7 % REPORT_EVERY_MS {
                self.report(index);
            }
            if ms % TOLD_EVERY_MS == index as u64 * 7 % TOLD_EVERY_MS {
                self.tell(index);
            }
        }
        for queue in self.uplinks.iter_mut().chain(&mut self.downlinks) {
            queue.watch(ms as f64);
        }
    }

    fn send(&mut self, index: usize) {
        let flow = &mut self.flows[index];
        if !flow.up {
            return;
        }
        for packet in flow.sender.leave(self.ms) {
            let (sequence, bytes) = (packet.sequence, packet.size);
            if let Some(left) = self.uplinks[flow.from].push(self.ms as f64, bytes) {
                let at = left + HALF_WAY_MS;
                self.under_way[flow.from].push_back(UnderWay { at, flow: index, sequence, bytes });
            }
        }
    }

    /// From an uplink to the downlinks.
    fn pass_on(&mut self, uplink: usize) {
        let waiting = &mut self.under_way[uplink];
        while waiting.front().is_some_and(|packet| packet.at <= self.ms as f64) {
            let packet = waiting.pop_front().expect("there is a first");
            let flow = &mut self.flows[packet.flow];
            if let Some(left) = self.downlinks[flow.to].push(packet.at, packet.bytes) {
                flow.receiver.arrives(packet.sequence, left + HALF_WAY_MS);
            }
        }
    }

    /// A report goes the way back, through queues that it shares with what its sender sends itself.
    fn report(&mut self, index: usize) {
        let ms = self.ms as f64;
        let flow = &mut self.flows[index];
        if let Some(report) = flow.receiver.report(ms).filter(|_| flow.up) {
            let waits = self.uplinks[flow.to].wait(ms) + self.downlinks[flow.from].wait(ms);
            flow.reports.push_back((ms + 2.0 * HALF_WAY_MS + waits, report));
        }
    }

    fn tell(&mut self, index: usize) {
        let flow = &mut self.flows[index];
        let available = flow.sender.media();
        if flow.up && (available - flow.told).abs() > flow.told * TOLD_FROM {
            flow.told = available;
            let path = PathEstimate {
                available: Bitrate::bps(available as u64),
                sound: Bitrate::bps(flow.sender.sound() as u64),
                loss: flow.sender.controller.loss(),
            };
            self.allocators[flow.from].handle(self.now, AllocatorInput::Path(flow.to, path));
        }
    }

    fn encode(&mut self, sender: usize) {
        let seconds = PICTURE_EVERY_MS as f64 / 1e3;
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
        let mut bits = [0.0; 4];
        let mut of = [0.0; 4];
        for layer in &plan.layers {
            let at = layer.id as usize;
            let (target, now) = (layer.bitrate.as_bps() as f64, &mut encoded[at]);
            if *now <= 0.0 {
                *now = target;
            }
            *now += (target - *now) * seconds / FOLLOWS;
            of[at] = *now;
            bits[at] = *now * seconds * (1.0 + VARIES * (2.0 * self.random.next() - 1.0));
            if keyframes[at] {
                bits[at] += *now * KEYFRAME;
            }
        }
        *encoded = of;
        for flow in self.flows.iter_mut().filter(|flow| flow.from == sender && flow.up) {
            let (layer, share) = match flow.pictures {
                Pictures::Paused => continue,
                Pictures::Base(layer) => (layer, 0.6),
                Pictures::All(layer) => (layer, 1.0),
            };
            flow.sender.picture((bits[layer as usize] * share / 8.0) as usize);
        }
    }
}
