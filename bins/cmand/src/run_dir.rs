//! What the daemon keeps in its run directory while it runs, and takes away when it ends.

use crate::start_error::StartError;
use cman_io::{lock_file::LockFile, regular_file};
use cman_ipc::paths::{ADMIN_SOCKET, PID_FILE, PUBLIC_SOCKET};
use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

/// Held as long as the daemon runs.
const LOCK_FILE: &str = "cmand.lock";

/// The run directory of this daemon and of no other.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    _lock: LockFile,
}

impl RunDir {
    /// Makes the directory if it is not there, and locks it.
    ///
    /// # Errors
    /// When it cannot be made, or another daemon has it.
    pub(crate) fn acquire(path: &Path) -> Result<Self, StartError> {
        make_dir(path, 0o755)
            .map_err(|source| StartError::RunDir { path: path.to_owned(), source })?;
        let _lock = LockFile::acquire(&path.join(LOCK_FILE))?;
        Ok(Self { path: path.to_owned(), _lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the process number for scripts.
    pub(crate) fn write_pid(&self) -> Result<(), StartError> {
        let path = self.path.join(PID_FILE);
        regular_file::write(&path, format!("{}\n", std::process::id()).as_bytes())
            .map_err(|source| StartError::PidFile { path, source })
    }

    /// The socket for reading and the socket for everything, listening. What a daemon that was
    /// killed left there is removed: we hold the lock.
    pub(crate) fn listen(&self) -> Result<(UnixListener, UnixListener), StartError> {
        let public = listen(self.path.join(PUBLIC_SOCKET), 0o660)?;
        let admin = listen(self.path.join(ADMIN_SOCKET), 0o600)?;
        Ok((public, admin))
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        for name in [PUBLIC_SOCKET, ADMIN_SOCKET, PID_FILE] {
            // Not there when the start failed before it was made.
            let _absent = fs::remove_file(self.path.join(name));
        }
    }
}

/// Makes a directory, with those above it, if it is not there.
pub(crate) fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

fn listen(path: PathBuf, mode: u32) -> Result<UnixListener, StartError> {
    let bind = || {
        if fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket()) {
            fs::remove_file(&path)?;
        }
        // Nobody but us may connect between the two steps.
        let before = rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        let listener = UnixListener::bind(&path);
        rustix::process::umask(before);
        let listener = listener?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        listener.set_nonblocking(true)?;
        io::Result::Ok(listener)
    };
    bind().map_err(|source| StartError::ClientSocket { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn nothing_but_the_lock_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/cman");
        let run_dir = RunDir::acquire(&path).unwrap();
        run_dir.write_pid().unwrap();
        let _listeners = run_dir.listen().unwrap();
        let mode = |name| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(PUBLIC_SOCKET), mode(ADMIN_SOCKET)), (0o660, 0o600));
        UnixStream::connect(path.join(PUBLIC_SOCKET)).unwrap();
        assert!(matches!(RunDir::acquire(&path), Err(StartError::Lock(_))));
        drop(run_dir);
        let left: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, [LOCK_FILE]);
    }

    #[test]
    fn sockets_of_a_killed_daemon_are_replaced_but_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let run_dir = RunDir::acquire(dir.path()).unwrap();
        drop(UnixListener::bind(dir.path().join(ADMIN_SOCKET)).unwrap());
        let _listeners = run_dir.listen().unwrap();
        UnixStream::connect(dir.path().join(ADMIN_SOCKET)).unwrap();
        fs::remove_file(dir.path().join(PUBLIC_SOCKET)).unwrap();
        fs::write(dir.path().join(PUBLIC_SOCKET), "not a socket").unwrap();
        assert!(matches!(run_dir.listen(), Err(StartError::ClientSocket { .. })));
    }
}
