//! All configured nodes, as this one knows them.

use crate::ids;
use cman_types::{Incarnation, NodeId};
use core::{fmt, net::IpAddr};
use serde::{Deserialize, Serialize};

/// Everything that `cman_tool nodes` shows.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct NodesReply {
    /// The nodes, ascending by id.
    pub nodes: Vec<NodeStatus>,
}

/// One configured node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its id.
    #[serde(with = "ids::node")]
    pub id: NodeId,
    /// Its configured name.
    pub name: String,
    /// What it is.
    pub state: NodeState,
    /// Its votes.
    pub votes: u32,
    /// Which life of it is, or was last, a member.
    #[serde(with = "ids::maybe_incarnation")]
    pub incarnation: Option<Incarnation>,
    /// Epoch of the view with which it last became a member; 0 if it never was.
    pub joined_epoch: u64,
    /// When that was: wall clock, nanoseconds since 1970. `None` unless it is a member.
    pub joined_at: Option<u64>,
    /// Its addresses, as far as they are known, best first.
    pub addresses: Vec<IpAddr>,
    /// How late its own timers fired lately, by its own account, in milliseconds.
    pub delay_ms: u64,
    /// How it is heard; `None` unless it is a member.
    pub path: Option<PathKind>,
    /// When it was last forced out and confirmed gone; forgotten when it next goes down.
    pub last_fenced: Option<Fenced>,
}

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum NodeState {
    /// In the view.
    Member,
    /// Was in a view, is in none now.
    Dead,
    /// On its way out.
    Leaving,
    /// Alive, but its state must not be merged with ours.
    Disallowed,
    /// Never in a view since this daemon started.
    NeverSeen,
}

impl NodeState {
    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Dead => "dead",
            Self::Leaving => "leaving",
            Self::Disallowed => "disallowed",
            Self::NeverSeen => "never_seen",
        }
    }

    /// The letter in the classic text.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Member => 'M',
            Self::Dead | Self::Leaving | Self::NeverSeen => 'X',
            Self::Disallowed => 'd',
        }
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a node's beats arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum PathKind {
    /// From itself.
    Direct,
    /// Through another node.
    Relay,
}

impl PathKind {
    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
        }
    }
}

/// When and by what a node was forced out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fenced {
    /// Wall clock, nanoseconds since 1970.
    pub at: u64,
    /// The agent.
    pub by: String,
}
