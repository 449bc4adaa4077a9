//! Turns what the encoders made into RTP packets of this connection.

use std::sync::Arc;

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::sdp::extmap::AUDIO_LEVEL_URI;
use tincan_media::audio::EncodedAudio;
use tincan_media::video::{EncodedVideo, packetize};
use webrtc::error::Error;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::PeerConnection;
use webrtc::rtp_transceiver::RtpSender;

use crate::setup;
use crate::shared::{LocalStream, Shared};

/// Largest RTP payload. libwebrtc keeps RTP packets below 1,200 bytes, which passes every tunnel; off go the header
/// (12), our extensions (12), the authentication tag (16) and the number that a retransmission carries (2).
const MAX_PAYLOAD: usize = 1_158;

/// One of the two senders.
struct Sender {
    stream: LocalStream,
    track: Arc<TrackLocalStaticRTP>,
    sender: Arc<dyn RtpSender>,
    sequence: u16,
    /// What was negotiated; nothing is sent before.
    payload_type: Option<u8>,
    audio_level: Option<u8>,
}

/// Both senders of a connection.
pub(crate) struct Outgoing {
    audio: Sender,
    video: Sender,
}

impl Outgoing {
    /// Adds both tracks, sound first: that is the order of the media sections.
    pub(crate) async fn new(connection: &dyn PeerConnection, shared: &Shared) -> Result<Self, Error> {
        let audio =
            Sender::new(connection, shared.audio, "audio", RtpCodecKind::Audio, setup::opus()).await?;
        let video =
            Sender::new(connection, shared.video, "video", RtpCodecKind::Video, setup::h264()).await?;
        Ok(Self { audio, video })
    }

    /// Reads what was negotiated.
    pub(crate) async fn negotiated(&mut self) -> Result<(), Error> {
        self.audio.negotiated("audio/opus").await?;
        self.video.negotiated("video/h264").await
    }

    pub(crate) async fn send_audio(&mut self, audio: &EncodedAudio) -> Result<(), Error> {
        let timestamp = self.audio.stream.rtp_time(audio.time);
        let Some(mut packet) = self.audio.packet(timestamp, false, audio.payload.clone()) else {
            return Ok(());
        };
        if let Some(id) = self.audio.audio_level {
            // RFC 6464, section 3: voice activity, then the level.
            let level = u8::from(audio.voice) << 7 | audio.level.min(127);
            packet.header.set_extension(id, Bytes::copy_from_slice(&[level]))?;
        }
        self.audio.track.write_rtp(packet).await
    }

    pub(crate) async fn send_video(&mut self, video: &EncodedVideo) -> Result<(), Error> {
        let timestamp = self.video.stream.rtp_time(video.time);
        let payloads = packetize(video, MAX_PAYLOAD);
        let last = payloads.len().saturating_sub(1);
        for (i, payload) in payloads.into_iter().enumerate() {
            let Some(packet) = self.video.packet(timestamp, i == last, payload) else { return Ok(()) };
            self.video.track.write_rtp(packet).await?;
        }
        Ok(())
    }

    pub(crate) async fn send_rtcp(&self, packet: Box<dyn rtc::rtcp::Packet>) -> Result<(), Error> {
        self.video.track.write_rtcp(vec![packet]).await
    }
}

impl Sender {
    async fn new(
        connection: &dyn PeerConnection,
        stream: LocalStream,
        label: &str,
        kind: RtpCodecKind,
        codec: RTCRtpCodec,
    ) -> Result<Self, Error> {
        let coding = RTCRtpCodingParameters {
            ssrc: Some(stream.ssrc),
            rtx: stream.rtx.map(|ssrc| RTCRtpRtxParameters { ssrc }),
            ..Default::default()
        };
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: coding,
            active: true,
            codec,
            ..Default::default()
        };
        let track = MediaStreamTrack::new(
            // One stream: a browser plays both in step.
            "tincan".to_owned(),
            format!("tincan-{label}"),
            label.to_owned(),
            kind,
            vec![encoding],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let sender = connection.add_track(track.clone()).await?;
        Ok(Self { stream, track, sender, sequence: rand::random(), payload_type: None, audio_level: None })
    }

    async fn negotiated(&mut self, mime_type: &str) -> Result<(), Error> {
        let parameters = self.sender.get_parameters().await?.rtp_parameters;
        self.payload_type = parameters
            .codecs
            .iter()
            .find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime_type))
            .map(|codec| codec.payload_type);
        self.audio_level = parameters
            .header_extensions
            .iter()
            .find(|extension| extension.uri == AUDIO_LEVEL_URI)
            .and_then(|extension| u8::try_from(extension.id).ok());
        Ok(())
    }

    fn packet(&mut self, timestamp: u32, marker: bool, payload: Bytes) -> Option<rtp::Packet> {
        let payload_type = self.payload_type?;
        self.sequence = self.sequence.wrapping_add(1);
        let header = rtp::header::Header {
            version: 2,
            marker,
            payload_type,
            sequence_number: self.sequence,
            timestamp,
            ssrc: self.stream.ssrc,
            ..Default::default()
        };
        Some(rtp::Packet { header, payload })
    }
}
