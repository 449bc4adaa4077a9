//! `cargo xtask bench`: builds what is shipped and the program that compares it with Chromium, and runs that.

use std::env;
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
    process::run(program.args(&bench.arguments).env("TINCAN_BIN_DIR", &folder))
}

/// Every program as it is shipped: always all of them, so that dependencies are compiled once, with the same features.
fn release() -> Result<()> {
    process::run(&mut process::cargo(&["build", "--release", "--workspace", "--bins"]))
}
