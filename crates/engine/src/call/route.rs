//! From a code to a membership of the room: keys, server, join.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tincan_protocol::{Identity, Intent, RoomCode, RoomId, RoomKeys};
use tincan_signal_client::{
    Answer, FoundServer, JoinError, RoomSearch, SignalClient, SignalConfig, SignalEvents, ask, discover,
};
use url::Url;

use crate::api::{CommandError, Sentence};
use crate::{HostedRoom, LocalServerHost};

/// How long to ask the local network. mDNS answers come within a second of a question (RFC 6762, section 6); three
/// questions fit.
const DISCOVERY: Duration = Duration::from_secs(3);
/// How long to look for a call before opening it ourselves: one question, and one more for the packet that Wi-Fi lost. When
/// another opens it meanwhile, both meet all the same (see [`super::local`]).
pub(super) const SEARCH_BEFORE_HOSTING: Duration = Duration::from_millis(1500);
/// Who can join a call on the local network.
/// Who can come: whoever is on the same network.
fn local_reach() -> Sentence {
    Sentence::new("reach_local", "People on your local network can join.")
}

/// The server in this program, where it has one.
pub(crate) type Host = Arc<dyn LocalServerHost>;

/// How to reach a room.
#[derive(Clone)]
pub(crate) enum Route {
    /// On this server.
    Server {
        /// Its address.
        url: Url,
        /// Whether the room must be there already.
        intent: Intent,
    },
    /// On the server in this program.
    Host {
        host: Host,
        /// Whether others on the network are to find it.
        announced: bool,
    },
    /// At this address of the local network, or wherever the room is announced when it is not there.
    Link { url: Url, host: Option<Host> },
    /// Wherever it is: on the configured server, else on the local network.
    Find {
        /// The configured server.
        server: Option<Url>,
        host: Option<Host>,
    },
    /// A room of the local network that was there before: where it is now, else opened anew.
    Again {
        /// Opens it on the server in this program.
        host: Option<Host>,
        /// The configured server, for a program without a server of its own.
        server: Option<Url>,
    },
}

impl Route {
    /// The way to a room that a link names.
    pub(crate) fn link(url: Url, host: Option<Host>) -> Self {
        // Some networks give their machines public addresses, so the address does not tell; but who sets a server up for
        // many gives it a name, or TLS.
        if url.scheme() == "ws" && address(&url).is_some() {
            Self::Link { url, host }
        } else {
            Self::Server { url, intent: Intent::Join }
        }
    }
}

/// A membership of a room.
pub(crate) struct Joined {
    /// The room's keys.
    pub(crate) keys: RoomKeys,
    pub(crate) client: SignalClient,
    pub(crate) events: SignalEvents,
    /// What an invite link names.
    pub(crate) invite_server: Option<Url>,
    /// What to remember for joining again; `None` for the local network.
    pub(crate) server: Option<String>,
    /// Who can join, as a sentence.
    pub(crate) reach: Sentence,
    /// Whether the server runs on this machine: then the other side may too, without any network.
    pub(crate) loopback: bool,
    /// The room in this program's own server.
    pub(crate) hosted: Option<HostedRoom>,
    /// For a call on the local network, what is needed to stay in it when its server goes.
    pub(crate) local: Option<LocalCall>,
}

/// A call on the local network.
pub(crate) struct LocalCall {
    pub(crate) room: RoomId,
    /// The announcement of the server that it is on.
    pub(crate) instance: String,
    /// What takes it over.
    pub(crate) host: Option<Host>,
}

/// Becomes a member of the room. Safe to cancel: whatever was opened is dropped.
///
/// # Errors
/// A sentence for the person, with the code of what failed.
pub(crate) async fn join(
    code: &RoomCode,
    route: &Route,
    identity: &Identity,
) -> Result<Joined, CommandError> {
    let code = code.clone();
    let keys = tokio::task::spawn_blocking(move || RoomKeys::derive(&code)).await.map_err(|_| {
        error("internal", "The room's key could not be made. Close other programs and try again.")
    })?;
    match route {
        Route::Server { url, intent } => on_server(url, keys, identity, *intent).await,
        Route::Host { host, announced } => hosted(host, *announced, keys, identity).await,
        Route::Link { url, host } => linked(url, host.as_ref(), keys, identity).await,
        Route::Find { server, host } => find(keys, identity, server.as_ref(), host.as_ref()).await,
        Route::Again { host, server } => again(keys, identity, host.as_ref(), server.as_ref()).await,
    }
}

/// Joins the room when somebody was first, else opens it. Whoever opens it at the same moment meets us all the same: see
/// [`super::local`].
async fn again(
    keys: RoomKeys,
    identity: &Identity,
    host: Option<&Host>,
    server: Option<&Url>,
) -> Result<Joined, CommandError> {
    let found = discover(keys.room_id(), SEARCH_BEFORE_HOSTING).await;
    match (found, host, server) {
        // With the intent to create: whoever is there may leave in this moment.
        (Some(found), _, _) => found_at(found, host, keys, identity, Intent::Create).await,
        (None, Some(host), _) => hosted(host, true, keys, identity).await,
        (None, None, Some(url)) => on_server(url, keys, identity, Intent::Create).await,
        (None, None, None) => find(keys, identity, None, None).await,
    }
}

async fn hosted(
    host: &Host,
    announced: bool,
    keys: RoomKeys,
    identity: &Identity,
) -> Result<Joined, CommandError> {
    let room = keys.room_id();
    let hosted = host.host(room, announced).await.map_err(|detail| {
        let message = format!("The call could not be opened on this computer: {detail}");
        Sentence::new("local_server", message).with("detail", detail.to_string())
    })?;
    let url = parse(&hosted.url)?;
    let (client, events) = connect(&url, &keys, identity, Intent::Create).await?;
    let invite_server = hosted.public_url.as_deref().map(parse).transpose()?;
    let reach = match &invite_server {
        Some(_) => local_reach(),
        None => {
            Sentence::new("reach_computer", "This computer has no network: only programs on it can join.")
        }
    };
    let instance = hosted.instance.clone();
    Ok(Joined {
        keys,
        client,
        events,
        invite_server,
        server: None,
        reach,
        loopback: true,
        hosted: Some(hosted),
        local: announced.then(|| LocalCall { room, instance, host: Some(Arc::clone(host)) }),
    })
}

/// A link that names an address of the local network: the room may be there, or have moved since.
async fn linked(
    url: &Url,
    host: Option<&Host>,
    keys: RoomKeys,
    identity: &Identity,
) -> Result<Joined, CommandError> {
    let room = keys.room_id();
    let mut search = RoomSearch::start(room).ok();
    let answer = tokio::select! {
        answer = ask(url, room) => answer,
        found = next_found(search.as_mut()) => Answer::Room(found),
    };
    let at_the_address = match answer {
        Answer::Room(found) => return found_at(found, host, keys, identity, Intent::Join).await,
        // A server that was set up for many; or another program took the port over, and says that it knows no such room.
        Answer::Server => match on_server(url, keys.clone(), identity, Intent::Join).await {
            Err(error) if error.code == JoinError::RoomNotFound.code() => Err(error),
            answer => return answer,
        },
        Answer::Nothing => Err(error(
            "room_not_found",
            "The computer that this link names does not answer, and no call with this code was found on your network. \
             Check that you are on the same network, or ask for a new link.",
        )),
    };
    match tokio::time::timeout(DISCOVERY, next_found(search.as_mut())).await {
        Ok(found) => found_at(found, host, keys, identity, Intent::Join).await,
        Err(_) => at_the_address,
    }
}

async fn next_found(search: Option<&mut RoomSearch>) -> FoundServer {
    match search {
        Some(search) => match search.servers.recv().await {
            Some(found) => found,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

async fn find(
    keys: RoomKeys,
    identity: &Identity,
    server: Option<&Url>,
    host: Option<&Host>,
) -> Result<Joined, CommandError> {
    // The configured server answers faster than the network can be asked; a room that it does not know may be local.
    let mut refused = None;
    if let Some(url) = server {
        match on_server(url, keys.clone(), identity, Intent::Join).await {
            Ok(joined) => return Ok(joined),
            Err(error) => refused = Some(error),
        }
    }
    match discover(keys.room_id(), DISCOVERY).await {
        Some(found) => found_at(found, host, keys, identity, Intent::Join).await,
        None => Err(refused.unwrap_or_else(|| {
            error(
                "room_not_found",
                "No call with this code was found on your network. Check the code, or ask for the invite link.",
            )
        })),
    }
}

async fn found_at(
    found: FoundServer,
    host: Option<&Host>,
    keys: RoomKeys,
    identity: &Identity,
    intent: Intent,
) -> Result<Joined, CommandError> {
    let room = keys.room_id();
    let (client, events) = connect(&found.url, &keys, identity, intent).await?;
    Ok(Joined {
        keys,
        loopback: is_loopback(&found.url),
        client,
        events,
        invite_server: Some(found.url),
        server: None,
        reach: local_reach(),
        hosted: None,
        local: Some(LocalCall { room, instance: found.instance, host: host.map(Arc::clone) }),
    })
}

async fn on_server(
    url: &Url,
    keys: RoomKeys,
    identity: &Identity,
    intent: Intent,
) -> Result<Joined, CommandError> {
    let (client, events) = connect(url, &keys, identity, intent).await?;
    let reach = if is_on_local_network(url) {
        local_reach()
    } else {
        Sentence::new("reach_anyone", "Anyone with the code can join.")
    };
    Ok(Joined {
        keys,
        client,
        events,
        invite_server: Some(url.clone()),
        server: Some(url.to_string()),
        reach,
        loopback: is_loopback(url),
        hosted: None,
        local: None,
    })
}

async fn connect(
    url: &Url,
    keys: &RoomKeys,
    identity: &Identity,
    intent: Intent,
) -> Result<(SignalClient, SignalEvents), CommandError> {
    SignalClient::join(SignalConfig::new(url.clone(), keys.clone(), identity.clone(), intent))
        .await
        .map_err(refusal)
}

fn refusal(error: JoinError) -> CommandError {
    Sentence::from(error).into()
}

pub(super) fn parse(url: &str) -> Result<Url, CommandError> {
    tincan_protocol::parse_server_url(url).map_err(|error| CommandError::new("server_url", error.to_string()))
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        _ => address(url).is_some_and(|address| address.is_loopback()),
    }
}

/// Whether an address says by itself that only machines nearby reach it: what a program names that hosts a room.
fn is_on_local_network(url: &Url) -> bool {
    let nearby = address(url).is_some_and(|address| match address {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    });
    url.scheme() == "ws" && nearby
}

fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        url::Host::Ipv4(address) => Some(address.into()),
        url::Host::Ipv6(address) => Some(address.to_canonical()),
        url::Host::Domain(_) => None,
    }
}

fn error(code: &str, message: &str) -> CommandError {
    CommandError::new(code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_local_network_are_told_by_their_address() {
        for (url, local) in [
            ("ws://192.168.1.5:4815", true),
            ("ws://10.8.0.2:80", true),
            ("ws://169.254.1.2:80", true),
            ("ws://127.0.0.1:80", true),
            ("ws://[fd00::1]:80", true),
            ("ws://[::ffff:192.168.1.5]:80", true),
            ("ws://192.0.2.7:4815", false),
            ("ws://localhost:4815", false),
            ("wss://192.168.1.5", false),
            ("wss://tincan.example.org", false),
        ] {
            assert_eq!(is_on_local_network(&url.parse().unwrap()), local, "{url}");
        }
    }
}
