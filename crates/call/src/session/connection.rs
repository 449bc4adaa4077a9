//! The connection to each participant: when it is opened, restarted and made anew, and what it tells.

use tincan_protocol::{Candidate, Description, PeerId, PeerMessage};

use super::Session;
use crate::api::{ConnectionState, LeaveReason, Output, PeerChange};
use crate::participant::{Link, Reach};
use crate::timing::{RESTART_SPACING, backoff};

impl Session {
    pub(super) fn peer_changed(&mut self, peer: PeerId, connection: u32, change: PeerChange) {
        let Some(index) = self.index(peer) else { return };
        let now = self.now;
        let participant = &mut self.participants[index];
        if !participant.open || participant.connection != connection {
            return;
        }
        match change {
            PeerChange::State(ConnectionState::Connecting) => {}
            PeerChange::State(ConnectionState::Connected) => {
                participant.transport_up = true;
                self.came_up(index);
            }
            PeerChange::State(ConnectionState::Disconnected) => {
                participant.transport_up = false;
                if participant.is_up() {
                    participant.went_down(now);
                }
            }
            PeerChange::State(ConnectionState::Failed | ConnectionState::Closed) | PeerChange::OpenFailed => {
                self.connection_failed(index, change == PeerChange::OpenFailed);
            }
            PeerChange::LocalDescription { kind, sdp } => {
                // They are to know of a candidate after the description that it belongs to, and not before.
                self.tell_candidates(index);
                self.signal(index, PeerMessage::Description(Description { kind, sdp, connection }));
            }
            PeerChange::LocalCandidate(local) => {
                let candidate = Candidate {
                    candidate: local.candidate,
                    sdp_mid: local.sdp_mid,
                    sdp_m_line_index: local.sdp_m_line_index,
                    username_fragment: local.username_fragment,
                };
                self.gathered(index, candidate);
            }
            PeerChange::ControlOpen => {
                participant.control_open = true;
                self.prove(index);
            }
            PeerChange::Control(bytes) => self.heard(index, &bytes),
            PeerChange::Certificates { local, remote } => self.certificates(index, local, remote),
        }
    }

    /// The connection is up as soon as media could flow and the other side proved who it is.
    pub(super) fn came_up(&mut self, index: usize) {
        let participant = &mut self.participants[index];
        if participant.transport_up && participant.proof.is_confirmed() && !participant.is_up() {
            participant.link = Link::Up;
            participant.was_connected = true;
            participant.failures = 0;
            participant.restart_at = None;
            participant.keyframe_at = Some(self.now);
        }
    }

    pub(super) fn connection_failed(&mut self, index: usize, here: bool) {
        let now = self.now;
        let absent = matches!(self.reach(&self.participants[index]), Reach::Absent { .. });
        let participant = &mut self.participants[index];
        if participant.is_up() {
            participant.down_since = now;
        }
        if absent {
            let peer = participant.id;
            return self.remove(peer, LeaveReason::Lost);
        }
        // Nothing that failed here at once (no socket) will work at once.
        participant.failures = participant.failures.saturating_add(if here { 2 } else { 1 });
        let until = participant.later_if_polite(now + backoff(participant.failures));
        participant.link = Link::Waiting { until };
        self.close(index);
    }

    pub(super) fn network_changed(&mut self, lost: &[PeerId]) {
        let now = self.now;
        for participant in &mut self.participants {
            match participant.link {
                Link::Up if !lost.contains(&participant.id) => {}
                Link::Up | Link::Down { .. } => {
                    let earliest = participant.restarted_at.map_or(now, |at| now.max(at + RESTART_SPACING));
                    participant.restart_at = Some(earliest);
                }
                // Its candidates name addresses that are gone.
                Link::Opening { .. } => participant.link = Link::Opening { until: now },
                Link::Waiting { .. } => {}
            }
        }
    }

    pub(super) fn offer(&mut self, index: usize) {
        let connection = self.participants[index].connection.saturating_add(1);
        self.close(index);
        self.open(index, connection, true);
    }

    pub(super) fn open(&mut self, index: usize, connection: u32, offer: bool) {
        let participant = &mut self.participants[index];
        if participant.is_up() {
            participant.down_since = self.now;
        }
        participant.opened(self.now, connection);
        let (peer, polite) = (participant.id, participant.polite);
        self.remember(peer).connection = connection;
        let ice_servers = self.ice_servers.clone();
        self.outputs.push_back(Output::OpenPeer { peer, connection, offer, polite, ice_servers });
    }

    pub(super) fn close(&mut self, index: usize) {
        let participant = &mut self.participants[index];
        if participant.open {
            participant.open = false;
            participant.forget_connection();
            let (peer, connection) = (participant.id, participant.connection);
            self.outputs.push_back(Output::ClosePeer { peer, connection });
        }
    }
}
