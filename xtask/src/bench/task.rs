//! Programs that run, and what they print.

use crate::sandbox::interrupt::Interrupt;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    io::Read,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How often it is looked at what is waited for.
const LOOK: Duration = Duration::from_millis(5);

/// A program that runs and prints one JSON object at its end. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Task {
    name: String,
    process: Child,
}

impl Task {
    /// Starts it. `name` is what a failure calls it.
    pub(crate) fn start(name: impl Into<String>, command: &mut Command) -> Result<Self> {
        let name = name.into();
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, process })
    }

    /// What it printed, once it has ended. What that is is far less than a pipe holds.
    fn ended(&mut self) -> Result<Option<Value>> {
        let Some(status) = self.process.try_wait()? else { return Ok(None) };
        let (mut printed, mut said) = (String::new(), String::new());
        if let (Some(stdout), Some(stderr)) = (&mut self.process.stdout, &mut self.process.stderr) {
            stdout.read_to_string(&mut printed)?;
            stderr.read_to_string(&mut said)?;
        }
        let name = &self.name;
        ensure!(status.success(), "{name}: {status}: {}", said.trim());
        let value = serde_json::from_str(&printed);
        value.map(Some).with_context(|| format!("{name} printed something else: {printed}"))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until `look` finds something; fails after `bound`, or when somebody interrupts.
pub(crate) fn wait<T>(
    what: &str,
    bound: Duration,
    interrupt: &Interrupt,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + bound;
    loop {
        // Before anything else: the same Ctrl-C may have ended what is looked at.
        interrupt.check()?;
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("no {what} within {} s", bound.as_secs());
        }
        sleep(LOOK);
    }
}

/// What all of these print; fails as soon as one does.
pub(crate) fn gather(
    mut tasks: Vec<Task>,
    bound: Duration,
    interrupt: &Interrupt,
) -> Result<Vec<Value>> {
    let mut printed = vec![None; tasks.len()];
    wait("end of the load", bound, interrupt, || {
        for (task, printed) in tasks.iter_mut().zip(&mut printed) {
            if printed.is_none() {
                *printed = task.ended()?;
            }
        }
        Ok(printed.iter().cloned().collect())
    })
}
