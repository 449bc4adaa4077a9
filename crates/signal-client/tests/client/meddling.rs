//! A server that drops, holds up, repeats, changes and redirects what it relays, and has a member's help to forge more.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::common::{ADA, config, crowd, hear_all, hello, identity, keys, say_to_all};
use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tincan_protocol::{ChallengeSecret, ClientMessage, Envelope, Intent, PairKeys, PeerId, ServerMessage};
use tincan_signal_client::SignalConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// So many relays are meddled with; afterwards the server behaves.
const MEDDLED: usize = 400;

struct Hub {
    members: BTreeMap<PeerId, mpsc::UnboundedSender<ServerMessage>>,
    held: Vec<(PeerId, ServerMessage)>,
    relays: usize,
    random: StdRng,
}

impl Hub {
    fn tell(&self, to: PeerId, message: ServerMessage) {
        if let Some(member) = self.members.get(&to) {
            member.send(message).unwrap();
        }
    }

    fn relay(&mut self, from: PeerId, to: PeerId, envelope: Envelope) {
        let message = |envelope: &Envelope| ServerMessage::Relay { from, envelope: envelope.clone() };
        self.relays += 1;
        if self.relays > MEDDLED {
            return self.tell(to, message(&envelope));
        }
        let third = (1..=3).map(identity).find(|member| ![from, to].contains(&member.id())).unwrap();
        match self.random.random_range(0..8) {
            0 | 1 => {}
            2 => (0..2).for_each(|_| self.tell(to, message(&envelope))),
            3 => self.held.push((to, message(&envelope))),
            4 => {
                let mut bytes = envelope.as_bytes().to_vec();
                let position = self.random.random_range(0..bytes.len());
                bytes[position] ^= 1;
                self.tell(to, message(&Envelope::from_bytes(bytes).unwrap()));
            }
            5 => {
                self.tell(from, message(&envelope));
                self.tell(third.id(), message(&envelope));
                self.tell(to, ServerMessage::Relay { from: third.id(), envelope });
            }
            6 => {
                let shared = PairKeys::new(&keys(), &third, to).unwrap();
                for sequence in 1..4 {
                    self.tell(to, message(&shared.seal(sequence, &hello("forged")).unwrap()));
                }
            }
            _ => {
                self.tell(to, message(&envelope));
                for (to, late) in std::mem::take(&mut self.held) {
                    self.tell(to, late);
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, hub: Arc<Mutex<Hub>>) {
    #[allow(clippy::result_large_err)]
    let agree = |_: &Request, mut response: Response| {
        response.headers_mut().insert("sec-websocket-protocol", "tincan.v2".parse().unwrap());
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, agree).await.unwrap();
    let (mut sink, mut stream) = socket.split();
    let challenge = ServerMessage::Challenge { key: ChallengeSecret::random().challenge() };
    sink.send(Message::text(challenge.encode())).await.unwrap();
    let (sender, mut messages) = mpsc::unbounded_channel::<ServerMessage>();
    tokio::spawn(async move {
        while let Some(message) = messages.recv().await {
            if sink.send(Message::text(message.encode())).await.is_err() {
                return;
            }
        }
    });
    let mut me = None;
    while let Some(Ok(frame)) = stream.next().await {
        let Message::Text(text) = frame else { continue };
        let mut hub = hub.lock().unwrap();
        match ClientMessage::decode(text.as_str()).unwrap() {
            ClientMessage::Join { peer, .. } => {
                me = Some(peer);
                let peers: Vec<_> = hub.members.keys().copied().collect();
                peers.iter().for_each(|other| hub.tell(*other, ServerMessage::PeerJoined { peer }));
                sender.send(ServerMessage::Joined { peers, capacity: 3, ice_servers: vec![] }).unwrap();
                hub.members.insert(peer, sender.clone());
            }
            ClientMessage::Relay { to, envelope } => hub.relay(me.unwrap(), to, envelope),
            ClientMessage::Leave => return,
        }
    }
}

async fn meddling_server(seed: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let random = StdRng::seed_from_u64(seed);
    let hub = Hub { members: BTreeMap::new(), held: Vec::new(), relays: 0, random };
    let hub = Arc::new(Mutex::new(hub));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, hub.clone()));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_forged_is_taken_and_nothing_is_lost_once_the_server_behaves() {
    let (mut forged, mut repeated, mut early) = (0, 0, 0);
    for seed in 0..3 {
        let at = meddling_server(seed).await;
        let mut people =
            crowd(3, |number| SignalConfig { identity: identity(number), ..config(at, ADA, Intent::Create) })
                .await;
        let words: Vec<_> = (0..30).map(|number| number.to_string()).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        say_to_all(&people, &words);
        hear_all(&mut people, &words).await;
        for person in people {
            let counts = person.client.statistics();
            assert_eq!((counts.received, counts.unreadable, counts.dropped), (60, 0, 0));
            forged += counts.forged;
            repeated += counts.repeated;
            early += counts.early;
        }
    }
    assert!(forged > 50 && repeated > 0 && early > 50, "{forged} {repeated} {early}");
}
