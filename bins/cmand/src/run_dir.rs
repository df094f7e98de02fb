//! What the daemon keeps in its run directory while it runs, and takes away when it ends.

use crate::{
    directory::{Directory, DirectoryError},
    start_error::StartError,
};
use cman_io::{lock_file::LockError, regular_file};
use cman_ipc::paths::{
    ADMIN_SOCKET, LEASE_PAGE, LOCK_FILE, PID_FILE, PUBLIC_SOCKET, SOCKET_PATH_MAX,
};
use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

/// The run directory of this daemon and of no other.
#[derive(Debug)]
pub(crate) struct RunDir {
    /// What goes away when the daemon ends, however it ends.
    made: Vec<PathBuf>,
    /// Let go of after that.
    directory: Directory,
}

impl RunDir {
    /// Whether sockets in this directory could be reached.
    ///
    /// # Errors
    /// When its path is too long.
    pub(crate) fn check(path: &Path) -> Result<(), StartError> {
        let longest = path.join(ADMIN_SOCKET).as_os_str().as_bytes().len();
        if longest > SOCKET_PATH_MAX {
            return Err(StartError::RunDirTooLong { path: path.to_owned(), longest });
        }
        Ok(())
    }

    /// Makes the directory if it is not there, and locks it.
    ///
    /// # Errors
    /// When it cannot be made, sockets in it could not be reached, or another daemon has it.
    pub(crate) fn acquire(path: &Path) -> Result<Self, StartError> {
        Self::check(path)?;
        let directory =
            Directory::acquire(path, 0o755, LOCK_FILE).map_err(|error| match error {
                DirectoryError::Make(source) => {
                    StartError::RunDir { path: path.to_owned(), source }
                }
                DirectoryError::Lock(LockError::Io { path, source }) => {
                    StartError::RunDirLock { path, source }
                }
                DirectoryError::Lock(error) => error.into(),
            })?;
        Ok(Self { made: Vec::new(), directory })
    }

    /// Where the lease page is to be made: it stays when the daemon ends, but not when the start
    /// fails.
    pub(crate) fn place_of_lease_page(&mut self) -> &Path {
        self.directory.will_make(LEASE_PAGE);
        self.directory.path()
    }

    /// The start has succeeded.
    pub(crate) fn keep(&mut self) {
        self.directory.keep();
    }

    /// Writes the process number for scripts.
    pub(crate) fn write_pid(&mut self) -> Result<(), StartError> {
        let path = self.directory.path().join(PID_FILE);
        regular_file::write(&path, format!("{}\n", std::process::id()).as_bytes())
            .map_err(|source| StartError::PidFile { path: path.clone(), source })?;
        self.made.push(path);
        Ok(())
    }

    /// The socket for reading and the socket for everything, listening. What a daemon that was
    /// killed left there is removed: we hold the lock.
    pub(crate) fn listen(&mut self) -> Result<(UnixListener, UnixListener), StartError> {
        let public = self.listen_at(PUBLIC_SOCKET, 0o660)?;
        let admin = self.listen_at(ADMIN_SOCKET, 0o600)?;
        Ok((public, admin))
    }

    fn listen_at(&mut self, name: &str, mode: u32) -> Result<UnixListener, StartError> {
        let path = self.directory.path().join(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(StartError::NotASocket { path });
            }
            Ok(_) | Err(_) => {}
        }
        let listener = listen(&path, mode, &mut self.made);
        listener.map_err(|source| StartError::ClientSocket { path, source })
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        for path in &self.made {
            // Somebody may have cleaned up after us before the end.
            let _absent = fs::remove_file(path);
        }
    }
}

/// Listens at `path`, and adds it to `made` as soon as there is a socket of ours.
fn listen(path: &Path, mode: u32, made: &mut Vec<PathBuf>) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Nobody but us may connect between the two steps.
    let before = rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let listener = UnixListener::bind(path);
    rustix::process::umask(before);
    let listener = listener?;
    made.push(path.to_owned());
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    fn names(path: &Path) -> Vec<String> {
        let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A run directory with all that a start makes in it.
    fn started(path: &Path) -> (RunDir, (UnixListener, UnixListener)) {
        let mut run_dir = RunDir::acquire(path).unwrap();
        fs::write(run_dir.place_of_lease_page().join(LEASE_PAGE), "").unwrap();
        run_dir.write_pid().unwrap();
        let listeners = run_dir.listen().unwrap();
        (run_dir, listeners)
    }

    #[test]
    fn after_a_life_only_the_lock_and_the_lease_page_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/cman");
        let (mut run_dir, _listeners) = started(&path);
        run_dir.keep();
        let mode = |name| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(PUBLIC_SOCKET), mode(ADMIN_SOCKET)), (0o660, 0o600));
        UnixStream::connect(path.join(PUBLIC_SOCKET)).unwrap();
        assert!(matches!(RunDir::acquire(&path), Err(StartError::Lock(_))));
        drop(run_dir);
        assert_eq!(names(&path), [LOCK_FILE, LEASE_PAGE]);
    }

    #[test]
    fn after_a_failed_start_nothing_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/cman");
        let (run_dir, _listeners) = started(&path);
        drop(run_dir);
        assert_eq!(names(dir.path()), [""; 0]);
    }

    #[test]
    fn sockets_of_a_killed_daemon_are_replaced_but_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut run_dir = RunDir::acquire(dir.path()).unwrap();
        drop(UnixListener::bind(dir.path().join(ADMIN_SOCKET)).unwrap());
        drop(run_dir.listen().unwrap());
        drop(run_dir);

        let precious = dir.path().join(PUBLIC_SOCKET);
        fs::write(&precious, "not a socket").unwrap();
        let mut run_dir = RunDir::acquire(dir.path()).unwrap();
        let error = run_dir.listen().unwrap_err();
        assert!(matches!(error, StartError::NotASocket { .. }), "{error:?}");
        drop(run_dir);
        assert_eq!(fs::read(&precious).unwrap(), b"not a socket");
        assert_eq!(names(dir.path()), [PUBLIC_SOCKET]);
    }

    #[test]
    fn a_path_that_no_client_could_use_is_refused_before_it_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x".repeat(100));
        let said = RunDir::acquire(&path).unwrap_err().to_string();
        assert!(said.contains("107 bytes") && said.contains("--run-dir"), "{said}");
        assert_eq!(names(dir.path()), [""; 0]);
        // The longest that is allowed works.
        let room = SOCKET_PATH_MAX - dir.path().as_os_str().len() - ADMIN_SOCKET.len() - 2;
        RunDir::acquire(&dir.path().join("x".repeat(room))).unwrap().listen().unwrap();
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let said = RunDir::acquire(&file).unwrap_err().to_string();
        assert!(said.contains("it is no directory; move it away"), "{said}");
        let said = RunDir::acquire(&file.join("run")).unwrap_err().to_string();
        assert!(said.contains("is no directory"), "{said}");
    }
}
