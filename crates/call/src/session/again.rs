//! The long code for the calls that follow: whoever was in the room first hands it to whoever comes, and everybody ends
//! with the same.
//!
//! A code that was read aloud is short, good for one call. So the programs hand each other a long one over the connection,
//! which nobody in between reads. Whoever takes a code says it to everybody, also to whoever it came from: only a code
//! that somebody else said too is of any use. Where two were handed over at once, the smaller stays, wherever it
//! arrives in whatever order.

use tincan_protocol::{ControlMessage, PeerId, RoomCode};

use super::Session;
use crate::api::{AgainConfig, SessionEvent};
use crate::timing::AGAIN_WAIT;

/// Somebody who says ever smaller codes is heard no longer after this many.
const MAX_CHANGES: u32 = 32;

/// See the module's description. `Debug` shows no code.
#[derive(Debug)]
pub(super) struct Again {
    fresh: RoomCode,
    /// What we say.
    said: Option<RoomCode>,
    /// Whether somebody else said the same.
    agreed: bool,
    changes: u32,
}

impl From<AgainConfig> for Again {
    fn from(config: AgainConfig) -> Self {
        Self { fresh: config.fresh, agreed: config.agreed.is_some(), said: config.agreed, changes: 0 }
    }
}

impl Session {
    /// The connection to somebody is confirmed.
    pub(super) fn hand_over(&mut self, index: usize) {
        let Some(again) = &self.again else { return };
        if again.said.is_some() || self.participants[index].newcomer {
            self.say_again(index);
        } else {
            self.participants[index].again_at = Some(self.now + AGAIN_WAIT);
        }
    }

    /// Says the code to somebody; makes one when there is none.
    pub(super) fn say_again(&mut self, index: usize) {
        let participant = &mut self.participants[index];
        participant.again_at = None;
        if let (Some(again), true) = (&mut self.again, participant.proof.is_confirmed()) {
            let code = again.said.get_or_insert_with(|| again.fresh.clone()).clone();
            self.say(index, ControlMessage::Again { code });
        }
    }

    pub(super) fn heard_again(&mut self, peer: PeerId, code: RoomCode) {
        let Some(again) = &mut self.again else { return };
        if let Some(index) = self.participants.iter().position(|participant| participant.id == peer) {
            self.participants[index].again_at = None;
        }
        let known = again.said.as_ref() == Some(&code);
        let better = again.said.as_ref().is_none_or(|said| code.to_string() < said.to_string());
        if known && !again.agreed {
            again.agreed = true;
            self.event(SessionEvent::Again { code });
        } else if better && again.changes < MAX_CHANGES {
            again.changes += 1;
            again.agreed = true;
            again.said = Some(code.clone());
            self.event(SessionEvent::Again { code });
            for index in 0..self.participants.len() {
                self.say_again(index);
            }
        }
    }
}
