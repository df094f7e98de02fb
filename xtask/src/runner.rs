//! Running a stage: heading, duration, counting, how to repeat it.

use crate::{repository::root, tally::Tally};
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
    sync::mpsc::{Sender, channel},
    thread::spawn,
    time::Instant,
};

/// Runs stages one after the other and remembers how they went.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    tally: Tally,
}

/// What a stage counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// One check, whatever it prints.
    One,
    /// The tests in the closing lines of the test runners it prints.
    Tests,
}

impl Runner {
    /// What all stages so far add up to.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Runs a stage that is a command. A failure names the command that repeats it.
    pub(crate) fn command(
        &mut self,
        name: &str,
        counting: Counting,
        mut command: Command,
    ) -> Result<()> {
        let again = in_shell(&command);
        self.stage(name, &again, || {
            let (tally, success) = run_and_count(&mut command)?;
            Ok(match (counting, success) {
                (Counting::Tests, true) if tally == Tally::default() => {
                    bail!("no tests ran: a stage without tests proves nothing")
                }
                (Counting::Tests, true) => tally,
                // A build that fails has no closing line, and yet it failed.
                (Counting::Tests, false) => Tally { failed: tally.failed.max(1), ..tally },
                (Counting::One, true) => Tally { passed: 1, failed: 0 },
                (Counting::One, false) => Tally { passed: 0, failed: 1 },
            })
        })
    }

    /// Runs a stage that is a function. `again` is the command that repeats it.
    pub(crate) fn stage(
        &mut self,
        name: &str,
        again: &str,
        stage: impl FnOnce() -> Result<Tally>,
    ) -> Result<()> {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = stage();
        self.tally += *outcome.as_ref().unwrap_or(&Tally { passed: 0, failed: 1 });
        let failed = !matches!(outcome, Ok(Tally { failed: 0, .. }));
        let verdict = if failed { "FAILED" } else { "ok" };
        println!("=== {name}: {verdict} after {:.1} s", start.elapsed().as_secs_f64());
        if failed {
            let why = outcome.err().map_or_else(String::new, |error| format!(" ({error:#})"));
            bail!("{name} failed{why}; to repeat it: {again}");
        }
        Ok(())
    }
}

/// Runs a command of cargo that keeps the terminal.
pub(crate) fn in_terminal(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("`{}` failed", in_shell(command));
    }
    Ok(())
}

/// A command as one would type it, in the root of the repository.
pub(crate) fn in_shell(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let (Some(value), true) = (value, name != "PATH") {
            words.push(format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())));
        }
    }
    let program = std::path::Path::new(command.get_program());
    words.push(program.file_name().unwrap_or_default().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|argument| quoted(&argument.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Runs a command, passes on what it prints, and counts the tests in it. Also tells whether the
/// command succeeded.
fn run_and_count(command: &mut Command) -> Result<(Tally, bool)> {
    let mut child = command
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let (sender, lines) = channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, sender);
    }
    let mut tally = Tally::default();
    // Ends when both channels of the child are closed.
    for line in lines {
        let line = String::from_utf8_lossy(&line);
        tally += Tally::of_line(&line);
        print!("{line}");
    }
    Ok((tally, child.wait()?.success()))
}

fn forward(from: impl Read + Send + 'static, to: Sender<Vec<u8>>) {
    spawn(move || {
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            match from.read_until(b'\n', &mut line) {
                Ok(1..) if to.send(line).is_ok() => {}
                _ => return,
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let mut command = Command::new("/usr/bin/cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "it's"]);
        assert_eq!(in_shell(&command), "RUSTDOCFLAGS='-D warnings' cargo doc 'it'\\''s'");
    }

    #[test]
    fn tests_are_counted_and_failures_believed() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo 'test result: ok. 3 passed; 0 failed;' >&2; exit 1"]);
        assert_eq!(run_and_count(&mut shell).unwrap(), (Tally { passed: 3, failed: 0 }, false));
        let mut runner = Runner::default();
        assert!(runner.command("it", Counting::Tests, shell).is_err());
        assert_eq!(runner.tally(), Tally { passed: 3, failed: 1 });
    }

    #[test]
    fn a_test_stage_without_tests_fails() {
        let mut runner = Runner::default();
        assert!(runner.command("it", Counting::Tests, Command::new("true")).is_err());
    }
}
