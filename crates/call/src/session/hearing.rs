//! What the others say: through the server, and on the control channel.

use tincan_protocol::{
    ControlMessage, Description, DescriptionKind, PeerId, PeerMessage, StreamState, display_name,
};

use super::{Known, MAX_CONNECTION, Session};
use crate::api::{LeaveReason, Output, SessionEvent};
use crate::participant::Link;
use crate::timing::{KEYFRAME_WAIT, OFFER_WAIT, REOPEN_WAIT};

impl Session {
    pub(super) fn message(&mut self, from: PeerId, message: PeerMessage) {
        let Some(&Known { present, departed, .. }) = self.known.get(&from) else { return };
        if departed || from == self.me {
            return;
        }
        if self.index(from).is_none() {
            if self.knocked(from, &message) || self.door.keeps_out(from) {
                return;
            }
            // Somebody who was given up, but is still there.
            if !present || message == PeerMessage::Goodbye {
                return;
            }
            self.add(from, false);
        }
        let Some(index) = self.index(from) else { return };
        self.participants[index].spoke = true;
        match message {
            PeerMessage::Hello { locked: true, .. } => self.kept_out(index),
            PeerMessage::Hello { name, features, locked: false } => {
                self.participants[index].features = features;
                self.let_us_in(index);
                self.named(from, &name);
            }
            PeerMessage::Description(description) => self.described(from, description),
            PeerMessage::Candidates(candidates) => {
                let participant = &self.participants[index];
                let connection = candidates.connection;
                if participant.open && participant.connection == connection {
                    let add = |candidate| Output::AddCandidate { peer: from, connection, candidate };
                    self.outputs.extend(candidates.candidates.into_iter().map(add));
                }
            }
            PeerMessage::Refused if self.participants[index].keeps_us_out => {
                self.event(SessionEvent::Refused)
            }
            PeerMessage::Refused => {}
            PeerMessage::Goodbye => self.said_goodbye(from),
        }
    }

    /// The room is locked: whoever is in it opens a connection when somebody lets us in, and whoever is not waits as we do.
    fn kept_out(&mut self, index: usize) {
        if self.participants[index].was_confirmed || self.participants[index].keeps_us_out {
            return;
        }
        self.participants[index].keeps_us_out = true;
        for index in 0..self.participants.len() {
            if !self.participants[index].was_confirmed {
                self.participants[index].link = Link::Waiting { until: self.now + OFFER_WAIT };
                self.close(index);
            }
        }
    }

    pub(super) fn let_us_in(&mut self, index: usize) {
        let participant = &mut self.participants[index];
        if std::mem::take(&mut participant.keeps_us_out) {
            // Whenever they came, they are in the room before us.
            participant.newcomer = false;
            if !participant.open {
                participant.link = Link::Waiting { until: self.now + OFFER_WAIT };
            }
        }
    }

    pub(super) fn named(&mut self, peer: PeerId, name: &str) {
        let name = display_name(name);
        let Some(index) = self.index(peer) else { return };
        if self.participants[index].name != name {
            self.participants[index].name.clone_from(&name);
            self.event(SessionEvent::Name { peer, name });
        }
    }

    fn described(&mut self, peer: PeerId, description: Description) {
        let Some(index) = self.index(peer) else { return };
        let now = self.now;
        let connection = description.connection;
        let offer = description.kind == DescriptionKind::Offer;
        if self.is_knocking() && self.participants[index].newcomer && connection <= MAX_CONNECTION {
            return self.count_on_from(peer, connection);
        }
        let participant = &mut self.participants[index];
        if participant.open && connection == participant.connection {
            if offer && participant.is_up() {
                // Perhaps an ICE restart, which does not show in our state.
                participant.keyframe_at = Some(now + KEYFRAME_WAIT);
            } else if let (true, Link::Down { until }) = (offer, participant.link) {
                // They restart: ours would collide with it.
                participant.restart_at = None;
                participant.link = Link::Down { until: until.max(now + REOPEN_WAIT) };
            }
        } else if offer && connection > participant.connection && connection <= MAX_CONNECTION {
            self.close(index);
            self.open(index, connection, false);
        } else if offer && !participant.open && connection == participant.connection {
            // They still hold what is gone here: only a new connection can help.
            participant.link = Link::Waiting { until: now };
            return;
        } else {
            return;
        }
        self.outputs.push_back(Output::SetRemote { peer, connection, description });
    }

    fn said_goodbye(&mut self, peer: PeerId) {
        self.remember(peer).departed = true;
        self.remove(peer, LeaveReason::Goodbye);
    }

    /// Something on the control channel. The first message proves who is there; before it nothing counts.
    pub(super) fn heard(&mut self, index: usize, bytes: &[u8]) {
        let peer = self.participants[index].id;
        let message = ControlMessage::decode(bytes);
        if let Ok(ControlMessage::Confirm { mac }) = message {
            return self.heard_confirm(index, mac);
        }
        if !self.participants[index].proof.is_confirmed() {
            return self.unproven(index);
        }
        match message {
            Ok(ControlMessage::State { streams, hand, recording }) => {
                self.heard_state(index, streams, hand, recording);
            }
            Ok(ControlMessage::Want { streams }) => self.event(SessionEvent::Wanted { peer, streams }),
            Ok(ControlMessage::Reaction { reaction }) => {
                self.event(SessionEvent::Reaction { peer, reaction })
            }
            Ok(ControlMessage::Lock(lock)) => self.heard_lock(&lock),
            Ok(ControlMessage::Admit { peer }) => self.admitted(peer),
            Ok(ControlMessage::Again { code }) => self.heard_again(peer, code),
            Ok(ControlMessage::Goodbye) => self.said_goodbye(peer),
            // A newer version may say more than we understand.
            Ok(ControlMessage::Confirm { .. }) | Err(_) => {}
        }
    }

    fn heard_state(&mut self, index: usize, streams: Vec<StreamState>, hand: Option<u64>, recording: bool) {
        let participant = &mut self.participants[index];
        let peer = participant.id;
        let new_hand = participant.hand != hand;
        participant.hand = hand;
        let records_anew = participant.recording != recording;
        participant.recording = recording;
        if participant.streams != streams {
            participant.streams.clone_from(&streams);
            self.event(SessionEvent::Streams { peer, streams });
        }
        if new_hand {
            self.event(SessionEvent::Hand { peer, hand });
        }
        if records_anew {
            self.event(SessionEvent::Recording { peer, on: recording });
        }
    }
}
