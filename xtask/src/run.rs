//! `cargo xtask run`.

use std::env;
use std::process::Command;

use crate::options::{Options, Run};
use crate::setup::{self, Purpose};
use crate::{Result, npm, process, ui};

pub(crate) fn run(options: &Options, run: &Run) -> Result<()> {
    setup::prepare(Purpose::Run, options.yes)?;
    npm::UI.install()?;
    ui::build()?;
    // The packages and a test, because cargo chooses the features of dependencies by them: so the programs share every
    // one of them with `cargo xtask test`, instead of compiling hundreds a second time. The test itself costs nothing.
    let mut build = process::cargo(&["build", "--workspace", "--bin", "tincan-app", "--bin", "tincan"]);
    build.args(["--test", "help"]);
    if run.release {
        build.arg("--release");
    }
    process::run(&mut build)?;
    let folder = process::target_dir()?.join(if run.release { "release" } else { "debug" });
    let program = |name: &str| Command::new(folder.join(format!("{name}{}", env::consts::EXE_SUFFIX)));
    let asks_for_help = run.arguments.iter().any(|argument| argument == "--help" || argument == "--version");
    if has_display() || asks_for_help {
        process::run(program("tincan-app").args(&run.arguments))
    } else {
        try_without_window(program("tincan"))
    }
}

/// What there is to see of Tincan on a machine without a screen: a test call, and how to get the window.
fn try_without_window(mut tincan: Command) -> Result<()> {
    println!(
        "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so that no window can be opened.\n\
         A test call without one takes 15 seconds:\n"
    );
    process::run(tincan.args(["try", "--for", "15s"]))?;
    println!(
        "\nFor the window, run this command on a desktop, or bring one here: `ssh -X` to this machine, or a screen in\n\
         memory (Debian: apt-get install xvfb; xvfb-run cargo xtask run). Calls with people work without a window too:\n\n  \
         cargo run -p tincan-cli -- call --help"
    );
    Ok(())
}

fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}
