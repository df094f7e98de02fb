//! The service thread's side: who is who.

use super::{inbox::Inbox, session::Session};
use crate::{moderation::Moderation, outlet::Outlet};
use cman_io::clock;
use cman_ipc::{GroupEvent, Message, hello::Ticket};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

/// All clients, and how to reach those that ask services.
#[derive(Debug)]
pub(crate) struct Sessions {
    inbox: Inbox,
    known: Mutex<Known>,
    /// How many clients there are.
    connected: AtomicU32,
}

/// As long as it is there, a client counts as connected.
#[derive(Debug)]
pub(crate) struct Connected(Arc<Sessions>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Known {
    /// The number of the session that was opened last.
    last: u64,
    outlets: BTreeMap<u64, Arc<Outlet>>,
    /// Ways for events that wait for the connection that takes them.
    tickets: BTreeMap<Ticket, Weak<Outlet>>,
    slow: Moderation,
}

impl Sessions {
    /// None yet. Their calls go to `inbox`.
    pub(crate) fn new(inbox: Inbox) -> Arc<Self> {
        Arc::new(Self { inbox, known: Mutex::default(), connected: AtomicU32::new(0) })
    }

    /// A client is there. One that has a connection for calls and one for events is one.
    pub(crate) fn enter(self: &Arc<Self>) -> Connected {
        self.connected.fetch_add(1, Ordering::Relaxed);
        Connected(self.clone())
    }

    /// How many clients there are.
    pub(crate) fn connected(&self) -> u32 {
        self.connected.load(Ordering::Relaxed)
    }

    /// A new session whose events go to `outlet`. With `patient`, its calls wait until the node
    /// has room for them.
    pub(crate) fn open(self: &Arc<Self>, outlet: &Arc<Outlet>, patient: bool) -> Session {
        outlet.be_patient();
        let mut known = self.lock();
        known.last += 1;
        let id = known.last;
        known.outlets.insert(id, outlet.clone());
        Session::new(id, patient, outlet.clone(), self.clone())
    }

    /// The session is over.
    pub(super) fn forget(&self, id: u64) {
        self.lock().outlets.remove(&id);
    }

    /// The way to the engine thread.
    pub(super) const fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// The events of a connection shall go to the one that brings this ticket.
    pub(crate) fn offer(&self, ticket: Ticket, events: &Arc<Outlet>) {
        let mut known = self.lock();
        known.tickets.retain(|_, outlet| outlet.strong_count() > 0);
        known.tickets.insert(ticket, Arc::downgrade(events));
    }

    /// Whoever brings a ticket gets the events; once.
    pub(crate) fn claim(&self, ticket: Ticket) -> Option<Arc<Outlet>> {
        self.lock().tickets.remove(&ticket)?.upgrade()
    }

    /// Passes on what the node tells a client. It counts for so many bytes in its account.
    pub(crate) fn tell(&self, id: u64, message: &Message, bytes: usize) {
        let known = self.lock();
        // A client that has gone meanwhile.
        let Some(outlet) = known.outlets.get(&id) else { return };
        match message {
            Message::Group(GroupEvent::Message(message)) => outlet.put_message(message, bytes),
            message => outlet.say_counted(message, bytes),
        }
    }

    /// Lets go of a client that has read too little for too long.
    pub(crate) fn overflow(&self, id: u64) {
        let mut known = self.lock();
        let Some(outlet) = known.outlets.get(&id).cloned() else { return };
        outlet.cut();
        let what = || "a client was let go: it read its events too slowly".to_owned();
        known.slow.complain(clock::now(), what);
    }

    /// Says something to all clients of services.
    pub(crate) fn say_all(&self, frames: &[u8], except: impl Fn(&Arc<Outlet>) -> bool) {
        for outlet in self.lock().outlets.values().filter(|outlet| !except(outlet)) {
            outlet.put(frames);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
