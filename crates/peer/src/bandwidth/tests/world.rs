//! A bottleneck and who sends through it, in simulated time: what a scenario is made of.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tincan_media::Bitrate;

use super::super::controller::Controller;
use super::super::history::{History, Report};

/// Bytes of the first picture, which leaves nearly at once.
const FIRST_KEYFRAME: f64 = 14_000.0;
/// An encoder takes this long until what leaves is at a new rate.
const ENCODER_LAG_MS: usize = 200;
const PACKET: usize = 1_200;
const SOUND_BPS: f64 = 48_000.0;
const FRAME_RATE: f64 = 30.0;
/// Of both ways' feedback.
const REPORT_MS: u64 = 50;

/// How the time that a packet is under way varies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Jitter {
    None,
    /// Packets wait for each other, as behind a radio that stops now and then; milliseconds.
    Ordered(f64),
    /// Packets overtake each other; milliseconds, standard deviation.
    Reordering(f64),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Loss {
    Random(f64),
    /// So many are lost, in rows of this average length.
    Bursts(f64, f64),
}

/// A path with one bottleneck that drops at the tail.
#[derive(Debug, Clone)]
pub(super) struct Path {
    /// (from this second on, kbit/s).
    pub(super) kbps: Vec<(f64, f64)>,
    /// What the queue holds, at the rate of the moment.
    pub(super) queue_ms: f64,
    pub(super) delay_ms: f64,
    pub(super) jitter: Jitter,
    pub(super) loss: Loss,
    pub(super) duplicates: f64,
    pub(super) feedback_loss: f64,
    /// (from, to) in seconds: nothing passes, either way.
    pub(super) gone: Option<(f64, f64)>,
}

impl Path {
    pub(super) fn steady(kbps: f64, delay_ms: f64) -> Self {
        Self {
            kbps: vec![(0.0, kbps)],
            queue_ms: 200.0,
            delay_ms,
            jitter: Jitter::None,
            loss: Loss::Random(0.0),
            duplicates: 0.0,
            feedback_loss: 0.0,
            gone: None,
        }
    }

    pub(super) fn kbps_at(&self, second: f64) -> f64 {
        self.kbps.iter().rev().find(|(from, _)| *from <= second).map_or(0.0, |(_, kbps)| *kbps)
    }
}

/// What one side sends, and what it thinks of the path.
pub(super) struct Flow {
    pub(super) controller: Controller,
    history: History,
    /// What the camera gives at most, in kbit/s, from this second on.
    limit: Vec<(f64, f64)>,
    told: VecDeque<f64>,
    next_frame: f64,
    first: bool,
    queue: VecDeque<usize>,
    free_at: f64,
    sequence: u16,
    /// (sequence, when it arrives) of what is on the way or was not reported.
    arrived: Vec<(u16, f64)>,
    reported_to: Option<u16>,
    again: VecDeque<usize>,
    /// Bytes that may be sent again: half of the target.
    again_budget: f64,
    /// What was sent again in the last second, in bytes.
    again_rate: f64,
    padded: f64,
    probe_since: Option<f64>,
    bad: bool,
    /// Of each tenth of a second: target, kbit/s that left, of it padding, longest queue in ms.
    pub(super) log: Vec<[f64; 4]>,
    tenth: [f64; 4],
}

impl Flow {
    pub(super) fn new(max_kbps: u64, limit: Vec<(f64, f64)>) -> Self {
        Self {
            controller: Controller::new(Bitrate::kbps(max_kbps)),
            history: History::default(),
            limit,
            told: VecDeque::new(),
            next_frame: 0.0,
            first: true,
            queue: VecDeque::new(),
            free_at: 0.0,
            sequence: 65_000,
            arrived: Vec::new(),
            reported_to: None,
            again: VecDeque::new(),
            again_budget: 0.0,
            again_rate: 0.0,
            padded: 0.0,
            probe_since: None,
            bad: false,
            log: Vec::new(),
            tenth: [0.0; 4],
        }
    }
}

/// A download beside it: Reno, as a window of packets.
#[derive(Debug, Default)]
struct Tcp {
    window: f64,
    threshold: f64,
    /// (when it is acknowledged, or was found lost; whether it was lost).
    flight: VecDeque<(f64, bool)>,
    cut_at: f64,
    bytes: f64,
}

pub(super) struct World {
    path: Path,
    pub(super) flows: Vec<Flow>,
    downloads: Vec<(f64, f64, Tcp)>,
    random: StdRng,
    start: Instant,
    now_ms: u64,
    free_ms: f64,
    last_arrival: f64,
    /// (when it reaches the sender, whose, report).
    reports: VecDeque<(f64, usize, Report)>,
}

impl World {
    pub(super) fn new(path: Path, flows: Vec<Flow>, seed: u64) -> Self {
        Self {
            path,
            flows,
            downloads: Vec::new(),
            random: StdRng::seed_from_u64(seed),
            start: Instant::now(),
            now_ms: 0,
            free_ms: 0.0,
            last_arrival: 0.0,
            reports: VecDeque::new(),
        }
    }

    /// A download from one second to another.
    pub(super) fn download(&mut self, from: f64, to: f64) {
        let tcp = Tcp { window: 10.0, threshold: 1e9, cut_at: -1.0, ..Tcp::default() };
        self.downloads.push((from, to, tcp));
    }

    /// Megabits that downloads carried.
    pub(super) fn downloaded(&self) -> f64 {
        self.downloads.iter().map(|(_, _, tcp)| tcp.bytes * 8.0 / 1e6).sum()
    }

    pub(super) fn run(&mut self, seconds: f64) {
        let end = self.now_ms + (seconds * 1e3) as u64;
        while self.now_ms < end {
            self.now_ms += 1;
            for flow in 0..self.flows.len() {
                self.step(flow);
            }
            self.step_downloads();
        }
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    fn second(&self) -> f64 {
        self.now_ms as f64 / 1e3
    }

    fn is_gone(&self) -> bool {
        self.path.gone.is_some_and(|(from, to)| (from..to).contains(&self.second()))
    }

    fn queue_ms(&self) -> f64 {
        (self.free_ms - self.now_ms as f64).max(0.0)
    }

    /// Through the bottleneck. `None`: the queue was full.
    fn pass(&mut self, size: usize) -> Option<f64> {
        let now = self.now_ms as f64;
        if self.queue_ms() > self.path.queue_ms {
            return None;
        }
        let kbps = self.path.kbps_at(self.second());
        self.free_ms = self.free_ms.max(now) + size as f64 * 8.0 / kbps;
        let arrival = self.free_ms + self.path.delay_ms;
        Some(
            match self.path.jitter {
                Jitter::None => arrival,
                Jitter::Ordered(most) => {
                    let late = if self.random.random_bool(0.1) {
                        self.random.random_range(0.0..most * 3.0)
                    } else {
                        0.0
                    };
                    self.last_arrival = (arrival + late).max(self.last_arrival);
                    self.last_arrival
                }
                Jitter::Reordering(sigma) => arrival + self.normal() * sigma,
            }
            .max(now),
        )
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.random.random_range(0.0..1.0)).sum::<f64>() - 6.0
    }

    fn step(&mut self, at: usize) {
        let now = self.now_ms as f64;
        let instant = self.start + Duration::from_millis(self.now_ms);
        while let Some(index) = self.reports.iter().position(|(when, whose, _)| *whose == at && *when <= now)
        {
            let Some((_, _, report)) = self.reports.remove(index) else { break };
            let flow = &mut self.flows[at];
            let deliveries = flow.history.report(instant, &report);
            for one in deliveries.iter().filter(|one| one.is_lost() && one.size > 200) {
                if flow.again_budget > 0.0 {
                    flow.again_budget -= one.size as f64;
                    flow.again_rate += one.size as f64;
                    flow.again.push_back(one.size);
                }
            }
            flow.controller.feedback(instant, &deliveries);
        }
        let flow = &mut self.flows[at];
        flow.controller.handle_timeout(instant);
        let target = flow.controller.target().as_bps() as f64;
        let share = target / 2.0 / 8e3;
        flow.again_budget = (flow.again_budget + share).min(share * 500.0);
        flow.again_rate *= 0.999;
        flow.told.push_back((target - flow.again_rate * 8.0).max(target / 2.0));
        let told =
            if flow.told.len() > ENCODER_LAG_MS { flow.told.pop_front() } else { None }.unwrap_or(target);
        if now >= flow.next_frame {
            flow.next_frame += 1e3 / FRAME_RATE;
            let limit = flow
                .limit
                .iter()
                .rev()
                .find(|(from, _)| *from * 1e3 <= now)
                .map_or(1e9, |(_, kbps)| kbps * 1e3);
            let rate = (told - SOUND_BPS).max(0.0).min(limit);
            // Below it pictures pause.
            let usual = if rate < 30_000.0 { 0.0 } else { rate / 8.0 / FRAME_RATE };
            let first = std::mem::take(&mut flow.first);
            let bytes =
                if first { FIRST_KEYFRAME.min(limit) } else { usual * self.random.random_range(0.6..1.4) };
            let mut left = bytes as usize;
            while left > 0 {
                let size = left.min(PACKET);
                flow.queue.push_back(size);
                left -= size;
            }
        }
        if self.now_ms.is_multiple_of(20) {
            self.leave(at, 120);
        }
        self.pace(at, now, target);
        self.pad(at, now);
        self.measure(at, target);
        if self.now_ms % REPORT_MS == (at as u64 * 7) % REPORT_MS {
            self.report(at);
        }
    }

    fn pace(&mut self, at: usize, now: f64, target: f64) {
        let moment = self.instant();
        let probing = self.flows[at].controller.probe(moment).map_or(0.0, |probe| probe.rate.as_bps() as f64);
        let rate = (target * 2.0).max(300_000.0).max(probing);
        let rate = if now < 100.0 { rate.max(8e6) } else { rate };
        let flow = &mut self.flows[at];
        flow.free_at = flow.free_at.max(now - 10.0);
        // Half of what leaves may be sent again.
        while self.flows[at].free_at <= now + 5.0 {
            let flow = &mut self.flows[at];
            let Some(size) = flow.again.pop_front().or_else(|| flow.queue.pop_front()) else { break };
            flow.free_at += size as f64 * 8.0 / rate * 1e3;
            self.leave(at, size);
        }
        let flow = &mut self.flows[at];
        // What waits for more than a quarter of a second leaves.
        let waits = flow.queue.iter().sum::<usize>() as f64 * 8.0 / rate * 1e3;
        if waits > 250.0
            && let Some(size) = flow.queue.pop_front()
        {
            self.leave(at, size);
        }
    }

    /// What is sent to find out how much the path takes.
    fn pad(&mut self, at: usize, now: f64) {
        let moment = self.instant();
        let flow = &mut self.flows[at];
        let Some(probe) = flow.controller.probe(moment) else {
            flow.probe_since = None;
            return;
        };
        let since = *flow.probe_since.get_or_insert_with(|| {
            flow.padded = 0.0;
            now
        });
        let due = probe.rate.as_bps() as f64 * (now - since) / 8e3;
        while self.flows[at].padded < due {
            self.flows[at].tenth[2] += 1_000.0 * 8.0 / 100.0;
            self.leave(at, 1_000);
        }
    }

    fn leave(&mut self, at: usize, size: usize) {
        let now = self.start + Duration::from_millis(self.now_ms);
        let flow = &mut self.flows[at];
        let sequence = flow.sequence;
        flow.sequence = sequence.wrapping_add(1);
        flow.padded += size as f64;
        flow.tenth[1] += size as f64 * 8.0 / 100.0;
        flow.history.sent(now, sequence, 0, size);
        flow.controller.sent(now, size);
        let lost = match self.path.loss {
            Loss::Random(share) => self.random.random_bool(share),
            Loss::Bursts(share, row) => {
                let ends = 1.0 / row;
                let begins = (share * ends / (1.0 - share)).min(1.0);
                self.flows[at].bad =
                    self.random.random_bool(if self.flows[at].bad { 1.0 - ends } else { begins });
                self.flows[at].bad
            }
        };
        if lost || self.is_gone() {
            return;
        }
        let Some(arrival) = self.pass(size) else { return };
        self.flows[at].arrived.push((sequence, arrival));
        if self.path.duplicates > 0.0 && self.random.random_bool(self.path.duplicates) {
            self.flows[at].arrived.push((sequence, arrival + self.random.random_range(0.0..20.0)));
        }
    }

    /// What the other side says, as RFC draft-holmer-rmcat-transport-wide-cc-extensions-01 has it: late ones are told of again.
    fn report(&mut self, at: usize) {
        let now = self.now_ms as f64;
        let gone = self.is_gone() || self.random.random_bool(self.path.feedback_loss);
        let delay = self.path.delay_ms.max(1.0);
        let flow = &mut self.flows[at];
        let (new, rest): (Vec<_>, Vec<_>) = flow.arrived.drain(..).partition(|(_, when)| *when <= now);
        flow.arrived = rest;
        let base = flow.reported_to.unwrap_or(65_000);
        let offset = |sequence: u16| i32::from(sequence.wrapping_sub(base) as i16);
        let (Some(first), Some(last)) =
            (new.iter().map(|one| offset(one.0)).min(), new.iter().map(|one| offset(one.0)).max())
        else {
            return;
        };
        let first = first.min(0);
        let mut arrivals = vec![None; (last - first + 1).max(0) as usize];
        for (sequence, when) in new {
            let slot = &mut arrivals[(offset(sequence) - first) as usize];
            // The first copy counts.
            slot.get_or_insert(Duration::from_secs_f64(when.max(0.0) / 1e3 + 5_000.0));
        }
        let from = base.wrapping_add(first as u16);
        if last >= 0 {
            flow.reported_to = Some(base.wrapping_add(last as u16 + 1));
        }
        if !gone {
            self.reports.push_back((now + delay, at, Report { first: from, arrivals }));
        }
    }

    fn measure(&mut self, at: usize, target: f64) {
        let queue = self.queue_ms();
        let ends = self.now_ms.is_multiple_of(100);
        let flow = &mut self.flows[at];
        flow.tenth[0] += target / 1e3 / 100.0;
        flow.tenth[3] = flow.tenth[3].max(queue);
        if ends {
            flow.log.push(std::mem::take(&mut flow.tenth));
        }
    }

    fn step_downloads(&mut self) {
        let now = self.now_ms as f64;
        let second = self.second();
        for index in 0..self.downloads.len() {
            let (from, to, mut tcp) = std::mem::take(&mut self.downloads[index]);
            while tcp.flight.front().is_some_and(|(when, _)| *when <= now) {
                let Some((_, lost)) = tcp.flight.pop_front() else { break };
                if lost {
                    if now - tcp.cut_at > 2.0 * self.path.delay_ms + self.path.queue_ms {
                        tcp.cut_at = now;
                        tcp.threshold = (tcp.window / 2.0).max(2.0);
                        tcp.window = tcp.threshold;
                    }
                } else {
                    tcp.bytes += 1_500.0;
                    tcp.window += if tcp.window < tcp.threshold { 1.0 } else { 1.0 / tcp.window };
                }
            }
            while (from..to).contains(&second) && (tcp.flight.len() as f64) < tcp.window {
                let arrival = self.pass(1_500);
                let back = arrival.unwrap_or(self.free_ms + self.path.delay_ms) + self.path.delay_ms;
                tcp.flight.push_back((back, arrival.is_none()));
            }
            self.downloads[index] = (from, to, tcp);
        }
    }
}
