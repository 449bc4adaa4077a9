//! The control channel: a reliable, ordered data channel named `control`, JSON as text, one object a message.

use serde::{Deserialize, Serialize};
use thiserror::Error;

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
    /// The sender leaves.
    Goodbye,
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
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert!(ControlMessage::decode(&bytes).is_err());
        }
    }
}
