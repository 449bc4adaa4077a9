//! The call's chat: what comes on its channel, what is asked of it, and what a window shows of it.

use tincan_protocol::{Channel, MAX_MESSAGE_CHARS, PeerId};
use tincan_share::{ChatInput, ChatOutput};

use super::super::{CallUpdate, ChatCommand, view};
use super::CallTask;
use super::together::{Happened, Together};
use crate::api::{ChatChange, ChatHistory, ChatView, CommandError, Event, Reply, Sentence};

/// What of all that happens is the chat's.
pub(super) fn input(what: &Happened) -> Option<ChatInput> {
    Some(match what {
        Happened::Came(peer) => ChatInput::Came(*peer),
        Happened::Left(peer) => ChatInput::Left(*peer),
        Happened::Named { peer, name } => ChatInput::Named { peer: *peer, name: name.clone() },
        Happened::Opened { peer, channel: Channel::Chat } => ChatInput::LinkOpened(*peer),
        Happened::Closed(peer) => ChatInput::LinkClosed(*peer),
        Happened::Received { peer, channel: Channel::Chat, bytes } => {
            ChatInput::Received { peer: *peer, bytes: bytes.to_vec() }
        }
        Happened::Opened { .. } | Happened::Received { .. } => return None,
    })
}

impl CallTask {
    pub(super) async fn begin_chat(&self) {
        let chat = ChatView {
            me: self.config.identity.id().to_string(),
            history: self.history(),
            ..ChatView::default()
        };
        self.show_chat(ChatChange::All { chat: Some(chat) }).await;
    }

    pub(super) async fn chat_command(&mut self, command: ChatCommand) -> Result<Reply, CommandError> {
        let refused = |error: tincan_share::ChatError| {
            let said = Sentence::new(error.code(), error.to_string());
            CommandError::from(said.with("most", MAX_MESSAGE_CHARS))
        };
        match command {
            ChatCommand::Say(draft) => {
                if let Some(to) = draft.to {
                    self.check_reader(to)?;
                }
                self.together.chat.say(draft, view::unix_millis()).map(drop).map_err(refused)?;
            }
            ChatCommand::Edit(id, text) => self.together.chat.edit(id, &text).map_err(refused)?,
            ChatCommand::Delete(id) => self.together.chat.delete(id).map_err(refused)?,
            ChatCommand::React { of, reaction, on } => {
                self.together.chat.react(of, reaction, on).map_err(refused)?;
            }
            ChatCommand::CloseHistory if self.first => self.together.chat.close_history(),
            ChatCommand::CloseHistory => {
                return Err(CommandError::new(
                    "chat_not_first",
                    "Only whoever was in the call first decides that.",
                ));
            }
        }
        self.go_on_with_chat().await;
        Ok(Reply::Done)
    }

    /// Whoever has a version without chat would never read it.
    fn check_reader(&self, peer: PeerId) -> Result<(), CommandError> {
        let mut others = self.session.participants().iter();
        match others.find(|other| other.id() == peer) {
            Some(other)
                if other.trust() != tincan_call::Trust::Unconfirmed
                    && !other.has_feature(Channel::Chat.label()) =>
            {
                Err(CommandError::new(
                    "chat_not_known",
                    "Their version of Tincan has no chat. Ask them to get a newer one.",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Says to the others what they lack, and shows what changed.
    pub(super) async fn go_on_with_chat(&mut self) {
        self.tell_chat();
        while let Some(output) = self.together.chat.poll() {
            let change = match output {
                ChatOutput::Changed(id) => match self.together.chat.said(id) {
                    Some(said) => ChatChange::Message { message: view::chat_message(&said) },
                    None => continue,
                },
                ChatOutput::Dropped(id) => ChatChange::Dropped { id: view::post_id(id) },
                ChatOutput::Named(peer) => ChatChange::Name {
                    peer: peer.to_string(),
                    name: self.together.chat.name(peer).to_owned(),
                },
                ChatOutput::Closed => ChatChange::History { history: self.history() },
            };
            self.show_chat(change).await;
        }
    }

    pub(super) async fn show_history(&self) {
        self.show_chat(ChatChange::History { history: self.history() }).await;
    }

    fn history(&self) -> ChatHistory {
        ChatHistory { open: self.together.chat.is_open(), ours: self.first }
    }

    /// What a channel has no room for is said when it is looked at next.
    pub(super) fn tell_chat(&mut self) {
        let Self { together: Together { chat, .. }, connections, .. } = self;
        for peer in chat.linked().collect::<Vec<_>>() {
            if let Some(remote) = connections.get(peer) {
                chat.tell(peer, |message| remote.send_on(Channel::Chat, message.encode().into()));
            }
        }
    }

    async fn show_chat(&self, change: ChatChange) {
        self.engine.send(CallUpdate::Together(Event::Chat { change })).await;
    }
}
