//! `cargo xtask run`.

use std::env;
use std::process::Command;

use crate::options::{Options, Run};
use crate::setup::{self, Purpose};
use crate::{Result, npm, process, ui};

pub(crate) fn run(options: &Options, run: &Run) -> Result<()> {
    let asks_for_help = run.arguments.iter().any(|argument| argument == "--help" || argument == "--version");
    if !has_display() && !asks_for_help {
        return Err("\
there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can be opened.
Start it from a desktop session, or take part in a call without a window:

  cargo run -p tincan-cli -- --help"
            .to_owned());
    }
    setup::prepare(Purpose::Run, options.yes)?;
    npm::UI.install()?;
    ui::build()?;
    // The packages and a test, because cargo chooses the features of dependencies by them: so the app shares every one
    // of them with `cargo xtask test`, instead of compiling hundreds a second time. The test itself costs nothing.
    let mut build = process::cargo(&["build", "--workspace", "--bin", "tincan-app", "--test", "help"]);
    if run.release {
        build.arg("--release");
    }
    process::run(&mut build)?;
    let folder = process::target_dir()?.join(if run.release { "release" } else { "debug" });
    let mut app = Command::new(folder.join(format!("tincan-app{}", env::consts::EXE_SUFFIX)));
    process::run(app.args(&run.arguments))
}

fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}
