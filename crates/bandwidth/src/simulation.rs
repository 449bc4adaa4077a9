//! One sender with its pacer and one receiver with its reports, in simulated time and without a network between: what this
//! crate's scenarios are made of, and rooms of several people elsewhere. It is no feature: with one, the tests would build
//! everything above this crate once more than the programs do.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tincan_media::Bitrate;

use tincan_media::audio::red::Protection;

use crate::{Controller, History, Report, SoundPath};

/// Bytes of a packet of pictures.
const PACKET: usize = 1_200;
/// Bytes of a packet of sound (Opus at 32 kbit/s, and at 12), and how often one leaves.
const SOUND_PACKET: usize = 120;
const THIN_PACKET: usize = 70;
const SOUND_EVERY_MS: u64 = 20;
/// What sound usually takes, in bits a second.
pub const SOUND: f64 = SOUND_PACKET as f64 * 8.0 * 1e3 / SOUND_EVERY_MS as f64;
/// Bytes of a packet that fills up a probe.
const PADDING: usize = 1_000;
/// The pacer sends so many times what the controller allows, and no slower than this, in bits a second.
const PACE: f64 = 2.0;
const PACE_LEAST: f64 = 300e3;
/// The first picture leaves nearly at once, and for so long.
const PACE_FIRST: f64 = 8e6;
const PACE_FIRST_MS: f64 = 100.0;
/// What would wait for longer leaves.
const WAITS_AT_MOST_MS: f64 = 250.0;
/// Where the first sequence number is, so that numbers begin anew soon.
const FIRST_SEQUENCE: u16 = 65_000;
/// What is as small as a packet of sound is not sent again.
const SENT_AGAIN: usize = 200;

/// A packet that leaves.
#[derive(Debug, Clone, Copy)]
pub struct Leaving {
    /// The transport-wide sequence number.
    pub sequence: u16,
    /// Bytes.
    pub size: usize,
    /// It only fills up a probe.
    pub padding: bool,
}

/// See the module's description. Time goes on by milliseconds.
#[derive(Debug)]
pub struct Sender {
    /// What it thinks of the path.
    pub controller: Controller,
    history: History,
    path: SoundPath,
    start: Instant,
    began: u64,
    /// Sizes of what waits in the pacer.
    queue: VecDeque<usize>,
    free_at: f64,
    sequence: u16,
    again: VecDeque<usize>,
    /// Bytes that may be sent again: half of the target.
    again_budget: f64,
    /// What was sent again in the last second, in bytes.
    again_rate: f64,
    padded: f64,
    probe_since: Option<f64>,
}

impl Sender {
    /// One that begins `began` milliseconds after `start`, and never sends more than `max`.
    pub fn new(start: Instant, began: u64, max: Bitrate) -> Self {
        Self {
            controller: Controller::new(max),
            history: History::default(),
            path: SoundPath::default(),
            start,
            began,
            queue: VecDeque::new(),
            free_at: 0.0,
            sequence: FIRST_SEQUENCE,
            again: VecDeque::new(),
            again_budget: 0.0,
            again_rate: 0.0,
            padded: 0.0,
            probe_since: None,
        }
    }

    /// What the controller allows, in bits a second.
    pub fn target(&self) -> f64 {
        self.controller.target().as_bps() as f64
    }

    /// What of that is left for what is new, in bits a second.
    pub fn media(&self) -> f64 {
        let target = self.target();
        (target - self.again_rate * 8.0).max(target / 2.0)
    }

    /// What sound takes, in bits a second.
    pub fn sound(&mut self) -> f64 {
        self.sound_packet() as f64 * 8e3 / SOUND_EVERY_MS as f64
    }

    /// The path's own losses are left out: copies of sound cost bits that are wanted here.
    fn sound_packet(&mut self) -> usize {
        if self.path.protection() == Protection::Thin { THIN_PACKET } else { SOUND_PACKET }
    }

    fn instant(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// A report comes back.
    pub fn reported(&mut self, ms: u64, report: &Report) {
        let now = self.instant(ms);
        let deliveries = self.history.report(now, report);
        for one in deliveries.iter().filter(|one| one.is_lost() && one.size > SENT_AGAIN) {
            if self.again_budget > 0.0 {
                self.again_budget -= one.size as f64;
                self.again_rate += one.size as f64;
                self.again.push_back(one.size);
            }
        }
        self.controller.feedback(now, &deliveries);
        self.path.takes(now, self.controller.target());
    }

    /// A millisecond passes.
    pub fn tick(&mut self, ms: u64) {
        self.controller.handle_timeout(self.instant(ms));
        let share = self.target() / 2.0 / 8e3;
        self.again_budget = (self.again_budget + share).min(share * 500.0);
        self.again_rate *= 0.999;
    }

    /// A picture of so many bytes is to leave.
    pub fn picture(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            let size = left.min(PACKET);
            self.queue.push_back(size);
            left -= size;
        }
    }

    /// What leaves in this millisecond.
    pub fn leave(&mut self, ms: u64) -> Vec<Leaving> {
        let mut left = Vec::new();
        if ms.is_multiple_of(SOUND_EVERY_MS) {
            let size = self.sound_packet();
            self.leaves(ms, size, false, &mut left);
        }
        self.pace(ms, &mut left);
        self.pad(ms, &mut left);
        left
    }

    fn pace(&mut self, ms: u64, left: &mut Vec<Leaving>) {
        let now = ms as f64;
        let probe = self.controller.probe(self.instant(ms));
        let probing = probe.map_or(0.0, |probe| probe.rate.as_bps() as f64);
        let rate = (self.target() * PACE).max(PACE_LEAST).max(probing);
        let rate = if now - (self.began as f64) < PACE_FIRST_MS { rate.max(PACE_FIRST) } else { rate };
        self.free_at = self.free_at.max(now - 10.0);
        while self.free_at <= now + 5.0 {
            let Some(size) = self.again.pop_front().or_else(|| self.queue.pop_front()) else { break };
            self.free_at += size as f64 * 8.0 / rate * 1e3;
            self.leaves(ms, size, false, left);
        }
        let waits = self.queue.iter().sum::<usize>() as f64 * 8.0 / rate * 1e3;
        if waits > WAITS_AT_MOST_MS
            && let Some(size) = self.queue.pop_front()
        {
            self.leaves(ms, size, false, left);
        }
    }

    /// What is sent to find out how much the path takes.
    fn pad(&mut self, ms: u64, left: &mut Vec<Leaving>) {
        let now = ms as f64;
        let Some(probe) = self.controller.probe(self.instant(ms)) else {
            self.probe_since = None;
            return;
        };
        let since = *self.probe_since.get_or_insert_with(|| {
            self.padded = 0.0;
            now
        });
        let due = probe.rate.as_bps() as f64 * (now - since) / 8e3;
        while self.padded < due {
            self.leaves(ms, PADDING, true, left);
        }
    }

    fn leaves(&mut self, ms: u64, size: usize, padding: bool, left: &mut Vec<Leaving>) {
        let (now, sequence) = (self.instant(ms), self.sequence);
        self.sequence = sequence.wrapping_add(1);
        self.padded += size as f64;
        self.history.sent(now, sequence, 0, size);
        self.controller.sent(now, size);
        left.push(Leaving { sequence, size, padding });
    }
}

/// What arrives, and what is said of it.
#[derive(Debug)]
pub struct Receiver {
    /// (sequence, when it arrives in milliseconds) of what is on the way or was not reported.
    arrived: Vec<(u16, f64)>,
    /// The first that no report spoke of.
    next: u16,
}

impl Default for Receiver {
    fn default() -> Self {
        Self { arrived: Vec::new(), next: FIRST_SEQUENCE }
    }
}

impl Receiver {
    /// A packet arrives at that millisecond.
    pub fn arrives(&mut self, sequence: u16, ms: f64) {
        self.arrived.push((sequence, ms));
    }

    /// What arrived since the last report, as draft-holmer-rmcat-transport-wide-cc-extensions-01 has it: late ones are told of again.
    pub fn report(&mut self, ms: f64) -> Option<Report> {
        let (new, rest): (Vec<_>, Vec<_>) = self.arrived.drain(..).partition(|(_, when)| *when <= ms);
        self.arrived = rest;
        let offset = |sequence: u16| i32::from(sequence.wrapping_sub(self.next) as i16);
        let first = new.iter().map(|one| offset(one.0)).min()?.min(0);
        let last = new.iter().map(|one| offset(one.0)).max()?;
        let mut arrivals = vec![None; (last - first + 1).max(0) as usize];
        for (sequence, when) in new {
            let slot = &mut arrivals[(offset(sequence) - first) as usize];
            // The first copy counts.
            slot.get_or_insert(Duration::from_secs_f64(when.max(0.0) / 1e3 + 5_000.0));
        }
        let from = self.next.wrapping_add(first as u16);
        if last >= 0 {
            self.next = self.next.wrapping_add(last as u16 + 1);
        }
        Some(Report { first: from, arrivals })
    }
}
