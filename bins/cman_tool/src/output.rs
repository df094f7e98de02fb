//! Standard output: data only. A reader that goes away is no error. Standard error: talk, which
//! gets lost where it cannot be had.

use crate::failure::Failure;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use serde::Serialize;
use std::{
    io::{self, ErrorKind, Write},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

/// Prints text as it is, and flushes.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(failed)
}

/// Says something to a person, as one line on standard error.
pub(crate) fn talk(line: &str) {
    // Where even that is full or gone the exit code has to do.
    let _lost = writeln!(io::stderr().lock(), "{}", harmless(line));
}

/// The text without what terminals obey: file names and other words of users may hold anything.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Prints one JSON object on one line, and flushes.
pub(crate) fn json_line(object: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_string(object).map_err(|error| failed(error.into()))?;
    line.push('\n');
    text(&line)
}

/// Waits until there is something to read from `source`, at most so long.
///
/// # Errors
/// [`Failure::PipeClosed`] when nobody reads standard output any more.
pub(crate) fn wait_for(source: BorrowedFd<'_>, at_most: Option<Duration>) -> Result<(), Failure> {
    let timeout = at_most.and_then(|span| Timespec::try_from(span).ok());
    let out = io::stdout();
    // Asked for nothing, the second one still says when its other end is gone.
    let mut fds = [
        PollFd::from_borrowed_fd(source, PollFlags::IN),
        PollFd::from_borrowed_fd(out.as_fd(), PollFlags::empty()),
    ];
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(failed(error.into())),
    }
    let [_, out] = fds;
    if out.revents().intersects(PollFlags::ERR | PollFlags::HUP) {
        return Err(Failure::PipeClosed);
    }
    Ok(())
}

fn failed(error: io::Error) -> Failure {
    if error.kind() == ErrorKind::BrokenPipe {
        Failure::PipeClosed
    } else {
        Failure::failed(format!("Cannot write to standard output: {error}."), "")
    }
}
