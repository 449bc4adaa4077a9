//! Sender reports that say when the media was *captured*.
//!
//! The library's own maps the RTP time of the last packet to the moment it was sent, so pictures would seem younger
//! than sound by the time their encoding takes. Ours start from when the latest packet's media was captured, so they also
//! carry how far a sound card's clock has drifted from the machine's (RFC 3550, section 6.4.1).

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{Packet, TaggedPacket};
use rtc::rtcp::sender_report::SenderReport;

use super::{Outlet, Stage};
use crate::shared::Shared;
use crate::sources::PerSource;

/// libwebrtc's interval for video; the first report follows the first packet, for there is no lip sync before it.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Stream {
    packets: u32,
    octets: u32,
    due: Option<Instant>,
    /// When the last packet left.
    last: Option<Instant>,
}

/// See the module's description.
pub(crate) struct Reports {
    shared: Arc<Shared>,
    streams: PerSource<Stream>,
}

impl Reports {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, streams: PerSource::default() }
    }
}

impl Stage for Reports {
    fn write(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtp(rtp) = &packet.message.packet
            && let Some(source) = self.shared.source(rtp.header.ssrc)
        {
            let stream = &mut self.streams[source];
            stream.packets = stream.packets.wrapping_add(1);
            stream.octets = stream.octets.wrapping_add(rtp.payload.len() as u32);
            // After a pause what was told last is old: clocks drift meanwhile.
            let paused =
                stream.last.is_none_or(|last| packet.now.saturating_duration_since(last) >= INTERVAL);
            stream.last = Some(packet.now);
            if paused {
                stream.due = Some(packet.now);
            }
        }
        out.write.push_back(packet);
    }

    fn tick(&mut self, now: Instant, out: &mut Outlet) {
        for (source, stream) in self.streams.iter_mut().filter(|(_, s)| s.due.is_some_and(|due| due <= now)) {
            stream.due = Some(now + INTERVAL);
            let (ntp_time, rtp_time) = self.shared.clocks(source, now);
            let report = SenderReport {
                ssrc: self.shared.local[source].ssrc,
                ntp_time,
                rtp_time,
                packet_count: stream.packets,
                octet_count: stream.octets,
                ..SenderReport::default()
            };
            out.send_rtcp(now, vec![Box::new(report)]);
        }
    }

    fn next_tick(&self) -> Option<Instant> {
        self.streams.iter().filter_map(|(_, stream)| stream.due).min()
    }
}

#[cfg(test)]
mod tests {
    use rtc::interceptor::AttributedPacket;
    use rtc::rtp;
    use rtc::shared::TransportContext;
    use tincan_protocol::Source;

    use super::*;

    #[test]
    fn the_first_packet_after_a_pause_brings_a_report_at_once() {
        let start = Instant::now();
        let shared = Arc::new(Shared::of_tests(start));
        let mut stage = Reports::new(shared.clone());
        let mut reported = Vec::new();
        for millis in (0..4_000).step_by(20) {
            let now = start + Duration::from_millis(millis);
            let mut out = Outlet::default();
            // The microphone is muted for a while.
            if !(1_300..3_300).contains(&millis) {
                let header = rtp::header::Header { ssrc: 1, ..Default::default() };
                let packet = rtp::Packet { header, payload: vec![0; 80].into() };
                let message = AttributedPacket::new(Packet::Rtp(packet));
                stage.write(TaggedPacket { now, transport: TransportContext::default(), message }, &mut out);
            }
            if stage.next_tick().is_some_and(|at| at <= now) {
                stage.tick(now, &mut out);
            }
            for packet in out.write {
                let Packet::Rtcp(reports) = packet.message.packet else { continue };
                let report = reports[0].as_any().downcast_ref::<SenderReport>().unwrap();
                assert_eq!((report.ntp_time, report.rtp_time), shared.clocks(Source::Microphone, now));
                reported.push(millis);
            }
        }
        assert_eq!(reported, [0, 1_000, 2_000, 3_000, 3_300]);
    }
}
