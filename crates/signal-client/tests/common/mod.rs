//! A real server on a real loopback socket, a wire that can be cut, and a client that misbehaves.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tincan_protocol::{
    ClientMessage, ErrorCode, Intent, PeerId, PeerMessage, ResumeSecret, RoomId, RoomKeys, ServerMessage,
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

pub const ADA: PeerId = PeerId::from_bytes([0xaa; 8]);
pub const BOB: PeerId = PeerId::from_bytes([0xbb; 8]);
pub const EVE: PeerId = PeerId::from_bytes([0xee; 8]);

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
    let mut config = SignalConfig::new(format!("ws://{address}").parse().unwrap(), keys(), peer, intent);
    config.timing = Timing { longest_backoff: Duration::from_millis(500), ..Timing::default() };
    config
}

/// Somebody in a room.
pub struct Person {
    pub client: SignalClient,
    pub events: SignalEvents,
}

impl Person {
    pub async fn enter(address: SocketAddr, peer: PeerId, intent: Intent) -> Result<Self, JoinError> {
        Self::enter_with(config(address, peer, intent)).await
    }

    pub async fn enter_with(config: SignalConfig) -> Result<Self, JoinError> {
        let (client, events) = patiently("joining", SignalClient::join(config)).await?;
        Ok(Self { client, events })
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
            SignalEvent::Message { message: PeerMessage::Hello { name }, .. } => name,
            other => panic!("{other:?} instead of a name"),
        }
    }

    pub fn says(&self, to: PeerId, name: &str) {
        self.client.send(to, hello(name)).unwrap();
    }
}

pub fn hello(name: &str) -> PeerMessage {
    PeerMessage::Hello { name: name.to_owned() }
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
}

impl Rogue {
    pub async fn connect(address: SocketAddr) -> Self {
        let mut request = format!("ws://{address}/v1/signal").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "tincan.v1".parse().unwrap());
        let socket = TcpSocket::new_v4().unwrap();
        // Little fits on the way to somebody who does not read.
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = patiently("connecting", socket.connect(address)).await.unwrap();
        let handshake = tokio_tungstenite::client_async(request, MaybeTlsStream::Plain(stream));
        let (socket, _) = patiently("the handshake", handshake).await.unwrap();
        Self { socket }
    }

    /// Joins and reads the answer.
    pub async fn join(address: SocketAddr, peer: PeerId) -> Self {
        let mut rogue = Self::connect(address).await;
        rogue.send(&Self::join_message(peer, 1)).await;
        match patiently("joined", rogue.socket.next()).await {
            Some(Ok(Message::Text(text))) => {
                let answer = ServerMessage::decode(text.as_str()).unwrap();
                assert!(matches!(answer, ServerMessage::Joined { .. }), "{answer:?}");
            }
            other => panic!("{other:?}"),
        }
        rogue
    }

    pub fn join_message(peer: PeerId, version: u32) -> String {
        let secret = ResumeSecret::random();
        let intent = Intent::Create;
        ClientMessage::Join { version, room: room(), peer, secret, intent, received: None }.encode()
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
