//! Recordings on disk: the file of `--record`, and what is left of a daemon that panicked.

use crate::{log::last_words, panics};
use cman_record::{Chunk, Recorder};
use std::{
    fs::{self, DirEntry, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, TryLockError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::SystemTime,
};

/// Chunks that may wait for the disk: 30 MB, so that a disk that hangs for a second makes no gap at
/// the rates at which things go wrong.
const QUEUE_MAX: usize = 512;
const STACK_BYTES: usize = 128 << 10;
/// Recordings of crashes that a start leaves where they are.
const PANICS_KEPT: usize = 4;
/// How the name of such a recording begins and ends; in between is the process number.
const PANIC: &str = "panic-";
const SUFFIX: &str = ".rec";

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
    let _gone = fs::remove_file(path);
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
        let path = dir.join(format!("{PANIC}{}{SUFFIX}", std::process::id()));
        let shown = path.display();
        last_words(&match write_pieces(&recorder, &path) {
            Ok(()) => format!("what led to this was written to {shown}"),
            Err(error) => format!("cannot write {shown}: {error}"),
        });
    });
}

/// Removes all recordings of crashes in this directory but the newest few: a daemon that crashes
/// again and again shall not fill the disk.
pub(crate) fn forget_old_panics(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut found: Vec<_> = entries.filter_map(|entry| panic_recording(&entry.ok()?)).collect();
    found.sort_unstable();
    found.truncate(found.len().saturating_sub(PANICS_KEPT));
    for (_, path) in found {
        let shown = path.display();
        match fs::remove_file(&path) {
            Ok(()) => tracing::info!(
                "removed {shown}: of the recordings of crashes the newest {PANICS_KEPT} are kept"
            ),
            Err(error) => tracing::warn!("cannot remove the old recording {shown}: {error}"),
        }
    }
}

/// When it was written, and where it is; nothing for any other file.
fn panic_recording(entry: &DirEntry) -> Option<(SystemTime, PathBuf)> {
    let name = entry.file_name();
    let pid = name.to_str()?.strip_prefix(PANIC)?.strip_suffix(SUFFIX)?;
    pid.parse::<u32>().ok()?;
    let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
    Some((about.modified().ok()?, entry.path()))
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
            raised: cman_types::Epoch(0),
            device_poll: Duration::from_secs(10),
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
        let written = fs::read(&path).unwrap();
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
        assert!(fs::read(&path).unwrap().starts_with(MAGIC));
    }
    #[test]
    fn the_newest_recordings_of_crashes_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, seconds| {
            let file = File::create(dir.path().join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        };
        // Process numbers come around again: the time counts.
        let ages = [(7, 60), (900, 10), (901, 20), (3, 50), (4, 40), (902, 30)];
        ages.iter().for_each(|(pid, age)| write(&format!("panic-{pid}.rec"), *age));
        let others = ["panic-.rec", "panic-mine.rec", "panic-1.rec.gz", "state"];
        others.iter().for_each(|name| write(name, 1));
        fs::create_dir(dir.path().join("panic-5.rec")).unwrap();
        forget_old_panics(dir.path());
        let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort_unstable();
        let kept = ["panic-3.rec", "panic-4.rec", "panic-7.rec", "panic-902.rec"];
        let mut expected: Vec<_> = kept.into_iter().chain(others).chain(["panic-5.rec"]).collect();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
}
