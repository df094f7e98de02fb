//! Why a daemon could not start: each with what to do about it.

use cman_config::{Diagnostics, OverrideError};
use cman_io::{lease_page::LeaseError, lock_file::LockError, resolve::ResolveError, udp::UdpError};
use cman_ipc::paths::SOCKET_PATH_MAX;
use std::{io, path::PathBuf};

/// Why the daemon could not start. What the start had made by then was taken away again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot read the configuration {}: {source}; {}", .path.display(), advice(.source))]
    ConfigRead { path: PathBuf, source: io::Error },
    #[error("the configuration cannot be used:\n{0}")]
    Config(Diagnostics),
    #[error(
        "no node of the configuration {} is called {name}; its nodes are {nodes}: start with \
         --name and one of these, or add this node",
        .path.display()
    )]
    NotANode { path: PathBuf, name: String, nodes: String },
    #[error(transparent)]
    Override(#[from] OverrideError),
    #[error(
        "CMAN_NOCONFIG asks for a cluster without a configuration, which there is not any more: \
         write a cluster.conf with at least the names of the cluster and of its nodes (see \
         cluster.conf(5)), and take CMAN_NOCONFIG out of the environment"
    )]
    NoConfiguration,
    #[error("cannot read the cluster's key {}: {source}; {}", .path.display(), key_advice(.source))]
    KeyRead { path: PathBuf, source: io::Error },
    #[error(
        "others may read the cluster's key {} (mode {mode:04o}); run `chmod 600 {}`, and make a \
         new key if anybody did",
        .path.display(), .path.display()
    )]
    KeyExposed { path: PathBuf, mode: u32 },
    #[error("{}: {source}", .path.display())]
    Key { path: PathBuf, source: cman_crypto::KeyError },
    #[error(
        "cannot make the run directory {}: {}choose another with --run-dir",
        .path.display(), make_advice(.source)
    )]
    RunDir { path: PathBuf, source: io::Error },
    #[error(
        "cannot lock {}: {}choose another run directory with --run-dir",
        .path.display(), lock_advice(.source)
    )]
    RunDirLock { path: PathBuf, source: io::Error },
    #[error(
        "a daemon for the run directory {} is starting already (pid {pid}): it still looks for \
         the address of its name; wait for it, or end it with `kill {pid}`",
        .path.display()
    )]
    Starting { path: PathBuf, pid: i32 },
    #[error(
        "the run directory {} has too long a path: that of its sockets would have {longest} bytes, \
         and the system allows {SOCKET_PATH_MAX} bytes; choose a shorter one with --run-dir",
        .path.display()
    )]
    RunDirTooLong { path: PathBuf, longest: usize },
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Udp(#[from] UdpError),
    #[error(
        "{} is in the way of the client socket, and is none: move it away, or choose another run \
         directory with --run-dir",
        .path.display()
    )]
    NotASocket { path: PathBuf },
    #[error("cannot make the client socket {}: {source}", .path.display())]
    ClientSocket { path: PathBuf, source: io::Error },
    #[error(
        "cannot record to {}: {source}; an old recording is never overwritten",
        .path.display()
    )]
    Record { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", .path.display())]
    PidFile { path: PathBuf, source: io::Error },
    #[error(
        "this process may open {allowed} files, and needs {needed}; allow it more with `ulimit -n` \
         or LimitNOFILE in its systemd unit"
    )]
    Descriptors { allowed: u64, needed: u64 },
    #[error(
        "this node must not join: {} says that a former daemon of this boot ended while programs \
         here carried state that must not be merged (a lock manager, a mounted file system); \
         reboot or fence this node; only if nothing of it is left, start with --force-clean",
        .path.display()
    )]
    Dirty { path: PathBuf },
    #[error(
        "this node must not join: {} may say that programs here carry state, but {what}; reboot \
         or fence this node; only if nothing of it is left, start with --force-clean",
        .path.display()
    )]
    DirtyDamaged { path: PathBuf, what: String },
    #[error("cannot remove {}: {source}; remove it, and start again", .path.display())]
    DirtyStays { path: PathBuf, source: io::Error },
    #[error("the start was given up: the process that waited for it has ended")]
    GivenUp,
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    #[error("the system refuses a thread or descriptor: {0}")]
    Resources(#[from] io::Error),
}

impl StartError {
    /// Whether this node is out of the cluster: starting again does not help.
    pub(crate) const fn is_out(&self) -> bool {
        matches!(self, Self::Dirty { .. } | Self::DirtyDamaged { .. })
    }
}

/// To be followed by another thing to do.
fn make_advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "it is no directory; move it away, or ".to_owned(),
        io::ErrorKind::NotADirectory => {
            "a part of its path is no directory; move that away, or ".to_owned()
        }
        _ => lock_advice(error),
    }
}

/// The same for a file in that directory.
fn lock_advice(error: &io::Error) -> String {
    let first = match error.kind() {
        io::ErrorKind::PermissionDenied => "start as root, or ",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room there, or ",
        _ => "",
    };
    format!("{error}; {first}")
}

fn key_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "make one with `cman_tool keygen` on one node and copy it to all, name another with \
             --keyfile, or choose `encryption=\"off\"` in the configuration"
        }
        io::ErrorKind::PermissionDenied => {
            "start as root, or make the user of this process its owner with `chown`"
        }
        _ => "name another with --keyfile",
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "write one (see cluster.conf(5)), or name another with --config",
        io::ErrorKind::PermissionDenied => "start as root, or name another with --config",
        _ => "name another with --config",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: io::ErrorKind) -> String {
        StartError::KeyRead { path: "/k".into(), source: kind.into() }.to_string()
    }

    #[test]
    fn a_key_that_may_not_be_read_need_not_be_made() {
        let denied = key(io::ErrorKind::PermissionDenied);
        assert!(denied.contains("start as root") && denied.contains("chown"), "{denied}");
        assert!(!denied.contains("keygen") && !denied.contains("encryption"), "{denied}");
        assert!(key(io::ErrorKind::NotFound).contains("cman_tool keygen"));
    }

    #[test]
    fn a_run_directory_that_cannot_be_had_is_told_in_a_sentence() {
        let (path, read_only) = (PathBuf::from("/x"), || io::ErrorKind::ReadOnlyFilesystem.into());
        let make = StartError::RunDir { path: path.clone(), source: read_only() };
        assert_eq!(
            make.to_string(),
            "cannot make the run directory /x: read-only filesystem or storage medium; choose \
             another with --run-dir"
        );
        let lock = |source| StartError::RunDirLock { path: path.clone(), source }.to_string();
        assert_eq!(
            lock(read_only()),
            "cannot lock /x: read-only filesystem or storage medium; choose another run directory \
             with --run-dir"
        );
        let full = lock(io::ErrorKind::StorageFull.into());
        assert!(full.contains("; make room there, or choose another run directory"), "{full}");
        let denied = lock(io::ErrorKind::PermissionDenied.into());
        assert!(denied.contains("; start as root, or choose another"), "{denied}");
    }
}
