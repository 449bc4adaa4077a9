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

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

use crate::paths::Paths;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Passes of the loop that follow a packet or an event at once. Measured: with four, everything that a packet sets
/// off (ICE, then DTLS, then SCTP, each one pass later) has left before the driver sleeps.
const EAGER_PASSES: u32 = 4;

thread_local! {
    /// The driver that this thread polls at this moment.
    static DRIVER: RefCell<Option<Arc<Driver>>> = const { RefCell::new(None) };
}

/// What is known of one connection's driver.
#[derive(Debug, Default)]
struct Driver {
    /// Sleeps that still return at once.
    eager: AtomicU32,
    /// The last pass was woken by a sleep that returned at once.
    returned_early: AtomicBool,
    /// Ends the sleep that is going on, or else the next one.
    woken: Notify,
}

/// One instance per connection.
pub(crate) struct PeerRuntime {
    inner: TokioRuntime,
    driver: Arc<Driver>,
    driver_spawned: AtomicBool,
    tasks: TaskTracker,
    paths: Arc<Paths>,
}

impl PeerRuntime {
    pub(crate) fn new(paths: Arc<Paths>) -> Self {
        Self {
            inner: TokioRuntime,
            driver: Arc::default(),
            driver_spawned: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            paths,
        }
    }

    /// Makes the driver look at its timers again. It is not told of a remote candidate, and would check the pair with
    /// it only when its next timer runs out.
    pub(crate) fn wake_driver(&self) {
        self.driver.woken.notify_one();
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
            self.driver.eager.store(EAGER_PASSES, Ordering::Release);
        }
        let eager = self
            .driver
            .eager
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
            .is_ok();
        let driver = self.driver.clone();
        let timer = self.inner.sleep(duration);
        Box::pin(async move {
            if eager {
                // Sockets and events go first: they are what the driver is to hear of.
                tokio::task::yield_now().await;
                driver.returned_early.store(true, Ordering::Release);
            } else {
                tokio::select! {
                    () = timer => {}
                    () = driver.woken.notified() => {}
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
