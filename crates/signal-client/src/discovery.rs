//! Local calls: finding a room's server, and who else runs one, by mDNS (RFC 6762) and DNS-SD (RFC 6763).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mdns_sd::{IfKind, ResolvedService, ServiceDaemon, ServiceEvent};
use thiserror::Error;
use tincan_protocol::{MDNS_SERVICE, RoomId, announcement_name};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use url::Url;

use crate::race;

/// An address that has not answered by then is another network's.
const ANSWER: Duration = Duration::from_secs(2);
/// More announcements than this are not listed: no home has so many, and anybody on the network can send them.
const MAX_NEARBY: usize = 32;
/// Longest name of a computer that is shown (DNS's own limit for a label).
const MAX_HOST_LEN: usize = 63;

/// The local network cannot be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the local network cannot be searched for calls: something blocks mDNS (UDP port 5353)")]
pub struct DiscoveryError;

/// Looks for the server that holds `room` on the local network and on this machine. Every address that it announces
/// is tried, and the first that answers as a Tincan server wins. `None` when none did within `limit`, or when the
/// network cannot be searched.
pub async fn discover(room: RoomId, limit: Duration) -> Option<Url> {
    let search = Search::start().ok()?;
    let wanted = format!("{}.{MDNS_SERVICE}", announcement_name(room));
    let found = tokio::time::timeout(limit, async {
        // An announcement comes in parts, so the same service may be resolved again with more addresses.
        while let Ok(event) = search.events.recv_async().await {
            if let ServiceEvent::ServiceResolved(service) = event
                && service.get_fullname().eq_ignore_ascii_case(&wanted)
                && let Some(url) = reach(&service).await
            {
                return Some(url);
            }
        }
        None
    });
    let found = found.await.unwrap_or(None);
    search.stop().await;
    found
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

async fn follow(search: Search, hosts: watch::Sender<Vec<NearbyHost>>, cancel: CancellationToken) {
    let mut known = BTreeMap::new();
    loop {
        let event = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            event = search.events.recv_async() => event,
        };
        match event {
            Ok(ServiceEvent::ServiceResolved(service)) if known.len() < MAX_NEARBY => {
                known.insert(service.get_fullname().to_owned(), shown_name(&service));
            }
            Ok(ServiceEvent::ServiceRemoved(_, name)) => {
                known.remove(&name);
            }
            Ok(_) => continue,
            Err(_) => break,
        }
        let list = known.iter().map(|(id, host)| NearbyHost { id: id.clone(), host: host.clone() }).collect();
        hosts.send_if_modified(|now| std::mem::replace(now, list) != *now);
    }
    search.stop().await;
}

/// The computer's name as announced, cut to what can be shown.
fn shown_name(service: &ResolvedService) -> String {
    let announced = service.get_property_val_str("host").unwrap_or_default();
    let printable: String = announced.chars().filter(|c| !c.is_control()).take(MAX_HOST_LEN).collect();
    if printable.trim().is_empty() { "A computer nearby".to_owned() } else { printable }
}

/// The first of a service's addresses that answers.
async fn reach(service: &ResolvedService) -> Option<Url> {
    let port = service.get_port();
    let mut addresses: Vec<IpAddr> = service.get_addresses().iter().map(|ip| ip.to_ip_addr()).collect();
    // A link-local IPv6 address needs its interface, which no URL can say.
    addresses.retain(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
    // IPv4 first, because the server listens there; this machine last, because others announce theirs too.
    addresses.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6()));
    let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    let winner = race::first(addresses, answers).await;
    debug!(found = winner.is_ok(), "a local call");
    Url::parse(&format!("ws://{}", winner.ok()?)).ok()
}

/// Whether a Tincan server answers there: `GET /healthz` gives 200 and a line that begins with "tincan".
async fn answers(address: SocketAddr) -> io::Result<SocketAddr> {
    let asked = tokio::time::timeout(ANSWER, async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // The real answer is under 200 bytes; whatever else answers is not read to its end.
        stream.take(1024).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    });
    let answer = asked.await.map_err(|_| io::ErrorKind::TimedOut)??;
    let text = String::from_utf8_lossy(&answer);
    let ours = text.starts_with("HTTP/1.1 200")
        && text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.starts_with("tincan"));
    if ours { Ok(address) } else { Err(io::ErrorKind::InvalidData.into()) }
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
