//! What can go wrong between a client and the daemon, and what to try then.

use crate::process;
use cman_io::lease_page::LeaseError;
use cman_ipc::{DecodeError, EncodeError, ErrorCode, ErrorReply, paths::SOCKET_PATH_MAX};
use cman_types::{GroupName, Span, group::GROUP_MESSAGE_MAX};
use std::{
    io,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Why a question to the daemon has no answer. The message is one sentence that says what is
/// wrong; [`Error::advice`] says what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The daemon closed the connection.
    #[error("The cluster daemon closed the connection; it is ending or has died.")]
    Closed,
    /// The socket exists, but the caller may not use it.
    #[error("You are not permitted to use {}.", .socket.display())]
    Forbidden {
        /// The socket.
        socket: PathBuf,
    },
    /// The system refused something else.
    #[error("Cannot talk to the cluster daemon through {}: {source}.", .socket.display())]
    Io {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no lease page, or it cannot be read.
    #[error("Cannot read the quorum lease: {source}.")]
    Lease {
        /// What is wrong with it.
        #[from]
        source: LeaseError,
    },
    /// What the daemon says makes no sense.
    #[error("The cluster daemon said something that cannot be read: {source}.")]
    Malformed {
        /// What is wrong with it.
        #[from]
        source: DecodeError,
    },
    /// The message to a group is longer than messages may be.
    #[error("The message has {len} bytes, at most {GROUP_MESSAGE_MAX} are possible.")]
    MessageTooLong {
        /// How many it has.
        len: usize,
    },
    /// The daemon is of a time before groups.
    #[error("The cluster daemon serves no groups.")]
    NoGroups,
    /// A message to a group that this process has not joined.
    #[error("This process is not a member of the group {group}.")]
    NotJoined {
        /// Which group.
        group: GroupName,
    },
    /// The run directory is something else.
    #[error("The run directory {} is no directory.", .path.display())]
    NotADirectory {
        /// What was given as the run directory, or a part of its path.
        path: PathBuf,
    },
    /// Something else has the name of the socket.
    #[error("{} is in the way of the cluster daemon's socket, and is none.", .path.display())]
    NotASocket {
        /// The path of the socket.
        path: PathBuf,
    },
    /// The daemon lives, but nobody listens on its socket.
    #[error(
        "The cluster daemon, process {pid}, does not listen on {}: it is starting or ending, or \
         its socket was removed.",
        .socket.display()
    )]
    NotListening {
        /// The socket that was looked for.
        socket: PathBuf,
        /// The daemon.
        pid: u32,
    },
    /// There is no socket in the run directory.
    #[error("The cluster daemon is not running: there is no {}.", .socket.display())]
    NotRunning {
        /// The socket that was looked for.
        socket: PathBuf,
    },
    /// The daemon understood and said no.
    #[error("{}", .0.text)]
    Refused(ErrorReply),
    /// Nobody listens on the socket.
    #[error("The cluster daemon is not running: it left {} behind.", .socket.display())]
    Stale {
        /// The socket.
        socket: PathBuf,
    },
    /// No answer in time.
    #[error("The cluster daemon gave no answer for {}.", Span(*.after))]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The path of the socket does not fit into an address.
    #[error(
        "The path {} is too long for a socket, which may have {SOCKET_PATH_MAX} bytes.",
        .socket.display()
    )]
    TooLong {
        /// The socket.
        socket: PathBuf,
    },
    /// The daemon answered another question than was asked.
    #[error("The cluster daemon answered something else than was asked.")]
    Unexpected,
    /// So much has arrived and was not taken that nothing more can be sent.
    #[error("Too many messages wait to be received.")]
    Unread,
    /// The request does not fit into a message.
    #[error("The request cannot be sent: {source}.")]
    Unsendable {
        /// Why.
        #[from]
        source: EncodeError,
    },
}

impl Error {
    /// What to try, one sentence; empty if there is nothing to say.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::NotRunning { .. } | Self::Stale { .. } => {
                "Start it with `cman_tool join` or `systemctl start cman`; if it uses another run \
                 directory, name that with --run-dir."
                    .to_owned()
            }
            Self::NotListening { pid, .. } => format!(
                "Try again in a moment; if that does not help, end it with `kill {pid}` and start \
                 it again."
            ),
            Self::Forbidden { socket } if is_admin(socket) => {
                "Ask again as root, or as the user that the daemon runs as.".to_owned()
            }
            Self::Forbidden { .. } => {
                "Ask again as root, or as a member of the group that owns the socket.".to_owned()
            }
            Self::Closed => "The daemon's log says why.".to_owned(),
            Self::TimedOut { .. } => {
                "See with `systemctl status cman` or `ps` whether it is stopped or the machine is \
                 overloaded."
                    .to_owned()
            }
            Self::NotADirectory { .. } => {
                "Name the one that the daemon uses with --run-dir.".to_owned()
            }
            Self::NotASocket { .. } => {
                "Move it away, or name another run directory with --run-dir.".to_owned()
            }
            Self::TooLong { .. } => "Choose a shorter run directory with --run-dir.".to_owned(),
            Self::MessageTooLong { .. } => "Send it in pieces.".to_owned(),
            Self::NotJoined { .. } => "Join it first.".to_owned(),
            Self::Unread => "Receive them, and send again.".to_owned(),
            Self::Malformed { .. } | Self::NoGroups | Self::Unexpected => {
                "Check that the tool and the daemon come from the same release.".to_owned()
            }
            Self::Refused(reply) => reply.advice.clone(),
            Self::Io { .. } | Self::Lease { .. } | Self::Unsendable { .. } => String::new(),
        }
    }

    /// Whether no daemon is there, as opposed to one that cannot be used.
    #[must_use]
    pub const fn is_not_running(&self) -> bool {
        matches!(self, Self::NotRunning { .. } | Self::Stale { .. })
    }

    /// Whether the daemon asks to be asked again later.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::Busy))
    }

    /// Why the daemon refused, for programs; `None` if it was not the daemon.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(reply) => Some(reply.code),
            _ => None,
        }
    }

    /// The error for a connection attempt that the system refused.
    pub(crate) fn connecting(socket: PathBuf, source: io::Error) -> Self {
        let daemon = || socket.parent().and_then(process::daemon_of);
        match source.kind() {
            io::ErrorKind::NotFound => match daemon() {
                Some(pid) => Self::NotListening { socket, pid },
                None => Self::NotRunning { socket },
            },
            io::ErrorKind::NotADirectory => {
                let directory = socket.parent().unwrap_or(&socket);
                Self::NotADirectory { path: directory.to_owned() }
            }
            io::ErrorKind::ConnectionRefused if is_something_else(&socket) => {
                Self::NotASocket { path: socket }
            }
            io::ErrorKind::ConnectionRefused => match daemon() {
                Some(pid) => Self::NotListening { socket, pid },
                None => Self::Stale { socket },
            },
            io::ErrorKind::PermissionDenied => Self::Forbidden { socket },
            io::ErrorKind::InvalidInput => Self::TooLong { socket },
            _ => Self::Io { socket, source },
        }
    }
}

/// Whether this is there and no socket.
fn is_something_else(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.file_type().is_socket())
}

fn is_admin(socket: &Path) -> bool {
    socket.ends_with(cman_ipc::paths::ADMIN_SOCKET)
}
