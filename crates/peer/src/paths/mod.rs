//! Beneath the library: this machine's sockets, and which of them leads to whom.
//!
//! `webrtc` 0.21.1 makes a pair of every socket with every candidate of the other side, and drops them all when an
//! address changes. So it is shown one socket of each IP version, at a loopback address, that stays as long as the
//! connection (`socket`). Below it is a real one for every address that is offered to the other side, and more where a
//! way needs it; they may come and go. A route to somebody is learned from what comes from there.

mod candidates;
mod checks;
mod kept;
mod repair;
mod round_trip;
mod routes;
mod socket;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use webrtc::runtime::{AsyncUdpSocket, Runtime, TokioRuntime};

use crate::api::PeerConfig;
use crate::channels::Lost;
use crate::interfaces::{self, LocalAddress};
use crate::relays::Relays;
pub(crate) use checks::{Checks, Target};
pub(crate) use kept::Credentials;
use kept::Kept;
use repair::Repair;
pub(crate) use repair::is_offered as repairs;
use round_trip::RoundTrips;
use routes::Routes;
pub(crate) use socket::StandIn;

/// Wraps every real UDP socket that the connection opens; tests lose packets with it.
pub(crate) type WrapSocket = Arc<dyn Fn(Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> + Send + Sync>;

/// Socket buffers: bursts of a keyframe or of a data channel overflow the default 208 KiB. The kernel clamps it to
/// what it allows.
const SOCKET_BUFFER: usize = 4 << 20;
/// More sockets than this are not opened, whatever ways there are.
const MAX_SOCKETS: usize = 24;
/// Whether an address is still there is asked this often at most.
const LOOK: Duration = Duration::from_millis(250);

/// A real socket.
#[derive(Clone)]
struct Bound {
    address: LocalAddress,
    port: u16,
    socket: Arc<dyn AsyncUdpSocket>,
}

/// The sockets of one connection, and the ways over them.
pub(crate) struct Paths {
    pub(crate) relays: Relays,
    checks: Mutex<Checks>,
    repair: Repair,
    state: Mutex<State>,
    /// Of the driver, which waits for datagrams of a version: sockets may come while it does.
    wakers: [AtomicWaker; 2],
    /// The driver took a datagram in this pass, or may take as many as it likes.
    taken: AtomicBool,
    settled: AtomicBool,
    include_loopback: bool,
    /// No socket of ours is to be seen: only relays are used.
    hidden: bool,
    wrap: Option<WrapSocket>,
}

#[derive(Default)]
struct State {
    /// Per IP version, as the driver takes them to read from.
    bound: [Arc<[Bound]>; 2],
    offered: Vec<LocalAddress>,
    /// What the library takes for its sockets.
    stand_ins: [Option<SocketAddr>; 2],
    routes: Routes,
    kept: Kept,
    round_trips: RoundTrips,
    looked: Option<Instant>,
}

impl std::fmt::Debug for Paths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Paths").finish_non_exhaustive()
    }
}

fn version(address: SocketAddr) -> usize {
    usize::from(address.is_ipv6())
}

impl Paths {
    /// Opens a socket for every address that is offered. Must be called inside a tokio runtime.
    pub(crate) fn new(config: &PeerConfig, wrap: Option<WrapSocket>) -> Self {
        let paths = Self {
            relays: Relays::new(&config.ice_servers),
            checks: Mutex::default(),
            repair: Repair::default(),
            state: Mutex::default(),
            wakers: [AtomicWaker::new(), AtomicWaker::new()],
            taken: AtomicBool::new(false),
            settled: AtomicBool::new(false),
            include_loopback: config.include_loopback && !config.relay_only,
            hidden: config.relay_only,
            wrap,
        };
        paths.refresh();
        paths
    }

    /// Whether the connection has all that it begins with. Before, the driver gets one datagram a pass: it would read the one
    /// that opens the data channels and the first message on one of them together, and look at what the first sets off
    /// afterwards; the message would be lost.
    pub(crate) fn settle(&self, settled: bool) {
        self.settled.store(settled, Ordering::Release);
    }

    /// The driver has looked at everything that the last datagram set off.
    pub(crate) fn next_pass(&self) {
        self.taken.store(false, Ordering::Release);
    }

    /// Whether the driver may have a datagram now.
    fn may_take(&self) -> bool {
        self.settled.load(Ordering::Acquire) || !self.taken.load(Ordering::Acquire)
    }

    /// What the library is to bind: an address of each IP version that this machine has.
    pub(crate) fn stand_in_addresses() -> Vec<SocketAddr> {
        let loopbacks =
            [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
        // A machine without IPv6 must not log an error per connection.
        loopbacks.into_iter().filter(|address| UdpSocket::bind(address).is_ok()).collect()
    }

    /// Looks for addresses that came and went: what is offered from now on.
    pub(crate) fn refresh(&self) {
        lock(&self.checks).restart();
        if self.hidden {
            return;
        }
        let Ok(interfaces) = interfaces::interfaces() else { return };
        let offered = interfaces::choose(&interfaces, &interfaces::routed());
        let mut state = self.state();
        state.retain(|address| interfaces.iter().any(|interface| interface.address == *address));
        for address in &offered {
            self.bind(&mut state, *address);
        }
        state.offered = offered;
        drop(state);
        self.wakers.iter().for_each(AtomicWaker::wake);
    }

    /// A socket at this address of ours: the one that there is, or another.
    fn bind(&self, state: &mut State, address: LocalAddress) -> Option<Bound> {
        let version = usize::from(address.ip.is_ipv6());
        if let Some(bound) = state.bound[version].iter().find(|bound| bound.address == address) {
            return Some(bound.clone());
        }
        if self.hidden
            || address.ip.is_loopback()
            || state.bound.iter().map(|bound| bound.len()).sum::<usize>() >= MAX_SOCKETS
        {
            return None;
        }
        let bound = self.open(address).ok()?;
        state.bound[version] = state.bound[version].iter().cloned().chain([bound.clone()]).collect();
        self.wakers[version].wake();
        Some(bound)
    }

    fn open(&self, address: LocalAddress) -> io::Result<Bound> {
        let socket = UdpSocket::bind(address.socket_address(0))?;
        let port = socket.local_addr()?.port();
        Ok(Bound { address, port, socket: self.wrapped(socket)? })
    }

    fn wrapped(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let reference = socket2::SockRef::from(&socket);
        // Refused sizes only cost throughput.
        let _ = reference.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = reference.set_send_buffer_size(SOCKET_BUFFER);
        let socket = TokioRuntime.wrap_udp_socket(socket)?;
        Ok(match &self.wrap {
            Some(wrap) => wrap(socket),
            None => socket,
        })
    }

    /// What the library is to use in place of a socket that it bound to one of [`Self::stand_in_addresses`].
    pub(crate) fn stand_in(self: &Arc<Self>, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let address = socket.local_addr()?;
        let socket = self.wrapped(socket)?;
        let mut state = self.state();
        state.stand_ins[version(address)] = Some(address);
        if self.include_loopback {
            let loopback = LocalAddress { ip: address.ip(), scope: 0 };
            let bound = Bound { address: loopback, port: address.port(), socket: socket.clone() };
            let others =
                state.bound[version(address)].iter().filter(|other| other.address != loopback).cloned();
            state.bound[version(address)] = others.chain([bound]).collect();
        }
        Ok(Arc::new(StandIn::new(Arc::clone(self), socket, address)))
    }

    /// The candidates that the other side is to be told in place of one of the library's.
    pub(crate) fn told(&self, candidate: &str) -> Vec<String> {
        let Some(said) = candidates::read(candidate) else { return vec![candidate.to_owned()] };
        if said.component != "1" {
            // Of RTCP's own, which is always on the same path.
            return Vec::new();
        }
        let state = self.state();
        match said.kind {
            "host" if state.stand_ins.contains(&Some(said.address)) => {
                state.hosts(version(said.address), self.include_loopback)
            }
            // No router between: it says once more what is told already.
            "srflx" if state.has(said.address) => Vec::new(),
            // Its relay is given up.
            "relay" if !self.relays.is_empty() && !self.relays.relays(said.address) => Vec::new(),
            _ => vec![tincan_protocol::sdp::unrelated(candidate)],
        }
    }

    /// A description of ours as the other side is to see it.
    pub(crate) fn description(&self, sdp: &str) -> String {
        repair::offered(&candidates::replace(sdp, |candidate| self.told(candidate)))
    }

    /// How long it takes to the other side and back, without what queues add.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.state().round_trips.least()
    }

    /// The other side sends records of the data channels again when it is asked to, as we do.
    pub(crate) fn repair(&self) {
        self.repair.begin();
    }

    /// What of the data channels' records was lost on their way to the other side lately; nothing where nobody knows.
    pub(crate) fn lost_records(&self) -> Lost {
        self.repair.lost()
    }

    /// A description of theirs with so many candidates at most.
    pub(crate) fn bounded(sdp: &str, most: usize) -> String {
        let mut count = 0;
        candidates::replace(sdp, |candidate| {
            count += 1;
            if count <= most { vec![candidate.to_owned()] } else { Vec::new() }
        })
    }

    /// Whether a description of theirs has this candidate.
    pub(crate) fn lists(sdp: &str, remote: SocketAddr) -> bool {
        sdp.lines()
            .filter_map(|line| candidates::read(line.strip_prefix("a=candidate:")?))
            .any(|said| said.address == remote)
    }

    /// Whether something came over the path to this address of theirs just now.
    pub(crate) fn is_alive(&self, remote: SocketAddr) -> bool {
        self.state().routes.is_alive(Instant::now(), remote)
    }

    /// The path to this address of theirs is the one after an ICE restart too, which these are the credentials of.
    pub(crate) fn keep(&self, remote: SocketAddr, ours: Credentials, theirs: Credentials) {
        self.state().kept.keep(Instant::now(), remote, ours, theirs);
    }

    /// The address of this machine from which it goes to this one of theirs.
    pub(crate) fn local_address(&self, remote: SocketAddr) -> Option<IpAddr> {
        self.state().routes.to(remote).map(|address| address.ip)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Drops the sockets at addresses that are gone, and the routes over them. Loopback's stay.
    fn retain(&mut self, is_there: impl Fn(&LocalAddress) -> bool) {
        for bound in &mut self.bound {
            let stays = |bound: &Bound| bound.address.ip.is_loopback() || is_there(&bound.address);
            if !bound.iter().all(stays) {
                *bound = bound.iter().filter(|bound| stays(bound)).cloned().collect();
            }
        }
        let bound = &self.bound;
        self.routes.retain(|address| bound.iter().any(|bound| bound.iter().any(|b| b.address == *address)));
    }

    fn find(&self, address: LocalAddress) -> Option<&Bound> {
        self.bound[usize::from(address.ip.is_ipv6())].iter().find(|bound| bound.address == address)
    }

    fn has(&self, address: SocketAddr) -> bool {
        self.bound[version(address)]
            .iter()
            .any(|bound| bound.address.ip == address.ip() && bound.port == address.port())
    }

    /// The candidates of our sockets of a version, the likeliest first.
    fn hosts(&self, version: usize, include_loopback: bool) -> Vec<String> {
        let loopback = self.bound[version].iter().filter(|b| include_loopback && b.address.ip.is_loopback());
        let offered =
            self.offered.iter().enumerate().filter_map(|(rank, address)| Some((rank, self.find(*address)?)));
        offered
            .filter(|(_, bound)| usize::from(bound.address.ip.is_ipv6()) == version)
            .chain(loopback.map(|bound| (self.offered.len() + version, bound)))
            .map(|(rank, bound)| candidates::host(rank, SocketAddr::new(bound.address.ip, bound.port)))
            .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
