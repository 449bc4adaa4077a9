//! `tincan`: a participant without a window, for scripts, tests and servers; and the signalling server, the
//! lists of devices and screens and a check-up beside it.
//!
//! **Invariant:** as thin as the window's shell: it drives the same engine by the same commands and holds no
//! logic of calls or media.
#![forbid(unsafe_code)]

mod args;
mod call;
mod chat;
mod console;
mod devices;
mod doctor;
mod files;
mod frames;
mod game;
mod local;
mod output;
mod progress;
mod screens;
mod serve;
mod sketch;
mod stop;
mod transfers;
mod try_call;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tincan_engine::{EngineConfig, FrameOutput, Overrides};
use tracing_subscriber::EnvFilter;

use args::{Arguments, What};

/// Threads come and go with every call, and each would leave an arena of the system's allocator behind: over 200 calls
/// that was 150 MB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How the program ends, for scripts. Usage errors are 2, as clap has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went as asked.
    Fine,
    /// Something failed that has no number of its own; `doctor` found a problem.
    Problem,
    /// The room could not be joined or made.
    NotJoined,
    /// The call ended without our wish.
    Ended,
    /// The time was over and nobody was ever connected.
    NobodyCame,
    /// Asked to stop twice.
    Forced,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Problem => 1,
            Exit::NotJoined => 3,
            Exit::Ended => 4,
            Exit::NobodyCame => 5,
            // 128 + SIGINT, as shells have it.
            Exit::Forced => 130,
        })
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter =
        EnvFilter::new(tincan_signal_server::log_filter(std::env::var("TINCAN_LOG").ok().as_deref(), "warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match arguments.what {
        // A server has thousands of connections and no engine.
        What::Serve(_) => tokio::runtime::Runtime::new(),
        _ => tincan_engine::runtime(),
    };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("The program cannot start: {error}");
            return Exit::Problem.into();
        }
    };
    let exit = runtime.block_on(run(arguments));
    // A thread that waits for a line of input must not hold up the end.
    runtime.shutdown_background();
    exit.into()
}

async fn run(arguments: Arguments) -> Exit {
    match arguments.what {
        What::Call(arguments) => call::run(arguments).await,
        What::Try(arguments) => try_call::run(arguments).await,
        What::Send(arguments) => files::send(arguments).await,
        What::Receive(arguments) => files::receive(arguments).await,
        What::Serve(arguments) => serve::run(arguments).await,
        What::Screens { json } => screens::run(json).await,
        What::Devices { json } => devices::run(json).await,
        What::Doctor { server } => doctor::run(server).await,
    }
}

/// An engine that stores nothing, so that a script changes nobody's settings.
pub(crate) fn engine_config(frames: Arc<dyn FrameOutput>, overrides: Overrides) -> EngineConfig {
    EngineConfig {
        data_dir: None,
        downloads: None,
        recordings: None,
        frames,
        local_server: Some(Arc::new(local::LocalHost::default())),
        overrides,
    }
}
