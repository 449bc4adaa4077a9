//! Packets that wait, in the order of their RTP time.

use std::collections::BTreeMap;

use bytes::Bytes;

/// 5 s of 20 ms packets, should nobody pull; 0.6 s if a sender used Opus's shortest. At an Ethernet packet each: 384 kB.
const MAX_PACKETS: usize = 256;
/// When a packet's RTP time and its arrival disagree by more than this it is from another timeline: the sender started
/// anew. No network holds packets back for so long and then delivers them.
const MAX_DISAGREEMENT_MICROS: i64 = 5_000_000;
/// 20 ms, until a second packet has come.
const DEFAULT_SAMPLES: i64 = 960;
/// Two packets of a new timeline belong together when their numbers are at most this far apart (RFC 3550, appendix A.1,
/// asks for two in sequence; a little loss is allowed here).
const MAX_PROBATION_STEP: u16 = 5;

/// A packet that waits.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) sequence: u16,
    pub(super) payload: Bytes,
    /// It came within a later packet, and the packet itself is lost.
    pub(super) copy: bool,
}

/// A sender's clock may jump while its numbers go on (a machine that slept, a stream that is spliced). The packet that
/// jumped then follows the one before it, as its number says; after a pause of more than this (the delay histogram ends
/// there: longer is no jitter) it follows as its arrival says.
const MAX_JITTER_MICROS: i64 = 500_000;
/// Ahead of its arrival by more than this, compared with the packet before, a packet has jumped: a network would have to
/// hold back that one and not this one, with a pause between them.
const MAX_AHEAD_MICROS: i64 = 100_000;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to the stream; its unwrapped RTP time.
    New(i64),
    /// It had come before.
    Duplicate,
    /// It fits nothing so far; kept aside until another one confirms it.
    Doubtful,
    /// The sender started anew: forget everything, then treat it as the stream's first (its unwrapped RTP time).
    Restart(i64),
}

/// Unwraps numbers, recognises duplicates, jumps and restarts, and keeps packets sorted.
///
/// Unwrapped times lie on one line that never goes back; [`PacketStore::sent`] gives the sender's own.
#[derive(Debug)]
pub(super) struct PacketStore {
    packets: BTreeMap<i64, Stored>,
    newest: Option<Newest>,
    /// Bit n: the packet n before the newest sequence number has come.
    seen: u128,
    doubtful: Option<(u16, u32)>,
    /// Since the last jump: where it was on the line, and by how much the line was ahead of the sender's times before it
    /// and is now.
    jump: Jump,
}

#[derive(Debug, Clone, Copy, Default)]
struct Jump {
    at: i64,
    ahead_before: i64,
    ahead: i64,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: u16,
    timestamp: i64,
    samples: i64,
    arrival: i64,
}

/// RTP ticks of 48 kHz in µs.
pub(super) const fn ticks_to_micros(ticks: i64) -> i64 {
    ticks.saturating_mul(125) / 6
}

/// µs in RTP ticks of 48 kHz.
pub(super) const fn micros_to_ticks(micros: i64) -> i64 {
    micros.saturating_mul(6) / 125
}

impl PacketStore {
    pub(super) fn new() -> Self {
        Self { packets: BTreeMap::new(), newest: None, seen: 0, doubtful: None, jump: Jump::default() }
    }

    /// Judges a packet by its numbers; `arrival` in µs, `samples` what it decodes to.
    pub(super) fn judge(&mut self, sequence: u16, timestamp: u32, samples: usize, arrival: i64) -> Verdict {
        let Some(newest) = self.newest else {
            self.start(sequence, i64::from(timestamp), arrival);
            return Verdict::New(i64::from(timestamp));
        };
        let sent = (newest.timestamp - self.jump.ahead) as u32;
        let mut unwrapped = newest.timestamp + i64::from(timestamp.wrapping_sub(sent) as i32);
        let since = arrival - newest.arrival;
        let disagreement = ticks_to_micros(unwrapped - newest.timestamp) - since;
        if disagreement.abs() > MAX_DISAGREEMENT_MICROS {
            return self.judge_doubtful(sequence, timestamp, arrival);
        }
        self.doubtful = None;
        let step = sequence.wrapping_sub(newest.sequence) as i16;
        // Sent later and from an earlier time: no network does that, so one packet is enough to tell. A jump ahead would
        // be taken for a much faster path, and everything before it for jitter.
        let numbered = i64::from(step) * samples as i64;
        let beyond = ticks_to_micros(unwrapped - newest.timestamp - numbered).min(disagreement);
        if step > 0 && (unwrapped < newest.timestamp || beyond > MAX_AHEAD_MICROS) {
            let follows = if since > ticks_to_micros(numbered) + MAX_JITTER_MICROS {
                micros_to_ticks(since)
            } else {
                numbered
            };
            let to = newest.timestamp + follows;
            let ahead = self.jump.ahead + to - unwrapped;
            self.jump = Jump { at: to, ahead_before: self.jump.ahead, ahead };
            unwrapped = to;
        } else if step < 0 && self.is_of_before(step, unwrapped, newest) {
            // Sent before the jump, and overtaken by what was sent after it.
            unwrapped += self.jump.ahead_before - self.jump.ahead;
        }
        if step > 0 {
            self.seen = self.seen.checked_shl(step as u32).unwrap_or(0) | 1;
            self.newest = Some(Newest { sequence, timestamp: unwrapped, samples: samples as i64, arrival });
        } else {
            let behind = u32::from(step.unsigned_abs());
            let bit = 1u128.checked_shl(behind).unwrap_or(0);
            if self.seen & bit != 0 {
                return Verdict::Duplicate;
            }
            self.seen |= bit;
        }
        Verdict::New(unwrapped)
    }

    fn judge_doubtful(&mut self, sequence: u16, timestamp: u32, arrival: i64) -> Verdict {
        if let Some((first, first_timestamp)) = self.doubtful {
            let step = sequence.wrapping_sub(first);
            let ticks = i64::from(timestamp.wrapping_sub(first_timestamp) as i32);
            let together = (1..=MAX_PROBATION_STEP).contains(&step)
                && ticks > 0
                && ticks_to_micros(ticks) < MAX_DISAGREEMENT_MICROS;
            if together {
                self.packets.clear();
                self.doubtful = None;
                self.start(sequence, i64::from(timestamp), arrival);
                return Verdict::Restart(i64::from(timestamp));
            }
        }
        self.doubtful = Some((sequence, timestamp));
        Verdict::Doubtful
    }

    /// Whether a packet that was overtaken was sent before the last jump: only then is its time far from what its number
    /// says.
    fn is_of_before(&self, step: i16, unwrapped: i64, newest: Newest) -> bool {
        let expected = newest.timestamp + i64::from(step) * newest.samples;
        let corrected = unwrapped + self.jump.ahead_before - self.jump.ahead;
        (corrected - expected).abs() < (unwrapped - expected).abs()
    }

    /// The sender's own time, of a time on the line.
    pub(super) const fn sent(&self, unwrapped: i64) -> u32 {
        let Jump { at, ahead_before, ahead } = self.jump;
        (unwrapped - if unwrapped < at { ahead_before } else { ahead }) as u32
    }

    fn start(&mut self, sequence: u16, timestamp: i64, arrival: i64) {
        self.jump = Jump { at: i64::MIN, ..Jump::default() };
        self.newest = Some(Newest { sequence, timestamp, samples: DEFAULT_SAMPLES, arrival });
        self.seen = 1;
    }

    /// Where the copy of an earlier packet belongs, and the newest packet's place; `None` where its numbers fit nothing.
    pub(super) fn place_copy(&self, sequence: u16, timestamp: u32) -> Option<(i64, i64)> {
        let newest = self.newest?;
        let step = sequence.wrapping_sub(newest.sequence) as i16;
        let sent = (newest.timestamp - self.jump.ahead) as u32;
        let unwrapped = newest.timestamp + i64::from(timestamp.wrapping_sub(sent) as i32);
        // Copies are at most a third of a second old; what lies beyond a jump is not worth its bookkeeping.
        let near = micros_to_ticks(MAX_JITTER_MICROS);
        let fits = step < 0 && (newest.timestamp - near..newest.timestamp).contains(&unwrapped);
        (fits && unwrapped >= self.jump.at).then_some((unwrapped, newest.timestamp))
    }

    /// Whether the packet with this number has not come.
    pub(super) fn misses(&self, sequence: u16) -> bool {
        let Some(newest) = self.newest else { return false };
        let behind = newest.sequence.wrapping_sub(sequence);
        1u128.checked_shl(behind.into()).is_some_and(|bit| self.seen & bit == 0)
    }

    /// Keeps a packet; returns how many of the oldest had to go for it.
    pub(super) fn keep(&mut self, timestamp: i64, packet: Stored) -> usize {
        // What came itself is as good as its copy, and says that it was not lost.
        let kept = self.packets.entry(timestamp).or_insert_with(|| packet.clone());
        if kept.copy {
            *kept = packet;
        }
        let excess = self.packets.len().saturating_sub(MAX_PACKETS);
        for _ in 0..excess {
            self.packets.pop_first();
        }
        excess
    }

    /// The earliest packet that waits.
    pub(super) fn first(&self) -> Option<(i64, &Stored)> {
        self.packets.first_key_value().map(|(&timestamp, packet)| (timestamp, packet))
    }

    /// Takes the earliest packet.
    pub(super) fn pop(&mut self) -> Option<(i64, Stored)> {
        self.packets.pop_first()
    }

    /// Drops everything before `timestamp`, but never the last packet; returns how many went.
    pub(super) fn drop_before(&mut self, timestamp: i64) -> usize {
        let mut dropped = 0;
        while self.packets.len() > 1 && self.first().is_some_and(|(first, _)| first < timestamp) {
            self.packets.pop_first();
            dropped += 1;
        }
        dropped
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge_all(packets: &[(u16, u32, i64)]) -> Vec<Verdict> {
        let mut store = PacketStore::new();
        packets
            .iter()
            .map(|&(sequence, timestamp, arrival)| store.judge(sequence, timestamp, 960, arrival))
            .collect()
    }

    #[test]
    fn numbers_wrap() {
        let start = u32::MAX - 959;
        let verdicts = judge_all(&[(65_535, start, 0), (0, 0, 20_000), (1, 960, 40_000)]);
        let first = i64::from(start);
        assert_eq!(verdicts, [Verdict::New(first), Verdict::New(first + 960), Verdict::New(first + 1_920)]);
    }

    #[test]
    fn a_packet_that_came_before_is_a_duplicate_even_when_it_was_played() {
        let verdicts =
            judge_all(&[(5, 0, 0), (7, 1_920, 1), (5, 0, 2), (6, 960, 3), (6, 960, 4), (7, 1_920, 5)]);
        use Verdict::{Duplicate, New};
        assert_eq!(verdicts, [New(0), New(1_920), Duplicate, New(960), Duplicate, Duplicate]);
    }

    #[test]
    fn one_stray_packet_changes_nothing_but_two_in_sequence_restart() {
        let far = 2_000_000_000;
        let verdicts = judge_all(&[
            (5, 0, 0),
            (900, far, 20_000),
            (6, 960, 20_000),
            (900, far, 40_000),
            (901, far + 960, 60_000),
            (902, far + 1_920, 80_000),
        ]);
        use Verdict::{Doubtful, New, Restart};
        let far = i64::from(far);
        assert_eq!(verdicts, [New(0), Doubtful, New(960), Doubtful, Restart(far + 960), New(far + 1_920)]);
    }

    #[test]
    fn minutes_of_silence_are_no_restart() {
        let verdicts = judge_all(&[(5, 0, 0), (6, 48_000 * 600, 600_000_000)]);
        assert_eq!(verdicts[1], Verdict::New(48_000 * 600));
    }

    #[test]
    fn memory_is_bounded() {
        let mut store = PacketStore::new();
        for n in 0..10_000 {
            store.keep(n * 960, Stored { sequence: n as u16, payload: Bytes::new(), copy: false });
        }
        assert_eq!(store.len(), MAX_PACKETS);
        assert_eq!(store.first().unwrap().0, (10_000 - MAX_PACKETS as i64) * 960);
    }
}
