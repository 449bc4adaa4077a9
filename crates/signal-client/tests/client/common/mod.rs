//! A real server on a real loopback socket, a wire that can be cut, and a client that misbehaves.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tincan_protocol::{
    Challenge, ClientMessage, ErrorCode, Identity, Intent, PeerId, PeerMessage, RoomId, RoomKeys,
    SIGNAL_PATH, SUBPROTOCOL, ServerMessage,
};
use tincan_signal_client::{JoinError, SignalClient, SignalConfig, SignalEvent, SignalEvents, Timing};
use tincan_signal_server::{Limits, Metrics, ServerConfig, serve};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

/// A test that waits longer than this for something has failed; nothing real takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of the secrets of 32 bytes 1, 2 and 3, as in `docs/protocol.md`.
pub const ADA: PeerId = id(b"a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209");
pub const BOB: PeerId = id(b"ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59");
pub const EVE: PeerId = id(b"5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22");

const fn id(hex: &[u8; 64]) -> PeerId {
    const fn digit(character: u8) -> u8 {
        if character < b'a' { character - b'0' } else { character - b'a' + 10 }
    }
    let (mut bytes, mut at) = ([0; 32], 0);
    while at < 32 {
        bytes[at] = 16 * digit(hex[2 * at]) + digit(hex[2 * at + 1]);
        at += 1;
    }
    PeerId::from_bytes(bytes)
}

/// Ada, Bob and Eve are the first three.
pub fn identity(number: u8) -> Identity {
    Identity::from_secret([number; 32])
}

fn identity_of(peer: PeerId) -> Identity {
    (1..=3).map(identity).find(|identity| identity.id() == peer).expect("one of the three")
}

pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

pub struct TestServer {
    pub address: SocketAddr,
    pub metrics: Arc<Metrics>,
    cancel: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    pub async fn start(limits: Limits) -> Self {
        Self::start_with(([127, 0, 0, 1], 0).into(), ServerConfig { limits, ..ServerConfig::default() }).await
    }

    pub async fn start_with(address: SocketAddr, config: ServerConfig) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cancel, metrics) = (CancellationToken::new(), config.metrics.clone());
        let task = tokio::spawn(serve(listener, config, cancel.clone()));
        Self { address, metrics, cancel, task }
    }

    /// Ends it and waits until it has ended.
    pub async fn stop(self) -> SocketAddr {
        self.cancel.cancel();
        patiently("the shutdown", self.task).await.unwrap().unwrap();
        self.address
    }
}

pub fn room() -> RoomId {
    RoomId::from_bytes([7; 16])
}

pub fn keys() -> RoomKeys {
    RoomKeys::from_parts(room(), [9; 32])
}

pub fn config(address: SocketAddr, peer: PeerId, intent: Intent) -> SignalConfig {
    let server = format!("ws://{address}").parse().unwrap();
    let mut config = SignalConfig::new(server, keys(), identity_of(peer), intent);
    config.timing = Timing { longest_backoff: Duration::from_millis(500), ..Timing::default() };
    config
}

/// Somebody in a room.
pub struct Person {
    pub id: PeerId,
    pub client: SignalClient,
    pub events: SignalEvents,
}

impl Person {
    pub async fn enter(address: SocketAddr, peer: PeerId, intent: Intent) -> Result<Self, JoinError> {
        Self::enter_with(config(address, peer, intent)).await
    }

    pub async fn enter_with(config: SignalConfig) -> Result<Self, JoinError> {
        let id = config.identity.id();
        let (client, events) = patiently("joining", SignalClient::join(config)).await?;
        Ok(Self { id, client, events })
    }

    /// The next event.
    pub async fn event(&mut self) -> SignalEvent {
        patiently("an event", self.events.recv()).await.expect("the client has ended")
    }

    /// The next event, which must be a `Joined`.
    pub async fn joined(&mut self) -> Vec<PeerId> {
        match self.event().await {
            SignalEvent::Joined { peers, .. } => peers,
            other => panic!("{other:?} instead of Joined"),
        }
    }

    /// The next event, which must be a message with a name.
    pub async fn hears(&mut self) -> String {
        match self.event().await {
            SignalEvent::Message { message: PeerMessage::Hello { name, .. }, .. } => name,
            other => panic!("{other:?} instead of a name"),
        }
    }

    pub fn says(&self, to: PeerId, name: &str) {
        self.client.send(to, hello(name)).unwrap();
    }
}

pub fn hello(name: &str) -> PeerMessage {
    PeerMessage::hello(name)
}

/// So many who join a room at once.
pub async fn crowd(count: u8, config: impl Fn(u8) -> SignalConfig) -> Vec<Person> {
    let joining: Vec<_> =
        (1..=count).map(|number| tokio::spawn(Person::enter_with(config(number)))).collect();
    let mut people = Vec::new();
    for person in joining {
        people.push(person.await.unwrap().expect("joining"));
    }
    people
}

/// Everybody says something to everybody else, and hears it from everybody else, as often as `words` has one.
pub async fn all_hear_all(people: &mut [Person], words: &[&str]) {
    say_to_all(people, words);
    hear_all(people, words).await;
}

pub fn say_to_all(people: &[Person], words: &[&str]) {
    for word in words {
        for from in people {
            people.iter().filter(|to| to.id != from.id).for_each(|to| from.says(to.id, word));
        }
    }
}

pub async fn hear_all(people: &mut [Person], words: &[&str]) {
    let ids: Vec<_> = people.iter().map(|person| person.id).collect();
    for person in people {
        let me = person.id;
        let mut heard: HashMap<PeerId, Vec<String>> = HashMap::new();
        while heard.values().map(Vec::len).sum::<usize>() < (ids.len() - 1) * words.len() {
            if let SignalEvent::Message { from, message: PeerMessage::Hello { name, .. } } =
                person.event().await
            {
                heard.entry(from).or_default().push(name);
            }
        }
        for from in ids.iter().filter(|from| **from != me) {
            assert_eq!(heard[from], words);
        }
    }
}

/// Two people in a room who know of each other.
pub async fn couple(ada_at: SocketAddr, bob_at: SocketAddr) -> (Person, Person) {
    let mut ada = Person::enter(ada_at, ADA, Intent::Create).await.unwrap();
    assert!(ada.joined().await.is_empty());
    let mut bob = Person::enter(bob_at, BOB, Intent::Join).await.unwrap();
    assert_eq!(bob.joined().await, [ADA]);
    assert!(matches!(ada.event().await, SignalEvent::PeerJoined(BOB)));
    (ada, bob)
}

/// A TCP wire to a server that can be cut.
pub struct Wire {
    pub address: SocketAddr,
    state: tokio::sync::watch::Sender<State>,
    _task: JoinHandle<()>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Streams of an earlier one are broken.
    generation: u64,
    /// New streams break at once.
    broken: bool,
}

impl Wire {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, state) = tokio::sync::watch::channel(State::default());
        let task = tokio::spawn(async move {
            let mut streams = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut state = state.clone();
                streams.spawn(async move {
                    let begin = *state.borrow_and_update();
                    if begin.broken {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.wait_for(|state| state.generation != begin.generation) => {}
                    }
                });
            }
        });
        Self { address, state: sender, _task: task }
    }

    /// Breaks every connection, and every new one until it is mended.
    pub fn cut(&self) {
        self.state.send_modify(|state| {
            state.generation += 1;
            state.broken = true;
        });
    }

    pub fn mend(&self) {
        self.state.send_modify(|state| state.broken = false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self._task.abort();
    }
}

/// A WebSocket that sends what it likes.
pub struct Rogue {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    challenge: Challenge,
}

impl Rogue {
    pub async fn connect(address: SocketAddr) -> Self {
        let mut request = format!("ws://{address}/{SIGNAL_PATH}").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
        let socket = TcpSocket::new_v4().unwrap();
        // Little fits on the way to somebody who does not read.
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = patiently("connecting", socket.connect(address)).await.unwrap();
        let handshake = tokio_tungstenite::client_async(request, MaybeTlsStream::Plain(stream));
        let (mut socket, _) = patiently("the handshake", handshake).await.unwrap();
        match patiently("the challenge", socket.next()).await {
            Some(Ok(Message::Text(text))) => match ServerMessage::decode(text.as_str()) {
                Ok(ServerMessage::Challenge { key }) => Self { socket, challenge: key },
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// Joins and reads the answer.
    pub async fn join(address: SocketAddr, peer: PeerId) -> Self {
        let mut rogue = Self::connect(address).await;
        rogue.send(&rogue.join_message(peer, &identity_of(peer), 2)).await;
        rogue.is_in().await;
        rogue
    }

    /// The next message, which must be `joined`.
    pub async fn is_in(&mut self) {
        match patiently("joined", self.socket.next()).await {
            Some(Ok(Message::Text(text))) => {
                let answer = ServerMessage::decode(text.as_str()).unwrap();
                assert!(matches!(answer, ServerMessage::Joined { .. }), "{answer:?}");
            }
            other => panic!("{other:?}"),
        }
    }

    /// Wants to be `peer`, and proves it by whatever identity.
    pub fn join_message(&self, peer: PeerId, identity: &Identity, version: u32) -> String {
        let proof = identity.prove(room(), self.challenge).unwrap();
        ClientMessage::Join { version, room: room(), peer, proof, intent: Intent::Create }.encode()
    }

    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Reads until the server says why it closes, and checks that message and close code agree.
    pub async fn refusal(mut self) -> ErrorCode {
        patiently("a refusal", async {
            let mut said = None;
            while let Some(Ok(frame)) = self.socket.next().await {
                match frame {
                    Message::Text(text) => {
                        if let Ok(ServerMessage::Error { code, .. }) = ServerMessage::decode(text.as_str()) {
                            said = Some(code);
                        }
                    }
                    Message::Close(Some(frame)) => {
                        let closed = ErrorCode::from_close_code(frame.code.into());
                        assert_eq!(said, closed);
                        return said.expect("an error message before closing");
                    }
                    _ => {}
                }
            }
            said.expect("an error message before the connection broke")
        })
        .await
    }
}
