//! A bottleneck and who sends through it, in simulated time: what a scenario is made of.

use std::collections::VecDeque;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tincan_media::Bitrate;

use crate::Report;
use crate::simulation::{Leaving, Receiver, SOUND, Sender};

/// Bytes of the first picture, which leaves nearly at once.
const FIRST_KEYFRAME: f64 = 14_000.0;
/// An encoder takes this long until what leaves is at a new rate.
const ENCODER_LAG_MS: usize = 200;
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
    pub(super) sender: Sender,
    receiver: Receiver,
    /// What the camera gives at most, in kbit/s, from this second on.
    limit: Vec<(f64, f64)>,
    told: VecDeque<f64>,
    next_frame: f64,
    first: bool,
    bad: bool,
    /// Of each tenth of a second: target, kbit/s that left, of it padding, longest queue in ms.
    pub(super) log: Vec<[f64; 4]>,
    tenth: [f64; 4],
}

impl Flow {
    pub(super) fn new(max_kbps: u64, limit: Vec<(f64, f64)>) -> Self {
        Self {
            sender: Sender::new(Instant::now(), 0, Bitrate::kbps(max_kbps)),
            receiver: Receiver::default(),
            limit,
            told: VecDeque::new(),
            next_frame: 0.0,
            first: true,
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
        let (ms, now) = (self.now_ms, self.now_ms as f64);
        while let Some(index) = self.reports.iter().position(|(when, whose, _)| *whose == at && *when <= now)
        {
            let Some((_, _, report)) = self.reports.remove(index) else { break };
            self.flows[at].sender.reported(ms, &report);
        }
        let flow = &mut self.flows[at];
        flow.sender.tick(ms);
        let target = flow.sender.target();
        flow.told.push_back(flow.sender.media());
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
            let rate = (told - SOUND).max(0.0).min(limit);
            // Below it pictures pause.
            let usual = if rate < 30_000.0 { 0.0 } else { rate / 8.0 / FRAME_RATE };
            let first = std::mem::take(&mut flow.first);
            let bytes =
                if first { FIRST_KEYFRAME.min(limit) } else { usual * self.random.random_range(0.6..1.4) };
            flow.sender.picture(bytes as usize);
        }
        for packet in self.flows[at].sender.leave(ms) {
            self.leave(at, packet);
        }
        self.measure(at, target);
        if ms % REPORT_MS == (at as u64 * 7) % REPORT_MS {
            self.report(at);
        }
    }

    fn leave(&mut self, at: usize, packet: Leaving) {
        let Leaving { sequence, size, padding } = packet;
        let flow = &mut self.flows[at];
        flow.tenth[1] += size as f64 * 8.0 / 100.0;
        if padding {
            flow.tenth[2] += size as f64 * 8.0 / 100.0;
        }
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
        self.flows[at].receiver.arrives(sequence, arrival);
        if self.path.duplicates > 0.0 && self.random.random_bool(self.path.duplicates) {
            let again = arrival + self.random.random_range(0.0..20.0);
            self.flows[at].receiver.arrives(sequence, again);
        }
    }

    fn report(&mut self, at: usize) {
        let now = self.now_ms as f64;
        let gone = self.is_gone() || self.random.random_bool(self.path.feedback_loss);
        let report = self.flows[at].receiver.report(now);
        if let Some(report) = report.filter(|_| !gone) {
            self.reports.push_back((now + self.path.delay_ms.max(1.0), at, report));
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
