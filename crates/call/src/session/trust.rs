//! Who is known to be who they seem: the proof that a connection ends with whom its envelopes came from, and what people
//! compared.

use std::collections::{BTreeMap, BTreeSet};

use tincan_protocol::{CertificateDigest, ConfirmMac, ControlMessage, PeerId};

use super::Session;
use crate::api::{Output, SessionEvent, Trust};
use crate::participant::Participant;

/// People with whom the number was compared; far more than ever meet in a call.
const MAX_VERIFIED: usize = 256;

/// The proof of one connection, from the handshake to both sides' words about it.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    /// Both certificates of the finished handshake: ours and theirs.
    certificates: Option<(CertificateDigest, CertificateDigest)>,
    /// Whether we said what we saw.
    said: bool,
    /// What they said before we knew the certificates.
    heard: Option<ConfirmMac>,
    /// Whether what they said fits.
    confirmed: bool,
}

impl Proof {
    /// Whether the other side proved that it is at the other end.
    pub(crate) const fn is_confirmed(&self) -> bool {
        self.confirmed
    }
}

/// With whom the safety number was compared during this stay.
#[derive(derive_more::Debug, Default)]
pub(super) struct Verified {
    ids: BTreeSet<PeerId>,
    /// The names that they had, so that somebody else who takes one is noticed.
    #[debug(skip)]
    names: BTreeMap<String, PeerId>,
}

impl Verified {
    fn trust(&self, participant: &Participant) -> Trust {
        if self.ids.contains(&participant.id) {
            Trust::Verified
        } else if !participant.was_confirmed {
            Trust::Unconfirmed
        } else if self.names.get(&key(&participant.name)).is_some_and(|id| *id != participant.id) {
            Trust::Changed
        } else {
            Trust::Unverified
        }
    }

    /// Whether anything was compared yet: whoever comes afterwards is not in it.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn learn(&mut self, participant: &Participant) {
        if self.ids.contains(&participant.id)
            && !participant.name.is_empty()
            && self.names.len() < MAX_VERIFIED
        {
            self.names.entry(key(&participant.name)).or_insert(participant.id);
        }
    }
}

/// Names that look the same to somebody who does not look closely.
fn key(name: &str) -> String {
    name.to_lowercase()
}

impl Session {
    /// The handshake is finished.
    pub(super) fn certificates(&mut self, index: usize, local: CertificateDigest, remote: CertificateDigest) {
        let participant = &mut self.participants[index];
        participant.proof.certificates.get_or_insert((local, remote));
        self.prove(index);
        if let Some(mac) = self.participants[index].proof.heard.take() {
            self.check(index, mac);
        }
    }

    /// Says what we saw of the handshake, once it is finished and there is a channel to say it on.
    pub(super) fn prove(&mut self, index: usize) {
        let participant = &mut self.participants[index];
        let Some((own, theirs)) = participant.proof.certificates else { return };
        if participant.control_open && !participant.proof.said {
            participant.proof.said = true;
            let (peer, connection) = (participant.id, participant.connection);
            let message = ControlMessage::Confirm { mac: participant.pair.confirmation(own, theirs) };
            self.outputs.push_back(Output::SendControl { peer, connection, message });
        }
    }

    /// What they saw of the handshake.
    pub(super) fn heard_confirm(&mut self, index: usize, mac: ConfirmMac) {
        if self.participants[index].proof.certificates.is_some() {
            self.check(index, mac);
        } else {
            self.participants[index].proof.heard.get_or_insert(mac);
        }
    }

    fn check(&mut self, index: usize, mac: ConfirmMac) {
        let participant = &mut self.participants[index];
        let certificates = participant.proof.certificates;
        let fits = certificates.is_some_and(|(own, theirs)| participant.pair.is_confirmed(own, theirs, mac));
        if !fits {
            return self.unproven(index);
        }
        if participant.proof.confirmed {
            return;
        }
        participant.proof.confirmed = true;
        participant.was_confirmed = true;
        let (peer, connection) = (participant.id, participant.connection);
        self.outputs.push_back(Output::Confirmed { peer, connection });
        // Their word that we are let in may be lost, or overtaken by an older one; this says it too.
        self.let_us_in(index);
        self.came_up(index);
        self.tell_streams(index);
        self.tell_want(index);
        self.tell_lock(index);
        self.hand_over(index);
    }

    /// Whoever is at the other end is not whom the envelopes came from, or does not say so: nothing of it counts.
    pub(super) fn unproven(&mut self, index: usize) {
        let peer = self.participants[index].id;
        self.event(SessionEvent::Unproven { peer });
        self.connection_failed(index, true);
    }

    /// The safety number was compared with somebody, or with everybody who is confirmed now.
    pub(super) fn set_verified(&mut self, peer: Option<PeerId>, on: bool) {
        let meant = |participant: &&Participant| {
            peer.map_or(participant.was_confirmed, |peer| participant.id == peer)
                && (participant.was_confirmed || !on)
        };
        for participant in self.participants.iter().filter(meant) {
            if !on {
                self.verified.ids.remove(&participant.id);
                self.verified.names.retain(|_, id| *id != participant.id);
            } else if self.verified.ids.len() < MAX_VERIFIED {
                self.verified.ids.insert(participant.id);
            }
        }
    }

    /// Tells whose trust changed, and when the room is made of others than before.
    pub(super) fn show_trust(&mut self) {
        for participant in &self.participants {
            self.verified.learn(participant);
        }
        for index in 0..self.participants.len() {
            let participant = &mut self.participants[index];
            let (peer, trust, late) = (participant.id, self.verified.trust(participant), participant.late);
            let late = late && trust != Trust::Verified;
            if participant.shown_trust != (trust, late) {
                participant.shown_trust = (trust, late);
                self.event(SessionEvent::Trust { peer, trust, late });
            }
        }
        let confirmed = self.participants.iter().filter(|participant| participant.was_confirmed);
        let everybody: BTreeSet<PeerId> =
            confirmed.map(|participant| participant.id).chain([self.me]).collect();
        if self.everybody != everybody {
            self.everybody.clone_from(&everybody);
            self.event(SessionEvent::Room { everybody });
        }
    }
}
