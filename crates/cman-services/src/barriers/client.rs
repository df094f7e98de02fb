//! What clients of this node ask of barriers.

use super::{
    BarrierError, BarrierRequest, Barriers,
    claims::BARRIERS_MAX,
    codec,
    local::{Job, Local, Running, Task},
};
use crate::output::{Out, Session};
use cman_types::{BarrierName, Instant};
use std::collections::VecDeque;

impl Barriers {
    /// What is accepted is answered by an event, at once or when it was delivered (BR-05).
    pub(crate) fn on_client(
        &mut self,
        now: Instant,
        session: Session,
        request: BarrierRequest,
        out: &mut VecDeque<Out>,
    ) -> Result<(), BarrierError> {
        let (name, task) = match request {
            BarrierRequest::Change { name, change } => (name, Task::Change(change)),
            BarrierRequest::Delete { name } => (name, Task::Delete),
            BarrierRequest::Register { name, nodes, options } => {
                (name, Task::Register { nodes, options })
            }
            BarrierRequest::Wait { name } => (name, Task::Wait { asked_at: now }),
        };
        if !self.locals.contains_key(&name) {
            if !matches!(task, Task::Register { .. }) {
                return Err(BarrierError::NotFound { name });
            }
            if self.locals.len() >= BARRIERS_MAX {
                return Err(BarrierError::TooMany { max: BARRIERS_MAX });
            }
        }
        let new = || Local::new(name.clone());
        let local = self.locals.entry(name.clone()).or_insert_with(new);
        local.queue.push_back(Job { session: Some(session), task });
        self.advance(&name, out);
        Ok(())
    }

    /// Does what is to be done at a barrier, until an operation is on its way or nothing is left.
    pub(crate) fn advance(&mut self, name: &BarrierName, out: &mut VecDeque<Out>) {
        let Some(local) = self.locals.get_mut(name) else { return };
        let claim = self.claims.of(name, self.me).copied();
        while let Some(job) = local.next(claim, out) {
            if let Some(deed) = local.start(&job, claim, out) {
                self.sent += 1;
                let payload = codec::encode(self.sent, name, deed);
                out.push_back(Out::Multicast { payload, safe: false, urgent: false });
                local.running = Some(Running { number: self.sent, job });
            }
        }
        if claim.is_none() && local.is_idle() {
            self.locals.remove(name);
        }
    }

    /// A client of this node is gone (BR-15).
    pub(crate) fn close_session(&mut self, session: Session, out: &mut VecDeque<Out>) {
        for local in self.locals.values_mut() {
            local.close(session);
        }
        self.advance_all(out);
    }

    /// When the next wait is to end; [`Instant::FAR`] if none is.
    pub(crate) fn due(&self) -> Instant {
        self.locals.values().map(Local::due).min().unwrap_or(Instant::FAR)
    }

    /// Ends waits whose time is over (BR-08).
    pub(crate) fn on_timeout(&mut self, now: Instant, out: &mut VecDeque<Out>) {
        if now < self.due() {
            return;
        }
        for local in self.locals.values_mut() {
            local.on_timeout(now);
        }
        self.advance_all(out);
    }

    pub(crate) fn advance_all(&mut self, out: &mut VecDeque<Out>) {
        let names: Vec<BarrierName> = self.locals.keys().cloned().collect();
        for name in names {
            self.advance(&name, out);
        }
    }
}
