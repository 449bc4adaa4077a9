//! Sender reports that say when the media was *captured*.
//!
//! The library's own maps the RTP time of the last packet to the moment it was sent, so pictures would seem younger
//! than sound by the time their encoding takes. Ours derive both streams' RTP times from one clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{Packet, TaggedPacket};
use rtc::rtcp::sender_report::SenderReport;

use super::{Outlet, Stage};
use crate::api::MediaKind;
use crate::shared::Shared;

/// libwebrtc's interval for video; the first report follows the first packet, for there is no lip sync before it.
const INTERVAL: Duration = Duration::from_secs(1);

struct Stream {
    kind: MediaKind,
    packets: u32,
    octets: u32,
    due: Option<Instant>,
}

/// See the module's description.
pub(crate) struct Reports {
    shared: Arc<Shared>,
    streams: [Stream; 2],
}

impl Reports {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let stream = |kind| Stream { kind, packets: 0, octets: 0, due: None };
        Self { shared, streams: [stream(MediaKind::Audio), stream(MediaKind::Video)] }
    }
}

impl Stage for Reports {
    fn write(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtp(rtp) = &packet.message.packet {
            let shared = &self.shared;
            if let Some(stream) =
                self.streams.iter_mut().find(|s| shared.local(s.kind).ssrc == rtp.header.ssrc)
            {
                stream.packets = stream.packets.wrapping_add(1);
                stream.octets = stream.octets.wrapping_add(rtp.payload.len() as u32);
                stream.due.get_or_insert(packet.now);
            }
        }
        out.write.push_back(packet);
    }

    fn tick(&mut self, now: Instant, out: &mut Outlet) {
        for stream in self.streams.iter_mut().filter(|s| s.due.is_some_and(|due| due <= now)) {
            stream.due = Some(now + INTERVAL);
            let (ntp_time, rtp_time) = self.shared.clocks(stream.kind, now);
            let report = SenderReport {
                ssrc: self.shared.local(stream.kind).ssrc,
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
        self.streams.iter().filter_map(|stream| stream.due).min()
    }
}
