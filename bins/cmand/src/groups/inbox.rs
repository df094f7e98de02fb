//! Calls of clients, on their way to the engine thread.

use super::call::Call;
use crate::outlet::Outlet;
use cman_io::waker::Waker;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Calls of one session, in order.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) session: u64,
    /// Where its events go. Its account counts the calls.
    pub(crate) outlet: Arc<Outlet>,
    /// Whether calls wait until the node has room for them; otherwise they are answered that it
    /// has none.
    pub(crate) patient: bool,
    pub(crate) calls: Vec<Call>,
}

/// The way. Clones lead to the same engine thread.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    batches: Arc<Mutex<Vec<Batch>>>,
    waker: Waker,
}

impl Inbox {
    /// An empty one; `waker` wakes the engine thread.
    pub(crate) fn new(waker: Waker) -> Self {
        Self { batches: Arc::default(), waker }
    }

    /// Hands over a batch. Its bytes are in the account of its client until they are done.
    pub(crate) fn push(&self, batch: Batch) {
        batch.outlet.account().ask(batch.calls.iter().map(Call::bytes).sum());
        let mut batches = self.lock();
        let was_empty = batches.is_empty();
        batches.push(batch);
        drop(batches);
        // Otherwise it has been woken and has not looked yet.
        if was_empty {
            self.waker.wake();
        }
    }

    /// Takes everything.
    pub(crate) fn take(&self) -> Vec<Batch> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
