//! A member on each node of a cluster.

use super::{
    life::Life,
    resident::{Load, Resident},
};
use crate::cluster::Cluster;
use anyhow::{Context, Result};
use std::time::Duration;

/// The members, in the order of their nodes.
#[derive(Debug)]
pub struct Residents(Vec<Resident>);

impl Residents {
    /// One on each node, that send; waits until all see each other.
    ///
    /// # Errors
    /// When they do not come together within `bound`.
    pub fn start(cluster: &Cluster, load: Load, seed: u64, bound: Duration) -> Result<Self> {
        let start = |(node, at)| Resident::start(node, "ordered", load, seed ^ at);
        let all = cluster.nodes().zip(1..).map(start).collect::<Result<_>>()?;
        let residents = Self(all);
        residents.wait_together(cluster, bound)?;
        Ok(residents)
    }

    /// The one on a node.
    ///
    /// # Errors
    /// When there is none.
    pub fn on(&self, node: usize) -> Result<&Resident> {
        let at = node.checked_sub(1).and_then(|at| self.0.get(at));
        at.with_context(|| format!("nobody is on node {node}"))
    }

    /// Begins or ends to send, everywhere.
    pub fn send(&self, sending: bool) {
        self.0.iter().for_each(|resident| resident.send(sending));
    }

    /// Waits until each sees as many members as there are.
    ///
    /// # Errors
    /// When that takes longer.
    pub fn wait_together(&self, cluster: &Cluster, bound: Duration) -> Result<Duration> {
        self.wait(cluster, "a group of all", bound, |one| one.members() == self.0.len())
    }

    /// Waits until something holds for each.
    ///
    /// # Errors
    /// When that takes longer.
    pub fn wait(
        &self,
        cluster: &Cluster,
        what: &str,
        bound: Duration,
        holds: impl Fn(&Resident) -> bool,
    ) -> Result<Duration> {
        cluster.wait_until(what, bound, |_| Ok(self.0.iter().all(&holds)))
    }

    /// Ends sending, and waits until all that was sent has come back and nothing more comes. All
    /// lives there were.
    ///
    /// # Errors
    /// When a message does not come back, or a member panicked.
    pub fn settle(self, cluster: &Cluster, bound: Duration) -> Result<Vec<Life>> {
        self.send(false);
        let quiet = |_: &Cluster| Ok(self.0.iter().all(Resident::is_quiet));
        let settled = cluster.wait_until("everything sent come back", bound, quiet);
        // What came back to its sender is about to come to the others.
        let mut before = Vec::new();
        let still = cluster.wait_until("silent", bound, |_| {
            std::thread::sleep(Duration::from_secs(1));
            let now: Vec<_> = self.0.iter().map(Resident::heard).collect();
            Ok(std::mem::replace(&mut before, now.clone()) == now)
        });
        let lives = self.finish()?;
        settled.with_context(|| {
            let short = lives.iter().filter(|life| life.ended.is_none()).map(|life| {
                let own = life.heard().filter(|(_, heard)| heard.life == life.number).count();
                format!("{}: {} of {} came back\n", life.me, own, life.sent.len())
            });
            short.collect::<String>()
        })?;
        still?;
        Ok(lives)
    }

    /// Ends all. Their lives. Nobody sees another one go.
    fn finish(self) -> Result<Vec<Life>> {
        self.0.iter().for_each(Resident::end);
        let pasts: Result<Vec<_>> = self.0.into_iter().map(Resident::finish).collect();
        let (lives, _connections): (Vec<_>, Vec<_>) = pasts?.into_iter().unzip();
        Ok(lives.into_iter().flatten().collect())
    }
}
