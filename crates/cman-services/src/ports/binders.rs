//! The clients of this node that have bound ports.

use super::PortError;
use crate::output::Session;
use std::collections::{BTreeMap, VecDeque};

/// Which client of this node has which port (PT-03). A port has several in a row only while
/// earlier ones end: their ends were not delivered yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Binders {
    ports: BTreeMap<u8, VecDeque<Binder>>,
    sessions: BTreeMap<Session, u8>,
}

/// From the request to bind until the end was delivered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Binder {
    /// None once the client is gone.
    session: Option<Session>,
    /// Whether the node's `open` was delivered.
    open: bool,
}

impl Binders {
    /// A client wants a port.
    pub(super) fn bind(&mut self, session: Session, port: u8) -> Result<(), PortError> {
        if port == 0 {
            return Err(PortError::Zero);
        }
        if let Some(&port) = self.sessions.get(&session) {
            return Err(PortError::HasPort { port });
        }
        if self.wants(port) {
            return Err(PortError::Taken { port });
        }
        let binder = Binder { session: Some(session), open: false };
        self.ports.entry(port).or_default().push_back(binder);
        self.sessions.insert(session, port);
        Ok(())
    }

    /// A client is gone: the port that it had.
    pub(super) fn close(&mut self, session: Session) -> Option<u8> {
        let port = self.sessions.remove(&session)?;
        let mut binders = self.ports.get_mut(&port).into_iter().flatten();
        if let Some(binder) = binders.find(|binder| binder.session == Some(session)) {
            binder.session = None;
        }
        Some(port)
    }

    /// An `open` of this node was delivered. They come in the order of the requests.
    pub(super) fn opened(&mut self, port: u8) {
        let mut binders = self.ports.get_mut(&port).into_iter().flatten();
        if let Some(binder) = binders.find(|binder| !binder.open) {
            binder.open = true;
        }
    }

    /// A `close` of this node was delivered.
    pub(super) fn closed(&mut self, port: u8) {
        let Some(binders) = self.ports.get_mut(&port) else { return };
        if binders.front().is_some_and(|binder| binder.open && binder.session.is_none()) {
            binders.pop_front();
        }
        if binders.is_empty() {
            self.ports.remove(&port);
        }
    }

    /// The port that a client has; 0 if none.
    pub(super) fn port_of(&self, session: Session) -> u8 {
        self.sessions.get(&session).copied().unwrap_or(0)
    }

    /// Whether a client has the port, also before that was delivered.
    pub(super) fn wants(&self, port: u8) -> bool {
        let last = self.ports.get(&port).and_then(VecDeque::back);
        last.is_some_and(|binder| binder.session.is_some())
    }

    /// The client that hears of the port: from its own `open` on, until it is gone.
    pub(super) fn listener(&self, port: u8) -> Option<Session> {
        let first = self.ports.get(&port)?.front()?;
        first.session.filter(|_| first.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_binder_waits_for_the_end_of_the_one_before() {
        let mut binders = Binders::default();
        let (one, two) = (Session(1), Session(2));
        binders.bind(one, 11).unwrap();
        assert_eq!(binders.listener(11), None, "its open was not delivered");
        assert_eq!(binders.bind(two, 11), Err(PortError::Taken { port: 11 }));
        assert_eq!(binders.bind(one, 12), Err(PortError::HasPort { port: 11 }));
        assert_eq!(binders.bind(two, 0), Err(PortError::Zero));
        assert_eq!(binders.close(one), Some(11));
        assert_eq!(binders.close(one), None, "once");
        binders.bind(two, 11).unwrap();
        binders.opened(11);
        assert_eq!(binders.listener(11), None, "that was the first one's");
        binders.closed(11);
        assert_eq!(binders.listener(11), None);
        binders.opened(11);
        assert_eq!(binders.listener(11), Some(two));
        binders.closed(11);
        assert_eq!(binders.listener(11), Some(two), "nobody has said that it ends");
        binders.close(two);
        assert_eq!(binders.listener(11), None, "there is nobody to be told");
        binders.closed(11);
        assert_eq!(binders, Binders::default());
    }
}
