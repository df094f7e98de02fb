//! What members agree on to count votes.

use crate::{node_set::NodeSet, view::Epoch};

/// What all members must agree on to count votes, carried from view to view.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Basis {
    /// Epoch of the newest view in which its holder took part in quorum; the newest basis wins.
    pub epoch: Epoch,
    /// Nodes that left with `remove`: their votes are not expected.
    pub removed: NodeSet,
    /// Whether all configured nodes have been seen together (`wait_for_all`).
    pub all_seen: bool,
}
