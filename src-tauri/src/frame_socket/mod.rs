//! Pictures into the window: a WebSocket on loopback that only this window can open.
//!
//! The media threads only put their latest picture into the outbox ([`FrameOutput`]); the task of the one connection
//! takes it from there, so a slow window drops pictures instead of delaying them or anybody else. Who may connect is
//! checked twice: a 128-bit secret in the path, told only to our page, keeps out other programs of this machine, and
//! the Origin keeps out web pages.

mod outbox;
mod size;
mod wire;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use futures_util::{SinkExt, StreamExt};
use tincan_engine::FrameOutput;
use tincan_media::video::{Fit, Scaler, VideoFrame};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use tokio_util::sync::CancellationToken;

use crate::pictures::{PictureSurface, Way};
use outbox::{Outbox, Outgoing, Replaced};
use wire::Ack;

/// The Origins of our own page: Linux and macOS, then Windows, where WebView2 has no custom schemes.
const ORIGINS: [&str; 3] = ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"];

/// A page on this machine needs milliseconds; whoever takes longer only holds a socket.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// Connections at once, in handshake or served: ours, the one that a reload leaves behind, and some slack.
const CONNECTION_LIMIT: usize = 8;

/// The pictures that wait for the window; the engine puts them in, the connection takes them out.
#[derive(Default)]
pub(crate) struct FrameHub {
    /// A mutex because media threads, which must not wait for a task, write what the connection's task reads; it is
    /// held for the exchange of a pointer.
    outbox: Mutex<Outbox>,
    changed: Notify,
    /// Shows what the page leaves to the window.
    surface: OnceLock<Arc<dyn PictureSurface>>,
}

impl FrameHub {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // Every change of the outbox is complete in itself, so a panic elsewhere leaves nothing half done.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some pictures are drawn above the page from now on: those that its layout says.
    pub(crate) fn draw_above_the_page(&self, surface: Arc<dyn PictureSurface>) {
        let _ = self.surface.set(surface);
    }

    /// Who shows which stream; those that are not named are the page's.
    pub(crate) fn set_ways(&self, ways: BTreeMap<u32, Way>) {
        let now = Instant::now();
        let taken_over = self.outbox().set_ways(ways, now);
        if let Some(surface) = self.surface.get() {
            for (stream, frame) in taken_over {
                surface.show(stream, frame, now);
            }
        }
        self.changed.notify_one();
    }

    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux draws above the page"))]
    /// The window has painted a picture of this stream, so long after it was put in.
    pub(crate) fn drawn(&self, stream: u32, took: Duration) {
        self.outbox().drawn(stream, took);
    }
}

impl FrameOutput for FrameHub {
    fn frame(&self, stream: u32, frame: &Arc<VideoFrame>) {
        if !wire::fits(frame) {
            return;
        }
        let now = Instant::now();
        let offered = self.outbox().offer(stream, Arc::clone(frame), now);
        if offered.to_window
            && let Some(surface) = self.surface.get()
        {
            surface.show(stream, Arc::clone(frame), now);
        }
        if offered.to_page {
            self.changed.notify_one();
        }
    }

    fn ended(&self, stream: u32) {
        self.outbox().end(stream);
        if let Some(surface) = self.surface.get() {
            surface.ended(stream);
        }
        self.changed.notify_one();
    }

    fn lines(&self, stream: u32) -> Option<u16> {
        self.outbox().lines(stream)
    }

    fn delay(&self, stream: u32) -> Duration {
        self.outbox().delay(stream)
    }
}

/// 128 random bits, as they stand in the path.
struct Secret(String);

impl Secret {
    fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(HEXLOWER.encode(&bytes)))
    }

    fn path(&self) -> String {
        format!("/frames/{}", self.0)
    }

    /// Compares in a time that does not depend on where the first difference is, so that the secret cannot be found
    /// out byte by byte.
    fn opens(&self, path: &str) -> bool {
        let expected = self.path();
        let difference =
            expected.bytes().zip(path.bytes()).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
        expected.len() == path.len() && difference == 0
    }
}

/// The socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameSocketError {
    /// No free port on loopback.
    #[error(
        "pictures cannot reach the window: no socket on 127.0.0.1 ({0}); check for a firewall that blocks loopback"
    )]
    Bind(#[from] std::io::Error),
    /// The system's random source failed.
    #[error("pictures cannot reach the window: the system gave no random numbers ({0})")]
    Random(#[from] getrandom::Error),
}

/// The running socket. Dropping it ends its task and connections.
pub(crate) struct FrameSocket {
    url: String,
    _running: tokio_util::sync::DropGuard,
}

impl FrameSocket {
    /// Listens on a free port of 127.0.0.1 and serves `hub` on the current tokio runtime.
    pub(crate) async fn start(hub: Arc<FrameHub>) -> Result<Self, FrameSocketError> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let secret = Secret::generate()?;
        let url = format!("ws://{}{}", listener.local_addr()?, secret.path());
        let cancelled = CancellationToken::new();
        tokio::spawn(serve(listener, secret, hub, cancelled.clone()));
        Ok(Self { url, _running: cancelled.drop_guard() })
    }

    /// Where the window connects, secret included: never to be logged.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Owns every connection: all end when this does.
async fn serve(listener: TcpListener, secret: Secret, hub: Arc<FrameHub>, cancelled: CancellationToken) {
    let secret = Arc::new(secret);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = cancelled.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTION_LIMIT => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&secret), Arc::clone(&hub)));
                }
                // Out of file descriptors, most likely: without a pause this would spin.
                Err(error) => {
                    tracing::warn!(%error, "the frame socket could not accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
}

async fn connection(stream: TcpStream, secret: Arc<Secret>, hub: Arc<FrameHub>) {
    match tokio::time::timeout(HANDSHAKE_LIMIT, handshake(stream, &secret)).await {
        Ok(Some(mut socket)) => {
            pump(&mut socket, &hub).await;
            // This task may have been woken in place of the connection that replaced it.
            hub.changed.notify_one();
        }
        _ => tracing::debug!("a connection to the frame socket was refused"),
    }
}

/// `None` when the other side is not our window.
async fn handshake(stream: TcpStream, secret: &Secret) -> Option<WebSocketStream<TcpStream>> {
    // Pictures are complete messages; waiting for more bytes would only delay the last packet of each.
    stream.set_nodelay(true).ok()?;
    // The window sends acknowledgements and nothing else.
    let limits =
        WebSocketConfig::default().max_message_size(Some(wire::ACK_LEN)).max_frame_size(Some(wire::ACK_LEN));
    #[expect(clippy::result_large_err, reason = "the callback's type is given by tungstenite")]
    let check = |request: &Request, response: Response| {
        let origin = request.headers().get("origin").and_then(|origin| origin.to_str().ok());
        let ours = origin.is_some_and(|origin| ORIGINS.contains(&origin));
        if ours && secret.opens(request.uri().path()) { Ok(response) } else { Err(forbidden()) }
    };
    accept_hdr_async_with_config(stream, check, Some(limits)).await.ok()
}

fn forbidden() -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// Sends what the outbox allows and hears acknowledgements, until the window is gone or has connected anew.
async fn pump(socket: &mut WebSocketStream<TcpStream>, hub: &FrameHub) {
    let connection = hub.outbox().reconnect();
    hub.changed.notify_waiters();
    let mut scaler = Scaler::new();
    loop {
        // Made before the outbox is read: what is put in afterwards wakes it.
        let changed = hub.changed.notified();
        let next = hub.outbox().next(connection);
        match next {
            Err(Replaced) => return,
            Ok(Some(outgoing)) => {
                let message = match outgoing {
                    Outgoing::Frame { stream, sequence, frame, shown } => {
                        let size = shown.and_then(|shown| size::worth_sending(frame.resolution(), shown));
                        let small = size.map(|size| scaler.scale(&frame, size, Fit::Stretch));
                        wire::picture(stream, sequence, small.as_ref().unwrap_or(&frame), frame.resolution())
                    }
                    Outgoing::Size { stream, sequence, own } => wire::shown_above(stream, sequence, own),
                    Outgoing::End { stream, sequence } => wire::ended(stream, sequence),
                };
                if socket.send(Message::Binary(message)).await.is_err() {
                    return;
                }
            }
            Ok(None) => tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => {
                        if let Some(ack) = Ack::parse(&bytes) {
                            hub.outbox().acknowledge(ack, Instant::now());
                        }
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
                () = changed => {}
            },
        }
    }
}

#[cfg(test)]
mod tests;
