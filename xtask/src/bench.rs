//! `cargo xtask bench`: builds what is shipped and the program that compares it with Chromium, and runs that.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::npm::{BROWSER, UI};
use crate::options::{Bench, Options};
use crate::setup::{self, Purpose};
use crate::{Result, process, ui};

pub(crate) fn run(options: &Options, bench: &Bench) -> Result<()> {
    setup::prepare(Purpose::Bench, options.yes)?;
    UI.install()?;
    BROWSER.install()?;
    ui::build()?;
    release()?;
    let folder = process::target_dir()?.join("release");
    let mut program = Command::new(folder.join(format!("tincan-bench{}", env::consts::EXE_SUFFIX)));
    program.args(&bench.arguments).env("TINCAN_BIN_DIR", &folder);
    if bench.arguments.iter().any(|argument| argument == "--files") {
        program.env("TINCAN_WORMHOLE", python("wormhole", "tests/wormhole.txt")?);
    }
    if bench.arguments.iter().any(|argument| ["--networks", "--random"].contains(&argument.as_str())) {
        program.env("TINCAN_PESQ", python("pesq", "tests/pesq.txt")?);
    }
    process::run(&mut program)
}

/// Packages of Python's in a folder of their own, with all that they need.
fn python(name: &str, list: &str) -> Result<PathBuf> {
    let folder = process::target_dir()?.join(name);
    let list = process::root().join(list);
    let python = folder.join("bin/python");
    if !python.exists() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    process::run(Command::new(python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(list))?;
    Ok(folder)
}

/// Every program as it is shipped: always all of them, so that dependencies are compiled once, with the same features.
fn release() -> Result<()> {
    process::run(&mut process::cargo(&["build", "--release", "--workspace", "--bins"]))
}
