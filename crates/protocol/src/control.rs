//! The control channel: JSON as text, one object a message.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::identity::ConfirmMac;
use crate::peer_id::PeerId;
use crate::room_code::RoomCode;
use crate::source::Source;

/// Messages larger than this are refused: the largest real one names the members of a locked room.
const MAX_LEN: usize = 16 * 1024;
/// Most members that a lock names.
pub const MAX_LOCK_MEMBERS: usize = 128;

/// What one participant tells another directly, once they are connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlMessage {
    /// The first message: the finished handshake is the one between these two.
    Confirm {
        /// Made from both certificates.
        mac: ConfirmMac,
    },
    /// What the sender sends now; after the confirmation and at every change.
    State {
        /// What is not in it is not sent. Unknown sources are left out.
        #[serde(deserialize_with = "known")]
        streams: Vec<StreamState>,
        /// Since when the sender's hand is raised: milliseconds since 1970 by the sender's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hand: Option<u64>,
        /// Whether the sender records the call.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        recording: bool,
    },
    /// At which size the sender shows the receiver's pictures.
    Want {
        /// Sources that were never named are wanted at any size. Unknown ones are left out.
        #[serde(deserialize_with = "known")]
        streams: Vec<Wanted>,
    },
    /// Shown for a moment.
    Reaction {
        /// Which.
        reaction: Reaction,
    },
    /// The room is locked, or open.
    Lock(Lock),
    /// A newcomer was let in.
    Admit {
        /// Who.
        peer: PeerId,
    },
    /// The long code under which the same people can call each other again.
    Again {
        /// Always a long one.
        #[serde(serialize_with = "write_code", deserialize_with = "read_long_code")]
        code: RoomCode,
    },
    /// The sender leaves.
    Goodbye,
}

/// A source that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Which.
    pub source: Source,
    /// The path to the receiver carries no pictures of it for now.
    #[serde(default)]
    pub paused: bool,
}

/// How large a source is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Which.
    pub source: Source,
    /// In lines; 0 when it is not shown.
    pub height: u16,
}

/// What can be shown for a moment beside somebody's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the pictures")]
pub enum Reaction {
    ThumbsUp,
    Clap,
    Heart,
    Laugh,
    Surprised,
    Party,
}

/// Whether the room is locked, and who is in it. Of two the later change counts, and of two of the same number the locked one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lock {
    /// One more at every change.
    pub change: u32,
    /// Whether newcomers wait.
    pub locked: bool,
    /// Whom the sender has in the room; at most [`MAX_LOCK_MEMBERS`].
    pub members: Vec<PeerId>,
}

/// Leaves out what a later version has added.
fn known<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let values = Vec::<serde_json::Value>::deserialize(from)?;
    Ok(values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect())
}

fn write_code<S: Serializer>(code: &RoomCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(code.plain())
}

fn read_long_code<'de, D: Deserializer<'de>>(from: D) -> Result<RoomCode, D::Error> {
    let code = String::deserialize(from)?.parse::<RoomCode>().ok();
    code.filter(RoomCode::is_long).ok_or_else(|| serde::de::Error::custom("no long code"))
}

/// The bytes are no control message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ControlError {
    /// Longer than any real message.
    #[error("a control message of {0} bytes is too large")]
    TooLarge(usize),
    /// Not JSON, or no message that this version knows.
    #[error("not a control message")]
    Malformed,
}

impl ControlMessage {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> String {
        serde_json::to_string(self)
            .expect("control messages have no map keys or floats that JSON cannot hold")
    }

    /// Reads a message off the channel.
    ///
    /// # Errors
    /// [`ControlError`] when it is too large or not a message of ours; the channel stays usable.
    pub fn decode(bytes: &[u8]) -> Result<Self, ControlError> {
        if bytes.len() > MAX_LEN {
            return Err(ControlError::TooLarge(bytes.len()));
        }
        let message = serde_json::from_slice(bytes).map_err(|_| ControlError::Malformed)?;
        match message {
            Self::Lock(Lock { ref members, .. }) if members.len() > MAX_LOCK_MEMBERS => {
                Err(ControlError::Malformed)
            }
            message => Ok(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_look_as_the_protocol_document_says() {
        let id = PeerId::from_bytes([1; 32]);
        let stream = |source, paused| StreamState { source, paused };
        let streams = vec![stream(Source::Microphone, false), stream(Source::Camera, true)];
        let wanted = vec![Wanted { source: Source::ScreenSound, height: 0 }];
        let looks = [
            (
                ControlMessage::Confirm { mac: ConfirmMac::from_bytes([5; 32]) },
                format!(r#"{{"type":"confirm","mac":"{}"}}"#, "05".repeat(32)),
            ),
            (
                ControlMessage::State { streams, hand: None, recording: false },
                r#"{"type":"state","streams":[{"source":"microphone","paused":false},{"source":"camera","paused":true}]}"#
                    .to_owned(),
            ),
            (
                ControlMessage::State {
                    streams: Vec::new(),
                    hand: Some(1_700_000_000_000),
                    recording: false,
                },
                r#"{"type":"state","streams":[],"hand":1700000000000}"#.to_owned(),
            ),
            (
                ControlMessage::State { streams: Vec::new(), hand: None, recording: true },
                r#"{"type":"state","streams":[],"recording":true}"#.to_owned(),
            ),
            (
                ControlMessage::Want { streams: wanted },
                r#"{"type":"want","streams":[{"source":"screen_sound","height":0}]}"#.to_owned(),
            ),
            (
                ControlMessage::Reaction { reaction: Reaction::ThumbsUp },
                r#"{"type":"reaction","reaction":"thumbs_up"}"#.to_owned(),
            ),
            (
                ControlMessage::Lock(Lock { change: 3, locked: true, members: vec![id] }),
                format!(r#"{{"type":"lock","change":3,"locked":true,"members":["{id}"]}}"#),
            ),
            (ControlMessage::Admit { peer: id }, format!(r#"{{"type":"admit","peer":"{id}"}}"#)),
        ];
        for (message, json) in looks {
            assert_eq!(message.encode(), json);
            assert_eq!(ControlMessage::decode(json.as_bytes()), Ok(message));
        }
        assert_eq!(ControlMessage::decode(br#"{"type":"goodbye"}"#), Ok(ControlMessage::Goodbye));
        let again = ControlMessage::Again { code: "kqz4-m8tr-xp01-2345-6789".parse().unwrap() };
        assert_eq!(again.encode(), r#"{"type":"again","code":"kqz4m8trxp0123456789"}"#);
        assert_eq!(ControlMessage::decode(again.encode().as_bytes()), Ok(again));
    }

    #[test]
    fn only_a_long_code_is_handed_over_and_no_error_repeats_it() {
        for code in ["kqz4m8trxp", "", "kqz4-m8tr-xp01-2345-678u"] {
            let message = format!(r#"{{"type":"again","code":"{code}"}}"#);
            let refused = ControlMessage::decode(message.as_bytes());
            assert_eq!(refused, Err(ControlError::Malformed));
        }
    }

    #[test]
    fn sources_of_a_later_version_are_left_out() {
        let state = br#"{"type":"state","streams":[{"source":"hologram"},{"source":"camera","size":7}]}"#;
        let camera = StreamState { source: Source::Camera, paused: false };
        let known = ControlMessage::State { streams: vec![camera], hand: None, recording: false };
        assert_eq!(ControlMessage::decode(state), Ok(known));
    }

    #[test]
    fn a_lock_names_no_more_than_a_room_can_hold() {
        let ids = |count: usize| vec![PeerId::from_bytes([1; 32]); count];
        let lock =
            |count| ControlMessage::Lock(Lock { change: 1, locked: true, members: ids(count) }).encode();
        assert!(ControlMessage::decode(lock(MAX_LOCK_MEMBERS).as_bytes()).is_ok());
        assert_eq!(
            ControlMessage::decode(lock(MAX_LOCK_MEMBERS + 1).as_bytes()),
            Err(ControlError::Malformed)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert!(ControlMessage::decode(&bytes).is_err());
        }
    }
}
