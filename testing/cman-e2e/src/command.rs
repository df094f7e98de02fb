//! Running a program and saying what went wrong.

use anyhow::{Context, Result, bail};
use std::{
    ffi::OsString,
    io::Write,
    os::unix::process::CommandExt,
    process::{Command, Output, Stdio},
};

/// A command for a program of the system, found also where only root's `PATH` leads.
#[must_use]
pub fn system_command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", system_path());
    command
}

/// The `PATH` of this process with the directories of system administration.
#[must_use]
pub fn system_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

/// Runs `program` to its end and returns what it printed. A failure names the command and what
/// it said on stderr.
pub fn run(program: &str, args: &[&str]) -> Result<String> {
    run_with_input(program, args, "")
}

/// As [`run`], with `input` on the program's stdin. The program runs in a process group of its
/// own: a Ctrl-C must not interrupt the command that cleans up after the first one.
pub fn run_with_input(program: &str, args: &[&str], input: &str) -> Result<String> {
    let mut child = system_command(program)
        .args(args)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}: is it installed?"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that fails before it has read everything explains itself on stderr.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(|| format!("cannot wait for {program}"))?;
    if !output.status.success() {
        bail!("`{program} {}` failed: {}", args.join(" "), explain(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a failed program said, in one line where possible.
fn explain(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    if said.is_empty() { output.status.to_string() } else { said.to_owned() }
}
