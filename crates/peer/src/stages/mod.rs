//! Stages of the chain that every RTP and RTCP packet walks, inside `webrtc`'s driver.
//!
//! From the wire to the application: [`meter`], the [`Estimator`](crate::bandwidth::Estimator), the transport-wide sequence numbers (the library's), [`pacer`], [`responder`], arrival
//! and receiver reports (the library's), [`reports`], [`receive`], [`packetizer`]. A stage does no I/O and reads no clock: every packet
//! and tick brings its time.

pub(crate) mod meter;
pub(crate) mod nack;
pub(crate) mod pacer;
pub(crate) mod packetizer;
pub(crate) mod receive;
pub(crate) mod reports;
pub(crate) mod responder;
pub(crate) mod with_rtx;

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;

/// One stage. What it does not put on `out` ends with it.
pub(crate) trait Stage: Send + Sync {
    /// A packet from the wire.
    fn read(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        out.read.push_back(packet);
    }

    /// A packet to the wire.
    fn write(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        out.write.push_back(packet);
    }

    /// The time it asked for came.
    fn tick(&mut self, _now: Instant, _out: &mut Outlet) {}

    /// When it wants [`tick`](Self::tick).
    fn next_tick(&self) -> Option<Instant> {
        None
    }

    /// A stream of ours was negotiated.
    fn bind_local(&mut self, _info: &StreamInfo) {}

    /// A stream of theirs sent its first packet.
    fn bind_remote(&mut self, _info: &StreamInfo) {}
}

/// Where a stage leaves packets, for the stages after it.
#[derive(Default)]
pub(crate) struct Outlet {
    pub(crate) read: VecDeque<TaggedPacket>,
    pub(crate) write: VecDeque<TaggedPacket>,
}

impl Outlet {
    /// Sends RTCP packets of our own.
    pub(crate) fn send_rtcp(&mut self, now: Instant, packets: Vec<Box<dyn rtc::rtcp::Packet>>) {
        self.write.push_back(TaggedPacket {
            now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtcp(packets)),
        });
    }
}

/// Makes a [`Stage`] into what the library's chain wants.
pub(crate) struct Staged<S> {
    stage: S,
    out: Outlet,
}

impl<S> Staged<S> {
    pub(crate) fn new(stage: S) -> Self {
        Self { stage, out: Outlet::default() }
    }
}

impl<S: Stage> Protocol<TaggedPacket, TaggedPacket, ()> for Staged<S> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.stage.read(packet, &mut self.out);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.out.read.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.stage.write(packet, &mut self.out);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.out.write.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.stage.next_tick().is_some_and(|at| at <= now) {
            self.stage.tick(now, &mut self.out);
        }
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.stage.next_tick()
    }
}

impl<S: Stage> Interceptor for Staged<S> {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.stage.bind_local(info);
    }

    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        self.stage.bind_remote(info);
    }

    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

/// Whether `a` lies after `b` in the 16-bit sequence space (RFC 1982).
pub(crate) const fn newer(a: u16, b: u16) -> bool {
    a != b && a.wrapping_sub(b) < 0x8000
}
