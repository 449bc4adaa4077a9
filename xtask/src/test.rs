//! `cargo xtask test`.
//!
//! Everything that compiles for good (tests, programs, whole calls) names the same packages in one profile, since fewer
//! packages would have fewer features and compile their dependencies a second time.

use std::path::Path;
use std::process::Command;

use crate::npm::{BROWSER, UI};
use crate::options::{Options, Test};
use crate::process::{cargo, output, root, run as run_command, target_dir};
use crate::setup::{self, Purpose};
use crate::stages::Stages;
use crate::{Result, fuzz, generate, ui, windows};

/// Whole calls live in this package; its architecture test is quick and needs no programs.
const UNIT: &str = "not package(tincan-tests) + (package(tincan-tests) & binary(architecture))";
const WHOLE_CALLS: &str = "package(tincan-tests) & not binary(architecture)";
/// Where proptest looks for the seed of its random cases.
const SEED: &str = "PROPTEST_RNG_SEED";

pub(crate) fn run(options: &Options, test: &Test) -> Result<()> {
    let target = target_dir()?;
    let everything = test.filters.is_empty();
    let mut stages = Stages::new(test.keep_going);

    let purpose = if test.all { Purpose::TestAll } else { Purpose::Test };
    stages.stage("set up", || setup::prepare(purpose, options.yes));
    stages.stage("ui: packages", || UI.install());
    stages.stage("browser: packages", || BROWSER.install());
    stages.stage("ui: build", ui::build);
    if everything {
        stages.stage("format", || run_command(&mut cargo(&["fmt", "--all", "--check"])));
        for (name, script) in [("ui: types", "check"), ("ui: lint", "lint"), ("ui: tests", "test")] {
            stages.stage(name, || run_command(&mut UI.npm(&["run", script])));
        }
        stages.stage("browser: types", || run_command(&mut BROWSER.npm(&["run", "check"])));
        stages.stage("clippy", || {
            run_command(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
        });
        stages.stage("documentation", || {
            // With the examples, for the features: without, clippy's work on the dependencies could not be used again.
            let mut command = cargo(&["doc", "--workspace", "--no-deps", "--lib", "--bins", "--examples"]);
            run_command(command.env("RUSTDOCFLAGS", "-D warnings"))
        });
        stages.stage_with_note("dependencies", check_dependencies);
    }
    stages.stage("build", || run_command(&mut cargo(&["build", "--workspace", "--all-targets"])));
    stages.stage("tests", || {
        let types = generate::start_afresh()?;
        nextest(test, UNIT, &target, &types)?;
        if everything { generate::check(&types) } else { Ok(()) }
    });
    stages.stage("whole calls", || nextest(test, WHOLE_CALLS, &target, &generate::start_afresh()?));
    if everything && test.all && cfg!(unix) {
        stages.stage("fuzzing", fuzz::run_all);
    }
    if everything && test.all && windows::can_be_checked() {
        stages.stage("windows: compiles", windows::check);
    }
    stages.finish()
}

fn nextest(test: &Test, set: &str, target: &Path, types: &Path) -> Result<()> {
    let mut command = cargo(&["nextest", "run", "--workspace", "-E", set]);
    if test.all {
        command.arg("--run-ignored=all");
    }
    if test.keep_going {
        command.arg("--no-fail-fast");
    }
    if !test.filters.is_empty() {
        // The filter may match nothing in one of the two sets.
        command.arg("--no-tests=pass").args(&test.filters);
    }
    if let Some(seed) = seed() {
        println!("random cases are drawn by {SEED}={seed}");
        command.env(SEED, seed);
    }
    run_command(command.env("TINCAN_BIN_DIR", target.join("debug")).env(generate::EXPORT_DIR, types))
}

/// What random cases are drawn by: new ones for each state of the sources, and for one state the same ones wherever it is
/// tested. A failure is so seen by everybody who tests that state, and a test that passed passes again. `None`: somebody
/// chose a seed, or this is no clone, and proptest draws one of its own.
fn seed() -> Option<String> {
    if std::env::var_os(SEED).is_some() {
        return None;
    }
    let tree = output(Command::new("git").args(["rev-parse", "HEAD^{tree}"]).current_dir(root()))?;
    u64::from_str_radix(tree.get(..16)?, 16).ok().map(|seed| seed.to_string())
}

/// Licences, duplicates and sources always; known vulnerabilities when their database can be fetched.
fn check_dependencies() -> Result<Option<String>> {
    run_command(&mut cargo(&["deny", "--log-level=error", "check", "bans", "licenses", "sources"]))?;
    if output(&mut cargo(&["deny", "fetch", "db"])).is_none() {
        return Ok(Some(
            "known vulnerabilities were not checked: their database could not be fetched".to_owned(),
        ));
    }
    run_command(&mut cargo(&["deny", "--log-level=error", "check", "--disable-fetch", "advisories"]))?;
    Ok(None)
}
