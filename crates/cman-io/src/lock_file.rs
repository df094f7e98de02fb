//! One daemon per directory.

use crate::regular_file;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A lock that the kernel releases when this value is dropped or the process dies, however it
/// dies. The file itself stays, unless it is [discarded](LockFile::discard).
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    /// Whether there was none before.
    made: bool,
    file: File,
}

/// How often to look again for a file that its owner has just removed.
const ATTEMPTS_MAX: u32 = 100;

/// Why a directory could not be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is held by another daemon{}; stop it first, or give this one its own directory",
        .path.display(), .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process that wrote its number into the file, if it can be read.
        pid: Option<u32>,
    },
    /// The file cannot be opened, locked or written.
    #[error("cannot lock {}: {source}", .path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LockFile {
    /// Takes the lock and writes this process's number into the file.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it; nothing was changed then.
    /// [`LockError::Io`] when the disk is full or the like; no new file is left behind then.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: path.to_owned(), source };
        for _ in 0..ATTEMPTS_MAX {
            let Some((mut file, made)) = open(path).map_err(io)? else { continue };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(LockError::Held {
                        path: path.to_owned(),
                        pid: read_pid(&mut file),
                    });
                }
                Err(error) => return Err(io(error.into())),
            }
            if !is_at(&file, path).map_err(io)? {
                continue;
            }
            let mut lock = Self { path: path.to_owned(), made, file };
            return match lock.write_pid() {
                Ok(()) => Ok(lock),
                Err(error) => {
                    lock.discard();
                    Err(io(error))
                }
            };
        }
        Err(io(io::ErrorKind::ResourceBusy.into()))
    }

    fn write_pid(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{}", std::process::id())
    }

    /// Lets go of the lock, and removes the file if it was made for this lock.
    pub fn discard(self) {
        if self.made {
            // While it is held, so that whoever opened it meanwhile finds out.
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

/// Opens the file and says whether it was made; nothing if it went away in between.
fn open(path: &Path) -> io::Result<Option<(File, bool)>> {
    let options = |make: bool| {
        let mut options = OpenOptions::new();
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        options.read(true).write(true).create_new(make).mode(0o644).custom_flags(flags);
        options
    };
    match options(true).open(path) {
        Ok(file) => return Ok(Some((file, true))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    match options(false).open(path) {
        Ok(file) => regular_file::check(&file).map(|()| Some((file, false))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `path` still names this file: a lock on a removed file excludes nobody.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match path.symlink_metadata() {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::SeqCst;

    #[test]
    fn the_second_is_told_who_has_it_and_gets_it_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = LockFile::acquire(&path).unwrap();
        match LockFile::acquire(&path) {
            Err(LockError::Held { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        LockFile::acquire(&path).unwrap();
    }

    #[test]
    fn only_a_file_that_was_made_for_the_lock_is_discarded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        LockFile::acquire(&path).unwrap().discard();
        assert!(!path.exists());
        drop(LockFile::acquire(&path).unwrap());
        LockFile::acquire(&path).unwrap().discard();
        assert!(path.exists(), "it was there before");
    }

    #[test]
    fn two_never_hold_one_name_though_it_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let inside = std::sync::atomic::AtomicU32::new(0);
        let held = std::sync::atomic::AtomicU32::new(0);
        let begun = std::time::Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while begun.elapsed() < std::time::Duration::from_millis(300) {
                        let Ok(lock) = LockFile::acquire(&path) else { continue };
                        assert_eq!(inside.fetch_add(1, SeqCst), 0, "two hold it");
                        held.fetch_add(1, SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                        lock.discard();
                    }
                });
            }
        });
        assert!(held.load(SeqCst) > 10, "nobody got it");
    }

    #[test]
    fn what_is_no_file_is_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        let error = LockFile::acquire(&path).unwrap_err();
        assert!(error.to_string().contains("it is a pipe, not a file"), "{error}");
    }

    #[test]
    fn a_missing_directory_is_an_error_with_the_path() {
        let error = LockFile::acquire(Path::new("/nonexistent/lock")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/lock"), "{error}");
    }
}
