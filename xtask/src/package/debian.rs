//! Debian 12 as a folder to change root into. Packages are built against it, because what is linked with a newer system's
//! libraries does not start on an older one, and they are tried in a fresh one, which has only what they ask for.
//!
//! It takes root's rights. Everything is mounted in a mount namespace of its own, so that nothing stays mounted however
//! the command ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, root, run, target_dir};
use crate::setup::packages::{BUILD, names};
use crate::{Result, files};

/// The oldest system that the packages are for.
const RELEASE: &str = "bookworm";
const VERSION: &str = "12";
/// A file in a folder that was made completely.
const COMPLETE: &str = "etc/tincan-complete";

/// Where the programs of a Linux package are compiled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Builder {
    /// Here: this is the system that the packages are for.
    Here,
    /// In a folder that holds that system.
    Folder,
    /// Here, although what comes of it will not start on older systems, for this reason.
    HereForNewer(&'static str),
}

/// Chooses by what this machine is and lets us do.
pub(super) fn builder() -> Builder {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    choose(&release, process::is_root(), process::exists("debootstrap"))
}

fn choose(os_release: &str, is_root: bool, has_debootstrap: bool) -> Builder {
    let says = |line: &str| os_release.lines().any(|one| one.replace('"', "") == line);
    if says("ID=debian") && says(&format!("VERSION_ID={VERSION}")) {
        Builder::Here
    } else if !has_debootstrap {
        Builder::HereForNewer("debootstrap is missing, which makes a Debian 12 to build in")
    } else if !is_root {
        Builder::HereForNewer("building in a Debian 12 of its own takes root's rights")
    } else {
        Builder::Folder
    }
}

/// Runs cargo with `arguments` in Debian 12; returns the folder that it builds to.
pub(super) fn cargo(arguments: &[&str]) -> Result<PathBuf> {
    let folder = with_compilers()?;
    let target = target_dir()?.join("debian-12");
    let made = fs::create_dir_all(&target);
    made.map_err(|error| format!("{} cannot be made: {error}", target.display()))?;
    let home = |variable: &str, usual: &str| {
        std::env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| {
            PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(usual)
        })
    };
    let (cargo_home, rustup_home) = (home("CARGO_HOME", ".cargo"), home("RUSTUP_HOME", ".rustup"));
    let quoted: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "cd '{}' && CARGO_HOME='{cargo}' RUSTUP_HOME='{}' CARGO_TARGET_DIR='{}' PATH='{cargo}/bin':$PATH cargo {}",
        root().display(),
        rustup_home.display(),
        target.display(),
        quoted.join(" "),
        cargo = cargo_home.display(),
    );
    inside(&folder, &[&root(), &cargo_home, &rustup_home, &target], &script)?;
    Ok(target)
}

/// Installs `package` in a fresh Debian 12 by what it says that it needs, and runs what is in it.
pub(super) fn try_package(package: &Path) -> Result<()> {
    let folder = target_dir()?.join("xtask/debian-12-fresh");
    files::remove_tree(&folder)?;
    run(Command::new("cp").arg("--archive").args([bare()?.as_path(), folder.as_path()]))?;
    let inner = folder.join("tincan.deb");
    fs::copy(package, &inner).map_err(|error| format!("{} cannot be copied: {error}", package.display()))?;
    let script = "set -e
        export DEBIAN_FRONTEND=noninteractive
        apt-get update --quiet
        apt-get install --quiet --yes --no-install-recommends /tincan.deb
        for program in /usr/bin/tincan /usr/bin/tincan-app; do
            if ldd $program | grep 'not found'; then echo \"$program lacks a library\"; exit 1; fi
            $program --version
        done
        tincan try --for 5s";
    inside(&folder, &[], script)?;
    println!("it installs and runs on a Debian 12 that has nothing else");
    files::remove_tree(&folder)
}

/// What both kinds are made of.
fn bare() -> Result<PathBuf> {
    let folder = target_dir()?.join("xtask/debian-12");
    if !folder.join(COMPLETE).exists() {
        files::remove_tree(&folder)?;
        run(Command::new("debootstrap").args(["--variant=minbase", RELEASE]).arg(&folder))?;
        // Names are looked up as here.
        fs::copy("/etc/resolv.conf", folder.join("etc/resolv.conf"))
            .map_err(|error| format!("/etc/resolv.conf cannot be copied: {error}"))?;
        complete(&folder)?;
    }
    Ok(folder)
}

fn with_compilers() -> Result<PathBuf> {
    let folder = target_dir()?.join("xtask/debian-12-compilers");
    if !folder.join(COMPLETE).exists() {
        files::remove_tree(&folder)?;
        run(Command::new("cp").arg("--archive").args([bare()?.as_path(), folder.as_path()]))?;
        fs::remove_file(folder.join(COMPLETE)).map_err(|error| format!("{}: {error}", folder.display()))?;
        let script = format!(
            "export DEBIAN_FRONTEND=noninteractive
             apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends ca-certificates {}",
            names(BUILD).join(" ")
        );
        inside(&folder, &[], &script)?;
        complete(&folder)?;
    }
    Ok(folder)
}

fn complete(folder: &Path) -> Result<()> {
    files::write(&folder.join(COMPLETE), b"")
}

/// Runs a script in the folder, where `shared` folders of this machine are at their own paths.
fn inside(folder: &Path, shared: &[&Path], script: &str) -> Result<()> {
    let mut mounts = format!(
        "set -e; cd '{}'; mount -t proc proc proc; mount --rbind /dev dev; mount -t tmpfs tmpfs tmp; ",
        folder.display()
    );
    for path in shared {
        mounts += &format!("mkdir -p './{0}'; mount --bind '{0}' './{0}'; ", path.display());
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "--fork", "sh", "-c"]).arg(mounts + "exec chroot . sh -c \"$1\"");
    command.args(["sh", script]);
    run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_built_on_the_oldest_system_that_they_are_for() {
        let debian = "ID=debian\nVERSION_ID=\"12\"\n";
        let newer = "ID=ubuntu\nVERSION_ID=\"24.04\"\n";
        assert_eq!(choose(debian, false, false), Builder::Here);
        assert_eq!(choose(newer, true, true), Builder::Folder);
        assert_eq!(choose("ID=debian\nVERSION_ID=\"13\"\n", true, true), Builder::Folder);
        assert!(matches!(choose(newer, false, true), Builder::HereForNewer(_)));
        assert!(matches!(choose("", true, false), Builder::HereForNewer(_)));
    }
}
