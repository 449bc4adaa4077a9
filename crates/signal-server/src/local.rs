//! The server inside the app, for calls on the local network.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Weak};

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use parking_lot::Mutex;
use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tincan_protocol::{
    INSTANCE_LEN, MDNS_SERVICE, PROTOCOL_VERSION, RoomId, announcement_name, display_name,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::ServerConfig;
use crate::server::serve_rooms;

/// Longest name of a computer that is announced, in bytes.
const MAX_HOST_LEN: usize = 200;

/// Connections that wait to be taken: a whole room at once.
const BACKLOG: i32 = 128;

/// The server inside the app cannot start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("No port of this computer could be opened for the call. A security program may forbid it.")]
pub struct LocalServerError;

/// Hears which rooms there are: a room is there while it has a member. Called under the registry's lock, so it must be quick.
pub(crate) trait Occupancy: Send + Sync {
    /// Somebody is in the room now.
    fn opened(&self, room: RoomId);
    /// Nobody is any more.
    fn closed(&self, room: RoomId);
    /// The room with this [`announcement_name`] and the name of its announcement, while it is hosted and somebody is in it.
    fn find(&self, name: &str) -> Option<(RoomId, String)>;
}

/// One server for a whole program, started with the first room that is hosted and ended with the last.
pub struct LocalServer {
    config: ServerConfig,
    /// The name of this computer that others see.
    host: String,
    /// Async, because starting awaits the socket and two rooms at once must not start two servers.
    running: tokio::sync::Mutex<Weak<Running>>,
    tasks: TaskTracker,
}

struct Running {
    port: u16,
    cancel: CancellationToken,
    rooms: Arc<HostedRooms>,
}

/// A room that this program hosts. When the last of a room is dropped it is not announced any more; with the last of all
/// rooms the server ends.
pub struct LocalRoom {
    /// The server as this program reaches it: `ws://127.0.0.1:PORT`.
    pub url: String,
    /// The server as others on the network reach it, for the invite link; `None` without a network.
    pub public_url: Option<String>,
    /// The name of the room's announcement on this server: it tells this server from another one with the same room.
    pub instance: String,
    room: RoomId,
    announced: bool,
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
        Self { config, host, running: tokio::sync::Mutex::default(), tasks: TaskTracker::new() }
    }

    /// Starts the server unless it runs. While somebody is in the room it is announced on the network, if it is to be.
    /// Participants still join it as on any server.
    ///
    /// # Errors
    /// [`LocalServerError`] when no port can be opened. Without mDNS there is no error: the link still works.
    pub async fn host(&self, room: RoomId, announced: bool) -> Result<LocalRoom, LocalServerError> {
        let running = self.running().await?;
        if announced {
            running.rooms.hold(room);
        }
        Ok(LocalRoom {
            url: format!("ws://{}:{}", Ipv4Addr::LOCALHOST, running.port),
            public_url: lan_address().map(|address| format!("ws://{address}:{}", running.port)),
            instance: running.rooms.instance(room),
            room,
            announced,
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
        let listener = listen().map_err(|_| LocalServerError)?;
        let port = listener.local_addr().map_err(|_| LocalServerError)?.port();
        let cancel = CancellationToken::new();
        let rooms = Arc::new(HostedRooms::new(port, announced(&self.host)));
        let server = serve_rooms(listener, self.config.clone(), Some(rooms.clone()), cancel.clone());
        self.tasks.spawn(async move {
            if let Err(error) = server.await {
                warn!(kind = %error.kind(), "the local server ended");
            }
        });
        let running = Arc::new(Running { port, cancel, rooms });
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

/// The rooms of one local server, and their announcements.
struct HostedRooms {
    port: u16,
    /// The computer's name.
    host: String,
    /// Tells this server from another one with the same room.
    number: String,
    /// `None` where mDNS cannot be used: the room can be reached by its link only.
    mdns: Option<ServiceDaemon>,
    /// A lock, because the registry tells of rooms where nothing can be awaited. Announcing hands a message to the daemon's
    /// thread.
    state: Mutex<HashMap<RoomId, HostedRoom>>,
}

#[derive(Default)]
struct HostedRoom {
    /// How many [`LocalRoom`]s want it announced: the same person may leave and come back before the first is dropped.
    holders: usize,
    occupied: bool,
    /// The full name that it is announced under, while it is.
    announcement: Option<String>,
}

impl HostedRooms {
    fn new(port: u16, host: String) -> Self {
        let mut number = [0; INSTANCE_LEN];
        getrandom::fill(&mut number).expect("every supported system has a random source");
        let mdns = ServiceDaemon::new().inspect_err(|_| warn!("no mDNS")).ok();
        if let Some(daemon) = &mdns {
            // Two programs on a machine without a network find each other through loopback.
            let _ = daemon.enable_interface(IfKind::LoopbackV4);
        }
        Self { port, host, number: data_encoding::HEXLOWER.encode(&number), mdns, state: Mutex::default() }
    }

    fn instance(&self, room: RoomId) -> String {
        format!("{}-{}", announcement_name(room), self.number)
    }

    fn hold(&self, room: RoomId) {
        self.change(room, |hosted| hosted.holders += 1);
    }

    fn release(&self, room: RoomId) {
        self.change(room, |hosted| hosted.holders = hosted.holders.saturating_sub(1));
    }

    /// Changes what is known of a room, and announces it or withdraws the announcement as that asks for.
    fn change(&self, room: RoomId, change: impl FnOnce(&mut HostedRoom)) {
        let mut state = self.state.lock();
        let hosted = state.entry(room).or_default();
        change(hosted);
        match (hosted.holders > 0 && hosted.occupied, hosted.announcement.take()) {
            (true, None) => hosted.announcement = self.announce(room),
            (false, Some(name)) => self.withdraw(&name),
            (_, announcement) => hosted.announcement = announcement,
        }
        if hosted.holders == 0 && !hosted.occupied {
            state.remove(&room);
        }
    }

    /// Announces a room; the announcement's full name, to withdraw it by.
    fn announce(&self, room: RoomId) -> Option<String> {
        // A host name of our own: the machine's real one belongs to the system's own mDNS.
        let host_name = format!("tincan-{}.local.", self.number);
        let properties = HashMap::from([
            ("v".to_owned(), PROTOCOL_VERSION.to_string()),
            ("host".to_owned(), self.host.clone()),
        ]);
        let service =
            ServiceInfo::new(MDNS_SERVICE, &self.instance(room), &host_name, "", self.port, properties);
        let mut service =
            service.inspect_err(|_| warn!("the room cannot be announced")).ok()?.enable_addr_auto();
        // Names hold 128 bits of a hash, so nobody else has them, and asking takes most of a second (RFC 6762, 8.1).
        service.set_requires_probe(false);
        let full_name = service.get_fullname().to_owned();
        self.mdns.as_ref()?.register(service).ok()?;
        info!("a room is announced on the local network");
        Some(full_name)
    }

    fn withdraw(&self, name: &str) {
        if let Some(mdns) = &self.mdns {
            // Says goodbye (RFC 6762, 10.1), so that nobody lists it any more.
            let _ = mdns.unregister(name);
            info!("a room is announced no longer");
        }
    }
}

impl Occupancy for HostedRooms {
    fn opened(&self, room: RoomId) {
        self.change(room, |hosted| hosted.occupied = true);
    }

    fn closed(&self, room: RoomId) {
        self.change(room, |hosted| hosted.occupied = false);
    }

    fn find(&self, name: &str) -> Option<(RoomId, String)> {
        let state = self.state.lock();
        let mut there = state.iter().filter(|(_, hosted)| hosted.holders > 0 && hosted.occupied);
        let (room, _) = there.find(|(room, _)| announcement_name(**room) == name)?;
        Some((*room, self.instance(*room)))
    }
}

/// The computer's name, in what a TXT record has room for beside the key (RFC 6763, 6.1: 255 bytes).
fn announced(host: &str) -> String {
    let mut name = display_name(host);
    name.truncate(name.floor_char_boundary(MAX_HOST_LEN));
    name
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(mdns) = &self.rooms.mdns {
            // Says goodbye for what is still announced, and ends the daemon's thread.
            let _ = mdns.shutdown();
        }
    }
}

impl Drop for LocalRoom {
    fn drop(&mut self) {
        if self.announced {
            self.running.rooms.release(self.room);
        }
    }
}

impl fmt::Debug for LocalRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRoom").field("announced", &self.announced).finish_non_exhaustive()
    }
}

/// Listens on every address of this machine, of both IP versions where it has both.
fn listen() -> io::Result<TcpListener> {
    let open = |domain, any: IpAddr| {
        let socket = Socket::new(domain, Type::STREAM, None)?;
        if any.is_ipv6() {
            // Windows would take IPv6 only.
            socket.set_only_v6(false)?;
        }
        socket.bind(&SocketAddr::new(any, 0).into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket.into())
    };
    open(Domain::IPV6, Ipv6Addr::UNSPECIFIED.into())
        .or_else(|_| open(Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()))
}

/// The address by which others on the local network reach this machine.
fn lan_address() -> Option<IpAddr> {
    // Connecting a UDP socket sends nothing; it only asks which address the system would use for the way out.
    // 192.0.2.1 is for documentation (RFC 5737).
    let routed = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        Ok(socket.local_addr()?.ip())
    });
    let routed = routed.ok();
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let addresses = interfaces.iter().filter_map(|interface| match interface.ip() {
        IpAddr::V4(ip) => Some((ip, interface.name.as_str(), interface.is_p2p())),
        IpAddr::V6(_) => None,
    });
    best_address(addresses, routed).map(IpAddr::V4)
}

/// Which of a machine's addresses (with the interface's name, and whether it leads to one other machine only) somebody in the
/// same house can reach. The way out is no answer by itself: with a VPN it leads into the tunnel, where nobody from
/// the house is.
fn best_address<'a>(
    addresses: impl Iterator<Item = (Ipv4Addr, &'a str, bool)>,
    routed: Option<IpAddr>,
) -> Option<Ipv4Addr> {
    /// Beginnings of the names of interfaces that lead into this machine or a tunnel, on Linux, macOS and Windows.
    const INSIDE: [&str; 18] = [
        "br-",
        "cni",
        "docker",
        "ipsec",
        "lxc",
        "podman",
        "ppp",
        "tailscale",
        "tap",
        "tun",
        "utun",
        "vboxnet",
        "veth",
        "virbr",
        "vmnet",
        "wg",
        "zt",
        "vEthernet",
    ];
    let reachable = addresses.filter(|(ip, _, _)| !ip.is_loopback() && !ip.is_unspecified());
    reachable
        .min_by_key(|(ip, name, leads_to_one)| {
            let inside = *leads_to_one || INSIDE.iter().any(|beginning| name.starts_with(beginning));
            // Two machines on a cable have nothing but link-local addresses.
            (inside, ip.is_link_local(), !ip.is_private(), routed != Some(IpAddr::V4(*ip)))
        })
        .map(|(ip, _, _)| ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(addresses: &[(&str, &str, bool)], routed: &str) -> Option<String> {
        let addresses = addresses.iter().map(|(ip, name, p2p)| (ip.parse().unwrap(), *name, *p2p));
        best_address(addresses, routed.parse().ok()).map(|ip| ip.to_string())
    }

    #[test]
    fn a_link_names_the_address_that_the_house_reaches() {
        let home = ("192.168.1.5", "wlan0", false);
        let vpn = ("10.8.0.2", "tun0", true);
        let bridge = ("172.17.0.1", "docker0", false);
        let other = ("10.0.0.7", "eth0", false);
        assert_eq!(best(&[bridge, vpn, home], "10.8.0.2").as_deref(), Some("192.168.1.5"));
        assert_eq!(best(&[vpn], "10.8.0.2").as_deref(), Some("10.8.0.2"), "better than none");
        assert_eq!(best(&[home, other], "10.0.0.7").as_deref(), Some("10.0.0.7"));
        let cable = ("169.254.3.4", "eth1", false);
        assert_eq!(best(&[cable, bridge], "").as_deref(), Some("169.254.3.4"));
        assert_eq!(best(&[("127.0.0.1", "lo", false)], ""), None);
    }

    #[test]
    fn a_room_is_announced_while_somebody_is_in_it_and_it_is_hosted() {
        let rooms = HostedRooms { mdns: None, ..HostedRooms::new(1, "here".into()) };
        let room = RoomId::from_bytes([1; 16]);
        let name = announcement_name(room);
        let found = || rooms.find(&name).map(|(room, _)| room);
        rooms.hold(room);
        assert_eq!(found(), None, "nobody is there");
        rooms.opened(room);
        assert_eq!(found(), Some(room));
        // The host leaves and comes back: the second hold begins before the first ends.
        rooms.hold(room);
        rooms.release(room);
        assert_eq!(found(), Some(room));
        rooms.closed(room);
        assert_eq!(found(), None);
        rooms.opened(room);
        assert_eq!(found(), Some(room), "somebody is back");
        rooms.release(room);
        assert_eq!(found(), None);
        rooms.closed(room);
        assert!(rooms.state.lock().is_empty());
        // A test call is held by nobody.
        rooms.opened(room);
        assert_eq!(found(), None);
    }
}
