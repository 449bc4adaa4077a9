//! What Tauri's bundler leaves out of a .deb: the libraries that its programs are linked with, and Debian's own
//! compression.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::{self, run};
use crate::{Result, files};

/// Packs a .deb again: by xz, as Debian's own packages are, which makes three quarters of the bundler's gzip of it; and
/// with every library that its programs need, glibc too, at the version from which on they start.
pub(super) fn repack(deb: &Path, folder: &Path) -> Result<()> {
    files::remove_tree(folder)?;
    let content = folder.join("content");
    let made = fs::create_dir_all(folder);
    made.map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    run(Command::new("dpkg-deb").arg("--raw-extract").args([deb, content.as_path()]))?;
    let needed = libraries(folder, &content)?;
    let control = content.join("DEBIAN/control");
    let text = fs::read_to_string(&control).map_err(|error| format!("{}: {error}", control.display()))?;
    files::write(&control, with_depends(&text, &needed)?.as_bytes())?;
    run(Command::new("dpkg-deb").args(["--root-owner-group", "-Zxz", "--build"]).args([&content, deb]))
}

/// What the programs are linked with, as a list for `Depends`.
fn libraries(folder: &Path, content: &Path) -> Result<String> {
    // dpkg-shlibdeps works in the tree of a source package.
    files::write(&folder.join("debian/control"), b"Source: tincan\n\nPackage: tincan\nArchitecture: any\n")?;
    let mut command = Command::new("dpkg-shlibdeps");
    command.current_dir(folder).arg("-O");
    for program in ["tincan-app", "tincan"] {
        command.arg(content.join("usr/bin").join(program));
    }
    let said = process::output(&mut command)
        .ok_or_else(|| format!("`{}` failed; is dpkg-dev installed?", process::display(&command)))?;
    let list = said.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    list.map(str::to_owned).ok_or_else(|| "dpkg-shlibdeps found no libraries".to_owned())
}

/// The package's description with `needed` among what it depends on. A package that both name keeps the version.
fn with_depends(control: &str, needed: &str) -> Result<String> {
    let depends = control.lines().find_map(|line| line.strip_prefix("Depends:"));
    let depends = depends.ok_or("the bundler's package depends on nothing; has its format changed?")?;
    let mut by_name: BTreeMap<&str, &str> = BTreeMap::new();
    for one in depends.split(',').chain(needed.split(',')).map(str::trim).filter(|one| !one.is_empty()) {
        let name = one.split([' ', '(']).next().unwrap_or(one);
        let known = by_name.entry(name).or_insert(one);
        if one.len() > known.len() {
            *known = one;
        }
    }
    let list = by_name.into_values().collect::<Vec<_>>().join(", ");
    let lines = control.lines().map(|line| {
        if line.starts_with("Depends:") { format!("Depends: {list}\n") } else { format!("{line}\n") }
    });
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_added_to_what_a_package_depends_on() {
        let control = "Package: tincan\nDepends: libasound2, libwebkit2gtk-4.1-0\nSection: comm\n";
        let needed = "libasound2 (>= 1.0.16), libc6 (>= 2.34)";
        assert_eq!(
            with_depends(control, needed).unwrap(),
            "Package: tincan\nDepends: libasound2 (>= 1.0.16), libc6 (>= 2.34), libwebkit2gtk-4.1-0\nSection: comm\n"
        );
        assert!(with_depends("Package: tincan\n", needed).is_err());
    }
}
