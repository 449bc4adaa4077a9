//! `cargo xtask generate`: the window's types from the engine's. ts-rs gives every exported type a test that writes it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::options::Options;
use crate::setup::{self, Purpose};
use crate::{Result, files, npm, process, ui};

/// Where the window's types lie, in the workspace.
const GENERATED: &str = "ui/src/core/generated";

/// The variable by which ts-rs is told where to write to.
pub(crate) const EXPORT_DIR: &str = "TS_RS_EXPORT_DIR";

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::prepare(Purpose::Generate, options.yes)?;
    npm::UI.install()?;
    ui::build()?;
    let fresh = start_afresh()?;
    // The whole workspace, as `test` does: fewer packages would have fewer features, and compile everything again.
    let mut command = process::cargo(&["nextest", "run", "--workspace", "-E", "test(/export_bindings/)"]);
    process::run(command.env(EXPORT_DIR, &fresh))?;
    let kept = process::root().join(GENERATED);
    for name in differences(&fresh, &kept)? {
        match fs::read(fresh.join(&name)) {
            Ok(content) => files::write(&kept.join(&name), &content)?,
            Err(_) => fs::remove_file(kept.join(&name))
                .map_err(|error| format!("{} cannot be removed: {error}", name.display()))?,
        }
        println!("changed: {GENERATED}/{}", name.display());
    }
    Ok(())
}

/// An empty folder for a new export, so that types which are gone do not linger.
pub(crate) fn start_afresh() -> Result<PathBuf> {
    let fresh = process::target_dir()?.join("xtask/types");
    files::remove_tree(&fresh)?;
    fs::create_dir_all(&fresh).map_err(|error| format!("{} cannot be made: {error}", fresh.display()))?;
    Ok(fresh)
}

/// Fails when the window's types are not those that the tests have just written to `fresh`.
pub(crate) fn check(fresh: &Path) -> Result<()> {
    let different = differences(fresh, &process::root().join(GENERATED))?;
    if different.is_empty() {
        return Ok(());
    }
    let names: Vec<String> =
        different.iter().map(|name| format!("  {GENERATED}/{}", name.display())).collect();
    Err(format!(
        "the window's types have drifted from the engine's:\n{}\nRun `cargo xtask generate` and commit the result.",
        names.join("\n")
    ))
}

/// Files that only one of both has, or that are not the same in both.
fn differences(fresh: &Path, kept: &Path) -> Result<Vec<PathBuf>> {
    let (fresh, kept) = (files::read_tree(fresh)?, files::read_tree(kept)?);
    if fresh.is_empty() {
        return Err("no types were exported; have the tests of ts-rs been renamed?".to_owned());
    }
    let mut names: Vec<PathBuf> = fresh.keys().chain(kept.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| fresh.get(name) != kept.get(name));
    Ok(names)
}
