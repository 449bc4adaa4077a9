//! What participants say to each other, sealed, through the server.

use serde::{Deserialize, Serialize};

/// The plaintext of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PeerMessage {
    /// Who speaks; the first message to every participant, and again when the name changes.
    Hello {
        /// The name that the person chose; may be empty.
        name: String,
    },
    /// An SDP offer, answer or rollback (RFC 8829).
    Description(Description),
    /// A trickled ICE candidate (RFC 8838), or the end of them.
    Candidate(Candidate),
    /// The sender leaves the room of its own will; what comes after it is not acted on.
    Goodbye,
}

/// An SDP description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Offer or answer.
    pub kind: DescriptionKind,
    /// The SDP text.
    pub sdp: String,
    /// Which connection between the two it belongs to: a participant that starts anew after a failure counts up, and
    /// messages of an older connection are dropped.
    pub connection: u32,
}

/// Which half of offer/answer (RFC 3264).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DescriptionKind {
    /// Proposes.
    Offer,
    /// Accepts.
    Answer,
}

/// A trickled ICE candidate; an empty `candidate` is the end of candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The candidate attribute's value, `candidate:…`.
    pub candidate: String,
    /// The media section's identification tag.
    pub sdp_mid: Option<String>,
    /// The media section's index.
    pub sdp_m_line_index: Option<u16>,
    /// The username fragment that it belongs to.
    pub username_fragment: Option<String>,
    /// Which connection between the two it belongs to, as in [`Description::connection`].
    pub connection: u32,
}

/// A STUN or TURN server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URLs (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// TURN user name; empty for STUN.
    #[serde(default)]
    pub username: String,
    /// TURN password; empty for STUN.
    #[serde(default)]
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    // Credentials must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls.len()).finish_non_exhaustive()
    }
}
