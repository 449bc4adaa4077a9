//! A world in simulated time: a signalling server, machines with sessions, and connections that come up when
//! the descriptions were exchanged, go quiet when the path is gone, and know glare, rollback and ICE restart.
// A test helper: each test file uses a part of it, and nobody outside sees it.
#![allow(dead_code, unreachable_pub)]

mod connection;
mod server;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tincan_call::{
    AgainConfig, ConnectionState, ConnectionView, Input, Output, PeerChange, Phase, Session, SessionConfig,
    SessionEvent,
};
use tincan_protocol::{
    CertificateDigest, ControlMessage, Identity, PeerId, RoomCode, RoomId, RoomKeys, Source, StreamState,
};

use connection::Connection;
use server::Server;

/// One step of the simulation. Signalling takes longer than this, so that nothing happens "at once".
const TICK: Duration = Duration::from_millis(20);
/// How long a machine tries before its socket to the server is back.
const RECONNECT: Duration = Duration::from_millis(700);
/// No session has this many timeouts in one second; more is a busy loop.
const MAX_TIMEOUTS_A_SECOND: u32 = 50;

/// The code for the next call that machine `n` would make.
pub fn fresh_code(n: u8) -> RoomCode {
    const ALPHABET: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
    // Larger ids make smaller codes, so that nothing rests on their order being the same.
    let symbol = |at: u8| char::from(ALPHABET[usize::from(255 - n) >> at & 31]);
    format!("{}{}", symbol(5), symbol(0)).repeat(10).parse().expect("twenty characters are a long code")
}

/// The room's keys.
pub fn keys() -> RoomKeys {
    RoomKeys::from_parts(RoomId::from_bytes([7; 16]), [9; 32])
}

/// Who machine `n` is: a larger number has a larger id, so that a test can say which side is polite.
pub fn identity(n: u8) -> Identity {
    static ALL: LazyLock<Vec<Identity>> = LazyLock::new(|| {
        let mut all: Vec<Identity> = (0..=255).map(|secret| Identity::from_secret([secret; 32])).collect();
        all.sort_by_key(Identity::id);
        all
    });
    ALL[usize::from(n)].clone()
}

/// The peer id of machine `n`.
pub fn id(n: u8) -> PeerId {
    identity(n).id()
}

/// What somebody sends whose microphone and camera are on or off.
pub fn sends(microphone: bool, camera: bool) -> Vec<StreamState> {
    let sources = [(Source::Microphone, microphone), (Source::Camera, camera)];
    let on = sources.into_iter().filter(|(_, on)| *on);
    on.map(|(source, _)| StreamState { source, paused: false }).collect()
}

pub struct Machine {
    pub id: PeerId,
    pub session: Session,
    pub events: Vec<SessionEvent>,
    /// Everything but events, for tests that look at what was asked.
    pub actions: Vec<Output>,
    connections: BTreeMap<(PeerId, u32), Connection>,
    /// Counts changes of network: what was gathered before is of no use.
    network: u32,
    /// Whether it has any network.
    pub online: bool,
    socket: bool,
    retry_at: Instant,
    timeouts: (u64, u32),
}

pub struct World {
    pub start: Instant,
    pub now: Instant,
    pub machines: BTreeMap<PeerId, Machine>,
    pub server: Server,
    /// Pairs that cannot reach each other directly.
    pub blocked: Vec<(PeerId, PeerId)>,
    /// Somebody stands between these two, and shakes hands with both.
    pub between: Option<(PeerId, PeerId)>,
    control: Vec<(Instant, PeerId, PeerId, u32, Vec<u8>)>,
    tokens: u64,
}

impl World {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            start: now,
            now,
            machines: BTreeMap::new(),
            server: Server::new(),
            blocked: Vec::new(),
            between: None,
            control: Vec::new(),
            tokens: 0,
        }
    }

    /// Machine `n` starts the program and joins.
    pub fn join(&mut self, n: u8) {
        self.join_with(n, |_| {});
    }

    pub fn join_with(&mut self, n: u8, change: impl FnOnce(&mut SessionConfig)) {
        let id = id(n);
        let mut config = SessionConfig::new(keys(), identity(n));
        config.name = format!("machine {n}");
        config.again = Some(AgainConfig { fresh: fresh_code(n), agreed: None });
        change(&mut config);
        let machine = Machine {
            id,
            session: Session::new(config, self.now),
            events: Vec::new(),
            actions: Vec::new(),
            connections: BTreeMap::new(),
            network: 0,
            online: true,
            socket: false,
            retry_at: self.now,
            timeouts: (0, 0),
        };
        self.machines.insert(id, machine);
    }

    /// Machine `n` leaves as a person leaves.
    pub fn leave(&mut self, n: u8) {
        self.input(id(n), Input::Leave);
        self.server.leave(id(n), self.now);
        self.machines.remove(&id(n));
    }

    /// Machine `n` loses power.
    pub fn crash(&mut self, n: u8) {
        self.control.retain(|(_, from, ..)| *from != id(n));
        self.server.lose_socket(id(n), self.now);
        self.machines.remove(&id(n));
    }

    pub fn server_crashes(&mut self) {
        self.server.crash();
        for id in self.ids() {
            self.lose_socket(id);
        }
    }

    pub fn server_returns(&mut self) {
        self.server.up = true;
    }

    /// Only the socket to the server breaks; it is tried again.
    pub fn socket_breaks(&mut self, n: u8) {
        self.server.lose_socket(id(n), self.now);
        self.lose_socket(id(n));
    }

    pub fn offline(&mut self, n: u8) {
        if let Some(machine) = self.machines.get_mut(&id(n)) {
            machine.online = false;
            self.socket_breaks(n);
        }
    }

    /// Everybody but machine `n`.
    pub fn others(&self, n: u8) -> Vec<PeerId> {
        self.machines.keys().copied().filter(|other| *other != id(n)).collect()
    }

    /// Machine `n` is on another network: its addresses are new, and it notices.
    pub fn online_elsewhere(&mut self, n: u8) {
        let lost = self.others(n);
        if let Some(machine) = self.machines.get_mut(&id(n)) {
            machine.online = true;
            machine.network += 1;
            machine.retry_at = self.now + RECONNECT;
            self.input(id(n), Input::NetworkChanged { lost });
        }
    }

    pub fn machine(&self, n: u8) -> &Machine {
        &self.machines[&id(n)]
    }

    pub fn phase(&self, n: u8) -> Phase {
        self.machine(n).session.phase()
    }

    pub fn sees(&self, n: u8, other: u8) -> Option<ConnectionView> {
        self.machine(n).session.participant(id(other)).map(|participant| participant.view())
    }

    /// The code for the next call that machine `n` was told of.
    pub fn again(&self, n: u8) -> Option<RoomCode> {
        self.machine(n).events.iter().rev().find_map(|event| match event {
            SessionEvent::Again { code } => Some(code.clone()),
            _ => None,
        })
    }

    pub fn ids(&self) -> Vec<PeerId> {
        self.machines.keys().copied().collect()
    }

    /// Everybody sees everybody else, and nobody else, as connected.
    pub fn all_connected(&self) -> bool {
        self.machines.values().all(|machine| {
            let others = machine.session.participants();
            others.len() + 1 == self.machines.len()
                && others.iter().all(|other| {
                    other.view() == ConnectionView::Connected && self.machines.contains_key(&other.id())
                })
        })
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.now += TICK;
            self.step();
        }
    }

    pub fn run_seconds(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    /// Runs until `condition` holds; says how long it took.
    #[track_caller]
    pub fn run_until(&mut self, limit: u64, condition: impl Fn(&Self) -> bool) -> Duration {
        let began = self.now;
        while !condition(self) {
            assert!(self.now - began < Duration::from_secs(limit), "not within {limit} s: {self:?}");
            self.run(TICK);
        }
        self.now - began
    }

    pub fn input(&mut self, id: PeerId, input: Input) {
        let now = self.now;
        if let Some(machine) = self.machines.get_mut(&id) {
            machine.session.handle(now, input);
            self.drain(id);
        }
    }

    fn step(&mut self) {
        for (to, input) in self.server.step(self.now) {
            self.input(to, input);
        }
        for id in self.ids() {
            let machine = &self.machines[&id];
            if !machine.socket && machine.online && self.server.up && self.now >= machine.retry_at {
                self.machines.get_mut(&id).expect("listed").socket = true;
                self.server.connect(id, self.now);
            }
        }
        self.deliver_control();
        self.step_connections();
        self.fire_timeouts();
    }

    fn fire_timeouts(&mut self) {
        let second = (self.now - self.start).as_secs();
        for id in self.ids() {
            let due =
                |world: &Self| world.machines[&id].session.poll_timeout().is_some_and(|at| at <= world.now);
            while due(self) {
                let machine = self.machines.get_mut(&id).expect("listed");
                machine.timeouts = match machine.timeouts {
                    (at, count) if at == second => (second, count + 1),
                    _ => (second, 1),
                };
                assert!(machine.timeouts.1 < MAX_TIMEOUTS_A_SECOND, "{id} wakes all the time: {self:?}");
                self.input(id, Input::Timeout);
            }
        }
    }

    fn lose_socket(&mut self, id: PeerId) {
        let retry_at = self.now + RECONNECT;
        if let Some(machine) = self.machines.get_mut(&id) {
            machine.retry_at = retry_at;
            if std::mem::take(&mut machine.socket) {
                self.input(id, Input::Disconnected);
            }
        }
    }

    /// The control channel is reliable and ordered: what meets a broken path waits for it to come back, and is lost
    /// only with the connection. Whoever closes it says first what was to be said.
    fn deliver_control(&mut self) {
        let mut later = Vec::new();
        for (at, from, to, connection, bytes) in std::mem::take(&mut self.control) {
            let hears = |m: &Machine| m.connections.contains_key(&(from, connection));
            if !self.machines.get(&to).is_some_and(hears) {
                continue;
            }
            let gone = !self.machines.contains_key(&from);
            if at > self.now || !(gone || self.path(from, to)) {
                later.push((at, from, to, connection, bytes));
                continue;
            }
            let change = PeerChange::Control(bytes);
            self.input(to, Input::Peer { peer: from, connection, change });
        }
        later.append(&mut self.control);
        self.control = later;
    }

    fn path(&self, a: PeerId, b: PeerId) -> bool {
        let online = |id| self.machines.get(&id).is_some_and(|machine| machine.online);
        online(a) && online(b) && !self.blocked.iter().any(|&(x, y)| (x, y) == (a, b) || (x, y) == (b, a))
    }

    /// Brings up what can come up, and lets go quiet what lost its path.
    fn step_connections(&mut self) {
        let mut changes = Vec::new();
        for (&me, machine) in &self.machines {
            for (&(other, number), connection) in &machine.connections {
                let matched = self.path(me, other)
                    && self.machines[&other].connections.get(&(me, number)).is_some_and(|theirs| {
                        connection.pairs_with(theirs, machine.network, self.machines[&other].network)
                    });
                changes.push((me, other, number, matched));
            }
        }
        for (me, other, number, matched) in changes {
            let now = self.now;
            let machine = self.machines.get_mut(&me).expect("listed");
            let Some(connection) = machine.connections.get_mut(&(other, number)) else { continue };
            for change in connection.step(now, matched) {
                self.input(me, Input::Peer { peer: other, connection: number, change });
            }
        }
    }

    fn drain(&mut self, id: PeerId) {
        loop {
            let machine = self.machines.get_mut(&id).expect("whoever is given input is there");
            let Some(output) = machine.session.poll() else { return };
            match &output {
                Output::Event(event) => machine.events.push(event.clone()),
                other => machine.actions.push(other.clone()),
            }
            self.act(id, output);
        }
    }

    fn act(&mut self, me: PeerId, output: Output) {
        let now = self.now;
        let machine = self.machines.get_mut(&me).expect("whoever acts is there");
        let network = machine.network;
        match output {
            Output::SendSignal { to, message } => {
                assert!(machine.socket, "{me} sends although the server is away: {message:?}");
                self.server.send(me, to, message, now);
            }
            Output::OpenPeer { peer, connection, offer, polite, .. } => {
                assert_eq!(polite, me < peer);
                let certificates = handshake(self.between, me, peer);
                let fresh = machine
                    .connections
                    .insert((peer, connection), Connection::new(now, polite, certificates));
                assert!(fresh.is_none(), "connection {connection} to {peer} is opened twice");
                let open = machine.connections.keys().filter(|(other, _)| *other == peer).count();
                assert_eq!(open, 1, "two connections to {peer} at once");
                if offer {
                    self.offer(me, peer, connection);
                }
            }
            Output::RestartIce { peer, connection } => self.offer(me, peer, connection),
            Output::SetRemote { peer, connection, description } => {
                self.tokens += 1;
                let token = self.tokens;
                let it = machine
                    .connections
                    .get_mut(&(peer, connection))
                    .expect("only open ones get descriptions");
                if let Some(change) = it.set_remote(&description, token, network) {
                    self.input(me, Input::Peer { peer, connection, change });
                }
            }
            Output::ClosePeer { peer, connection } => {
                machine.connections.remove(&(peer, connection)).expect("only open ones are closed");
            }
            Output::SendControl { peer, connection, message } => {
                self.send_control(me, peer, connection, &message)
            }
            Output::AddCandidate { peer, connection, .. }
            | Output::RequestKeyframe { peer, connection }
            | Output::Confirmed { peer, connection } => {
                assert!(machine.connections.contains_key(&(peer, connection)), "nothing goes to closed ones");
            }
            Output::Event(_) => {}
        }
    }

    fn offer(&mut self, me: PeerId, peer: PeerId, connection: u32) {
        self.tokens += 1;
        let token = self.tokens;
        let machine = self.machines.get_mut(&me).expect("whoever acts is there");
        let it = machine.connections.get_mut(&(peer, connection)).expect("only open ones offer");
        let change = it.offer(token, machine.network);
        self.input(me, Input::Peer { peer, connection, change });
    }

    fn send_control(&mut self, me: PeerId, to: PeerId, connection: u32, message: &ControlMessage) {
        let up = |a, b| self.machines.get(&a).and_then(|m: &Machine| m.connections.get(&(b, connection)));
        if let (Some(ours), Some(_)) = (up(me, to), up(to, me)) {
            assert!(ours.control_open, "nothing is sent before the channel is open");
            self.control.push((self.now + 2 * TICK, me, to, connection, message.encode().into_bytes()));
        }
    }

    /// Hands machine `n` a change of a connection as if it came from the connection.
    pub fn change(&mut self, n: u8, other: u8, connection: u32, change: PeerChange) {
        self.input(id(n), Input::Peer { peer: id(other), connection, change });
    }

    /// Makes the connection fail at machine `n` only.
    pub fn fail(&mut self, n: u8, other: u8) {
        let connection = self.machine(n).session.participant(id(other)).expect("is there").connection();
        self.change(n, other, connection, PeerChange::State(ConnectionState::Failed));
    }
}

/// Both certificates of a handshake between `me` and `other`, as `me` sees them.
fn handshake(
    between: Option<(PeerId, PeerId)>,
    me: PeerId,
    other: PeerId,
) -> (CertificateDigest, CertificateDigest) {
    let own = CertificateDigest::from_bytes(*me.as_bytes());
    let theirs = match between {
        Some(pair) if pair == (me, other) || pair == (other, me) => CertificateDigest::from_bytes([0xee; 32]),
        _ => CertificateDigest::from_bytes(*other.as_bytes()),
    };
    (own, theirs)
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "at {:?}, server up: {}", self.now - self.start, self.server.up)?;
        for machine in self.machines.values() {
            writeln!(f, "{}: {:?}, socket {}", machine.id, machine.session.phase(), machine.socket)?;
            for participant in machine.session.participants() {
                writeln!(f, "  {participant:?}")?;
            }
            for (key, connection) in &machine.connections {
                writeln!(f, "  {key:?} {connection:?}")?;
            }
        }
        Ok(())
    }
}
