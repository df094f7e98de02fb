//! Recordings on disk: the file of `--record`, and what is left of a daemon that panicked.

use crate::{log::last_words, panics};
use cman_record::{Chunk, Recorder};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, TryLockError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// Chunks that may wait for the disk: 30 MB, so that a disk that hangs for a second makes no gap at
/// the rates at which things go wrong.
const QUEUE_MAX: usize = 512;
const STACK_BYTES: usize = 128 << 10;

/// Starts a thread that writes what it is sent to a new file of mode 0600. It ends when the sender
/// is dropped.
///
/// # Errors
/// When the file exists or cannot be made.
pub(crate) fn start(path: &Path) -> io::Result<(SyncSender<Chunk>, JoinHandle<()>)> {
    let file = create(path)?;
    let (queue, chunks) = sync_channel(QUEUE_MAX);
    let thread = thread::Builder::new()
        .name("cman-record".into())
        .stack_size(STACK_BYTES)
        .spawn({
            let path = path.to_owned();
            move || write_all(file, &path, &chunks)
        })
        .inspect_err(|_| take_back(path))?;
    Ok((queue, thread))
}

/// Removes the file that [`start`] made, when the daemon does not start after all.
pub(crate) fn take_back(path: &Path) {
    let _gone = std::fs::remove_file(path);
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn write_all(mut file: File, path: &Path, chunks: &Receiver<Chunk>) {
    for chunk in chunks {
        if let Err(error) = file.write_all(&chunk) {
            tracing::warn!("recording to {} has ended: {error}", path.display());
            return;
        }
    }
}

/// From now on a panic writes the recorder to `DIR/panic-PID.rec` before the process ends.
pub(crate) fn write_on_panic(recorder: Arc<Mutex<Recorder>>, dir: PathBuf) {
    panics::before_that(move || {
        let path = dir.join(format!("panic-{}.rec", std::process::id()));
        let shown = path.display();
        last_words(&match write_pieces(&recorder, &path) {
            Ok(()) => format!("what led to this was written to {shown}"),
            Err(error) => format!("cannot write {shown}: {error}"),
        });
    });
}

fn write_pieces(recorder: &Mutex<Recorder>, path: &Path) -> io::Result<()> {
    // The thread that panics may hold the lock itself: then the records are whole up to the one
    // that it was adding, but cannot be reached.
    let recorder = match recorder.try_lock() {
        Ok(recorder) => recorder,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
    };
    let mut file = create(path)?;
    for piece in recorder.pieces(cman_io::clock::now()) {
        file.write_all(&piece)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_node::Setup;
    use cman_record::{Described, MAGIC, Record};
    use cman_types::{Incarnation, Instant, NodeId, Salt};
    use std::time::Duration;

    fn described() -> Described {
        let setup = Setup {
            me: NodeId::new(1).unwrap(),
            incarnation: Incarnation(1),
            salt: Salt::default(),
            seed: 1,
            address: "127.0.0.1:5405".parse().unwrap(),
            cluster_name: "alpha".into(),
            cluster_id: 1,
            config_version: 1,
            peers: Vec::new(),
            expected_votes: 1,
            two_node: false,
            wait_for_all: false,
            token: Duration::from_secs(2),
            multicast: true,
            wire_versions: cman_node::WIRE_VERSIONS,
            epoch_ceiling: None,
            wall_seconds: 1,
            removed: false,
            observe: false,
        };
        Described { release: "1".into(), encrypted: false, key_id: 0, outputs: false, setup }
    }

    #[test]
    fn what_is_recorded_is_in_the_file_when_the_thread_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inputs.rec");
        let (queue, thread) = start(&path).unwrap();
        let mut recorder = Recorder::new(Instant::ZERO, &described(), Some(queue));
        recorder.record(Instant::ZERO, &Record::Drained);
        recorder.finish(Instant::ZERO);
        let expected = recorder.pieces(Instant::ZERO).concat();
        // The recorder itself lives on, as it does in the panic hook.
        thread.join().unwrap();
        let written = std::fs::read(&path).unwrap();
        assert!(written.starts_with(MAGIC));
        assert_eq!(written, expected);
        assert!(start(&path).is_err(), "an old recording is never overwritten");
    }

    #[test]
    fn after_a_panic_the_records_are_found_unless_they_were_being_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("panic-1.rec");
        let recorder = Mutex::new(Recorder::new(Instant::ZERO, &described(), None));
        let held = recorder.lock().unwrap();
        assert_eq!(write_pieces(&recorder, &path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        write_pieces(&recorder, &path).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(MAGIC));
    }
}
