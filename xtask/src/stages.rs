//! The stages of a test run, and the table of how long they took.

use std::time::{Duration, Instant};

use crate::Result;

/// How a stage went.
enum Outcome {
    Passed,
    /// Passed, but this was left out, and why.
    Partly(String),
    Failed(String),
}

/// Runs stages one after the other.
pub(crate) struct Stages {
    keep_going: bool,
    done: Vec<(&'static str, Outcome, Duration)>,
}

impl Stages {
    pub(crate) fn new(keep_going: bool) -> Self {
        Self { keep_going, done: Vec::new() }
    }

    /// Runs one stage, unless one before it failed.
    pub(crate) fn stage(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        self.stage_with_note(name, || work().map(|()| None));
    }

    /// A stage that may say what it had to leave out.
    pub(crate) fn stage_with_note(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<Option<String>>,
    ) {
        if self.has_failed() && !self.keep_going {
            return;
        }
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = match work() {
            Ok(None) => Outcome::Passed,
            Ok(Some(note)) => Outcome::Partly(note),
            Err(message) => {
                eprintln!("xtask: {message}");
                Outcome::Failed(message)
            }
        };
        self.done.push((name, outcome, start.elapsed()));
    }

    fn has_failed(&self) -> bool {
        self.done.iter().any(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)))
    }

    /// Prints the table.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n{}", self.table());
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter_map(|(name, outcome, _)| match outcome {
                Outcome::Failed(_) => Some(*name),
                Outcome::Passed | Outcome::Partly(_) => None,
            })
            .collect();
        if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
    }

    fn table(&self) -> String {
        let width = self.done.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
        let row = |name: &str, time: Duration, text: &str| {
            let row = format!("{name:width$}  {:>6.1} s  {text}", time.as_secs_f32());
            row.trim_end().to_owned()
        };
        let mut rows: Vec<String> = self
            .done
            .iter()
            .map(|(name, outcome, time)| {
                let text = match outcome {
                    Outcome::Passed => "ok".to_owned(),
                    Outcome::Partly(note) => format!("ok, but {note}"),
                    Outcome::Failed(message) => {
                        format!("FAILED: {}", message.lines().next().unwrap_or_default())
                    }
                };
                row(name, *time, &text)
            })
            .collect();
        rows.push(row("total", self.done.iter().map(|(_, _, time)| *time).sum(), ""));
        rows.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(keep_going: bool) -> Stages {
        let mut stages = Stages::new(keep_going);
        stages.stage("first", || Ok(()));
        stages.stage("second", || Err("broken\nand more".to_owned()));
        stages.stage_with_note("third", || Ok(Some("half".to_owned())));
        stages
    }

    #[test]
    fn a_failure_ends_the_run_and_stands_in_the_table() {
        let stages = run(false);
        let table = stages.table();
        assert!(table.contains("FAILED: broken") && !table.contains("third"), "{table}");
        assert_eq!(stages.finish(), Err("failed: second".to_owned()));
    }

    #[test]
    fn a_run_that_keeps_going_fails_at_the_end() {
        let stages = run(true);
        assert!(stages.table().contains("ok, but half"));
        assert!(stages.finish().is_err());
    }
}
