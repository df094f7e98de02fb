//! A node as it is watched: state, events, restart.

use anyhow::Result;
use cman_e2e::{
    events::EventStream,
    node::Node,
    report::{Event, Status},
};
use std::time::{Duration, Instant};

/// How long a daemon that ended stays away. Longer than the detection of its death takes, so that
/// there is something to see.
pub(crate) const RESTART_AFTER: Duration = Duration::from_secs(10);

/// What is known about a node.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// Its number.
    pub(crate) number: usize,
    /// The pid of its daemon, while that runs.
    pub(crate) pid: Option<u32>,
    /// What it said when asked last, if it answered.
    pub(crate) status: Option<Status>,
    /// What happened in earlier lives of its daemon.
    past: Vec<Event>,
    stream: Option<EventStream>,
    died: Option<Instant>,
    /// How many events were printed already.
    pub(crate) printed: usize,
}

impl Watched {
    /// Looks at the node, and starts its daemon again if it has been gone for long enough.
    pub(crate) fn look(&mut self, node: &mut Node) -> Result<()> {
        self.number = node.number();
        if node.is_running() {
            self.died = None;
            self.pid = node.pid();
            self.status = node.status().ok();
            if self.stream.is_none() && self.status.is_some() {
                self.stream = Some(node.events()?);
            }
            return Ok(());
        }
        self.pid = None;
        self.status = None;
        let died = *self.died.get_or_insert_with(Instant::now);
        self.past = self.events();
        self.stream = None;
        if died.elapsed() >= RESTART_AFTER { node.start() } else { Ok(()) }
    }

    /// Seconds until its daemon is started again, if it does not run.
    pub(crate) fn seconds_to_restart(&self) -> Option<u64> {
        self.died.map(|died| RESTART_AFTER.saturating_sub(died.elapsed()).as_secs())
    }

    /// Everything that happened at the node, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        let current = self.stream.as_ref().and_then(|stream| stream.events().ok());
        self.past.iter().cloned().chain(current.unwrap_or_default()).collect()
    }
}
