//! The state machine.

mod again;
mod connection;
mod hearing;
mod lock;
mod saying;
mod trust;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use tincan_protocol::{
    ControlMessage, IceServer, Identity, PairKeys, PeerId, PeerMessage, RoomKeys, Source, display_name,
};

use crate::api::{Input, LeaveReason, Output, Phase, SessionConfig, SessionEvent};
use crate::participant::{Due, Participant, Reach};
use crate::timing::{KEYFRAME_WAIT, OFFER_WAIT};
use again::Again;
use lock::Door;
pub(crate) use trust::Proof;
use trust::Verified;

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
    keys: RoomKeys,
    identity: Identity,
    me: PeerId,
    #[debug(skip)]
    name: String,
    features: Vec<String>,
    /// What we send.
    sources: BTreeSet<Source>,
    hand: Option<u64>,
    /// We record the call.
    recording: bool,
    max_participants: usize,
    server: Server,
    phase: Phase,
    ice_servers: Vec<IceServer>,
    known: BTreeMap<PeerId, Known>,
    participants: Vec<Participant>,
    again: Option<Again>,
    door: Door,
    verified: Verified,
    /// Of whom the safety number is made, as it was told last.
    everybody: BTreeSet<PeerId>,
    outputs: VecDeque<Output>,
    /// When the session was last told the time; it never runs backwards.
    now: Instant,
}

impl Session {
    /// A session that waits for [`Input::Joined`].
    pub fn new(config: SessionConfig, now: Instant) -> Self {
        let sources = [(Source::Microphone, config.microphone), (Source::Camera, config.camera)];
        Self {
            me: config.identity.id(),
            keys: config.keys,
            identity: config.identity,
            name: display_name(&config.name),
            features: config.features,
            sources: sources.into_iter().filter(|(_, on)| *on).map(|(source, _)| source).collect(),
            hand: None,
            recording: false,
            max_participants: config.max_participants,
            server: Server::Joining,
            phase: Phase::Joining,
            ice_servers: Vec::new(),
            known: BTreeMap::new(),
            participants: Vec::new(),
            again: config.again.map(Again::from),
            door: Door::default(),
            verified: Verified::default(),
            everybody: BTreeSet::new(),
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
    pub const fn sources(&self) -> &BTreeSet<Source> {
        &self.sources
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Session::handle`] with [`Input::Timeout`] if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let knocking = self.is_knocking();
        let due = self
            .participants
            .iter()
            .filter_map(|participant| participant.next(self.reach(participant), knocking));
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
            Input::SetSource { source, on } => self.set_source(source, on),
            Input::SetPaused { peer, sources } => self.set_paused(peer, sources),
            Input::Want { peer, streams } => self.set_want(peer, streams),
            Input::SetHand(hand) => self.set_hand(hand),
            Input::SetRecording(on) => self.set_recording(on),
            Input::React(reaction) => self.say_to_everybody(&ControlMessage::Reaction { reaction }),
            Input::SetLock(locked) => self.set_lock(locked),
            Input::LetIn(peer) => self.let_in(peer),
            Input::Refuse(peer) => self.refuse(peer),
            Input::SetVerified { peer, on } => self.set_verified(peer, on),
            Input::SetName(name) => self.set_name(&name),
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
        self.keep_waiting_only(peers);
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
            None if self.door.keeps_out(peer) => self.keep_out(peer),
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
        // Only a server makes up ids that are no keys.
        let Some(pair) = PairKeys::new(&self.keys, &self.identity, peer) else { return };
        let connection = self.remember(peer).connection;
        let polite = self.me < peer;
        // With an earlier connection nobody is the newcomer: they may still hold on to it, so its keeper
        // starts anew.
        let offer_now = we_are_new || (connection > 0 && !polite);
        let offer_at = if offer_now { self.now } else { self.now + OFFER_WAIT };
        let newcomer = !we_are_new;
        let mut participant = Participant::new(self.now, pair, polite, newcomer, connection, offer_at);
        participant.late = newcomer && !self.verified.is_empty();
        self.participants.push(participant);
        self.event(SessionEvent::ParticipantJoined { peer });
        self.say_hello(peer);
    }

    fn peer_left(&mut self, peer: PeerId) {
        if let Some(known) = self.known.get_mut(&peer) {
            known.present = false;
        }
        self.stopped_waiting(peer);
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
            self.say(index, ControlMessage::Goodbye);
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
                    Due::Candidates => self.tell_candidates(index),
                    Due::Again => self.say_again(index),
                    Due::Lose => self.remove(peer, LeaveReason::Lost),
                },
                _ => index += 1,
            }
        }
    }

    fn reach_and_next(&self, index: usize) -> Option<(Instant, Due)> {
        let participant = &self.participants[index];
        participant.next(self.reach(participant), self.is_knocking())
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
        self.show_trust();
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
        } else if self.is_knocking() {
            Phase::Knocking
        } else if self.participants.iter().any(|participant| participant.was_connected) {
            Phase::Reconnecting
        } else {
            Phase::Connecting
        }
    }
}
