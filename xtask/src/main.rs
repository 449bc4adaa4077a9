//! The project's commands. Each first installs what it needs (and says so before), so that a fresh clone needs only
//! Rust and Node.
//!
//! **Invariant:** std only, so that it compiles in seconds.
#![forbid(unsafe_code)]

mod bench;
mod files;
mod fuzz;
mod generate;
mod npm;
mod options;
mod package;
mod pictures;
mod process;
mod run;
mod setup;
mod stages;
mod test;
mod ui;
mod windows;

use std::process::ExitCode;

use options::{Action, Options};

/// A failure as a sentence (or a few lines) for whoever typed the command.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let outcome = Options::parse(std::env::args().skip(1)).and_then(|options| match &options.action {
        Action::Help(topic) => {
            println!("{}", options::help(*topic));
            Ok(())
        }
        Action::Run(run) => run::run(&options, run),
        Action::Test(test) => test::run(&options, test),
        Action::Generate => generate::run(&options),
        Action::Bench(bench) => bench::run(&options, bench),
        Action::Package(package) => package::run(&options, package),
        Action::Pictures => pictures::run(&options),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\nxtask: {message}");
            ExitCode::FAILURE
        }
    }
}
