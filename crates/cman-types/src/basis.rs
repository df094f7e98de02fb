//! What members agree on to count votes.

use crate::{node::NodeId, node_set::NodeSet, view::Epoch};
use std::collections::BTreeMap;

/// What all members must agree on to count votes, carried from view to view.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Basis {
    /// Epoch of the newest view in which its holder took part in quorum; the newest basis wins.
    pub epoch: Epoch,
    /// Nodes that left with `remove`: their votes are not expected.
    pub removed: NodeSet,
    /// Whether all configured nodes have been seen together (`wait_for_all`).
    pub all_seen: bool,
    /// What administrators changed while the cluster ran.
    pub amended: Amended,
}

/// A change of votes that an administrator asks for while the cluster runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Amendment {
    /// A node has so many votes from now on, at least one.
    Votes {
        /// Which node.
        node: NodeId,
        /// How many.
        votes: u32,
    },
    /// So many votes are expected from now on, at least one.
    Expected {
        /// How many.
        votes: u32,
    },
}

/// What differs from the configuration. Empty where nobody changed anything.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Amended {
    /// Votes of nodes, instead of those configured.
    pub votes: BTreeMap<NodeId, u32>,
    /// What is expected, instead of what is configured.
    pub expected: Option<Expected>,
    /// The most votes that were ever here beyond what was expected, those of removed nodes
    /// included: quorum is not lowered unless somebody asks for it. 0 if there never were any.
    pub highest: u32,
}

/// Votes that an administrator expects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Expected {
    /// How many, those of removed nodes included.
    pub votes: u32,
    /// How many all nodes had together when that was said: votes that they are given later are
    /// expected as well.
    pub of: u32,
}
