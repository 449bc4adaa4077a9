//! Whether everything that is shipped compiles for Windows, tests too, asked on a machine that has no Windows.

use std::process::Command;

use crate::Result;
use crate::process::{cargo, exists, output, root, run};
use crate::setup::Step;

const TARGET: &str = "x86_64-pc-windows-gnu";

/// Debian packages a compiler for it, and rustup has the library.
pub(crate) fn can_be_checked() -> bool {
    cfg!(target_os = "linux") && exists("apt-get") && exists("rustup")
}

/// Whether Rust's library for it is here.
pub(crate) fn has_library() -> bool {
    output(&mut rustup(&["target", "list", "--installed"]))
        .is_some_and(|targets| targets.lines().any(|target| target == TARGET))
}

/// Installs it.
pub(crate) fn library() -> Step {
    Step {
        told: format!(
            "  - Rust's library for {TARGET}, by rustup: to see that everything compiles for Windows"
        ),
        install: Box::new(|| run(&mut rustup(&["target", "add", TARGET]))),
    }
}

/// Compiles everything but what drives Linux alone: the whole calls, on namespaces and real sound servers.
pub(crate) fn check() -> Result<()> {
    let packages = ["--workspace", "--exclude", "tincan-tests", "--all-targets"];
    run(cargo(&["check"]).args(packages).args(["--target", TARGET]))
}

/// In the workspace's folder, whose toolchain it is about.
fn rustup(arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(arguments).current_dir(root());
    command
}
