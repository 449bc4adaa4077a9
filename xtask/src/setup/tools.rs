//! Programs that cargo installs.

use std::process::Command;

use super::{Purpose, Step};
use crate::Result;
use crate::process::{cargo, output, run};
use crate::windows;

/// A program from crates.io, at the version that this project was tried with.
struct Tool {
    name: &'static str,
    version: &'static str,
    /// An older or newer one of the same kind does as well.
    any_version: bool,
    reason: &'static str,
    /// How it says its version.
    arguments: &'static [&'static str],
}

const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    version: "0.9.143",
    any_version: true,
    reason: "runs the tests",
    arguments: &["nextest", "--version"],
};

const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    any_version: false,
    reason: "checks the licences and sources of dependencies",
    arguments: &["--version"],
};

/// The tools that `purpose` needs and that are not here.
pub(super) fn missing(purpose: Purpose) -> Result<Vec<Step>> {
    let needed: &'static [Tool] = match purpose {
        Purpose::Run | Purpose::Package | Purpose::Bench | Purpose::CheckPackage => &[],
        Purpose::Generate => &[NEXTEST],
        Purpose::Test | Purpose::TestAll => &[NEXTEST, DENY],
    };
    let tools = needed.iter().filter(|tool| !tool.is_installed()).map(Tool::step);
    let library = (purpose == Purpose::TestAll && windows::can_be_checked() && !windows::has_library())
        .then(windows::library);
    Ok(tools.chain(library).collect())
}

impl Tool {
    fn is_installed(&self) -> bool {
        output(Command::new(self.name).args(self.arguments))
            .is_some_and(|said| self.any_version || names_version(&said, self.version))
    }

    fn step(&'static self) -> Step {
        let Self { name, version, reason, .. } = self;
        Step {
            told: format!("  - {name} {version}, by cargo install (compiles for some minutes): {reason}"),
            install: Box::new(|| self.install()),
        }
    }

    /// Not optimised: these tools wait for the disk and for other programs, so that they are here sooner counts more.
    fn install(&self) -> Result<()> {
        let mut command = cargo(&["install", self.name, "--version", self.version, "--locked", "--force"]);
        command
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            // Their build is not part of ours.
            .env_remove("CARGO_TARGET_DIR");
        run(&mut command)
    }
}

fn names_version(said: &str, version: &str) -> bool {
    said.split_whitespace().any(|word| word == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_a_tool_says() {
        assert!(names_version("cargo-deny 0.20.2\n", "0.20.2"));
        assert!(!names_version("cargo-deny 0.20.20\n", "0.20.2"));
    }
}
