//! The event streams of several nodes, and what happened in them.

use crate::{
    cluster::{Cluster, ids, now_ns},
    events::EventStream,
    report::Event,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

/// How often the gathered events are looked at; it costs no process.
const POLL: Duration = Duration::from_millis(5);

/// How long a daemon may take to answer a new stream with its view and quorum.
const FIRST_EVENTS_MAX: Duration = Duration::from_secs(20);

/// Time for the last events to arrive through the streams before they are counted.
const LAST_EVENTS: Duration = Duration::from_millis(300);

/// Log lines of each node that a failure shows.
const STORY_LINES: usize = 12;

/// The event streams of several nodes.
#[derive(Debug, Default)]
pub struct Watch {
    streams: BTreeMap<usize, EventStream>,
    /// Where the daemons log to, for failures.
    logs: BTreeMap<usize, PathBuf>,
}

/// What changed at one node since some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Views that it installed.
    pub views: usize,
    /// Times that it lost or won quorum.
    pub quorum: usize,
}

impl Watch {
    /// Starts a stream on each of these nodes, whose daemons answer already, and waits for its
    /// first events, which tell the state of that moment.
    pub fn start(cluster: &Cluster, numbers: &[usize]) -> Result<Self> {
        let mut watch = Self::default();
        for &number in numbers {
            watch.add(cluster, number)?;
        }
        for &number in numbers {
            watch.wait(FIRST_EVENTS_MAX, &format!("first events of node {number}"), |watch| {
                Ok(watch.state_of(number)?.is_some())
            })?;
        }
        Ok(watch)
    }

    /// Starts one more stream, or a new one after the daemon was started again, and does not
    /// wait.
    pub fn add(&mut self, cluster: &Cluster, number: usize) -> Result<()> {
        let node = cluster.node(number)?;
        self.streams.insert(number, node.events()?);
        self.logs.insert(number, node.log_file());
        Ok(())
    }

    /// Takes over the streams of another watch.
    pub fn adopt(&mut self, other: Self) {
        self.streams.extend(other.streams);
        self.logs.extend(other.logs);
    }

    /// Ends the stream of a node.
    pub fn remove(&mut self, number: usize) {
        self.streams.remove(&number);
    }

    /// All events of a node so far, oldest first.
    pub fn events(&self, number: usize) -> Result<Vec<Event>> {
        self.stream(number)?.events()
    }

    /// The views that a node installed since then.
    pub fn views(&self, number: usize, since: u64) -> Result<Vec<Event>> {
        self.stream(number)?.of_kind_since("view", since)
    }

    fn stream(&self, number: usize) -> Result<&EventStream> {
        self.streams.get(&number).with_context(|| format!("node {number} is not watched"))
    }

    /// Members and quorum of a node as its last events told, if both have been told.
    pub fn state_of(&self, number: usize) -> Result<Option<(Vec<u32>, bool)>> {
        let events = self.events(number)?;
        let members = events.iter().rev().find_map(Event::members);
        let quorate = events.iter().rev().find_map(Event::quorate);
        Ok(members.zip(quorate))
    }

    /// When, since `since`, a node was for the first time both in a view of exactly these members
    /// and quorate.
    pub fn when_formed(&self, number: usize, members: &[u32], since: u64) -> Result<Option<u64>> {
        let (mut in_view, mut quorate) = (false, false);
        for event in self.events(number)? {
            if let Some(now) = event.members() {
                in_view = now == members;
            }
            quorate = event.quorate().unwrap_or(quorate);
            if in_view && quorate && event.monotonic_ns >= since {
                return Ok(Some(event.monotonic_ns));
            }
        }
        Ok(None)
    }

    /// When, since `since`, a node installed a view of exactly these members.
    pub fn when_in_view(&self, number: usize, members: &[u32], since: u64) -> Result<Option<u64>> {
        let found = self.views(number, since)?;
        let found = found.iter().find(|event| event.members().is_some_and(|now| now == members));
        Ok(found.map(|event| event.monotonic_ns))
    }

    /// When a node first told that it is no longer quorate, since `since`.
    pub fn when_inquorate(&self, number: usize, since: u64) -> Result<Option<u64>> {
        let told = self.stream(number)?.of_kind_since("quorum", since)?;
        let lost = told.iter().find(|event| event.quorate() == Some(false));
        Ok(lost.map(|event| event.monotonic_ns))
    }

    /// What changed at a node since then. A repeated statement of the same quorum is no change.
    pub fn changes(&self, number: usize, since: u64) -> Result<Changes> {
        let mut changes = Changes::default();
        let mut before = None;
        for event in self.events(number)? {
            let counts = event.monotonic_ns >= since;
            if event.members().is_some() && counts {
                changes.views += 1;
            }
            let Some(quorate) = event.quorate() else { continue };
            if counts && before.is_some_and(|before| before != quorate) {
                changes.quorum += 1;
            }
            before = Some(quorate);
        }
        Ok(changes)
    }

    /// The most that changed at any of these nodes since then.
    pub fn most_changes(&self, numbers: &[usize], since: u64) -> Result<Changes> {
        sleep(LAST_EVENTS);
        let mut most = Changes::default();
        for &number in numbers {
            let changes = self.changes(number, since)?;
            most.views = most.views.max(changes.views);
            most.quorum = most.quorum.max(changes.quorum);
        }
        Ok(most)
    }

    /// Waits until each of `numbers` has installed, since `since`, a view of exactly `members`,
    /// and tells when the last one did.
    pub fn wait_view(
        &self,
        numbers: &[usize],
        members: &[usize],
        since: u64,
        bound: Duration,
    ) -> Result<u64> {
        let what = format!("a view of {members:?} at {numbers:?}");
        let members = ids(members);
        self.wait_all(numbers, &what, bound, |watch, number| {
            watch.when_in_view(number, &members, since)
        })
    }

    /// As [`Watch::wait_view`], and quorate.
    pub fn wait_formed(
        &self,
        numbers: &[usize],
        members: &[usize],
        since: u64,
        bound: Duration,
    ) -> Result<u64> {
        let what = format!("a quorate view of {members:?} at {numbers:?}");
        let members = ids(members);
        self.wait_all(numbers, &what, bound, |watch, number| {
            watch.when_formed(number, &members, since)
        })
    }

    /// Waits until each of `numbers` has told, since `since`, that it is inquorate; tells when
    /// the last one did.
    pub fn wait_inquorate(&self, numbers: &[usize], since: u64, bound: Duration) -> Result<u64> {
        let what = format!("loss of quorum at {numbers:?}");
        self.wait_all(numbers, &what, bound, |watch, number| watch.when_inquorate(number, since))
    }

    fn wait_all(
        &self,
        numbers: &[usize],
        what: &str,
        bound: Duration,
        when: impl Fn(&Self, usize) -> Result<Option<u64>>,
    ) -> Result<u64> {
        let mut last = 0;
        self.wait(bound, what, |watch| {
            last = 0;
            for &number in numbers {
                let Some(at) = when(watch, number)? else { return Ok(false) };
                last = last.max(at);
            }
            Ok(true)
        })?;
        Ok(last)
    }

    /// Waits until `condition` holds.
    pub fn wait(
        &self,
        bound: Duration,
        what: &str,
        mut condition: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + bound;
        while !condition(self)? {
            if Instant::now() > deadline {
                bail!("no {what} within {bound:?}\n{}", self.story());
            }
            sleep(POLL);
        }
        Ok(())
    }

    /// Fails unless nothing at all changes at these nodes for this long.
    pub fn expect_quiet(&self, numbers: &[usize], length: Duration) -> Result<()> {
        let since = now_ns();
        sleep(length);
        let changes = self.most_changes(numbers, since)?;
        ensure!(changes == Changes::default(), "{changes:?} in a quiet time\n{}", self.story());
        Ok(())
    }

    /// What all nodes logged last, for failures. The log has each event, and why.
    #[must_use]
    pub fn story(&self) -> String {
        let mut story = String::new();
        for (number, path) in &self.logs {
            let log = fs::read(path).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<_> = log.lines().collect();
            let tail = lines.get(lines.len().saturating_sub(STORY_LINES)..).unwrap_or_default();
            story.push_str(&format!("--- node {number}\n{}\n", tail.join("\n")));
        }
        story
    }
}

/// Milliseconds from one moment to a later one, both of [`now_ns`]; negative if it is earlier.
#[must_use]
pub fn ms_between(from: u64, to: u64) -> f64 {
    let distance = from.abs_diff(to) as f64 / 1e6;
    if to >= from { distance } else { -distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_are_negative() {
        assert!((ms_between(5_000_000, 7_500_000) - 2.5).abs() < 1e-9);
        assert!((ms_between(7_500_000, 5_000_000) + 2.5).abs() < 1e-9);
    }
}
