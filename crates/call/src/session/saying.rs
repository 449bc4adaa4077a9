//! What we tell the others: our name, what we send, and the connection's descriptions and candidates.

use tincan_protocol::{ControlMessage, PeerId, PeerMessage, display_name};

use super::Session;
use crate::api::{MediaState, Output};
use crate::participant::Reach;

impl Session {
    pub(super) fn set_media(&mut self, media: MediaState) {
        if self.media != media {
            self.media = media;
            for index in 0..self.participants.len() {
                self.tell_media(index);
            }
        }
    }

    pub(super) fn tell_media(&mut self, index: usize) {
        let participant = &self.participants[index];
        if participant.control_open {
            let MediaState { microphone, camera } = self.media;
            let message = ControlMessage::State { microphone, camera };
            let (peer, connection) = (participant.id, participant.connection);
            self.outputs.push_back(Output::SendControl { peer, connection, message });
        }
    }

    pub(super) fn set_name(&mut self, name: String) {
        let name = display_name(&name);
        if self.name != name {
            self.name = name;
            let peers: Vec<PeerId> = self.participants.iter().map(|participant| participant.id).collect();
            for peer in peers {
                self.say_hello(peer);
            }
        }
    }

    pub(super) fn say_hello(&mut self, to: PeerId) {
        let Some(index) = self.index(to) else { return };
        // When they cannot be reached now, they are greeted when they can.
        if self.reach(&self.participants[index]) == Reach::Reachable {
            let message = PeerMessage::Hello { name: self.name.clone() };
            self.outputs.push_back(Output::SendSignal { to, message });
        }
    }

    /// Sends a description or candidate, or keeps it until the server can carry it.
    pub(super) fn signal(&mut self, index: usize, message: PeerMessage) {
        if self.reach(&self.participants[index]) == Reach::Reachable {
            self.outputs.push_back(Output::SendSignal { to: self.participants[index].id, message });
        } else {
            self.participants[index].hold(message);
        }
    }
}
