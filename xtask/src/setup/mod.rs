//! What each command needs on this machine: found out, told, asked for, installed.

pub(crate) mod packages;
mod tools;

use std::env;
use std::io::{IsTerminal, Write};

use crate::Result;
use crate::npm::{BROWSER, BUNDLER, Packages, UI};
use crate::process::{exists, output};
use crate::ui;

/// What a machine is prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Building and running the app.
    Run,
    /// Writing the window's types.
    Generate,
    /// Every check that continuous integration makes.
    Test,
    /// Every check.
    TestAll,
    /// Comparing with a browser.
    Bench,
    /// Making packages.
    Package,
    /// Making packages, and installing and trying them.
    CheckPackage,
}

/// One thing to be installed: what is told before, and how it is done.
pub(crate) struct Step {
    /// A line (or more) for a person.
    pub(crate) told: String,
    pub(crate) install: Box<dyn FnOnce() -> Result<()>>,
}

/// Installs what is missing, after saying so and (unless `yes`) asking.
pub(crate) fn prepare(purpose: Purpose, yes: bool) -> Result<()> {
    check_node()?;
    let steps: Vec<Step> = packages::missing(purpose)?.into_iter().chain(tools::missing(purpose)?).collect();
    if !steps.is_empty() {
        println!("This needs to be installed first:");
        for step in &steps {
            println!("{}", step.told);
        }
        let folders: &[Packages] = match purpose {
            Purpose::Run | Purpose::Generate => &[UI],
            Purpose::Test | Purpose::TestAll | Purpose::Bench => &[UI, BROWSER],
            Purpose::Package | Purpose::CheckPackage => &[UI, BUNDLER],
        };
        for packages in folders.iter().filter(|packages| !packages.are_installed()) {
            let Packages { folder, reason } = packages;
            println!(
                "  - npm packages in {folder}/node_modules, as {folder}/package-lock.json names them: {reason}"
            );
        }
        ask(yes)?;
        for step in steps {
            (step.install)()?;
        }
    }
    check_nasm()
}

fn check_node() -> Result<()> {
    let (major, minor) = ui::NODE;
    let hint = format!(
        "install Node {major}.{minor} or newer (https://nodejs.org, or your system's package) and try again"
    );
    let Some(version) = output(std::process::Command::new("node").arg("--version")) else {
        return Err(format!("Node is missing, which builds the window's page: {hint}"));
    };
    match major_and_minor(&version) {
        Some(version) if version >= ui::NODE => {}
        _ => return Err(format!("Node {} is too old to build the window's page: {hint}", version.trim())),
    }
    match output(UI.npm(&["--version"]).current_dir(crate::process::root())) {
        Some(_) => Ok(()),
        None => Err(format!("npm is missing, which comes with Node: {hint}")),
    }
}

/// `v20.11.1` → (20, 11).
fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim().strip_prefix('v')?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// OpenH264 builds without nasm too, silently and three times slower: then a call is not a call any more.
fn check_nasm() -> Result<()> {
    let needed = cfg!(any(target_arch = "x86_64", target_arch = "x86"));
    if needed && !exists("nasm") {
        return Err("nasm is missing: without this assembler the video codec builds three times slower than it must be. \
                    Install it (Debian: apt-get install nasm; macOS: brew install nasm; Windows: winget install NASM.NASM, \
                    and add its folder to the PATH) and try again"
            .to_owned());
    }
    Ok(())
}

fn ask(yes: bool) -> Result<()> {
    if yes || env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false") {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err("nobody is there to be asked whether to install it; say --yes to install without asking"
            .to_owned());
    }
    print!("Install it now? [Y/n] ");
    let mut answer = String::new();
    std::io::stdout()
        .flush()
        .and_then(|()| std::io::stdin().read_line(&mut answer))
        .map_err(|error| format!("the answer could not be read: {error}"))?;
    match answer.trim().to_lowercase().as_str() {
        "" | "y" | "yes" => Ok(()),
        _ => Err("nothing was installed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major_and_minor("v20.11.1\n"), Some((20, 11)));
        assert_eq!(major_and_minor("v22.0.0-nightly"), Some((22, 0)));
        assert_eq!(major_and_minor("20.1"), None);
    }
}
