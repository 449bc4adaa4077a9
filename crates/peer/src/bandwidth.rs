//! The stage that sees every packet leave and reads what the other side reports of it: [`tincan_bandwidth`] makes a rate of
//! that.
//!
//! It stands nearest to the wire: what it does not see leave, it would take for room that is there. The library has such a
//! stage, whose history cannot tell a packet that is late from one that is lost.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, SymbolTypeTcc, TransportLayerCc,
};
use rtc::sdp::extmap::TRANSPORT_CC_URI;
use rtc::shared::marshal::MarshalSize;
use tincan_bandwidth::{Controller, Delivery, History, Report, SoundPath};
use tincan_media::Bitrate;
use tincan_media::audio::red::Protection;
use tincan_protocol::Source;

use crate::shared::Shared;
use crate::stages::{Outlet, Stage};

/// The owner hears of a new target at most this often: an encoder takes a second to follow anyway.
const REPORT_GAP: Duration = Duration::from_millis(200);
/// Smaller changes are noise.
const REPORT_CHANGE: f64 = 0.03;
/// Share of packets: how much Opus adds for recovery depends on it, also on a path whose rate never changes.
const REPORT_LOSS_CHANGE: f32 = 0.01;
/// What is sent again is measured over this long, and taken off what new pictures and sound may take.
const RETRANSMISSION_WINDOW: Duration = Duration::from_secs(1);
/// But not more than the rest of this: sending again what is old helps nobody if nothing new comes.
const LEAST_FOR_MEDIA: f64 = 0.5;
/// The unit of a report's reference time.
const REFERENCE: Duration = Duration::from_millis(64);

/// See the module's description.
pub(crate) struct Estimator {
    shared: Arc<Shared>,
    history: History,
    controller: Controller,
    sound: SoundPath,
    /// Under which id the transport-wide sequence number stands.
    extension: Option<u8>,
    /// (when it left, bytes) of the last [`RETRANSMISSION_WINDOW`].
    retransmitted: VecDeque<(Instant, usize)>,
    reported: Option<(Instant, Bitrate, f32, Protection)>,
}

impl Estimator {
    pub(crate) fn new(shared: Arc<Shared>, max: Bitrate) -> Self {
        let controller = Controller::new(max);
        shared.set_target(controller.target());
        Self {
            shared,
            history: History::default(),
            controller,
            sound: SoundPath::default(),
            extension: None,
            retransmitted: VecDeque::new(),
            reported: None,
        }
    }

    fn reported(&mut self, now: Instant, report: &Report) {
        if self.shared.takes_new_path() {
            self.controller.path_changed();
        }
        let deliveries = self.history.report(now, report);
        self.controller.feedback(now, &deliveries);
        let arrived = deliveries.iter().filter(|one| !one.is_lost());
        let time = arrived.map(|one| now.saturating_duration_since(one.sent)).min();
        if time.is_some() {
            self.shared.figures(|figures| figures.report_time = time);
        }
        self.protect(&deliveries);
        self.tell(now);
    }

    /// What the microphone's sound needs on this path; in-band FEC where the other side knows nothing else.
    fn protect(&mut self, deliveries: &[Delivery]) {
        let ssrc = self.shared.local[Source::Microphone].ssrc;
        for one in deliveries.iter().filter(|one| one.ssrc == ssrc && !one.late) {
            self.sound.packet(!one.is_lost());
        }
    }

    /// The target, and what follows from it, to whoever wants to know.
    fn tell(&mut self, now: Instant) {
        let target = self.controller.target();
        self.shared.set_target(target);
        self.shared.set_probe(self.controller.probe(now));
        self.sound.takes(now, target);
        let protection = match self.sound.protection() {
            Protection::One | Protection::Two | Protection::Spread
                if self.shared.outgoing.red(Source::Microphone).is_none() =>
            {
                Protection::Fec
            }
            protection => protection,
        };
        self.shared.set_protection(protection);
        let target = self.without_retransmissions(now, target);
        let loss = self.controller.loss();
        let due = self.reported.is_none_or(|(at, last, last_loss, last_protection)| {
            let moved = target.as_bps().abs_diff(last.as_bps()) as f64 > last.as_bps() as f64 * REPORT_CHANGE;
            let lossier = (loss - last_loss).abs() >= REPORT_LOSS_CHANGE;
            now.saturating_duration_since(at) >= REPORT_GAP
                && (moved || lossier || protection != last_protection)
        });
        if due {
            self.reported = Some((now, target, loss, protection));
            self.shared.facts.target(target, loss, protection);
        }
    }

    /// What is left for new pictures and sound.
    fn without_retransmissions(&mut self, now: Instant, target: Bitrate) -> Bitrate {
        while self
            .retransmitted
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > RETRANSMISSION_WINDOW)
        {
            self.retransmitted.pop_front();
        }
        let bytes: usize = self.retransmitted.iter().map(|(_, size)| size).sum();
        let rate = bytes as f64 * 8.0 / RETRANSMISSION_WINDOW.as_secs_f64();
        let target = target.as_bps() as f64;
        Bitrate::bps((target - rate).max(target * LEAST_FOR_MEDIA) as u64)
    }
}

impl Stage for Estimator {
    fn read(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            for report in packets.iter().filter_map(|packet| packet.as_any().downcast_ref()) {
                self.reported(packet.now, &read(report));
            }
        }
        out.read.push_back(packet);
    }

    fn write(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtp(rtp) = &packet.message.packet
            && let Some(number) = self.extension.and_then(|id| rtp.header.get_extension(id))
            && let [high, low] = number[..]
        {
            let size = rtp.marshal_size();
            self.history.sent(packet.now, u16::from_be_bytes([high, low]), rtp.header.ssrc, size);
            self.controller.sent(packet.now, size);
            if packet.message.has(&Attribute::Retransmission) {
                self.retransmitted.push_back((packet.now, size));
            }
        }
        out.write.push_back(packet);
    }

    fn tick(&mut self, now: Instant, _out: &mut Outlet) {
        self.controller.handle_timeout(now);
        self.tell(now);
    }

    fn next_tick(&self) -> Option<Instant> {
        self.controller.poll_timeout()
    }

    fn bind_local(&mut self, info: &StreamInfo) {
        let mut extensions = info.rtp_header_extensions.iter();
        let id = extensions.find(|extension| extension.uri == TRANSPORT_CC_URI);
        if let Some(id) = id.and_then(|extension| u8::try_from(extension.id).ok()) {
            // All streams of a connection have the same.
            self.extension = Some(id);
        }
    }
}

/// What a report says (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).
fn read(report: &TransportLayerCc) -> Report {
    let symbols = report.packet_chunks.iter().flat_map(|chunk| match chunk {
        PacketStatusChunk::RunLengthChunk(run) => {
            vec![run.packet_status_symbol; usize::from(run.run_length)]
        }
        PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
    });
    let mut deltas = report.recv_deltas.iter();
    let mut time = REFERENCE * report.reference_time;
    let arrivals = symbols.take(usize::from(report.packet_status_count)).map(|symbol| match symbol {
        SymbolTypeTcc::PacketReceivedSmallDelta | SymbolTypeTcc::PacketReceivedLargeDelta => {
            let delta = deltas.next()?.delta;
            let size = Duration::from_micros(delta.unsigned_abs());
            time = if delta < 0 { time.saturating_sub(size) } else { time + size };
            Some(time)
        }
        // Without its time it tells nothing, and to take it for lost would be wrong.
        SymbolTypeTcc::PacketReceivedWithoutDelta => Some(time),
        SymbolTypeTcc::PacketNotReceived => None,
    });
    Report { first: report.base_sequence_number, arrivals: arrivals.collect() }
}
