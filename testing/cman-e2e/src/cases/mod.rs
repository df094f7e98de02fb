//! The rows of the table of promises, as functions that measure.
//!
//! The tests play them short and judge generously, the program `measure` plays them at full
//! length and judges by the table. So both speak of the same thing.
//!
//! | module | rows |
//! |---|---|
//! | [`formation`] | daemons started together |
//! | [`failure`] | `kill -9` of members and coordinators |
//! | [`leave`] | clean leave, leave with `remove` |
//! | [`partition`] | partition and heal |
//! | [`paths`] | paths cut or lossy between some |
//! | [`stalls`] | a daemon that sleeps |
//! | [`restless`] | a fault that never stops |
//! | [`strangers`] | datagrams of others, and nodes that may not join |
//! | [`restart`] | `kill -9` and at once a new start |
//! | [`storm`] | faults of every kind at random |
//! | [`soak`] | the same with messages from all nodes |
//! | [`one_bad_path`] | a path cut one way while messages flow |
//! | [`slow`] | a daemon that sleeps while messages flow |
//! | [`hold_back`] | a daemon or a client that sleeps while much is said |
//! | [`idle`] | what doing nothing costs |

pub mod failure;
pub mod formation;
pub mod hold_back;
pub mod idle;
pub mod leave;
pub mod one_bad_path;
pub mod partition;
pub mod paths;
pub mod restart;
pub mod restless;
pub mod slow;
pub mod soak;
pub mod stalls;
pub mod storm;
pub mod strangers;

use crate::{
    built,
    cluster::{Cluster, ids},
    conf::Conf,
    lease,
    watch::{Watch, ms_between},
};
use anyhow::Result;
use std::time::Duration;

/// `token` where a configuration names none.
pub const TOKEN_DEFAULT_MS: u64 = 2000;

/// How long a cluster that is only the stage of something else may take to form.
const FORMED_MAX: Duration = Duration::from_secs(60);

/// How a row is played.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// `totem token` in milliseconds, if not the default.
    pub token_ms: Option<u64>,
    /// How long a fault lasts that must change nothing.
    pub fault: Duration,
    /// How often a partition is repeated.
    pub partitions: usize,
    /// Time between two partitions.
    pub between: Duration,
    /// How long an idle cluster is observed.
    pub idle: Duration,
}

impl Scale {
    /// As the table has it.
    #[must_use]
    pub fn full() -> Self {
        Self {
            token_ms: None,
            fault: Duration::from_secs(60),
            partitions: 3,
            between: Duration::from_secs(60),
            idle: Duration::from_secs(30),
        }
    }

    /// For a test that somebody waits for.
    #[must_use]
    pub fn short() -> Self {
        Self {
            token_ms: Some(1000),
            fault: Duration::from_secs(10),
            partitions: 2,
            between: Duration::from_secs(4),
            idle: Duration::from_secs(10),
        }
    }

    /// The token of the cluster in milliseconds.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token_ms.unwrap_or(TOKEN_DEFAULT_MS)
    }

    /// A multiple of the token.
    #[must_use]
    pub fn tokens(&self, multiple: f64) -> Duration {
        Duration::from_millis(self.token()).mul_f64(multiple)
    }

    /// A configuration of this many nodes.
    #[must_use]
    pub fn conf(&self, nodes: usize) -> Conf {
        let conf = Conf::new(nodes);
        match self.token_ms {
            Some(token_ms) => conf.token(token_ms),
            None => conf,
        }
    }
}

/// A cluster that has formed and is steady, and is watched.
#[derive(Debug)]
pub struct Stage {
    /// What is watched; ended before the daemons are.
    pub watch: Watch,
    /// The cluster.
    pub cluster: Cluster,
    /// The numbers of its nodes.
    pub all: Vec<usize>,
}

impl Stage {
    /// A cluster of `nodes` nodes.
    pub fn new(scale: &Scale, nodes: usize) -> Result<Self> {
        Self::of(&scale.conf(nodes))
    }

    /// A cluster as configured.
    pub fn of(conf: &Conf) -> Result<Self> {
        let all: Vec<_> = (1..=conf.nodes).collect();
        Self::started(built::cluster(conf)?, &all)
    }

    /// Starts these nodes of a cluster; the others are left alone.
    pub fn started(mut cluster: Cluster, numbers: &[usize]) -> Result<Self> {
        for &number in numbers {
            cluster.node_mut(number)?.start()?;
        }
        cluster.wait_formed(numbers, FORMED_MAX)?;
        Self::adopt(cluster, numbers)
    }

    /// Watches these nodes of a cluster that has formed.
    pub fn adopt(cluster: Cluster, numbers: &[usize]) -> Result<Self> {
        let watch = Watch::start(&cluster, numbers)?;
        Ok(Self { watch, cluster, all: numbers.to_vec() })
    }

    /// The number of the node that coordinates.
    pub fn coordinator(&self) -> Result<usize> {
        coordinator_as_seen_by(&self.cluster, self.all.first().copied().unwrap_or(1))
    }

    /// All nodes except these, ascending.
    #[must_use]
    pub fn others(&self, except: &[usize]) -> Vec<usize> {
        self.all.iter().copied().filter(|number| !except.contains(number)).collect()
    }

    /// Nodes that do not coordinate, ascending.
    pub fn ordinary(&self) -> Result<Vec<usize>> {
        Ok(self.others(&[self.coordinator()?]))
    }

    /// The order in which the nodes would coordinate: the present coordinator, then the
    /// longest-lived, equals by their ids.
    pub fn by_rank(&self) -> Result<Vec<usize>> {
        let coordinator = self.coordinator()?;
        let mut ranked = Vec::new();
        for &number in &self.all {
            let born = self.cluster.node(number)?.status()?.raw["incarnation"].as_u64();
            ranked.push((number != coordinator, born, number));
        }
        ranked.sort_unstable();
        Ok(ranked.into_iter().map(|(_, _, number)| number).collect())
    }

    /// How many milliseconds after the first of `others` acts in a view without `gone` the longest
    /// lease ends that `gone` publish, dead or stopped as they may be. Must not be positive.
    pub fn lease_end_ms(&self, gone: &[usize], others: &[usize], since: u64) -> Result<f64> {
        let members = ids(others);
        let mut acting = None;
        for &number in others {
            let at = self.watch.when_formed(number, &members, since)?;
            acting = acting.into_iter().chain(at).min();
        }
        let acting = acting.ok_or_else(|| anyhow::anyhow!("nobody of {others:?} acts"))?;
        // A page that says no has said so since then at the latest.
        let mut last = since;
        for &number in gone {
            last = last.max(lease::deadline(self.cluster.node(number)?)?);
        }
        Ok(ms_between(acting, last))
    }

    /// Starts killed daemons again and waits until all are one cluster again.
    pub fn restore(&mut self, numbers: &[usize]) -> Result<()> {
        for &number in numbers {
            self.cluster.node_mut(number)?.start()?;
        }
        // A node that was lost soon after it had been taken in is held off for up to a minute.
        self.cluster.wait_formed(&self.all, FORMED_MAX + Duration::from_secs(60))?;
        for &number in numbers {
            self.watch.remove(number);
        }
        let again = Watch::start(&self.cluster, numbers)?;
        self.watch.adopt(again);
        Ok(())
    }
}

/// The coordinator that this node names.
pub fn coordinator_as_seen_by(cluster: &Cluster, number: usize) -> Result<usize> {
    let view = cluster.node(number)?.status()?.view;
    let view = view.ok_or_else(|| anyhow::anyhow!("node {number} is in no view"))?;
    Ok(usize::try_from(view.coordinator)?)
}
