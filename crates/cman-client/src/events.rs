//! What happens, as an iterator.

use crate::{error::Error, wire::Wire};
use cman_ipc::{EventMessage, Message, kind};
use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

/// The events of a subscription, in the order in which they happened. As an iterator it waits
/// for the next one for ever and ends when the daemon closes the connection.
#[derive(Debug)]
pub struct Events {
    wire: Wire,
}

impl Events {
    pub(crate) const fn new(wire: Wire) -> Self {
        Self { wire }
    }

    /// The next event, `None` when the daemon closed the connection. Waits at most `patience`,
    /// for ever without. With [`Duration::ZERO`] it takes only what has arrived: whoever waits by
    /// poll(2) for the descriptor first takes events so until there are none.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when nothing happened; the stream is still good then.
    pub fn next_within(
        &mut self,
        patience: Option<Duration>,
    ) -> Result<Option<EventMessage>, Error> {
        loop {
            match self.wire.receive(patience)? {
                Some(Message::Event(event)) => return Ok(Some(event)),
                // Events of a newer daemon that this client knows nothing about.
                Some(Message::Unknown { kind }) if kind::is_event(kind) => {}
                Some(_) => return Err(Error::Unexpected),
                None => return Ok(None),
            }
        }
    }
}

impl Iterator for Events {
    type Item = Result<EventMessage, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_within(None).transpose()
    }
}

/// Readable when an event arrives or the daemon closes the connection.
impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}
