//! Relays (TURN, RFC 8656). The library is shown each of them as an ordinary one at an address that nobody has; what it
//! sends there is mended (`exchange`) and carried over datagrams, TCP or TLS (`carry`), and what comes back is handed out
//! as if from there. So each relay gives one allocation, however many addresses it and this machine have, and relays over
//! TCP and TLS can be used, which `webrtc` 0.21.1 skips (webrtc-rs/webrtc#848).

mod carry;
mod exchange;
mod framing;
mod trust;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use rtc::ice::url::{ProtoType, SchemeType, Url};
use rtc::stun::error_code::CODE_SERVER_ERROR;
use rtc::stun::message::{CLASS_ERROR_RESPONSE, Message, MessageType};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug};

use crate::api::IceServerConfig;
use crate::paths::{Checks, Target};
use crate::stun::{self, Ice};
use carry::{Ends, Way, carry};
use exchange::{Exchange, Incoming, indication};

/// Names below this one exist nowhere (RFC 6761, section 6.4).
const DOMAIN: &str = "relay.invalid";
/// The same for addresses: 240.0.0.0/4 is reserved (RFC 1112, section 4). IPv4 serves everybody, since a machine
/// without it still has a loopback address, and the way to the relay itself goes where it likes.
const NETWORK: [u8; 2] = [240, 0];
const PORT: u16 = 3478;
/// More relays than anybody configures.
const MAX_RELAYS: usize = 16;
/// Datagrams that wait for the way to a relay: a keyframe. What comes on top is lost, as in any router's queue.
const QUEUE: usize = 128;

/// How a relay is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Datagrams,
    Tcp,
    Tls,
}

/// A relay as it is really reached.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Relay {
    host: String,
    port: u16,
    transport: Transport,
    username: String,
    credential: String,
}

/// The way to a relay, and what was said there.
struct Link {
    queue: mpsc::Sender<Bytes>,
    exchange: Exchange,
    way: Arc<Way>,
}

/// The relays of one connection.
pub(crate) struct Relays {
    servers: Vec<IceServerConfig>,
    relays: Arc<[Relay]>,
    /// Which set of allocations is in use. Another one means new ways to all of them.
    generation: AtomicU8,
    /// By the address that stands for the relay. Locked for one datagram.
    links: Mutex<HashMap<SocketAddr, Link>>,
    arrived: Mutex<mpsc::Receiver<(SocketAddr, Bytes)>>,
    arrive: mpsc::Sender<(SocketAddr, Bytes)>,
    datagrams_pass: Arc<AtomicBool>,
    /// Rings when the way to a relay is over.
    broken: Arc<Notify>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl fmt::Debug for Relays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relays").field("relays", &self.relays.len()).finish_non_exhaustive()
    }
}

impl Relays {
    pub(crate) fn new(servers: &[IceServerConfig]) -> Self {
        let mut relays = Vec::new();
        for server in servers {
            for url in &server.urls {
                let Some(relay) = relay(url, server) else { continue };
                if relays.len() < MAX_RELAYS && !relays.contains(&relay) {
                    relays.push(relay);
                }
            }
        }
        let (arrive, arrived) = mpsc::channel(QUEUE);
        Self {
            servers: servers.to_vec(),
            relays: relays.into(),
            generation: AtomicU8::new(0),
            links: Mutex::default(),
            arrived: Mutex::new(arrived),
            arrive,
            datagrams_pass: Arc::default(),
            broken: Arc::default(),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.relays.is_empty()
    }

    /// The servers as the library is to see them.
    pub(crate) fn servers(&self) -> Vec<IceServerConfig> {
        let generation = self.generation.load(Ordering::Relaxed);
        let mut shown: Vec<usize> = Vec::new();
        let mut servers = self.servers.clone();
        for server in &mut servers {
            let this = server.clone();
            server.urls.retain_mut(|url| {
                let Some(relay) = relay(url, &this) else { return true };
                let number = self.relays.iter().position(|known| *known == relay);
                let Some(number) = number.filter(|number| !shown.contains(number)) else { return false };
                shown.push(number);
                *url = format!("turn:{number}.{generation}.{DOMAIN}:{PORT}?transport=udp");
                true
            });
        }
        servers.retain(|server| !server.urls.is_empty());
        servers
    }

    /// From now on all relays are asked anew, over new ways.
    pub(crate) fn renew(&self) {
        let old = self.generation.fetch_add(1, Ordering::Relaxed);
        self.datagrams_pass.store(false, Ordering::Relaxed);
        // The ways just given up still carry that they are.
        lock(&self.links).retain(|address, _| generation(*address) == Some(old));
    }

    /// The address of one of them by the name that stands for it.
    pub(crate) fn resolve(&self, host: &str) -> Option<SocketAddr> {
        let (number, generation) = host.strip_suffix(&format!(".{DOMAIN}:{PORT}"))?.split_once('.')?;
        let (number, generation) = (number.parse::<u8>().ok()?, generation.parse::<u8>().ok()?);
        (usize::from(number) < self.relays.len()).then(|| address(number, generation))
    }

    /// Which relay an address stands for.
    pub(crate) fn at(&self, destination: SocketAddr) -> Option<u8> {
        let SocketAddr::V4(v4) = destination else { return None };
        let [a, b, _, number] = v4.ip().octets();
        ([a, b] == NETWORK && v4.port() == PORT && usize::from(number) < self.relays.len()).then_some(number)
    }

    /// Hands a datagram to the way to this relay, which begins with the first one.
    pub(crate) fn send(
        &self,
        now: Instant,
        number: u8,
        to: SocketAddr,
        datagram: &[u8],
        checks: &Mutex<Checks>,
    ) {
        let check = match stun::channel_data(datagram) {
            Some((channel, data)) => Some((Target::Channel(number, channel), stun::ice(data))),
            None => {
                indication(datagram).map(|(peer, data)| (Target::Relayed(number, peer), stun::ice(&data)))
            }
        };
        if let Some((target, Ice::Check { nominates, .. })) = check
            && lock(checks).may_leave(now, target, nominates).is_none()
        {
            return;
        }
        let mut links = lock(&self.links);
        let is_current = generation(to) == Some(self.generation.load(Ordering::Relaxed));
        let link = match links.entry(to) {
            Entry::Occupied(link) => link.into_mut(),
            Entry::Vacant(place) if is_current => place.insert(self.link(number, to)),
            Entry::Vacant(_) => return,
        };
        if let Some(datagram) = link.exchange.outgoing(now, datagram) {
            // Full or over: lost, as datagrams are.
            let _ = link.queue.try_send(datagram.into());
        }
    }

    fn link(&self, number: u8, stands_for: SocketAddr) -> Link {
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let way = Arc::<Way>::default();
        let ends = Ends {
            stands_for,
            outgoing,
            arrive: self.arrive.clone(),
            way: Arc::clone(&way),
            datagrams_pass: Arc::clone(&self.datagrams_pass),
            waits: self.relays.iter().any(|relay| relay.transport == Transport::Datagrams),
        };
        let relays = Arc::clone(&self.relays);
        let (cancel, broken) = (self.cancel.clone(), Arc::clone(&self.broken));
        let relay = relays[usize::from(number)].clone();
        let exchange = Exchange::new(relay.username.clone(), relay.credential.clone());
        let arrive = self.arrive.clone();
        let work = async move {
            if let Some(Err(error)) = cancel.run_until_cancelled(carry(&relay, ends)).await {
                debug!(kind = ?error.kind(), "the way to a relay is over");
                // An empty datagram: what waits for an answer gets none.
                let _ = arrive.send((stands_for, Bytes::new())).await;
                broken.notify_one();
            }
        };
        self.tasks.spawn(work.in_current_span());
        Link { queue, exchange, way }
    }

    /// The next datagram of a relay for the library, and the address that stands for the relay.
    pub(crate) fn poll_arrived(
        &self,
        cx: &mut Context<'_>,
        now: Instant,
        checks: &Mutex<Checks>,
    ) -> Poll<(SocketAddr, Vec<u8>)> {
        let mut arrived = lock(&self.arrived);
        loop {
            let Some((from, datagram)) = ready!(arrived.poll_recv(cx)) else { return Poll::Pending };
            let Some(number) = self.at(from) else { continue };
            let mut links = lock(&self.links);
            let Some(link) = links.get_mut(&from) else { continue };
            if datagram.is_empty() {
                match link.exchange.given_up() {
                    Some(refusal) => return Poll::Ready((from, refusal)),
                    None => continue,
                }
            }
            match link.exchange.incoming(now, &datagram) {
                Incoming::Deliver(datagram) => {
                    drop(links);
                    note(now, number, &datagram, checks);
                    return Poll::Ready((from, datagram));
                }
                Incoming::Repeat(request) => {
                    let _ = link.queue.try_send(request.into());
                }
                Incoming::Old => {}
            }
        }
    }

    /// The address of this machine from which it goes to the relay that gave us this one.
    pub(crate) fn local_address(&self, relayed: SocketAddr) -> Option<IpAddr> {
        let links = lock(&self.links);
        links.values().find(|link| link.exchange.relayed() == Some(relayed))?.way.local()
    }

    /// Whether a relay gives us this address, and the way to it stands.
    pub(crate) fn relays(&self, relayed: SocketAddr) -> bool {
        let links = lock(&self.links);
        links.values().any(|link| link.exchange.relayed() == Some(relayed) && !link.queue.is_closed())
    }

    /// Returns when the way to a relay is over.
    pub(crate) async fn broken(&self) {
        self.broken.notified().await;
    }

    /// Lets what is queued leave, and ends everything; `within` this long at most.
    pub(crate) async fn close(&self, within: std::time::Duration) {
        lock(&self.links).clear();
        self.tasks.close();
        if tokio::time::timeout(within, self.tasks.wait()).await.is_err() {
            self.cancel.cancel();
            self.tasks.wait().await;
        }
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// What a relay passed on tells of the paths through it.
fn note(now: Instant, number: u8, datagram: &[u8], checks: &Mutex<Checks>) {
    let (target, said) = match stun::channel_data(datagram) {
        Some((channel, data)) => (Target::Channel(number, channel), stun::ice(data)),
        None => match indication(datagram) {
            Some((peer, data)) => (Target::Relayed(number, peer), stun::ice(&data)),
            None => return,
        },
    };
    match said {
        Ice::Check { .. } => lock(checks).triggered(now, target),
        Ice::Success { .. } => lock(checks).proven(target),
        Ice::Other => {}
    }
}

/// The relay that a URL names; `None` for what is none or what we cannot use (DTLS).
fn relay(url: &str, server: &IceServerConfig) -> Option<Relay> {
    let parsed = Url::parse_url(url).ok()?;
    let transport = match (parsed.scheme, parsed.proto) {
        (SchemeType::Turn, ProtoType::Udp) => Transport::Datagrams,
        (SchemeType::Turn, ProtoType::Tcp) => Transport::Tcp,
        (SchemeType::Turns, ProtoType::Tcp) => Transport::Tls,
        _ => return None,
    };
    Some(Relay {
        host: parsed.host,
        port: parsed.port,
        transport,
        username: server.username.clone(),
        credential: server.credential.clone(),
    })
}

/// The refusal of a request, as a relay would send it.
fn refusal(request: &Message) -> Option<Vec<u8>> {
    let kind = MessageType::new(request.typ.method, CLASS_ERROR_RESPONSE);
    let mut message = Message::new();
    message.build(&[Box::new(request.transaction_id), Box::new(kind), Box::new(CODE_SERVER_ERROR)]).ok()?;
    Some(message.raw)
}

fn address(number: u8, generation: u8) -> SocketAddr {
    let [a, b] = NETWORK;
    (Ipv4Addr::new(a, b, generation, number), PORT).into()
}

fn generation(address: SocketAddr) -> Option<u8> {
    let SocketAddr::V4(v4) = address else { return None };
    Some(v4.ip().octets()[2])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(urls: &[&str]) -> IceServerConfig {
        IceServerConfig {
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            username: "u".into(),
            credential: "c".into(),
        }
    }

    #[test]
    fn the_library_sees_every_relay_once_at_an_address_that_nobody_has() {
        let urls = [
            "stun:relay.example:3478",
            "turn:relay.example:3478",
            "turn:relay.example:80?transport=tcp",
            "turns:relay.example",
            "turn:relay.example:3478?transport=udp",
            "turns:relay.example?transport=udp",
        ];
        let relays = Relays::new(&[server(&urls), server(&["turn:relay.example"])]);
        let shown: Vec<String> = relays.servers().into_iter().flat_map(|server| server.urls).collect();
        assert_eq!(
            shown,
            [
                urls[0],
                "turn:0.0.relay.invalid:3478?transport=udp",
                "turn:1.0.relay.invalid:3478?transport=udp",
                "turn:2.0.relay.invalid:3478?transport=udp",
                urls[5],
            ]
        );
        let reached: Vec<_> = relays.relays.iter().map(|relay| (relay.port, relay.transport)).collect();
        assert_eq!(reached, [(3478, Transport::Datagrams), (80, Transport::Tcp), (5349, Transport::Tls)]);
        let second = relays.resolve("1.0.relay.invalid:3478").unwrap();
        assert_eq!(relays.at(second), Some(1));
        assert_eq!(relays.resolve("3.0.relay.invalid:3478"), None);
        assert_eq!(relays.resolve("relay.example:3478"), None);
    }

    #[test]
    fn relays_that_are_asked_anew_have_other_addresses() {
        let relays = Relays::new(&[server(&["turn:relay.example"])]);
        relays.renew();
        let shown = relays.servers();
        assert_eq!(shown[0].urls, ["turn:0.1.relay.invalid:3478?transport=udp"]);
        let address = relays.resolve("0.1.relay.invalid:3478").unwrap();
        assert_eq!((relays.at(address), generation(address)), (Some(0), Some(1)));
    }
}
