//! `model`: all interleavings of one view change, built as it has to be.

use crate::{repository, runner::in_terminal};
use anyhow::Result;
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
    repository::checked_program("cman-model", arguments)
}

/// Runs it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let arguments: Vec<&str> = options.arguments.iter().map(String::as_str).collect();
    in_terminal(&mut command(&arguments))
}
