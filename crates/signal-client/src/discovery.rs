//! Local calls: finding a room's server, and who else runs one, by mDNS (RFC 6762) and DNS-SD (RFC 6763).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use mdns_sd::{IfKind, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use thiserror::Error;
use tincan_protocol::{LOCAL_ROOM_PATH, MDNS_SERVICE, RoomId, announcement_name, display_name, local_proof};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use url::Url;

use crate::{race, scoped};

/// An address that has not answered by then is another network's.
pub const ANSWER: Duration = Duration::from_secs(2);
/// Between two questions to a server that is announced and did not prove the room.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Between two questions whether somebody is still in a call nearby.
const CHECK_AGAIN: Duration = Duration::from_secs(10);
/// More announcements than this are not listed: no home has so many, and anybody on the network can send them.
const MAX_NEARBY: usize = 32;

/// The local network cannot be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the local network cannot be searched for calls: something blocks mDNS (UDP port 5353)")]
pub struct DiscoveryError;

/// A server on the local network that has proved to hold a room.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundServer {
    /// Where it answered.
    pub url: Url,
    /// The name of its announcement, which tells it from another server with the same room. When there are two,
    /// everybody goes to the smaller.
    pub instance: String,
}

impl std::fmt::Debug for FoundServer {
    // An address, and a hash of the room.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FoundServer(..)")
    }
}

/// Looks for a server that holds `room` on the local network and on this machine. Every address that it announces is
/// asked, and the first that proves the room wins. `None` when none did within `limit`, or when the network cannot be
/// searched.
pub async fn discover(room: RoomId, limit: Duration) -> Option<FoundServer> {
    let mut search = RoomSearch::start(room).ok()?;
    let found = tokio::time::timeout(limit, search.servers.recv()).await.ok().flatten();
    search.stop().await;
    found
}

/// What an address is, seen by somebody who looks for a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It holds the room.
    Room(FoundServer),
    /// A Tincan server that may hold it: it does not host rooms on a local network, or not this one.
    Server,
    /// No Tincan server, or none that answers in time.
    Nothing,
}

/// Asks an address whether it holds a room, at most [`ANSWER`] long. The room id is not told.
pub async fn ask(server: &Url, room: RoomId) -> Answer {
    let (Some(host), Some(port)) = (server.host(), server.port_or_known_default()) else {
        return Answer::Nothing;
    };
    let address = match host {
        url::Host::Ipv4(ip) => SocketAddr::from((ip, port)),
        url::Host::Ipv6(ip) => SocketAddr::from((ip, port)),
        url::Host::Domain(_) => return Answer::Nothing,
    };
    if let Ok(found) = proves(address, room).await {
        return Answer::Room(found);
    }
    match get(address, "/healthz").await {
        Ok(body) if body.starts_with("tincan") => Answer::Server,
        _ => Answer::Nothing,
    }
}

/// A running search for the servers of one room; dropping it ends it.
#[derive(Debug)]
pub struct RoomSearch {
    /// Each server once, as it has proved to hold the room, and again when it was gone meanwhile.
    pub servers: mpsc::Receiver<FoundServer>,
    cancel: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl RoomSearch {
    /// Begins to ask the network.
    ///
    /// # Errors
    /// [`DiscoveryError`] when mDNS cannot be used.
    pub fn start(room: RoomId) -> Result<Self, DiscoveryError> {
        let search = Search::start()?;
        let (found, servers) = mpsc::channel(MAX_NEARBY);
        let cancel = CancellationToken::new();
        let task = tokio::spawn(search_room(search, room, found, cancel.clone()));
        Ok(Self { servers, cancel, task: Some(task) })
    }

    /// Ends the search and returns when its thread and sockets are released.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            // An error is a panic of the task, which has been reported where it happened.
            let _ = task.await;
        }
    }
}

impl Drop for RoomSearch {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn search_room(
    search: Search,
    room: RoomId,
    found: mpsc::Sender<FoundServer>,
    cancel: CancellationToken,
) {
    let prefix = format!("{}-", announcement_name(room));
    // Those that are announced and did not prove the room yet: their address may be on its way in another packet, or the
    // first who is in the room.
    let mut unproven: BTreeMap<String, ResolvedService> = BTreeMap::new();
    let mut again = tokio::time::interval(ASK_AGAIN);
    let work = async {
        loop {
            tokio::select! {
                event = search.events.recv_async() => match event {
                    Ok(ServiceEvent::ServiceResolved(service)) => {
                        let name = service.get_fullname().to_ascii_lowercase();
                        if !name.starts_with(&prefix) || unproven.len() >= MAX_NEARBY {
                            continue;
                        }
                        unproven.insert(name, *service);
                    }
                    Ok(ServiceEvent::ServiceRemoved(_, name)) => {
                        unproven.remove(&name.to_ascii_lowercase());
                        continue;
                    }
                    Ok(_) => continue,
                    Err(_) => return,
                },
                _ = again.tick() => {}
            }
            let mut asking = JoinSet::new();
            for (name, service) in unproven.clone() {
                asking.spawn(async move { (name, reach(&service, room).await) });
            }
            while let Some(Ok((name, answer))) = asking.join_next().await {
                let Some(server) = answer else { continue };
                unproven.remove(&name);
                if found.send(server).await.is_err() {
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = work => {}
    }
    search.stop().await;
}

/// A computer on the local network that runs a call.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NearbyHost {
    /// Tells announcements apart; says nothing about the room.
    pub id: String,
    /// The computer's name.
    pub host: String,
}

impl std::fmt::Debug for NearbyHost {
    // Names of computers are often names of people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NearbyHost(..)")
    }
}

/// A running search; dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    /// Who is there now.
    pub hosts: watch::Receiver<Vec<NearbyHost>>,
    cancel: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Browser {
    /// Ends the search and returns when its thread and sockets are released.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            // An error is a panic of the task, which has been reported where it happened.
            let _ = task.await;
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Searches the local network for running calls, for the list on the home screen.
///
/// # Errors
/// [`DiscoveryError`] when mDNS cannot be used.
pub fn browse() -> Result<Browser, DiscoveryError> {
    let search = Search::start()?;
    let (sender, hosts) = watch::channel(Vec::new());
    let cancel = CancellationToken::new();
    let task = tokio::spawn(follow(search, sender, cancel.clone()));
    Ok(Browser { hosts, cancel, task: Some(task) })
}

/// What is known of an announced call.
struct Known {
    service: ResolvedService,
    /// Whether it answered when it was asked last.
    answers: bool,
}

async fn follow(search: Search, hosts: watch::Sender<Vec<NearbyHost>>, cancel: CancellationToken) {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let mut checks = JoinSet::new();
    let mut again = tokio::time::interval(CHECK_AGAIN);
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            event = search.events.recv_async() => match event {
                Ok(ServiceEvent::ServiceResolved(service)) => {
                    let name = service.get_fullname().to_owned();
                    if known.len() >= MAX_NEARBY && !known.contains_key(&name) {
                        continue;
                    }
                    let answers = known.get(&name).is_some_and(|known| known.answers);
                    checks.spawn(check(name.clone(), (*service).clone()));
                    known.insert(name, Known { service: *service, answers });
                }
                Ok(ServiceEvent::ServiceRemoved(_, name)) => {
                    known.remove(&name);
                }
                Ok(_) => continue,
                Err(_) => break,
            },
            Some(Ok((name, answers))) = checks.join_next() => {
                if let Some(known) = known.get_mut(&name) {
                    known.answers = answers;
                }
            }
            // A program that crashed withdraws nothing, and what it announced is remembered for over an hour.
            _ = again.tick() => for (name, known) in &known {
                checks.spawn(check(name.clone(), known.service.clone()));
            },
        }
        let there = known.iter().filter(|(_, known)| known.answers);
        let list = there
            .map(|(id, known)| NearbyHost { id: id.clone(), host: shown_name(&known.service) })
            .collect();
        hosts.send_if_modified(|now| std::mem::replace(now, list) != *now);
    }
    search.stop().await;
}

/// Whether somebody is in an announced room.
async fn check(name: String, service: ResolvedService) -> (String, bool) {
    let room = name.split(['-', '.']).next().unwrap_or_default();
    let path = format!("/{LOCAL_ROOM_PATH}/{room}");
    let asked = race::first(addresses(&service), move |address| {
        let path = path.clone();
        async move { get(address, &path).await }
    });
    let answers = asked.await.is_ok();
    (name, answers)
}

/// The computer's name as announced, as far as it can be shown.
fn shown_name(service: &ResolvedService) -> String {
    let name = display_name(service.get_property_val_str("host").unwrap_or_default());
    if name.is_empty() { "A computer nearby".to_owned() } else { name }
}

/// A service's addresses, those first that are likely to answer.
fn addresses(service: &ResolvedService) -> Vec<SocketAddr> {
    let port = service.get_port();
    let mut addresses: Vec<SocketAddr> =
        service.get_addresses().iter().map(|ip| socket_address(ip, port)).collect();
    // IPv4 first, because it is what most networks have; an address of one link after those that lead further; this
    // machine last, because others announce theirs too.
    addresses
        .sort_by_key(|address| (address.ip().is_loopback(), is_link_local(address.ip()), address.is_ipv6()));
    addresses
}

/// The announced address, a link-local one with the interface that the announcement came in on.
fn socket_address(ip: &ScopedIp, port: u16) -> SocketAddr {
    match ip {
        ScopedIp::V6(v6) if v6.addr().is_unicast_link_local() => {
            SocketAddrV6::new(*v6.addr(), port, 0, v6.scope_id().index).into()
        }
        ip => SocketAddr::new(ip.to_ip_addr(), port),
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// The first of a service's addresses that proves the room.
async fn reach(service: &ResolvedService, room: RoomId) -> Option<FoundServer> {
    let winner = race::first(addresses(service), move |address| proves(address, room)).await;
    debug!(found = winner.is_ok(), "a local call");
    winner.ok()
}

/// Whether whoever answers there knows the room: `docs/protocol.md`, "Local network".
async fn proves(address: SocketAddr, room: RoomId) -> io::Result<FoundServer> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).expect("every supported system has a random source");
    let name = announcement_name(room);
    let path = format!("/{LOCAL_ROOM_PATH}/{name}?nonce={}", data_encoding::HEXLOWER.encode(&nonce));
    let answer = get(address, &path).await?;
    let found = answer.split_once(' ').filter(|(proof, _)| *proof == local_proof(room, &nonce));
    let instance = found.map(|(_, instance)| instance.trim().to_ascii_lowercase());
    let url = Url::parse(&format!("ws://{}", scoped::authority(address))).ok();
    match (url, instance) {
        (Some(url), Some(instance)) if instance.starts_with(&name) => Ok(FoundServer { url, instance }),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The body of an answer with status 200, at most [`ANSWER`] later.
async fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let asked = tokio::time::timeout(ANSWER, async {
        let mut stream = TcpStream::connect(address).await?;
        let host = scoped::authority(address);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // The real answer is under 300 bytes; whatever else answers is not read to its end.
        stream.take(1024).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    });
    let answer = asked.await.map_err(|_| io::ErrorKind::TimedOut)??;
    let text = String::from_utf8_lossy(&answer);
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A browsing mDNS daemon.
struct Search {
    daemon: ServiceDaemon,
    events: mdns_sd::Receiver<ServiceEvent>,
}

impl Search {
    fn start() -> Result<Self, DiscoveryError> {
        let daemon = ServiceDaemon::new().map_err(|_| DiscoveryError)?;
        // Two programs on a machine without a network find each other through loopback.
        let _ = daemon.enable_interface(IfKind::LoopbackV4);
        let events = daemon.browse(MDNS_SERVICE).map_err(|_| DiscoveryError)?;
        Ok(Self { daemon, events })
    }

    /// Returns when the daemon's thread has released its sockets.
    async fn stop(self) {
        if let Ok(status) = self.daemon.shutdown() {
            let _ = status.recv_async().await;
        }
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        // Harmless after `stop`; needed when a search is given up by dropping its future.
        let _ = self.daemon.shutdown();
    }
}
