//! `promises`: everything that is promised of simulated clusters, at the length a release needs.
//!
//! Nothing here is new: a list of commands that can be typed one by one. `cargo xtask test` runs
//! the same ones much shorter.

use crate::{repository, runner::in_shell};
use anyhow::{Context, Result, ensure};
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// What shows that the promises are kept, as arguments of `cargo xtask`.
const COMMANDS: &[&[&str]] = &[
    &["sim", "run", "--silent", "--seeds", "20000", "--keep-going"],
    &["sim", "run", "--seeds", "3000", "--keep-going"],
    &["sim", "run", "--only", "permanent", "--seeds", "400", "--keep-going"],
    &["sim", "scale", "--nodes", "100,1000"],
    &["sim", "scenario", "thousand-nodes-lose-100"],
    &["sim", "scenario", "thousand-nodes-heal-500-500"],
    &["model"],
    &["mutants"],
    &["mutants", "--model"],
];

/// How one command went.
#[derive(Debug)]
struct Outcome {
    /// As one would type it.
    typed: String,
    kept: bool,
    took: Duration,
}

/// Runs all of them, also after one that failed, and says at the end how each went.
pub(crate) fn run() -> Result<()> {
    let mut outcomes = Vec::new();
    for (at, arguments) in COMMANDS.iter().enumerate() {
        let mut command = repository::cargo();
        command.arg("xtask").args(*arguments);
        println!("\n=== {} of {}: {}", at + 1, COMMANDS.len(), in_shell(&command));
        outcomes.push(outcome(&mut command)?);
    }
    println!("\n=== all promises");
    outcomes.iter().for_each(|outcome| println!("{}", told(outcome)));
    let broken = outcomes.iter().filter(|outcome| !outcome.kept).count();
    ensure!(broken == 0, "{broken} of {} failed; each line above repeats one", outcomes.len());
    Ok(())
}

/// Runs one command. It keeps the terminal, so that it can show how far it is.
fn outcome(command: &mut Command) -> Result<Outcome> {
    let start = Instant::now();
    let status = command.status().context("cannot run cargo")?;
    Ok(Outcome { typed: in_shell(command), kept: status.success(), took: start.elapsed() })
}

/// A line of the summary.
fn told(outcome: &Outcome) -> String {
    let verdict = if outcome.kept { "ok" } else { "FAILED" };
    format!("{verdict:<6}  {:>7.1} s  {}", outcome.took.as_secs_f64(), outcome.typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_told_with_the_command_that_repeats_it() {
        let mut command = Command::new("false");
        command.arg("it");
        let mut failed = outcome(&mut command).unwrap();
        failed.took = Duration::from_millis(1250);
        assert_eq!(told(&failed), "FAILED      1.2 s  false it");
        assert!(outcome(&mut Command::new("true")).unwrap().kept);
    }
}
