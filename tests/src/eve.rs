//! Somebody who takes part in a call with each of two people, as the other one, and passes on what is said on the control
//! channel.

use std::collections::BTreeMap;
use std::time::Instant;

use tincan_media::{Bitrate, MediaClock};
use tincan_peer::{IceCandidate, Peer, PeerConfig, PeerEvent, PeerEvents, SessionDescription};
use tincan_protocol::{Candidate, Description, DescriptionKind, PeerId, PeerMessage};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::middleman::{Passing, Voice};

/// Runs until nothing passes any more.
///
/// # Panics
/// When a connection of hers cannot be opened.
pub async fn impersonate(voice: Voice, mut passing: mpsc::UnboundedReceiver<Passing>) {
    let mut peers: BTreeMap<PeerId, Peer> = BTreeMap::new();
    let mut pumps = JoinSet::new();
    let (control, mut to_pass) = mpsc::unbounded_channel::<(PeerId, Vec<u8>)>();
    loop {
        let Passing { from, to, message } = tokio::select! {
            Some((from, bytes)) = to_pass.recv() => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                for (_, other) in peers.iter().filter(|(peer, _)| **peer != from) {
                    let _ = other.send_control(text.clone());
                }
                continue;
            }
            passing = passing.recv() => match passing {
                Some(passing) => passing,
                None => return,
            },
        };
        for (victim, mask) in [(from, to), (to, from)] {
            if let std::collections::btree_map::Entry::Vacant(place) = peers.entry(victim) {
                let (peer, events) = Peer::open(config(mask < victim)).await.expect("loopback has sockets");
                place.insert(peer);
                pumps.spawn(pump(voice.clone(), victim, mask, events, control.clone()));
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
            PeerMessage::Candidate(candidate) => {
                let _ = peers[&from]
                    .add_candidate(IceCandidate {
                        candidate: candidate.candidate,
                        sdp_mid: candidate.sdp_mid,
                        sdp_m_line_index: candidate.sdp_m_line_index,
                        username_fragment: candidate.username_fragment,
                    })
                    .await;
            }
            other => voice.say(from, to, &other),
        }
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

/// What the connection with `victim` says goes to them in `mask`'s name.
async fn pump(
    voice: Voice,
    victim: PeerId,
    mask: PeerId,
    mut events: PeerEvents,
    control: mpsc::UnboundedSender<(PeerId, Vec<u8>)>,
) {
    while let Some(event) = events.recv().await {
        match event {
            PeerEvent::LocalDescription(SessionDescription { offer, sdp }) => {
                let kind = if offer { DescriptionKind::Offer } else { DescriptionKind::Answer };
                voice.say(mask, victim, &PeerMessage::Description(Description { kind, sdp, connection: 1 }));
            }
            PeerEvent::LocalCandidate(candidate) => {
                let candidate = Candidate {
                    candidate: candidate.candidate,
                    sdp_mid: candidate.sdp_mid,
                    sdp_m_line_index: candidate.sdp_m_line_index,
                    username_fragment: candidate.username_fragment,
                    connection: 1,
                };
                voice.say(mask, victim, &PeerMessage::Candidate(candidate));
            }
            PeerEvent::Control(bytes) => {
                let _ = control.send((victim, bytes.to_vec()));
            }
            _ => {}
        }
    }
}
