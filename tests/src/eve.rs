//! Somebody who takes part in a call with each of two people, by the other one's mask, and passes on what is said on the
//! control channel.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;
use tincan_media::{Bitrate, MediaClock};
use tincan_peer::{IceCandidate, Peer, PeerConfig, PeerEvent, PeerEvents, PeerSender, SessionDescription};
use tincan_protocol::{
    Candidate, Candidates, Channel, ControlMessage, Description, DescriptionKind, PairKeys, PeerId,
    PeerMessage,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::middleman::{Masks, Passing};

/// What comes of her connection with one of them.
enum Word {
    /// She proved to them who she is.
    Proved(PeerId),
    /// They said something on the control channel.
    Said(PeerId, Bytes),
}

/// Runs until nothing passes any more.
///
/// # Panics
/// When a connection of hers cannot be opened.
pub async fn impersonate(masks: Masks, mut passing: mpsc::UnboundedReceiver<Passing>) {
    let mut peers: BTreeMap<PeerId, Peer> = BTreeMap::new();
    let mut pumps = JoinSet::new();
    let (words, mut spoken) = mpsc::unbounded_channel();
    let mut control = Control::default();
    loop {
        let Passing { from, to, message } = tokio::select! {
            Some(word) = spoken.recv() => {
                control.pass(word, &peers);
                continue;
            }
            passing = passing.recv() => match passing {
                Some(passing) => passing,
                None => return,
            },
        };
        for (victim, mask_of) in [(from, to), (to, from)] {
            if let std::collections::btree_map::Entry::Vacant(place) = peers.entry(victim) {
                let polite = masks.identity(mask_of).id() < victim;
                let (peer, events) = Peer::open(config(polite)).await.expect("loopback has sockets");
                let side = Side { masks: masks.clone(), victim, mask_of, peer: peer.sender() };
                place.insert(peer);
                pumps.spawn(side.run(events, words.clone()));
            }
        }
        match message {
            PeerMessage::Description(description) => {
                let offer = description.kind == DescriptionKind::Offer;
                let first = offer && description.connection == 1;
                let description = SessionDescription { offer, sdp: description.sdp };
                let _ = peers[&from].set_remote(description).await;
                if first {
                    // The other one is offered to by her, as the newcomer would.
                    let _ = peers[&to].negotiate().await;
                }
            }
            PeerMessage::Candidates(Candidates { candidates, .. }) => {
                for candidate in candidates {
                    let Candidate { candidate, sdp_mid, sdp_m_line_index, username_fragment } = candidate;
                    let candidate = IceCandidate { candidate, sdp_mid, sdp_m_line_index, username_fragment };
                    let _ = peers[&from].add_candidate(candidate).await;
                }
            }
            other => masks.say(from, to, &other),
        }
    }
}

/// What both say to each other on the control channel.
#[derive(Default)]
struct Control {
    /// To whom she has proven who she is: before that nothing else may be said.
    proven_to: BTreeSet<PeerId>,
    /// Who has proven it to her.
    proven: BTreeSet<PeerId>,
    /// What each said that the other one has not been told.
    waiting: Vec<(PeerId, Bytes)>,
}

impl Control {
    fn pass(&mut self, word: Word, peers: &BTreeMap<PeerId, Peer>) {
        match word {
            Word::Proved(to) => {
                self.proven_to.insert(to);
            }
            // The first word is what they saw of the handshake with her, and nothing for the other one.
            Word::Said(from, _) if self.proven.insert(from) => {}
            Word::Said(from, said) => self.waiting.push((from, said)),
        }
        let all = |from: PeerId| peers.iter().filter(move |(peer, _)| **peer != from);
        self.waiting.retain(|(from, said)| {
            let ready = all(*from).all(|(to, _)| self.proven_to.contains(to));
            if ready {
                all(*from).for_each(|(_, to)| drop(to.send_message(Channel::Control, said.clone())));
            }
            !ready
        });
    }
}

fn config(polite: bool) -> PeerConfig {
    PeerConfig {
        ice_servers: Vec::new(),
        relay_only: false,
        include_loopback: true,
        max_bitrate: Bitrate::kbps(500),
        clock: MediaClock::new(Instant::now()),
        polite,
    }
}

/// Her connection with one of them.
struct Side {
    masks: Masks,
    victim: PeerId,
    /// As whom she takes part in it.
    mask_of: PeerId,
    peer: PeerSender,
}

impl Side {
    /// What the connection says goes to the victim by the mask.
    async fn run(self, mut events: PeerEvents, words: mpsc::UnboundedSender<Word>) {
        let say = |message: PeerMessage| self.masks.say(self.mask_of, self.victim, &message);
        while let Some(event) = events.recv().await {
            match event {
                PeerEvent::LocalDescription(SessionDescription { offer, sdp }) => {
                    let kind = if offer { DescriptionKind::Offer } else { DescriptionKind::Answer };
                    say(PeerMessage::Description(Description { kind, sdp, connection: 1 }));
                }
                PeerEvent::LocalCandidate(candidate) => {
                    let candidate = Candidate {
                        candidate: candidate.candidate,
                        sdp_mid: candidate.sdp_mid,
                        sdp_m_line_index: candidate.sdp_m_line_index,
                        username_fragment: candidate.username_fragment,
                    };
                    let candidates = vec![candidate];
                    say(PeerMessage::Candidates(Candidates { candidates, connection: 1 }));
                }
                PeerEvent::ChannelOpen(Channel::Control) => {
                    self.prove();
                    let _ = words.send(Word::Proved(self.victim));
                }
                PeerEvent::ChannelMessage { channel: Channel::Control, data } => {
                    // She does not care who they are.
                    self.peer.confirmed();
                    let _ = words.send(Word::Said(self.victim, data));
                }
                _ => {}
            }
        }
    }

    /// Proves to be whom the mask stands for, which she is.
    fn prove(&self) {
        let Some(certificates) = self.peer.certificates() else { return };
        let pair: PairKeys = self.masks.pair(self.mask_of, self.victim);
        let mac = pair.confirmation(certificates.local, certificates.remote);
        let confirm = ControlMessage::Confirm { mac }.encode();
        let _ = self.peer.send_message(Channel::Control, confirm.into());
    }
}
