//! Waiting for events, as long as somebody reads what becomes of them.

use crate::{failure::Failure, output};
use cman_client::{Error, Events, ipc::EventMessage};
use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

/// What came of waiting.
pub(super) enum Heard {
    /// Something happened.
    Event(EventMessage),
    /// The daemon closed the connection.
    End,
    /// Nothing in the time given.
    Nothing,
}

/// The next event; waits at most `patience`, for ever without.
///
/// # Errors
/// [`Failure::PipeClosed`] as soon as nobody reads our output any more: not only when there is
/// something to write, which may be in a year.
pub(super) fn next(events: &mut Events, patience: Option<Duration>) -> Result<Heard, Failure> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        match events.next_within(Some(Duration::ZERO)) {
            Ok(Some(event)) => return Ok(Heard::Event(event)),
            Ok(None) => return Ok(Heard::End),
            Err(Error::TimedOut { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Ok(Heard::Nothing);
        }
        output::wait_for(events.as_fd(), left)?;
    }
}
