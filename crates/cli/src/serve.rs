//! `tincan serve`.

use tincan_signal_server::program::{self, ProgramError, ServeArguments};
use tokio_util::sync::CancellationToken;

use crate::{Exit, stop};

pub(crate) async fn run(arguments: ServeArguments) -> Exit {
    let cancel = CancellationToken::new();
    let server = program::run(arguments, cancel.clone());
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

fn ended_with(ended: Result<(), ProgramError>) -> Exit {
    match ended {
        Ok(()) => Exit::Fine,
        Err(error) => {
            eprintln!("{error}");
            Exit::Problem
        }
    }
}
