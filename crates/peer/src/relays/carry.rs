//! The way to a relay: datagrams, or a connection over TCP or TLS for networks that let no datagrams out. A task for
//! each relay carries messages there and back until either side is done.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Relay, Transport, framing, trust};

/// A datagram is faster where it gets through: TCP starts this much later (RFC 8305's "Connection Attempt Delay"), and
/// not at all where one was answered by then.
const HEAD_START: Duration = Duration::from_millis(250);
/// So much later the next of a name's addresses is tried too, for the same reason.
const STAGGER: Duration = Duration::from_millis(200);
/// More addresses than any relay has.
const MAX_ADDRESSES: usize = 4;
/// A handshake on the worst path that can carry a call.
const CONNECT: Duration = Duration::from_secs(10);
/// How long after each refusal it is tried again.
const AGAIN: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(400), Duration::from_millis(800)];
/// What the kernel may hold back of a stream: a quarter of a second at 2 Mbit/s, so that a slow path shows as delay
/// early.
const KERNEL_QUEUE: usize = 64 * 1024;
/// What the kernel may hold of datagrams: a keyframe and more.
const DATAGRAM_QUEUE: usize = 4 << 20;
/// The longest datagram.
const MAX_DATAGRAM: usize = 1 << 16;

/// What the tasks of all relays of a connection know of each other, and tell it.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// The address of this machine from which it leads to the relay.
    local: Mutex<Option<IpAddr>>,
}

impl Way {
    pub(crate) fn local(&self) -> Option<IpAddr> {
        *self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_from(&self, address: io::Result<SocketAddr>) {
        *self.local.lock().unwrap_or_else(PoisonError::into_inner) =
            address.ok().map(|address| address.ip().to_canonical());
    }
}

/// The ends of a task's queues.
pub(crate) struct Ends {
    /// The address that stands for the relay towards the library.
    pub(crate) stands_for: SocketAddr,
    pub(crate) outgoing: mpsc::Receiver<Bytes>,
    pub(crate) arrive: mpsc::Sender<(SocketAddr, Bytes)>,
    pub(crate) way: Arc<Way>,
    /// A relay of this connection answered a datagram.
    pub(crate) datagrams_pass: Arc<AtomicBool>,
    /// Whether there are relays that take datagrams.
    pub(crate) waits: bool,
}

/// Carries until there is nothing more to carry.
///
/// # Errors
/// When the relay cannot be reached (any longer). [`io::ErrorKind::Unsupported`] when it need not be.
pub(crate) async fn carry(relay: &Relay, mut ends: Ends) -> io::Result<()> {
    let tls = match relay.transport {
        Transport::Datagrams => return datagrams(relay, ends).await,
        Transport::Tcp => false,
        Transport::Tls => true,
    };
    if ends.waits {
        tokio::time::sleep(HEAD_START).await;
        if ends.datagrams_pass.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Unsupported.into());
        }
    }
    let within = |_| io::Error::from(io::ErrorKind::TimedOut);
    let stream = timeout(CONNECT, connect_persistently(relay)).await.map_err(within)??;
    ends.way.is_from(stream.local_addr());
    stream.set_nodelay(true)?;
    // A refused size only costs delay on a slow path.
    let _ = socket2::SockRef::from(&stream).set_send_buffer_size(KERNEL_QUEUE);
    if tls {
        let stream = timeout(CONNECT, trust::connect(&relay.host, stream)).await.map_err(within)??;
        exchange(stream, &mut ends).await
    } else {
        exchange(stream, &mut ends).await
    }
}

async fn addresses(relay: &Relay) -> io::Result<Vec<SocketAddr>> {
    let found = timeout(CONNECT, lookup_host((relay.host.as_str(), relay.port)));
    let found = found.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(found.take(MAX_ADDRESSES).collect())
}

/// A relay that is just being started anew, or a network that is just coming up, refuses at first.
async fn connect_persistently(relay: &Relay) -> io::Result<TcpStream> {
    for wait in AGAIN {
        match connect(relay).await {
            Ok(stream) => return Ok(stream),
            Err(_) => tokio::time::sleep(wait).await,
        }
    }
    connect(relay).await
}

/// The first of its addresses that answers: a broken IPv6 path must not hold up a call.
async fn connect(relay: &Relay) -> io::Result<TcpStream> {
    let mut waiting = addresses(relay).await?.into_iter();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    loop {
        let more = match waiting.next() {
            Some(address) => {
                attempts.spawn(TcpStream::connect(address));
                true
            }
            None => false,
        };
        tokio::select! {
            done = attempts.join_next() => match done {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(error))) => last = error,
                Some(Err(_)) => {}
                None if more => {}
                None => return Err(last),
            },
            () = tokio::time::sleep(STAGGER), if more => {}
        }
    }
}

async fn exchange(stream: impl AsyncRead + AsyncWrite, ends: &mut Ends) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (outgoing, arrive, stands_for) = (&mut ends.outgoing, &ends.arrive, ends.stands_for);
    let write = async {
        while let Some(datagram) = outgoing.recv().await {
            let Some(message) = framing::to_stream(&datagram) else { continue };
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
                let _ = arrive.try_send((stands_for, datagram));
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    };
    tokio::select! {
        done = write => done,
        done = read => done,
    }
}

/// Datagrams to and from that one of its addresses which answers first.
async fn datagrams(relay: &Relay, mut ends: Ends) -> io::Result<()> {
    let mut waiting = addresses(relay).await?.into_iter();
    let mut sockets = Vec::new();
    let mut answered = false;
    let mut opened = None::<Instant>;
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        tokio::select! {
            datagram = ends.outgoing.recv() => {
                let Some(datagram) = datagram else { return Ok(()) };
                if !answered && opened.is_none_or(|at| at.elapsed() >= STAGGER) {
                    // One without a way fails at once, and its successor has its turn.
                    if let Some(socket) = waiting.by_ref().find_map(|address| towards(address).ok()) {
                        sockets.push(socket);
                        opened = Some(Instant::now());
                    }
                }
                if sockets.is_empty() {
                    return Err(io::ErrorKind::NetworkUnreachable.into());
                }
                for socket in &sockets {
                    // What cannot be sent is lost, as datagrams are.
                    let _ = socket.send(&datagram).await;
                }
            }
            (index, length) = receive(&sockets, &mut buffer) => {
                if !answered {
                    answered = true;
                    ends.datagrams_pass.store(true, Ordering::Relaxed);
                    ends.way.is_from(sockets[index].local_addr());
                    sockets.swap(0, index);
                    sockets.truncate(1);
                }
                let _ = ends.arrive.try_send((ends.stands_for, Bytes::copy_from_slice(&buffer[..length])));
            }
        }
    }
}

/// A socket that knows no other address. The system chooses its own by the way there.
fn towards(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    let reference = socket2::SockRef::from(&socket);
    // Refused sizes only cost throughput.
    let _ = reference.set_recv_buffer_size(DATAGRAM_QUEUE);
    let _ = reference.set_send_buffer_size(DATAGRAM_QUEUE);
    UdpSocket::from_std(socket)
}

/// The next datagram of any: which socket's, and its length. What a socket reports otherwise (that nobody listens there)
/// is no reason to stop.
async fn receive(sockets: &[UdpSocket], buffer: &mut [u8]) -> (usize, usize) {
    std::future::poll_fn(|cx| {
        for (index, socket) in sockets.iter().enumerate() {
            loop {
                let mut read = ReadBuf::new(buffer);
                match socket.poll_recv(cx, &mut read) {
                    Poll::Ready(Ok(())) => return Poll::Ready((index, read.filled().len())),
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => break,
                }
            }
        }
        Poll::Pending
    })
    .await
}
