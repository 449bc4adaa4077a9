//! How a connection is put together: codecs, chain, settings, sockets.

use std::sync::Arc;
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{ReceiverReportBuilder, Slot, TwccReceiverBuilder, TwccSenderBuilder};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use rtc::sdp::extmap::{AUDIO_LEVEL_URI, SDES_MID_URI, TRANSPORT_CC_URI};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfiguration,
    RTCConfigurationBuilder, RTCIceServer, RTCIceTransportPolicy, Registry, SettingEngine,
    SettingEngineBuilder, SrtpProtectionProfile,
};
use webrtc::runtime::Runtime;

use crate::api::{IceServerConfig, PeerConfig, PeerError};
use crate::bandwidth::Estimator;
use crate::channels::SEND_BUFFER;
use crate::paths::Paths;
use crate::shared::{AUDIO_CLOCK, Shared, VIDEO_CLOCK};
use crate::stages::Staged;
use crate::stages::meter::Meter;
use crate::stages::pacer::Pacer;
use crate::stages::packetizer::Packetizer;
use crate::stages::receive::Receive;
use crate::stages::reports::Reports;
use crate::stages::responder::Responder;
use crate::stages::with_rtx::WithRtx;

/// No answer for this long: say so. Consent checks come every second, so four were lost in a row.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(4);
/// And for this much longer: it will not come back by itself.
const FAILED_AFTER: Duration = Duration::from_secs(11);
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// How often candidate pairs are checked until there is a connection. The library nominates a pair with the next check
/// after it was found to work, so half of this is waited for nothing: with its default of 200 ms joins miss a beat, with
/// libwebrtc's 48 ms they still took 60 ms where 10 do.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// Checks of a pair before it is given up: longer than [`FAILED_AFTER`], since few of them leave (`paths::checks`).
const CHECKS: u16 = 1000;
/// Feedback on arrivals: libwebrtc's 50 to 100 ms; the controller's windows are made for it.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: AUDIO_CLOCK,
        // RFC 7587, section 7: always 2, whatever is sent.
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: feedback(&[("transport-cc", "")]),
    }
}

/// Sound that carries what came before it too (RFC 2198): two or more packets of the codec above.
fn red() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_RED.to_owned(),
        clock_rate: AUDIO_CLOCK,
        channels: 2,
        sdp_fmtp_line: format!("{OPUS_PAYLOAD_TYPE}/{OPUS_PAYLOAD_TYPE}"),
        rtcp_feedback: Vec::new(),
    }
}

pub(crate) fn h264() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_H264.to_owned(),
        clock_rate: VIDEO_CLOCK,
        channels: 0,
        // Constrained baseline: what OpenH264 makes and every browser decodes.
        sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f".to_owned(),
        rtcp_feedback: feedback(&[("transport-cc", ""), ("ccm", "fir"), ("nack", ""), ("nack", "pli")]),
    }
}

fn rtx() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_RTX.to_owned(),
        clock_rate: VIDEO_CLOCK,
        channels: 0,
        sdp_fmtp_line: format!("apt={H264_PAYLOAD_TYPE}"),
        rtcp_feedback: Vec::new(),
    }
}

/// The library has no name for it.
pub(crate) const MIME_TYPE_RED: &str = "audio/red";
/// Payload types that Chromium uses too; the offerer's count.
const OPUS_PAYLOAD_TYPE: u8 = 111;
const RED_PAYLOAD_TYPE: u8 = 63;
const H264_PAYLOAD_TYPE: u8 = 102;
const RTX_PAYLOAD_TYPE: u8 = 103;

fn feedback(kinds: &[(&str, &str)]) -> Vec<RTCPFeedback> {
    let make = |(typ, parameter): &(&str, &str)| RTCPFeedback {
        typ: (*typ).to_owned(),
        parameter: (*parameter).to_owned(),
    };
    kinds.iter().map(make).collect()
}

fn media_engine() -> Result<MediaEngine, webrtc::error::Error> {
    let mut engine = MediaEngine::default();
    for (rtp_codec, payload_type, kind) in [
        (opus(), OPUS_PAYLOAD_TYPE, RtpCodecKind::Audio),
        (red(), RED_PAYLOAD_TYPE, RtpCodecKind::Audio),
        (h264(), H264_PAYLOAD_TYPE, RtpCodecKind::Video),
        (rtx(), RTX_PAYLOAD_TYPE, RtpCodecKind::Video),
    ] {
        engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, kind)?;
    }
    for (uri, kind) in [
        (TRANSPORT_CC_URI, RtpCodecKind::Audio),
        (TRANSPORT_CC_URI, RtpCodecKind::Video),
        (SDES_MID_URI, RtpCodecKind::Audio),
        (SDES_MID_URI, RtpCodecKind::Video),
        (AUDIO_LEVEL_URI, RtpCodecKind::Audio),
    ] {
        let capability = RTCRtpHeaderExtensionCapability { uri: uri.to_owned() };
        engine.register_header_extension(capability, kind, None)?;
    }
    Ok(engine)
}

fn registry(shared: &Arc<Shared>, config: &PeerConfig) -> Registry {
    let estimator = Estimator::new(shared.clone(), config.max_bitrate);
    let twcc = TwccReceiverBuilder::new().with_interval(FEEDBACK_INTERVAL).build();
    Registry::new()
        .with(Slot::from(500), Staged::new(Meter(shared.clone())))
        .with(Slot::CongestionControl, Staged::new(estimator))
        .with(Slot::TwccSender, WithRtx(TwccSenderBuilder::new().build()))
        .with(Slot::Pacer, Staged::new(Pacer::new(shared.clone())))
        .with(Slot::NackResponder, Staged::new(Responder::new(shared.clone())))
        .with(Slot::TwccReceiver, twcc)
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, Staged::new(Reports::new(shared.clone())))
        // After the arrival recorders, which must see retransmissions as what they are.
        .with(Slot::from(12_500), Staged::new(Receive::new(shared.clone())))
        // What it makes passes every other stage.
        .with(Slot::from(13_000), Staged::new(Packetizer::new(shared.clone())))
}

fn settings(mdns: MulticastDnsMode) -> SettingEngine {
    SettingEngineBuilder::new()
        .with_srtp_protection_profiles(vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ])
        .with_ice_timeouts(Some(DISCONNECTED_AFTER), Some(FAILED_AFTER), Some(KEEP_ALIVE))
        .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS))
        .with_host_acceptance_min_wait(Some(Duration::ZERO))
        .with_srflx_acceptance_min_wait(Some(Duration::ZERO))
        .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
        .with_relay_acceptance_min_wait(Some(Duration::ZERO))
        // What the library takes for its sockets is at loopback addresses, and stays.
        .with_include_loopback_candidate(true)
        .with_multicast_dns_mode(mdns)
        .build()
}

/// With the relays as they are shown to the library now.
pub(crate) fn configuration(config: &PeerConfig, paths: &Paths) -> RTCConfiguration {
    let server = |server: IceServerConfig| RTCIceServer {
        urls: server.urls,
        username: server.username,
        credential: server.credential,
    };
    let policy = if config.relay_only { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All };
    RTCConfigurationBuilder::new()
        .with_ice_servers(paths.relays.servers().into_iter().map(server).collect())
        .with_ice_transport_policy(policy)
        .build()
}

pub(crate) async fn build(
    config: &PeerConfig,
    paths: &Paths,
    shared: &Arc<Shared>,
    handler: Arc<dyn PeerConnectionEventHandler>,
    runtime: Arc<dyn Runtime>,
    mdns: bool,
) -> Result<Box<dyn PeerConnection>, PeerError> {
    // The library's own words may name addresses, and errors reach logs.
    let setup = |step: &'static str| move |_: webrtc::error::Error| PeerError::Setup(step);
    let mdns = if mdns { MulticastDnsMode::QueryOnly } else { MulticastDnsMode::Disabled };
    let connection = PeerConnectionBuilder::new()
        .with_configuration(configuration(config, paths))
        .with_media_engine(media_engine().map_err(setup("the codecs"))?)
        .with_interceptor_registry(registry(shared, config))
        .with_setting_engine(settings(mdns))
        .with_data_channel_send_buffer_limit(SEND_BUFFER)
        .with_handler(handler)
        .with_runtime(runtime)
        .with_udp_addrs(Paths::stand_in_addresses())
        .build()
        .await
        .map_err(setup("the sockets"))?;
    Ok(Box::new(connection))
}
