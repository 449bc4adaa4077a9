//! A hostile server: it stands in front of a real one, sees everything that passes, and says to each participant what it likes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::{SinkExt, StreamExt};
use tincan_protocol::{
    ClientMessage, Intent, LOCAL_ROOM_PATH, PeerId, RoomId, SIGNAL_PATH, SUBPROTOCOL, ServerMessage,
    announcement_name, local_proof,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// Longer than the head of any request of ours that matters here.
const HEAD: usize = 512;

/// What becomes of everything that passes.
pub trait Plot: Send + 'static {
    /// What a participant says to the server, once they said who they are; `None` keeps it from the server.
    fn said(&mut self, voice: &Voice, from: PeerId, message: ClientMessage) -> Option<ClientMessage> {
        let _ = (voice, from);
        Some(message)
    }

    /// What the server says to a participant; `None` keeps it from them.
    fn told(&mut self, voice: &Voice, to: PeerId, message: ServerMessage) -> Option<ServerMessage> {
        let _ = (voice, to);
        Some(message)
    }
}

/// Lets everything pass.
pub struct Honest;

impl Plot for Honest {}

/// Says things to participants that the server never said.
#[derive(Clone, Default)]
pub struct Voice(Arc<Mutex<BTreeMap<PeerId, mpsc::UnboundedSender<String>>>>);

impl Voice {
    /// Tells a participant something, if they are connected.
    pub fn tell(&self, to: PeerId, message: &ServerMessage) {
        if let Some(client) = self.clients().get(&to) {
            // Whoever has gone hears nothing more.
            let _ = client.send(message.encode());
        }
    }

    /// Hangs up on a participant, who comes back by themselves.
    pub fn hang_up(&self, on: PeerId) {
        self.clients().remove(&on);
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<PeerId, mpsc::UnboundedSender<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hostile server. Dropping it ends it.
pub struct Meddler {
    port: u16,
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    /// The room of the local call that this one hosts, if it does.
    hosts: OnceLock<RoomId>,
    upstream: String,
    voice: Voice,
    plot: Mutex<Box<dyn Plot>>,
}

impl Meddler {
    /// In front of the server at `upstream` (`ws://ADDRESS:PORT`).
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(upstream: &str, plot: impl Plot) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let plot = Mutex::new(Box::new(plot) as Box<dyn Plot>);
        let shared = Arc::new(Shared {
            hosts: OnceLock::new(),
            upstream: upstream.to_owned(),
            voice: Voice::default(),
            plot,
        });
        let task = tokio::spawn(serve(listener, shared.clone())).abort_handle();
        Self { port, shared, task }
    }

    /// What participants are told.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Hosts the local call of this room: whoever asks is told that it is here.
    pub fn host(&self, room: RoomId) {
        // A second time it is the same room.
        let _ = self.shared.hosts.set(room);
    }

    /// Speaks unasked.
    pub fn voice(&self) -> &Voice {
        &self.shared.voice
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let shared = shared.clone();
        connections.spawn(async move {
            if asks_for_a_room(&client).await? {
                prove(client, &shared).await
            } else {
                stand_between(client, &shared).await
            }
        });
    }
}

/// Whether it is the question whether a local room is here, and no WebSocket.
async fn asks_for_a_room(client: &TcpStream) -> Option<bool> {
    let mut head = [0; HEAD];
    let wanted = format!("GET /{LOCAL_ROOM_PATH}");
    loop {
        // It is there with the first packet, or a little later.
        let length = client.peek(&mut head).await.ok()?;
        if length >= wanted.len() || length == 0 {
            return Some(head.starts_with(wanted.as_bytes()));
        }
        tokio::task::yield_now().await;
    }
}

/// Answers that the room is here.
async fn prove(mut client: TcpStream, shared: &Shared) -> Option<()> {
    let room = *shared.hosts.get()?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        client.read_buf(&mut head).await.ok().filter(|read| *read > 0)?;
    }
    let head = String::from_utf8(head).ok()?;
    let (_, nonce) = head.lines().next()?.split(' ').nth(1)?.split_once("nonce=")?;
    let bytes: Vec<u8> = (0..16)
        .map(|at| u8::from_str_radix(nonce.get(2 * at..2 * at + 2)?, 16).ok())
        .collect::<Option<_>>()?;
    let proof = local_proof(room, &bytes.try_into().ok()?);
    let text = format!("{proof} {}-00000000", announcement_name(room));
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    client.write_all(answer.as_bytes()).await.ok()?;
    client.shutdown().await.ok()
}

/// Carries one client's messages both ways until either side ends.
async fn stand_between(client: TcpStream, shared: &Shared) -> Option<()> {
    // The callback's type is the library's.
    #[allow(clippy::result_large_err)]
    let accept = |_: &Request, mut response: Response| {
        response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    };
    let (mut to_client, mut from_client) =
        tokio_tungstenite::accept_hdr_async(client, accept).await.ok()?.split();
    let mut request = format!("{}/{SIGNAL_PATH}", shared.upstream).into_client_request().ok()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
    let (mut to_server, mut from_server) = tokio_tungstenite::connect_async(request).await.ok()?.0.split();
    let (say, mut said) = mpsc::unbounded_channel();
    let mut say = Some(say);
    let mut who = None;
    let plot = || shared.plot.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        tokio::select! {
            // What was said unasked comes before whatever the server says later.
            biased;
            text = said.recv() => to_client.send(Message::text(text?)).await.ok()?,
            message = from_server.next() => match message?.ok()? {
                Message::Text(text) => {
                    let message = ServerMessage::decode(&text).ok()?;
                    let message = match who {
                        Some(who) => plot().told(&shared.voice, who, message),
                        None => Some(message),
                    };
                    if let Some(message) = message {
                        to_client.send(Message::text(message.encode())).await.ok()?;
                    }
                }
                // Whoever left goes on trying until the server says so.
                end @ Message::Close(_) => return to_client.send(end).await.ok(),
                _ => {}
            },
            message = from_client.next() => match message?.ok()? {
                Message::Text(text) => {
                    let mut message = ClientMessage::decode(&text).ok()?;
                    if let (ClientMessage::Join { intent, .. }, Some(_)) = (&mut message, shared.hosts.get()) {
                        // Whoever says that the room is here makes it.
                        *intent = Intent::Create;
                    }
                    if let (ClientMessage::Join { peer, .. }, Some(say)) = (&message, say.take()) {
                        who = Some(*peer);
                        shared.voice.clients().insert(*peer, say);
                    }
                    let message = match who {
                        Some(who) => plot().said(&shared.voice, who, message),
                        None => Some(message),
                    };
                    if let Some(message) = message {
                        to_server.send(Message::text(message.encode())).await.ok()?;
                    }
                }
                Message::Close(_) => return None,
                _ => {}
            },
        }
    }
}
