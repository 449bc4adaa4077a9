//! Our own [`Runtime`] around tokio's: it mends how `webrtc` 0.21.1's driver sleeps, and puts our sockets below it.
//!
//! The driver computes its next timer, handles one packet or event, and then sleeps until that timer although the
//! packet may have queued writes: opening takes 0.6 s on loopback that way, and relays crawl. So the driver's sleeps
//! after any wake that was not a sleep itself return at once a few times, and the loop drains what was queued.
//!
//! It leans on two facts of that version, hence the exact pin and the test that fails when an open takes 100 ms:
//! the first future that is spawned is the driver, and every pass of its loop creates one sleep.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio_util::task::TaskTracker;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

use crate::paths::Paths;
use crate::shared::{Counters, Shared};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Passes of the loop that follow a packet or an event at once, until a connection has all that it begins with. Measured:
/// with four, everything that a packet sets off (ICE, then DTLS, then SCTP, each one pass later) has left before the driver
/// sleeps.
const EAGER_PASSES: u32 = 4;
/// Afterwards: what was read may have queued a write, which leaves in the next pass.
const SETTLED_PASSES: u32 = 1;
/// A relay's datagrams are unpacked and packed in a pass of their own.
const RELAYED_PASSES: u32 = 2;

thread_local! {
    /// The driver that this thread polls at this moment.
    static DRIVER: RefCell<Option<Arc<Driver>>> = const { RefCell::new(None) };
}

/// What is known of one connection's driver.
#[derive(Debug)]
struct Driver {
    /// Sleeps that return at once after something real.
    passes: AtomicU32,
    /// Those of them that are left.
    eager: AtomicU32,
    /// The last pass was woken by a sleep that returned at once.
    returned_early: AtomicBool,
}

/// One instance per connection.
pub(crate) struct PeerRuntime {
    inner: TokioRuntime,
    driver: Arc<Driver>,
    driver_spawned: AtomicBool,
    tasks: TaskTracker,
    paths: Arc<Paths>,
    shared: Arc<Shared>,
}

impl PeerRuntime {
    pub(crate) fn new(paths: Arc<Paths>, shared: Arc<Shared>) -> Self {
        let driver = Driver {
            passes: AtomicU32::new(EAGER_PASSES),
            eager: AtomicU32::new(0),
            returned_early: AtomicBool::new(false),
        };
        Self {
            inner: TokioRuntime,
            driver: Arc::new(driver),
            driver_spawned: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            paths,
            shared,
        }
    }

    /// The connection has all that it begins with, over a relay or not; or it is looking for a path (again).
    pub(crate) fn settle(&self, relayed: Option<bool>) {
        let passes = match relayed {
            None => EAGER_PASSES,
            Some(false) => SETTLED_PASSES,
            Some(true) => RELAYED_PASSES,
        };
        self.driver.passes.store(passes, Ordering::Release);
        self.paths.settle(relayed.is_some());
    }

    /// Ends when every task that the connection spawned has ended.
    pub(crate) async fn joined(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl fmt::Debug for PeerRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerRuntime").finish_non_exhaustive()
    }
}

impl Runtime for PeerRuntime {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Box<dyn JoinHandle> {
        if self.driver_spawned.swap(true, Ordering::AcqRel) {
            return self.inner.spawn(Box::pin(self.tasks.track_future(future)));
        }
        let driver = DriverFuture { driver: self.driver.clone(), future };
        self.inner.spawn(Box::pin(self.tasks.track_future(driver)))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        // Multicast DNS has a socket of its own.
        if socket.local_addr()?.ip().is_loopback() {
            return self.paths.stand_in(socket);
        }
        self.inner.wrap_udp_socket(socket)
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.inner.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, remote: SocketAddr) -> BoxFuture<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.inner.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        match self.paths.relays.resolve(host) {
            Some(address) => Box::pin(std::future::ready(Ok(vec![address]))),
            None => self.inner.resolve_host(host),
        }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let own = DRIVER.with_borrow(|polled| polled.as_ref().is_some_and(|p| Arc::ptr_eq(p, &self.driver)));
        if !own {
            return self.inner.sleep(duration);
        }
        // A new sleep means that the last pass is over. Unless an early return ended it, something real did: a
        // packet, an event or a timer, each of which may have queued writes.
        if !self.driver.returned_early.swap(false, Ordering::AcqRel) {
            self.driver.eager.store(self.driver.passes.load(Ordering::Acquire), Ordering::Release);
        }
        self.paths.next_pass();
        Counters::add(&self.shared.counters.passes, 1);
        let eager = self
            .driver
            .eager
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
            .is_ok();
        let (driver, shared) = (self.driver.clone(), self.shared.clone());
        let timer = self.inner.sleep(duration);
        Box::pin(async move {
            if eager {
                // Sockets and events go first: they are what the driver is to hear of.
                tokio::task::yield_now().await;
                driver.returned_early.store(true, Ordering::Release);
            } else {
                tokio::select! {
                    () = timer => {}
                    () = shared.driver.notified() => {}
                }
            }
        })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.inner.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.inner.block_on(future);
    }

    fn yield_now(&self) -> BoxFuture<'static, ()> {
        self.inner.yield_now()
    }

    fn name(&self) -> &'static str {
        "tincan"
    }
}

/// The driver's future: marks the thread while it is polled, so that its sleeps are known from others'.
struct DriverFuture {
    driver: Arc<Driver>,
    future: BoxFuture<'static, ()>,
}

impl Future for DriverFuture {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        struct Unmark(Option<Arc<Driver>>);
        impl Drop for Unmark {
            fn drop(&mut self) {
                DRIVER.with_borrow_mut(|polled| *polled = self.0.take());
            }
        }
        let driver = self.driver.clone();
        let _unmark = Unmark(DRIVER.with_borrow_mut(|polled| polled.replace(driver)));
        self.future.as_mut().poll(cx)
    }
}
