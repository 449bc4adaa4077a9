//! The simulated signalling server: keeps order, keeps a place for a lost socket for a while, forgets all
//! when it crashes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tincan_call::Input;
use tincan_protocol::{PeerId, PeerMessage};

/// One way through the server.
const DELAY: Duration = Duration::from_millis(60);
/// How long the server keeps a place without a socket.
const GRACE: Duration = Duration::from_secs(6);

pub struct Server {
    pub up: bool,
    /// Who has a place, and since when without a socket.
    members: BTreeMap<PeerId, Option<Instant>>,
    /// On the way: when, to whom, what. Order is kept because the delay is the same for all.
    queue: Vec<(Instant, PeerId, Input)>,
    /// Loses every message to this one that would arrive: a socket that is dead but does not know it yet.
    pub deaf: Option<PeerId>,
    /// Shows whoever comes to the others as if those had just joined, as after a restart in the middle of
    /// joining.
    pub everybody_is_new: bool,
}

impl Server {
    pub fn new() -> Self {
        Self { up: true, members: BTreeMap::new(), queue: Vec::new(), deaf: None, everybody_is_new: false }
    }

    pub fn crash(&mut self) {
        self.up = false;
        self.members.clear();
        self.queue.clear();
    }

    pub fn connect(&mut self, id: PeerId, now: Instant) {
        let known = self.members.insert(id, None).is_some();
        let peers: Vec<PeerId> = self.members.keys().copied().filter(|peer| *peer != id).collect();
        if !known && self.everybody_is_new {
            for to in &peers {
                let peers = self.members.keys().copied().filter(|peer| peer != to).collect();
                self.queue.push((now + DELAY, *to, Input::Joined { peers, ice_servers: Vec::new() }));
            }
        } else if !known {
            self.tell_others(id, &Input::PeerJoined(id), now);
        }
        self.queue.push((now + DELAY, id, Input::Joined { peers, ice_servers: Vec::new() }));
    }

    pub fn lose_socket(&mut self, id: PeerId, now: Instant) {
        if let Some(since) = self.members.get_mut(&id) {
            since.get_or_insert(now);
        }
        self.queue.retain(|(_, to, _)| *to != id);
    }

    pub fn leave(&mut self, id: PeerId, now: Instant) {
        if self.members.remove(&id).is_some() {
            self.queue.retain(|(_, to, _)| *to != id);
            self.tell_others(id, &Input::PeerLeft(id), now);
        }
    }

    pub fn send(&mut self, from: PeerId, to: PeerId, message: PeerMessage, now: Instant) {
        if self.members.get(&to) == Some(&None) && self.deaf != Some(to) {
            self.queue.push((now + DELAY, to, Input::Message { from, message }));
        }
    }

    /// What arrives now.
    pub fn step(&mut self, now: Instant) -> Vec<(PeerId, Input)> {
        let expired = |since: &Option<Instant>| since.is_some_and(|since| now - since >= GRACE);
        let gone: Vec<PeerId> =
            self.members.iter().filter(|(_, since)| expired(since)).map(|(id, _)| *id).collect();
        for id in gone {
            self.leave(id, now);
        }
        let (due, later) = std::mem::take(&mut self.queue).into_iter().partition(|(at, ..)| *at <= now);
        self.queue = later;
        let due: Vec<(Instant, PeerId, Input)> = due;
        due.into_iter().map(|(_, to, input)| (to, input)).collect()
    }

    fn tell_others(&mut self, id: PeerId, input: &Input, now: Instant) {
        for (peer, since) in &self.members {
            if *peer != id && since.is_none() {
                self.queue.push((now + DELAY, *peer, input.clone()));
            }
        }
    }
}
