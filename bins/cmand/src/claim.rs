//! Who is starting: told before anything is made, while the own name is looked for, which may
//! take half a minute.
//!
//! The claim is an abstract socket named after the run directory: it is nowhere in a file system
//! and goes away with its process, however that ends. It only lets a second start fail early, with
//! a reason; what excludes two daemons is the lock of the run directory. So whatever cannot be had
//! here is no error. As anybody may make such a socket, only one of root or of our own user counts.

use crate::start_error::StartError;
use rustix::{
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
        sockopt::socket_peercred,
    },
    process::{Uid, geteuid},
};
use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixListener},
        },
    },
    path::Path,
};

/// Lasts until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    _socket: Option<UnixListener>,
}

impl Claim {
    /// Says that a daemon for this run directory is starting.
    ///
    /// # Errors
    /// When another process says so.
    pub(crate) fn stake(run_dir: &Path) -> Result<Self, StartError> {
        let name = [b"cman-start ", run_dir.as_os_str().as_bytes()].concat();
        let bound = SocketAddr::from_abstract_name(&name)
            .and_then(|address| UnixListener::bind_addr(&address));
        match bound {
            Ok(socket) => Ok(Self { _socket: Some(socket) }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => match owner(&name) {
                Some(pid) => Err(StartError::Starting { path: run_dir.to_owned(), pid }),
                None => Ok(Self { _socket: None }),
            },
            Err(_) => Ok(Self { _socket: None }),
        }
    }
}

/// The process that listens at this name, if it has any say here.
fn owner(name: &[u8]) -> Option<i32> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    connect(&socket, &SocketAddrUnix::new_abstract_name(name).ok()?).ok()?;
    let owner = socket_peercred(&socket).ok()?;
    let counts = owner.uid == Uid::ROOT || owner.uid == geteuid();
    counts.then(|| owner.pid.as_raw_nonzero().get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_starting_and_gets_it_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let first = Claim::stake(dir.path()).unwrap();
        match Claim::stake(dir.path()) {
            Err(StartError::Starting { pid, .. }) => {
                assert_eq!(u32::try_from(pid).unwrap(), std::process::id());
            }
            other => panic!("{other:?}"),
        }
        Claim::stake(&dir.path().join("other")).unwrap();
        drop(first);
        Claim::stake(dir.path()).unwrap();
    }
}
