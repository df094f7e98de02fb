//! What clients ask of barriers, what they are told, and why they are refused.

use cman_types::BarrierName;

/// What a client asks. What is accepted is answered by exactly one [`BarrierEvent`], unless the
/// client goes first.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum BarrierRequest {
    /// To change a barrier that clients of this node have registered.
    Change {
        /// Which.
        name: BarrierName,
        /// What.
        change: BarrierChange,
    },
    /// To forget a barrier, as far as this node has to do with it.
    Delete {
        /// Which.
        name: BarrierName,
    },
    /// To make a barrier known, or to take over the one that clients of this node have
    /// registered.
    Register {
        /// Which.
        name: BarrierName,
        /// How many nodes are waited for; 0: all members, as many as there are then.
        nodes: u32,
        /// What else it is to be.
        options: BarrierOptions,
    },
    /// To wait until all have come; with it this node has come.
    Wait {
        /// Which.
        name: BarrierName,
    },
}

/// What a barrier is, besides its name and the number of nodes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct BarrierOptions {
    /// Whether this node forgets it when all have come.
    pub autodelete: bool,
    /// Whether this node has come at once.
    pub enabled: bool,
}

/// A change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BarrierChange {
    /// Whether this node forgets it when all have come.
    Autodelete(bool),
    /// This node has come, whether or not somebody waits.
    Enable,
    /// How many nodes are waited for; 0: all members.
    Nodes(u32),
    /// How long those wait who begin to wait from now on, in seconds; 0: without end.
    Timeout(u32),
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BarrierEvent {
    /// Which barrier.
    pub name: BarrierName,
    /// How it ended; of a wait: whether all have come.
    pub result: Result<(), BarrierError>,
}

/// Why a request is refused, or a wait ends before all have come.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BarrierError {
    /// This node has come: what was asked is only possible before.
    #[error("this node has come to barrier {name}: change it before that")]
    HasCome {
        /// Which barrier.
        name: BarrierName,
    },
    /// A node that may have been waited for was lost.
    #[error("a node was lost while nodes waited at barrier {name}")]
    NodeLost {
        /// Which barrier.
        name: BarrierName,
    },
    /// It is not registered on this node, or not any more.
    #[error("barrier {name} is not registered on this node: register it first")]
    NotFound {
        /// Which barrier.
        name: BarrierName,
    },
    /// It is registered with another number of nodes.
    #[error("barrier {name} is registered for another number of nodes than {nodes}")]
    OtherCount {
        /// Which barrier.
        name: BarrierName,
        /// What was asked for.
        nodes: u32,
    },
    /// Its time ran out before all had come.
    #[error("not all nodes came to barrier {name} in time")]
    TimedOut {
        /// Which barrier.
        name: BarrierName,
    },
    /// The node has as many barriers as it may.
    #[error("the clients of this node have {max} barriers, more are not possible")]
    TooMany {
        /// How many it may have.
        max: usize,
    },
}

impl BarrierRequest {
    /// Which barrier it is about.
    #[must_use]
    pub const fn name(&self) -> &BarrierName {
        match self {
            Self::Change { name, .. }
            | Self::Delete { name }
            | Self::Register { name, .. }
            | Self::Wait { name } => name,
        }
    }
}
