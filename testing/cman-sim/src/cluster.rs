//! The configuration that hosts of one simulated cluster share.

use cman_node::{Peer, Setup, WIRE_VERSIONS};
use cman_types::{Epoch, Incarnation, NodeId, Salt};
use core::{net::SocketAddr, time::Duration};

/// The port for control datagrams.
const PORT: u16 = 5405;

/// How often a quorum device must be polled.
pub const DEVICE_POLL: Duration = Duration::from_secs(10);

/// A configured cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: u64,
    /// The version of its configuration.
    pub config_version: u64,
    /// The votes of its nodes, ascending by node id.
    pub votes: Vec<(NodeId, u32)>,
    /// Two nodes, either of which may act alone.
    pub two_node: bool,
    /// The first quorum needs all nodes.
    pub wait_for_all: bool,
    /// Silence after which a node is declared dead.
    pub token: Duration,
    /// Whether hubs multicast.
    pub multicast: bool,
    /// Which nodes' names do not resolve on the others.
    pub unresolved: Vec<NodeId>,
    /// Which nodes say that they speak the next wire version as well.
    pub newer: Vec<NodeId>,
}

impl Cluster {
    /// Nodes 1 to `nodes` with a vote each, the default token, multicast, and nothing special.
    #[must_use]
    pub fn plain(nodes: usize) -> Self {
        let ids = (1..=nodes).filter_map(|id| u32::try_from(id).ok().and_then(NodeId::new));
        Self {
            name: "alpha".to_owned(),
            key: 1,
            config_version: 1,
            votes: ids.map(|id| (id, 1)).collect(),
            two_node: false,
            wait_for_all: false,
            token: Duration::from_millis(2000),
            multicast: true,
            unresolved: Vec::new(),
            newer: Vec::new(),
        }
    }

    /// How many nodes are configured.
    #[must_use]
    pub fn len(&self) -> usize {
        self.votes.len()
    }

    /// Whether no node is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.votes.is_empty()
    }

    /// Where a node stands in the list of nodes.
    #[must_use]
    pub fn position(&self, node: NodeId) -> Option<usize> {
        self.votes.binary_search_by_key(&node, |(id, _)| *id).ok()
    }

    /// The votes of a node; none if it is not configured.
    #[must_use]
    pub fn votes_of(&self, node: NodeId) -> u32 {
        self.position(node).and_then(|at| self.votes.get(at)).map_or(0, |(_, votes)| *votes)
    }

    /// All votes.
    #[must_use]
    pub fn expected_votes(&self) -> u32 {
        self.votes.iter().map(|(_, votes)| votes).sum()
    }

    /// The votes that a set of nodes needs at least when `removed` votes are not expected.
    #[must_use]
    pub fn needed(&self, removed: u32) -> u32 {
        if self.two_node { 1 } else { (self.expected_votes() - removed) / 2 + 1 }
    }

    /// Whether the nodes have votes enough to act, when nobody is removed.
    #[must_use]
    pub fn suffices(&self, nodes: impl Iterator<Item = NodeId>) -> bool {
        nodes.map(|node| self.votes_of(node)).sum::<u32>() >= self.needed(0)
    }

    /// B of the protocol.
    #[must_use]
    pub fn beat(&self) -> Duration {
        self.token / 12
    }

    /// L of the protocol.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.token * 3 / 4
    }

    /// What one life of `me` on host `host` is told at its start.
    #[must_use]
    pub fn setup(&self, me: NodeId, host: usize, life: &Birth) -> Setup {
        let address_of = |id: NodeId| self.position(id).map(address);
        let peers = self.votes.iter().map(|&(id, votes)| Peer {
            id,
            votes,
            address: address_of(id).filter(|_| id == me || !self.unresolved.contains(&id)),
        });
        let (oldest, newest) = WIRE_VERSIONS;
        Setup {
            me,
            incarnation: life.incarnation,
            salt: life.salt,
            seed: life.seed,
            address: address(host),
            cluster_name: self.name.clone(),
            cluster_id: 7,
            config_version: self.config_version,
            peers: peers.collect(),
            expected_votes: self.expected_votes(),
            two_node: self.two_node,
            wait_for_all: self.wait_for_all,
            token: self.token,
            multicast: self.multicast,
            wire_versions: (oldest, newest + u8::from(self.newer.contains(&me))),
            epoch_ceiling: life.epoch_ceiling,
            wall_seconds: life.wall_seconds,
            removed: life.removed,
            raised: life.raised,
            device_poll: DEVICE_POLL,
            observe: true,
        }
    }
}

/// What differs from one life of a node to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Birth {
    /// Which life.
    pub incarnation: Incarnation,
    /// Its fresh random bits.
    pub salt: Salt,
    /// The seed of its generator.
    pub seed: u64,
    /// What was found on disk.
    pub epoch_ceiling: Option<Epoch>,
    /// The wall clock.
    pub wall_seconds: u64,
    /// Whether the node left with `remove`.
    pub removed: bool,
    /// Epoch of the newest votes above the configured ones that it knew; 0 for none.
    pub raised: Epoch,
}

/// The control address of a host.
#[must_use]
pub fn address(host: usize) -> SocketAddr {
    let [high, low] = u16::try_from(host + 1).unwrap_or(u16::MAX).to_be_bytes();
    SocketAddr::from(([10, 0, high, low], PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majorities() {
        let mut cluster = Cluster::plain(5);
        assert_eq!((cluster.needed(0), cluster.needed(2)), (3, 2));
        cluster.two_node = true;
        assert_eq!(cluster.needed(0), 1);
    }

    #[test]
    fn hosts_have_addresses_of_their_own() {
        assert_eq!(address(0).to_string(), "10.0.0.1:5405");
        assert_eq!(address(999).to_string(), "10.0.3.232:5405");
    }
}
