//! The chat, as far as it is not the call's: commands are handed to it, and what was written is saved.

use std::path::PathBuf;

use tincan_share::Draft;
use tokio::task::spawn_blocking;

use super::{Answer, Done, EngineTask, error};
use crate::api::{Command, CommandError, Reply};
use crate::call::{CallCommand, ChatCommand, TogetherCommand, unix_millis, view};
use crate::{chat_file, new_file};

impl EngineTask {
    /// Something for the call's chat, which answers itself.
    pub(super) fn chat(&mut self, command: Command, answer: Answer) {
        let Some(running) = &self.call else {
            return drop(
                answer.send(Err(error("no_call", "You are not in a call. Start one or join one first."))),
            );
        };
        match asked(command) {
            Ok(command) => {
                running.handle.send(CallCommand::Together(TogetherCommand::Chat(command), answer));
            }
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    /// Writes what is shown of the chat into a file.
    pub(super) fn save_chat(&mut self, file: Option<String>, replace: bool, utc_offset: i32, answer: Answer) {
        let Some(chat) = &self.publisher.snapshot().chat else {
            let gone = error("no_chat", "There is no chat to save: it was kept until the call ended.");
            return drop(answer.send(Err(gone)));
        };
        let own_name = &self.publisher.snapshot().settings.name;
        let text = chat_file::write(chat, own_name, utc_offset);
        let place = match (file, &self.config.downloads) {
            (Some(file), _) if replace => new_file::Place::Instead(PathBuf::from(file)),
            (Some(file), _) => new_file::Place::File(PathBuf::from(file)),
            (None, Some(folder)) => new_file::Place::In(folder.clone(), unix_millis()),
            (None, None) => {
                let nowhere = error("chat_no_folder", "Say where to save the chat: the name of a new file.");
                return drop(answer.send(Err(nowhere)));
            }
        };
        self.work.spawn(async move {
            let saved =
                spawn_blocking(move || new_file::save(&chat_file::CHAT, &place, utc_offset, text.as_bytes()))
                    .await;
            let result = saved
                .unwrap_or_else(|_| Err(error("internal", "The chat could not be saved. Try again.")))
                .map(|path| Reply::Saved { file: path.display().to_string() });
            let _ = answer.send(result);
            Done::Nothing
        });
    }
}

fn asked(command: Command) -> Result<ChatCommand, CommandError> {
    let unknown = || error("chat_unknown", "That message is not here any more.");
    let post = |id: &str| view::parse_post_id(id).ok_or_else(unknown);
    Ok(match command {
        Command::SendChat { text, to, reply } => {
            let nobody = |_| error("no_participant", "This participant is not in the call any more.");
            let to = to.map(|to| to.parse().map_err(nobody)).transpose()?;
            let reply = reply.map(|reply| post(&reply)).transpose()?;
            ChatCommand::Say(Draft { text, to, reply })
        }
        Command::EditChat { id, text } => ChatCommand::Edit(post(&id)?, text),
        Command::DeleteChat { id } => ChatCommand::Delete(post(&id)?),
        Command::ReactToChat { id, reaction, on } => {
            ChatCommand::React { of: post(&id)?, reaction: view::said(reaction), on }
        }
        Command::CloseChatHistory => ChatCommand::CloseHistory,
        _ => return Err(error("internal", "That is nothing for the chat.")),
    })
}
