//! The fencing record: which node was forced out last, when, and by what. Specified in
//! `docs/spec/fencing.md`.
//!
//! | module | what |
//! |---|---|
//! | `record` | what is known of one node, and which of two accounts stands |
//! | `codec` | operations and parts to bytes and back |
//! | `machine` | the records of all nodes: operations, views, syncs; what clients ask |

mod codec;
mod machine;
mod record;

use bytes::Bytes;
use cman_types::NodeId;

pub(crate) use machine::Fencing;
pub use record::FenceRecord;

/// Longest name of a fence agent, in bytes.
pub const AGENT_MAX: usize = 254;

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum FenceRequest {
    /// To note that a node was fenced. Answered by [`FenceEvent::Noted`].
    Note {
        /// Which node.
        node: NodeId,
        /// When, in seconds since 1970.
        at: u64,
        /// By which agent, at most [`AGENT_MAX`] bytes.
        agent: Bytes,
    },
}

/// What a client is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FenceEvent {
    /// This node has noted it, and all members note it at the same place.
    Noted {
        /// Which node was fenced.
        node: NodeId,
    },
}

/// Why a request is refused. Nothing has changed then.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FenceError {
    /// The name of the agent is too long.
    #[error("the name of the fence agent has {size} bytes, at most {AGENT_MAX} are possible")]
    AgentTooLong {
        /// How many bytes it has.
        size: usize,
    },
}
