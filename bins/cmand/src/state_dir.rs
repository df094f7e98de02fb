//! The state directory: what survives a restart.
//!
//! Whatever is wrong with it is a warning, because the protocol is safe without it; only
//! another daemon's lock is an error. Nothing is written there without the lock: where it could
//! not be had at the start it is asked for again before each attempt to write.

use crate::directory::{Directory, DirectoryError};
use cman_io::{
    clock,
    lock_file::LockError,
    state::{self, STATE_FILE, StateError, StoredState},
};
use cman_types::Incarnation;
use std::path::{Path, PathBuf};

/// Held as long as the daemon runs.
const LOCK_FILE: &str = "state.lock";
const MODE: u32 = 0o700;

/// Why nothing is written for now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateTrouble {
    #[error("cannot use the state directory {}: {source}", .path.display())]
    Directory { path: PathBuf, source: DirectoryError },
    #[error(transparent)]
    Write(#[from] StateError),
}

/// The state directory of this daemon, if it could be locked.
#[derive(Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
    directory: Option<Directory>,
    trouble: Option<String>,
}

impl StateDir {
    /// Makes the directory if it is not there, and locks it. What cannot be is a warning.
    ///
    /// # Errors
    /// When another daemon has it.
    pub(crate) fn acquire(path: &Path) -> Result<Self, LockError> {
        let mut found = Self { path: path.to_owned(), directory: None, trouble: None };
        match lock(path) {
            Ok(directory) => found.directory = Some(directory),
            Err(DirectoryError::Lock(held @ LockError::Held { .. })) => return Err(held),
            Err(source) => {
                let path = path.to_owned();
                found.warn(&StateTrouble::Directory { path, source });
            }
        }
        Ok(found)
    }

    /// Chooses the incarnation of this life and puts it on disk. Returns what was found
    /// there, too; why that cannot be used is added to `notes`.
    pub(crate) fn begin_life(
        &mut self,
        notes: &mut Vec<String>,
    ) -> (Option<StoredState>, Incarnation) {
        let found = state::load(&self.path).unwrap_or_else(|error| {
            let text = format!("{error}; going on as a node that lost its state");
            tracing::warn!("{text}");
            notes.push(text);
            None
        });
        let last = found.map_or(0, |state| state.incarnation.0);
        let wall_ms = u64::try_from(clock::wall().as_millis()).unwrap_or(u64::MAX);
        let incarnation = Incarnation(wall_ms.max(last.saturating_add(1)));
        let next = StoredState { incarnation, ..found.unwrap_or_default() };
        if let Some(directory) = &mut self.directory {
            directory.will_make(STATE_FILE);
            if let Err(error) = state::store(&self.path, &next) {
                self.warn(&error.into());
            }
        }
        (found, incarnation)
    }

    fn warn(&mut self, trouble: &StateTrouble) {
        tracing::warn!(
            "{trouble}; going on without, and trying again: make room or another place for it \
             (--state-dir)"
        );
        self.trouble = Some(trouble.to_string());
    }

    /// What was wrong with it at the start.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.clone()
    }

    /// Where it is, if it belongs to this daemon.
    pub(crate) fn locked(&self) -> Option<&Path> {
        self.directory.as_ref().map(Directory::path)
    }

    /// What writes to it while the daemon runs.
    pub(crate) fn writer(&self) -> StateWriter {
        let locked = self.directory.is_some();
        StateWriter { path: self.path.clone(), locked_before: locked, late: None }
    }

    /// The start has succeeded.
    pub(crate) fn keep(&mut self) {
        self.directory.iter_mut().for_each(Directory::keep);
    }
}

fn lock(path: &Path) -> Result<Directory, DirectoryError> {
    Directory::acquire(path, MODE, LOCK_FILE)
}

/// Writes states, but never without the lock.
#[derive(Debug)]
pub(crate) struct StateWriter {
    path: PathBuf,
    /// Whether the start had the lock, and holds it longer than this writer lives.
    locked_before: bool,
    /// The lock if it could be had only later.
    late: Option<Directory>,
}

impl StateWriter {
    /// Waits for the disk.
    ///
    /// # Errors
    /// When the lock cannot be had, or the file system refuses.
    pub(crate) fn store(&mut self, state: &StoredState) -> Result<(), StateTrouble> {
        if !self.locked_before && self.late.is_none() {
            let mut late = lock(&self.path)
                .map_err(|source| StateTrouble::Directory { path: self.path.clone(), source })?;
            late.keep();
            self.late = Some(late);
        }
        Ok(state::store(&self.path, state)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::Epoch;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::fs;

    /// What is known at the start of another life: found, incarnation, notes.
    fn life(dir: &Path) -> (Option<StoredState>, Incarnation, Vec<String>) {
        let mut notes = Vec::new();
        let mut state_dir = StateDir::acquire(dir).unwrap();
        let (found, incarnation) = state_dir.begin_life(&mut notes);
        assert_eq!(state_dir.trouble(), None);
        state_dir.keep();
        (found, incarnation, notes)
    }

    #[test]
    fn each_life_is_later_than_the_one_before_even_if_the_clock_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (found, first, _) = life(dir.path());
        assert_eq!(found, None);
        let far = Incarnation(first.0 + 1_000_000_000);
        let kept = StoredState {
            epoch_ceiling: Epoch(48),
            incarnation: far,
            removed: true,
            raised: Epoch(40),
        };
        state::store(dir.path(), &kept).unwrap();
        let (found, next, notes) = life(dir.path());
        assert_eq!(found, Some(kept));
        assert_eq!(next, Incarnation(far.0 + 1));
        let on_disk = state::load(dir.path()).unwrap().unwrap();
        assert_eq!(on_disk, StoredState { incarnation: next, ..kept });
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn one_that_cannot_be_written_is_a_warning_but_a_shared_one_is_not() {
        let refused = StateDir::acquire(Path::new("/proc/nonexistent")).unwrap();
        let told = refused.trouble().unwrap();
        assert!(told.contains("cannot use the state directory /proc/nonexistent"), "{told}");
        let dir = tempfile::tempdir().unwrap();
        let held = StateDir::acquire(dir.path()).unwrap();
        assert_eq!(held.trouble(), None);
        let second = StateDir::acquire(dir.path());
        assert!(matches!(second, Err(LockError::Held { .. })), "{second:?}");
    }

    #[test]
    fn nothing_is_written_before_the_lock_is_had() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        // In its place is what cannot be locked.
        fs::write(&path, "").unwrap();
        let mut state_dir = StateDir::acquire(&path).unwrap();
        state_dir.begin_life(&mut Vec::new());
        assert!(state_dir.trouble().is_some());
        let mut writer = state_dir.writer();
        let state = StoredState { incarnation: Incarnation(7), ..StoredState::default() };
        assert!(writer.store(&state).is_err());

        // Somebody else was faster.
        fs::remove_file(&path).unwrap();
        let other = StateDir::acquire(&path).unwrap();
        let refused = writer.store(&state).unwrap_err().to_string();
        assert!(refused.contains("is held by another daemon"), "{refused}");
        assert_eq!(state::load(&path).unwrap(), None);
        drop(other);
        writer.store(&state).unwrap();
        assert_eq!(state::load(&path).unwrap(), Some(state));
        let second = StateDir::acquire(&path);
        assert!(matches!(second, Err(LockError::Held { .. })), "{second:?}");
        drop(writer);
        assert_eq!(life(&path).0, Some(state), "what was written stays");
    }

    #[test]
    fn a_damaged_state_is_a_warning_and_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(STATE_FILE), "garbage").unwrap();
        let (found, incarnation, notes) = life(dir.path());
        assert_eq!(found, None);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert_eq!(state::load(dir.path()).unwrap().unwrap().incarnation, incarnation);
    }

    #[test]
    fn what_is_no_file_is_no_state() {
        let dir = tempfile::tempdir().unwrap();
        mkfifoat(CWD, dir.path().join(STATE_FILE), Mode::RUSR | Mode::WUSR).unwrap();
        let (found, _, notes) = life(dir.path());
        assert_eq!(found, None);
        assert!(notes[0].contains("it is a pipe, not a file"), "{notes:?}");
    }
}
