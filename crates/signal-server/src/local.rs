//! The server inside the app, for calls on the local network.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::{Arc, Weak};

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use thiserror::Error;
use tincan_protocol::{MDNS_SERVICE, RoomId, announcement_name};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::ServerConfig;
use crate::server::serve;

/// The server inside the app cannot start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("No port of this computer could be opened for the call. A security program may forbid it.")]
pub struct LocalServerError;

/// One server for a whole program, started with the first room that is hosted and ended with the last.
pub struct LocalServer {
    config: ServerConfig,
    /// The name of this computer that others see.
    host: String,
    /// Async, because starting awaits the socket and two rooms at once must not start two servers.
    running: Mutex<Weak<Running>>,
    tasks: TaskTracker,
}

struct Running {
    port: u16,
    cancel: CancellationToken,
    /// `None` where mDNS cannot be used: the room can be reached by its link only.
    mdns: Option<ServiceDaemon>,
}

/// A room that this program hosts; dropping it withdraws the announcement, and ends the server when it was the last.
pub struct LocalRoom {
    /// The server as this program reaches it: `ws://127.0.0.1:PORT`.
    pub url: String,
    /// The server as others on the network reach it, for the invite link; `None` without a network.
    pub public_url: Option<String>,
    announcement: Option<String>,
    running: Arc<Running>,
}

impl LocalServer {
    /// A server that others on the network see under this computer's name.
    pub fn new() -> Self {
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        Self::with(ServerConfig::default(), host)
    }

    /// A server with other settings or another name.
    pub fn with(config: ServerConfig, host: String) -> Self {
        Self { config, host, running: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// Starts the server unless it runs, and announces the room. Participants still join it as on any server.
    ///
    /// # Errors
    /// [`LocalServerError`] when no port can be opened. Without mDNS there is no error: the link still works.
    pub async fn host(&self, room: RoomId) -> Result<LocalRoom, LocalServerError> {
        let running = self.running().await?;
        let announcement = running.announce(room, &self.host);
        Ok(LocalRoom {
            url: format!("ws://{}:{}", Ipv4Addr::LOCALHOST, running.port),
            public_url: lan_address().map(|address| format!("ws://{address}:{}", running.port)),
            announcement,
            running,
        })
    }

    /// Ends the server, rooms or not; returns when every task of it has ended.
    pub async fn shutdown(&self) {
        if let Some(running) = std::mem::take(&mut *self.running.lock().await).upgrade() {
            running.cancel.cancel();
        }
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    async fn running(&self) -> Result<Arc<Running>, LocalServerError> {
        let mut current = self.running.lock().await;
        if let Some(running) = current.upgrade() {
            return Ok(running);
        }
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.map_err(|_| LocalServerError)?;
        let port = listener.local_addr().map_err(|_| LocalServerError)?.port();
        let cancel = CancellationToken::new();
        let server = serve(listener, self.config.clone(), cancel.clone());
        self.tasks.spawn(async move {
            if let Err(error) = server.await {
                warn!(kind = %error.kind(), "the local server ended");
            }
        });
        let mdns = ServiceDaemon::new().inspect_err(|_| warn!("no mDNS")).ok();
        if let Some(daemon) = &mdns {
            // Two programs on a machine without a network find each other through loopback.
            let _ = daemon.enable_interface(IfKind::LoopbackV4);
        }
        let running = Arc::new(Running { port, cancel, mdns });
        *current = Arc::downgrade(&running);
        Ok(running)
    }
}

impl Default for LocalServer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        if let Some(running) = self.running.get_mut().upgrade() {
            running.cancel.cancel();
        }
    }
}

impl Running {
    /// Announces a room; the announcement's full name, to withdraw it by.
    fn announce(&self, room: RoomId, host: &str) -> Option<String> {
        let name = announcement_name(room);
        // A host name of our own: the machine's real one belongs to the system's own mDNS.
        let host_name = format!("tincan-{}.local.", &name[..16]);
        let properties = HashMap::from([("v".to_owned(), "1".to_owned()), ("host".to_owned(), shown(host))]);
        let service = ServiceInfo::new(MDNS_SERVICE, &name, &host_name, "", self.port, properties);
        let mut service =
            service.inspect_err(|_| warn!("the room cannot be announced")).ok()?.enable_addr_auto();
        // Names are 128 bits of a hash, so nobody else has them, and asking takes most of a second (RFC 6762, 8.1).
        service.set_requires_probe(false);
        let full_name = service.get_fullname().to_owned();
        self.mdns.as_ref()?.register(service).ok()?;
        info!("a room is announced on the local network");
        Some(full_name)
    }
}

/// DNS's limit for a label, and TXT records hold 255 bytes.
fn shown(host: &str) -> String {
    host.chars().filter(|c| !c.is_control()).take(63).collect()
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(mdns) = &self.mdns {
            // Says goodbye for what is still announced, and ends the daemon's thread.
            let _ = mdns.shutdown();
        }
    }
}

impl Drop for LocalRoom {
    fn drop(&mut self) {
        if let (Some(name), Some(mdns)) = (&self.announcement, &self.running.mdns) {
            let _ = mdns.unregister(name);
        }
    }
}

impl fmt::Debug for LocalRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRoom").field("announced", &self.announcement.is_some()).finish_non_exhaustive()
    }
}

/// The address by which others on the local network reach this machine.
fn lan_address() -> Option<IpAddr> {
    // Connecting a UDP socket sends nothing; it only asks which address the system would use for the way out.
    // 192.0.2.1 is for documentation (RFC 5737).
    let routed = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| {
            socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
            socket.local_addr()
        })
        .map(|address| address.ip())
        .ok()
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    // A network without a way out, such as two machines on a cable.
    routed.or_else(|| {
        let interfaces = if_addrs::get_if_addrs().ok()?;
        interfaces.iter().filter(|i| !i.is_loopback()).map(|i| i.ip()).find(IpAddr::is_ipv4)
    })
}
