//! Tests take turns: light ones side by side, heavy ones alone.
//!
//! A cluster of sixteen on two processors is a load of its own, and times that are measured
//! beside it prove nothing. The turn is a lock on a file, so that it also holds between the
//! processes of a test runner.

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;

/// A turn, given back when dropped.
#[derive(Debug)]
pub struct Turn {
    _locked: File,
}

/// A turn beside others of its kind.
pub fn shared() -> Result<Turn> {
    take(FlockOperation::LockShared)
}

/// A turn with nobody beside.
pub fn alone() -> Result<Turn> {
    take(FlockOperation::LockExclusive)
}

fn take(operation: FlockOperation) -> Result<Turn> {
    // Whoever waits for its turn holds the door, so that those who come later do not pass it.
    let _door = lock("cman-e2e.door", FlockOperation::LockExclusive)?;
    Ok(Turn { _locked: lock("cman-e2e.turn", operation)? })
}

fn lock(name: &str, operation: FlockOperation) -> Result<File> {
    let path = std::env::temp_dir().join(name);
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    flock(&file, operation).with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
