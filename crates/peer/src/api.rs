//! The contract between a connection and its owner.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;
use tincan_media::audio::{EncodedAudio, red::Protection};
use tincan_media::video::EncodedVideo;
use tincan_media::{Bitrate, MediaClock};
use tincan_protocol::{CertificateDigest, Channel, Source};

/// How to open a connection.
#[derive(Clone)]
pub struct PeerConfig {
    /// STUN and TURN servers.
    pub ice_servers: Vec<IceServerConfig>,
    /// Use TURN relays only: no address of this machine leaves it.
    pub relay_only: bool,
    /// Gather on loopback interfaces too (calls between two programs of one machine without a network; tests).
    pub include_loopback: bool,
    /// Largest rate for the sum of all sources.
    pub max_bitrate: Bitrate,
    /// The process's media timeline.
    pub clock: MediaClock,
    /// Polite side of perfect negotiation (RFC 8829 glare; the W3C pattern).
    pub polite: bool,
}

/// A STUN or TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServerConfig {
    /// `stun:`, `turn:` or `turns:` URLs.
    pub urls: Vec<String>,
    /// TURN user name.
    pub username: String,
    /// TURN password.
    pub credential: String,
}

impl IceServerConfig {
    /// Whether its URLs can be used: the library would only log one that cannot, in the middle of a call.
    ///
    /// # Errors
    /// [`PeerError::IceServers`] says what is wrong, without repeating the URL.
    pub fn check(&self) -> Result<(), PeerError> {
        for url in &self.urls {
            rtc::ice::url::Url::parse_url(url)
                .map_err(|_| PeerError::IceServers("an address cannot be used"))?;
        }
        Ok(())
    }
}

/// An SDP description: `offer` or answer.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// Offer (true) or answer.
    pub offer: bool,
    /// SDP text.
    pub sdp: String,
}

/// A trickled candidate; an empty `candidate` ends them.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCandidate {
    /// `candidate:…`.
    pub candidate: String,
    /// Media section.
    pub sdp_mid: Option<String>,
    /// Media section's index.
    pub sdp_m_line_index: Option<u16>,
    /// Username fragment.
    pub username_fragment: Option<String>,
}

/// What a connection tells its owner.
pub enum PeerEvent {
    /// Send this description to the other side.
    LocalDescription(SessionDescription),
    /// Send this candidate to the other side.
    LocalCandidate(IceCandidate),
    /// The connection as a whole changed.
    State(PeerState),
    /// A channel can be used. Control opens by itself, when the certificates are known; the others when they were asked for
    /// and the other side is confirmed.
    ChannelOpen(Channel),
    /// A message. Before the other side is confirmed there are none but on the control channel.
    ChannelMessage {
        /// Where it came.
        channel: Channel,
        /// What it says.
        data: Bytes,
    },
    /// One RTP packet (Opus, or an RFC 6184 payload of H.264), in arrival order, duplicates and reordering included. RTX
    /// is already undone. Only of a confirmed side.
    Media {
        /// Of what.
        source: Source,
        /// The packet.
        packet: RtpPacket,
    },
    /// The other side's clocks: RTP time `rtp` was at the NTP time `ntp` (RTCP sender report).
    SenderReport {
        /// Of which stream.
        source: Source,
        /// NTP 32.32 fixed point.
        ntp: u64,
        /// RTP time of that instant.
        rtp: u32,
    },
    /// The other side cannot go on without a keyframe of this source (PLI or FIR), rate-limited; or one that was to be sent
    /// was dropped.
    KeyframeRequested(Source),
    /// What the network takes now, for the sum of all sources, and the share of packets lost (0 to 1).
    Target {
        /// Rate to send at.
        bitrate: Bitrate,
        /// Share of packets lost on the way to the other side.
        loss: f32,
        /// What the microphone's sound is protected by on this way.
        protection: Protection,
    },
}

/// A received media packet.
#[derive(Debug, Clone)]
pub struct RtpPacket {
    /// Sequence number.
    pub sequence: u16,
    /// RTP time (48 kHz or 90 kHz).
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// Payload.
    pub payload: Bytes,
    /// When it arrived.
    pub arrived: Instant,
    /// RFC 6464 level, 0 loudest to 127 silent.
    pub audio_level: Option<u8>,
    /// Whether it was a retransmission.
    pub recovered: bool,
}

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// Looking for a path.
    Connecting,
    /// Media flows.
    Connected,
    /// No answer from the other side for some seconds; it may come back by itself or by an ICE restart.
    Disconnected,
    /// It will not come back: open a new connection.
    Failed,
    /// Closed by us.
    Closed,
}

/// One second's statistics of one connection. Rates are over the last second, counters since the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PeerStatistics {
    /// Round trip, from RTCP or ICE.
    pub round_trip: Option<Duration>,
    /// Share of our packets that were lost, 0 to 1, from the other side's reports.
    pub loss_sent: f32,
    /// Share of the other side's packets that were lost, before retransmission, 0 to 1.
    pub loss_received: f32,
    /// Interarrival jitter (RFC 3550) of each source that was ever received.
    pub jitter: BTreeMap<Source, Duration>,
    /// Sent in total (payload and RTP headers).
    pub sent: Bitrate,
    /// Received in total.
    pub received: Bitrate,
    /// Of what is sent, sound.
    pub sound_sent: Bitrate,
    /// Of what is received, sound.
    pub sound_received: Bitrate,
    /// The network's estimated capacity.
    pub available: Bitrate,
    /// NACKs sent, retransmissions received, PLIs sent and received, retransmissions sent.
    pub nacks_sent: u64,
    /// Packets that came by retransmission.
    pub recovered: u64,
    /// Retransmissions that we sent.
    pub retransmitted: u64,
    /// Keyframes that we asked for.
    pub keyframes_requested: u64,
    /// Keyframes that the other side asked for.
    pub keyframe_requests: u64,
    /// Kind of the selected pair: `host`, `srflx`, `prflx` or `relay`, ours and theirs.
    pub path: Option<(String, String)>,
}

/// What is to be sent, shared by every connection of the room.
pub type SharedVideo = Arc<EncodedVideo>;
/// What is to be sent, shared by every connection of the room.
pub type SharedAudio = Arc<EncodedAudio>;

/// What became of something that was handed over to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It leaves next.
    Queued,
    /// It was dropped: there is no connection, or the other side is not confirmed or has no section for this source; or
    /// the queue is full, or it is a picture between a drop and the next keyframe. [`PeerEvent::KeyframeRequested`] says when
    /// a keyframe can be sent after a drop.
    Dropped,
}

/// The certificates of the finished DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificates {
    /// Ours.
    pub local: CertificateDigest,
    /// Theirs.
    pub remote: CertificateDigest,
}

/// Why a connection cannot be opened or does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PeerError {
    /// No socket, no certificate or the like; which part. Never the library's words: they name addresses.
    #[error("The connection could not be set up ({0}). Check the network and try again.")]
    Setup(&'static str),
    /// An ICE server's URL does not parse.
    #[error("The STUN or TURN server list is wrong: {0}. Correct it in the settings.")]
    IceServers(&'static str),
    /// The connection has been closed.
    #[error("The connection is closed. Open a new one.")]
    Closed,
    /// What the other side sent does not parse or does not fit; at which step.
    #[error("The two sides could not agree on a connection ({0}). Leave and join again.")]
    Refused(&'static str),
    /// The other side's description names no certificate, or more than one, or another than before.
    #[error(
        "The other side did not say clearly who it is, as if somebody sat between you. Leave the call, and start a new \
         one with a new code."
    )]
    Certificate,
    /// The channel is not open yet, or takes nothing more now.
    #[error("The channel takes nothing now. Try again in a moment.")]
    ChannelBusy,
    /// Longer than a message may be.
    #[error("A message may have {limit} bytes, but this one has {length}. Send less at once.")]
    MessageTooLong {
        /// What it has.
        length: usize,
        /// What it may have.
        limit: usize,
    },
    /// A control message that is not UTF-8.
    #[error("A control message is text, but this one is not. This is a fault of the program.")]
    NotText,
}

impl PeerError {
    /// A stable identifier for the UI and for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Setup(_) => "peer_setup",
            Self::IceServers(_) => "peer_ice_servers",
            Self::Closed => "peer_closed",
            Self::Refused(_) => "peer_refused",
            Self::Certificate => "peer_certificate",
            Self::ChannelBusy => "peer_channel_busy",
            Self::MessageTooLong { .. } => "peer_message_too_long",
            Self::NotText => "peer_not_text",
        }
    }
}
