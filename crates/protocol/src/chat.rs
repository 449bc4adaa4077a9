//! The chat channel: JSON, one object a message.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::control::Reaction;
use crate::peer_id::PeerId;
use crate::text::{MAX_NAME_LEN, is_message_text};

/// Longest message: what every implementation takes in one piece (RFC 8831, section 6.6).
const MAX_LEN: usize = 16 * 1024;
/// Most authors that one message names: 64 authors of whom something is kept, and who is here.
pub const MAX_CHAT_MEMBERS: usize = 128;
/// Largest clock: the largest number that every JSON reader takes exactly (RFC 8259, section 6).
pub const MAX_CHAT_CLOCK: u64 = (1 << 53) - 1;

/// What one participant tells another about the chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ChatMessage {
    /// What the sender has already; the first message, and again when somebody left or the history is closed.
    Have {
        /// Of whom how much. In the first message, nothing is had of whoever is not in it.
        members: Vec<ChatMember>,
        /// Newcomers are not told what was said before they came.
        #[serde(default, skip_serializing_if = "is_false")]
        closed: bool,
    },
    /// Something that was said, as it is now.
    Post(Post),
    /// What somebody thinks of a post, as it is now.
    React(React),
}

/// How much the sender has of what somebody said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMember {
    /// Whose.
    pub peer: PeerId,
    /// Everything up to this clock. `None`: the sender hears it from them, and wants it from nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<u64>,
}

/// Names a post for the whole stay of its author, and says where it stands: everybody has posts in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PostId {
    /// The clock with which it was first said.
    pub number: u64,
    /// Who said it.
    pub author: PeerId,
}

/// Who said something that another hands on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Their id.
    pub peer: PeerId,
    /// What they called themselves.
    #[serde(default)]
    pub name: String,
}

impl fmt::Debug for Author {
    // Names must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.fmt(f)
    }
}

/// Something that was said, as it is now.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Whose it is, when it is handed on; absent: the sender's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// See [`PostId::number`].
    pub number: u64,
    /// When it was changed last; `number` when it never was.
    pub clock: u64,
    /// When it was said: milliseconds since 1970, by the author's clock.
    pub at: u64,
    /// For whom alone it is; absent: for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PeerId>,
    /// What it replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<PostId>,
    /// Absent: it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// With this the receiver has everything up to `clock` that its author said to it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub last: bool,
}

impl fmt::Debug for Post {
    // What people write must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post")
            .field("number", &self.number)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// What somebody thinks of a post, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct React {
    /// Who reacts, when it is handed on; absent: the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// To what.
    pub of: PostId,
    /// When it was changed last.
    pub clock: u64,
    /// All that stand. Unknown ones are left out.
    #[serde(deserialize_with = "known")]
    pub reactions: BTreeSet<Reaction>,
    /// As with a post.
    #[serde(default, skip_serializing_if = "is_false")]
    pub last: bool,
}

// serde hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

/// Leaves out what a later version has added.
fn known<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<Reaction>, D::Error> {
    let values = Vec::<serde_json::Value>::deserialize(from)?;
    Ok(values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect())
}

/// The bytes are no message of the chat.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChatMessageError {
    /// Longer than any real message.
    #[error("a chat message of {0} bytes is too large")]
    TooLarge(usize),
    /// Not JSON, no message that this version knows, or a field beyond its bounds.
    #[error("not a chat message")]
    Malformed,
}

impl ChatMessage {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("chat messages have no map keys or floats that JSON cannot hold")
    }

    /// Reads a message off the channel.
    ///
    /// # Errors
    /// [`ChatMessageError`] when it is too large or not a message of ours; the channel stays usable.
    pub fn decode(bytes: &[u8]) -> Result<Self, ChatMessageError> {
        if bytes.len() > MAX_LEN {
            return Err(ChatMessageError::TooLarge(bytes.len()));
        }
        let message: Self = serde_json::from_slice(bytes).map_err(|_| ChatMessageError::Malformed)?;
        message.is_sound().then_some(message).ok_or(ChatMessageError::Malformed)
    }

    fn is_sound(&self) -> bool {
        let clock = |clock: u64| (1..=MAX_CHAT_CLOCK).contains(&clock);
        let named =
            |author: &Option<Author>| author.as_ref().is_none_or(|author| author.name.len() <= MAX_NAME_LEN);
        match self {
            Self::Have { members, .. } => {
                members.len() <= MAX_CHAT_MEMBERS
                    && members.iter().all(|member| member.clock.is_none_or(|clock| clock <= MAX_CHAT_CLOCK))
            }
            Self::Post(post) => {
                named(&post.author)
                    && clock(post.number)
                    && clock(post.clock)
                    && post.number <= post.clock
                    && post.at <= MAX_CHAT_CLOCK
                    && post.reply.is_none_or(|reply| clock(reply.number))
                    && post.text.as_deref().is_none_or(is_message_text)
            }
            Self::React(react) => named(&react.author) && clock(react.of.number) && clock(react.clock),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{MAX_MESSAGE_CHARS, MAX_MESSAGE_TEXT};
    use proptest::prelude::*;

    fn id(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    fn post(text: Option<&str>) -> Post {
        Post {
            author: None,
            number: 3,
            clock: 3,
            at: 1_700_000_000_000,
            to: None,
            reply: None,
            text: text.map(str::to_owned),
            last: true,
        }
    }

    #[test]
    fn messages_look_as_the_protocol_document_says() {
        let (ada, ben) = (id(1), id(2));
        let number = |number, author| PostId { number, author };
        let handed_on = Some(Author { peer: ada, name: "Ada".into() });
        let looks = [
            (
                ChatMessage::Have {
                    members: vec![
                        ChatMember { peer: ada, clock: Some(7) },
                        ChatMember { peer: ben, clock: None },
                    ],
                    closed: false,
                },
                format!(r#"{{"type":"have","members":[{{"peer":"{ada}","clock":7}},{{"peer":"{ben}"}}]}}"#),
            ),
            (
                ChatMessage::Have { members: Vec::new(), closed: true },
                r#"{"type":"have","members":[],"closed":true}"#.to_owned(),
            ),
            (
                ChatMessage::Post(post(Some("Hi"))),
                r#"{"type":"post","number":3,"clock":3,"at":1700000000000,"text":"Hi","last":true}"#
                    .to_owned(),
            ),
            (
                ChatMessage::Post(Post {
                    author: handed_on.clone(),
                    clock: 9,
                    to: Some(ben),
                    reply: Some(number(2, ben)),
                    last: false,
                    ..post(None)
                }),
                format!(
                    r#"{{"type":"post","author":{{"peer":"{ada}","name":"Ada"}},"number":3,"clock":9,"at":1700000000000,"to":"{ben}","reply":{{"number":2,"author":"{ben}"}}}}"#
                ),
            ),
            (
                ChatMessage::React(React {
                    author: None,
                    of: number(3, ada),
                    clock: 5,
                    reactions: BTreeSet::from([Reaction::Heart]),
                    last: true,
                }),
                format!(
                    r#"{{"type":"react","of":{{"number":3,"author":"{ada}"}},"clock":5,"reactions":["heart"],"last":true}}"#
                ),
            ),
        ];
        for (message, json) in looks {
            assert_eq!(message.encode(), json);
            assert_eq!(ChatMessage::decode(json.as_bytes()), Ok(message));
        }
    }

    #[test]
    fn a_reaction_of_a_later_version_is_left_out() {
        let json = format!(
            r#"{{"type":"react","of":{{"number":3,"author":"{}"}},"clock":5,"reactions":["yawn","clap"]}}"#,
            id(1)
        );
        let Ok(ChatMessage::React(react)) = ChatMessage::decode(json.as_bytes()) else { panic!("{json}") };
        assert_eq!(react.reactions, BTreeSet::from([Reaction::Clap]));
    }

    #[test]
    fn the_longest_text_fits_and_a_longer_one_is_refused() {
        // Everything that JSON writes with two bytes, and characters of four.
        for text in ["\n".repeat(MAX_MESSAGE_CHARS - 2), "\u{1f600}".repeat(MAX_MESSAGE_TEXT / 4)] {
            let text = format!("x{text}x");
            let fits: String = text.chars().skip(text.len().saturating_sub(MAX_MESSAGE_TEXT)).collect();
            let message = ChatMessage::Post(Post {
                author: Some(Author { peer: id(1), name: "\"".repeat(MAX_NAME_LEN) }),
                number: MAX_CHAT_CLOCK,
                clock: MAX_CHAT_CLOCK,
                to: Some(id(2)),
                reply: Some(PostId { number: MAX_CHAT_CLOCK, author: id(3) }),
                ..post(Some(&fits))
            });
            assert_eq!(ChatMessage::decode(message.encode().as_bytes()), Ok(message));
        }
        let long = ChatMessage::Post(post(Some(&"x".repeat(MAX_MESSAGE_CHARS + 1))));
        assert_eq!(ChatMessage::decode(long.encode().as_bytes()), Err(ChatMessageError::Malformed));
    }

    #[test]
    fn what_no_clock_can_say_is_refused() {
        for (number, clock) in [(0, 0), (0, 1), (4, 3), (3, MAX_CHAT_CLOCK + 1)] {
            let message = ChatMessage::Post(Post { number, clock, ..post(Some("x")) });
            assert_eq!(ChatMessage::decode(message.encode().as_bytes()), Err(ChatMessageError::Malformed));
        }
    }

    #[test]
    fn debug_shows_neither_text_nor_name() {
        let author = Some(Author { peer: id(1), name: "SECRET".into() });
        let shown = format!("{:?}", ChatMessage::Post(Post { author, ..post(Some("SECRET")) }));
        assert!(!shown.contains("SECRET"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert!(ChatMessage::decode(&bytes).is_err());
        }
    }
}
