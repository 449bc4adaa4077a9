//! Games, which are all the call's.

use super::{Answer, EngineTask, error};
use crate::api::GameCommand;
use crate::call::{CallCommand, TogetherCommand};

impl EngineTask {
    /// Something for the call's games, which answer themselves.
    pub(super) fn game(&mut self, command: GameCommand, answer: Answer) {
        match &self.call {
            Some(running) => {
                running.handle.send(CallCommand::Together(TogetherCommand::Game(command), answer));
            }
            None => drop(
                answer.send(Err(error("no_call", "You are not in a call. Start one or join one first."))),
            ),
        }
    }
}
