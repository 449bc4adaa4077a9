//! Lets a stage of the library see retransmissions.
//!
//! The library binds a stage to the streams of pictures and sound only. What is sent again would then carry no
//! transport-wide sequence number, and a controller that is blind to it takes the path for narrower than it is while
//! it fills it.

use std::time::Instant;

use rtc::interceptor::{Interceptor, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// See the module's description.
pub(crate) struct WithRtx<I>(pub(crate) I);

impl<I: Interceptor> Protocol<TaggedPacket, TaggedPacket, ()> for WithRtx<I> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.0.handle_read(packet)
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.0.poll_read()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.0.handle_write(packet)
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.0.poll_write()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.0.handle_timeout(now)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

impl<I: Interceptor> Interceptor for WithRtx<I> {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.0.bind_local_stream(info);
        if let Some(rtx) = rtx(info) {
            self.0.bind_local_stream(&rtx);
        }
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.0.unbind_local_stream(info);
        if let Some(rtx) = rtx(info) {
            self.0.unbind_local_stream(&rtx);
        }
    }

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        self.0.bind_remote_stream(info);
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.0.unbind_remote_stream(info);
    }
}

/// The stream that repeats this one's packets (RFC 4588); it negotiated the same header extensions.
fn rtx(info: &StreamInfo) -> Option<StreamInfo> {
    Some(StreamInfo { ssrc: info.ssrc_rtx?, ssrc_rtx: None, ..info.clone() })
}

#[cfg(test)]
mod tests {
    use rtc::interceptor::{AttributedPacket, Packet, RTPHeaderExtension, TwccSenderBuilder};
    use rtc::rtp;
    use rtc::sdp::extmap::TRANSPORT_CC_URI;
    use rtc::shared::TransportContext;

    use super::*;

    const PICTURES: u32 = 1;
    const AGAIN: u32 = 2;
    const EXTENSION: u8 = 5;

    /// Whether a packet of this stream leaves with a transport-wide number.
    fn is_numbered(stage: &mut impl Interceptor, ssrc: u32) -> bool {
        let header = rtp::header::Header { version: 2, ssrc, ..Default::default() };
        let packet = rtp::Packet { header, payload: vec![0; 4].into() };
        stage
            .handle_write(TaggedPacket {
                now: Instant::now(),
                transport: TransportContext::default(),
                message: AttributedPacket::new(Packet::Rtp(packet)),
            })
            .unwrap();
        let Some(Packet::Rtp(out)) = stage.poll_write().map(|out| out.message.packet) else {
            panic!("it passes through")
        };
        out.header.get_extension(EXTENSION).is_some()
    }

    #[test]
    fn what_is_sent_again_is_numbered_as_long_as_its_stream_is() {
        let info = StreamInfo {
            ssrc: PICTURES,
            ssrc_rtx: Some(AGAIN),
            rtp_header_extensions: vec![RTPHeaderExtension {
                uri: TRANSPORT_CC_URI.to_owned(),
                id: EXTENSION.into(),
            }],
            ..Default::default()
        };
        let mut stage = WithRtx(TwccSenderBuilder::new().build());
        assert!(!is_numbered(&mut stage, AGAIN));
        stage.bind_local_stream(&info);
        assert!(is_numbered(&mut stage, PICTURES) && is_numbered(&mut stage, AGAIN));
        stage.unbind_local_stream(&info);
        assert!(!is_numbered(&mut stage, AGAIN));
    }
}
