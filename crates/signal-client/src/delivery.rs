//! What participants say to each other arrives once and in order, whatever a server or a network loses in between:
//! `docs/protocol.md`, "Delivery".
//!
//! No I/O and no clock: [`Delivery`] is told what happens and when, gives what is to be written ([`Delivery::poll`]), and
//! says when it wants to be asked again ([`Delivery::poll_timeout`]). For each other participant it has the keys that the
//! two share, what they have not acknowledged yet ([`Sending`]), and how far they were heard ([`Receiving`]).

mod receiving;
mod sending;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tincan_protocol::{
    ClientMessage, Envelope, Identity, MAX_PEERS, OpenError, Opened, PairKeys, PeerId, PeerMessage, RoomKeys,
};

use receiving::{Place, Receiving};
use sending::Sending;

/// Most that is kept for all receivers together, in bytes of the messages to the server: 128 offers of 8 KiB.
const MAX_BYTES: usize = 1024 * 1024;
/// Most participants whose numbers are remembered, far more than come and go in any call: those of 4,096 are about
/// 2 MiB.
const MAX_MET: usize = 4096;

/// Why a message was not taken. It has no number, so the receiver misses nothing that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// As much waits for this receiver, or for all, as is kept.
    Full,
    /// Larger than an envelope holds.
    TooLarge,
    /// No participant that could ever have it.
    Nobody,
}

/// What an envelope from the server was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// The next message.
    Message(PeerMessage),
    /// The next message, which says nothing that this version knows.
    NotUnderstood,
    /// What the other side has received.
    Acknowledgement,
    /// A message that was taken before.
    Repeated,
    /// A message before which another one is missing.
    Early,
    /// Not sealed by whoever it is said to come from.
    Refused(OpenError),
    /// From somebody whom the server had not announced.
    Stranger,
}

/// Something for the server, as it goes into a text frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) text: String,
    /// A numbered message, and no acknowledgement.
    pub(crate) is_message: bool,
}

/// Another participant, met in this stay.
struct Pair {
    keys: PairKeys,
    sending: Sending,
    receiving: Receiving,
    /// Its place among all that were met.
    met: u64,
    /// An envelope of theirs has opened: they are no invention of the server.
    has_spoken: bool,
    has_said_goodbye: bool,
}

pub(crate) struct Delivery {
    room: RoomKeys,
    identity: Identity,
    pairs: BTreeMap<PeerId, Pair>,
    met: u64,
    /// Who is in the room, as far as the server has told.
    present: BTreeSet<PeerId>,
    is_connected: bool,
    /// What all of [`Sending`] keep.
    bytes: usize,
}

impl Delivery {
    pub(crate) fn new(room: RoomKeys, identity: Identity) -> Self {
        Self {
            room,
            identity,
            pairs: BTreeMap::new(),
            met: 0,
            present: BTreeSet::new(),
            is_connected: false,
            bytes: 0,
        }
    }

    /// In the room, for the first time or again; who of `peers` can be a participant.
    pub(crate) fn joined(&mut self, peers: impl IntoIterator<Item = PeerId>, now: Instant) -> Vec<PeerId> {
        self.is_connected = true;
        self.present.clear();
        for peer in peers.into_iter().take(MAX_PEERS) {
            if let Some(pair) = self.meet(peer) {
                pair.sending.start_over(now);
                pair.receiving.rejoined(now);
                self.present.insert(peer);
            }
        }
        self.present.iter().copied().collect()
    }

    /// The connection is lost: nothing is written and nothing waited for until [`Delivery::joined`].
    pub(crate) fn lost(&mut self) {
        self.is_connected = false;
    }

    /// Somebody came in. False when they were there, or cannot be a participant.
    pub(crate) fn peer_joined(&mut self, peer: PeerId, now: Instant) -> bool {
        if self.present.contains(&peer) || self.present.len() >= MAX_PEERS {
            return false;
        }
        let Some(pair) = self.meet(peer) else { return false };
        pair.sending.start_over(now);
        self.present.insert(peer)
    }

    /// Somebody is gone. False when they were not there.
    pub(crate) fn peer_left(&mut self, peer: PeerId) -> bool {
        // What has not reached them is kept: after a restart of the server they come back under the same id. Not those
        // who left of their own will.
        if let Some(pair) = self.pairs.get_mut(&peer).filter(|pair| pair.has_said_goodbye) {
            self.bytes -= pair.sending.give_up();
        }
        self.present.remove(&peer)
    }

    /// Seals a message and keeps it until it is acknowledged.
    pub(crate) fn send(&mut self, to: PeerId, message: &PeerMessage) -> Result<(), NotTaken> {
        let pair = self.meet(to).ok_or(NotTaken::Nobody)?;
        if !pair.sending.has_room() {
            return Err(NotTaken::Full);
        }
        let envelope = pair.keys.seal(pair.sending.next_number(), message).map_err(|_| NotTaken::TooLarge)?;
        let text = ClientMessage::Relay { to, envelope }.encode();
        self.make_room(to, text.len());
        if self.bytes + text.len() > MAX_BYTES {
            return Err(NotTaken::Full);
        }
        self.bytes += text.len();
        self.pairs.get_mut(&to).expect("it was met above").sending.push(text);
        Ok(())
    }

    /// Takes an envelope that the server says to be from somebody.
    pub(crate) fn receive(&mut self, from: PeerId, envelope: &Envelope, now: Instant) -> Received {
        let pair = self.pairs.get_mut(&from).filter(|_| self.present.contains(&from));
        let Some(pair) = pair else { return Received::Stranger };
        let opened = match pair.keys.open(envelope) {
            Ok(opened) => opened,
            Err(error) => return Received::Refused(error),
        };
        pair.has_spoken = true;
        match opened {
            Opened::Acknowledgement(acknowledgement) => {
                self.bytes -= pair.sending.acknowledged(acknowledgement, now);
                Received::Acknowledgement
            }
            Opened::Message { sequence, message } => match pair.receiving.take(sequence, now) {
                Place::Next => {
                    pair.has_said_goodbye |= message == Some(PeerMessage::Goodbye);
                    message.map_or(Received::NotUnderstood, Received::Message)
                }
                Place::Before => Received::Repeated,
                Place::After => Received::Early,
            },
        }
    }

    /// What is to be written now, one by one; acknowledgements first, since others may wait for them.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Outgoing> {
        if !self.is_connected {
            return None;
        }
        for to in &self.present {
            let pair = self.pairs.get_mut(to)?;
            if let Some(acknowledgement) = pair.receiving.poll(now) {
                let envelope = pair.keys.seal_acknowledgement(acknowledgement);
                let text = ClientMessage::Relay { to: *to, envelope }.encode();
                return Some(Outgoing { text, is_message: false });
            }
        }
        for to in &self.present {
            if let Some(text) = self.pairs.get_mut(to)?.sending.poll(now) {
                return Some(Outgoing { text: text.to_owned(), is_message: true });
            }
        }
        None
    }

    /// When [`Delivery::poll`] will have something again, if nothing happens until then.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let present = self.present.iter().filter(|_| self.is_connected);
        let pairs = present.filter_map(|peer| self.pairs.get(peer));
        pairs.flat_map(|pair| [pair.receiving.poll_timeout(), pair.sending.poll_timeout()]).flatten().min()
    }

    /// What is known of somebody, from now on if nothing was. `None` when they cannot be a participant, or when there is no
    /// room for more.
    fn meet(&mut self, peer: PeerId) -> Option<&mut Pair> {
        if !self.pairs.contains_key(&peer) {
            let keys = PairKeys::new(&self.room, &self.identity, peer)?;
            if self.pairs.len() >= MAX_MET {
                self.forget_one()?;
            }
            self.met += 1;
            let pair = Pair {
                keys,
                sending: Sending::default(),
                receiving: Receiving::default(),
                met: self.met,
                has_spoken: false,
                has_said_goodbye: false,
            };
            self.pairs.insert(peer, pair);
        }
        self.pairs.get_mut(&peer)
    }

    /// Forgets whoever is gone and never said anything that opened, the first of them: a server can invent such ids, but
    /// none that speak. Whoever spoke is never forgotten, since their numbers must not begin anew.
    fn forget_one(&mut self) -> Option<()> {
        let silent =
            self.pairs.iter().filter(|(peer, pair)| !pair.has_spoken && !self.present.contains(peer));
        let (peer, _) = silent.min_by_key(|(_, pair)| pair.met)?;
        let peer = *peer;
        self.bytes -= self.pairs.remove(&peer)?.sending.give_up();
        Some(())
    }

    /// Gives up what is kept for those who are gone, first for who never spoke and whom we met first, while there is no room
    /// for `len` bytes more for `to`: many who crashed and came back under new ids must not keep those who are there from being spoken to.
    fn make_room(&mut self, to: PeerId, len: usize) {
        while self.bytes + len > MAX_BYTES {
            let gone = self.pairs.iter_mut().filter(|(peer, pair)| {
                **peer != to && !self.present.contains(*peer) && !pair.sending.is_empty()
            });
            let Some((_, pair)) = gone.min_by_key(|(_, pair)| (pair.has_spoken, pair.met)) else { return };
            self.bytes -= pair.sending.give_up();
        }
    }
}

#[cfg(test)]
mod tests;
