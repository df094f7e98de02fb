//! What the daemon answers.

use crate::{
    classic::{DeviceStatus, FenceStatus},
    group::ListedGroup,
    nodes::NodesReply,
    status::StatusReply,
};
use cman_types::Process;
use serde::{Deserialize, Serialize};

/// An answer to one request.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// The quorum device.
    Device(DeviceStatus),
    /// Accepted; there is nothing more to say.
    Done,
    /// Not done.
    Error(ErrorReply),
    /// What is known of the fencing of a node.
    Fence(FenceStatus),
    /// Some of the groups that have members, ascending by name.
    GroupList(GroupListChunk),
    /// Who is in a group, ascending.
    GroupMembers(Vec<Process>),
    /// Yes or no.
    Is(bool),
    /// Some of the latest log lines, oldest first.
    Logs(LogsChunk),
    /// All configured nodes.
    Nodes(NodesReply),
    /// A piece of the flight recorder.
    Recorder(RecorderChunk),
    /// How this node and its cluster are.
    Status(Box<StatusReply>),
    /// Versions.
    Version(VersionReply),
}

/// Why a request was not done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorReply {
    /// For programs.
    pub code: ErrorCode,
    /// One sentence: what is wrong.
    pub text: String,
    /// One sentence: what to try. May be empty.
    pub advice: String,
}

/// Kinds of refusal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(from = "u16", into = "u16")]
#[non_exhaustive]
pub enum ErrorCode {
    /// It is going on already, or the name is taken by something else.
    Already,
    /// Not now, for example because a view change is running: ask again.
    Busy,
    /// It is so already, for example the process is a member of the group.
    Exists,
    /// The daemon tried and failed.
    Failed,
    /// The request makes no sense, whatever the state of the cluster.
    Invalid,
    /// The request cannot be read.
    Malformed,
    /// What is named does not exist.
    NotFound,
    /// Only the admin socket accepts this.
    NotPermitted,
    /// A node that was waited for left the cluster.
    NodeLost,
    /// The node is not a member of the cluster.
    NotMember,
    /// The client is no member of the group.
    NotJoined,
    /// The request makes no sense at present, for example an unknown node.
    Refused,
    /// It took longer than was allowed.
    TimedOut,
    /// The daemon does not know this request.
    Unsupported,
    /// No common protocol version.
    Version,
    /// A code from a newer daemon.
    Other(u16),
}

impl From<u16> for ErrorCode {
    fn from(code: u16) -> Self {
        match code {
            1 => Self::Busy,
            2 => Self::Failed,
            3 => Self::Malformed,
            4 => Self::NotPermitted,
            5 => Self::Refused,
            6 => Self::Unsupported,
            7 => Self::Version,
            8 => Self::Exists,
            9 => Self::NotJoined,
            10 => Self::Already,
            11 => Self::Invalid,
            12 => Self::NodeLost,
            13 => Self::NotFound,
            14 => Self::NotMember,
            15 => Self::TimedOut,
            other => Self::Other(other),
        }
    }
}

impl From<ErrorCode> for u16 {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Busy => 1,
            ErrorCode::Failed => 2,
            ErrorCode::Malformed => 3,
            ErrorCode::NotPermitted => 4,
            ErrorCode::Refused => 5,
            ErrorCode::Unsupported => 6,
            ErrorCode::Version => 7,
            ErrorCode::Exists => 8,
            ErrorCode::NotJoined => 9,
            ErrorCode::Already => 10,
            ErrorCode::Invalid => 11,
            ErrorCode::NodeLost => 12,
            ErrorCode::NotFound => 13,
            ErrorCode::NotMember => 14,
            ErrorCode::TimedOut => 15,
            ErrorCode::Other(other) => other,
        }
    }
}

/// A piece of the flight recorder; the pieces in order are the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecorderChunk {
    /// The bytes; at most [`CHUNK_MAX`].
    pub bytes: Vec<u8>,
    /// Whether this is the last piece.
    pub last: bool,
}

/// Some groups; the chunks in order are all that have members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupListChunk {
    /// The groups, ascending by name; of a chunk that is not the only one about [`CHUNK_MAX`]
    /// bytes.
    pub groups: Vec<ListedGroup>,
    /// Whether these are the last ones.
    pub last: bool,
}

/// Some log lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogsChunk {
    /// The lines, oldest first, without their line ends; together at most [`CHUNK_MAX`] bytes.
    pub lines: Vec<String>,
    /// Whether these are the last ones.
    pub last: bool,
}

/// Bytes a chunk may carry, so that other replies are not held up for long.
pub const CHUNK_MAX: usize = 64 << 10;

/// Versions of the daemon and of what it runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VersionReply {
    /// Release of the daemon, such as `0.1.0`.
    pub release: String,
    /// Version of the cluster configuration that it runs.
    pub config_version: u64,
    /// Version of the wire protocol of the present view.
    pub wire_version: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_their_numbers() {
        for code in 0..=u16::MAX {
            assert_eq!(u16::from(ErrorCode::from(code)), code);
        }
    }
}
