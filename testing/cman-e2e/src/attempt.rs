//! Programs that are expected to fail, and to say why.

use crate::{lease, node::Node};
use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
    process::{Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Starts the daemon of a node, which must end with exit code 1 within `bound`, say all of
/// `words`, and leave nothing half-started behind. Returns what it said.
pub fn refused_start(node: &mut Node, words: &[&str], bound: Duration) -> Result<String> {
    fs::write(node.log_file(), "")?;
    node.start()?;
    let status = node.wait_exit(bound)?;
    let said = node.log();
    ensure!(status.code() == Some(1), "cmand ended with {status} and said\n{said}");
    expect_words(&said, words)?;
    expect_nothing_left(&node.run_dir())?;
    Ok(said)
}

/// Runs a program to its end, which must come within `bound`.
pub fn bounded(command: &mut Command, bound: Duration) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let deadline = Instant::now() + bound;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            let output = child.wait_with_output()?;
            anyhow::bail!("{command:?} did not end within {bound:?}; {}", said(&output));
        }
        sleep(Duration::from_millis(5));
    }
    Ok(child.wait_with_output()?)
}

/// Runs a program that must end with this exit code and say all of `words` on stderr (or, asked
/// for JSON, on stdout). Returns what it said.
pub fn refused(command: &mut Command, code: i32, words: &[&str]) -> Result<String> {
    let output = bounded(command, Duration::from_secs(30))?;
    let said = said(&output);
    ensure!(
        output.status.code() == Some(code),
        "{command:?} ended with {} instead of {code} and said\n{said}",
        output.status
    );
    expect_words(&said, words)?;
    Ok(said)
}

/// Fails unless all words are said, in whatever case.
pub fn expect_words(said: &str, words: &[&str]) -> Result<()> {
    let folded = said.to_lowercase();
    for word in words {
        ensure!(folded.contains(&word.to_lowercase()), "no word of {word:?} in\n{said}");
    }
    ensure!(!folded.contains("panicked"), "it panicked:\n{said}");
    Ok(())
}

/// What a daemon leaves in its run directory on purpose: a lock, released, whose file must stay so
/// that no two daemons hold two locks of one name, and the page of the lease for clients that have
/// it open.
const STAYS: [&str; 2] = ["cmand.lock", lease::FILE];

/// Fails if anything else is in a run directory, if its lock is held, or if the lease does not say
/// that the node may not act.
pub fn expect_nothing_left(run_dir: &Path) -> Result<()> {
    let entries = match fs::read_dir(run_dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("cannot read {}", run_dir.display()))?,
    };
    for entry in entries {
        let path = entry?.path();
        let stays = STAYS.iter().any(|name| path.ends_with(name));
        ensure!(stays, "{} was left behind", path.display());
        if path.ends_with(lease::FILE) {
            let deadline = lease::deadline_in(run_dir)?;
            ensure!(deadline == 0, "{} still allows to act", path.display());
        } else {
            let lock = File::open(&path)?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive)
                .with_context(|| format!("somebody holds {}", path.display()))?;
        }
    }
    Ok(())
}

/// What a program printed on both channels.
#[must_use]
pub fn said(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("{stdout}{stderr}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let mut sleeper = Command::new("sleep");
        let error = bounded(sleeper.arg("60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("did not end"));
    }

    #[test]
    fn what_is_left_is_found() {
        let directory = std::env::temp_dir().join(format!("cman-left-{}", std::process::id()));
        assert!(expect_nothing_left(&directory).is_ok(), "nothing is there at all");
        fs::create_dir(&directory).unwrap();
        let lock = File::create(directory.join("cmand.lock")).unwrap();
        assert!(expect_nothing_left(&directory).is_ok());
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        let held = expect_nothing_left(&directory);
        drop(lock);
        fs::write(directory.join("cman.sock.new"), "").unwrap();
        let left = expect_nothing_left(&directory);
        fs::remove_dir_all(&directory).unwrap();
        assert!(held.unwrap_err().to_string().contains("cmand.lock"));
        assert!(left.unwrap_err().to_string().contains("cman.sock.new was left behind"));
    }

    #[test]
    fn another_exit_code_or_other_words_fail() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        assert!(refused(&mut shell("echo Why >&2; exit 1"), 1, &["why"]).is_ok());
        assert!(refused(&mut shell("echo Why >&2; exit 2"), 1, &["why"]).is_err());
        assert!(refused(&mut shell("exit 1"), 1, &["why"]).is_err());
    }
}
