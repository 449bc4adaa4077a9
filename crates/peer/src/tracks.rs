//! The sections of our descriptions: one for each source, and what was negotiated for it.

use std::sync::Arc;

use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::sdp::extmap::{AUDIO_LEVEL_URI, SDES_MID_URI};
use tincan_protocol::Source;
use webrtc::error::Error;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::PeerConnection;
use webrtc::rtp_transceiver::RtpSender;

use crate::outgoing::Wire;
use crate::setup::{self, MIME_TYPE_RED};
use crate::shared::Shared;
use crate::sources::{PerSource, Sections};

/// The library's senders. They only make the sections and say what was negotiated: packets go past them
/// ([`Outgoing`](crate::outgoing::Outgoing)).
#[derive(Default)]
pub(crate) struct Tracks(PerSource<Option<Arc<dyn RtpSender>>>);

impl Tracks {
    /// Makes the sections that our first description has, in the order of the sources: all of them in an offer, in an answer
    /// those that were offered. Nothing is ever added later.
    pub(crate) async fn prepare(
        &mut self,
        connection: &dyn PeerConnection,
        shared: &Shared,
        offered: Option<&Sections>,
    ) -> Result<(), Error> {
        if self.0.iter().any(|(_, sender)| sender.is_some()) {
            return Ok(());
        }
        for source in Source::ALL {
            if offered.is_none_or(|offered| offered[source].is_some()) {
                let track = Arc::new(TrackLocalStaticRTP::new(track(shared, source)));
                self.0[source] = Some(connection.add_track(track).await?);
            }
        }
        Ok(())
    }

    /// Reads what was negotiated, of the sections that the other side has too.
    pub(crate) async fn negotiated(&self, shared: &Shared, theirs: &Sections) -> Result<(), Error> {
        for source in Source::ALL {
            let wire = match (&self.0[source], &theirs[source]) {
                (Some(sender), Some(section)) => wire(sender.as_ref(), source, &section.mid).await?,
                _ => None,
            };
            shared.outgoing.negotiated(source, wire);
        }
        Ok(())
    }
}

fn track(shared: &Shared, source: Source) -> MediaStreamTrack {
    let stream = &shared.local[source];
    let coding = RTCRtpCodingParameters {
        ssrc: Some(stream.ssrc),
        rtx: stream.rtx.map(|ssrc| RTCRtpRtxParameters { ssrc }),
        ..Default::default()
    };
    let (kind, codec) = if source.is_video() {
        (RtpCodecKind::Video, setup::h264())
    } else {
        (RtpCodecKind::Audio, setup::opus())
    };
    let encoding =
        RTCRtpEncodingParameters { rtp_coding_parameters: coding, active: true, codec, ..Default::default() };
    // What belongs together is one stream: a browser plays it in step.
    let (stream, label) = match source {
        Source::Microphone => ("tincan", "microphone"),
        Source::Camera => ("tincan", "camera"),
        Source::Screen => ("tincan-screen", "screen"),
        Source::ScreenSound => ("tincan-screen", "screen-sound"),
    };
    MediaStreamTrack::new(
        stream.to_owned(),
        format!("tincan-{label}"),
        label.to_owned(),
        kind,
        vec![encoding],
    )
}

async fn wire(sender: &dyn RtpSender, source: Source, mid: &str) -> Result<Option<Wire>, Error> {
    let parameters = sender.get_parameters().await?.rtp_parameters;
    let mime_type = if source.is_video() { "video/h264" } else { "audio/opus" };
    let of = |mime: &str| parameters.codecs.iter().find(|c| c.rtp_codec.mime_type.eq_ignore_ascii_case(mime));
    let codec = of(mime_type);
    let red = of(MIME_TYPE_RED).filter(|_| source == Source::Microphone);
    let extension = |uri| {
        let found = parameters.header_extensions.iter().find(|extension| extension.uri == uri);
        found.and_then(|extension| u8::try_from(extension.id).ok())
    };
    Ok(codec.map(|codec| Wire {
        payload_type: codec.payload_type,
        red: red.map(|red| red.payload_type),
        audio_level: extension(AUDIO_LEVEL_URI),
        mid: extension(SDES_MID_URI).filter(|_| !mid.is_empty()).map(|id| (id, mid.to_owned())),
    }))
}
