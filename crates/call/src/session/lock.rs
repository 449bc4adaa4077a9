//! Locked rooms: whoever comes waits until a member lets them in. The members see to it among themselves; the server knows
//! nothing of it.

use std::collections::{BTreeMap, BTreeSet};

use tincan_protocol::{ControlMessage, Lock, MAX_LOCK_MEMBERS, PeerId, PeerMessage, display_name};

use super::{MAX_CONNECTION, Session};
use crate::api::{LeaveReason, Output, SessionEvent};
use crate::participant::Participant;

/// Newcomers that are remembered while they wait. A server that invents more is not answered.
const MAX_WAITING: usize = 32;
/// Members of a room that was ever locked; far more than ever meet.
const MAX_ADMITTED: usize = 1024;

/// Somebody who came to the locked room.
#[derive(derive_more::Debug, Default)]
struct Waiting {
    #[debug(skip)]
    name: Option<String>,
    /// Somebody here said no.
    refused: bool,
}

/// The lock as we know it.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// Counts the changes; 0: it was never locked.
    change: u32,
    locked: bool,
    admitted: BTreeSet<PeerId>,
    waiting: BTreeMap<PeerId, Waiting>,
}

impl Door {
    /// Whether somebody who comes has to wait.
    pub(super) fn keeps_out(&self, peer: PeerId) -> bool {
        self.locked && !self.admitted.contains(&peer)
    }

    fn admit(&mut self, peers: impl IntoIterator<Item = PeerId>) {
        for peer in peers {
            if self.admitted.len() < MAX_ADMITTED {
                self.admitted.insert(peer);
            }
        }
    }
}

impl Session {
    /// Whether newcomers have to wait.
    pub const fn is_locked(&self) -> bool {
        self.door.locked
    }

    /// Somebody comes to the locked room: all that they are told is that they have to wait. Nobody waits who is not
    /// there: the server says once that somebody left, and who waited all the same would be let in as a ghost.
    pub(super) fn keep_out(&mut self, peer: PeerId) {
        if !self.known.get(&peer).is_some_and(|known| known.present) {
            return;
        }
        if self.door.waiting.len() >= MAX_WAITING && !self.door.waiting.contains_key(&peer) {
            return;
        }
        self.door.waiting.entry(peer).or_default();
        let message = PeerMessage::Hello { name: String::new(), features: Vec::new(), locked: true };
        self.outputs.push_back(Output::SendSignal { to: peer, message });
    }

    /// What somebody says who is not in the room. True when there is no more to it.
    pub(super) fn knocked(&mut self, from: PeerId, message: &PeerMessage) -> bool {
        if !self.door.waiting.contains_key(&from) {
            return false;
        }
        match message {
            PeerMessage::Hello { name, .. } => self.knocks(from, display_name(name)),
            // The connection that they are let in with counts on from it.
            PeerMessage::Description(description) => self.count_on_from(from, description.connection),
            PeerMessage::Goodbye => self.stopped_waiting(from),
            PeerMessage::Candidates(_) | PeerMessage::Refused => {}
        }
        true
    }

    /// Somebody at the door says who they are.
    fn knocks(&mut self, peer: PeerId, name: String) {
        if let Some(waiting) = self.door.waiting.get_mut(&peer)
            && !waiting.refused
            && waiting.name.as_ref() != Some(&name)
        {
            waiting.name = Some(name.clone());
            self.event(SessionEvent::Knock { peer, name });
        }
    }

    /// They made a connection of this number that was not looked at: the next one between us has a greater number.
    pub(super) fn count_on_from(&mut self, peer: PeerId, connection: u32) {
        if connection <= MAX_CONNECTION {
            let known = self.remember(peer);
            known.connection = known.connection.max(connection);
        }
    }

    /// We are in the room anew: whoever is not there does not wait either.
    pub(super) fn keep_waiting_only(&mut self, present: &[PeerId]) {
        let gone: Vec<PeerId> =
            self.door.waiting.keys().copied().filter(|peer| !present.contains(peer)).collect();
        for peer in gone {
            self.stopped_waiting(peer);
        }
    }

    /// They are not at the door any more.
    pub(super) fn stopped_waiting(&mut self, peer: PeerId) {
        if let Some(waiting) = self.door.waiting.remove(&peer)
            && waiting.name.is_some()
            && !waiting.refused
        {
            self.event(SessionEvent::KnockEnded { peer });
        }
    }

    /// A person here lets somebody in.
    pub(super) fn let_in(&mut self, peer: PeerId) {
        if self.door.waiting.contains_key(&peer) {
            self.say_to_everybody(&ControlMessage::Admit { peer });
            self.admitted(peer);
        }
    }

    /// Somebody may come in, if they are here.
    pub(super) fn admitted(&mut self, peer: PeerId) {
        self.door.admit([peer]);
        if let Some(waiting) = self.door.waiting.get(&peer) {
            let name = waiting.name.clone();
            self.stopped_waiting(peer);
            self.add(peer, true);
            if let (Some(name), Some(index)) = (name, self.index(peer)) {
                // They said it at the door.
                self.participants[index].spoke = true;
                self.named(peer, &name);
            }
        }
    }

    /// A person here does not let somebody in.
    pub(super) fn refuse(&mut self, peer: PeerId) {
        if let Some(waiting) = self.door.waiting.get_mut(&peer)
            && !waiting.refused
        {
            waiting.refused = true;
            self.outputs.push_back(Output::SendSignal { to: peer, message: PeerMessage::Refused });
            self.event(SessionEvent::KnockEnded { peer });
        }
    }

    /// A person here locks or unlocks the room.
    pub(super) fn set_lock(&mut self, locked: bool) {
        if self.door.locked != locked {
            self.door.change = self.door.change.saturating_add(1);
            self.turn(locked, &[]);
            for index in 0..self.participants.len() {
                self.tell_lock(index);
            }
        }
    }

    /// Somebody in the room says how the lock is.
    pub(super) fn heard_lock(&mut self, lock: &Lock) {
        let newer = lock.change > self.door.change;
        let same = lock.change == self.door.change && lock.locked;
        if newer {
            self.door.change = lock.change;
        }
        if newer || same {
            if lock.locked {
                self.show_to_the_door(&lock.members);
            }
            self.turn(lock.locked, &lock.members);
        }
    }

    /// Whom we met while we waited ourselves, and who is not in the room, waits on.
    fn show_to_the_door(&mut self, members: &[PeerId]) {
        let waits = |participant: &&Participant| {
            !participant.was_confirmed
                && !members.contains(&participant.id)
                && !self.door.admitted.contains(&participant.id)
        };
        let waiting: Vec<(PeerId, String)> =
            self.participants.iter().filter(waits).map(|who| (who.id, who.name.clone())).collect();
        for (peer, name) in waiting {
            self.remove(peer, LeaveReason::Lost);
            self.keep_out(peer);
            self.knocks(peer, name);
        }
    }

    /// Whether somebody keeps us out: until we are let in we connect to nobody who waits as we do.
    pub(super) fn is_knocking(&self) -> bool {
        self.participants.iter().any(|participant| participant.keeps_us_out)
    }

    /// Whoever is in is in; when the room is opened, whoever waits is let in.
    fn turn(&mut self, locked: bool, members: &[PeerId]) {
        let changed = self.door.locked != locked;
        self.door.locked = locked;
        let here: Vec<PeerId> = self.participants.iter().map(|participant| participant.id).collect();
        self.door.admit(here);
        self.door.admit(members.iter().copied());
        let waiting: Vec<PeerId> = self.door.waiting.keys().copied().collect();
        for peer in waiting {
            if !self.door.keeps_out(peer) {
                self.admitted(peer);
            }
        }
        if changed {
            self.event(SessionEvent::Locked { locked });
        }
    }

    pub(super) fn tell_lock(&mut self, index: usize) {
        if self.door.change == 0 {
            return;
        }
        let present = self.participants.iter().map(|participant| participant.id);
        let members = present.chain([self.me]).take(MAX_LOCK_MEMBERS).collect();
        let lock = Lock { change: self.door.change, locked: self.door.locked, members };
        self.say(index, ControlMessage::Lock(lock));
    }
}
