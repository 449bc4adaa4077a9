//! The chat of a call as a window shows it: all of it once, then only what changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::event::Reaction;

/// What people wrote in this call. Kept until it ends.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ChatView {
    /// Our own peer id.
    #[debug(skip)]
    pub me: String,
    /// In the order that everybody has: by number, and of the same number by author.
    pub messages: Vec<ChatMessage>,
    /// What people called themselves, by peer id: everybody who is or was here, but us.
    #[debug(skip)]
    pub names: BTreeMap<String, String>,
    /// How newcomers are treated.
    pub history: ChatHistory,
}

/// Whether whoever comes later is told what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ChatHistory {
    /// Whether they are.
    pub open: bool,
    /// Whether we may close it, because we were here first. Nobody can open it again.
    pub ours: bool,
}

impl Default for ChatHistory {
    fn default() -> Self {
        Self { open: true, ours: false }
    }
}

/// A message as it is now.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ChatMessage {
    /// Names it in commands.
    #[debug(skip)]
    pub id: String,
    /// Its place in the order.
    #[ts(type = "number")]
    pub number: u64,
    /// Peer id of who wrote it.
    #[debug(skip)]
    pub author: String,
    /// When: milliseconds since the Unix epoch, by the author's clock.
    #[ts(type = "number")]
    pub at: u64,
    /// Peer id of whom alone it is for; `None`: for everybody.
    #[debug(skip)]
    pub to: Option<String>,
    /// Id of what it replies to; that may not be here.
    #[debug(skip)]
    pub reply: Option<String>,
    /// What it says; `None`: it was deleted.
    #[debug(skip)]
    pub text: Option<String>,
    /// Whether it was changed since.
    pub edited: bool,
    /// Peer id of who passed it on, since its author had left; `None`: it came from the author.
    #[debug(skip)]
    pub passed_on_by: Option<String>,
    /// What people think of it.
    pub reactions: Vec<ChatReaction>,
}

/// One reaction to a message.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ChatReaction {
    /// Which.
    pub reaction: Reaction,
    /// Peer ids of whose it is.
    #[debug(skip)]
    pub people: Vec<String>,
}

/// What changed in the chat.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum ChatChange {
    /// The chat as it is at the beginning of a call, or `None` at its end: nothing of it is left.
    All {
        /// All of it.
        chat: Option<ChatView>,
    },
    /// A message is new, or another than before.
    Message {
        /// As it is now.
        message: ChatMessage,
    },
    /// A message is not kept any more: its author wrote too much.
    Dropped {
        /// Which.
        #[debug(skip)]
        id: String,
    },
    /// What somebody calls themselves now.
    Name {
        /// Who.
        #[debug(skip)]
        peer: String,
        /// Their name; may be empty.
        #[debug(skip)]
        name: String,
    },
    /// How newcomers are treated.
    History {
        /// As it is now.
        history: ChatHistory,
    },
}

impl ChatChange {
    /// Makes the change; `false` when it says nothing new.
    pub fn apply(&self, to: &mut Option<ChatView>) -> bool {
        if let Self::All { chat } = self {
            let changed = to != chat;
            to.clone_from(chat);
            return changed;
        }
        let Some(to) = to else { return false };
        match self {
            Self::All { .. } => false,
            Self::Message { message } => to.put(message),
            Self::Dropped { id } => {
                let before = to.messages.len();
                to.messages.retain(|message| message.id != *id);
                to.messages.len() != before
            }
            Self::Name { peer, name } => to.names.insert(peer.clone(), name.clone()).as_ref() != Some(name),
            Self::History { history } => std::mem::replace(&mut to.history, *history) != *history,
        }
    }
}

impl ChatView {
    /// A message of this id.
    pub fn message(&self, id: &str) -> Option<&ChatMessage> {
        self.messages.iter().find(|message| message.id == id)
    }

    fn put(&mut self, message: &ChatMessage) -> bool {
        let place = |one: &ChatMessage| (one.number, one.author.clone());
        // Most come last, and are looked for from there.
        let after = self.messages.iter().rposition(|other| place(other) <= place(message));
        match after {
            Some(index) if self.messages[index].id == message.id => {
                let changed = self.messages[index] != *message;
                self.messages[index].clone_from(message);
                changed
            }
            after => {
                self.messages.insert(after.map_or(0, |index| index + 1), message.clone());
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64, author: &str) -> ChatMessage {
        ChatMessage {
            id: format!("{number}-{author}"),
            number,
            author: author.into(),
            at: 0,
            to: None,
            reply: None,
            text: Some("x".into()),
            edited: false,
            passed_on_by: None,
            reactions: Vec::new(),
        }
    }

    #[test]
    fn messages_stand_in_the_order_that_everybody_has_and_change_in_their_place() {
        let mut chat = Some(ChatView::default());
        for (number, author) in [(5, "b"), (2, "a"), (5, "a"), (9, "c")] {
            assert!(ChatChange::Message { message: message(number, author) }.apply(&mut chat));
        }
        let changed = ChatMessage { text: None, ..message(5, "a") };
        assert!(ChatChange::Message { message: changed.clone() }.apply(&mut chat));
        assert!(!ChatChange::Message { message: changed }.apply(&mut chat));
        assert!(ChatChange::Dropped { id: "2-a".into() }.apply(&mut chat));
        assert!(!ChatChange::Dropped { id: "2-a".into() }.apply(&mut chat));
        let messages = chat.unwrap().messages;
        let ids: Vec<_> = messages.iter().map(|one| (one.id.as_str(), one.text.is_some())).collect();
        assert_eq!(ids, [("5-a", false), ("5-b", true), ("9-c", true)]);
    }

    #[test]
    fn there_is_no_chat_without_a_call() {
        let mut chat = None;
        assert!(!ChatChange::Message { message: message(1, "a") }.apply(&mut chat));
        assert!(ChatChange::All { chat: Some(ChatView::default()) }.apply(&mut chat));
        assert!(ChatChange::All { chat: None }.apply(&mut chat));
        assert_eq!(chat, None);
    }
}
