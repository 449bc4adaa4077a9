//! Games, which are all the call's.

use super::{Answer, EngineTask, error};
use crate::call::{CallCommand, TogetherCommand};

impl EngineTask {
    /// Something for the call's games, which answer themselves.
    pub(super) fn game(&mut self, command: TogetherCommand, answer: Answer) {
        match &self.call {
            Some(running) => {
                running.handle.send(CallCommand::Together(command, answer));
            }
            None => drop(
                answer.send(Err(error("no_call", "You are not in a call. Start one or join one first."))),
            ),
        }
    }
}
