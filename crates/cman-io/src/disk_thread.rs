//! A thread that writes the state file, so that no view change ever waits for a disk.

use crate::state::StoredState;
use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

/// How long after a failure the same state is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Plenty for a few small buffers.
const STACK_BYTES: usize = 128 << 10;

/// Writes states in the background. Only the newest one counts: states that are overtaken while
/// an older one is being written are never written at all.
#[derive(Debug)]
pub struct DiskThread {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Slot {
    /// What is to be written next.
    next: Option<StoredState>,
    /// Whether something is being written now.
    busy: bool,
    stop: bool,
}

impl DiskThread {
    /// Starts the thread. It calls `store` to write a state (see [`crate::state::store`]), and
    /// after each attempt `report`, with what is on disk now, or with why not and what was to be;
    /// a failed attempt is repeated every five seconds.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn spawn<E>(
        mut store: impl FnMut(&StoredState) -> Result<(), E> + Send + 'static,
        mut report: impl FnMut(Result<StoredState, (E, StoredState)>) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        let thread =
            Builder::new().name("cman-disk".into()).stack_size(STACK_BYTES).spawn(move || {
                while let Some(state) = for_thread.take() {
                    let result = store(&state);
                    for_thread.done(result.is_err().then_some(state));
                    report(result.map(|()| state).map_err(|error| (error, state)));
                }
            })?;
        Ok(Self { shared, thread })
    }

    /// Asks for `state` to be written. Never waits for a disk.
    pub fn submit(&self, state: StoredState) {
        self.shared.lock().next = Some(state);
        self.shared.changed.notify_all();
    }

    /// Waits until what was submitted is on disk, at most for `limit`, and ends the thread. False
    /// if the disk did not answer in time or refused; the thread is then left to itself.
    #[must_use]
    pub fn finish(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut slot = self.shared.lock();
        slot.stop = true;
        self.shared.changed.notify_all();
        while slot.busy || slot.next.is_some() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.thread.is_finished() {
                return false;
            }
            slot = wait(&self.shared.changed, slot, left);
        }
        drop(slot);
        self.thread.join().is_ok()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to write; `None` when there is nothing left and the thread is to end.
    fn take(&self) -> Option<StoredState> {
        let mut slot = self.lock();
        loop {
            if let Some(state) = slot.next.take() {
                slot.busy = true;
                return Some(state);
            }
            if slot.stop {
                return None;
            }
            slot = self.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes the end of an attempt. What failed is tried again after a while, unless something
    /// newer came or the thread is to end.
    fn done(&self, failed: Option<StoredState>) {
        let mut slot = self.lock();
        slot.busy = false;
        self.changed.notify_all();
        let Some(state) = failed else { return };
        if slot.next.is_none() && !slot.stop {
            slot = wait(&self.changed, slot, RETRY_AFTER);
        }
        if slot.next.is_none() && !slot.stop {
            slot.next = Some(state);
        }
    }
}

fn wait<'a>(
    changed: &Condvar,
    slot: MutexGuard<'a, Slot>,
    limit: Duration,
) -> MutexGuard<'a, Slot> {
    changed.wait_timeout(slot, limit).unwrap_or_else(PoisonError::into_inner).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{StateError, load, store};
    use cman_types::{Epoch, Incarnation};
    use std::sync::mpsc::channel;

    fn state(epoch: u64) -> StoredState {
        let incarnation = Incarnation(1);
        StoredState { epoch_ceiling: Epoch(epoch), incarnation, ..StoredState::default() }
    }

    #[test]
    fn the_newest_state_is_on_disk_when_it_finished() {
        let dir = tempfile::tempdir().unwrap();
        let (sender, reports) = channel();
        let place = dir.path().to_owned();
        let report = move |result: Result<_, (StateError, _)>| drop(sender.send(result));
        let disk = DiskThread::spawn(move |state| store(&place, state), report).unwrap();
        (1..=50).for_each(|epoch| disk.submit(state(epoch)));
        assert!(disk.finish(Duration::from_secs(20)));
        assert_eq!(load(dir.path()).unwrap(), Some(state(50)));
        let last = reports.iter().last().unwrap();
        assert_eq!(last.unwrap(), state(50));
    }

    #[test]
    fn a_failure_is_reported_and_holds_nobody_up() {
        let (sender, reports) = channel();
        let report = move |result: Result<_, (String, _)>| drop(sender.send(result));
        let disk = DiskThread::spawn(|_| Err("no".to_owned()), report).unwrap();
        disk.submit(state(1));
        // A newer state ends the pause after the failure of the older one.
        std::thread::sleep(Duration::from_millis(20));
        disk.submit(state(2));
        assert!(reports.recv_timeout(Duration::from_secs(20)).unwrap().is_err());
        assert!(disk.finish(Duration::from_secs(20)), "nothing is left over");
    }
}
