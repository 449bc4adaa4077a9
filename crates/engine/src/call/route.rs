//! From a code to a place in the room: keys, server, join.

use std::sync::Arc;
use std::time::Duration;

use tincan_protocol::{Intent, PeerId, RoomCode, RoomKeys, announcement_name};
use tincan_signal_client::{JoinError, SignalClient, SignalConfig, SignalEvents, discover};
use url::Url;

use crate::api::CommandError;
use crate::{HostedRoom, LocalServerHost};

/// How long to ask the local network. mDNS answers come within a second of a question (RFC 6762, section 6); three
/// questions fit.
const DISCOVERY: Duration = Duration::from_secs(3);

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
    /// On the server in this program, announced on the local network.
    Host(Arc<dyn LocalServerHost>),
    /// Wherever it is: on the local network, else on the configured server.
    Find {
        /// The configured server.
        server: Option<Url>,
    },
    /// A room of the local network that was there before: where it is now, else opened anew.
    Again {
        /// Opens it on the server in this program.
        host: Option<Arc<dyn LocalServerHost>>,
        /// The configured server, for a program without a server of its own.
        server: Option<Url>,
    },
}

/// A place in a room.
pub(crate) struct Joined {
    pub(crate) client: SignalClient,
    pub(crate) events: SignalEvents,
    /// What an invite link names.
    pub(crate) invite_server: Option<Url>,
    /// What to remember for joining again; `None` for the local network.
    pub(crate) server: Option<String>,
    /// Who can join, as a sentence.
    pub(crate) reach: String,
    /// Whether the server runs on this machine: then the other side may too, without any network.
    pub(crate) loopback: bool,
    /// The room in this program's own server, and the name that it is announced under.
    pub(crate) hosted: Option<(String, HostedRoom)>,
}

/// Takes a place in the room. Safe to cancel: whatever was opened is dropped.
///
/// # Errors
/// A sentence for the person, with the code of what failed.
pub(crate) async fn join(code: &RoomCode, route: &Route, peer: PeerId) -> Result<Joined, CommandError> {
    let code = code.clone();
    let keys = tokio::task::spawn_blocking(move || RoomKeys::derive(&code)).await.map_err(|_| {
        error("internal", "The room's key could not be made. Close other programs and try again.")
    })?;
    match route {
        Route::Server { url, intent } => {
            connect(url, keys, peer, *intent).await.map(|(client, events)| on_server(url, client, events))
        }
        Route::Host(host) => open_here(keys, peer, host.as_ref()).await,
        Route::Find { server } => find(keys, peer, server.as_ref()).await,
        Route::Again { host, server } => again(keys, peer, host.as_deref(), server.as_ref()).await,
    }
}

/// Opens the room on the server in this program.
async fn open_here(keys: RoomKeys, peer: PeerId, host: &dyn LocalServerHost) -> Result<Joined, CommandError> {
    let name = announcement_name(keys.room_id());
    let hosted = host.host(keys.room_id()).await.map_err(|detail| CommandError {
        code: "local_server".into(),
        message: format!("The call could not be opened on this computer: {detail}"),
    })?;
    let url = parse(&hosted.url)?;
    let (client, events) = connect(&url, keys, peer, Intent::Create).await?;
    let invite_server = hosted.public_url.as_deref().map(parse).transpose()?;
    let reach = match &invite_server {
        Some(_) => "People on your local network can join.",
        None => "This computer has no network: only programs on it can join.",
    };
    Ok(Joined {
        client,
        events,
        invite_server,
        server: None,
        reach: reach.into(),
        loopback: true,
        hosted: Some((name, hosted)),
    })
}

/// Joins the room when somebody was first, else opens it.
async fn again(
    keys: RoomKeys,
    peer: PeerId,
    host: Option<&dyn LocalServerHost>,
    server: Option<&Url>,
) -> Result<Joined, CommandError> {
    match (find(keys.clone(), peer, None).await, host, server) {
        (Err(_), Some(host), _) => open_here(keys, peer, host).await,
        (Err(_), None, Some(url)) => {
            let (client, events) = connect(url, keys, peer, Intent::Create).await?;
            Ok(on_server(url, client, events))
        }
        (found, _, _) => found,
    }
}

async fn find(keys: RoomKeys, peer: PeerId, server: Option<&Url>) -> Result<Joined, CommandError> {
    // The configured server answers faster than the network can be asked; a room that it does not know may be local.
    let mut refused = None;
    if let Some(url) = server {
        match connect(url, keys.clone(), peer, Intent::Join).await {
            Ok((client, events)) => return Ok(on_server(url, client, events)),
            Err(error) => refused = Some(error),
        }
    }
    let Some(url) = discover(keys.room_id(), DISCOVERY).await else {
        return Err(refused.unwrap_or_else(|| {
            error(
                "room_not_found",
                "No call with this code was found on your network. Check the code, or ask for the invite link.",
            )
        }));
    };
    let (client, events) = connect(&url, keys, peer, Intent::Join).await?;
    Ok(Joined {
        loopback: is_loopback(&url),
        client,
        events,
        invite_server: Some(url),
        server: None,
        reach: "People on your local network can join.".into(),
        hosted: None,
    })
}

fn on_server(url: &Url, client: SignalClient, events: SignalEvents) -> Joined {
    Joined {
        client,
        events,
        invite_server: Some(url.clone()),
        server: Some(url.to_string()),
        reach: "Anyone with the code can join.".into(),
        loopback: is_loopback(url),
        hosted: None,
    }
}

async fn connect(
    url: &Url,
    keys: RoomKeys,
    peer: PeerId,
    intent: Intent,
) -> Result<(SignalClient, SignalEvents), CommandError> {
    SignalClient::join(SignalConfig::new(url.clone(), keys, peer, intent)).await.map_err(refusal)
}

fn refusal(error: JoinError) -> CommandError {
    CommandError { code: error.code().into(), message: error.to_string() }
}

fn parse(url: &str) -> Result<Url, CommandError> {
    tincan_protocol::parse_server_url(url)
        .map_err(|error| CommandError { code: "server_url".into(), message: error.to_string() })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn error(code: &str, message: &str) -> CommandError {
    CommandError { code: code.into(), message: message.into() }
}
