//! What a client can ask for.

use crate::classic::ClassicRequest;
use bytes::Bytes;
use cman_types::{GroupName, NodeId};

/// A request. Each is answered by the [`Reply`](crate::Reply) named with it, or by
/// [`Reply::Error`](crate::Reply::Error).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Request {
    /// Of the classic interface.
    Classic(ClassicRequest),
    /// Wait until all messages that this connection sent before are in the node's queue -> `Done`.
    GroupFlush,
    /// Become a member of a group -> `Done` once it is on its way; it has happened with the first
    /// [`GroupConfig`](crate::group::GroupConfig) that names the process. [`ErrorCode::Exists`]
    /// when it is a member already, [`ErrorCode::Busy`] when its last leave is not over.
    ///
    /// [`ErrorCode::Exists`]: crate::ErrorCode::Exists
    /// [`ErrorCode::Busy`]: crate::ErrorCode::Busy
    GroupJoin {
        /// Which group.
        group: GroupName,
        /// As which process; by convention the number of the caller.
        pid: u32,
    },
    /// End a membership -> `Done` once it is on its way; messages come until the
    /// [`GroupConfig`](crate::group::GroupConfig) without the process.
    GroupLeave {
        /// Which group.
        group: GroupName,
    },
    /// All groups of the cluster that have members, as of one moment -> `GroupList`, in chunks.
    GroupList,
    /// Who is in a group, whether this client is or not -> `GroupMembers`.
    GroupMembers {
        /// Which group.
        group: GroupName,
    },
    /// A message to all members of a group, this one included. On a
    /// [`Channel::Stream`](crate::hello::Channel::Stream) there is no answer, but an event
    /// [`GroupRefused`](crate::group::GroupRefused) if it is not sent; elsewhere -> `Done`.
    GroupSend {
        /// Which group. The client must be a member, or have asked to join.
        group: GroupName,
        /// The message; at most [`GROUP_MESSAGE_MAX`](cman_types::group::GROUP_MESSAGE_MAX) bytes.
        payload: Bytes,
        /// Whether it shall be delivered only when all nodes of the view hold it.
        safe: bool,
    },
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
    /// What happened lately, as far as the daemon remembers -> those events, oldest first, then
    /// `Done`. Not on a connection that has subscribed: new events would stand between them.
    PastEvents,
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
            Self::Classic(request) => request.needs_admin(),
            Self::Kill { .. } | Self::Leave { .. } | Self::Recorder => true,
            Self::GroupFlush
            | Self::GroupJoin { .. }
            | Self::GroupLeave { .. }
            | Self::GroupList
            | Self::GroupMembers { .. }
            | Self::GroupSend { .. }
            | Self::Logs
            | Self::Nodes
            | Self::PastEvents
            | Self::Status
            | Self::Subscribe
            | Self::Version => false,
        }
    }
}
