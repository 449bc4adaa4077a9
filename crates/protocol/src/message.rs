//! What participants say to each other, sealed, through the server.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::MAX_NAME_LEN;

/// Longest candidate attribute, in bytes: RFC 8839's grammar needs about 200 with every extension.
const MAX_CANDIDATE_LEN: usize = 1024;

/// The plaintext of an envelope.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl PeerMessage {
    /// The message as JSON.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("peer messages have no map keys or floats that JSON cannot hold")
    }

    /// Reads JSON; `None` when it is no message that this version knows, or a field is longer than any real one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let message = serde_json::from_slice(bytes).ok()?;
        let sound = match &message {
            Self::Hello { name } => name.len() <= MAX_NAME_LEN,
            Self::Candidate(candidate) => {
                let tags = [&candidate.sdp_mid, &candidate.username_fragment];
                candidate.candidate.len() <= MAX_CANDIDATE_LEN
                    && tags.into_iter().flatten().all(|tag| tag.len() <= MAX_CANDIDATE_LEN)
            }
            Self::Description(_) | Self::Goodbye => true,
        };
        sound.then_some(message)
    }
}

impl fmt::Debug for PeerMessage {
    // Names and addresses must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello { .. } => f.write_str("Hello(..)"),
            Self::Description(description) => description.fmt(f),
            Self::Candidate(candidate) => candidate.fmt(f),
            Self::Goodbye => f.write_str("Goodbye"),
        }
    }
}

/// An SDP description. `Debug` does not show the SDP, which holds addresses.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Offer or answer.
    pub kind: DescriptionKind,
    /// The SDP text.
    pub sdp: String,
    /// Which connection between the two it belongs to: a participant that starts anew after a failure counts up, and
    /// messages of an older connection are dropped.
    pub connection: u32,
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Description")
            .field("kind", &self.kind)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
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

/// A trickled ICE candidate; an empty `candidate` is the end of candidates. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("end", &self.candidate.is_empty())
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
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

impl fmt::Debug for IceServer {
    // Credentials must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn debug_shows_no_name_no_address_and_no_credential() {
        let description =
            Description { kind: DescriptionKind::Offer, sdp: "o=- SECRET".into(), connection: 1 };
        let candidate = Candidate {
            candidate: "candidate:1 1 udp 1 SECRET 9 typ host".into(),
            sdp_mid: Some("SECRET".into()),
            sdp_m_line_index: Some(0),
            username_fragment: Some("SECRET".into()),
            connection: 1,
        };
        let server = IceServer {
            urls: vec!["turn:SECRET".into()],
            username: "SECRET".into(),
            credential: "SECRET".into(),
        };
        let messages = [
            PeerMessage::Hello { name: "SECRET".into() },
            PeerMessage::Description(description),
            PeerMessage::Candidate(candidate),
        ];
        let text = format!("{messages:?} {server:?}");
        assert!(!text.contains("SECRET"), "{text}");
        assert!(text.contains("Offer"), "{text}");
    }

    #[test]
    fn a_message_with_a_field_of_absurd_length_is_refused() {
        let long = PeerMessage::Hello { name: "x".repeat(MAX_NAME_LEN + 1) };
        assert_eq!(PeerMessage::decode(&long.encode()), None);
        let fits = PeerMessage::Hello { name: "x".repeat(MAX_NAME_LEN) };
        assert_eq!(PeerMessage::decode(&fits.encode()), Some(fits));
    }

    #[test]
    fn unknown_fields_are_ignored_and_unknown_messages_refused() {
        let hello = PeerMessage::Hello { name: "Ada".into() };
        assert_eq!(PeerMessage::decode(br#"{"type":"hello","name":"Ada","mood":"fine"}   "#), Some(hello));
        assert_eq!(PeerMessage::decode(br#"{"type":"wave"}"#), None);
    }

    /// JSON that is nearly a message: the right fields with values of any kind and length.
    fn nearly() -> impl Strategy<Value = serde_json::Value> {
        let value = prop_oneof![
            ".{0,20}".prop_map(serde_json::Value::from),
            (0..3_000usize).prop_map(|len| "x".repeat(len).into()),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            any::<bool>().prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
            Just(serde_json::json!(["a", { "b": [] }])),
            "offer|answer|rollback".prop_map(serde_json::Value::from),
        ];
        let field = "name|kind|sdp|connection|candidate|sdp_mid|sdp_m_line_index|username_fragment|type";
        let kind = "hello|description|candidate|goodbye|wave";
        (kind, prop::collection::vec((field, value), 0..8)).prop_map(|(kind, fields)| {
            let mut message: serde_json::Map<_, _> = fields.into_iter().collect();
            message.entry("type").or_insert_with(|| kind.into());
            message.into()
        })
    }

    proptest! {
        #[test]
        fn whatever_is_understood_means_the_same_when_it_is_said_again(json in nearly()) {
            if let Some(message) = PeerMessage::decode(json.to_string().as_bytes()) {
                prop_assert_eq!(PeerMessage::decode(&message.encode()), Some(message));
            }
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(PeerMessage::decode(&bytes), None);
        }
    }
}
