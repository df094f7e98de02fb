//! A lab with a daemon on each node, and bounded waiting.

use crate::{
    conf::Conf,
    lab::Lab,
    node::{Node, Programs},
    report::Status,
};
use anyhow::{Context, Result, bail};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// How often a condition is looked at. Asking costs a process, so not more often.
const POLL: Duration = Duration::from_millis(20);

/// Log lines of each node that a failure shows.
const TAIL_LINES: usize = 15;

/// Nodes in a lab. Dropped in the order of the fields: daemons first, their network after.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    lab: Lab,
}

impl Cluster {
    /// A lab with directories, configuration and one key, and no daemon running yet.
    pub fn new(conf: &Conf) -> Result<Self> {
        let lab = Lab::new(conf.nodes)?;
        Self::in_lab(lab, &conf.to_xml(), &Programs::find()?)
    }

    /// The same in a lab that exists, with these programs and this text as `cluster.conf`, which
    /// may name fewer nodes than the lab has, or more.
    pub fn in_lab(lab: Lab, conf: &str, programs: &Programs) -> Result<Self> {
        let nodes: Result<Vec<_>> =
            (1..=lab.nodes()).map(|number| Node::new(&lab, number, programs.clone())).collect();
        let nodes = nodes?;
        if let Some((first, others)) = nodes.split_first() {
            first.make_key()?;
            others.iter().try_for_each(|other| first.give_key(other))?;
        }
        nodes.iter().try_for_each(|node| node.configure_text(conf))?;
        Ok(Self { nodes, lab })
    }

    /// The lab, to look at.
    #[must_use]
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The lab, to break things.
    pub fn lab_mut(&mut self) -> &mut Lab {
        &mut self.lab
    }

    /// A node by its number, from 1.
    pub fn node(&self, number: usize) -> Result<&Node> {
        let at = number.checked_sub(1).and_then(|index| self.nodes.get(index));
        at.with_context(|| format!("this lab has no node {number}"))
    }

    /// A node by its number, from 1, to change it.
    pub fn node_mut(&mut self, number: usize) -> Result<&mut Node> {
        let at = number.checked_sub(1).and_then(|index| self.nodes.get_mut(index));
        at.with_context(|| format!("this lab has no node {number}"))
    }

    /// All nodes, ascending.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// All nodes, ascending, to change them.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.iter_mut()
    }

    /// Starts all daemons, without waiting for anything.
    pub fn start_all(&mut self) -> Result<()> {
        self.nodes.iter_mut().try_for_each(Node::start)
    }

    /// `kill -9` to several daemons as near to one moment as signals go.
    pub fn kill_together(&mut self, numbers: &[usize]) -> Result<()> {
        for &number in numbers {
            self.node(number)?.signal(rustix::process::Signal::KILL)?;
        }
        for &number in numbers {
            self.node_mut(number)?.wait_exit(Duration::from_secs(5))?;
        }
        Ok(())
    }

    /// What these nodes say of themselves, asked at the same time; an error for one that does not
    /// answer.
    pub fn statuses(&self, numbers: &[usize]) -> Vec<Result<Status>> {
        std::thread::scope(|scope| {
            let asked: Vec<_> =
                numbers.iter().map(|&n| scope.spawn(move || self.node(n)?.status())).collect();
            let answer = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|_| bail!("asking for a status panicked"))
            };
            asked.into_iter().map(answer).collect()
        })
    }

    /// Waits until `condition` holds and returns how long that took. A failure tells `what` was
    /// waited for, what stood in the way at the end, and what the daemons logged last.
    pub fn wait_until(
        &self,
        what: &str,
        bound: Duration,
        mut condition: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<Duration> {
        let start = Instant::now();
        loop {
            let outcome = condition(self);
            if matches!(outcome, Ok(true)) {
                return Ok(start.elapsed());
            }
            if start.elapsed() > bound {
                let obstacle =
                    outcome.map_or_else(|error| format!(": {error:#}"), |_| String::new());
                bail!("not {what} within {bound:?}{obstacle}\n{}", self.log_tails());
            }
            sleep(POLL);
        }
    }

    /// Waits until each of these nodes is a quorate member of a view of exactly these nodes.
    pub fn wait_formed(&self, numbers: &[usize], bound: Duration) -> Result<Duration> {
        let members = ids(numbers);
        self.wait_until(&format!("one quorate view of {numbers:?}"), bound, |cluster| {
            for status in cluster.statuses(numbers) {
                let status = status?;
                if !status.is_formed(&members) {
                    let (view, quorate) = (&status.view, status.quorum.quorate);
                    let (node, state) = (status.node_id, &status.state);
                    bail!("node {node} is {state}, quorate {quorate}, view {view:?}");
                }
            }
            Ok(true)
        })
    }

    /// The last log lines of every node.
    #[must_use]
    pub fn log_tails(&self) -> String {
        self.nodes.iter().map(|node| node.log_tail(TAIL_LINES)).collect()
    }
}

/// Node numbers as the product's node ids.
#[must_use]
pub fn ids(numbers: &[usize]) -> Vec<u32> {
    numbers.iter().filter_map(|&number| u32::try_from(number).ok()).collect()
}

/// Now, on the clock of the daemons' events, in nanoseconds.
#[must_use]
pub fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}
