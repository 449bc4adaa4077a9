//! The state machine.

mod again;
mod saying;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use tincan_protocol::{
    Candidate, ControlMessage, Description, DescriptionKind, IceServer, PeerId, PeerMessage, display_name,
};

use crate::api::{
    ConnectionState, Input, LeaveReason, MediaState, Output, PeerChange, Phase, SessionConfig, SessionEvent,
};
use crate::participant::{Due, Link, Participant, Reach};
use crate::timing::{KEYFRAME_WAIT, OFFER_WAIT, REOPEN_WAIT, RESTART_SPACING, backoff};
use again::Again;
pub(crate) use words::Words;

/// Ids that are remembered. A server that invents more than this loses the oldest ones' connection numbers.
const MAX_KNOWN: usize = 1024;
/// Nobody reconnects so often; a larger number would leave no room to count up from.
const MAX_CONNECTION: u32 = 1_000_000;

/// What is remembered of an id for the whole stay.
#[derive(Debug, Default)]
struct Known {
    /// The newest connection with them; survives their being lost, so that a return counts up.
    connection: u32,
    /// Whether the server says that they are in the room.
    present: bool,
    /// They said goodbye: what comes after is not acted on.
    departed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Joining,
    Up,
    Lost { since: Instant },
}

/// The session of one room, from joining to leaving.
#[derive(derive_more::Debug)]
pub struct Session {
    me: PeerId,
    #[debug(skip)]
    name: String,
    media: MediaState,
    max_participants: usize,
    server: Server,
    phase: Phase,
    ice_servers: Vec<IceServer>,
    known: BTreeMap<PeerId, Known>,
    participants: Vec<Participant>,
    again: Option<Again>,
    outputs: VecDeque<Output>,
    /// When the session was last told the time; it never runs backwards.
    now: Instant,
}

impl Session {
    /// A session that waits for [`Input::Joined`].
    pub fn new(config: SessionConfig, now: Instant) -> Self {
        Self {
            me: config.peer_id,
            name: display_name(&config.name),
            media: MediaState { microphone: config.microphone, camera: config.camera },
            max_participants: config.max_participants,
            server: Server::Joining,
            phase: Phase::Joining,
            ice_servers: Vec::new(),
            known: BTreeMap::new(),
            participants: Vec::new(),
            again: config.again.map(Again::from),
            outputs: VecDeque::new(),
            now,
        }
    }

    /// Everybody else, in the order in which they came.
    pub fn participants(&self) -> &[Participant] {
        &self.participants
    }

    /// One of them.
    pub fn participant(&self, peer: PeerId) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.id == peer)
    }

    /// Where the call stands.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the server is reachable.
    pub fn server_connected(&self) -> bool {
        self.server == Server::Up
    }

    /// What we send.
    pub const fn media(&self) -> MediaState {
        self.media
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Session::handle`] with [`Input::Timeout`] if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due =
            self.participants.iter().filter_map(|participant| participant.next(self.reach(participant)));
        due.map(|(at, _)| at).min()
    }

    /// Takes in what happened at `now`.
    pub fn handle(&mut self, now: Instant, input: Input) {
        if self.phase == Phase::Left {
            return;
        }
        self.now = self.now.max(now);
        match input {
            Input::Timeout => {}
            Input::Joined { peers, ice_servers } => self.joined(&peers, ice_servers),
            Input::PeerJoined(peer) => self.peer_joined(peer),
            Input::PeerLeft(peer) => self.peer_left(peer),
            Input::Message { from, message } => self.message(from, message),
            Input::IceServers(ice_servers) => self.ice_servers = ice_servers,
            Input::Disconnected => self.server_lost(),
            Input::Peer { peer, connection, change } => self.peer_changed(peer, connection, change),
            Input::SetMicrophone(microphone) => self.set_media(MediaState { microphone, ..self.media }),
            Input::SetCamera(camera) => self.set_media(MediaState { camera, ..self.media }),
            Input::SetName(name) => self.set_name(name),
            Input::NetworkChanged { lost } => self.network_changed(&lost),
            Input::Leave => return self.leave(),
        }
        self.run_timers();
        self.show_changes();
    }

    fn joined(&mut self, peers: &[PeerId], ice_servers: Vec<IceServer>) {
        self.ice_servers = ice_servers;
        if self.server != Server::Up {
            self.event(SessionEvent::Server { connected: true });
        }
        self.server = Server::Up;
        for (peer, known) in &mut self.known {
            known.present &= peers.contains(peer);
        }
        for participant in &mut self.participants {
            if !peers.contains(&participant.id) {
                participant.absent_since.get_or_insert(self.now);
            }
        }
        for &peer in peers {
            // The list may be older than their goodbye.
            if !self.known.get(&peer).is_some_and(|known| known.departed) {
                self.arrived(peer, true);
            }
        }
    }

    fn peer_joined(&mut self, peer: PeerId) {
        if let Some(known) = self.known.get_mut(&peer) {
            known.departed = false;
        }
        self.arrived(peer, false);
    }

    /// Somebody can be reached through the server, for the first time or again.
    fn arrived(&mut self, peer: PeerId, we_are_new: bool) {
        if peer == self.me {
            return;
        }
        self.remember(peer).present = true;
        match self.index(peer) {
            None => self.add(peer, we_are_new),
            Some(index) => {
                self.participants[index].became_reachable(self.now);
                self.say_hello(peer);
                for message in std::mem::take(&mut self.participants[index].pending) {
                    self.outputs.push_back(Output::SendSignal { to: peer, message });
                }
            }
        }
    }

    fn add(&mut self, peer: PeerId, we_are_new: bool) {
        if self.participants.len() >= self.max_participants {
            return;
        }
        let connection = self.remember(peer).connection;
        let polite = self.me < peer;
        // With an earlier connection nobody is the newcomer: they may still hold on to it, so its keeper
        // starts anew.
        let offer_now = we_are_new || (connection > 0 && !polite);
        let offer_at = if offer_now { self.now } else { self.now + OFFER_WAIT };
        let newcomer = !we_are_new;
        self.participants.push(Participant::new(self.now, peer, polite, newcomer, connection, offer_at));
        self.event(SessionEvent::ParticipantJoined { peer });
        self.say_hello(peer);
    }

    fn peer_left(&mut self, peer: PeerId) {
        if let Some(known) = self.known.get_mut(&peer) {
            known.present = false;
        }
        let Some(index) = self.index(peer) else { return };
        // The server may have lost only their socket: a call in progress lives on without it.
        if self.participants[index].is_up() {
            self.participants[index].absent_since = Some(self.now);
        } else {
            self.remove(peer, LeaveReason::Lost);
        }
    }

    fn server_lost(&mut self) {
        if self.server == Server::Up {
            self.event(SessionEvent::Server { connected: false });
            self.server = Server::Lost { since: self.now };
        }
    }

    fn message(&mut self, from: PeerId, message: PeerMessage) {
        let Some(known) = self.known.get(&from) else { return };
        if known.departed || from == self.me {
            return;
        }
        if self.index(from).is_none() {
            // Somebody who was given up, but is still there.
            if !known.present || message == PeerMessage::Goodbye {
                return;
            }
            self.add(from, false);
        }
        let Some(index) = self.index(from) else { return };
        self.participants[index].spoke = true;
        match message {
            PeerMessage::Hello { name } => self.named(from, &name),
            PeerMessage::Description(description) => self.described(from, description),
            PeerMessage::Candidate(candidate) => {
                let participant = &mut self.participants[index];
                if participant.open && participant.connection == candidate.connection {
                    let connection = candidate.connection;
                    self.outputs.push_back(Output::AddCandidate { peer: from, connection, candidate });
                } else {
                    participant.keep_candidate(candidate);
                }
            }
            // Whoever really leaves says so on the connection too.
            PeerMessage::Goodbye if self.participants[index].is_up() => {
                self.participants[index].keep_goodbye(self.now);
            }
            PeerMessage::Goodbye => self.said_goodbye(from),
        }
    }

    fn named(&mut self, peer: PeerId, name: &str) {
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
        let participant = &mut self.participants[index];
        let connection = description.connection;
        let offer = description.kind == DescriptionKind::Offer;
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
            if participant.is_up() {
                return participant.keep_offer(now, description);
            }
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

    fn peer_changed(&mut self, peer: PeerId, connection: u32, change: PeerChange) {
        let Some(index) = self.index(peer) else { return };
        let now = self.now;
        let participant = &mut self.participants[index];
        if !participant.open || participant.connection != connection {
            return;
        }
        match change {
            PeerChange::State(ConnectionState::Connecting) => {}
            PeerChange::State(ConnectionState::Connected) => {
                if !participant.is_up() {
                    participant.link = Link::Up;
                    participant.was_connected = true;
                    participant.failures = 0;
                    participant.restart_at = None;
                    participant.keyframe_at = Some(now);
                }
            }
            PeerChange::State(ConnectionState::Disconnected) => {
                if participant.is_up() {
                    participant.went_down(now);
                    self.believe(index);
                }
            }
            PeerChange::State(ConnectionState::Failed | ConnectionState::Closed) | PeerChange::OpenFailed => {
                self.connection_failed(index, change == PeerChange::OpenFailed);
            }
            PeerChange::LocalDescription { kind, sdp } => {
                self.signal(index, PeerMessage::Description(Description { kind, sdp, connection }));
            }
            PeerChange::LocalCandidate(local) => {
                let candidate = Candidate {
                    candidate: local.candidate,
                    sdp_mid: local.sdp_mid,
                    sdp_m_line_index: local.sdp_m_line_index,
                    username_fragment: local.username_fragment,
                    connection,
                };
                self.signal(index, PeerMessage::Candidate(candidate));
            }
            PeerChange::ControlOpen => {
                participant.control_open = true;
                self.tell_media(index);
                self.hand_over(index);
            }
            PeerChange::Control(bytes) => match ControlMessage::decode(&bytes) {
                Ok(ControlMessage::State { microphone, camera }) => {
                    let media = MediaState { microphone, camera };
                    if participant.media != media {
                        participant.media = media;
                        self.event(SessionEvent::Media { peer, media });
                    }
                }
                Ok(ControlMessage::Again { code }) => self.heard_again(peer, code),
                Ok(ControlMessage::Goodbye) => self.said_goodbye(peer),
                // A newer version may say more than we understand.
                Err(_) => {}
            },
            PeerChange::Fingerprints { local, remote } => {
                self.event(SessionEvent::Fingerprints { peer, local, remote });
            }
        }
    }

    fn connection_failed(&mut self, index: usize, here: bool) {
        let now = self.now;
        let absent = matches!(self.reach(&self.participants[index]), Reach::Absent { .. });
        let participant = &mut self.participants[index];
        if participant.is_up() {
            participant.down_since = now;
            participant.link = Link::Waiting { until: now };
            if self.believe(index) {
                return;
            }
        }
        let participant = &mut self.participants[index];
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

    fn network_changed(&mut self, lost: &[PeerId]) {
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

    fn leave(&mut self) {
        let present: Vec<PeerId> = self
            .known
            .iter()
            .filter(|(_, known)| known.present && !known.departed)
            .map(|(&peer, _)| peer)
            .collect();
        if self.server == Server::Up {
            for to in present {
                self.outputs.push_back(Output::SendSignal { to, message: PeerMessage::Goodbye });
            }
        }
        for index in 0..self.participants.len() {
            let participant = &self.participants[index];
            if participant.control_open {
                let (peer, connection) = (participant.id, participant.connection);
                let message = ControlMessage::Goodbye;
                self.outputs.push_back(Output::SendControl { peer, connection, message });
            }
            self.close(index);
        }
        self.participants.clear();
        self.phase = Phase::Left;
        self.event(SessionEvent::Phase(Phase::Left));
    }

    /// Does what is due. Every action moves its own deadline, so this ends.
    fn run_timers(&mut self) {
        let mut index = 0;
        while let Some(participant) = self.participants.get_mut(index) {
            let peer = participant.id;
            let connection = participant.connection;
            match self.reach_and_next(index) {
                Some((at, due)) if at <= self.now => match due {
                    Due::Offer => self.offer(index),
                    Due::RestartIce => {
                        let participant = &mut self.participants[index];
                        participant.restart_at = None;
                        participant.restarted_at = Some(self.now);
                        if participant.is_up() {
                            participant.keyframe_at = Some(self.now + KEYFRAME_WAIT);
                        }
                        self.outputs.push_back(Output::RestartIce { peer, connection });
                    }
                    Due::Keyframe => {
                        self.participants[index].keyframe_at = None;
                        if self.participants[index].open {
                            self.outputs.push_back(Output::RequestKeyframe { peer, connection });
                        }
                    }
                    Due::Again => self.say_again(index),
                    Due::Lose => self.remove(peer, LeaveReason::Lost),
                },
                _ => index += 1,
            }
        }
    }

    fn reach_and_next(&self, index: usize) -> Option<(Instant, Due)> {
        let participant = &self.participants[index];
        participant.next(self.reach(participant))
    }

    fn offer(&mut self, index: usize) {
        let connection = self.participants[index].connection.saturating_add(1);
        self.close(index);
        self.open(index, connection, true);
    }

    fn open(&mut self, index: usize, connection: u32, offer: bool) {
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

    fn close(&mut self, index: usize) {
        let participant = &mut self.participants[index];
        if participant.open {
            participant.open = false;
            participant.control_open = false;
            participant.keyframe_at = None;
            participant.pending.clear();
            let (peer, connection) = (participant.id, participant.connection);
            self.outputs.push_back(Output::ClosePeer { peer, connection });
        }
    }

    fn remove(&mut self, peer: PeerId, reason: LeaveReason) {
        if let Some(index) = self.index(peer) {
            self.close(index);
            self.participants.remove(index);
            self.event(SessionEvent::ParticipantLeft { peer, reason });
        }
    }

    fn reach(&self, participant: &Participant) -> Reach {
        match (self.server, participant.absent_since) {
            (Server::Up, None) => Reach::Reachable,
            (Server::Up, Some(since)) => Reach::Absent { since },
            (Server::Lost { since }, _) => Reach::NoServer { since },
            (Server::Joining, _) => Reach::NoServer { since: participant.created },
        }
    }

    fn index(&self, peer: PeerId) -> Option<usize> {
        self.participants.iter().position(|participant| participant.id == peer)
    }

    fn remember(&mut self, peer: PeerId) -> &mut Known {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(&peer) {
            let participants = &self.participants;
            self.known.retain(|id, _| participants.iter().any(|participant| participant.id == *id));
        }
        self.known.entry(peer).or_default()
    }

    fn event(&mut self, event: SessionEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    fn show_changes(&mut self) {
        for index in 0..self.participants.len() {
            let participant = &mut self.participants[index];
            let (peer, view) = (participant.id, participant.view());
            if participant.shown != view {
                participant.shown = view;
                self.event(SessionEvent::Connection { peer, view });
            }
        }
        let phase = self.current_phase();
        if self.phase != phase {
            self.phase = phase;
            self.event(SessionEvent::Phase(phase));
        }
    }

    fn current_phase(&self) -> Phase {
        if self.server == Server::Joining {
            Phase::Joining
        } else if self.participants.is_empty() {
            Phase::Alone
        } else if self.participants.iter().any(Participant::is_up) {
            Phase::Connected
        } else if self.participants.iter().any(|participant| participant.was_connected) {
            Phase::Reconnecting
        } else {
            Phase::Connecting
        }
    }
}
