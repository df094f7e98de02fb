//! `sim`: the simulator, built as it has to be.

use crate::{repository, runner::in_terminal};
use anyhow::Result;
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
    repository::checked_program("cman-sim", arguments)
}

/// Runs it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut arguments = options.arguments.clone();
    if let [verb, files @ ..] = arguments.as_mut_slice()
        && verb == "replay"
    {
        files.iter_mut().for_each(make_absolute);
    }
    in_terminal(&mut command(&with_verb(&arguments)))
}

/// The simulator runs in the root of the repository; whoever names a file stands elsewhere.
fn make_absolute(file: &mut String) {
    if let Some(path) =
        std::fs::canonicalize(&*file).ok().and_then(|path| path.into_os_string().into_string().ok())
    {
        *file = path;
    }
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
