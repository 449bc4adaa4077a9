//! `tincan-server`: the signalling server as a program.
#![forbid(unsafe_code)]

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tincan_signal_server::rustls::pki_types::pem::PemObject;
use tincan_signal_server::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tincan_signal_server::{Limits, ServerConfig, TurnConfig, rustls, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Introduces the participants of Tincan calls to each other. Keeps rooms in memory and stores nothing.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address and port to listen on.
    #[arg(long, default_value = "0.0.0.0:4815")]
    listen: SocketAddr,
    /// Certificate chain in PEM; with --tls-key the server speaks wss:.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key in PEM.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// STUN server that clients are told of, such as stun:stun.example.org:3478. May be repeated.
    #[arg(long)]
    stun_url: Vec<String>,
    /// TURN server that clients get credentials for, such as turn:turn.example.org:3478. May be repeated.
    #[arg(long, requires = "turn_secret")]
    turn_url: Vec<String>,
    /// coturn's static-auth-secret. Better given by the environment, where other users do not see it.
    #[arg(long, env = "TINCAN_TURN_SECRET", hide_env_values = true)]
    turn_secret: Option<String>,
    /// Seconds that TURN credentials hold.
    #[arg(long, default_value_t = TurnConfig::DEFAULT_LIFETIME.as_secs())]
    turn_lifetime: u64,
    /// Participants in a room.
    #[arg(long, default_value_t = Limits::default().participants)]
    max_participants: usize,
    /// Rooms that may exist because of one address.
    #[arg(long, default_value_t = Limits::default().rooms_per_address)]
    max_rooms_per_address: usize,
    /// Connections from one address.
    #[arg(long, default_value_t = Limits::default().connections_per_address)]
    max_connections_per_address: usize,
    /// Connections altogether.
    #[arg(long, default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// Messages a second on one connection.
    #[arg(long, default_value_t = Limits::default().messages_per_second)]
    messages_per_second: u32,
    /// Messages at once on one connection.
    #[arg(long, default_value_t = Limits::default().message_burst)]
    message_burst: u32,
    /// Seconds from connecting to joining a room.
    #[arg(long, default_value_t = Limits::default().join_timeout.as_secs())]
    join_timeout: u64,
    /// Seconds without a word after which a connection counts as lost.
    #[arg(long, default_value_t = Limits::default().idle.as_secs())]
    idle_timeout: u64,
    /// Seconds that a place is kept after its connection was lost.
    #[arg(long, default_value_t = Limits::default().grace.as_secs())]
    grace: u64,
    /// Do not show the counts under /metrics.
    #[arg(long)]
    no_metrics: bool,
    /// A proxy in front sets X-Forwarded-For; take the client's address from its last entry.
    #[arg(long)]
    trust_forwarded: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .init();
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(arguments.listen).await?;
    info!(port = listener.local_addr()?.port(), tls = arguments.tls_cert.is_some(), "listening");
    let cancel = CancellationToken::new();
    let server = serve(listener, configure(arguments)?, cancel.clone());
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => ended?,
        () = asked_to_stop() => {
            info!("stopping");
            cancel.cancel();
            server.await?;
        }
    }
    Ok(())
}

fn configure(arguments: Arguments) -> Result<ServerConfig, Box<dyn Error>> {
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(Arc::new(load_tls(certificate, key)?)),
        _ => None,
    };
    let limits = Limits {
        participants: arguments.max_participants,
        rooms_per_address: arguments.max_rooms_per_address,
        connections_per_address: arguments.max_connections_per_address,
        connections: arguments.max_connections,
        messages_per_second: arguments.messages_per_second,
        message_burst: arguments.message_burst,
        join_timeout: Duration::from_secs(arguments.join_timeout),
        idle: Duration::from_secs(arguments.idle_timeout),
        grace: Duration::from_secs(arguments.grace),
        ..Limits::default()
    };
    let turn = arguments.turn_secret.filter(|_| !arguments.turn_url.is_empty()).map(|secret| TurnConfig {
        urls: arguments.turn_url,
        secret,
        lifetime: Duration::from_secs(arguments.turn_lifetime),
    });
    Ok(ServerConfig {
        limits,
        stun_urls: arguments.stun_url,
        turn,
        tls,
        show_metrics: !arguments.no_metrics,
        trust_forwarded: arguments.trust_forwarded,
        ..ServerConfig::default()
    })
}

fn load_tls(certificate: &Path, key: &Path) -> Result<rustls::ServerConfig, Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?)
}

/// Returns at Ctrl-C or, on Unix, SIGTERM.
async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without a handler the system ends the program by itself.
    let _ = tokio::signal::ctrl_c().await;
}
