//! One group: its members anywhere, and which of them are clients of this node.

use super::GroupEvent;
use crate::output::{Out, Session};
use cman_types::{GroupName, Process, group::Reason};
use std::collections::VecDeque;

/// One group.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Group {
    /// Sorted, each once (G-01).
    pub(crate) members: Vec<Process>,
    /// In the order of their joins. They are few.
    pub(crate) locals: Vec<Local>,
}

/// A client of this node and its membership, from the request to join until the end of the
/// membership was delivered. What it asked for comes in the order in which it asked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Local {
    /// None once the client is gone.
    pub(crate) session: Option<Session>,
    pub(crate) pid: u32,
    /// Whether the join was delivered.
    pub(crate) joined: bool,
    /// Whether the end of the membership was sent.
    pub(crate) leaving: bool,
    /// How many messages it sent: the number of the last one (G-09).
    pub(crate) sent: u64,
}

/// Who came or went.
pub(crate) type Difference = Vec<(Process, Reason)>;

impl Group {
    pub(crate) fn has(&self, process: Process) -> bool {
        self.members.binary_search(&process).is_ok()
    }

    /// Whether nobody is in it or wants to be.
    pub(crate) const fn is_empty(&self) -> bool {
        self.members.is_empty() && self.locals.is_empty()
    }

    /// Adds a member; false if it was one.
    pub(crate) fn insert(&mut self, process: Process) -> bool {
        let place = self.members.binary_search(&process);
        if let Err(at) = place {
            self.members.insert(at, process);
        }
        place.is_err()
    }

    /// Takes a member out; false if it was none.
    pub(crate) fn remove(&mut self, process: Process) -> bool {
        let place = self.members.binary_search(&process);
        if let Ok(at) = place {
            self.members.remove(at);
        }
        place.is_ok()
    }

    pub(crate) fn local_of(&mut self, session: Session) -> Option<&mut Local> {
        self.locals.iter_mut().find(|local| local.session == Some(session))
    }

    pub(crate) fn local_with(&mut self, pid: u32) -> Option<&mut Local> {
        self.locals.iter_mut().find(|local| local.pid == pid)
    }

    /// G-11, G-12: takes over what the members of the view said of themselves, sorted. Who was
    /// known and is not named died unnoticed, one by one; all who are new came with their nodes.
    pub(crate) fn take_over(
        &mut self,
        name: &GroupName,
        said: Vec<Process>,
        out: &mut VecDeque<Out>,
    ) {
        let mut gone = self.members.clone();
        gone.retain(|who| said.binary_search(who).is_err());
        for who in gone {
            self.remove(who);
            self.announce(name, &because(Reason::ProcessDown, [who]), &Vec::new(), out);
        }
        let came: Vec<_> = said.iter().copied().filter(|&who| !self.has(who)).collect();
        self.members = said;
        if !came.is_empty() {
            self.announce(name, &Vec::new(), &because(Reason::NodeUp, came), out);
        }
    }

    /// The clients of this node that are told what happens (G-07).
    pub(crate) fn listeners(&self) -> impl Iterator<Item = Session> {
        self.locals.iter().filter(|local| local.joined).filter_map(|local| local.session)
    }

    /// Tells the clients of this node of a change.
    pub(crate) fn announce(
        &self,
        name: &GroupName,
        left: &Difference,
        joined: &Difference,
        out: &mut VecDeque<Out>,
    ) {
        out.extend(self.listeners().map(|session| {
            let (members, left, joined) = (self.members.clone(), left.clone(), joined.clone());
            let event = GroupEvent::Config { group: name.clone(), members, left, joined };
            Out::Client { session, event: event.into() }
        }));
    }
}

/// All with one reason.
pub(crate) fn because(reason: Reason, processes: impl IntoIterator<Item = Process>) -> Difference {
    processes.into_iter().map(|process| (process, reason)).collect()
}
