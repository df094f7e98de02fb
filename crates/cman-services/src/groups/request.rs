//! What clients ask of groups, what they are told, and why they are refused.

use bytes::Bytes;
use cman_types::{GroupName, Incarnation, Process, group::Reason};

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum GroupRequest {
    /// To become a member. Done with the first [`GroupEvent::Config`] of the group.
    Join {
        /// Of which group.
        group: GroupName,
        /// As which process.
        pid: u32,
    },
    /// To be no member any more. Done with the [`GroupEvent::Config`] that says so; until then
    /// everything goes on.
    Leave {
        /// Of which group.
        group: GroupName,
    },
    /// To send a message to all members, itself included. Possible as soon as the join was
    /// accepted.
    Send {
        /// To which group.
        group: GroupName,
        /// What; may be empty.
        payload: Bytes,
        /// Whether it is delivered only when all members of the view hold it.
        safe: bool,
    },
    /// The members of any group: [`GroupEvent::Members`].
    Members {
        /// Of which group.
        group: GroupName,
    },
    /// All groups of the cluster: [`GroupEvent::Groups`].
    Groups,
}

/// What a client is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum GroupEvent {
    /// The membership of a group changed.
    Config {
        /// Which group.
        group: GroupName,
        /// Its members now, sorted.
        members: Vec<Process>,
        /// Who went, sorted. None of them is in `members`.
        left: Vec<(Process, Reason)>,
        /// Who came, sorted. All of them are in `members`.
        joined: Vec<(Process, Reason)>,
    },
    /// A message.
    Message {
        /// To which group.
        group: GroupName,
        /// Who sent it.
        sender: Process,
        /// In which life of its node.
        incarnation: Incarnation,
        /// Its number among the messages that the sender sent to the group since it joined, from
        /// 1. They come without a gap.
        number: u64,
        /// What was sent.
        payload: Bytes,
    },
    /// The answer to [`GroupRequest::Members`]; empty if there is no such group.
    Members {
        /// Which group.
        group: GroupName,
        /// Its members, sorted.
        members: Vec<Process>,
    },
    /// The answer to [`GroupRequest::Groups`]: each group that has members, with these, sorted.
    Groups(Vec<(GroupName, Vec<Process>)>),
}

/// Why a request was refused. Nothing has changed then.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The client, or another of this node with the same process id, is in the group.
    #[error(
        "process {pid} of this node is in group {group:?} already: \
         leave it first, or join as another process"
    )]
    AlreadyJoined {
        /// Which group.
        group: GroupName,
        /// As which process.
        pid: u32,
    },
    /// The client did not join the group, or leaves it.
    #[error("not a member of group {group:?}: join it first")]
    NotJoined {
        /// Which group.
        group: GroupName,
    },
    /// An earlier membership of the process has not ended yet.
    #[error("process {pid} of this node has not left group {group:?} yet: try again")]
    StillLeaving {
        /// Which group.
        group: GroupName,
        /// As which process.
        pid: u32,
    },
    /// The node has as many memberships as it may.
    #[error("the clients of this node have {max} memberships of groups, more are not possible")]
    TooManyMemberships {
        /// How many it may have.
        max: usize,
    },
}
