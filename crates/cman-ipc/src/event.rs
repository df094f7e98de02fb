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
    /// Another configuration version is in force.
    Config(ConfigEvent),
    /// A link went up or down.
    Link(LinkEvent),
    /// A node changed its state without a view change.
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

/// Another configuration version is in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConfigEvent {
    /// Which.
    pub config_version: u64,
    /// What changed, one sentence.
    pub text: String,
}

/// A link went up or down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkEvent {
    /// Its number.
    pub link: u8,
    /// Whether it is up now.
    pub up: bool,
    /// Why, one sentence.
    pub text: String,
}

/// A node changed its state without a view change, for example was refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeEvent {
    /// Which.
    #[serde(with = "ids::node")]
    pub node: NodeId,
    /// What it is now.
    pub state: NodeState,
    /// Why, one sentence.
    pub text: String,
}

/// The daemon is about to end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShutdownEvent {
    /// Why, one sentence.
    pub text: String,
}
