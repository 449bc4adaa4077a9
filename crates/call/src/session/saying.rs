//! What we tell the others: our name, what we send and want, and the connection's descriptions and candidates.

use std::collections::BTreeSet;

use tincan_protocol::{
    Candidate, Candidates, ControlMessage, MAX_CANDIDATES, PeerId, PeerMessage, Source, StreamState, Wanted,
    display_name,
};

use super::Session;
use crate::api::Output;
use crate::participant::Reach;
use crate::timing::CANDIDATE_WAIT;

impl Session {
    pub(super) fn set_source(&mut self, source: Source, on: bool) {
        let changed = if on { self.sources.insert(source) } else { self.sources.remove(&source) };
        if changed {
            self.tell_streams_to_everybody();
        }
    }

    pub(super) fn set_hand(&mut self, hand: Option<u64>) {
        if self.hand != hand {
            self.hand = hand;
            self.tell_streams_to_everybody();
        }
    }

    pub(super) fn set_recording(&mut self, on: bool) {
        if self.recording != on {
            self.recording = on;
            self.tell_streams_to_everybody();
        }
    }

    pub(super) fn set_paused(&mut self, peer: PeerId, sources: BTreeSet<Source>) {
        let Some(index) = self.index(peer) else { return };
        if self.participants[index].paused != sources {
            self.participants[index].paused = sources;
            self.tell_streams(index);
        }
    }

    fn tell_streams_to_everybody(&mut self) {
        for index in 0..self.participants.len() {
            self.tell_streams(index);
        }
    }

    pub(super) fn tell_streams(&mut self, index: usize) {
        let paused = &self.participants[index].paused;
        let state = |&source: &Source| StreamState { source, paused: paused.contains(&source) };
        let streams = self.sources.iter().map(state).collect();
        let (hand, recording) = (self.hand, self.recording);
        self.say(index, ControlMessage::State { streams, hand, recording });
    }

    pub(super) fn set_want(&mut self, peer: PeerId, streams: Vec<Wanted>) {
        let Some(index) = self.index(peer) else { return };
        if self.participants[index].want != streams {
            self.participants[index].want = streams;
            self.tell_want(index);
        }
    }

    pub(super) fn tell_want(&mut self, index: usize) {
        let streams = self.participants[index].want.clone();
        if !streams.is_empty() {
            self.say(index, ControlMessage::Want { streams });
        }
    }

    /// Says something on the control channel of a connection that is confirmed.
    pub(super) fn say(&mut self, index: usize, message: ControlMessage) {
        let participant = &self.participants[index];
        if participant.control_open && participant.proof.is_confirmed() {
            let (peer, connection) = (participant.id, participant.connection);
            self.outputs.push_back(Output::SendControl { peer, connection, message });
        }
    }

    pub(super) fn say_to_everybody(&mut self, message: &ControlMessage) {
        for index in 0..self.participants.len() {
            self.say(index, message.clone());
        }
    }

    pub(super) fn set_name(&mut self, name: &str) {
        let name = display_name(name);
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
            let (name, features) = (self.name.clone(), self.features.clone());
            let message = PeerMessage::Hello { name, features, locked: false };
            self.outputs.push_back(Output::SendSignal { to, message });
        }
    }

    /// A candidate of ours: it waits a little for others.
    pub(super) fn gathered(&mut self, index: usize, candidate: Candidate) {
        let participant = &mut self.participants[index];
        let last = candidate.candidate.is_empty();
        participant.gathered.push(candidate);
        participant.candidates_at.get_or_insert(self.now + CANDIDATE_WAIT);
        if last || participant.gathered.len() >= MAX_CANDIDATES {
            self.tell_candidates(index);
        }
    }

    pub(super) fn tell_candidates(&mut self, index: usize) {
        let participant = &mut self.participants[index];
        participant.candidates_at = None;
        let candidates = std::mem::take(&mut participant.gathered);
        if !candidates.is_empty() {
            let connection = participant.connection;
            self.signal(index, PeerMessage::Candidates(Candidates { candidates, connection }));
        }
    }

    /// Sends a description or candidates, or keeps them until the server can carry it.
    pub(super) fn signal(&mut self, index: usize, message: PeerMessage) {
        if self.reach(&self.participants[index]) == Reach::Reachable {
            self.outputs.push_back(Output::SendSignal { to: self.participants[index].id, message });
        } else {
            self.participants[index].hold(message);
        }
    }
}
