//! RTP packets back into access units: puts them in order, waits a bounded time for what is missing, and knows when
//! only a keyframe helps.
//!
//! The decoder gets complete access units only, in decode order, beginning with a keyframe: OpenH264 answers anything
//! else with errors until the next one.

mod depacketize;
mod sequence;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::EncodedVideo;
use super::nal::is_discardable;
use crate::time::MediaTime;
use depacketize::{Contents, contents, rebuild};
use sequence::{Placed, SequenceUnwrapper, TimestampUnwrapper};

/// Most packets that are held: three seconds at 4 Mbit/s. More means that nobody polls, or an attack.
const MAX_PACKETS: usize = 1_500;
/// Most payload bytes that are held. The largest keyframe of 1080p is a tenth of it.
const MAX_BYTES: usize = 4 << 20;
/// A gap is never waited for shorter than this: a NACK tick, a LAN round trip and two retries under load.
const MIN_WAIT: Duration = Duration::from_millis(150);
/// ... nor longer: after a second a keyframe is the faster way on.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Keyframe requests are at least this far apart; the sender needs a moment to encode and send one.
const MIN_REQUEST_INTERVAL: Duration = Duration::from_millis(200);
/// ... and repeated at least this often while packets arrive.
const MAX_REQUEST_INTERVAL: Duration = Duration::from_secs(1);
/// Nothing arrived for so long: the camera is off, and asking again would only wake the other side's encoder.
const SILENCE: Duration = Duration::from_secs(2);
/// Assumed until [`FrameAssembler::set_round_trip`] is called.
const INITIAL_ROUND_TRIP: Duration = Duration::from_millis(100);

/// What the assembler has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssemblyEvent {
    /// The next access unit in decode order.
    Frame(AssembledFrame),
    /// Decoding cannot go on: ask the sender for a keyframe (PLI). Rate-limited, and repeated until one came.
    KeyframeNeeded,
}

/// A complete access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledFrame {
    /// The access unit in Annex B. Its `time` counts from the first packet of the stream, on the sender's clock.
    pub unit: EncodedVideo,
    /// RTP time of the picture (90 kHz).
    pub rtp_timestamp: u32,
    /// When its first packet arrived.
    pub first_arrived: Instant,
    /// When the packet that completed it arrived.
    pub last_arrived: Instant,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AssemblyStatistics {
    /// Complete access units that were handed out.
    pub frames: u64,
    /// Those among them where decoding can start.
    pub keyframes: u64,
    /// Complete access units that were thrown away because what they refer to is missing.
    pub dropped: u64,
    /// Access units that never became complete.
    pub incomplete: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that came after their frame was given up or handed out.
    pub late: u64,
    /// Times that the sender began anew.
    pub restarts: u64,
}

#[derive(Debug)]
struct Packet {
    timestamp: u32,
    marker: bool,
    arrived: Instant,
    contents: Contents,
    payload: Bytes,
}

/// Rebuilds access units from the packets of one stream. See the [module](self).
#[derive(Debug)]
pub struct FrameAssembler {
    packets: BTreeMap<i64, Packet>,
    bytes: usize,
    /// A packet far from the others: the first of a new beginning, if the next one follows it.
    suspect: Option<Packet>,
    sequence: SequenceUnwrapper,
    timestamps: TimestampUnwrapper,
    /// The first packet that was neither handed out nor given up.
    next: Option<i64>,
    /// Decoding can only go on at a keyframe.
    keyframe_needed: bool,
    /// When the next request may leave; `None` before there is a reason.
    request_at: Option<Instant>,
    last_request: Option<Instant>,
    last_arrival: Option<Instant>,
    parameter_sets_seen: bool,
    round_trip: Duration,
    /// What is missing is waited for so long at least.
    patience: Duration,
    statistics: AssemblyStatistics,
}

/// What stands at the front of the line.
enum Front {
    Nothing,
    /// A complete access unit, up to and including this packet.
    Complete(i64),
    /// The beginning of one whose rest has not been sent yet, as far as can be seen.
    Growing,
    /// Something is missing that later packets prove to exist; the first of them came at this time.
    Hole(Instant),
}

impl Default for FrameAssembler {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameAssembler {
    /// Waits for a first keyframe.
    pub fn new() -> Self {
        Self {
            packets: BTreeMap::new(),
            bytes: 0,
            suspect: None,
            sequence: SequenceUnwrapper::default(),
            timestamps: TimestampUnwrapper::default(),
            next: None,
            keyframe_needed: true,
            request_at: None,
            last_request: None,
            last_arrival: None,
            parameter_sets_seen: false,
            round_trip: INITIAL_ROUND_TRIP,
            patience: MIN_WAIT,
            statistics: AssemblyStatistics::default(),
        }
    }

    /// The round trip to the sender: how long a retransmission takes at best.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// Waits so long at least for what is missing: where keyframes are large, one is the slower way on.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience.max(MIN_WAIT);
    }

    /// Counters since the start.
    pub const fn statistics(&self) -> AssemblyStatistics {
        self.statistics
    }

    /// The decoder failed: nothing is handed out until a keyframe, which [`Self::poll`] asks for.
    pub fn decoder_failed(&mut self, now: Instant) {
        self.need_keyframe(now);
    }

    /// Takes one packet: its sequence number, RTP time, marker, payload (RFC 6184) and arrival. A packet that only
    /// carried padding has an empty payload; it still counts in the sequence.
    pub fn insert(&mut self, sequence: u16, timestamp: u32, marker: bool, payload: Bytes, arrived: Instant) {
        let packet = Packet { timestamp, marker, arrived, contents: contents(&payload), payload };
        match self.sequence.place(sequence, timestamp) {
            Placed::At(number) => self.store(number, packet),
            Placed::Suspect => self.suspect = Some(packet),
            Placed::Restart(number) => {
                self.restart(arrived);
                if let Some(first) = self.suspect.take() {
                    self.store(number - 1, first);
                }
                self.store(number, packet);
            }
        }
    }

    fn store(&mut self, number: i64, packet: Packet) {
        let arrived = packet.arrived;
        self.last_arrival = Some(arrived);
        if self.next.is_some_and(|next| number < next) {
            self.statistics.late += 1;
            return;
        }
        if self.packets.contains_key(&number) {
            self.statistics.duplicates += 1;
            return;
        }
        self.bytes += packet.payload.len();
        self.packets.insert(number, packet);
        if self.packets.len() > MAX_PACKETS || self.bytes > MAX_BYTES {
            self.give_up_before(i64::MAX);
            self.next = Some(self.sequence.highest() + 1);
            self.need_keyframe(arrived);
        }
    }

    /// The next event, if there is one at `now`. Call until `None`, after every packet and at [`Self::poll_timeout`].
    pub fn poll(&mut self, now: Instant) -> Option<AssemblyEvent> {
        loop {
            if self.keyframe_needed {
                match self.find_keyframe() {
                    Some(start) => self.continue_at(start),
                    None => return self.wait_for_keyframe(now),
                }
            }
            match self.front() {
                Front::Complete(last) => {
                    if let Some(frame) = self.take_frame(last, now) {
                        return Some(AssemblyEvent::Frame(frame));
                    }
                }
                Front::Nothing | Front::Growing => return None,
                Front::Hole(since) => {
                    if let Some(start) = self.find_keyframe() {
                        // A keyframe makes everything before it needless: no reason to wait for that.
                        self.continue_at(start);
                    } else if now >= since + self.wait() {
                        self.need_keyframe(now);
                    } else {
                        return None;
                    }
                }
            }
        }
    }

    /// When [`Self::poll`] has something to do without a new packet.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.keyframe_needed {
            let silent_at = self.last_arrival? + SILENCE;
            return self.request_at.filter(|&at| at < silent_at || self.last_request.is_none());
        }
        match self.front() {
            Front::Hole(since) => Some(since + self.wait()),
            _ => None,
        }
    }

    /// A lost packet whose first two retransmissions are lost too comes with the third; and what is lost that often loses parts of
    /// a keyframe as well, which would need the same.
    fn wait(&self) -> Duration {
        (self.round_trip * 4 + Duration::from_millis(100)).clamp(self.patience, MAX_WAIT.max(self.patience))
    }

    fn request_interval(&self) -> Duration {
        (self.round_trip * 3 / 2 + Duration::from_millis(100))
            .clamp(MIN_REQUEST_INTERVAL, MAX_REQUEST_INTERVAL)
    }

    fn need_keyframe(&mut self, now: Instant) {
        if !self.keyframe_needed {
            self.keyframe_needed = true;
            let earliest = self.last_request.map_or(now, |last| last + self.request_interval());
            self.request_at = Some(earliest.max(now));
        }
    }

    fn restart(&mut self, now: Instant) {
        self.statistics.restarts += 1;
        self.give_up_before(i64::MAX);
        self.timestamps = TimestampUnwrapper::default();
        self.next = None;
        self.parameter_sets_seen = false;
        self.need_keyframe(now);
    }

    fn wait_for_keyframe(&mut self, now: Instant) -> Option<AssemblyEvent> {
        let growing_until = self.drop_useless(now);
        let last_arrival = self.last_arrival?;
        let mut due = self.request_at.unwrap_or(now);
        if let Some(until) = growing_until {
            // A keyframe is on its way: one more would only cost its bytes twice.
            due = due.max(until);
        }
        self.request_at = Some(due);
        if now < due {
            return None;
        }
        let silent_at = last_arrival + SILENCE;
        if now > silent_at && self.last_request.is_some() {
            // It waits for a packet, and no more for a time that has passed.
            self.request_at = Some(due.max(silent_at));
            return None;
        }
        self.last_request = Some(now);
        self.request_at = Some(now + self.request_interval());
        Some(AssemblyEvent::KeyframeNeeded)
    }

    /// While a keyframe is needed: throws away, from the front, complete pictures that are none, and what did not
    /// become complete in time. When a part of a keyframe is left, returns how long its rest is waited for.
    fn drop_useless(&mut self, now: Instant) -> Option<Instant> {
        while let Some((&first, packet)) = self.packets.first_key_value() {
            let timestamp = packet.timestamp;
            let mut last = first;
            let mut newest = packet.arrived;
            let mut key = false;
            let mut complete = false;
            for (&number, packet) in &self.packets {
                if packet.timestamp != timestamp {
                    complete |= number == last + 1;
                    break;
                }
                complete = packet.marker && (number == first || number == last + 1);
                key |= packet.contents.keyframe_part();
                newest = newest.max(packet.arrived);
                last = number;
            }
            // What nothing follows is still on its way: a narrow path has a packet in half a second.
            let follows = self.packets.last_key_value().is_some_and(|(&number, _)| number > last);
            let wait = if follows { self.wait() } else { MAX_WAIT.max(self.patience) };
            let padding_only = self.packets.range(first..=last).all(|(_, packet)| packet.payload.is_empty());
            if (complete && !key) || padding_only {
                self.statistics.dropped += u64::from(!padding_only);
            } else if now >= newest + wait {
                self.statistics.incomplete += 1;
            } else {
                let key = self.packets.values().any(|packet| packet.contents.keyframe_part());
                return key.then(|| newest + wait);
            }
            self.remove_through(last);
            self.next = Some(last + 1);
        }
        None
    }

    /// The first packet of the last complete keyframe, if one is held.
    fn find_keyframe(&self) -> Option<i64> {
        let mut found = None;
        // The picture that is being walked over: its first packet, RTP time, whether it began well, has no hole, and
        // what it contains.
        let mut current: Option<(i64, u32, bool, Contents)> = None;
        let mut previous: Option<i64> = None;
        for (&number, packet) in &self.packets {
            let follows = previous == Some(number - 1);
            if current.is_some_and(|(_, timestamp, ..)| timestamp != packet.timestamp || !follows) {
                if let Some((start, timestamp, true, all)) = current
                    && follows
                    && timestamp != packet.timestamp
                    && self.is_keyframe(all)
                {
                    found = Some(start);
                }
                current = None;
            }
            previous = Some(number);
            if packet.payload.is_empty() {
                continue;
            }
            let (start, _, begun, all) = current.get_or_insert_with(|| {
                let after_other = follows
                    && self.packets.get(&(number - 1)).is_some_and(|before| {
                        before.timestamp != packet.timestamp || before.marker || before.payload.is_empty()
                    });
                let begun = self.next == Some(number) || after_other || packet.contents.begins_picture;
                (number, packet.timestamp, begun && !packet.contents.continues_unit, Contents::default())
            });
            all.merge(packet.contents);
            if packet.marker {
                if *begun && self.is_keyframe(*all) {
                    found = Some(*start);
                }
                current = None;
            }
        }
        found
    }

    const fn is_keyframe(&self, all: Contents) -> bool {
        all.idr && ((all.sps && all.pps) || self.parameter_sets_seen)
    }

    fn continue_at(&mut self, start: i64) {
        self.give_up_before(start);
        self.next = Some(start);
        self.keyframe_needed = false;
        self.request_at = None;
    }

    fn front(&self) -> Front {
        let Some(next) = self.next else { return Front::Nothing };
        let mut timestamp = None;
        for (expected, (&number, packet)) in (next..).zip(self.packets.range(next..)) {
            if number != expected {
                return Front::Hole(self.hole_since(expected));
            }
            match timestamp {
                // The marker was not set on the packet before, which was the picture's last all the same.
                Some(of) if of != packet.timestamp => return Front::Complete(number - 1),
                None if !packet.payload.is_empty() => timestamp = Some(packet.timestamp),
                _ => {}
            }
            if timestamp.is_some() && packet.marker {
                return Front::Complete(number);
            }
        }
        if timestamp.is_none() { Front::Nothing } else { Front::Growing }
    }

    /// When the first packet behind the hole at `missing` arrived.
    fn hole_since(&self, missing: i64) -> Instant {
        let behind = self.packets.range(missing..).map(|(_, packet)| packet.arrived).min();
        behind.expect("a hole is only seen because of a packet behind it")
    }

    /// Hands out the picture that ends at packet `last`; `None` when it is not usable after all.
    fn take_frame(&mut self, last: i64, now: Instant) -> Option<AssembledFrame> {
        let packets = self.remove_through(last);
        self.next = Some(last + 1);
        let media = || packets.iter().filter(|packet| !packet.payload.is_empty());
        let first = media().next()?;
        let Some(rebuilt) = rebuild(media().map(|packet| &packet.payload)) else {
            self.statistics.incomplete += 1;
            self.need_keyframe(now);
            return None;
        };
        self.parameter_sets_seen |= rebuilt.contents.sps && rebuilt.contents.pps;
        if rebuilt.contents.idr {
            self.statistics.keyframes += 1;
        }
        self.statistics.frames += 1;
        let micros = self.timestamps.unwrap(first.timestamp) as u64 * 100 / 9;
        Some(AssembledFrame {
            unit: EncodedVideo {
                time: MediaTime::from_micros(micros),
                discardable: is_discardable(&rebuilt.data),
                data: rebuilt.data,
                keyframe: rebuilt.contents.idr,
                // The decoder knows.
                resolution: None,
            },
            rtp_timestamp: first.timestamp,
            first_arrived: media().map(|packet| packet.arrived).min().unwrap_or(now),
            last_arrived: media().map(|packet| packet.arrived).max().unwrap_or(now),
        })
    }

    fn remove_through(&mut self, last: i64) -> Vec<Packet> {
        let rest = self.packets.split_off(&(last + 1));
        let removed = std::mem::replace(&mut self.packets, rest);
        self.bytes -= removed.values().map(|packet| packet.payload.len()).sum::<usize>();
        removed.into_values().collect()
    }

    /// Forgets every packet before `start` and counts the pictures that are lost with them.
    fn give_up_before(&mut self, start: i64) {
        let mut timestamp = None;
        for packet in self.remove_through(start.saturating_sub(1)) {
            if !packet.payload.is_empty() && timestamp != Some(packet.timestamp) {
                timestamp = Some(packet.timestamp);
                self.statistics.incomplete += 1;
            }
        }
    }
}
