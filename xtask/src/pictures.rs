//! `cargo xtask pictures`: the pictures in the README, of the real window.

use std::env;
use std::process::Command;

use crate::npm::UI;
use crate::options::Options;
use crate::setup::{self, Purpose};
use crate::{Result, process, ui};

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::prepare(Purpose::Test, options.yes)?;
    UI.install()?;
    ui::build()?;
    process::run(&mut process::cargo(&["build", "--workspace", "--all-targets"]))?;
    let folder = process::target_dir()?.join("debug");
    let mut program = Command::new(folder.join(format!("tincan-pictures{}", env::consts::EXE_SUFFIX)));
    process::run(program.arg(process::root().join("docs")).env("TINCAN_BIN_DIR", &folder))
}
