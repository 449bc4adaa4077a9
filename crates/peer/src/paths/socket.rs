//! What the library takes for its socket of an IP version.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::kept::Leaves;
use super::repair::{Outgoing, carried};
use super::{Bound, LOOK, Paths, Target, lock, version};
use crate::interfaces::{self, LocalAddress, is_link_local};
use crate::stun::{self, Ice};

/// A socket that stays while those below it come and go.
pub(crate) struct StandIn {
    paths: Arc<Paths>,
    /// Its own: for loopback, and to keep its port.
    own: Arc<dyn AsyncUdpSocket>,
    address: SocketAddr,
    /// Which socket below is read first: another one each time.
    turn: AtomicUsize,
}

impl StandIn {
    pub(super) fn new(paths: Arc<Paths>, own: Arc<dyn AsyncUdpSocket>, address: SocketAddr) -> Self {
        Self { paths, own, address, turn: AtomicUsize::new(0) }
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandIn").field("paths", &self.paths).finish_non_exhaustive()
    }
}

/// What becomes of a datagram of the library's.
enum Way {
    Over(Bound, SocketAddr),
    /// It is not its turn.
    Held,
    None,
}

impl AsyncUdpSocket for StandIn {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let (now, length) = (Instant::now(), transmit.contents.len());
        let paths = &self.paths;
        let segment = transmit.segment_size.unwrap_or(length);
        if let Ice::Check { transaction, .. } = stun::ice(carried(transmit.contents).1) {
            paths.state().round_trips.asked(now, transaction);
        }
        if paths.repair.concerns(transmit.contents, segment)
            && paths.repair.leaving(now, transmit.destination, transmit.contents, segment)
        {
            paths.wakers[version(transmit.destination)].wake();
        }
        if let Some(number) = paths.relays.at(transmit.destination) {
            for datagram in transmit.contents.chunks(segment.max(1)) {
                paths.relays.send(now, number, transmit.destination, datagram, &paths.checks);
            }
            return Poll::Ready(Ok(length));
        }
        let (bound, destination) = match paths.way(now, transmit.destination, transmit.contents) {
            Way::Over(bound, destination) => (bound, destination),
            Way::Held => return Poll::Ready(Ok(length)),
            Way::None => return Poll::Ready(Err(io::ErrorKind::NetworkUnreachable.into())),
        };
        let sent = bound.socket.poll_send(
            cx,
            &Transmit {
                destination,
                ecn: transmit.ecn,
                contents: transmit.contents,
                segment_size: transmit.segment_size,
                src_ip: None,
            },
        );
        match sent {
            Poll::Ready(Err(_)) => {
                // It is lost, as datagrams are; perhaps the address is.
                paths.look(now);
                Poll::Ready(Ok(length))
            }
            sent => sent,
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if !self.paths.may_take() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let received = self.poll_arrived(cx, bufs, meta);
        if matches!(received, Poll::Ready(Ok(_))) {
            self.paths.taken.store(true, Ordering::Release);
        }
        received
    }

    fn max_gso_segments(&self) -> usize {
        self.own.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.own.max_gro_segments()
    }
}

impl StandIn {
    fn poll_arrived(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let version = version(self.address);
        self.paths.wakers[version].register(cx.waker());
        loop {
            if let ready @ Poll::Ready(_) = self.poll_repaired(cx, bufs, meta) {
                return ready;
            }
            let arrived = std::task::ready!(self.poll_below(cx, bufs, meta));
            let Ok(count) = arrived else { return Poll::Ready(arrived) };
            let now = Instant::now();
            self.measure(now, bufs, &meta[..count]);
            for (buffer, meta) in bufs.iter_mut().zip(&mut meta[..count]) {
                if self.paths.repair.concerns(&buffer[..meta.len], meta.stride) {
                    let say = self.paths.repair.sift(now, self.paths.round_trip(), buffer, meta);
                    self.say(cx, now, say);
                }
            }
            if meta[..count].iter().any(|meta| meta.len > 0) {
                return Poll::Ready(Ok(count));
            }
        }
    }

    /// Takes the time of answers to checks.
    fn measure(&self, now: Instant, bufs: &[IoSliceMut<'_>], meta: &[RecvMeta]) {
        for (buffer, meta) in bufs.iter().zip(meta) {
            for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                if let Ice::Success { transaction } = stun::ice(carried(datagram).1) {
                    self.paths.state().round_trips.answered(now, transaction);
                }
            }
        }
    }

    /// Records whose turn has come by now; says what is to be said about those that are missing.
    fn poll_repaired(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let repair = &self.paths.repair;
        if !repair.is_on() {
            return Poll::Pending;
        }
        let version = version(self.address);
        let say = repair.poll(cx, version);
        self.say(cx, Instant::now(), say);
        if repair.fill(version, bufs, meta) { Poll::Ready(Ok(1)) } else { Poll::Pending }
    }

    /// What cannot leave now is lost, as datagrams are.
    fn say(&self, cx: &mut Context<'_>, now: Instant, say: Vec<Outgoing>) {
        let paths = &self.paths;
        for Outgoing { to, datagram } in say {
            if let Some(number) = paths.relays.at(to) {
                paths.relays.send(now, number, to, &datagram, &paths.checks);
            } else if let Way::Over(bound, destination) = paths.way(now, to, &datagram) {
                let (contents, ecn) = (&datagram[..], None);
                let transmit = Transmit { destination, ecn, contents, segment_size: None, src_ip: None };
                let _ = bound.socket.poll_send(cx, &transmit);
            }
        }
    }

    /// What arrives at the sockets below and from relays.
    fn poll_below(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (paths, now, version) = (&self.paths, Instant::now(), version(self.address));
        let told = paths.state().kept.next(version == 1).map(Poll::Ready).unwrap_or(Poll::Pending);
        let arrived = match told {
            Poll::Pending if version == 0 => paths.relays.poll_arrived(cx, now, &paths.checks),
            told => told,
        };
        if let Poll::Ready((from, datagram)) = arrived
            && let (Some(buffer), Some(meta)) = (bufs.first_mut(), meta.first_mut())
        {
            // Longer ones than the driver has room for are no call's.
            let length = datagram.len().min(buffer.len());
            buffer[..length].copy_from_slice(&datagram[..length]);
            *meta = RecvMeta::default();
            (meta.addr, meta.len, meta.stride) = (from, length, length.max(1));
            return Poll::Ready(Ok(1));
        }
        let bound = Arc::clone(&paths.state().bound[version]);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        for index in 0..bound.len() {
            let bound = &bound[(turn + index) % bound.len()];
            loop {
                match bound.socket.poll_recv(cx, bufs, meta) {
                    Poll::Ready(Ok(count)) => {
                        if paths.read(now, bound.address, bufs, &mut meta[..count]) {
                            return Poll::Ready(Ok(count));
                        }
                    }
                    // Mostly somebody's answer that nobody listens there; the driver asks again.
                    Poll::Ready(Err(error)) if is_transient(&error) => return Poll::Ready(Err(error)),
                    Poll::Ready(Err(_)) => {
                        paths.drop_socket(bound.address);
                        break;
                    }
                    Poll::Pending => break,
                }
            }
        }
        Poll::Pending
    }
}

/// What the driver goes on after (`webrtc` 0.21.1, `is_retryable_socket_recv_error`).
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
            | io::ErrorKind::TimedOut
    )
}

impl Paths {
    /// Which socket a datagram leaves over.
    fn way(&self, now: Instant, remote: SocketAddr, datagram: &[u8]) -> Way {
        let mut state = self.state();
        let said = stun::ice(datagram);
        let (from, attempt) = match said {
            Ice::Check { nominates, .. } => {
                state.kept.checked(now, remote, datagram);
                self.wakers[version(remote)].wake();
                let attempt = lock(&self.checks).may_leave(now, Target::Direct(remote), nominates);
                let Some(attempt) = attempt else { return Way::Held };
                (state.routes.to(remote), if nominates { 0 } else { attempt })
            }
            Ice::Success { transaction } if state.kept.answers(transaction) == Leaves::No => {
                return Way::Held;
            }
            Ice::Success { transaction } => (state.routes.reply(transaction).or(state.routes.to(remote)), 0),
            Ice::Other => (state.routes.to(remote), 0),
        };
        if let Some(bound) = from.and_then(|from| state.find(from))
            && attempt.is_multiple_of(2)
        {
            return Way::Over(bound.clone(), scoped(remote, bound.address));
        }
        // The system's own choice first, twice; then it takes turns with all others that might do.
        let mut likely: Vec<Bound> = Vec::new();
        if let Some(bound) = self.systems_choice(&mut state, remote) {
            likely.push(bound);
        }
        if is_link_local(&remote.ip()) {
            self.bind_link_local(&mut state, remote);
        }
        for bound in state.bound[version(remote)].iter() {
            let fits = bound.address.ip.is_loopback() == remote.ip().is_loopback()
                && (!is_link_local(&remote.ip()) || remote.is_ipv4() || bound.address.scope != 0)
                && (is_link_local(&remote.ip()) || !is_link_local(&bound.address.ip));
            if fits && !likely.iter().any(|known| known.address == bound.address) {
                likely.push(bound.clone());
            }
        }
        let index = match attempt as usize {
            _ if likely.len() < 2 => 0,
            attempt if attempt < 2 || attempt.is_multiple_of(2) => 0,
            attempt => 1 + (attempt / 2) % (likely.len() - 1),
        };
        match likely.into_iter().nth(index) {
            Some(bound) => {
                let destination = scoped(remote, bound.address);
                Way::Over(bound, destination)
            }
            // The library would log an error with every check.
            None if said != Ice::Other => Way::Held,
            None => Way::None,
        }
    }

    /// The socket at the address from which the system would go there.
    fn systems_choice(&self, state: &mut super::State, remote: SocketAddr) -> Option<Bound> {
        let from = state.stand_ins[version(remote)]?;
        let any: IpAddr = if from.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let ip = interfaces::source(any, remote)?;
        if let Some(bound) = state.bound[version(remote)].iter().find(|bound| bound.address.ip == ip) {
            return Some(bound.clone());
        }
        let offered = LocalAddress { ip, scope: 0 };
        (!is_link_local(&ip)).then(|| self.bind(state, offered)).flatten()
    }

    /// A link-local address is on one of our links, and it does not say which.
    fn bind_link_local(&self, state: &mut super::State, remote: SocketAddr) {
        if state.bound[version(remote)].iter().any(|bound| is_link_local(&bound.address.ip)) {
            return;
        }
        let Ok(interfaces) = interfaces::interfaces() else { return };
        let same = |ip: &IpAddr| ip.is_ipv4() == remote.is_ipv4() && is_link_local(ip);
        for interface in interfaces.iter().filter(|i| i.running && same(&i.address.ip)).take(8) {
            self.bind(state, interface.address);
        }
    }

    /// Datagrams came to an address of ours; false when the library need not see them.
    fn read(&self, now: Instant, at: LocalAddress, bufs: &[IoSliceMut<'_>], meta: &mut [RecvMeta]) -> bool {
        let single = meta.len() == 1;
        for (buffer, meta) in bufs.iter().zip(meta) {
            // The library knows the other side's addresses without our numbers of interfaces.
            meta.addr = SocketAddr::new(meta.addr.ip(), meta.addr.port());
            for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                let said = stun::ice(datagram);
                let mut state = self.state();
                state.routes.heard(now, meta.addr, at, said);
                match said {
                    Ice::Check { .. } => lock(&self.checks).triggered(now, Target::Direct(meta.addr)),
                    Ice::Success { transaction } => {
                        lock(&self.checks).proven(Target::Direct(meta.addr));
                        if state.kept.is_known(transaction) && single && datagram.len() == meta.len {
                            return false;
                        }
                    }
                    Ice::Other => {}
                }
            }
        }
        true
    }

    /// Something could not be sent: drops the sockets whose addresses are gone.
    fn look(&self, now: Instant) {
        let mut state = self.state();
        if state.looked.is_some_and(|at| now.saturating_duration_since(at) < LOOK) {
            return;
        }
        state.looked = Some(now);
        if let Ok(interfaces) = interfaces::interfaces() {
            state.retain(|address| interfaces.iter().any(|interface| interface.address == *address));
        }
    }

    fn drop_socket(&self, address: LocalAddress) {
        self.state().retain(|other| *other != address);
    }
}

/// Their address with the number of our interface that leads there, where it takes one.
fn scoped(remote: SocketAddr, from: LocalAddress) -> SocketAddr {
    match remote {
        SocketAddr::V6(mut v6) if v6.ip().is_unicast_link_local() => {
            v6.set_scope_id(from.scope);
            v6.into()
        }
        remote => remote,
    }
}
