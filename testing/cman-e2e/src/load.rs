//! `cman_bench` on the nodes of a cluster: who sends and receives what, and what they saw.

use crate::{command::system_path, node::Node};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::{
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// What `cman_bench` prints.
#[derive(Clone, Deserialize, Debug)]
pub struct Load {
    /// Messages that it sent.
    pub sent: Option<u64>,
    /// Messages that it saw.
    pub delivered: u64,
    /// How many a second.
    pub per_second: f64,
    /// The same at all who saw the same.
    pub order_hash: String,
    /// Changes of the group that it saw, the first that counted included.
    pub changes: u64,
    /// The latency that half of the messages did not exceed, in microseconds.
    pub p50_us: Option<f64>,
    /// The same for 99 of 100.
    pub p99_us: Option<f64>,
}

/// A `cman_bench` that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    node: usize,
    words: String,
    process: Option<Child>,
}

/// Starts `cman_bench` with these words at a node's daemon.
///
/// # Errors
/// When it cannot be started.
pub fn start(node: &Node, words: &str) -> Result<Running> {
    let program = node.program("cman_bench");
    let process = Command::new(&program)
        .env_clear()
        .env("PATH", system_path())
        .arg("--run-dir")
        .arg(node.run_dir())
        .args(words.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    Ok(Running { node: node.number(), words: words.to_owned(), process: Some(process) })
}

impl Running {
    /// The process.
    #[must_use]
    pub fn process(&self) -> Option<&Child> {
        self.process.as_ref()
    }

    /// Kills it, as a program that crashes.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn kill(mut self) -> Result<()> {
        let mut process = self.process.take().context("it has ended")?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it fails, or has not ended within `bound`.
    pub fn finish(mut self, bound: Duration) -> Result<Load> {
        let mut process = self.process.take().context("it has ended")?;
        let deadline = Instant::now() + bound;
        // What it prints is far less than a pipe holds.
        while process.try_wait()?.is_none() && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
        let late = process.try_wait()?.is_none();
        if late {
            process.kill()?;
        }
        let output = process.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let Self { node, words, .. } = &self;
        ensure!(!late, "node {node}: `cman_bench {words}` has not ended within {bound:?}: {said}");
        ensure!(output.status.success(), "node {node}: `cman_bench {words}` failed: {said}");
        serde_json::from_slice(&output.stdout).context("cman_bench printed something else")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ended = process.kill();
            let _ended = process.wait();
        }
    }
}

/// Waits for all to end, and fails unless they saw the same history.
///
/// # Errors
/// When one fails or is late, or two saw something else.
pub fn finish_alike(running: Vec<Running>, bound: Duration) -> Result<Vec<Load>> {
    let loads: Vec<_> = running.into_iter().map(|one| one.finish(bound)).collect::<Result<_>>()?;
    let alike = loads.windows(2).all(|two| match two {
        [one, other] => one.order_hash == other.order_hash,
        _ => true,
    });
    ensure!(alike, "not the same history: {loads:?}");
    Ok(loads)
}
