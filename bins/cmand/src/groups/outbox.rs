//! What the node says, on its way to the service thread, in the order in which it said it.

use crate::engine::Report;
use cman_ipc::Message;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One thing that the node said.
#[derive(Debug)]
pub(crate) enum Told {
    /// To one client. It counts for so many bytes in the client's account.
    Client { session: u64, message: Message, bytes: usize },
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
    /// Bytes of the others, as they count for their clients.
    bytes: usize,
    /// All that was handed over has been passed on.
    at_rest: bool,
}

impl Outbox {
    /// Hands over all of `batch`, which is empty then. Never waits.
    pub(crate) fn push(&self, batch: &mut Vec<Told>) {
        if batch.is_empty() {
            return;
        }
        let (mut reports, mut bytes) = (0_usize, 0_usize);
        for told in batch.iter() {
            match told {
                Told::Client { bytes: more, .. } => bytes = bytes.saturating_add(*more),
                Told::Overflow { .. } => {}
                Told::Report(_) => reports += 1,
            }
        }
        let mut waiting = self.lock();
        waiting.bytes = waiting.bytes.saturating_add(bytes);
        let was_empty = waiting.told.is_empty();
        waiting.at_rest = false;
        waiting.reports = waiting.reports.saturating_add(reports);
        if was_empty {
            std::mem::swap(&mut waiting.told, batch);
            // The next batch is likely to be about as long.
            batch.reserve(waiting.told.len());
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

    /// Bytes that were handed over and not taken.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Whether all that was handed over has been passed on: what is said now comes after it on
    /// whatever way.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.lock().at_rest
    }

    /// Waits for something and takes everything. To be called from one task, when it has passed on
    /// what it took before.
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
        let mut waiting = self.lock();
        let taken = std::mem::take(&mut *waiting).told;
        waiting.at_rest = taken.is_empty();
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
