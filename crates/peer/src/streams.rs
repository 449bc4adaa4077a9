//! Relays that are reached over TCP or TLS, for networks that let no datagrams out. `webrtc` 0.21.1 skips them
//! (webrtc-rs/webrtc#848), so it is shown relays that it takes for ordinary ones, at addresses that nobody has; each of
//! its sockets carries what goes there over a connection of its own, and hands out what comes back as if from there.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rtc::ice::url::{ProtoType, SchemeType, Url};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug};
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use crate::api::IceServerConfig;
use crate::framing;
use crate::trust;

/// Names below this one exist nowhere (RFC 6761, section 6.4).
const DOMAIN: &str = "stream.invalid";
/// The same for addresses: 240.0.0.0/4 is reserved (RFC 1112, section 4). IPv4 serves everybody, since a machine
/// without it still has a socket for it, and the connection itself goes where it likes.
const NETWORK: [u8; 3] = [240, 0, 0];
const PORT: u16 = 3478;
/// More relays than anybody configures.
const MAX_RELAYS: usize = 16;
/// A datagram is faster where it gets through: TCP starts this much later (RFC 8305's "Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);
/// A handshake on the worst path that can carry a call.
const CONNECT: Duration = Duration::from_secs(10);
/// Datagrams that wait for the connection: a keyframe. What comes on top is lost, as in any router's queue.
const QUEUE: usize = 128;
/// What the kernel may hold back: a quarter of a second at 2 Mbit/s, so that a slow path shows as delay early.
const KERNEL_QUEUE: usize = 64 * 1024;

/// A relay as it is really reached.
struct Relay {
    host: String,
    port: u16,
    tls: bool,
}

/// The relays of one connection that are reached over TCP or TLS.
#[derive(Default)]
pub(crate) struct StreamRelays(Vec<Relay>);

impl fmt::Debug for StreamRelays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamRelays").field(&self.0.len()).finish()
    }
}

impl StreamRelays {
    /// Takes them out of a list, and leaves in their place what the library understands.
    pub(crate) fn take(servers: &[IceServerConfig]) -> (Vec<IceServerConfig>, Self) {
        let mut relays = Vec::new();
        let mut servers = servers.to_vec();
        for url in servers.iter_mut().flat_map(|server| &mut server.urls) {
            let Ok(parsed) = Url::parse_url(url) else { continue };
            let tls = parsed.scheme == SchemeType::Turns;
            if !(tls || parsed.scheme == SchemeType::Turn) || parsed.proto != ProtoType::Tcp {
                continue;
            }
            if relays.len() < MAX_RELAYS {
                *url = format!("turn:{}.{DOMAIN}:{PORT}?transport=udp", relays.len());
                relays.push(Relay { host: parsed.host, port: parsed.port, tls });
            }
        }
        (servers, Self(relays))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address of one of them by the name that stands for it.
    pub(crate) fn resolve(&self, host: &str) -> Option<SocketAddr> {
        let number = host.strip_suffix(&format!(".{DOMAIN}:{PORT}"))?.parse::<u8>().ok()?;
        (usize::from(number) < self.0.len()).then(|| address(number))
    }

    fn at(&self, destination: SocketAddr) -> Option<usize> {
        (0..self.0.len()).find(|number| address(*number as u8) == destination)
    }
}

fn address(number: u8) -> SocketAddr {
    let [a, b, c] = NETWORK;
    (Ipv4Addr::new(a, b, c, number), PORT).into()
}

/// A socket through which the relays are reached too. Its connections end with it.
pub(crate) struct StreamSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    relays: Arc<StreamRelays>,
    /// The connections that were begun, by the address that stands for their relay. Locked for one datagram.
    outgoing: Mutex<HashMap<SocketAddr, mpsc::Sender<Bytes>>>,
    arrived: Mutex<mpsc::Receiver<(SocketAddr, Bytes)>>,
    arrive: mpsc::Sender<(SocketAddr, Bytes)>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    _cancel: DropGuard,
}

impl StreamSocket {
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>, relays: Arc<StreamRelays>, tasks: TaskTracker) -> Self {
        let (arrive, arrived) = mpsc::channel(QUEUE);
        let cancel = CancellationToken::new();
        Self {
            inner,
            relays,
            outgoing: Mutex::default(),
            arrived: Mutex::new(arrived),
            arrive,
            tasks,
            _cancel: cancel.clone().drop_guard(),
            cancel,
        }
    }

    /// Hands a datagram to the connection with this relay, which begins with the first one.
    fn send(&self, number: usize, destination: SocketAddr, datagram: &[u8]) {
        let mut outgoing = lock(&self.outgoing);
        let queue = outgoing.entry(destination).or_insert_with(|| {
            let (queue, datagrams) = mpsc::channel(QUEUE);
            let (relays, arrive, cancel) = (self.relays.clone(), self.arrive.clone(), self.cancel.clone());
            let work = async move {
                let carried = carry(&relays.0[number], destination, datagrams, arrive);
                if let Some(Err(error)) = cancel.run_until_cancelled(carried).await {
                    debug!(kind = ?error.kind(), "the connection with a relay is over");
                }
            };
            self.tasks.spawn(work.in_current_span());
            queue
        });
        if let Some(message) = framing::to_stream(datagram) {
            // Full or over: lost, as datagrams are.
            let _ = queue.try_send(message);
        }
    }
}

impl fmt::Debug for StreamSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSocket").field("relays", &self.relays).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for StreamSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let Some(number) = self.relays.at(transmit.destination) else {
            return self.inner.poll_send(cx, transmit);
        };
        let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for datagram in transmit.contents.chunks(size) {
            self.send(number, transmit.destination, datagram);
        }
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Some((from, datagram))) = lock(&self.arrived).poll_recv(cx)
            && let (Some(buffer), Some(meta)) = (bufs.first_mut(), meta.first_mut())
        {
            // Longer ones than the driver has room for are no call's.
            let length = datagram.len().min(buffer.len());
            buffer[..length].copy_from_slice(&datagram[..length]);
            *meta = RecvMeta::default();
            (meta.addr, meta.len, meta.stride) = (from, length, length.max(1));
            return Poll::Ready(Ok(1));
        }
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects to a relay, and carries messages there and back until either side is done.
async fn carry(
    relay: &Relay,
    from: SocketAddr,
    outgoing: mpsc::Receiver<Bytes>,
    arrive: mpsc::Sender<(SocketAddr, Bytes)>,
) -> io::Result<()> {
    tokio::time::sleep(HEAD_START).await;
    let connecting = async {
        let stream = TcpStream::connect((relay.host.as_str(), relay.port)).await?;
        stream.set_nodelay(true)?;
        // A refused size only costs delay on a slow path.
        let _ = socket2::SockRef::from(&stream).set_send_buffer_size(KERNEL_QUEUE);
        Ok::<_, io::Error>(stream)
    };
    let within = |_| io::Error::from(io::ErrorKind::TimedOut);
    let stream = tokio::time::timeout(CONNECT, connecting).await.map_err(within)??;
    if relay.tls {
        let stream =
            tokio::time::timeout(CONNECT, trust::connect(&relay.host, stream)).await.map_err(within)??;
        exchange(stream, from, outgoing, arrive).await
    } else {
        exchange(stream, from, outgoing, arrive).await
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite,
    from: SocketAddr,
    mut outgoing: mpsc::Receiver<Bytes>,
    arrive: mpsc::Sender<(SocketAddr, Bytes)>,
) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let write = async {
        while let Some(message) = outgoing.recv().await {
            writer.write_all(&message).await?;
            // TLS keeps what is not asked for.
            writer.flush().await?;
        }
        Ok(())
    };
    let read = async {
        let mut buffer = BytesMut::new();
        while reader.read_buf(&mut buffer).await? > 0 {
            while let Some(datagram) = framing::from_stream(&mut buffer)? {
                // A driver that does not keep up loses it, as it would from a socket.
                let _ = arrive.try_send((from, datagram));
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    };
    tokio::select! {
        done = write => done,
        done = read => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relays_over_streams_are_taken() {
        let urls = [
            "stun:relay.example:3478",
            "turn:relay.example:3478",
            "turn:relay.example:80?transport=tcp",
            "turns:relay.example",
            "turns:relay.example?transport=udp",
        ];
        let server = IceServerConfig {
            urls: urls.map(str::to_owned).to_vec(),
            username: "u".into(),
            credential: "c".into(),
        };
        let (servers, relays) = StreamRelays::take(&[server]);
        let left: Vec<&str> = servers[0].urls.iter().map(String::as_str).collect();
        assert_eq!(
            left,
            [
                urls[0],
                urls[1],
                "turn:0.stream.invalid:3478?transport=udp",
                "turn:1.stream.invalid:3478?transport=udp",
                urls[4]
            ]
        );
        let reached: Vec<_> = relays.0.iter().map(|relay| (relay.port, relay.tls)).collect();
        assert_eq!(reached, [(80, false), (5349, true)]);
        let second = relays.resolve("1.stream.invalid:3478").unwrap();
        assert_eq!(relays.at(second), Some(1));
        assert_eq!(relays.resolve("2.stream.invalid:3478"), None);
        assert_eq!(relays.resolve("relay.example:3478"), None);
    }
}
