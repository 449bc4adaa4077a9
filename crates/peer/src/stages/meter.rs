//! Counts what crosses the wire.

use std::sync::Arc;

use rtc::interceptor::{Packet, TaggedPacket};
use rtc::shared::marshal::MarshalSize;

use super::{Outlet, Stage};
use crate::shared::{Counters, Shared};

/// See the module's description.
pub(crate) struct Meter(pub(crate) Arc<Shared>);

impl Stage for Meter {
    fn read(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtp(rtp) = &packet.message.packet {
            Counters::add(&self.0.counters.bytes_received, rtp.marshal_size() as u64);
        }
        out.read.push_back(packet);
    }

    fn write(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtp(rtp) = &packet.message.packet {
            Counters::add(&self.0.counters.bytes_sent, rtp.marshal_size() as u64);
        }
        out.write.push_back(packet);
    }
}
