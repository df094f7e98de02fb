//! The engine thread's side: hands calls of clients to the node, and keeps what the node says
//! until the turn is over.

use super::{
    call::{Call, What},
    host::{Host, Word, to_error},
    inbox::{Batch, Inbox},
    outbox::{Outbox, Told},
};
use crate::{engine::Report, outlet::Outlet};
use cman_ipc::{GroupEvent, GroupRefused, Message, Notice, Reply, group::HEAD_MAX};
use cman_node::Refused;
use cman_services::{ClientRequest, GroupRequest, Session};
use cman_types::Instant;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::oneshot;

/// Calls that are done in one turn, so that datagrams do not wait long.
const TURN_CALLS: usize = 4096;
/// Calls of one client that are done in a row while others wait.
const ROW_CALLS: usize = 64;
/// Bytes of calls of one client that are done in a row.
const ROW_BYTES: usize = 256 << 10;
/// After so long a node that has no room is asked again, whatever it said.
const FULL_TIME: Duration = Duration::from_secs(1);
/// What is told at once: so few events that writing them costs less than waking who else would.
const AT_ONCE_EVENTS: usize = 4;
/// Each of them no larger than this.
const AT_ONCE_BYTES: usize = 4 << 10;
/// Reports that may wait for the service thread.
const REPORTS_MAX: usize = 1024;
/// Bytes of events that the service thread has not taken, from which on it counts as behind: what
/// a fast network brings in some 20 ms.
const BEHIND_BYTES: usize = 2 << 20;
/// How long data is not looked at while the service thread is behind.
const BEHIND_PAUSE: Duration = Duration::from_millis(1);
/// What a process in a change of a group's members takes in memory.
const PROCESS_BYTES: usize = 16;

/// Calls of clients and what they are told.
#[derive(Debug)]
pub(crate) struct Desk {
    inbox: Inbox,
    outbox: Outbox,
    lines: BTreeMap<u64, Line>,
    /// Sessions with calls, in the order in which they get their turn.
    busy: VecDeque<u64>,
    /// Since when the node has no room.
    full_since: Option<Instant>,
    /// Before then no data is read if a client is slow.
    data_at: Instant,
    /// What the node said in this turn.
    told: Vec<Told>,
    /// How many of these are reports.
    reports: usize,
    /// Whether reports were lost since the last one.
    reports_lost: bool,
}

/// One session.
#[derive(Debug)]
struct Line {
    outlet: Arc<Outlet>,
    patient: bool,
    calls: VecDeque<Call>,
    /// Who waits for the answer that the node gives later. Clients ask one thing at a time.
    later: Option<oneshot::Sender<Reply>>,
    /// It has read too little for too long and gets nothing more.
    overflown: bool,
}

/// How much data may be read in a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Haste {
    /// Whatever is there.
    All,
    /// Some, and then [`Desk::took`] wants to know how much that was.
    Little,
    /// Nothing until then.
    Later(Instant),
}

/// How far a line has come.
enum Row {
    /// Nothing of it is left.
    Done,
    /// The node has no room.
    Full,
    /// It had its share.
    Share,
}

impl Desk {
    /// Between `inbox` and `outbox`.
    pub(crate) fn new(inbox: Inbox, outbox: Outbox) -> Self {
        Self {
            inbox,
            outbox,
            lines: BTreeMap::new(),
            busy: VecDeque::new(),
            full_since: None,
            data_at: Instant::ZERO,
            told: Vec::new(),
            reports: 0,
            reports_lost: false,
        }
    }

    /// Hands calls to the node, a share for each client in turn, while there is room. True if
    /// there is more to do at once.
    pub(crate) fn serve(&mut self, now: Instant, host: &mut impl Host) -> bool {
        for batch in self.inbox.take() {
            self.queue(batch);
        }
        if self.full_since.is_some_and(|since| now.since(since) >= FULL_TIME) {
            self.room();
        }
        let mut full = VecDeque::new();
        let mut left = TURN_CALLS;
        while left > 0 {
            let Some(session) = self.busy.pop_front() else { break };
            match self.serve_row(now, session, host, &mut left) {
                Row::Done => {}
                Row::Full => full.push_back(session),
                Row::Share => self.busy.push_back(session),
            }
        }
        let more = !self.busy.is_empty();
        // They were first, and are again.
        full.append(&mut self.busy);
        self.busy = full;
        more
    }

    /// The node has room again.
    pub(crate) const fn room(&mut self) {
        self.full_since = None;
    }

    fn queue(&mut self, batch: Batch) {
        let Batch { session, outlet, patient, calls } = batch;
        let line = self.lines.entry(session).or_insert_with(|| Line {
            outlet,
            patient,
            calls: VecDeque::new(),
            later: None,
            overflown: false,
        });
        if line.calls.is_empty() && !calls.is_empty() {
            self.busy.push_back(session);
        }
        line.calls.extend(calls);
    }

    fn serve_row(
        &mut self,
        now: Instant,
        session: u64,
        host: &mut impl Host,
        left: &mut usize,
    ) -> Row {
        let Some(line) = self.lines.get_mut(&session) else { return Row::Done };
        let (mut calls, mut bytes, mut full, mut closed) = (0, 0, false, false);
        let mut refused = Vec::new();
        while calls < ROW_CALLS.min(*left) && bytes < ROW_BYTES {
            let Some(call) = line.calls.pop_front() else { break };
            let patient = line.patient || call.is_patient();
            let known_full = patient && self.full_since.is_some() && call.wants_room();
            let result =
                if known_full { Err(Refused::Full) } else { ask(now, session, host, &call.what) };
            if patient && result == Err(Refused::Full) {
                self.full_since.get_or_insert(now);
                line.calls.push_front(call);
                full = true;
                break;
            }
            calls += 1;
            bytes += call.bytes();
            closed |= matches!(call.what, What::Close);
            if result.is_ok() && call.is_answered_later() {
                line.later = call.answer;
                continue;
            }
            refused.extend(answer(call, result));
        }
        *left -= calls;
        line.outlet.account().done(bytes);
        let empty = line.calls.is_empty();
        for refused in refused {
            self.tell(session, Message::Group(GroupEvent::Refused(refused)));
        }
        if closed {
            self.lines.remove(&session);
        }
        match (empty, full) {
            (true, _) => Row::Done,
            (false, true) => Row::Full,
            (false, false) => Row::Share,
        }
    }

    /// The node has a word for a client.
    pub(crate) fn pass_on(&mut self, session: u64, word: Word) {
        match word {
            Word::Answer(reply) => self.answer(session, reply),
            Word::Event(message) => self.tell(session, message),
        }
    }

    /// The node says what came of a request that took time.
    fn answer(&mut self, session: u64, reply: Reply) {
        let line = self.lines.get_mut(&session);
        if let Some(answer) = line.and_then(|line| line.later.take()) {
            // Whoever asked may be gone.
            let _gone = answer.send(reply);
        }
    }

    /// The node tells a client something.
    pub(crate) fn tell(&mut self, session: u64, message: Message) {
        // A client that is gone is told nothing.
        let Some(line) = self.lines.get_mut(&session) else { return };
        if line.overflown {
            return;
        }
        let bytes = weight(&message);
        if line.outlet.account().owe(bytes) {
            self.told.push(Told::Client { session, message, bytes });
        } else {
            line.outlet.account().paid(bytes);
            line.overflown = true;
            self.told.push(Told::Overflow { session });
        }
    }

    /// The node tells everybody something. Lost, and said so, if nobody takes reports.
    pub(crate) fn report(&mut self, report: Report) {
        if self.reports + self.outbox.reports() >= REPORTS_MAX {
            self.reports_lost = true;
            return;
        }
        if std::mem::take(&mut self.reports_lost) {
            self.told.push(Told::Report(Report::Lost));
            self.reports += 1;
        }
        self.told.push(Told::Report(report));
        self.reports += 1;
    }

    /// Tells clients what the node said, or hands it over to be told.
    pub(crate) fn flush(&mut self) {
        if (1..=AT_ONCE_EVENTS).contains(&self.told.len()) && self.outbox.is_at_rest() {
            let said = self.told.iter().take_while(|told| self.say_at_once(told)).count();
            self.told.drain(..said);
        }
        self.outbox.push(&mut self.told);
        self.reports = 0;
    }

    /// Whether a client was told that without the help of the service thread.
    fn say_at_once(&self, told: &Told) -> bool {
        match told {
            Told::Client { session, message, bytes } if *bytes <= AT_ONCE_BYTES => {
                let line = self.lines.get(session);
                line.is_some_and(|line| line.outlet.say_at_once(message, *bytes))
            }
            _ => false,
        }
    }

    /// How much data may be read in this turn. Less than all while those who are to hear of it
    /// need the processor: the service thread, or clients that read and are slow. A client that
    /// does not read is no reason, and one that is slow does not bring the node to a halt.
    pub(crate) fn haste(&self, now: Instant) -> Haste {
        if self.outbox.bytes() > BEHIND_BYTES {
            Haste::Later(now + BEHIND_PAUSE)
        } else if self.pace(now).is_none() {
            Haste::All
        } else if now < self.data_at {
            Haste::Later(self.data_at)
        } else {
            Haste::Little
        }
    }

    /// So many bytes of data were read, in little haste.
    pub(crate) fn took(&mut self, now: Instant, bytes: usize) {
        if let Some(pace) = self.pace(now) {
            let nanos = bytes.saturating_mul(1_000_000_000) / pace.max(1);
            self.data_at = now + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
    }

    /// Bytes a second that the slowest client that reads can take; `None` for any number.
    fn pace(&self, now: Instant) -> Option<usize> {
        let lines = self.lines.values().filter(|line| !line.overflown);
        lines.filter_map(|line| line.outlet.account().pace(now)).min()
    }
}

/// Asks the node for one thing.
fn ask(now: Instant, session: u64, host: &mut impl Host, what: &What) -> Result<Reply, Refused> {
    let id = Session(session);
    match what {
        What::Close => host.close(now, id),
        What::Flush => {}
        What::List => return Ok(host.list()),
        What::IsBound(node, port) => return Ok(host.is_bound(*node, *port)),
        What::Members(group) => return Ok(Reply::GroupMembers(host.members(group))),
        // Its parts are shared, not copied.
        What::Request(request) => host.ask(now, id, request.clone())?,
    }
    Ok(Reply::Done)
}

/// Answers a call. A refusal that nobody waits for is returned.
fn answer(call: Call, result: Result<Reply, Refused>) -> Option<GroupRefused> {
    let reply = result.unwrap_or_else(|refused| Reply::Error(to_error(&refused)));
    match (call.answer, reply, call.what) {
        (Some(answer), reply, _) => {
            // Whoever asked may be gone.
            let _gone = answer.send(reply);
            None
        }
        (
            None,
            Reply::Error(error),
            What::Request(ClientRequest::Group(GroupRequest::Send { group, .. })),
        ) => Some(GroupRefused { group, error }),
        (None, _, _) => None,
    }
}

/// What an event counts for until its client has read it: about what it takes in memory.
fn weight(message: &Message) -> usize {
    HEAD_MAX
        + match message {
            Message::Group(GroupEvent::Message(message)) => message.payload.len(),
            Message::Group(GroupEvent::Config(config)) => {
                let processes = config.members.len() + config.left.len() + config.joined.len();
                processes.saturating_mul(PROCESS_BYTES)
            }
            Message::Notice(Notice::PortMessage { payload, .. }) => payload.len(),
            _ => HEAD_MAX,
        }
}

#[cfg(test)]
mod tests;
