//! The stream of `cman_tool events --json`, gathered in the background.

use crate::report::Event;
use anyhow::{Context, Result};
use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{JoinHandle, spawn},
};

/// A running `cman_tool events --json`; ended when dropped, or by itself with its daemon.
#[derive(Debug)]
pub struct EventStream {
    tool: Child,
    reader: Option<JoinHandle<()>>,
    gathered: Arc<Mutex<Gathered>>,
}

#[derive(Debug, Default)]
struct Gathered {
    events: Vec<Event>,
    /// Lines that are not events.
    strange: Vec<String>,
}

impl EventStream {
    /// Starts gathering what `tool` (a complete `cman_tool events --json` command) prints.
    pub fn start(mut tool: Command) -> Result<Self> {
        let mut tool = tool
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run `cman_tool events --json`")?;
        let gathered = Arc::new(Mutex::new(Gathered::default()));
        let reader = tool.stdout.take().map(|lines| {
            let gathered = Arc::clone(&gathered);
            spawn(move || gather(lines, &gathered))
        });
        Ok(Self { tool, reader, gathered })
    }

    /// All events so far, oldest first. A line that is no event is an error.
    pub fn events(&self) -> Result<Vec<Event>> {
        let gathered = lock(&self.gathered);
        match gathered.strange.first() {
            Some(line) => anyhow::bail!("`cman_tool events --json` printed no event: {line}"),
            None => Ok(gathered.events.clone()),
        }
    }

    /// Events of this kind that happened at `since` (nanoseconds, see
    /// [`crate::cluster::now_ns`]) or later.
    pub fn of_kind_since(&self, kind: &str, since: u64) -> Result<Vec<Event>> {
        let mut events = self.events()?;
        events.retain(|event| event.event == kind && event.monotonic_ns >= since);
        Ok(events)
    }
}

fn gather(lines: ChildStdout, gathered: &Mutex<Gathered>) {
    for line in BufReader::new(lines).lines().map_while(Result::ok) {
        let mut gathered = lock(gathered);
        match serde_json::from_str(&line) {
            Ok(event) => gathered.events.push(event),
            // The last line of a stream whose daemon died.
            Err(_) if is_error(&line) => {}
            Err(_) => gathered.strange.push(line),
        }
    }
}

/// Whether a line is how the tool tells with `--json` that it failed.
fn is_error(line: &str) -> bool {
    let object: Option<serde_json::Value> = serde_json::from_str(line).ok();
    object.is_some_and(|object| object.get("error").is_some())
}

fn lock(gathered: &Mutex<Gathered>) -> MutexGuard<'_, Gathered> {
    // A list of events is whole even if the thread that appended to it panicked.
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for EventStream {
    fn drop(&mut self) {
        // It may have ended with its daemon already.
        let _ = self.tool.kill();
        let _ = self.tool.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
