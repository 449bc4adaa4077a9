//! Somebody in between: a signalling server that holds the room's code, so that it can open every envelope, change what
//! is inside and seal it again in its author's name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::{SinkExt, StreamExt};
use tincan_protocol::{
    ClientMessage, Envelope, Opener, PeerId, PeerMessage, RoomKeys, SUBPROTOCOL, Sealer, ServerMessage,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// What one participant tells another, as it passes.
pub struct Passing {
    /// Who says it.
    pub from: PeerId,
    /// To whom.
    pub to: PeerId,
    /// What.
    pub message: PeerMessage,
}

/// Decides what becomes of everything that passes: it is gone unless it is sent on with [`Voice::say`].
pub type Decide = dyn FnMut(&Voice, Passing) + Send;

/// Speaks to participants in each other's name.
#[derive(Clone)]
pub struct Voice(Arc<Shared>);

struct Shared {
    keys: OnceLock<RoomKeys>,
    decide: Mutex<Box<Decide>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The way to each participant.
    clients: BTreeMap<PeerId, mpsc::UnboundedSender<String>>,
    /// Sealing in each one's name: the numbers go on from the first word.
    sealers: BTreeMap<PeerId, Sealer>,
    openers: BTreeMap<PeerId, Opener>,
}

impl Voice {
    /// Says something in `from`'s name.
    pub fn say(&self, from: PeerId, to: PeerId, message: &PeerMessage) {
        let Some(keys) = self.0.keys.get() else { return };
        let mut state = self.0.state();
        let sealer = state.sealers.entry(from).or_insert_with(|| Sealer::new(keys, from));
        let Ok(envelope) = sealer.seal(to, message) else { return };
        let text = ServerMessage::Relay { from, envelope }.encode();
        if let Some(client) = state.clients.get(&to) {
            // Whoever has gone hears nothing more.
            let _ = client.send(text);
        }
    }

    fn hear(&self, from: PeerId, to: PeerId, envelope: &Envelope) {
        let Some(keys) = self.0.keys.get() else { return };
        let opener = |state: &mut State| {
            state.openers.entry(to).or_insert_with(|| Opener::new(keys, to)).open(from, envelope)
        };
        // A word that came before the code was known, or that is repeated.
        let Ok(message) = opener(&mut self.0.state()) else { return };
        let mut decide = self.0.decide.lock().unwrap_or_else(PoisonError::into_inner);
        decide(self, Passing { from, to, message });
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hostile server in front of a real one. Dropping it ends it.
pub struct Middleman {
    port: u16,
    voice: Voice,
    task: AbortHandle,
}

impl Middleman {
    /// In front of the server at `upstream`.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(upstream: &str, decide: impl FnMut(&Voice, Passing) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let voice = Voice(Arc::new(Shared {
            keys: OnceLock::new(),
            decide: Mutex::new(Box::new(decide)),
            state: Mutex::default(),
        }));
        let task = tokio::spawn(serve(listener, format!("{upstream}/v1/signal"), voice.clone()));
        Self { port, voice, task: task.abort_handle() }
    }

    /// What participants are told.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Somebody overheard the code. Before this nothing passes.
    ///
    /// # Panics
    /// When it is no code.
    pub fn knows(&self, code: &str) {
        // A second time it is the same code.
        let _ = self.voice.0.keys.set(RoomKeys::derive(&code.parse().expect("a code is one")));
    }

    /// Speaks unasked.
    pub fn voice(&self) -> &Voice {
        &self.voice
    }
}

impl Drop for Middleman {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, upstream: String, voice: Voice) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(stand_between(client, upstream.clone(), voice.clone()));
    }
}

/// Carries one client's messages both ways until either side ends.
async fn stand_between(client: TcpStream, upstream: String, voice: Voice) -> Option<()> {
    // The callback's type is the library's.
    #[allow(clippy::result_large_err)]
    let accept = |_: &Request, mut response: Response| {
        response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    };
    let (mut to_client, mut from_client) =
        tokio_tungstenite::accept_hdr_async(client, accept).await.ok()?.split();
    let mut request = upstream.into_client_request().ok()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
    let (mut to_server, mut from_server) = tokio_tungstenite::connect_async(request).await.ok()?.0.split();
    let (say, mut said) = mpsc::unbounded_channel();
    let mut who = None;
    loop {
        tokio::select! {
            Some(text) = said.recv() => to_client.send(Message::text(text)).await.ok()?,
            message = from_server.next() => match message?.ok()? {
                // What passes is told by us, and nothing else was sent to the server.
                Message::Text(text) => to_client.send(Message::Text(text)).await.ok()?,
                Message::Close(_) => return None,
                _ => {}
            },
            message = from_client.next() => match message?.ok()? {
                Message::Text(text) => match (ClientMessage::decode(&text), who) {
                    (Ok(ClientMessage::Relay { to, envelope }), Some(from)) => voice.hear(from, to, &envelope),
                    (Ok(ClientMessage::Join { peer, .. }), _) => {
                        who = Some(peer);
                        voice.0.state().clients.insert(peer, say.clone());
                        to_server.send(Message::Text(text)).await.ok()?;
                    }
                    _ => to_server.send(Message::Text(text)).await.ok()?,
                },
                Message::Close(_) => return None,
                _ => {}
            },
        }
    }
}
