//! Retransmits what the other side misses.
//!
//! Only as RTX (RFC 4588): sending the same packet again under its own sequence number, with other header
//! extensions, would use an AES-GCM nonce twice, which gives its authentication key away (RFC 7714, section 8.3).
//! Sound has no RTX; Opus's in-band redundancy covers it.
//!
//! A [`Probe`] is filled up with what left lately, newest first: whoever missed it has it then.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use rtc::interceptor::{Attribute, AttributedPacket, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;
use rtc::shared::TransportContext;
use rtc::shared::marshal::MarshalSize;
use tincan_bandwidth::Probe;
use tincan_media::video::opens_keyframe;
use tincan_protocol::Source;

use super::{Outlet, Stage};
use crate::shared::{Counters, Shared};
use crate::sources::PerSource;

/// How long a packet can be asked for. A receiver that still misses it after a second needs a keyframe instead.
const KEEP: Duration = Duration::from_secs(1);
/// A page of a screen takes seconds to leave in the first place: 100 kB at 60 kbit/s 13 of them.
const KEEP_SCREEN: Duration = Duration::from_secs(15);
/// At most this many of a source: 1 s of 10 Mbit/s.
const KEEP_PACKETS: usize = 1_024;
/// Asked again sooner than this or a round trip, the first answer is still under way. libwebrtc waits that long, too.
const MIN_GAP: Duration = Duration::from_millis(10);
/// Clocks and queues waver: what is asked for again this part of a round trip later is asked for because the answer got lost.
const GAP: f64 = 0.8;
/// Until there is a round trip. On a narrow path the first packets fill the queue, and to answer its questions one by
/// one would keep it full.
const UNKNOWN_GAP: Duration = Duration::from_millis(100);

/// What is sent again takes at most this part of the target. Random loss needs less; what a full queue dropped would keep
/// it full, and a keyframe helps then.
const SHARE: f64 = 0.5;
/// On a path that loses so much, and on which to ask once more takes so long, an answer is sent twice: the second so much later
/// that one gap in the path does not take both. (At 5% loss it costs a twentieth of the rate, and a picture waits for a third round
/// trip once in 400 times instead of once in twenty.)
const TWICE_LOSS: [(f32, Duration); 2] =
    [(0.02, Duration::from_millis(60)), (0.08, Duration::from_millis(20))];
const TWICE_AFTER: Duration = Duration::from_millis(15);
/// How often what a probe lacks is sent.
const PROBE_STEP: Duration = Duration::from_millis(5);
/// A budget that was not used is kept for so long.
const SAVED: Duration = Duration::from_millis(500);

struct Sent {
    at: Instant,
    resent: Option<Instant>,
    packet: rtp::Packet,
}

struct Rtx {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
}

impl Rtx {
    /// The same packet for whoever missed it.
    fn of(&mut self, sent: &rtp::Packet) -> rtp::Packet {
        let mut payload = BytesMut::with_capacity(2 + sent.payload.len());
        payload.put_u16(sent.header.sequence_number);
        payload.put_slice(&sent.payload);
        let header = rtp::header::Header {
            version: 2,
            marker: sent.header.marker,
            payload_type: self.payload_type,
            sequence_number: self.sequence,
            timestamp: sent.header.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        rtp::Packet { header, payload: payload.freeze() }
    }
}

/// One source's pictures.
#[derive(Default)]
struct Stream {
    rtx: Option<Rtx>,
    sent: VecDeque<Sent>,
}

/// See the module's description.
pub(crate) struct Responder {
    shared: Arc<Shared>,
    streams: PerSource<Stream>,
    /// Bytes that may be sent again, whichever source they are of.
    budget: f64,
    /// Answers that are sent once more, in their order.
    twice: VecDeque<(Instant, Source, u16)>,
    /// When the budget was filled.
    refilled: Option<Instant>,
    probing: Option<Probing>,
    /// The last one that is over.
    probed: Option<Probe>,
}

/// A probe that is on.
struct Probing {
    probe: Probe,
    /// Bytes that left since, whatever they are.
    left: usize,
    next: Instant,
}

impl Responder {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            streams: PerSource::default(),
            budget: 0.0,
            twice: VecDeque::new(),
            refilled: None,
            probing: None,
            probed: None,
        }
    }

    /// Earns what the time since the last question is worth; at first, as much as can be saved.
    fn refill(&mut self, now: Instant) {
        let rate = self.shared.target().as_bps() as f64 * SHARE / 8.0;
        let since = self.refilled.replace(now).map_or(SAVED, |last| now.saturating_duration_since(last));
        self.budget = (self.budget + rate * since.as_secs_f64()).min(rate * SAVED.as_secs_f64());
    }

    fn resend(&mut self, source: Source, sequence: u16, now: Instant, out: &mut Outlet) {
        // The report's time knows of a queue that came just now, the round trip of the seconds before.
        let (round_trip, loss) = self.shared.figures(|f| (f.round_trip.max(f.report_time), f.loss_sent));
        let gap = round_trip.map_or(UNKNOWN_GAP, |time| time.mul_f64(GAP)).max(MIN_GAP);
        if self.answer(source, sequence, now, Some(gap), out)
            && TWICE_LOSS.iter().any(|(much, long)| loss >= *much && round_trip >= Some(*long))
        {
            self.twice.push_back((now + TWICE_AFTER, source, sequence));
        }
    }

    /// Sends a packet again, unless it is too old, or was within `gap`. Says whether.
    fn answer(
        &mut self,
        source: Source,
        sequence: u16,
        now: Instant,
        gap: Option<Duration>,
        out: &mut Outlet,
    ) -> bool {
        if self.budget <= 0.0 {
            return false;
        }
        let stream = &mut self.streams[source];
        let Some(rtx) = &mut stream.rtx else { return false };
        let Some(sent) = stream.sent.iter_mut().rev().find(|s| s.packet.header.sequence_number == sequence)
        else {
            return false;
        };
        let lately = |gap| sent.resent.is_some_and(|at| now.saturating_duration_since(at) < gap);
        if now.saturating_duration_since(sent.at) > keep(source) || gap.is_some_and(lately) {
            return false;
        }
        if gap.is_some() {
            sent.resent = Some(now);
        }
        let packet = rtx.of(&sent.packet);
        self.budget -= packet.marshal_size() as f64;
        Counters::add(&self.shared.counters.retransmitted, 1);
        out.write.push_back(TaggedPacket {
            now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtp(packet)).with(Attribute::Retransmission),
        });
        true
    }

    /// What is to be sent once more by now.
    fn answer_twice(&mut self, now: Instant, out: &mut Outlet) {
        while let Some((_, source, sequence)) = self.twice.pop_front_if(|(at, ..)| *at <= now) {
            self.answer(source, sequence, now, None, out);
        }
    }

    /// A probe that begins, or the one that is on, or its end.
    fn look_at_probe(&mut self, now: Instant) {
        let wanted = self.shared.probe();
        let probe = wanted.filter(|probe| now < probe.until);
        if probe != self.probing.as_ref().map(|probing| probing.probe) {
            self.probing = probe.map(|probe| Probing { probe, left: 0, next: now });
        }
        if probe.is_none() {
            self.probed = wanted;
        }
    }

    /// Sends what the probe lacks.
    fn pad(&mut self, now: Instant, out: &mut Outlet) {
        let Some(probing) = &mut self.probing else { return };
        probing.next = now + PROBE_STEP;
        let bytes = probing.probe.rate.as_bps() as f64 / 8.0
            * now.saturating_duration_since(probing.probe.began).as_secs_f64();
        let streams = self.streams.iter_mut().filter(|(_, stream)| stream.rtx.is_some());
        let Some((_, stream)) = streams.max_by_key(|(_, stream)| stream.sent.back().map(|sent| sent.at))
        else {
            return;
        };
        let Some(rtx) = &mut stream.rtx else { return };
        let mut newest = stream.sent.iter().rev().cycle();
        while (probing.left as f64) < bytes
            && let Some(sent) = newest.next()
        {
            let packet = rtx.of(&sent.packet);
            probing.left += packet.marshal_size();
            out.write.push_back(TaggedPacket {
                now,
                transport: TransportContext::default(),
                message: AttributedPacket::new(Packet::Rtp(packet)),
            });
        }
    }
}

const fn keep(source: Source) -> Duration {
    match source {
        Source::Screen => KEEP_SCREEN,
        _ => KEEP,
    }
}

impl Stage for Responder {
    fn read(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            for nack in packets.iter().filter_map(|p| p.as_any().downcast_ref::<TransportLayerNack>()) {
                if let Some(source) = self.shared.source(nack.media_ssrc) {
                    self.refill(packet.now);
                    for sequence in nack.nacks.iter().flat_map(|pair| pair.packet_list()) {
                        self.resend(source, sequence, packet.now, out);
                    }
                }
            }
        }
        out.read.push_back(packet);
    }

    fn write(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let (Packet::Rtp(rtp), Some(probing)) = (&packet.message.packet, &mut self.probing) {
            probing.left += rtp.marshal_size();
        }
        if let Packet::Rtp(rtp) = &packet.message.packet
            && let Some(source) = self.shared.source(rtp.header.ssrc).filter(|source| source.is_video())
        {
            let sent = &mut self.streams[source].sent;
            // Whoever has this needs nothing from before it.
            if opens_keyframe(&rtp.payload) {
                sent.clear();
            }
            while sent.len() >= KEEP_PACKETS
                || sent.front().is_some_and(|s| packet.now.saturating_duration_since(s.at) > keep(source))
            {
                sent.pop_front();
            }
            sent.push_back(Sent { at: packet.now, resent: None, packet: rtp.clone() });
        }
        out.write.push_back(packet);
    }

    fn tick(&mut self, now: Instant, out: &mut Outlet) {
        self.answer_twice(now, out);
        self.look_at_probe(now);
        self.pad(now, out);
    }

    fn next_tick(&self) -> Option<Instant> {
        let probe = match (&self.probing, self.shared.probe()) {
            (Some(probing), _) => Some(probing.next.min(probing.probe.until)),
            (None, wanted) => wanted.filter(|probe| self.probed != Some(*probe)).map(|probe| probe.began),
        };
        let twice = self.twice.front().map(|(at, ..)| *at);
        [probe, twice].into_iter().flatten().min()
    }

    fn bind_local(&mut self, info: &StreamInfo) {
        if let Some(source) = self.shared.source(info.ssrc)
            && let (Some(ssrc), Some(payload_type)) = (info.ssrc_rtx, info.payload_type_rtx)
        {
            let rtx = &mut self.streams[source].rtx;
            let sequence = rtx.as_ref().map_or_else(rand::random::<u16>, |rtx| rtx.sequence);
            *rtx = Some(Rtx { ssrc, payload_type, sequence });
        }
    }
}

#[cfg(test)]
mod tests {
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::nack_pairs_from_sequence_numbers;
    use tincan_media::Bitrate;

    use super::*;

    const VIDEO: u32 = 2;
    const RTX: u32 = 12;
    const SCREEN: u32 = 3;

    struct Side {
        responder: Responder,
        now: Instant,
    }

    impl Side {
        fn new(target: Bitrate) -> Self {
            let now = Instant::now();
            let shared = Arc::new(Shared::of_tests(now));
            shared.set_target(target);
            let mut responder = Responder::new(shared);
            for ssrc in [VIDEO, SCREEN] {
                responder.bind_local(&StreamInfo {
                    ssrc,
                    ssrc_rtx: Some(RTX + ssrc - VIDEO),
                    payload_type_rtx: Some(97),
                    ..Default::default()
                });
            }
            Self { responder, now }
        }

        fn packet(&self, message: Packet) -> TaggedPacket {
            TaggedPacket {
                now: self.now,
                transport: TransportContext::default(),
                message: AttributedPacket::new(message),
            }
        }

        fn send(&mut self, sequence: u16, first_byte: u8) {
            let mut payload = vec![0; 1_000];
            payload[0] = first_byte;
            let header = rtp::header::Header {
                version: 2,
                ssrc: VIDEO,
                sequence_number: sequence,
                ..Default::default()
            };
            let packet = self.packet(Packet::Rtp(rtp::Packet { header, payload: payload.into() }));
            self.responder.write(packet, &mut Outlet::default());
        }

        /// How many packets are sent again when all of these are missed, `millis` later.
        fn missed(&mut self, sequences: std::ops::Range<u16>, millis: u64) -> usize {
            self.now += Duration::from_millis(millis);
            let sequences: Vec<u16> = sequences.collect();
            let nack = TransportLayerNack {
                sender_ssrc: 0,
                media_ssrc: VIDEO,
                nacks: nack_pairs_from_sequence_numbers(&sequences),
            };
            let packet = self.packet(Packet::Rtcp(vec![Box::new(nack)]));
            let mut out = Outlet::default();
            self.responder.read(packet, &mut out);
            out.write.len()
        }
    }

    /// A slice of an ordinary picture, and parameter sets.
    const SLICE: u8 = 0x61;
    const SPS: u8 = 0x67;

    #[test]
    fn nothing_is_sent_again_before_the_last_attempt_can_have_arrived() {
        let mut side = Side::new(Bitrate::kbps(1_000));
        side.send(7, SLICE);
        let gap = UNKNOWN_GAP.as_millis() as u64;
        assert_eq!([side.missed(7..8, 20), side.missed(7..8, gap - 1), side.missed(7..8, 1)], [1, 0, 1]);
        side.responder.shared.figures(|figures| figures.report_time = Some(Duration::from_millis(300)));
        assert_eq!([side.missed(7..8, 239), side.missed(7..8, 1)], [0, 1]);
        assert_eq!(side.missed(8..9, 0), 0, "it was never sent");
    }

    #[test]
    fn where_packets_get_lost_and_asking_takes_long_an_answer_is_sent_twice() {
        for (loss, millis, times) in [(0.05, 200, 2), (0.0, 200, 1), (0.05, 20, 1), (0.3, 40, 2)] {
            let mut side = Side::new(Bitrate::kbps(1_000));
            side.responder.shared.figures(|figures| {
                figures.loss_sent = loss;
                figures.round_trip = Some(Duration::from_millis(millis));
            });
            side.send(7, SLICE);
            let mut answers = side.missed(7..8, 100);
            while let Some(at) = side.responder.next_tick() {
                let mut out = Outlet::default();
                assert!(at >= side.now + TWICE_AFTER);
                side.responder.tick(at, &mut out);
                answers += out.write.len();
            }
            assert_eq!(answers, times, "{loss} {millis}");
        }
    }

    #[test]
    fn each_source_has_its_own_packets() {
        let mut side = Side::new(Bitrate::kbps(1_000));
        side.send(7, SLICE);
        let nack = TransportLayerNack {
            sender_ssrc: 0,
            media_ssrc: SCREEN,
            nacks: nack_pairs_from_sequence_numbers(&[7]),
        };
        let mut out = Outlet::default();
        side.responder.read(side.packet(Packet::Rtcp(vec![Box::new(nack)])), &mut out);
        assert!(out.write.is_empty(), "the screen sent no such packet");
        assert_eq!(side.missed(7..8, 20), 1);
    }

    #[test]
    fn what_was_before_a_keyframe_is_not_sent_again() {
        let mut side = Side::new(Bitrate::kbps(1_000));
        (0..10).for_each(|sequence| side.send(sequence, if sequence == 6 { SPS } else { SLICE }));
        assert_eq!(side.missed(0..10, 20), 4);
    }

    #[test]
    fn a_probe_is_filled_up_with_what_left_lately_and_then_it_is_over() {
        let mut side = Side::new(Bitrate::kbps(500));
        (0..4).for_each(|sequence| side.send(sequence, SLICE));
        assert_eq!(side.responder.next_tick(), None);
        let until = side.now + Duration::from_millis(40);
        let probe = Probe { rate: Bitrate::kbps(1_000), began: side.now, until };
        side.responder.shared.set_probe(Some(probe));
        let mut out = Outlet::default();
        while let Some(at) = side.responder.next_tick() {
            side.now = side.now.max(at);
            side.responder.tick(side.now, &mut out);
        }
        assert!(side.now == until, "it ended with the probe");
        let bytes: usize = out.write.iter().map(super::super::pacer::size_of).sum();
        // 5,000 bytes in 40 ms.
        assert!((4_000..6_100).contains(&bytes), "{bytes}");
        assert!(
            !out.write.iter().any(|packet| packet.message.has(&Attribute::Retransmission)),
            "nobody asked"
        );
    }

    #[test]
    fn half_of_the_target_at_most_is_sent_again() {
        let mut side = Side::new(Bitrate::kbps(160));
        (0..100).for_each(|sequence| side.send(sequence, SLICE));
        // 80 kbit/s are ten packets a second; half a second is saved up.
        assert_eq!(side.missed(0..50, 0), 5);
        assert_eq!(side.missed(50..100, 200), 2);
    }
}
