//! What happened, told to clients that subscribed.

use crate::{ids, nodes::NodeState};
use cman_types::{Epoch, NodeId};
use serde::{Deserialize, Serialize};

/// An event with its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventMessage {
    /// Wall clock, nanoseconds since 1970.
    pub at: u64,
    /// The machine's monotonic clock, nanoseconds.
    pub monotonic_ns: u64,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A configuration is in force, or another node has a different one.
    Config(ConfigEvent),
    /// A link, or the path to a node over it, went up or down.
    Link(LinkEvent),
    /// A node came or went, or was not let in.
    Node(NodeEvent),
    /// Quorum was won or lost.
    Quorum(QuorumEvent),
    /// The daemon is about to end.
    Shutdown(ShutdownEvent),
    /// A view was installed.
    View(ViewEvent),
}

/// A view was installed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ViewEvent {
    /// Its number.
    #[serde(with = "ids::epoch")]
    pub epoch: Epoch,
    /// Who coordinates it.
    #[serde(with = "ids::node")]
    pub coordinator: NodeId,
    /// Its members, ascending.
    #[serde(with = "ids::nodes")]
    pub members: Vec<NodeId>,
    /// Members that were not in this node's view before.
    #[serde(with = "ids::nodes")]
    pub joined: Vec<NodeId>,
    /// Members of this node's view before that are not in this one.
    #[serde(with = "ids::nodes")]
    pub left: Vec<NodeId>,
    /// Members of the view before that came along into this one.
    #[serde(with = "ids::nodes")]
    pub transitional: Vec<NodeId>,
    /// Why, one for each node that came or went.
    pub reasons: Vec<ChangeReason>,
    /// The whole story in a sentence or two.
    pub text: String,
}

/// Why a node came or went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangeReason {
    /// Which.
    #[serde(with = "ids::node")]
    pub node: NodeId,
    /// A word, such as `silent`, `left` or `joined`.
    pub reason: String,
    /// Who noticed what, one sentence.
    pub evidence: String,
}

/// Quorum was won or lost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuorumEvent {
    /// Whether this node may act from now on.
    pub quorate: bool,
    /// Votes of the members.
    pub votes: u32,
    /// Votes if all were here that did not leave with `remove`.
    pub expected_votes: u32,
    /// Votes that are enough.
    pub needed: u32,
    /// Why, one sentence.
    pub text: String,
}

/// A configuration is in force here, or another node has a different one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConfigEvent {
    /// The version that is in force here.
    pub config_version: u64,
    /// Who has another one; `None` when this tells which one is in force.
    pub other: Option<OtherConfig>,
    /// What that means, one sentence.
    pub text: String,
}

/// A node with another configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OtherConfig {
    /// Which.
    #[serde(with = "ids::node")]
    pub node: NodeId,
    /// The version that it has.
    pub config_version: u64,
}

/// A link, or the path to a node over it, went up or down, or multicasts began or ceased to pass.
/// It tells how things are now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkEvent {
    /// Its number.
    pub link: u8,
    /// The member at the other end of the path; `None` for the link as a whole.
    #[serde(with = "ids::maybe_node")]
    pub node: Option<NodeId>,
    /// Whether it is up now. A path is down while the member is heard only through another node.
    pub up: bool,
    /// Whether multicasts pass. Always false where none are sent.
    pub multicast_heard: bool,
    /// Why, one sentence.
    pub text: String,
}

/// A node came or went, or was not let in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeEvent {
    /// Which.
    #[serde(with = "ids::node")]
    pub node: NodeId,
    /// What it is now.
    pub state: NodeState,
    /// What happened to it.
    pub change: NodeChange,
    /// A word, such as `silent`, `restarted` or `held_off`.
    pub reason: String,
    /// Who noticed what, one sentence.
    pub text: String,
}

/// What happened to a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum NodeChange {
    /// It became a member, for the first time since this daemon started.
    Joined,
    /// It became a member again.
    Returned,
    /// It is a member no more.
    Left,
    /// This node does not let it in.
    Refused,
    /// It does not let this node in.
    Refuses,
}

impl NodeChange {
    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Returned => "returned",
            Self::Left => "left",
            Self::Refused => "refused",
            Self::Refuses => "refuses",
        }
    }
}

/// The daemon is about to end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShutdownEvent {
    /// Why, one sentence.
    pub text: String,
}
