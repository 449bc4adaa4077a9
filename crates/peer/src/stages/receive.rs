//! What arrives: undoes RTX, asks for what is missing, measures, and hands packets to the owner.
//!
//! Which source a stream is of is said in the other side's description, or else by the section's tag in its packets. It is
//! the last stage before the application and keeps the packets, so that the library's tracks (a queue of 256
//! that drops silently, an error log for each packet nobody polls) never see them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Buf;
use rtc::interceptor::{Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc::rtp;
use rtc::sdp::extmap::AUDIO_LEVEL_URI;
use tincan_media::audio::red;
use tincan_protocol::Source;

use super::nack::NackTracker;
use super::{Outlet, Stage};
use crate::api::RtpPacket;
use crate::shared::{Counters, Shared, clock_rate};
use crate::sources::PerSource;

/// Keyframe requests come in bursts (one for each packet that does not fit); a keyframe answers them all.
const KEYFRAME_REQUEST_GAP: Duration = Duration::from_millis(300);
/// A message of so many pairs (1,000 bytes) fits into a packet on every path; each pair names up to 17 packets.
const MAX_NACK_PAIRS: usize = 250;
/// A stream whose reports are older says nothing of the path now.
const REPORT_LIFETIME: Duration = Duration::from_secs(5);
/// Anything above is a broken report rather than a path.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(10);

struct Remote {
    source: Source,
    tracker: NackTracker,
    audio_level: Option<u8>,
    jitter: Jitter,
}

/// Interarrival jitter (RFC 3550, section 6.4.1 and appendix A.8).
#[derive(Default)]
struct Jitter {
    last: Option<(Instant, u32)>,
    /// In RTP ticks.
    value: f64,
}

impl Jitter {
    fn arrived(&mut self, now: Instant, timestamp: u32, clock_rate: f64) -> Duration {
        if let Some((then, before)) = self.last {
            let spacing = now.saturating_duration_since(then).as_secs_f64() * clock_rate;
            let sent = f64::from(timestamp.wrapping_sub(before) as i32);
            self.value += ((spacing - sent).abs() - self.value) / 16.0;
        }
        self.last = Some((now, timestamp));
        Duration::from_secs_f64((self.value / clock_rate).clamp(0.0, 60.0))
    }
}

/// See the module's description.
pub(crate) struct Receive {
    shared: Arc<Shared>,
    remotes: HashMap<u32, Remote>,
    /// Retransmission streams and what they repair.
    rtx: HashMap<u32, u32>,
    keyframe_requested: PerSource<Option<Instant>>,
    /// What became of our streams.
    delivered: PerSource<Delivered>,
}

/// What the other side's last two reports say of one of our streams.
#[derive(Debug, Default)]
struct Delivered {
    /// When the last one came, the highest sequence number in it and the packets lost since the start.
    last: Option<(Instant, u32, u32)>,
    /// Packets that were to come between the two, and those that did not.
    expected: u32,
    lost: u32,
}

impl Delivered {
    fn report(&mut self, now: Instant, report: &ReceptionReport) {
        let (highest, lost) = (report.last_sequence_number, report.total_lost);
        if let Some((_, highest_before, lost_before)) = self.last.replace((now, highest, lost)) {
            let expected = highest.wrapping_sub(highest_before);
            // Backwards: a report that was overtaken, or a receiver that began anew.
            self.expected = if expected > u32::MAX / 2 { 0 } else { expected };
            // 24 bits with a sign (RFC 3550, section 6.4.1): packets that came twice count as found, so it may shrink.
            let lost = (lost.wrapping_sub(lost_before) << 8) as i32 >> 8;
            self.lost = lost.max(0).unsigned_abs().min(self.expected);
        }
    }

    /// The share lost of all that was sent: a stream without packets, as pictures while the camera is off, has no say.
    fn loss(streams: &PerSource<Self>, now: Instant) -> f32 {
        let fresh = |(_, stream): &(Source, &Self)| {
            stream.last.is_some_and(|(at, ..)| now.saturating_duration_since(at) < REPORT_LIFETIME)
        };
        let sum = |of: fn(&Self) -> u32| {
            streams.iter().filter(fresh).map(|(_, stream)| f64::from(of(stream))).sum::<f64>()
        };
        (sum(|stream| stream.lost) / sum(|stream| stream.expected).max(1.0)) as f32
    }
}

impl Receive {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            remotes: HashMap::new(),
            rtx: HashMap::new(),
            keyframe_requested: PerSource::default(),
            delivered: PerSource::default(),
        }
    }

    fn media(&mut self, now: Instant, mut packet: rtp::Packet) {
        let primary = self.rtx.get(&packet.header.ssrc).copied();
        let recovered = primary.is_some();
        if recovered {
            // Shorter ones only probe the path (RFC 4588, section 4).
            if packet.payload.len() < 2 {
                return;
            }
            packet.header.sequence_number = packet.payload.get_u16();
        }
        let ssrc = primary.unwrap_or(packet.header.ssrc);
        if !self.remotes.contains_key(&ssrc) {
            self.place(&packet.header);
        }
        let Some(remote) = self.remotes.get_mut(&ssrc) else { return };
        let header = &packet.header;
        let arrival = remote.tracker.arrived(header.sequence_number, now);
        let counters = &self.shared.counters;
        Counters::add(&counters.expected, u64::from(arrival.advanced));
        if recovered {
            Counters::add(&counters.recovered, u64::from(arrival.fresh));
        } else {
            Counters::add(&counters.arrived, u64::from(arrival.fresh));
            let clock_rate = f64::from(clock_rate(remote.source));
            let jitter = remote.jitter.arrived(now, header.timestamp, clock_rate);
            self.shared.figures(|figures| figures.jitter.insert(remote.source, jitter));
        }
        let audio_level = remote
            .audio_level
            .and_then(|id| header.get_extension(id))
            .and_then(|level| level.first().map(|byte| byte & 0x7f));
        let received = RtpPacket {
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            payload: packet.payload,
            arrived: now,
            audio_level,
            recovered,
        };
        let source = remote.source;
        if !source.is_video() && self.shared.outgoing.red(source) == Some(packet.header.payload_type) {
            self.hand_over_repeated(source, &received);
        } else {
            self.hand_over(source, received);
        }
    }

    fn hand_over(&self, source: Source, packet: RtpPacket) {
        if !self.shared.media.push(source, packet) {
            Counters::add(&self.shared.counters.overrun, 1);
        }
    }

    /// Sound that carries what came before it: first the packet's own, then the copies, as the packets that they were.
    fn hand_over_repeated(&self, source: Source, packet: &RtpPacket) {
        let Some(mut blocks) = red::unpack(&packet.payload) else { return };
        let codec = blocks.last().map(|own| own.payload_type);
        if let Some(own) = blocks.pop() {
            self.hand_over(source, RtpPacket { payload: own.payload, ..packet.clone() });
        }
        for copy in
            blocks.into_iter().rev().filter(|copy| Some(copy.payload_type) == codec && copy.offset > 0)
        {
            let back = copy.back();
            self.hand_over(
                source,
                RtpPacket {
                    sequence: packet.sequence.wrapping_sub(back),
                    timestamp: packet.timestamp.wrapping_sub(copy.offset),
                    payload: copy.payload,
                    recovered: true,
                    ..packet.clone()
                },
            );
        }
    }

    /// Takes a stream that no description named for that of the section whose tag its packets carry (RFC 8843, section
    /// 9.2). The library tells nothing of such a stream, so nothing of it is sent again.
    fn place(&mut self, header: &rtp::header::Header) {
        let placed = self.shared.sections().iter().find_map(|(source, section)| {
            let wire = self.shared.outgoing.wire(source)?;
            let (id, _) = wire.mid?;
            let mid = header.get_extension(id)?;
            let fits = section.as_ref()?.mid.as_bytes() == &mid[..]
                && [Some(wire.payload_type), wire.red].contains(&Some(header.payload_type));
            fits.then_some((source, wire.audio_level))
        });
        if let Some((source, audio_level)) = placed
            && self.shared.remote(source).is_none()
        {
            self.begin(header.ssrc, source, NackTracker::new(source, false), audio_level);
        }
    }

    fn begin(&mut self, ssrc: u32, source: Source, tracker: NackTracker, audio_level: Option<u8>) {
        self.shared.set_remote(source, ssrc);
        self.remotes.insert(ssrc, Remote { source, tracker, audio_level, jitter: Jitter::default() });
    }

    fn control(&mut self, now: Instant, packet: &dyn rtc::rtcp::Packet) {
        let packet = packet.as_any();
        if let Some(report) = packet.downcast_ref::<SenderReport>() {
            self.reception(now, &report.reports);
            if let Some(remote) = self.remotes.get(&report.ssrc) {
                self.shared.facts.sender_report(remote.source, report.ntp_time, report.rtp_time);
            }
        } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
            self.reception(now, &report.reports);
        } else if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
            self.keyframe_wanted(now, pli.media_ssrc);
        } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
            for entry in &fir.fir {
                self.keyframe_wanted(now, entry.ssrc);
            }
        }
    }

    fn keyframe_wanted(&mut self, now: Instant, ssrc: u32) {
        let Some(source) = self.shared.source(ssrc).filter(|source| source.is_video()) else { return };
        Counters::add(&self.shared.counters.keyframe_requests, 1);
        let last = &mut self.keyframe_requested[source];
        if last.is_none_or(|at| now.saturating_duration_since(at) >= KEYFRAME_REQUEST_GAP) {
            *last = Some(now);
            self.shared.facts.keyframe_requested(source);
        }
    }

    fn reception(&mut self, now: Instant, reports: &[ReceptionReport]) {
        for report in reports {
            let Some(source) = self.shared.source(report.ssrc) else { continue };
            let round_trip = round_trip(self.shared.ntp(now), report);
            self.delivered[source].report(now, report);
            let loss_sent = Delivered::loss(&self.delivered, now);
            self.shared.figures(|figures| {
                if let Some(round_trip) = round_trip {
                    figures.round_trip = Some(round_trip);
                    let least = figures.least_round_trip.map_or(round_trip, |least| least.min(round_trip));
                    figures.least_round_trip = Some(least);
                }
                figures.loss_sent = loss_sent;
            });
        }
    }
}

/// RFC 3550, section 6.4.1: now, less when our report left, less how long they kept it; 16.16 fixed point seconds.
fn round_trip(now: u64, report: &ReceptionReport) -> Option<Duration> {
    if report.last_sender_report == 0 {
        return None;
    }
    let middle = (now >> 16) as u32;
    let ticks = middle.wrapping_sub(report.last_sender_report).wrapping_sub(report.delay);
    // Rounding on both sides may make a very short one negative.
    let ticks = if ticks > u32::MAX / 2 { 0 } else { ticks };
    let round_trip = Duration::from_secs_f64(f64::from(ticks) / 65_536.0);
    (round_trip <= MAX_ROUND_TRIP).then_some(round_trip)
}

impl Stage for Receive {
    fn read(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        let now = packet.now;
        match packet.message.packet {
            Packet::Rtp(rtp) => self.media(now, rtp),
            Packet::Rtcp(packets) => packets.iter().for_each(|packet| self.control(now, packet.as_ref())),
            _ => out.read.push_back(packet),
        }
    }

    fn tick(&mut self, now: Instant, out: &mut Outlet) {
        let round_trip = self.shared.figures(|figures| figures.round_trip);
        for (ssrc, remote) in &mut self.remotes {
            if remote.tracker.next_tick().is_none_or(|at| at > now) {
                continue;
            }
            let due = remote.tracker.due(now, round_trip);
            if due.is_empty() {
                continue;
            }
            Counters::add(&self.shared.counters.nacks_sent, 1);
            for pairs in nack_pairs_from_sequence_numbers(&due).chunks(MAX_NACK_PAIRS) {
                let nack = TransportLayerNack {
                    sender_ssrc: self.shared.local[remote.source].ssrc,
                    media_ssrc: *ssrc,
                    nacks: pairs.to_vec(),
                };
                out.send_rtcp(now, vec![Box::new(nack)]);
            }
        }
    }

    fn next_tick(&self) -> Option<Instant> {
        self.remotes.values().filter_map(|remote| remote.tracker.next_tick()).min()
    }

    fn bind_remote(&mut self, info: &StreamInfo) {
        // Retransmission streams are bound too, under the codec that they repair.
        if self.rtx.contains_key(&info.ssrc) {
            return;
        }
        let source = self.shared.sections().iter().find_map(|(source, section)| {
            let said = section.as_ref()?.ssrc? == info.ssrc;
            said.then_some(source)
        });
        // Of a section's streams the first counts; others are nobody's.
        let Some(source) = source else { return };
        if let Some(rtx) = info.ssrc_rtx {
            self.rtx.insert(rtx, info.ssrc);
        }
        let asks = source.is_video() && info.ssrc_rtx.is_some();
        let audio_level = info
            .rtp_header_extensions
            .iter()
            .find(|extension| extension.uri == AUDIO_LEVEL_URI)
            .and_then(|extension| u8::try_from(extension.id).ok());
        self.begin(info.ssrc, source, NackTracker::new(source, asks), audio_level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::Wire;
    use crate::sources::Section;

    #[test]
    fn a_round_trip_is_what_is_left_of_the_time_since_our_report() {
        let second = 1u64 << 32;
        let sent = 1_000 * second;
        let report = |delay_ms: u32| ReceptionReport {
            last_sender_report: (sent >> 16) as u32,
            delay: delay_ms * 65_536 / 1_000,
            ..Default::default()
        };
        let now = sent + second / 4;
        let measured = round_trip(now, &report(200)).unwrap();
        assert!(measured.abs_diff(Duration::from_millis(50)) < Duration::from_millis(1), "{measured:?}");
        assert_eq!(round_trip(now, &report(251)), Some(Duration::ZERO), "rounding");
        assert_eq!(round_trip(now, &ReceptionReport::default()), None, "they had no report of ours yet");
    }

    /// Reports a second of so many packets and losses, microphone and camera; `None` where a stream was not reported.
    fn loss_shown(seconds: &[[Option<(u32, u32)>; 2]]) -> Vec<u32> {
        let start = Instant::now();
        let mut stage = Receive::new(Arc::new(Shared::of_tests(start)));
        let mut sums = [(u32::MAX - 60, 0u32); 2];
        let shown = |(n, second): (usize, &[Option<(u32, u32)>; 2])| {
            let now = start + Duration::from_secs(n as u64);
            // Each stream's report is a packet of its own, in this order.
            for (index, counts) in second.iter().enumerate() {
                let Some((sent, lost)) = counts else { continue };
                let (highest, total) = &mut sums[index];
                (*highest, *total) = (highest.wrapping_add(*sent), *total + lost);
                let report = ReceptionReport {
                    ssrc: 1 + index as u32,
                    last_sequence_number: *highest,
                    total_lost: *total,
                    ..Default::default()
                };
                stage.control(now, &ReceiverReport { reports: vec![report], ..Default::default() });
            }
            (stage.shared.statistics().loss_sent * 1_000.0).round() as u32
        };
        seconds.iter().enumerate().map(shown).collect()
    }

    #[test]
    fn loss_is_that_of_all_packets_whichever_stream_they_are_of() {
        let still = Some((0, 0));
        let first = [Some((50, 0)), still];
        // With the camera off sound tells it, and it is forgotten when it is over.
        let camera_off = [first, [Some((50, 5)), still], [Some((50, 5)), still], [Some((50, 0)), still]];
        assert_eq!(loss_shown(&camera_off), [0, 100, 100, 0]);
        // Without a report of pictures too, as before the camera was ever on.
        let sound_only = [[Some((50, 0)), None], [Some((50, 10)), None], [Some((50, 0)), None]];
        assert_eq!(loss_shown(&sound_only), [0, 200, 0]);
        // With both, each packet counts once.
        let both = [first, [Some((50, 0)), Some((150, 20))], [Some((50, 10)), Some((150, 0))]];
        assert_eq!(loss_shown(&both), [0, 100, 50]);
    }

    #[test]
    fn loss_on_the_way_here_counts_over_sound_while_the_camera_is_off() {
        let now = Instant::now();
        let shared = Arc::new(Shared::of_tests(now));
        shared.sections()[Source::Microphone] = Some(Section { mid: "0".to_owned(), ssrc: Some(7) });
        let mut stage = Receive::new(shared.clone());
        stage.bind_remote(&StreamInfo { ssrc: 7, ..Default::default() });
        for sequence in (0..100u16).filter(|sequence| sequence % 10 != 5) {
            let header = rtp::header::Header { ssrc: 7, sequence_number: sequence, ..Default::default() };
            stage.media(now, rtp::Packet { header, payload: vec![0; 40].into() });
        }
        let get = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!([get(&shared.counters.expected), get(&shared.counters.arrived)], [100, 90]);
    }

    #[test]
    fn a_stream_is_of_the_source_that_its_description_or_its_tag_says() {
        let now = Instant::now();
        let shared = Arc::new(Shared::of_tests(now));
        shared.media.open();
        let mid = |mid: &str| Some(Section { mid: mid.to_owned(), ssrc: None });
        shared.sections()[Source::Camera] = Some(Section { mid: "1".to_owned(), ssrc: Some(71) });
        for (source, section) in [(Source::Screen, mid("2")), (Source::ScreenSound, mid("3"))] {
            shared.sections()[source] = section;
            let payload_type = if source.is_video() { 96 } else { 111 };
            let wire = Wire { payload_type, red: None, audio_level: None, mid: Some((4, "x".to_owned())) };
            shared.outgoing.negotiated(source, Some(wire));
        }
        let mut stage = Receive::new(shared.clone());
        stage.bind_remote(&StreamInfo { ssrc: 71, ssrc_rtx: Some(81), ..Default::default() });
        stage.bind_remote(&StreamInfo { ssrc: 81, ..Default::default() });
        let mut arrives = |ssrc, payload_type, tag: Option<&'static [u8]>| {
            let mut header = rtp::header::Header { ssrc, payload_type, ..Default::default() };
            if let Some(tag) = tag {
                header.set_extension(4, bytes::Bytes::from_static(tag)).unwrap();
            }
            stage.media(now, rtp::Packet { header, payload: vec![0; 40].into() });
            shared.media.pop().map(|(source, _)| source)
        };
        assert_eq!(arrives(71, 96, None), Some(Source::Camera));
        assert_eq!(arrives(81, 97, Some(b"2")), Some(Source::Camera), "sent again");
        assert_eq!(arrives(72, 96, None), None, "nobody's");
        assert_eq!(arrives(72, 97, Some(b"2")), None, "another payload");
        assert_eq!(arrives(72, 96, Some(b"2")), Some(Source::Screen));
        assert_eq!(arrives(72, 96, None), Some(Source::Screen), "as it was");
        assert_eq!(arrives(73, 96, Some(b"2")), None, "a section has one stream");
        assert_eq!(arrives(74, 111, Some(b"3")), Some(Source::ScreenSound));
        assert_eq!(arrives(75, 96, Some(b"1")), None, "the description said another");
        assert_eq!([shared.remote(Source::Camera), shared.remote(Source::Screen)], [Some(71), Some(72)]);
    }

    #[test]
    fn evenly_spaced_packets_have_no_jitter() {
        let start = Instant::now();
        let mut jitter = Jitter::default();
        let mut last = Duration::ZERO;
        for i in 0..50u32 {
            last = jitter.arrived(start + Duration::from_millis(20) * i, i * 960, 48_000.0);
        }
        assert!(last < Duration::from_micros(50), "{last:?}");
    }
}
