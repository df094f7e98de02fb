//! One barrier, as far as clients of this node have to do with it.
//!
//! What clients ask of one barrier is done one thing after the other (BR-05): while an operation
//! is on its way to be delivered the rest waits in a queue. So what is decided when it is sent
//! still holds when it comes back, but for what others do.

use super::{
    BarrierChange, BarrierError, BarrierEvent, BarrierOptions,
    claims::{BarrierClaim, Deed},
};
use crate::output::{Out, Session};
use cman_types::{BarrierName, Instant};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

/// A barrier of this node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Local {
    name: BarrierName,
    /// The clients that registered it and are there.
    pub(crate) holders: BTreeSet<Session>,
    autodelete: bool,
    /// In seconds; 0: none.
    timeout: u32,
    /// All had come: the claim is gone, and the clients have not deleted the barrier yet.
    complete: bool,
    waiters: Vec<Waiter>,
    pub(crate) running: Option<Running>,
    pub(crate) queue: VecDeque<Job>,
}

/// A client that waits, and the operation with which it began was delivered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Waiter {
    session: Session,
    /// [`Instant::FAR`]: none.
    deadline: Instant,
    /// The deadline is over.
    late: bool,
}

/// An operation on its way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Running {
    pub(crate) number: u64,
    pub(crate) job: Job,
}

/// Something to do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Job {
    /// Who is to be answered; none if it is gone, was answered, or nobody asked.
    pub(crate) session: Option<Session>,
    pub(crate) task: Task,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Task {
    Change(BarrierChange),
    Delete,
    Register {
        nodes: u32,
        options: BarrierOptions,
    },
    Wait {
        asked_at: Instant,
    },
    /// The last waiter is late or gone.
    Back,
    /// The last client is gone.
    Leave,
}

impl Local {
    pub(crate) const fn new(name: BarrierName) -> Self {
        Self {
            name,
            holders: BTreeSet::new(),
            autodelete: false,
            timeout: 0,
            complete: false,
            waiters: Vec::new(),
            running: None,
            queue: VecDeque::new(),
        }
    }

    /// Whether nobody has to do with it any more, provided that this node has no claim.
    pub(crate) fn is_idle(&self) -> bool {
        let nobody = self.holders.is_empty() && self.waiters.is_empty();
        nobody && self.queue.is_empty() && self.running.is_none()
    }

    /// What is to be done next; nothing while an operation is on its way.
    pub(crate) fn next(
        &mut self,
        claim: Option<BarrierClaim>,
        out: &mut VecDeque<Out>,
    ) -> Option<Job> {
        if self.running.is_some() {
            return None;
        }
        let given_up = claim.is_some_and(|claim| {
            claim.waiting && !claim.enabled && self.waiters.iter().all(|waiter| waiter.late)
        });
        if !given_up {
            self.end_late(out);
        }
        if let Some(job) = self.queue.pop_front() {
            return Some(job);
        }
        let task = if claim.is_some() && self.is_idle() {
            Task::Leave
        } else if given_up {
            Task::Back
        } else {
            return None;
        };
        Some(Job { session: None, task })
    }

    /// Begins with it: answers it, or gives what is to be sent first.
    pub(crate) fn start(
        &mut self,
        job: &Job,
        claim: Option<BarrierClaim>,
        out: &mut VecDeque<Out>,
    ) -> Option<Deed> {
        let result = match (&job.task, claim) {
            (Task::Register { nodes, .. }, Some(claim)) if claim.nodes != *nodes => {
                Err(self.other_count(*nodes))
            }
            (Task::Register { nodes, options }, _) => {
                return Some(Deed::Claim { nodes: *nodes, enable: options.enabled });
            }
            (_, None) if !self.complete => Err(self.not_found()),
            (Task::Delete, None) => {
                self.forget(out);
                Ok(())
            }
            (_, None) => Ok(()),
            (Task::Change(change), Some(claim)) => match self.change(*change, claim) {
                Ok(Some(deed)) => return Some(deed),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            },
            (Task::Wait { .. }, Some(_)) => return Some(Deed::Wait),
            (Task::Back, Some(_)) => return Some(Deed::Back),
            (Task::Delete | Task::Leave, Some(_)) => return Some(Deed::Leave),
        };
        self.answer(job.session, result, out);
        None
    }

    /// BR-07.
    fn change(
        &mut self,
        change: BarrierChange,
        claim: BarrierClaim,
    ) -> Result<Option<Deed>, BarrierError> {
        match change {
            BarrierChange::Autodelete(on) => self.autodelete = on,
            BarrierChange::Enable => return Ok(Some(Deed::Enable)),
            BarrierChange::Nodes(_) | BarrierChange::Timeout(_) if claim.has_come() => {
                return Err(BarrierError::HasCome { name: self.name.clone() });
            }
            BarrierChange::Nodes(nodes) => return Ok(Some(Deed::Nodes(nodes))),
            BarrierChange::Timeout(seconds) => self.timeout = seconds,
        }
        Ok(None)
    }

    /// The operation of a job was delivered, and was possible or not.
    pub(crate) fn finish(&mut self, job: Job, possible: bool, out: &mut VecDeque<Out>) {
        let Job { session, task } = job;
        let result = match task {
            Task::Register { nodes, .. } if !possible => Err(self.other_count(nodes)),
            Task::Register { options, .. } => {
                self.registered(session, options);
                Ok(())
            }
            Task::Wait { asked_at } if possible => return self.begin_wait(session, asked_at),
            Task::Change(_) | Task::Wait { .. } if possible || self.complete => Ok(()),
            Task::Change(_) | Task::Wait { .. } => Err(self.not_found()),
            Task::Delete => {
                self.forget(out);
                Ok(())
            }
            Task::Back => return self.end_late(out),
            Task::Leave => return,
        };
        self.answer(session, result, out);
    }

    /// BR-06: what was complete begins anew.
    fn registered(&mut self, session: Option<Session>, options: BarrierOptions) {
        if core::mem::take(&mut self.complete) {
            self.holders.clear();
        }
        if let Some(session) = session {
            self.holders.insert(session);
            self.autodelete = options.autodelete;
            self.timeout = 0;
        }
    }

    /// BR-08. If the client is gone, nobody waits: that is found out next.
    fn begin_wait(&mut self, session: Option<Session>, asked_at: Instant) {
        let Some(session) = session else { return };
        let deadline = match self.timeout {
            0 => Instant::FAR,
            seconds => asked_at + Duration::from_secs(seconds.into()),
        };
        self.waiters.push(Waiter { session, deadline, late: false });
    }

    /// BR-09: those who wait do so for nothing.
    fn forget(&mut self, out: &mut VecDeque<Out>) {
        self.complete = false;
        self.holders.clear();
        self.wake(Err(self.not_found()), out);
    }

    /// BR-10: all have come. Whoever asked something of the barrier before is answered that it is
    /// so.
    pub(crate) fn completed(&mut self, out: &mut VecDeque<Out>) {
        self.wake(Ok(()), out);
        let mut asked: Vec<Session> = Vec::new();
        if let Some(running) = &mut self.running
            && running.job.ends_with_completion()
        {
            asked.extend(running.job.session.take());
        }
        let queue = core::mem::take(&mut self.queue).into_iter();
        let (ended, left): (VecDeque<Job>, VecDeque<Job>) =
            queue.partition(Job::ends_with_completion);
        self.queue = left;
        asked.extend(ended.into_iter().filter_map(|job| job.session));
        for session in asked {
            self.answer(Some(session), Ok(()), out);
        }
        if self.autodelete {
            self.holders.clear();
        }
        self.complete = !self.holders.is_empty();
    }

    /// BR-13.
    pub(crate) fn node_lost(&mut self, out: &mut VecDeque<Out>) {
        self.wake(Err(BarrierError::NodeLost { name: self.name.clone() }), out);
    }

    /// BR-15: a client is gone.
    pub(crate) fn close(&mut self, session: Session) {
        self.holders.remove(&session);
        self.waiters.retain(|waiter| waiter.session != session);
        self.queue.retain(|job| job.session != Some(session));
        if let Some(running) = &mut self.running
            && running.job.session == Some(session)
        {
            running.job.session = None;
        }
    }

    /// When the next wait is to end.
    pub(crate) fn due(&self) -> Instant {
        let waits = self.waiters.iter().filter(|waiter| !waiter.late);
        waits.map(|waiter| waiter.deadline).min().unwrap_or(Instant::FAR)
    }

    /// Marks who has waited too long.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        for waiter in self.waiters.iter_mut().filter(|waiter| waiter.deadline <= now) {
            waiter.late = true;
        }
    }

    fn wake(&mut self, result: Result<(), BarrierError>, out: &mut VecDeque<Out>) {
        for waiter in core::mem::take(&mut self.waiters) {
            self.answer(Some(waiter.session), result.clone(), out);
        }
    }

    /// BR-08.
    fn end_late(&mut self, out: &mut VecDeque<Out>) {
        let late: Vec<Waiter> = self.waiters.extract_if(.., |waiter| waiter.late).collect();
        for waiter in late {
            let error = BarrierError::TimedOut { name: self.name.clone() };
            self.answer(Some(waiter.session), Err(error), out);
        }
    }

    fn answer(
        &self,
        session: Option<Session>,
        result: Result<(), BarrierError>,
        out: &mut VecDeque<Out>,
    ) {
        if let Some(session) = session {
            let event = BarrierEvent { name: self.name.clone(), result };
            out.push_back(Out::Client { session, event: event.into() });
        }
    }

    fn not_found(&self) -> BarrierError {
        BarrierError::NotFound { name: self.name.clone() }
    }

    fn other_count(&self, nodes: u32) -> BarrierError {
        BarrierError::OtherCount { name: self.name.clone(), nodes }
    }
}

impl Job {
    /// Whether it is answered when all have come.
    const fn ends_with_completion(&self) -> bool {
        matches!(self.task, Task::Change(_) | Task::Wait { .. })
    }
}
