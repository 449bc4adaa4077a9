//! `tincan-server`: `tincan serve` for machines that need nothing else of Tincan.
#![forbid(unsafe_code)]

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tincan_signal_server::program::{self, ServeArguments};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Introduces the participants of Tincan calls to each other. Keeps rooms in memory and stores nothing.
#[derive(Parser)]
#[command(name = "tincan-server", version)]
struct Arguments {
    #[command(flatten)]
    serve: ServeArguments,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let asked = std::env::var("TINCAN_LOG").ok();
    let filter = EnvFilter::new(tincan_signal_server::log_filter(asked.as_deref(), "info"));
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal)
        .init();
    let cancel = CancellationToken::new();
    let server = program::run(arguments.serve, cancel.clone());
    tokio::pin!(server);
    let ended = tokio::select! {
        ended = &mut server => ended,
        () = asked_to_stop() => {
            cancel.cancel();
            server.await
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
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
