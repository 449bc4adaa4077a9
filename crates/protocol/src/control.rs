//! The control channel: a reliable, ordered data channel named `control`, JSON as text, one object a message.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::room_code::RoomCode;

/// Messages larger than this are refused: the largest real one is under 200 bytes.
const MAX_LEN: usize = 4096;

/// What one participant tells another directly, once they are connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlMessage {
    /// What the sender sends now; sent when the channel opens and at every change.
    State {
        /// Whether sound is sent.
        microphone: bool,
        /// Whether pictures are sent.
        camera: bool,
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
        serde_json::from_slice(bytes).map_err(|_| ControlError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_look_as_the_protocol_document_says() {
        let state = ControlMessage::State { microphone: true, camera: false };
        assert_eq!(state.encode(), r#"{"type":"state","microphone":true,"camera":false}"#);
        assert_eq!(ControlMessage::decode(state.encode().as_bytes()), Ok(state));
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

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert!(ControlMessage::decode(&bytes).is_err());
        }
    }
}
