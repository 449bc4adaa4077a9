//! What participants say to each other, sealed, through the server.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::MAX_NAME_LEN;

/// Longest candidate attribute, in bytes: RFC 8839's grammar needs about 200 with every extension.
const MAX_CANDIDATE_LEN: usize = 1024;
/// Most candidates in one message.
pub const MAX_CANDIDATES: usize = 32;
/// Most features that one participant names, and the longest name of one in bytes.
const MAX_FEATURES: usize = 32;

/// The plaintext of a numbered envelope.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PeerMessage {
    /// Who speaks; the first message to every participant, and again when the name changes.
    Hello {
        /// The name that the person chose; may be empty.
        name: String,
        /// What the sender understands beyond what the protocol demands. Unknown ones are ignored.
        #[serde(default)]
        features: Vec<String>,
        /// The room is locked, and the receiver is to wait until somebody lets them in.
        #[serde(default, skip_serializing_if = "is_false")]
        locked: bool,
    },
    /// An SDP offer or answer (RFC 8829).
    Description(Description),
    /// Trickled ICE candidates (RFC 8838), or the end of them.
    Candidates(Candidates),
    /// The sender does not let the receiver in.
    Refused,
    /// The sender leaves the room of its own will; what comes after it is not acted on.
    Goodbye,
}

// serde hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

impl PeerMessage {
    /// A greeting of somebody who understands nothing beyond what is demanded.
    pub fn hello(name: &str) -> Self {
        Self::Hello { name: name.to_owned(), features: Vec::new(), locked: false }
    }

    /// The message as JSON.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("peer messages have no map keys or floats that JSON cannot hold")
    }

    /// Reads JSON; `None` when it is no message that this version knows, or a field is longer than any real one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let message = serde_json::from_slice(bytes).ok()?;
        let sound = match &message {
            Self::Hello { name, features, .. } => {
                name.len() <= MAX_NAME_LEN
                    && features.len() <= MAX_FEATURES
                    && features.iter().all(|feature| feature.len() <= MAX_FEATURES)
            }
            Self::Candidates(Candidates { candidates, .. }) => {
                (1..=MAX_CANDIDATES).contains(&candidates.len()) && candidates.iter().all(Candidate::is_sound)
            }
            Self::Description(_) | Self::Refused | Self::Goodbye => true,
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
            Self::Candidates(candidates) => candidates.fmt(f),
            Self::Refused => f.write_str("Refused"),
            Self::Goodbye => f.write_str("Goodbye"),
        }
    }
}

/// The plaintext of an envelope without a number: what the sender has received from the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acknowledgement {
    /// The number of the last message that was taken; 0 for none.
    pub received: u64,
    /// What follows it is wanted again, now.
    pub resend: bool,
}

/// serde writes a struct's type and does not look at it when it reads; an enum's it does.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Unnumbered {
    Ack {
        received: u64,
        #[serde(default, skip_serializing_if = "is_false")]
        resend: bool,
    },
}

impl Acknowledgement {
    /// The acknowledgement as JSON.
    pub fn encode(self) -> Vec<u8> {
        let Self { received, resend } = self;
        serde_json::to_vec(&Unnumbered::Ack { received, resend }).expect("JSON holds a number and a word")
    }

    /// Reads JSON; `None` when it is no acknowledgement.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let Unnumbered::Ack { received, resend } = serde_json::from_slice(bytes).ok()?;
        Some(Self { received, resend })
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

/// Trickled ICE candidates of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidates {
    /// One to [`MAX_CANDIDATES`].
    pub candidates: Vec<Candidate>,
    /// Which connection between the two they belong to, as in [`Description::connection`].
    pub connection: u32,
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
}

impl Candidate {
    fn is_sound(&self) -> bool {
        let tags = [&self.sdp_mid, &self.username_fragment];
        self.candidate.len() <= MAX_CANDIDATE_LEN
            && tags.into_iter().flatten().all(|tag| tag.len() <= MAX_CANDIDATE_LEN)
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("end", &self.candidate.is_empty()).finish_non_exhaustive()
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
        };
        let candidates = Candidates { candidates: vec![candidate], connection: 1 };
        let server = IceServer {
            urls: vec!["turn:SECRET".into()],
            username: "SECRET".into(),
            credential: "SECRET".into(),
        };
        let messages = [
            PeerMessage::hello("SECRET"),
            PeerMessage::Description(description),
            PeerMessage::Candidates(candidates),
        ];
        let text = format!("{messages:?} {server:?}");
        assert!(!text.contains("SECRET"), "{text}");
        assert!(text.contains("Offer"), "{text}");
    }

    #[test]
    fn a_message_with_a_field_of_absurd_length_is_refused() {
        let long = PeerMessage::hello(&"x".repeat(MAX_NAME_LEN + 1));
        assert_eq!(PeerMessage::decode(&long.encode()), None);
        let fits = PeerMessage::hello(&"x".repeat(MAX_NAME_LEN));
        assert_eq!(PeerMessage::decode(&fits.encode()), Some(fits));
    }

    #[test]
    fn messages_look_as_the_protocol_document_says() {
        let json = |message: PeerMessage| String::from_utf8(message.encode()).unwrap();
        assert_eq!(json(PeerMessage::hello("Ada")), r#"{"type":"hello","name":"Ada","features":[]}"#);
        let wait = PeerMessage::Hello { name: String::new(), features: vec!["chat".into()], locked: true };
        assert_eq!(json(wait), r#"{"type":"hello","name":"","features":["chat"],"locked":true}"#);
        let candidate = Candidate {
            candidate: String::new(),
            sdp_mid: None,
            sdp_m_line_index: Some(0),
            username_fragment: None,
        };
        let candidates = Candidates { candidates: vec![candidate], connection: 3 };
        assert_eq!(
            json(PeerMessage::Candidates(candidates)),
            r#"{"type":"candidates","candidates":[{"candidate":"","sdp_mid":null,"sdp_m_line_index":0,"username_fragment":null}],"connection":3}"#
        );
        let acknowledged =
            |acknowledgement: Acknowledgement| String::from_utf8(acknowledgement.encode()).unwrap();
        let plain = Acknowledgement { received: 7, resend: false };
        assert_eq!(acknowledged(plain), r#"{"type":"ack","received":7}"#);
        let resend = Acknowledgement { received: 0, resend: true };
        assert_eq!(acknowledged(resend), r#"{"type":"ack","received":0,"resend":true}"#);
        assert_eq!(Acknowledgement::decode(acknowledged(resend).as_bytes()), Some(resend));
        assert_eq!(Acknowledgement::decode(br#"{"type":"nack","received":7}"#), None);
    }

    #[test]
    fn unknown_fields_are_ignored_and_unknown_messages_refused() {
        let hello = PeerMessage::hello("Ada");
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
            Just(serde_json::json!([{ "candidate": "a" }, { "candidate": "" }])),
            "offer|answer|rollback".prop_map(serde_json::Value::from),
        ];
        let field = "name|features|locked|kind|sdp|connection|candidates|candidate|sdp_mid|sdp_m_line_index|username_fragment|type";
        let kind = "hello|description|candidates|refused|goodbye|wave";
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
