//! `tincan serve`.

use tincan_signal_server::{ServerConfig, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::args::ServeArguments;
use crate::{Exit, stop};

pub(crate) async fn run(arguments: ServeArguments) -> Exit {
    let listener = match TcpListener::bind(arguments.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            let address = arguments.listen;
            eprintln!("{address} cannot be listened on: {error}. Choose another with --listen ADDRESS:PORT.");
            return Exit::Problem;
        }
    };
    let mut config = ServerConfig { stun_urls: arguments.stun_url, ..ServerConfig::default() };
    config.limits.participants = arguments.max_participants.unwrap_or(config.limits.participants);
    let port = listener.local_addr().map_or(arguments.listen.port(), |address| address.port());
    eprintln!(
        "Listening on port {port}. Others join by --server ws://THIS-COMPUTER:{port}. End with Ctrl-C."
    );
    let cancel = CancellationToken::new();
    let server = serve(listener, config, cancel.clone());
    tokio::pin!(server);
    let mut stops = stop::requests();
    tokio::select! {
        ended = &mut server => return ended_with(ended),
        _ = stops.recv() => cancel.cancel(),
    }
    tokio::select! {
        ended = &mut server => ended_with(ended),
        _ = stops.recv() => Exit::Forced,
    }
}

fn ended_with(ended: std::io::Result<()>) -> Exit {
    match ended {
        Ok(()) => Exit::Fine,
        Err(error) => {
            eprintln!("The server ended: {error}");
            Exit::Problem
        }
    }
}
