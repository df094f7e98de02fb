//! `model`: all interleavings of one view change, built as it has to be.

use crate::{repository, runner::in_shell};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// What `cargo xtask model` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Arguments for the explorer, for example `--losses 2 member`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// The explorer with these arguments: release speed, assertions on.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = repository::cargo();
    command.args(["run", "--quiet", "--profile", "sim", "--package", "cman-model", "--"]);
    command.args(arguments);
    command
}

/// Runs it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let arguments: Vec<&str> = options.arguments.iter().map(String::as_str).collect();
    let mut command = command(&arguments);
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("`{}` failed", in_shell(&command));
    }
    Ok(())
}
