//! Several participants and a server between them, in simulated time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tincan_protocol::{
    Candidate, Candidates, ClientMessage, Envelope, Identity, PairKeys, PeerId, PeerMessage, RoomId, RoomKeys,
};

use super::super::{Delivery, Received};

pub(super) fn room() -> RoomKeys {
    RoomKeys::from_parts(RoomId::from_bytes([7; 16]), [9; 32])
}

pub(super) fn identity(index: u8) -> Identity {
    Identity::from_secret([index + 1; 32])
}

/// A message that can be told from others.
pub(super) fn number(number: u32) -> PeerMessage {
    let end = Candidate {
        candidate: String::new(),
        sdp_mid: None,
        sdp_m_line_index: None,
        username_fragment: None,
    };
    PeerMessage::Candidates(Candidates { candidates: vec![end], connection: number })
}

/// Whom a text for the server is for, and what it is.
pub(super) fn relay(text: &str) -> (PeerId, Envelope) {
    match ClientMessage::decode(text).unwrap() {
        ClientMessage::Relay { to, envelope } => (to, envelope),
        other => panic!("{other:?}"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Membership {
    Connected,
    /// Without a connection, and the others are not told.
    Away,
    None,
}

struct Person {
    delivery: Delivery,
    membership: Membership,
    /// Counts connections: what was on its way on an old one is lost.
    connection: u32,
    heard: BTreeMap<usize, Vec<u32>>,
}

struct Relay {
    at: Instant,
    from: usize,
    to: usize,
    envelope: Envelope,
    /// Of both, when it was sent.
    connections: (u32, u32),
}

pub(super) struct World {
    now: Instant,
    /// Made once, because each takes as long as thousands of messages.
    ids: Vec<PeerId>,
    /// What each would seal for, and open from, each other.
    pairs: BTreeMap<(usize, usize), PairKeys>,
    people: Vec<Person>,
    wire: Vec<Relay>,
    random: StdRng,
    said: BTreeMap<(usize, usize), u32>,
    /// How many relays are lost, out of one.
    pub(super) loss: f64,
    /// Whether relays are also repeated, reordered, changed, redirected and forged.
    pub(super) is_meddled_with: bool,
    pub(super) refused: usize,
    pub(super) repeated: usize,
    pub(super) early: usize,
    /// What each has written.
    pub(super) written: Vec<usize>,
}

impl World {
    /// So many who join at once.
    pub(super) fn new(count: u8, seed: u64) -> Self {
        let person = |index| Person {
            delivery: Delivery::new(room(), identity(index)),
            membership: Membership::None,
            connection: 0,
            heard: BTreeMap::new(),
        };
        let identities: Vec<_> = (0..count).map(identity).collect();
        let ids: Vec<_> = identities.iter().map(Identity::id).collect();
        let mut pairs = BTreeMap::new();
        for (one, me) in identities.iter().enumerate() {
            for (other, id) in ids.iter().enumerate() {
                pairs.extend(PairKeys::new(&room(), me, *id).map(|keys| ((one, other), keys)));
            }
        }
        let mut world = Self {
            now: Instant::now(),
            ids,
            pairs,
            people: (0..count).map(person).collect(),
            wire: Vec::new(),
            random: StdRng::seed_from_u64(seed),
            said: BTreeMap::new(),
            loss: 0.0,
            is_meddled_with: false,
            refused: 0,
            repeated: 0,
            early: 0,
            written: vec![0; count.into()],
        };
        (0..count.into()).for_each(|one| world.come_back(one));
        world
    }

    fn id(&self, one: usize) -> PeerId {
        self.ids[one]
    }

    /// One says the next number to the other, if there is room for it.
    pub(super) fn says(&mut self, from: usize, to: usize) {
        let next = self.said.get(&(from, to)).copied().unwrap_or(0);
        let to_id = self.id(to);
        if self.people[from].delivery.send(to_id, &number(next)).is_ok() {
            self.said.insert((from, to), next + 1);
        }
    }

    /// The connection breaks.
    pub(super) fn cut(&mut self, one: usize) {
        let person = &mut self.people[one];
        if person.membership == Membership::Connected {
            person.membership = Membership::Away;
            person.connection += 1;
            person.delivery.lost();
        }
    }

    /// The grace time of whoever is away is over.
    pub(super) fn expire(&mut self, one: usize) {
        if self.people[one].membership == Membership::Away {
            self.people[one].membership = Membership::None;
            let gone = self.id(one);
            for person in self.people.iter_mut().filter(|person| person.membership == Membership::Connected) {
                person.delivery.peer_left(gone);
            }
        }
    }

    /// Everybody is cut off, and nobody is a member any more.
    pub(super) fn restart_server(&mut self) {
        for one in 0..self.people.len() {
            self.cut(one);
            self.people[one].membership = Membership::None;
        }
    }

    pub(super) fn come_back(&mut self, one: usize) {
        let (now, me) = (self.now, self.id(one));
        if self.people[one].membership == Membership::Connected {
            return;
        }
        let is_new = self.people[one].membership == Membership::None;
        let members = (0..self.people.len())
            .filter(|other| *other != one && self.people[*other].membership != Membership::None);
        let peers: Vec<_> = members.map(|other| self.id(other)).collect();
        self.people[one].membership = Membership::Connected;
        self.people[one].delivery.joined(peers, now);
        if is_new {
            for (other, person) in self.people.iter_mut().enumerate() {
                if other != one && person.membership == Membership::Connected {
                    person.delivery.peer_joined(me, now);
                }
            }
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.collect();
            let timeouts = self.people.iter().filter_map(|person| person.delivery.poll_timeout());
            let next = timeouts.chain(self.wire.iter().map(|relay| relay.at)).min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            assert!(at >= self.now, "a timeout stays in the past");
            self.now = at;
            // In the order of their times; of two at once the one that was sent first.
            self.wire.sort_by_key(|relay| relay.at);
            while self.wire.first().is_some_and(|relay| relay.at <= at) {
                let relay = self.wire.remove(0);
                self.deliver(relay);
            }
        }
        self.now = end;
    }

    /// Takes what everybody writes.
    fn collect(&mut self) {
        for from in 0..self.people.len() {
            while let Some(outgoing) = self.people[from].delivery.poll(self.now) {
                self.written[from] += 1;
                let (to, envelope) = relay(&outgoing.text);
                let to = self.ids.iter().position(|id| *id == to).unwrap();
                if self.random.random_bool(self.loss) {
                    continue;
                }
                if self.is_meddled_with {
                    self.meddle(from, to, envelope);
                } else {
                    self.post(from, to, envelope, 20);
                }
            }
        }
    }

    fn post(&mut self, from: usize, to: usize, envelope: Envelope, milliseconds: u64) {
        let connections = (self.people[from].connection, self.people[to].connection);
        let at = self.now + Duration::from_millis(milliseconds);
        self.wire.push(Relay { at, from, to, envelope, connections });
    }

    /// A server, and the one of three who is neither sender nor receiver, do what they can.
    fn meddle(&mut self, from: usize, to: usize, envelope: Envelope) {
        let third = (0..3).find(|one| *one != from && *one != to).unwrap();
        for other in [from, to] {
            assert!(self.pairs[&(third, other)].open(&envelope).is_err(), "only these two open it");
        }
        let delay = self.random.random_range(0..800);
        match self.random.random_range(0..9) {
            0 | 1 => {}
            2 => {
                self.post(from, to, envelope.clone(), 20);
                self.post(from, to, envelope, delay);
            }
            3 | 4 => self.post(from, to, envelope, delay),
            5 => {
                let mut bytes = envelope.as_bytes().to_vec();
                let position = self.random.random_range(0..bytes.len());
                bytes[position] ^= self.random.random_range(1..=255);
                self.post(from, to, Envelope::from_bytes(bytes).unwrap(), 20);
            }
            6 => {
                self.post(third, to, envelope.clone(), 20);
                self.post(to, from, envelope.clone(), 20);
                self.post(from, third, envelope, 20);
            }
            7 => {
                // The third member seals something in the sender's name, with every number that might fit.
                for sequence in 1..10 {
                    let forged = self.pairs[&(third, to)].seal(sequence, &number(1_000_000)).unwrap();
                    self.post(from, to, forged, 20);
                }
            }
            _ => self.post(from, to, envelope, 20),
        }
    }

    fn deliver(&mut self, relay: Relay) {
        let Relay { from, to, envelope, connections, .. } = relay;
        let from_id = self.id(from);
        let is_there = |person: &Person, connection| {
            person.membership == Membership::Connected && person.connection == connection
        };
        if !is_there(&self.people[from], connections.0) || !is_there(&self.people[to], connections.1) {
            return;
        }
        match self.people[to].delivery.receive(from_id, &envelope, self.now) {
            Received::Message(PeerMessage::Candidates(Candidates { connection, .. })) => {
                self.people[to].heard.entry(from).or_default().push(connection);
            }
            Received::Acknowledgement => {}
            Received::Repeated => self.repeated += 1,
            Received::Early => self.early += 1,
            Received::Refused(_) => self.refused += 1,
            other => panic!("{other:?}"),
        }
    }

    /// That each heard from each other all that was said, once and in order, and that nothing is kept any more.
    pub(super) fn check_that_everything_was_heard(&self, when: &str) {
        for ((from, to), count) in &self.said {
            let heard = self.people[*to].heard.get(from).map_or(&[] as &[u32], Vec::as_slice);
            assert_eq!(heard, (0..*count).collect::<Vec<_>>(), "{when}: {from} to {to}");
        }
        for person in &self.people {
            assert_eq!(person.delivery.bytes, 0, "{when}");
            assert_eq!(person.delivery.poll_timeout(), None, "{when}");
        }
    }
}
