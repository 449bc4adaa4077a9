//! The server as a program: its command line, and running it. `tincan serve` and `tincan-server` are this.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;
#[cfg(unix)]
use tracing::warn;

use crate::config::{Limits, ServerConfig, TurnConfig};
use crate::server::{serve, serve_metrics};

/// What the server's command line says.
#[derive(Debug, Clone, Args)]
pub struct ServeArguments {
    /// Address and port to listen on.
    #[arg(long, default_value = "0.0.0.0:4815")]
    pub listen: SocketAddr,
    /// Certificate chain in PEM; with --tls-key the server speaks wss:.
    #[arg(long, requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM.
    #[arg(long, requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// STUN server that participants are told of, such as stun:stun.example.org:3478. May be repeated.
    #[arg(long)]
    pub stun_url: Vec<String>,
    /// TURN server that participants get credentials for, such as turn:turn.example.org:3478. May be repeated.
    #[arg(long, requires = "turn_secret")]
    pub turn_url: Vec<String>,
    /// coturn's static-auth-secret. Better given by the environment, where other users do not see it.
    #[arg(long, env = "TINCAN_TURN_SECRET", hide_env_values = true)]
    pub turn_secret: Option<Secret>,
    /// Seconds that TURN credentials hold; they are renewed when half of them are over.
    #[arg(long, default_value_t = TurnConfig::DEFAULT_LIFETIME.as_secs(), value_parser = clap::value_parser!(u64).range(60..))]
    pub turn_lifetime: u64,
    /// Participants in a room.
    #[arg(long, default_value_t = Limits::default().participants, value_parser = at_least::<2>)]
    pub max_participants: usize,
    /// Rooms that may exist because of one address; four times as many because of one /48 of IPv6.
    #[arg(long, default_value_t = Limits::default().rooms_per_address, value_parser = at_least::<1>)]
    pub max_rooms_per_address: usize,
    /// Connections from one address; four times as many from one /48 of IPv6.
    #[arg(long, default_value_t = Limits::default().connections_per_address, value_parser = at_least::<1>)]
    pub max_connections_per_address: usize,
    /// Connections altogether.
    #[arg(long, default_value_t = Limits::default().connections, value_parser = at_least::<1>)]
    pub max_connections: usize,
    /// Messages a second on one connection.
    #[arg(long, default_value_t = Limits::default().messages_per_second, value_parser = clap::value_parser!(u32).range(1..))]
    pub messages_per_second: u32,
    /// Messages at once on one connection; by default 64 for each participant and 512.
    #[arg(long)]
    pub message_burst: Option<u32>,
    /// Seconds from connecting to joining a room.
    #[arg(long, default_value_t = Limits::default().join_timeout.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    pub join_timeout: u64,
    /// Seconds without a word after which a connection counts as lost.
    #[arg(long, default_value_t = Limits::default().idle.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    pub idle_timeout: u64,
    /// Seconds that a membership is kept after its connection was lost.
    #[arg(long, default_value_t = Limits::default().grace.as_secs())]
    pub grace: u64,
    /// Address and port where a monitor such as Prometheus reads the counts, under /metrics; nowhere unless given.
    #[arg(long)]
    pub metrics_listen: Option<SocketAddr>,
    /// A proxy in front sets X-Forwarded-For; take the client's address from its last entry.
    #[arg(long)]
    pub trust_forwarded: bool,
}

/// A secret on a command line; `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(String);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why the server cannot run. The text is for whoever started it.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// The address is taken, or not this machine's.
    #[error("{address} cannot be listened on: {error}. Choose another with {option} ADDRESS:PORT.")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The option that named it.
        option: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// A file is not there, or is no PEM.
    #[error("{} cannot be read: {error}.", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// Certificate and key do not belong together.
    #[error("The certificate and the key cannot be used: {0}.")]
    Tls(#[from] rustls::Error),
    /// A socket broke.
    #[error("The server ended: {0}")]
    Ended(#[from] io::Error),
}

/// Listens, says where on standard error, and serves until cancelled.
///
/// # Errors
/// [`ProgramError`], in words.
pub async fn run(arguments: ServeArguments, cancel: CancellationToken) -> Result<(), ProgramError> {
    let listener = listen(arguments.listen, "--listen").await?;
    let monitor = match arguments.metrics_listen {
        Some(address) => Some(listen(address, "--metrics-listen").await?),
        None => None,
    };
    let config = configure(&arguments)?;
    #[cfg(unix)]
    allow_files(config.limits.connections);
    let (port, scheme) = (listener.local_addr()?.port(), if config.tls.is_some() { "wss" } else { "ws" });
    eprintln!(
        "Listening on port {port}. Others join by --server {scheme}://THIS-COMPUTER:{port}. End with Ctrl-C."
    );
    let metrics = config.metrics.clone();
    let watched = async {
        match monitor {
            Some(monitor) => serve_metrics(monitor, metrics, cancel.clone()).await,
            None => Ok(()),
        }
    };
    tokio::try_join!(serve(listener, config, cancel.clone()), watched)?;
    Ok(())
}

/// What the server has open beside its connections: listeners, the log, and what the runtime waits by.
#[cfg(unix)]
const OTHER_FILES: u64 = 64;

/// Asks the system for as many open files as there may be connections, which take one each: shells allow 1,024 unless asked.
/// Tells the administrator where the system allows fewer; what it allows, as it is afterwards.
#[cfg(unix)]
fn allow_files(connections: usize) -> u64 {
    let wanted = (connections as u64).saturating_add(OTHER_FILES);
    let allowed = rlimit::increase_nofile_limit(wanted).or_else(|_| rlimit::Resource::NOFILE.get_soft());
    match allowed {
        Ok(allowed) if allowed < wanted => {
            warn!(
                allowed,
                wanted,
                "the system allows fewer open files than --max-connections needs: raise its limit (`ulimit -Hn`, or \
                 LimitNOFILE= of the systemd unit), or ask for fewer connections"
            );
            allowed
        }
        Ok(allowed) => allowed,
        Err(error) => {
            warn!(%error, "the system does not say how many files may be open");
            0
        }
    }
}

async fn listen(address: SocketAddr, option: &'static str) -> Result<TcpListener, ProgramError> {
    TcpListener::bind(address).await.map_err(|error| ProgramError::Listen { address, option, error })
}

/// A count of which fewer than `LEAST` would serve nobody.
fn at_least<const LEAST: usize>(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| "this is no count".to_owned())?;
    if count < LEAST { Err(format!("at least {LEAST} are needed")) } else { Ok(count) }
}

fn configure(arguments: &ServeArguments) -> Result<ServerConfig, ProgramError> {
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(Arc::new(load_tls(certificate, key)?)),
        _ => None,
    };
    let default = Limits::for_participants(arguments.max_participants);
    let limits = Limits {
        rooms_per_address: arguments.max_rooms_per_address,
        rooms_per_site: arguments.max_rooms_per_address.saturating_mul(4),
        connections_per_address: arguments.max_connections_per_address,
        connections_per_site: arguments.max_connections_per_address.saturating_mul(4),
        connections: arguments.max_connections,
        messages_per_second: arguments.messages_per_second,
        message_burst: arguments.message_burst.unwrap_or(default.message_burst),
        join_timeout: Duration::from_secs(arguments.join_timeout),
        idle: Duration::from_secs(arguments.idle_timeout),
        grace: Duration::from_secs(arguments.grace),
        ..default
    };
    let turn = arguments.turn_secret.as_ref().filter(|_| !arguments.turn_url.is_empty());
    let turn = turn.map(|secret| TurnConfig {
        urls: arguments.turn_url.clone(),
        secret: secret.0.clone(),
        lifetime: Duration::from_secs(arguments.turn_lifetime),
    });
    Ok(ServerConfig {
        limits,
        stun_urls: arguments.stun_url.clone(),
        turn,
        tls,
        trust_forwarded: arguments.trust_forwarded,
        ..ServerConfig::default()
    })
}

fn load_tls(certificate: &Path, key: &Path) -> Result<rustls::ServerConfig, ProgramError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| ProgramError::Pem { path, error }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(certificate))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?)
}

#[cfg(all(test, unix))]
mod tests {
    use rlimit::Resource;

    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_there_may_be_connections() {
        let hard = Resource::NOFILE.get_hard().unwrap();
        Resource::NOFILE.set(256.min(hard), hard).unwrap();
        assert_eq!(allow_files(300), (300 + OTHER_FILES).min(hard));
        assert_eq!(Resource::NOFILE.get_soft().unwrap(), (300 + OTHER_FILES).min(hard));
        // It never takes away what was allowed before, and asks for no more than there is.
        assert_eq!(allow_files(100), (300 + OTHER_FILES).min(hard));
        assert_eq!(allow_files(usize::MAX), hard);
    }
}
