//! What a client can ask for.

use cman_types::NodeId;

/// A request. Each is answered by the [`Reply`](crate::Reply) named with it, or by
/// [`Reply::Error`](crate::Reply::Error).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Request {
    /// Put a node out of the cluster for good -> `Done`. Admin socket only.
    Kill {
        /// Whom.
        node: NodeId,
    },
    /// Leave the cluster and end the daemon -> `Done` once it is accepted; the connection closes
    /// when the daemon has left. Admin socket only.
    Leave {
        /// Lower the expected votes of those who stay by the votes of this node.
        remove: bool,
        /// Leave even if clients object or a view change is running.
        force: bool,
    },
    /// The latest log lines -> `Logs`, in chunks.
    Logs,
    /// All configured nodes -> `Nodes`.
    Nodes,
    /// The flight recorder -> `Recorder`, in chunks. Admin socket only.
    Recorder,
    /// How this node and its cluster are -> `Status`.
    Status,
    /// Events from now on, the present view and quorum first -> `Done`, then events.
    Subscribe,
    /// Versions of the daemon and the configuration -> `Version`.
    Version,
}

impl Request {
    /// Whether it is only accepted on the admin socket.
    #[must_use]
    pub const fn needs_admin(&self) -> bool {
        match self {
            Self::Kill { .. } | Self::Leave { .. } | Self::Recorder => true,
            Self::Logs | Self::Nodes | Self::Status | Self::Subscribe | Self::Version => false,
        }
    }
}
