//! What survives a restart: one small text file in the state directory, replaced atomically.
//!
//! ```text
//! # cman state, written by cmand
//! version 1
//! epoch_ceiling 32
//! incarnation 1763821000123
//! removed no
//! raised 0
//! checksum 5d3f0c1a
//! ```
//!
//! The checksum is the CRC-32 of all lines before it. A file that cannot be read, or was rolled
//! back, costs nothing but a warning: the protocol is safe without it.

use crate::regular_file;
use cman_types::{Epoch, Incarnation};
use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The name of the file in the state directory.
pub const STATE_FILE: &str = "state";

const TEMPORARY_FILE: &str = "state.new";
/// Far longer than any file of ours.
const FILE_BYTES_MAX: u64 = 4096;
const TITLE: &str = "# cman state, written by cmand";

/// What is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoredState {
    /// No epoch above this one was used by this node.
    pub epoch_ceiling: Epoch,
    /// The incarnation of the newest start.
    pub incarnation: Incarnation,
    /// Whether the node left with `remove` and was in no quorate view since.
    pub removed: bool,
    /// Epoch of the newest votes known to this node that were more than the configuration gives; 0
    /// if there are none.
    pub raised: Epoch,
}

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file system refuses.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is damaged or of a version that this program does not know.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Reads the state; `None` if nothing was ever stored.
///
/// # Errors
/// When there is a file that cannot be read or believed.
pub fn load(dir: &Path) -> Result<Option<StoredState>, StateError> {
    let path = dir.join(STATE_FILE);
    let mut text = String::new();
    let read =
        regular_file::open(&path).and_then(|f| f.take(FILE_BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(StateError::Damaged { path, what: "it is not text" });
        }
        Err(source) => return Err(StateError::Io { action: "read", path, source }),
    }
    match StoredState::parse(&text) {
        Ok(state) => Ok(Some(state)),
        Err(what) => Err(StateError::Damaged { path, what }),
    }
}

/// Writes the state so that after a crash at any moment the old or the new one is found. Waits
/// for the disk.
///
/// # Errors
/// When the file system refuses; the old state is still there then, or at worst the new one, and
/// nothing besides.
pub fn store(dir: &Path, state: &StoredState) -> Result<(), StateError> {
    let path = dir.join(STATE_FILE);
    replace(dir, &path, &state.to_text()).map_err(|source| StateError::Io {
        action: "write",
        path,
        source,
    })
}

fn replace(dir: &Path, path: &Path, text: &str) -> io::Result<()> {
    let temporary = dir.join(TEMPORARY_FILE);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(&temporary)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| std::fs::rename(&temporary, path)).inspect_err(|_| {
        let _gone = std::fs::remove_file(&temporary);
    })?;
    // The rename itself is on disk only when the directory is.
    File::open(dir)?.sync_all()
}

impl StoredState {
    fn to_text(self) -> String {
        let Self { epoch_ceiling, incarnation, removed, raised } = self;
        let removed = if removed { "yes" } else { "no" };
        let mut text = format!(
            "{TITLE}\nversion 1\nepoch_ceiling {epoch_ceiling}\nincarnation {incarnation}\n\
             removed {removed}\nraised {raised}\n"
        );
        let checksum = crc32fast::hash(text.as_bytes());
        // Writing to a string cannot fail.
        let _never = writeln!(text, "checksum {checksum:08x}");
        text
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let (body, checksum) = text.rsplit_once("checksum ").ok_or("it has no checksum")?;
        let expected = u32::from_str_radix(checksum.trim_end(), 16);
        if expected != Ok(crc32fast::hash(body.as_bytes())) {
            return Err("the checksum does not match");
        }
        if field::<u32>(body, "version") != Some(1) {
            return Err("its version is unknown to this program");
        }
        let removed = match field::<String>(body, "removed").as_deref() {
            Some("yes") => true,
            Some("no") => false,
            _ => return Err("`removed` is neither yes nor no"),
        };
        Ok(Self {
            epoch_ceiling: epoch(body, "epoch_ceiling")
                .ok_or("it has no `epoch_ceiling` that is possible")?,
            incarnation: Incarnation(field(body, "incarnation").ok_or("it has no `incarnation`")?),
            removed,
            raised: epoch(body, "raised").unwrap_or_default(),
        })
    }
}

/// An epoch that no node would believe was not reached in good faith.
fn epoch(body: &str, name: &str) -> Option<Epoch> {
    field(body, name).map(Epoch).filter(|epoch| *epoch <= Epoch::MAX)
}

fn field<T: FromStr>(text: &str, name: &str) -> Option<T> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| value.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: StoredState = StoredState {
        epoch_ceiling: Epoch(48),
        incarnation: Incarnation(1_763_821_000_123),
        removed: true,
        raised: Epoch(40),
    };

    #[test]
    fn what_was_stored_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path()).unwrap(), None);
        store(dir.path(), &STATE).unwrap();
        assert_eq!(load(dir.path()).unwrap(), Some(STATE));
        let next = StoredState { removed: false, epoch_ceiling: Epoch::MAX, ..STATE };
        store(dir.path(), &next).unwrap();
        assert_eq!(load(dir.path()).unwrap(), Some(next));
        let names: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [STATE_FILE], "nothing temporary stays");
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let good = STATE.to_text();
        for at in 0..good.trim_end().len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1;
            let text = String::from_utf8(bytes).unwrap();
            assert_ne!(StoredState::parse(&text), Ok(STATE), "byte {at} changed unnoticed");
        }
    }

    #[test]
    fn damaged_files_are_told_from_missing_ones() {
        let dir = tempfile::tempdir().unwrap();
        let torn = STATE.to_text().split_off(40);
        let beyond = StoredState { epoch_ceiling: Epoch::MAX.next(), ..STATE }.to_text();
        let contents =
            [b"".as_slice(), b"\xff\xfe\x00", b"checksum zz", torn.as_bytes(), beyond.as_bytes()];
        for content in contents {
            std::fs::write(dir.path().join(STATE_FILE), content).unwrap();
            let error = load(dir.path()).unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }), "{error:?}");
        }
    }

    #[test]
    fn nothing_temporary_stays_after_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(STATE_FILE)).unwrap();
        store(dir.path(), &STATE).unwrap_err();
        assert!(!dir.path().join(TEMPORARY_FILE).exists());
    }

    #[test]
    fn an_unwritable_directory_is_an_error_with_the_path() {
        let error = store(Path::new("/proc/nonexistent"), &STATE).unwrap_err();
        assert!(error.to_string().contains("/proc/nonexistent/state"), "{error}");
    }
}
