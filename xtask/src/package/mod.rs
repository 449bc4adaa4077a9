//! `cargo xtask package`: what people install, made by Tauri's own bundler from programs that cargo built.

mod deb;
mod debian;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::npm::{BUNDLER, UI};
use crate::options::{Options, Package};
use crate::setup::{self, Purpose};
use crate::{Result, files, process, ui};
use debian::Builder;

/// What the bundler makes where.
const BUNDLES: &str = if cfg!(windows) {
    "msi"
} else if cfg!(target_os = "macos") {
    "dmg"
} else {
    "deb,rpm"
};

pub(crate) fn run(options: &Options, package: &Package) -> Result<()> {
    let purpose = if package.check { Purpose::CheckPackage } else { Purpose::Package };
    setup::prepare(purpose, options.yes)?;
    UI.install()?;
    BUNDLER.install()?;
    ui::build()?;
    let target = process::target_dir()?;
    let folder = shipped_programs()?.join("release");
    let config = target.join("xtask/bundle.json");
    files::write(&config, configuration(&folder).as_bytes())?;

    let bundles = folder.join("bundle");
    // Packages of an earlier version would be taken for this one's.
    files::remove_tree(&bundles)?;
    let mut bundle = Command::new("node");
    bundle
        .arg(process::root().join(BUNDLER.folder).join("node_modules/@tauri-apps/cli/tauri.js"))
        // Which kind of package it came in, only an updater would want to read in the program.
        .args(["bundle", "--ci", "--no-binary-patching", "--bundles", BUNDLES, "--config"])
        .arg(&config)
        .current_dir(process::root());
    process::run(&mut bundle)?;

    let made = packages(&bundles)?;
    for path in made.iter().filter(|path| is_deb(path)) {
        deb::repack(path, &target.join("xtask/deb"))?;
    }
    for path in &made {
        let size = path.metadata().map_or(0, |metadata| metadata.len());
        println!("{} ({:.1} MB)", path.display(), size as f64 / 1e6);
    }
    if package.check {
        let deb = made.iter().find(|path| is_deb(path));
        let deb = deb.ok_or("there is no .deb here that could be tried")?;
        debian::try_package(deb)?;
        // As the tests are built, with which it shares everything.
        process::run(&mut process::cargo(&["build", "--workspace", "--bin", "tincan-package-check"]))?;
        let programs = target.join("debug");
        let mut check =
            Command::new(programs.join(format!("tincan-package-check{}", env::consts::EXE_SUFFIX)));
        process::run(check.arg(deb).env("TINCAN_BIN_DIR", &programs))?;
    }
    Ok(())
}

/// Builds what is shipped, and nothing else: the tests' programs do not compile everywhere. Returns the folder that was
/// built to.
fn shipped_programs() -> Result<PathBuf> {
    // Of the whole workspace, because cargo chooses the features of dependencies by the packages that are named: so they
    // are those of `cargo xtask bench`, which builds as it is shipped too.
    let arguments = ["build", "--release", "--workspace", "--bin", "tincan-app", "--bin", "tincan"];
    if cfg!(target_os = "linux") {
        match debian::builder() {
            Builder::Here => {}
            Builder::Folder => return debian::cargo(&arguments),
            Builder::HereForNewer(reason) => {
                println!("These packages will not start on systems that are older than this one: {reason}.");
            }
        }
    }
    process::run(&mut process::cargo(&arguments))?;
    process::target_dir()
}

fn is_deb(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "deb")
}

/// Lays the command line program beside the window where packages can carry any file. It is not in tauri.conf.json,
/// because its path is where cargo builds to.
fn configuration(folder: &Path) -> String {
    let program = folder.join("tincan").display().to_string().replace('\\', r"\\").replace('"', "\\\"");
    let files = format!(r#"{{ "files": {{ "/usr/bin/tincan": "{program}" }} }}"#);
    format!(r#"{{ "bundle": {{ "linux": {{ "deb": {files}, "rpm": {files} }} }} }}"#)
}

/// The packages below `bundles`.
fn packages(bundles: &Path) -> Result<Vec<PathBuf>> {
    let kinds: Vec<&str> = BUNDLES.split(',').collect();
    let is_package = |path: &PathBuf| {
        let name = path.extension().and_then(|name| name.to_str()).unwrap_or_default();
        // Not what they were made of.
        kinds.contains(&name) && path.components().count() == 2
    };
    let found: Vec<PathBuf> =
        files::read_tree(bundles)?.into_keys().filter(is_package).map(|path| bundles.join(path)).collect();
    if found.is_empty() { Err("the bundler made nothing".to_owned()) } else { Ok(found) }
}
