//! The adaptive jitter buffer: from RTP packets as they come to even sound.
//!
//! Modelled on libwebrtc's NetEQ (`modules/audio_coding/neteq`): packets wait as long as the quantile of their delays
//! says; playing faster and slower by whole pitch periods moves towards that; what is missing comes from in-band FEC if
//! the next packet is there, and from concealment otherwise. Different from NetEQ: the delay that is steered is the time
//! between the fastest packet's arrival and the playing of its sound, not a count of packets, so jitter does not blur it.
//!
//! **No clock inside:** arrival and playing times are arguments.

mod delay;
pub(super) mod opus_packet;
mod statistics;
mod store;
mod stretch;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use statistics::JitterStatistics;

use super::frame::{Frame, SAMPLE_RATE, SAMPLES_PER_FRAME, Sample};
use crate::ports::AudioDecoder;
use crate::time::MediaTime;
use delay::DelayEstimator;
use store::{PacketStore, Stored, Verdict, micros_to_ticks, ticks_to_micros};

/// What Opus can decode at 48 kHz in steps of: 2.5 ms (RFC 6716, section 2.1.4).
const OPUS_GRANULE: i64 = 120;
/// Sound is made up for this long when nothing comes: longer sounds like a robot (Opus itself fades out about then).
const MAX_CONCEALMENT: usize = SAMPLE_RATE as usize * 120 / 1_000;
/// From here on made-up sound fades.
const CONCEALMENT_FADE: usize = SAMPLE_RATE as usize * 60 / 1_000;
/// A hole larger than this is an outage: silence until the packets after it are due.
const MAX_LOSS: i64 = SAMPLE_RATE as i64 / 2;
/// A sender that pauses for less than this (a correction of its clock, a device that was switched) is bridged.
const MAX_BRIDGE: i64 = SAMPLE_RATE as i64 * 60 / 1_000;
/// With Opus's own discontinuous transmission a packet comes every 400 ms; comfort noise lasts until a little later.
const MAX_COMFORT_NOISE: usize = SAMPLE_RATE as usize / 2;
/// RFC 6716, section 2.1.9 and RFC 7587, section 3.1.3: a packet of at most two bytes announces a pause.
const DTX_PACKET: usize = 2;
/// A packet's length until one was decoded; Opus's and ours.
const DEFAULT_PACKET: usize = SAMPLE_RATE as usize / 50;
/// Above the target by this much, sound is shortened; below by that much, it is lengthened. One pitch period is up to
/// 15 ms: a band that is narrower than both together would make it swing.
const SHORTEN_ABOVE_MICROS: i64 = 10_000;
const LENGTHEN_BELOW_MICROS: i64 = 8_000;
/// So far above the target nobody minds a little roughness on the way back.
const HURRY_MICROS: i64 = 100_000;
/// So far above the target, playing faster would take many seconds: what lies between is dropped.
const SKIP_MICROS: i64 = 500_000;
/// The delay now is the lowest of this many pulls: devices take several frames at once, and the last of them counts.
const DELAY_PULLS: usize = 10;
/// Pulls (10 ms) between two changes of speed: NetEQ's 50 ms, and half of it in a hurry.
const HOLD_OFF: u32 = 5;
const HOLD_OFF_HURRY: u32 = 2;
/// While packets are lost one more packet is held, so that the one with the FEC copy is there in time.
const FEC_MARGIN_MICROS: i64 = 20_000;
/// Copies come up to so much later than what they repeat; for older ones it is not waited.
const MAX_COPY_MARGIN_MICROS: i64 = 100_000;
/// Loss, averaged over about 100 packets, at which that starts and ends: at the second loss within seconds, and after
/// three seconds or more without one.
const FEC_LOSS_ON: f32 = 0.012;
const FEC_LOSS_OFF: f32 = 0.003;
const LOSS_SMOOTHING: f32 = 0.01;
/// One outage must not look like a lossy network for minutes.
const MAX_COUNTED_LOSSES: u16 = 10;
/// 2.5 ms, over which two pieces of sound that do not belong together are joined: shorter clicks, longer is heard as dull.
const JOIN: usize = OPUS_GRANULE as usize;
/// A second of probing at a packet each 8 ms; padding does not come in longer runs.
const MAX_SOUNDLESS: usize = 128;
/// RFC 3550, appendix A.1: a larger jump of the numbers (`MAX_DROPOUT`) is no loss but another beginning.
const MAX_MISSING: u16 = 3_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing plays: not begun, or the sender pauses. Waiting until the first packet is due.
    Idle,
    /// Sound comes out.
    Playing,
}

/// Turns one participant's packets into 10 ms of sound whenever asked. Lives on the audio thread.
pub struct JitterBuffer<S = f32> {
    decoder: Box<dyn AudioDecoder<S>>,
    epoch: Option<Instant>,
    store: PacketStore,
    delay: DelayEstimator,
    state: State,
    /// Decoded and not yet played.
    ready: Vec<S>,
    /// The last that was played; lengthening repeats from it.
    history: Vec<S>,
    /// RTP time at the end of `ready`.
    next: i64,
    last_sequence: Option<u16>,
    soundless: Soundless,
    packet_samples: usize,
    /// Made up because nothing had come, and so not part of the sender's timeline yet.
    borrowed: usize,
    /// Silence since the last sound: what an outage cost, should it turn out to be one.
    idle_samples: u64,
    /// Made up since the last packet that was decoded.
    made_up: usize,
    dtx: bool,
    loss: f32,
    expecting_loss: bool,
    /// How much later than lost packets their copies come, as of the last packet that had any.
    copies_after: i64,
    least_target: i64,
    hold_off: u32,
    recent_delay: VecDeque<i64>,
    statistics: JitterStatistics,
}

impl<S: Sample> JitterBuffer<S> {
    /// An empty buffer in front of `decoder`, which must be new.
    pub fn new(decoder: Box<dyn AudioDecoder<S>>) -> Self {
        Self {
            decoder,
            epoch: None,
            store: PacketStore::new(),
            delay: DelayEstimator::new(),
            state: State::Idle,
            ready: Vec::with_capacity(4 * DEFAULT_PACKET),
            history: vec![S::SILENCE; stretch::HISTORY],
            next: i64::MIN,
            last_sequence: None,
            soundless: Soundless::default(),
            packet_samples: DEFAULT_PACKET,
            borrowed: 0,
            idle_samples: 0,
            made_up: 0,
            dtx: false,
            loss: 0.0,
            expecting_loss: false,
            copies_after: 0,
            least_target: 0,
            hold_off: 0,
            recent_delay: VecDeque::with_capacity(DELAY_PULLS),
            statistics: JitterStatistics::default(),
        }
    }

    /// Takes a packet as it came: any order, duplicates and strangers included. `timestamp` counts at 48 kHz.
    pub fn insert(&mut self, sequence: u16, timestamp: u32, payload: Bytes, arrived: Instant) {
        let epoch = *self.epoch.get_or_insert(arrived);
        let arrival = micros_between(epoch, arrived);
        self.statistics.received_packets += 1;
        if payload.is_empty() {
            // Padding (RFC 3550, section 5.1): browsers send it to find out what the path takes. It has a number, no
            // sound, and a time that says nothing.
            self.soundless.note(sequence);
            return;
        }
        // What the codec will refuse counts as one of the usual packets.
        let samples = opus_packet::duration(&payload).unwrap_or(self.packet_samples);
        let unwrapped = match self.store.judge(sequence, timestamp, samples, arrival) {
            Verdict::New(unwrapped) => unwrapped,
            Verdict::Duplicate => {
                self.statistics.duplicate_packets += 1;
                return;
            }
            Verdict::Doubtful => {
                self.statistics.discarded_packets += 1;
                return;
            }
            Verdict::Restart(unwrapped) => {
                self.restart();
                unwrapped
            }
        };
        self.delay.update(arrival, ticks_to_micros(unwrapped));
        if unwrapped + samples as i64 <= self.next {
            self.statistics.late_packets += 1;
            return;
        }
        let dropped = self.store.keep(unwrapped, Stored { sequence, payload, copy: false });
        self.statistics.discarded_packets += dropped as u64;
    }

    /// Takes the copy of an earlier packet that came in one (RFC 2198), after that one itself. It tells nothing of how the
    /// network delays packets, and one that is not needed counts as nothing.
    pub fn insert_copy(&mut self, sequence: u16, timestamp: u32, payload: Bytes) {
        let Some((unwrapped, newest)) = self.store.place_copy(sequence, timestamp) else { return };
        let after = ticks_to_micros(newest - unwrapped);
        self.copies_after = after.min(MAX_COPY_MARGIN_MICROS);
        let samples = opus_packet::duration(&payload).unwrap_or(self.packet_samples);
        if unwrapped + samples as i64 > self.next && self.store.misses(sequence) {
            let dropped = self.store.keep(unwrapped, Stored { sequence, payload, copy: true });
            self.statistics.discarded_packets += dropped as u64;
        }
    }

    /// From now on sound is held for so long at least, however even the network is: for lips that are later than it.
    pub fn hold(&mut self, at_least: Duration) {
        self.least_target = i64::try_from(at_least.as_micros()).unwrap_or(SKIP_MICROS).min(SKIP_MICROS);
    }

    /// The next 10 ms. Call it once for each 10 ms that the speaker plays; `now` is when.
    ///
    /// The frame carries no time ([`MediaTime::ZERO`]): the mixer stamps the sum. Silence while nothing is to be played.
    pub fn pull(&mut self, now: Instant) -> Frame<S> {
        let mut frame = Frame::silence(MediaTime::ZERO);
        let now = self.epoch.map(|epoch| micros_between(epoch, now));
        if let (State::Idle, Some(now)) = (self.state, now) {
            self.begin_if_due(now);
        }
        let (State::Playing, Some(now)) = (self.state, now) else {
            self.count_silence(SAMPLES_PER_FRAME);
            self.publish_delay();
            return frame;
        };
        self.skip_if_far_behind(now);
        self.fill(SAMPLES_PER_FRAME);
        if self.state == State::Playing {
            self.measure_delay(now);
            self.steer();
        }
        // Sound that ended in an outage: what there is, then silence.
        let length = self.ready.len().min(SAMPLES_PER_FRAME);
        frame.samples[..length].copy_from_slice(&self.ready[..length]);
        self.ready.drain(..length);
        self.remember(&frame);
        self.statistics.total_samples += length as u64;
        self.count_silence(SAMPLES_PER_FRAME - length);
        self.publish_delay();
        frame
    }

    /// Counters since the start, and the delay now.
    pub const fn statistics(&self) -> &JitterStatistics {
        &self.statistics
    }

    /// RTP time of the sound that the next [`Self::pull`] begins with; `None` while nothing plays.
    pub fn playout_rtp_timestamp(&self) -> Option<u32> {
        (self.state == State::Playing).then(|| self.store.sent(self.position()))
    }

    /// RTP time of the first sample in `ready`.
    fn position(&self) -> i64 {
        self.next - self.ready.len() as i64
    }

    fn count_silence(&mut self, samples: usize) {
        self.idle_samples += samples as u64;
        self.statistics.silent_samples += samples as u64;
    }

    /// The silence before `sequence` was an outage as far as packets are missing, and not the sender's pause.
    fn settle_silence(&mut self, sequence: u16) {
        let silence = std::mem::take(&mut self.idle_samples);
        let outage =
            (u64::from(self.missing_before(sequence).unwrap_or(0)) * self.packet_samples as u64).min(silence);
        self.statistics.silent_samples -= outage;
        self.statistics.total_samples += outage;
        self.statistics.concealed_samples += outage;
    }

    fn restart(&mut self) {
        self.delay = DelayEstimator::new();
        self.pause();
        self.ready.clear();
        self.next = i64::MIN;
        self.last_sequence = None;
        self.soundless = Soundless::default();
        self.statistics.restarts += 1;
    }

    fn pause(&mut self) {
        self.state = State::Idle;
        self.borrowed = 0;
        self.made_up = 0;
        self.dtx = false;
        self.recent_delay.clear();
    }

    /// Starts playing when the first packet has waited its time: `base + target` after its RTP time.
    fn begin_if_due(&mut self, now: i64) {
        let (Some((first, _)), Some(base)) = (self.store.first(), self.delay.base()) else { return };
        let waited = now - ticks_to_micros(first) - base;
        if waited < self.target() {
            return;
        }
        // What piled up before anyone listened is old: begin where an orderly playout would be.
        let excess = waited - self.target();
        if excess > SKIP_MICROS {
            let dropped = self.store.drop_before(first + micros_to_ticks(excess));
            self.statistics.discarded_packets += dropped as u64;
        }
        let Some((first, sequence)) = self.store.first().map(|(first, packet)| (first, packet.sequence))
        else {
            return;
        };
        self.settle_silence(sequence);
        self.ready.clear();
        self.next = first;
        self.state = State::Playing;
        self.hold_off = HOLD_OFF;
    }

    fn target(&self) -> i64 {
        let margin = if self.expecting_loss { self.copies_after.max(FEC_MARGIN_MICROS) } else { 0 };
        let network = self.delay.target() + margin;
        network.max(self.least_target)
    }

    /// How long after the fastest packet's arrival the sound at `position` is played at `now`.
    fn delay_at(&self, now: i64, position: i64) -> i64 {
        now - ticks_to_micros(position) - self.delay.base().unwrap_or(now)
    }

    fn measure_delay(&mut self, now: i64) {
        if self.recent_delay.len() == DELAY_PULLS {
            self.recent_delay.pop_front();
        }
        // What was made up while waiting will most likely stand for lost sound, and then the delay has not grown.
        let delay = self.delay_at(now, self.position() + self.borrowed as i64);
        self.recent_delay.push_back(delay);
    }

    fn current_delay(&self) -> i64 {
        self.recent_delay.iter().copied().min().unwrap_or(0)
    }

    fn publish_delay(&mut self) {
        let duration = |micros: i64| Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        self.statistics.target_delay = duration(self.target());
        self.statistics.current_delay = duration(self.current_delay());
    }

    fn skip_if_far_behind(&mut self, now: i64) {
        let excess = self.delay_at(now, self.position()) - self.target();
        if excess < SKIP_MICROS {
            return;
        }
        let wanted = self.position() + micros_to_ticks(excess);
        let dropped = self.store.drop_before(wanted);
        if dropped > 0
            && let Some((first, _)) = self.store.first()
        {
            self.statistics.discarded_packets += dropped as u64;
            self.ready.clear();
            self.next = first;
            self.borrowed = 0;
            self.recent_delay.clear();
        }
    }

    /// Decodes, recovers or makes up until `wanted` samples are ready, or the sound ends.
    fn fill(&mut self, wanted: usize) {
        while self.ready.len() < wanted && self.state == State::Playing {
            match self.store.first().map(|(timestamp, packet)| (timestamp - self.next, packet.sequence)) {
                None => self.bridge_underrun(),
                Some((gap, _)) if gap < OPUS_GRANULE => self.decode_next(),
                Some((gap, sequence)) => self.cross_gap(gap, sequence),
            }
        }
    }

    fn decode_next(&mut self) {
        let Some((timestamp, packet)) = self.store.pop() else { return };
        // Another one stood for its beginning: only its end is new.
        let overlap = usize::try_from(self.next - timestamp).unwrap_or(0);
        if overlap >= opus_packet::duration(&packet.payload).unwrap_or(self.packet_samples) {
            self.statistics.late_packets += u64::from(!packet.copy);
            return;
        }
        self.note_sequence(packet.sequence, packet.copy);
        let before = self.ready.len();
        let decoded = self.decoder.decode(&packet.payload, &mut self.ready);
        let added = self.ready.len().saturating_sub(before);
        if decoded.is_err() || added == 0 {
            self.ready.truncate(before);
            self.statistics.corrupt_packets += 1;
            let length = self.packet_samples.saturating_sub(overlap);
            self.conceal(length, true);
            self.next = self.next.max(timestamp) + length as i64;
            return;
        }
        self.packet_samples = added;
        self.next = timestamp + added as i64;
        if overlap >= OPUS_GRANULE as usize {
            self.join(before, overlap.min(added));
        }
        self.dtx = packet.payload.len() <= DTX_PACKET;
        self.borrowed = 0;
        self.made_up = 0;
    }

    /// Takes the first `overlap` samples of what was decoded at `at` away, for which other sound was played already, and
    /// lets the rest begin where that ended.
    fn join(&mut self, at: usize, overlap: usize) {
        self.ready.drain(at..at + overlap);
        let last = if at > 0 { self.ready.get(at - 1) } else { self.history.last() };
        let next = self.ready.get(at).copied().unwrap_or(S::SILENCE);
        let step = last.copied().unwrap_or(S::SILENCE).plus(next.scaled(-1.0));
        for (index, sample) in self.ready[at..].iter_mut().take(JOIN).enumerate() {
            *sample = sample.plus(step.scaled(1.0 - index as f32 / JOIN as f32));
        }
    }

    /// The next packet is `gap` samples too far ahead.
    fn cross_gap(&mut self, gap: i64, sequence: u16) {
        let paused = self.missing_before(sequence) == Some(0);
        if self.borrowed > 0 {
            // Sound was made up while waiting; it stands for what turns out to be missing.
            let paid = gap.min(self.borrowed as i64);
            self.borrowed -= paid as usize;
            self.next += paid;
            return;
        }
        if (paused && gap > MAX_BRIDGE) || gap > MAX_LOSS {
            self.pause();
            return;
        }
        // FEC gives whole packets only, and only the one right before its carrier; its beginning may have been made up.
        let before = self.ready.len();
        if !paused && gap <= self.packet_samples as i64 && self.recover(self.packet_samples) {
            let overlap = self.packet_samples - usize::try_from(gap).unwrap_or(0);
            if overlap > 0 {
                self.join(before, overlap);
            }
            self.next += gap;
            return;
        }
        // No more than is played now: the rest may still come.
        let piece = gap.min(SAMPLES_PER_FRAME as i64) / OPUS_GRANULE * OPUS_GRANULE;
        self.conceal(usize::try_from(piece.max(OPUS_GRANULE)).unwrap_or(SAMPLES_PER_FRAME), !paused);
        self.next += piece.max(OPUS_GRANULE);
    }

    /// Fills `length` samples from the FEC copy in the packet after them.
    fn recover(&mut self, length: usize) -> bool {
        let Some((_, following)) = self.store.first() else { return false };
        if !opus_packet::has_fec(&following.payload) {
            return false;
        }
        let before = self.ready.len();
        let decoded = self.decoder.decode_fec(&following.payload, length, &mut self.ready);
        if decoded.is_err() || self.ready.len() != before + length {
            self.ready.truncate(before);
            return false;
        }
        self.statistics.fec_packets += 1;
        self.made_up = 0;
        true
    }

    /// Nothing has come: a late packet, a lost one, or a sender that pauses. Time stands still on its timeline.
    fn bridge_underrun(&mut self) {
        let limit = if self.dtx { MAX_COMFORT_NOISE } else { MAX_CONCEALMENT };
        if self.made_up >= limit {
            self.pause();
            return;
        }
        self.conceal(SAMPLES_PER_FRAME, !self.dtx);
        self.borrowed += SAMPLES_PER_FRAME;
    }

    /// Makes up `length` samples; `counted` as concealment unless the sender meant the pause.
    fn conceal(&mut self, length: usize, counted: bool) {
        let before = self.ready.len();
        if self.decoder.conceal(length, &mut self.ready).is_err() {
            self.ready.truncate(before);
        }
        // Whatever the codec did, exactly `length` samples follow.
        self.ready.resize(before + length, S::SILENCE);
        if counted {
            if self.made_up == 0 {
                self.statistics.concealment_events += 1;
            }
            for (index, sample) in self.ready[before..].iter_mut().enumerate() {
                *sample = sample.scaled(fade(self.made_up + index));
            }
            self.statistics.concealed_samples += length as u64;
        }
        self.made_up += length;
    }

    /// Counts the packets that are missing before `sequence`, which is about to be decoded; a copy stands for one more.
    fn note_sequence(&mut self, sequence: u16, copy: bool) {
        let missing = self.missing_before(sequence).unwrap_or(0) + u16::from(copy);
        self.last_sequence = Some(sequence);
        self.statistics.lost_packets += u64::from(missing);
        self.statistics.copied_packets += u64::from(copy);
        for _ in 0..missing.min(MAX_COUNTED_LOSSES) {
            self.loss += LOSS_SMOOTHING * (1.0 - self.loss);
        }
        if !copy {
            self.loss -= LOSS_SMOOTHING * self.loss;
        }
        if self.loss > FEC_LOSS_ON {
            self.expecting_loss = true;
        } else if self.loss < FEC_LOSS_OFF {
            self.expecting_loss = false;
        }
    }

    /// How many packets with sound are missing between the last one decoded and `sequence`; `None` where the numbers make
    /// no sense.
    fn missing_before(&self, sequence: u16) -> Option<u16> {
        let last = self.last_sequence?;
        let missing = sequence.wrapping_sub(last).wrapping_sub(1);
        (missing < MAX_MISSING).then(|| missing - self.soundless.between(last, sequence))
    }

    /// Plays a little faster or slower when the delay is off its target.
    fn steer(&mut self) {
        self.hold_off = self.hold_off.saturating_sub(1);
        if self.hold_off > 0 || self.made_up > 0 || self.recent_delay.len() < DELAY_PULLS {
            return;
        }
        let error = self.current_delay() - self.target();
        let hurry = error.abs() > HURRY_MICROS;
        // The further off, the less alike two periods must be: a steady noise never is, and must not hold the delay.
        let likeness = if hurry { 0.4 } else { 0.9 - 0.3 * (error.abs() as f32 / HURRY_MICROS as f32) };
        let change = if error > SHORTEN_ABOVE_MICROS {
            self.decode_ahead(stretch::NEEDED_TO_SHORTEN);
            // With less, too little might be left for this pull.
            let enough = self.ready.len() >= stretch::NEEDED_TO_SHORTEN;
            let removed = enough.then(|| stretch::shorten(&mut self.ready, likeness)).flatten();
            self.statistics.shortened_samples += removed.unwrap_or(0) as u64;
            removed.map(|samples| -(samples as i64))
        } else if error < -LENGTHEN_BELOW_MICROS {
            let added = stretch::lengthen(&self.history, &mut self.ready, likeness);
            self.statistics.lengthened_samples += added.unwrap_or(0) as u64;
            added.map(|samples| samples as i64)
        } else {
            None
        };
        let Some(change) = change else { return };
        for delay in &mut self.recent_delay {
            *delay += ticks_to_micros(change);
        }
        self.hold_off = if hurry { HOLD_OFF_HURRY } else { HOLD_OFF };
    }

    /// Decodes what follows without a gap, up to `wanted` samples.
    fn decode_ahead(&mut self, wanted: usize) {
        while self.ready.len() < wanted
            && self.store.first().is_some_and(|(timestamp, _)| timestamp - self.next < OPUS_GRANULE)
        {
            self.decode_next();
        }
    }

    fn remember(&mut self, frame: &Frame<S>) {
        self.history.drain(..SAMPLES_PER_FRAME);
        self.history.extend_from_slice(&frame.samples);
    }
}

/// The numbers of packets without sound that came lately.
#[derive(Debug, Default)]
struct Soundless(VecDeque<u16>);

impl Soundless {
    fn note(&mut self, sequence: u16) {
        if self.0.contains(&sequence) {
            return;
        }
        if self.0.len() == MAX_SOUNDLESS {
            self.0.pop_front();
        }
        self.0.push_back(sequence);
    }

    /// How many of them lie between two others.
    fn between(&self, last: u16, next: u16) -> u16 {
        let span = next.wrapping_sub(last);
        self.0.iter().filter(|&&sequence| (1..span).contains(&sequence.wrapping_sub(last))).count() as u16
    }
}

/// How loud the sample is that comes `made_up` samples into made-up sound.
fn fade(made_up: usize) -> f32 {
    let left = MAX_CONCEALMENT.saturating_sub(made_up) as f32;
    (left / (MAX_CONCEALMENT - CONCEALMENT_FADE) as f32).min(1.0)
}

fn micros_between(epoch: Instant, instant: Instant) -> i64 {
    match instant.checked_duration_since(epoch) {
        Some(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX / 4),
        None => -i64::try_from(epoch.duration_since(instant).as_micros()).unwrap_or(i64::MAX / 4),
    }
}
