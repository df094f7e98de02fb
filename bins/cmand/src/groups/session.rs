//! The service thread's side: one client of groups.

use super::{
    call::{Call, What},
    inbox::Batch,
    sessions::Sessions,
};
use crate::outlet::Outlet;
use bytes::Bytes;
use cman_ipc::Reply;
use cman_services::GroupRequest;
use cman_types::GroupName;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Calls that are kept until the client has nothing more to say.
const BATCH_CALLS: usize = 1024;

/// What a client asks of the node. When it is dropped, the client counts as a process that died.
#[derive(Debug)]
pub(crate) struct Session {
    id: u64,
    patient: bool,
    /// Where its events go.
    outlet: Arc<Outlet>,
    sessions: Arc<Sessions>,
    /// Calls that are not on their way yet.
    calls: Vec<Call>,
}

impl Session {
    pub(super) const fn new(
        id: u64,
        patient: bool,
        outlet: Arc<Outlet>,
        sessions: Arc<Sessions>,
    ) -> Self {
        Self { id, patient, outlet, sessions, calls: Vec::new() }
    }

    /// A message that nobody waits for. It is on its way with the next [`Self::flush`] at the
    /// latest.
    pub(crate) fn send(&mut self, group: GroupName, payload: Bytes, safe: bool) {
        let request = GroupRequest::Send { group, payload, safe };
        self.say(What::Request(request.into()));
    }

    /// The same for whatever nobody waits for.
    pub(crate) fn say(&mut self, what: What) {
        self.calls.push(Call { what, answer: None });
        if self.calls.len() >= BATCH_CALLS {
            self.flush();
        }
    }

    /// Asks for something, after everything that was asked before.
    pub(crate) fn ask(&mut self, what: What) -> oneshot::Receiver<Reply> {
        let (sender, answer) = oneshot::channel();
        self.calls.push(Call { what, answer: Some(sender) });
        self.flush();
        answer
    }

    /// Everything that was asked is on its way.
    pub(crate) fn flush(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        // The next batch is likely to be about as long.
        let next = Vec::with_capacity(self.calls.len());
        self.sessions.inbox().push(Batch {
            session: self.id,
            outlet: self.outlet.clone(),
            patient: self.patient,
            calls: std::mem::replace(&mut self.calls, next),
        });
    }

    /// Waits until the node has done enough of what was asked.
    pub(crate) async fn may_ask(&self) {
        self.outlet.account().may_ask().await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.calls.push(Call { what: What::Close, answer: None });
        self.flush();
        self.sessions.forget(self.id);
    }
}
