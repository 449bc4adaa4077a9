//! Starting other programs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("xtask lies in the workspace").to_owned()
}

/// `cargo`, the one that runs this, in the workspace's folder and in the environment that it has when it is typed. What
/// `cargo xtask` adds about its own package would be a change to some build scripts (ring's watches it), and compile
/// everything above them anew each time the two ways alternate.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(root());
    command
}

/// The command as it would be typed, to try it again by hand.
pub(crate) fn display(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args()).map(|word| {
        let word = word.to_string_lossy();
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "()'\"$&|;*".contains(c)) {
            format!("'{word}'")
        } else {
            word.into_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Runs to the end, output to ours.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = display(command);
    println!("$ {shown}");
    let status = command.status().map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) }
}

/// What it prints; `None` when it cannot be started or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether whoever runs this may do everything on this machine (Unix).
pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

/// Whether a program of this name is in the PATH.
pub(crate) fn exists(name: &str) -> bool {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(&file).is_file()))
}

/// Where cargo builds to, whatever the environment and configuration say about it.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = output(&mut cargo(&["metadata", "--format-version=1", "--no-deps", "--offline"]))
        .or_else(|| output(&mut cargo(&["metadata", "--format-version=1", "--no-deps"])))
        .ok_or("`cargo metadata` failed; is the workspace's Cargo.toml sound?")?;
    let (_, rest) =
        metadata.split_once(r#""target_directory":""#).ok_or("`cargo metadata` names no target folder")?;
    let (folder, _) = rest.split_once('"').ok_or("`cargo metadata` names no target folder")?;
    Ok(PathBuf::from(folder.replace(r"\\", r"\")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["nextest", "run", "-E", "not package(x)"]);
        assert_eq!(display(&command), "cargo nextest run -E 'not package(x)'");
    }

    #[test]
    fn the_workspace_is_found() {
        assert!(root().join("xtask/Cargo.toml").is_file());
        assert!(target_dir().unwrap().is_absolute());
    }
}
