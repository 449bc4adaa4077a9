//! npm in the folders that have a lockfile.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::files;
use crate::process::{root, run};

/// A folder of the workspace with a `package.json`.
#[derive(Clone, Copy)]
pub(crate) struct Packages {
    /// In the workspace.
    pub(crate) folder: &'static str,
    /// What they are for.
    pub(crate) reason: &'static str,
}

/// The window's page.
pub(crate) const UI: Packages = Packages { folder: "ui", reason: "the window's page" };

/// The browser that the tests call.
pub(crate) const BROWSER: Packages =
    Packages { folder: "tests/browser", reason: "a browser to call in tests" };

/// Tauri's bundler, a ready-made program.
pub(crate) const BUNDLER: Packages =
    Packages { folder: "src-tauri/bundler", reason: "makes the packages that people install" };

impl Packages {
    /// `npm` in the folder. On Windows it is a script, which only its full name starts.
    pub(crate) fn npm(self, arguments: &[&str]) -> Command {
        let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
        command.args(arguments).current_dir(root().join(self.folder));
        command
    }

    /// Installs the packages that the lockfile names, unless exactly those are there.
    pub(crate) fn install(self) -> Result<()> {
        if self.are_installed() {
            return Ok(());
        }
        run(&mut self.npm(&["ci", "--no-audit", "--no-fund"]))?;
        // The stamp is the lockfile itself: npm's own copy in node_modules is rewritten by npm and so never the same.
        files::write(&self.stamp(), &self.lockfile()?)
    }

    /// Whether `npm ci` has nothing to do.
    pub(crate) fn are_installed(self) -> bool {
        matches!((fs::read(self.stamp()), self.lockfile()), (Ok(stamp), Ok(lockfile)) if stamp == lockfile)
    }

    fn stamp(self) -> PathBuf {
        root().join(self.folder).join("node_modules/.installed-lock.json")
    }

    fn lockfile(self) -> Result<Vec<u8>> {
        let path = root().join(self.folder).join("package-lock.json");
        fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
    }
}
