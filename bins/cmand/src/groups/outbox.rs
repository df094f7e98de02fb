//! What the node says, on its way to the service thread, in the order in which it said it.

use crate::engine::Report;
use cman_ipc::GroupEvent;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One thing that the node said.
#[derive(Debug)]
pub(crate) enum Told {
    /// To one client, about a group. It counts for so many bytes in the client's account.
    Group { session: u64, event: GroupEvent, bytes: usize },
    /// A client has read too little for too long: it gets nothing more.
    Overflow { session: u64 },
    /// To everybody.
    Report(Report),
}

/// The way. Clones lead from the same engine thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    told: Vec<Told>,
    /// How many of them are reports.
    reports: usize,
}

impl Outbox {
    /// Hands over all of `batch`, which is empty then, with so many reports in it. Never waits.
    pub(crate) fn push(&self, batch: &mut Vec<Told>, reports: usize) {
        if batch.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        let was_empty = waiting.told.is_empty();
        waiting.reports = waiting.reports.saturating_add(reports);
        if was_empty {
            std::mem::swap(&mut waiting.told, batch);
        } else {
            waiting.told.append(batch);
        }
        drop(waiting);
        // Otherwise it has been told and has not looked yet.
        if was_empty {
            self.0.ready.notify_one();
        }
    }

    /// Reports that were handed over and not taken.
    pub(crate) fn reports(&self) -> usize {
        self.lock().reports
    }

    /// Waits for something and takes everything. To be called from one task.
    pub(crate) async fn next(&self) -> Vec<Told> {
        loop {
            let told = self.take();
            if !told.is_empty() {
                return told;
            }
            self.0.ready.notified().await;
        }
    }

    /// Takes everything that is there.
    pub(crate) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.lock()).told
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
