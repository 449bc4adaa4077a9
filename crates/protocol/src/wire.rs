//! What client and server say to each other: JSON, one message in a WebSocket text frame.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::envelope::Envelope;
use crate::identity::{Challenge, JoinProof};
use crate::message::IceServer;
use crate::peer_id::PeerId;
use crate::room_id::RoomId;

/// This protocol's version.
pub const PROTOCOL_VERSION: u32 = 2;
/// The WebSocket subprotocol of this version.
pub const SUBPROTOCOL: &str = "tincan.v2";
/// Where the WebSocket is, below the server's address.
pub const SIGNAL_PATH: &str = "v2/signal";
/// Largest WebSocket message in either direction.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;
/// Most participants that a client takes from a server, far above any room: a server must not be able to make a
/// client's lists grow without bound.
pub const MAX_PEERS: usize = 256;
/// mDNS service type of local calls.
pub const MDNS_SERVICE: &str = "_tincan._tcp.local.";

/// Whether the room must exist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Make the room if it is not there; otherwise join it. A client that was in the room once comes back with this,
    /// because a restarted server knows no rooms.
    Create,
    /// Join a room that exists: a mistyped code must not leave somebody waiting alone.
    Join,
}

/// The bytes are no message of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// Larger than [`MAX_MESSAGE_LEN`].
    #[error("a message of {0} bytes is too large")]
    TooLarge(usize),
    /// Not JSON, or no message that this version knows.
    #[error("not a message of this protocol")]
    Malformed,
}

/// What a client tells the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The answer to the challenge: take a place in a room, or take it back.
    Join {
        /// [`PROTOCOL_VERSION`].
        version: u32,
        /// Which room.
        room: RoomId,
        /// Who the client is, for this stay.
        peer: PeerId,
        /// That the client has the secret of `peer`.
        proof: JoinProof,
        /// Whether the room must exist.
        intent: Intent,
    },
    /// Pass an envelope on.
    Relay {
        /// To whom.
        to: PeerId,
        /// What the server cannot read.
        envelope: Envelope,
    },
    /// Give the place up at once.
    Leave,
}

/// What the server tells a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The first message: what the proof in `join` is made for.
    Challenge {
        /// Fresh for every connection.
        key: Challenge,
    },
    /// A place is taken, or taken back.
    Joined {
        /// Everyone else in the room.
        peers: Vec<PeerId>,
        /// How many the room takes, everybody included.
        capacity: u32,
        /// STUN and TURN servers.
        #[serde(default)]
        ice_servers: Vec<IceServer>,
    },
    /// Somebody came in.
    PeerJoined {
        /// Who.
        peer: PeerId,
    },
    /// Somebody left, or was away for longer than the grace time.
    PeerLeft {
        /// Who.
        peer: PeerId,
    },
    /// An envelope from another participant.
    Relay {
        /// From whom.
        from: PeerId,
        /// What the server cannot read.
        envelope: Envelope,
    },
    /// Fresh credentials, before the ones that were given have expired.
    IceServers {
        /// STUN and TURN servers.
        ice_servers: Vec<IceServer>,
    },
    /// The last message before the server closes the connection.
    Error {
        /// Why.
        code: ErrorCode,
        /// The same for a developer; not to be shown.
        #[serde(default)]
        message: String,
        /// How many the room takes, everybody included, when it is full.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capacity: Option<u32>,
    },
}

macro_rules! json {
    ($type:ty) => {
        impl $type {
            /// The message as it goes into a text frame.
            pub fn encode(&self) -> String {
                serde_json::to_string(self)
                    .expect("messages have no map keys or floats that JSON cannot hold")
            }

            /// Reads a text frame. Unknown fields are ignored.
            ///
            /// # Errors
            /// [`WireError`] when it is too large or no message that this version knows.
            pub fn decode(text: &str) -> Result<Self, WireError> {
                if text.len() > MAX_MESSAGE_LEN {
                    return Err(WireError::TooLarge(text.len()));
                }
                serde_json::from_str(text).map_err(|_| WireError::Malformed)
            }
        }
    };
}
json!(ClientMessage);
json!(ServerMessage);

/// What helps whoever is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Connecting again mends it, at once or in a while.
    Later,
    /// The same request is refused again: somebody has to do something about it.
    Never,
}

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $close:literal, $text:literal, $retry:ident;)+) => {
        /// Why the server ends a connection: the `code` of an `error` message, and the WebSocket's close code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $name,)+
            /// A code that this version does not know.
            #[serde(other)]
            Unknown,
        }

        impl ErrorCode {
            /// Every code that this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The WebSocket close code (RFC 6455, 7.4.2: 4000 to 4999 are the application's).
            pub const fn close_code(self) -> u16 {
                match self {
                    $(Self::$name => $close,)+
                    Self::Unknown => 4999,
                }
            }

            /// The code that a WebSocket was closed with.
            pub fn from_close_code(code: u16) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.close_code() == code)
            }

            /// What helps whoever is refused with it.
            pub const fn retry(self) -> Retry {
                match self {
                    $(Self::$name => Retry::$retry,)+
                    // Whoever adds a code that ends a call has a new version for it.
                    Self::Unknown => Retry::Later,
                }
            }

            /// Its name in JSON, in metrics and towards the window.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Unknown => "unknown",
                }
            }
        }
    };
}

error_codes! {
    /// Not JSON, no known message, or a message at the wrong time.
    Malformed = 4000, "malformed", Never;
    /// A version that the server does not speak.
    Version = 4001, "version", Never;
    /// No such room, and the intent was to join.
    RoomNotFound = 4002, "room_not_found", Never;
    /// The room has as many participants as the server allows.
    RoomFull = 4003, "room_full", Never;
    /// The proof does not fit the peer id, the room and the challenge.
    BadProof = 4004, "bad_proof", Never;
    /// A message larger than 64 KiB.
    TooLarge = 4005, "too_large", Never;
    /// More messages than allowed.
    Rate = 4006, "rate", Later;
    /// The client does not read what it is sent.
    TooSlow = 4007, "too_slow", Later;
    /// No `join` in time.
    JoinTimeout = 4008, "join_timeout", Later;
    /// Nothing was heard from the client for too long.
    Idle = 4009, "idle", Later;
    /// The client took its place back on another connection.
    Replaced = 4010, "replaced", Later;
    /// This address has made too many rooms.
    TooManyRooms = 4011, "too_many_rooms", Later;
    /// The server is full.
    Busy = 4012, "busy", Later;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_look_as_the_protocol_document_says() {
        let id = PeerId::from_bytes([1; 32]);
        let join = ClientMessage::Join {
            version: 2,
            room: RoomId::from_bytes([0xab; 16]),
            peer: id,
            proof: JoinProof::from_bytes([5; 32]),
            intent: Intent::Create,
        };
        assert_eq!(
            join.encode(),
            format!(
                r#"{{"type":"join","version":2,"room":"{}","peer":"{id}","proof":"{}","intent":"create"}}"#,
                "ab".repeat(16),
                "05".repeat(32)
            )
        );
        assert_eq!(ClientMessage::Leave.encode(), r#"{"type":"leave"}"#);
        let challenge = ServerMessage::Challenge { key: Challenge::from_bytes([2; 32]) };
        assert_eq!(challenge.encode(), format!(r#"{{"type":"challenge","key":"{}"}}"#, "02".repeat(32)));
        let joined = ServerMessage::Joined { peers: vec![id], capacity: 8, ice_servers: Vec::new() };
        assert_eq!(
            joined.encode(),
            format!(r#"{{"type":"joined","peers":["{id}"],"capacity":8,"ice_servers":[]}}"#)
        );
        let left = ServerMessage::PeerLeft { peer: id };
        assert_eq!(left.encode(), format!(r#"{{"type":"peer_left","peer":"{id}"}}"#));
        let error = |code, capacity| ServerMessage::Error { code, message: String::new(), capacity }.encode();
        let full = error(ErrorCode::RoomFull, Some(8));
        assert_eq!(full, r#"{"type":"error","code":"room_full","message":"","capacity":8}"#);
        assert_eq!(error(ErrorCode::Busy, None), r#"{"type":"error","code":"busy","message":""}"#);
    }

    #[test]
    fn codes_have_one_name_everywhere_and_distinct_close_codes() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{}\"", code.as_str()));
            assert_eq!(ErrorCode::from_close_code(code.close_code()), Some(*code));
        }
        let future = serde_json::from_str::<ErrorCode>("\"of the future\"").unwrap();
        assert_eq!((future, future.retry()), (ErrorCode::Unknown, Retry::Later));
        // `docs/protocol.md` says the same of each.
        let document = include_str!("../../../docs/protocol.md");
        for code in ErrorCode::ALL {
            let again = if code.retry() == Retry::Later { "yes" } else { "no" };
            let row = format!("| `{}` | {} | {again} |", code.as_str(), code.close_code());
            assert!(document.contains(&row), "{row}");
        }
    }

    #[test]
    fn every_message_from_the_server_has_a_place_in_a_frame() {
        let long = format!(r#"{{"type":"leave","padding":"{}"}}"#, "x".repeat(MAX_MESSAGE_LEN));
        assert!(matches!(ClientMessage::decode(&long), Err(WireError::TooLarge(_))));
        let envelope = Envelope::from_bytes(vec![0; 49 + crate::envelope::MAX_PLAINTEXT]).unwrap();
        let relay = ClientMessage::Relay { to: PeerId::from_bytes([1; 32]), envelope };
        assert!(relay.encode().len() < MAX_MESSAGE_LEN);
    }

    proptest! {
        #[test]
        fn any_text_is_decoded_without_panic(text in ".{0,300}") {
            prop_assert!(ClientMessage::decode(&text).is_err());
            prop_assert!(ServerMessage::decode(&text).is_err());
        }

        #[test]
        fn any_field_values_are_decoded_without_panic(
            kind in "join|relay|leave|challenge|joined|error|peer_left",
            field in "room|peer|to|from|envelope|proof|key|peers|capacity",
            value in ".{0,60}",
        ) {
            let text = serde_json::json!({ "type": kind, field: value }).to_string();
            let _ = ClientMessage::decode(&text);
            let _ = ServerMessage::decode(&text);
        }
    }
}
