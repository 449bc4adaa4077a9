//! The fuzz targets: built and run as `cargo fuzz` would, without installing it. (`cargo fuzz run TARGET` works as well.)

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::process::{cargo, display, output, root, run, target_dir};

/// For each target: long enough that what a quarter of a million inputs find is found in every run.
const SECONDS: u32 = 60;
/// As many as this run at once: a machine of two cores has one for each.
const AT_ONCE: usize = 2;
/// What makes the compiler count which way an input goes, as `cargo fuzz --sanitizer none` has it; all of it works on
/// stable Rust.
const FLAGS: &str = "--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Builds all targets and runs each for a minute.
pub(crate) fn run_all() -> Result<()> {
    let folder = target_dir()?.join("fuzz");
    let host = host()?;
    // Naming the target keeps the flags away from build scripts and procedural macros.
    let mut build =
        cargo(&["build", "--locked", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host]);
    run(build.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &folder))?;
    let programs = folder.join(&host).join("release");
    let mut failed = Vec::new();
    for some in targets()?.chunks(AT_ONCE) {
        let running: Vec<_> =
            some.iter().map(|name| start(name, &programs, &folder)).collect::<Result<_>>()?;
        for (name, mut child) in some.iter().zip(running) {
            let passed = child.wait().is_ok_and(|status| status.success());
            let log = fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
            if passed {
                let done = log.lines().rev().find(|line| line.contains("DONE")).unwrap_or("ran");
                println!("{name:14} {}", done.trim_start_matches('#'));
            } else {
                let tail: Vec<&str> = log.lines().rev().take(40).collect();
                println!("{name}:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
                failed.push(name.clone());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let inputs = folder.join("found");
    Err(format!("{} broke on an input that is kept in {}", failed.join(", "), inputs.display()))
}

fn start(name: &str, programs: &Path, folder: &Path) -> Result<std::process::Child> {
    let (corpus, found) = (folder.join("corpus").join(name), folder.join("found"));
    let made = fs::create_dir_all(&corpus).and_then(|()| fs::create_dir_all(&found));
    let log = made.and_then(|()| File::create(folder.join(format!("{name}.log"))));
    let log = log.map_err(|error| format!("{} cannot be written: {error}", folder.display()))?;
    let mut command = Command::new(programs.join(name));
    command.arg(format!("-max_total_time={SECONDS}")).arg(format!("-artifact_prefix={}/", found.display()));
    // 5 s: what takes longer on one input would stop a call.
    command.args(["-timeout=5", "-rss_limit_mb=2048", "-print_final_stats=0"]).arg(&corpus);
    // What was found before is where it begins; what is known to be sound is in the repository.
    let seeds = root().join("fuzz/seeds").join(name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    let shown = display(&command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| format!("`{shown}` could not be started: {error}"))
}

/// The names of the files in `fuzz/targets`.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Such as `x86_64-unknown-linux-gnu`.
fn host() -> Result<String> {
    let version = output(Command::new("rustc").arg("-vV")).ok_or("`rustc -vV` failed; is Rust installed?")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "`rustc -vV` names no host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_in_the_folder_is_built() {
        let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        assert!(!targets.is_empty());
        for name in targets {
            assert!(
                manifest.contains(&format!("path = \"targets/{name}.rs\"")),
                "{name} is not in fuzz/Cargo.toml"
            );
        }
    }
}
