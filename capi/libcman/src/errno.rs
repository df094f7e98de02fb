//! Which error is which number.

use cman_client::{Error, ipc::ErrorCode};
use rustix::io::Errno;
use std::io;

/// What was called, as far as the daemon's refusals mean different things.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    /// Barriers.
    Barrier,
    /// Binding a port.
    Bind,
    /// Registering, polling and unregistering the quorum device.
    Device,
    /// The fencing record.
    Fence,
    /// Killing a node.
    Kill,
    /// Reading. May be asked again without harm.
    Query,
    /// Anything whose refusals mean what they say.
    Other,
}

/// The number for a call that was not done.
pub(crate) fn of(call: Call, error: &Error) -> Errno {
    match error {
        Error::Refused(reply) => of_refusal(call, reply.code),
        // It would be too long for the daemon.
        Error::Unsendable { .. } => Errno::INVAL,
        // Whatever else is wrong with a connection, it is of no use any more.
        _ => Errno::HOSTDOWN,
    }
}

fn of_refusal(call: Call, code: ErrorCode) -> Errno {
    match (call, code) {
        (Call::Bind, ErrorCode::Exists) => Errno::ADDRINUSE,
        (Call::Fence | Call::Kill, ErrorCode::NotFound | ErrorCode::Refused) => Errno::INVAL,
        (Call::Kill, ErrorCode::NotMember) => Errno::INVAL,
        (Call::Device, ErrorCode::Exists) => Errno::BUSY,
        (_, ErrorCode::Already) => Errno::ALREADY,
        (_, ErrorCode::Busy) => Errno::BUSY,
        (_, ErrorCode::Exists) => Errno::EXIST,
        (_, ErrorCode::Invalid | ErrorCode::Malformed | ErrorCode::Refused) => Errno::INVAL,
        (_, ErrorCode::NodeLost) => Errno::SRCH,
        (_, ErrorCode::NotFound) => Errno::NOENT,
        (_, ErrorCode::NotJoined | ErrorCode::NotMember) => Errno::NOTCONN,
        (_, ErrorCode::NotPermitted) => Errno::PERM,
        (_, ErrorCode::TimedOut) => Errno::TIMEDOUT,
        (_, ErrorCode::Unsupported | ErrorCode::Version) => Errno::OPNOTSUPP,
        // Of what a newer daemon says, and of a daemon that tried and failed.
        (_, _) => Errno::IO,
    }
}

/// The number for a handle that cannot be had.
pub(crate) fn of_connecting(error: &Error) -> Errno {
    match error {
        Error::Forbidden { .. } => Errno::ACCESS,
        Error::NotRunning { .. } => Errno::NOENT,
        Error::NotADirectory { .. } => Errno::NOTDIR,
        Error::TooLong { .. } => Errno::NAMETOOLONG,
        Error::TimedOut { .. } => Errno::TIMEDOUT,
        Error::Io { source, .. } => of_system(source),
        // Nobody listens, or there is no room, or it is something else: trying again may help.
        _ => Errno::CONNREFUSED,
    }
}

/// The number that the system gave.
pub(crate) fn of_system(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_the_documented_numbers() {
        let table = [
            (Call::Bind, ErrorCode::Exists, libc::EADDRINUSE),
            (Call::Barrier, ErrorCode::Invalid, libc::EINVAL),
            (Call::Barrier, ErrorCode::NodeLost, libc::ESRCH),
            (Call::Barrier, ErrorCode::NotFound, libc::ENOENT),
            (Call::Barrier, ErrorCode::TimedOut, libc::ETIMEDOUT),
            (Call::Device, ErrorCode::Already, libc::EALREADY),
            (Call::Device, ErrorCode::Busy, libc::EBUSY),
            (Call::Device, ErrorCode::Exists, libc::EBUSY),
            (Call::Device, ErrorCode::NotFound, libc::ENOENT),
            (Call::Fence, ErrorCode::NotFound, libc::EINVAL),
            (Call::Kill, ErrorCode::NotMember, libc::EINVAL),
            (Call::Kill, ErrorCode::Refused, libc::EINVAL),
            (Call::Query, ErrorCode::Busy, libc::EBUSY),
            (Call::Query, ErrorCode::NotMember, libc::ENOTCONN),
            (Call::Other, ErrorCode::NotPermitted, libc::EPERM),
            (Call::Other, ErrorCode::Other(9999), libc::EIO),
        ];
        for (call, code, number) in table {
            assert_eq!(of_refusal(call, code).raw_os_error(), number, "{call:?} {code:?}");
        }
    }
}
