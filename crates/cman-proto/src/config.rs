//! What an engine must know before it starts.

use cman_quorum::{Timing, VoteRules};
use cman_types::{Epoch, Member, NodeId};

/// Configuration of an engine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Config {
    /// This life of this node, and its address.
    pub me: Member,
    /// Votes, and which nodes are configured.
    pub rules: VoteRules,
    /// Timers.
    pub timing: Timing,
    /// Lowest and highest wire version spoken.
    pub wire: (u8, u8),
    /// Cluster id of the configuration.
    pub cluster_id: u16,
    /// Version of the configuration.
    pub config_version: u64,
    /// No epoch up to this one is used.
    pub epoch_floor: Epoch,
    /// Whether this node left with `remove` in a former life and was not readmitted since.
    pub removed: bool,
    /// Epoch of the newest basis known to a former life in which nodes had more votes than these
    /// rules give them; 0 if there was none.
    pub raised: Epoch,
    /// Bytes that the payload of a data frame may have.
    pub room: usize,
    /// Seed of all chance.
    pub seed: u64,
}

impl Config {
    /// Whether a node id is configured.
    #[must_use]
    pub fn knows(&self, node: NodeId) -> bool {
        self.rules.votes.contains_key(&node)
    }
}
