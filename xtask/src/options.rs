//! What was typed.

use crate::Result;

/// A whole command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) action: Action,
    /// Install what is missing without asking.
    pub(crate) yes: bool,
}

/// The commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Help(Topic),
    Run(Run),
    Test(Test),
    Generate,
    Bench(Bench),
    Package(Package),
    Pictures,
}

/// What help is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    All,
    Run,
    Test,
    Generate,
    Bench,
    Package,
    Pictures,
}

/// `cargo xtask run`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) release: bool,
    /// For the app.
    pub(crate) arguments: Vec<String>,
}

/// `cargo xtask test`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Test {
    /// The tests that are too slow for every day, too.
    pub(crate) all: bool,
    pub(crate) keep_going: bool,
    /// Only the tests whose names contain one of these, and no other stage.
    pub(crate) filters: Vec<String>,
}

/// `cargo xtask bench`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bench {
    /// For the program that measures, which knows what they mean.
    pub(crate) arguments: Vec<String>,
}

/// `cargo xtask package`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    /// Install it, try it and remove it again.
    pub(crate) check: bool,
}

impl Options {
    /// Reads the arguments after `cargo xtask`.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut arguments = arguments.into_iter();
        let command = arguments.next();
        let mut action = match command.as_deref() {
            None | Some("help" | "--help" | "-h") => Action::Help(Topic::All),
            Some("run") => Action::Run(Run::default()),
            Some("test") => Action::Test(Test::default()),
            Some("generate") => Action::Generate,
            Some("bench") => Action::Bench(Bench::default()),
            Some("package") => Action::Package(Package::default()),
            Some("pictures") => Action::Pictures,
            Some(other) => return Err(format!("there is no command `{other}`.\n\n{}", help(Topic::All))),
        };
        let mut yes = false;
        while let Some(argument) = arguments.next() {
            match (argument.as_str(), &mut action) {
                ("--help" | "-h", action) => {
                    let topic = action.topic();
                    return Ok(Self { action: Action::Help(topic), yes });
                }
                ("--yes" | "-y", _) => yes = true,
                ("--release", Action::Run(run)) => run.release = true,
                ("--", Action::Run(run)) => run.arguments.extend(arguments.by_ref()),
                ("--check", Action::Package(package)) => package.check = true,
                ("--window" | "--networks" | "--mesh" | "--files" | "--screen", Action::Bench(bench)) => {
                    bench.arguments.push(argument)
                }
                ("--seconds" | "--rounds" | "--random" | "--height" | "--only", Action::Bench(bench)) => {
                    let value = arguments.next().ok_or_else(|| format!("{argument} takes a value"))?;
                    bench.arguments.extend([argument, value]);
                }
                ("--all", Action::Test(test)) => test.all = true,
                ("--keep-going" | "-k", Action::Test(test)) => test.keep_going = true,
                (filter, Action::Test(test)) if !filter.starts_with('-') => test.filters.push(argument),
                (other, action) => {
                    return Err(format!("`{other}` is not understood here.\n\n{}", help(action.topic())));
                }
            }
        }
        Ok(Self { action, yes })
    }
}

impl Action {
    fn topic(&self) -> Topic {
        match self {
            Self::Help(topic) => *topic,
            Self::Run(_) => Topic::Run,
            Self::Test(_) => Topic::Test,
            Self::Generate => Topic::Generate,
            Self::Bench(_) => Topic::Bench,
            Self::Package(_) => Topic::Package,
            Self::Pictures => Topic::Pictures,
        }
    }
}

/// The help text.
pub(crate) fn help(topic: Topic) -> &'static str {
    match topic {
        Topic::All => {
            "\
Usage: cargo xtask COMMAND [--yes]

Commands:
  run       installs what a build needs, builds the window's page and the app, and starts it
  test      installs what the tests need, and runs every check there is; prints how long each took
  generate  writes the TypeScript types of the window anew from the Rust ones
  bench     calls between Tincan and between Chromium, in turns, and one table of both
  package   makes the packages that people install
  pictures  takes the README's pictures anew

Each says what it would install, and asks first; --yes (or CI in the environment) installs without asking.
`cargo xtask COMMAND --help` says more."
        }
        Topic::Run => {
            "\
Usage: cargo xtask run [--release] [--yes] [-- APP ARGUMENTS]

Builds and starts Tincan.

  --release   optimised as it is shipped; takes longer to build
  --yes       install what is missing without asking
  -- …        for the app, such as: cargo xtask run -- --camera test-pattern --microphone tone
              `cargo xtask run -- --help` lists them"
        }
        Topic::Test => {
            "\
Usage: cargo xtask test [--all] [--keep-going] [--yes] [FILTER…]

Runs formatting, lints, documentation, the unit tests of both halves, the drift of generated types, licences and
sources of dependencies, and whole calls between real programs; then prints how long each took.

  --all         also the tests that are marked as slow (#[ignore]), fuzzing, and whether it compiles for Windows
  --keep-going  go on after a stage that failed
  --yes         install what is missing without asking
  FILTER        only the Rust tests whose names contain it, and no other stage"
        }
        Topic::Bench => {
            "\
Usage: cargo xtask bench [--seconds N] [--rounds N] [--window] [--networks] [--random SEED] [--only PART]
                         [--yes]
       cargo xtask bench --mesh [--height N] [--seconds N] [--rounds N] [--yes]
       cargo xtask bench --files [--rounds N] [--only PART] [--yes]
       cargo xtask bench --screen [--rounds N] [--yes]

Builds as it is shipped, then measures calls between two Tincan and between two Chromium on the same clip at the same
bitrate, in turns, and prints one table: time to the first picture, delay, processor and memory, and which bars are met.
Leave the machine alone meanwhile. Linux only.

  --seconds N  how long each call is measured after it has warmed up (20)
  --rounds N   how often; medians count (3)
  --window     real windows too, on screens in memory
  --networks   bad networks too, those of tests/networks.txt, in namespaces: takes root's rights
  --random SEED  ten bad networks that the seed draws, in place of those
  --mesh       rooms of two to eight people instead, each beside the same mesh of Chromium, as far as the machine goes
  --files      files between two programs instead, beside magic-wormhole (from PyPI, into target/wormhole); root's rights
  --screen     a shared screen instead, beside Chromium's: pages turned, prose that scrolls, a page that stands still
  --height N   of the camera's pictures in rooms, in lines (720)
  --only PART  `calls`, `sound`, or with --networks words of a network's name, such as \"500 kbit\"
  --yes        install what is missing without asking"
        }
        Topic::Package => {
            "\
Usage: cargo xtask package [--check] [--yes]

Makes what people install, below target/release/bundle: .deb and .rpm on Linux, .msi on Windows, .dmg on macOS.

  --check  on Debian, as root: also installs the .deb, starts it from its menu entry, opens an invite link, removes it,
           and looks for what is left behind
  --yes    install what is missing without asking"
        }
        Topic::Pictures => {
            "\
Usage: cargo xtask pictures [--yes]

Takes the pictures that the README shows (docs/home.png, docs/call.png, docs/share.png): the real window on a screen in
memory, in a call with three drawn people. Linux only."
        }
        Topic::Generate => {
            "\
Usage: cargo xtask generate [--yes]

Writes ui/src/core/generated anew from the types in crates/engine/src/api. `cargo xtask test` fails when they differ."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_after_two_dashes_is_for_the_app() {
        let Action::Run(run) = parse("run --release -- --camera test-pattern --yes").unwrap().action else {
            panic!("run was asked for");
        };
        assert!(run.release);
        assert_eq!(run.arguments, ["--camera", "test-pattern", "--yes"]);
    }

    #[test]
    fn filters_and_flags_of_test_mix() {
        let options = parse("test mute --yes --all jitter -k").unwrap();
        assert!(options.yes);
        let Action::Test(test) = options.action else { panic!("test was asked for") };
        assert_eq!(test, Test { all: true, keep_going: true, filters: vec!["mute".into(), "jitter".into()] });
    }

    #[test]
    fn numbers_go_on_to_the_program_that_measures() {
        let Action::Bench(bench) = parse("bench --mesh --height 360 --yes").unwrap().action else {
            panic!("bench was asked for");
        };
        assert_eq!(bench.arguments, ["--mesh", "--height", "360"]);
        assert_eq!(parse("package --check").unwrap().action, Action::Package(Package { check: true }));
    }

    #[test]
    fn help_is_about_the_command_that_it_was_asked_of() {
        assert_eq!(parse("").unwrap().action, Action::Help(Topic::All));
        assert_eq!(parse("test --help").unwrap().action, Action::Help(Topic::Test));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "dance",
            "run --all",
            "test --release",
            "generate now",
            "bench --check",
            "bench --seconds",
            "package all",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
