//! A directory that belongs to this daemon alone, and what a start makes in it.
//!
//! Until the start has succeeded everything that it makes is noted, and taken away again if it
//! fails. What was there before stays.

use cman_io::lock_file::{LockError, LockFile};
use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// Why a directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("cannot make the directory: {0}")]
    Make(#[source] io::Error),
    #[error(transparent)]
    Lock(LockError),
}

/// A locked directory.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    lock: Option<LockFile>,
    made: Made,
    kept: bool,
}

/// What a start has made, in this order.
#[derive(Debug, Default)]
struct Made {
    directories: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Directory {
    /// Makes the directory, with those above it, if it is not there, and locks it.
    ///
    /// # Errors
    /// When it cannot be made, or another daemon has it. Nothing was made then.
    pub(crate) fn acquire(path: &Path, mode: u32, lock: &str) -> Result<Self, DirectoryError> {
        let mut directory = Self {
            path: path.to_owned(),
            lock: None,
            made: Made { directories: missing(path), files: Vec::new() },
            kept: false,
        };
        let make = DirBuilder::new().recursive(true).mode(mode).create(path);
        make.map_err(DirectoryError::Make)?;
        directory.lock = Some(LockFile::acquire(&path.join(lock)).map_err(DirectoryError::Lock)?);
        Ok(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// To be called before a file is made that the start must take away again if it fails.
    pub(crate) fn will_make(&mut self, name: &str) {
        let path = self.path.join(name);
        if is_missing(&path) {
            self.made.files.push(path);
        }
    }

    /// The start has succeeded: all this stays.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // What cannot be removed was never made, or is somebody else's by now.
        for file in self.made.files.iter().rev() {
            let _gone = fs::remove_file(file);
        }
        if let Some(lock) = self.lock.take() {
            lock.discard();
        }
        for directory in self.made.directories.iter().rev() {
            let _not_empty = fs::remove_dir(directory);
        }
    }
}

/// Which of a directory and those above it are not there, from the top down.
fn missing(path: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<_> =
        path.ancestors().take_while(|path| is_missing(path)).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

fn is_missing(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "lock";

    #[test]
    fn a_failed_start_leaves_what_it_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let mut failed = Directory::acquire(&path, 0o755, LOCK).unwrap();
        failed.will_make("new");
        fs::write(path.join("new"), "").unwrap();
        drop(failed);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("old"), "").unwrap();
        fs::write(path.join(LOCK), "").unwrap();
        let mut failed = Directory::acquire(&path, 0o755, LOCK).unwrap();
        failed.will_make("old");
        drop(failed);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
    }

    #[test]
    fn a_start_that_succeeded_keeps_what_it_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut started = Directory::acquire(&path, 0o755, LOCK).unwrap();
        started.will_make("new");
        fs::write(path.join("new"), "").unwrap();
        started.keep();
        drop(started);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
    }

    #[test]
    fn another_daemons_directory_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Directory::acquire(dir.path(), 0o755, LOCK).unwrap();
        let second = Directory::acquire(dir.path(), 0o755, LOCK);
        assert!(matches!(second, Err(DirectoryError::Lock(LockError::Held { .. }))));
        assert!(dir.path().join(LOCK).exists());
    }

    #[test]
    fn a_file_in_its_place_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "precious").unwrap();
        for path in [file.clone(), file.join("below")] {
            let refused = Directory::acquire(&path, 0o755, LOCK);
            assert!(matches!(refused, Err(DirectoryError::Make(_))), "{refused:?}");
        }
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }
}
