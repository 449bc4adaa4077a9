//! Files, as far as the engine's task has to do with them: commands go to the files' task, and what it tells is published.

use std::path::PathBuf;

use tincan_protocol::PeerId;
use tincan_share::OfferId;

use super::{Answer, EngineTask, error};
use crate::api::{Command, CommandError, Event};
use crate::files::{FilesCommand, FilesUpdate};

impl EngineTask {
    pub(super) fn ask_files(&mut self, command: Command, answer: Answer) {
        if self.call.is_none() && matches!(command, Command::OfferFiles { .. }) {
            let alone = error("no_call", "You are not in a call. Start one or join one first.");
            return drop(answer.send(Err(alone)));
        }
        match asked(command) {
            Ok(command) => self.files.handle().ask(command, answer),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    pub(super) fn files_update(&mut self, update: FilesUpdate) {
        self.publisher.publish(match update {
            FilesUpdate::Change(change) => Event::Files { change },
            FilesUpdate::Notice(notice) => Event::Notice { notice },
        });
    }
}

fn asked(command: Command) -> Result<FilesCommand, CommandError> {
    let unknown = || error("files_unknown", "That is not here any more.");
    let offer = |id: &str| id.parse().map(OfferId).map_err(|_| unknown());
    let peer = |peer: Option<String>| -> Result<Option<PeerId>, CommandError> {
        let nobody = |_| error("no_participant", "This participant is not in the call any more.");
        peer.map(|peer| peer.parse().map_err(nobody)).transpose()
    };
    Ok(match command {
        Command::OfferFiles { paths, to } => {
            FilesCommand::Offer { paths: paths.into_iter().map(PathBuf::from).collect(), to: peer(to)? }
        }
        Command::AcceptFiles { offer: id, folder, file } => FilesCommand::Accept {
            offer: offer(&id)?,
            folder: folder.map(PathBuf::from),
            file: file.map(PathBuf::from),
        },
        Command::DeclineFiles { offer: id } => FilesCommand::Decline(offer(&id)?),
        Command::PauseFiles { offer: id, peer: who } => FilesCommand::Pause(offer(&id)?, peer(who)?),
        Command::ResumeFiles { offer: id, peer: who } => FilesCommand::Resume(offer(&id)?, peer(who)?),
        Command::CancelFiles { offer: id, peer: who } => FilesCommand::Cancel(offer(&id)?, peer(who)?),
        Command::ForgetFiles { offer: id } => FilesCommand::Forget(offer(&id)?),
        Command::LocateFiles { offer: id } => FilesCommand::Locate(offer(&id)?),
        _ => return Err(error("internal", "That is nothing about files.")),
    })
}
