//! Counts what crosses the wire.

use std::sync::Arc;

use rtc::interceptor::{Packet, TaggedPacket};
use rtc::shared::marshal::MarshalSize;
use tincan_protocol::Source;

use super::{Outlet, Stage};
use crate::shared::{Counters, Shared};

/// Nothing repeats these, so that a stream is all there is of a source.
const SOUND: [Source; 2] = [Source::Microphone, Source::ScreenSound];

/// See the module's description.
pub(crate) struct Meter(pub(crate) Arc<Shared>);

impl Stage for Meter {
    fn read(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtp(rtp) = &packet.message.packet {
            let bytes = rtp.marshal_size() as u64;
            Counters::add(&self.0.counters.bytes_received, bytes);
            if SOUND.iter().any(|sound| self.0.remote(*sound) == Some(rtp.header.ssrc)) {
                Counters::add(&self.0.counters.sound_received, bytes);
            }
        }
        out.read.push_back(packet);
    }

    fn write(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtp(rtp) = &packet.message.packet {
            let bytes = rtp.marshal_size() as u64;
            Counters::add(&self.0.counters.bytes_sent, bytes);
            if self.0.sends(rtp.header.ssrc).is_some_and(|source| !source.is_video()) {
                Counters::add(&self.0.counters.sound_sent, bytes);
            }
        }
        out.write.push_back(packet);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Instant;

    use rtc::interceptor::AttributedPacket;
    use rtc::rtp;
    use rtc::shared::TransportContext;

    use super::*;

    fn packet(ssrc: u32, size: usize) -> TaggedPacket {
        let header = rtp::header::Header { ssrc, ..Default::default() };
        let packet = rtp::Packet { header, payload: vec![0; size].into() };
        TaggedPacket {
            now: Instant::now(),
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtp(packet)),
        }
    }

    #[test]
    fn sound_is_counted_apart_and_what_repeats_pictures_is_of_the_pictures() {
        let shared = Arc::new(Shared::of_tests(Instant::now()));
        let mut meter = Meter(shared.clone());
        shared.set_remote(Source::Microphone, 71);
        shared.set_remote(Source::Camera, 72);
        let mut out = Outlet::default();
        // Ours are 1 for the microphone, 2 for the camera, and 12 what repeats that.
        for (ssrc, size) in [(1, 80), (2, 1_000), (12, 1_000)] {
            meter.write(packet(ssrc, size), &mut out);
        }
        for (ssrc, size) in [(71, 60), (72, 900), (99, 900)] {
            meter.read(packet(ssrc, size), &mut out);
        }
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &shared.counters;
        // A header has 12 bytes.
        assert_eq!((count(&counters.bytes_sent), count(&counters.sound_sent)), (2_116, 92));
        assert_eq!((count(&counters.bytes_received), count(&counters.sound_received)), (1_896, 72));
        assert_eq!((out.read.len(), out.write.len()), (3, 3));
    }
}
