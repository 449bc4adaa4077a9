//! Makes RTP packets of what the owner handed over, and asks for keyframes: the innermost stage.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rtc::interceptor::{AttributedPacket, Packet, TaggedPacket};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use rtc::shared::TransportContext;
use tincan_media::audio::red::Protection;
use tincan_media::audio::{EncodedAudio, red};
use tincan_media::video::{EncodedVideo, packetize};
use tincan_protocol::Source;

use super::{Outlet, Stage};
use crate::outgoing::{Frame, Wire};
use crate::shared::{Counters, Shared};
use crate::sources::PerSource;

/// Largest RTP payload. libwebrtc keeps RTP packets below 1,200 bytes, which passes every tunnel; off go the header
/// (12), our extensions (12), the authentication tag (16) and the number that a retransmission carries (2).
const MAX_PAYLOAD: usize = 1_158;
/// The farthest copy of sound is so many packets back.
const KEPT_SOUND: usize = 4;

/// See the module's description.
pub(crate) struct Packetizer {
    shared: Arc<Shared>,
    /// Of the packet that was made last.
    sequence: PerSource<u16>,
    /// The latest sound in its thin form, the newest last, by RTP time.
    thin: PerSource<VecDeque<(u32, Bytes)>>,
}

impl Packetizer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, sequence: PerSource::new(|_| rand::random()), thin: PerSource::default() }
    }

    fn sound(&mut self, now: Instant, source: Source, wire: &Wire, sound: &EncodedAudio, out: &mut Outlet) {
        self.shared.note_clock(source, sound);
        let timestamp = self.shared.local[source].rtp_time(sound.time);
        let (payload_type, payload) = self
            .repeated(source, wire, timestamp, sound)
            .unwrap_or_else(|| (wire.payload_type, sound.payload.clone()));
        let mut packet = self.packet(source, wire, timestamp, payload);
        packet.header.payload_type = payload_type;
        if let Some(id) = wire.audio_level {
            // RFC 6464, section 3: voice activity, then the level.
            let level = u8::from(sound.voice) << 7 | sound.level.min(127);
            extend(&mut packet, id, &[level]);
        }
        send(now, packet, out);
    }

    /// Payload type and payload of sound in its thin form, where this path needs that.
    fn repeated(
        &mut self,
        source: Source,
        wire: &Wire,
        timestamp: u32,
        sound: &EncodedAudio,
    ) -> Option<(u8, Bytes)> {
        let kept = &mut self.thin[source];
        let Some(thin) = &sound.thin else {
            kept.clear();
            return None;
        };
        let packed =
            thin_form(self.shared.protection(), (wire.payload_type, wire.red), timestamp, thin, kept);
        kept.push_back((timestamp, thin.clone()));
        if kept.len() > KEPT_SOUND {
            kept.pop_front();
        }
        packed
    }

    fn picture(
        &mut self,
        now: Instant,
        source: Source,
        wire: &Wire,
        picture: &EncodedVideo,
        out: &mut Outlet,
    ) {
        let timestamp = self.shared.local[source].rtp_time(picture.time);
        let payloads = packetize(picture, MAX_PAYLOAD);
        let last = payloads.len().saturating_sub(1);
        for (i, payload) in payloads.into_iter().enumerate() {
            let mut packet = self.packet(source, wire, timestamp, payload);
            packet.header.marker = i == last;
            send(now, packet, out);
        }
    }

    fn packet(&mut self, source: Source, wire: &Wire, timestamp: u32, payload: Bytes) -> rtp::Packet {
        self.sequence[source] = self.sequence[source].wrapping_add(1);
        let header = rtp::header::Header {
            version: 2,
            payload_type: wire.payload_type,
            sequence_number: self.sequence[source],
            timestamp,
            ssrc: self.shared.local[source].ssrc,
            ..Default::default()
        };
        let mut packet = rtp::Packet { header, payload };
        if let Some((id, mid)) = &wire.mid {
            extend(&mut packet, *id, mid.as_bytes());
        }
        packet
    }
}

fn extend(packet: &mut rtp::Packet, id: u8, value: &[u8]) {
    // Only numbers and values that a header cannot hold are refused; without them the packet is as good.
    let _ = packet.header.set_extension(id, Bytes::copy_from_slice(value));
}

/// The thin form alone where the path is narrow, together with what came before it where packets are lost and the other side
/// understands that (it has a payload type for it); `None`: the usual form.
fn thin_form(
    protection: Protection,
    (usual, red): (u8, Option<u8>),
    timestamp: u32,
    thin: &Bytes,
    kept: &VecDeque<(u32, Bytes)>,
) -> Option<(u8, Bytes)> {
    if protection == Protection::Thin {
        return Some((usual, thin.clone()));
    }
    let back = |back: &usize| {
        let (at, payload) = kept.get(kept.len().checked_sub(*back)?)?;
        Some((timestamp.wrapping_sub(*at), payload.clone()))
    };
    let copies: Vec<_> = protection.copies().iter().filter_map(back).collect();
    let red = red.filter(|_| !copies.is_empty())?;
    Some((red, red::pack(usual, &copies, thin)))
}

fn send(now: Instant, packet: rtp::Packet, out: &mut Outlet) {
    out.write.push_back(TaggedPacket {
        now,
        transport: TransportContext::default(),
        message: AttributedPacket::new(Packet::Rtp(packet)),
    });
}

impl Stage for Packetizer {
    fn tick(&mut self, now: Instant, out: &mut Outlet) {
        let (waiting, needed) = self.shared.outgoing.take();
        for waiting in waiting {
            for frame in &waiting.frames {
                match frame {
                    Frame::Sound(sound) => self.sound(now, waiting.source, &waiting.wire, sound, out),
                    Frame::Picture(picture) => self.picture(now, waiting.source, &waiting.wire, picture, out),
                }
            }
        }
        for source in needed {
            // Before its first packet there is nothing to decode, and a stream starts with a keyframe.
            let Some(media_ssrc) = self.shared.remote(source) else { continue };
            let sender_ssrc = self.shared.local[source].ssrc;
            Counters::add(&self.shared.counters.keyframes_requested, 1);
            out.send_rtcp(now, vec![Box::new(PictureLossIndication { sender_ssrc, media_ssrc })]);
        }
    }

    fn next_tick(&self) -> Option<Instant> {
        self.shared.outgoing.since()
    }
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;

    use super::*;

    #[test]
    fn each_source_counts_its_own_packets_and_names_its_section() {
        let shared = Arc::new(Shared::of_tests(Instant::now()));
        for (source, mid) in [(Source::Camera, "1"), (Source::Screen, "2")] {
            let mid = Some((4, mid.to_owned()));
            shared
                .outgoing
                .negotiated(source, Some(Wire { payload_type: 96, red: None, audio_level: None, mid }));
        }
        let mut stage = Packetizer::new(shared.clone());
        let mut sequences = [Vec::new(), Vec::new()];
        for n in 0..3u64 {
            for source in [Source::Camera, Source::Screen] {
                // The size may change with every keyframe.
                let data = [vec![0, 0, 0, 1, 0x65], vec![0xa5; 3_000 * (n as usize + 1)]].concat().into();
                let time = MediaTime::from_micros(n * 40_000);
                let picture =
                    EncodedVideo { time, data, keyframe: true, discardable: false, resolution: None };
                shared.outgoing.picture(source, Arc::new(picture), true);
            }
            let mut out = Outlet::default();
            assert!(stage.next_tick().is_some());
            stage.tick(Instant::now(), &mut out);
            assert!(stage.next_tick().is_none());
            for packet in out.write {
                let Packet::Rtp(rtp) = packet.message.packet else { panic!("pictures only") };
                let index = usize::from(rtp.header.ssrc == shared.local[Source::Screen].ssrc);
                let mid = rtp.header.get_extension(4).unwrap();
                assert_eq!(&mid[..], [b"1", b"2"][index]);
                assert_eq!(rtp.header.timestamp, 7 + n as u32 * 3_600);
                assert!(rtp.payload.len() <= MAX_PAYLOAD);
                sequences[index].push((rtp.header.sequence_number, rtp.header.marker));
            }
        }
        for sequences in sequences {
            let first = sequences[0].0;
            let counted =
                sequences.iter().enumerate().all(|(n, (at, _))| *at == first.wrapping_add(n as u16));
            assert!(counted, "{sequences:?}");
            assert_eq!(sequences.iter().filter(|(_, marker)| *marker).count(), 3);
        }
    }

    #[test]
    fn a_keyframe_is_asked_for_of_the_stream_that_needs_it() {
        let shared = Arc::new(Shared::of_tests(Instant::now()));
        let mut stage = Packetizer::new(shared.clone());
        shared.set_remote(Source::Screen, 77);
        shared.outgoing.need_keyframe(Source::Screen);
        shared.outgoing.need_keyframe(Source::Camera);
        let mut out = Outlet::default();
        stage.tick(Instant::now(), &mut out);
        assert_eq!(out.write.len(), 1, "of the camera nothing has come yet");
        let Packet::Rtcp(packets) = &out.write[0].message.packet else { panic!("a request") };
        let pli = packets[0].as_any().downcast_ref::<PictureLossIndication>().unwrap();
        assert_eq!(pli.media_ssrc, 77);
    }

    #[test]
    fn a_path_gets_the_form_of_sound_that_it_needs() {
        let thin = Bytes::from_static(&[0x78; 30]);
        let kept: VecDeque<_> = [(960, thin.clone()), (1_920, thin.clone())].into();
        let form = |protection, red| thin_form(protection, (111, red), 2_880, &thin, &kept);
        assert_eq!(form(Protection::Fec, Some(63)), None);
        assert_eq!(form(Protection::Thin, None), Some((111, thin.clone())));
        assert_eq!(form(Protection::Two, None), None, "nobody there would understand copies");
        let (payload_type, payload) = form(Protection::Two, Some(63)).unwrap();
        let blocks = red::unpack(&payload).unwrap();
        assert_eq!((payload_type, blocks.len()), (63, 3));
        assert!(blocks.iter().all(|block| block.payload == thin));
    }
}
