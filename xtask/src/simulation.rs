//! `sim`: the simulator, built as it has to be.

use crate::{repository, runner::in_shell};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// What `cargo xtask sim` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Arguments for the simulator, for example `--seeds 1000 --nodes 5`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// The simulator with these arguments: release speed, assertions on.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = repository::cargo();
    command.args(["run", "--quiet", "--profile", "sim", "--package", "cman-sim", "--"]);
    command.args(arguments);
    command
}

/// Runs it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let arguments = with_verb(&options.arguments);
    let mut command = command(&arguments);
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("`{}` failed", in_shell(&command));
    }
    Ok(())
}

/// `--seeds 5` alone means `run --seeds 5`.
fn with_verb(arguments: &[String]) -> Vec<&str> {
    let arguments = arguments.iter().map(String::as_str);
    match arguments.clone().next() {
        Some(first) if first.starts_with("--") && first != "--help" => {
            std::iter::once("run").chain(arguments).collect()
        }
        Some(_) => arguments.collect(),
        None => vec!["--help"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_alone_mean_run() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(with_verb(&words("--seeds 5")), ["run", "--seeds", "5"]);
        assert_eq!(with_verb(&words("scenario old-hello")), ["scenario", "old-hello"]);
        assert_eq!(with_verb(&[]), ["--help"]);
    }
}
