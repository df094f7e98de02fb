//! Groups for programs that wait.

use super::{
    GroupName, Incoming, ListedGroup, Lost, Process,
    talk::{self, OUT_BYTES, READ_BYTES, Talk},
};
use crate::{
    connection::{PATIENCE, Socket},
    error::Error,
    wire::Wire,
};
use cman_ipc::{Reply, Request, Welcome};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// The pause before a daemon that is not there is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A process's membership in groups. See the [module](super).
#[derive(Debug)]
pub struct Groups {
    run_dir: PathBuf,
    program: String,
    stream: UnixStream,
    socket: PathBuf,
    welcome: Welcome,
    talk: Talk,
    buffer: Box<[u8]>,
}

impl Groups {
    /// Connects to the daemon of `run_dir`; `program` is for its log. The process is known to the
    /// others by its process id.
    ///
    /// # Errors
    /// When none runs there, or it may not be used, or it serves no groups.
    pub fn open(run_dir: &Path, program: &str) -> Result<Self, Error> {
        Self::open_as(run_dir, program, std::process::id())
    }

    /// The same under another number: each (number, group) is possible once on a node.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_as(run_dir: &Path, program: &str, pid: u32) -> Result<Self, Error> {
        let mut wire = Wire::connect(&run_dir.join(Socket::Public.file()))?;
        let (welcome, me) = talk::welcomed(wire.exchange(&talk::hello(program), PATIENCE)?, pid)?;
        // Nothing comes behind the greeting before something is asked.
        let (stream, socket) = wire.into_stream();
        stream.set_nonblocking(true).map_err(|error| Error::connecting(socket.clone(), error))?;
        Ok(Self {
            run_dir: run_dir.to_owned(),
            program: program.to_owned(),
            stream,
            socket,
            welcome,
            talk: Talk::new(me),
            buffer: vec![0; READ_BYTES].into(),
        })
    }

    /// The daemon's process id and release.
    #[must_use]
    pub const fn daemon(&self) -> &Welcome {
        &self.welcome
    }

    /// What this process is called in groups.
    #[must_use]
    pub const fn me(&self) -> Process {
        self.talk.me()
    }

    /// Asks to become a member of a group. It is one with the first
    /// [`GroupConfig`](cman_ipc::GroupConfig) that names it; sending is possible at once.
    ///
    /// # Errors
    /// When it is a member already ([`Error::code`] `Exists`), or an earlier membership is not
    /// over yet ([`Error::is_busy`]), or there is no answer.
    pub fn join(&mut self, group: &GroupName) -> Result<(), Error> {
        self.ask(self.talk.join(group)).and_then(talk::done)
    }

    /// Asks to leave a group. Messages come until the
    /// [`GroupConfig`](cman_ipc::GroupConfig) that says it has left.
    ///
    /// # Errors
    /// When it is no member, or there is no answer.
    pub fn leave(&mut self, group: &GroupName) -> Result<(), Error> {
        self.ask(Request::GroupLeave { group: group.clone() }).and_then(talk::done)
    }

    /// Who is in a group at present, ascending.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn members(&mut self, group: &GroupName) -> Result<Vec<Process>, Error> {
        self.ask(Request::GroupMembers { group: group.clone() }).and_then(talk::members)
    }

    /// All groups of the cluster that have members, with these, ascending: as of one moment, and
    /// whether this process is in any of them or not.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn list(&mut self) -> Result<Vec<ListedGroup>, Error> {
        self.ask(Request::GroupList).and_then(talk::listed)
    }

    /// Asks for events of the cluster as well: views, quorum and the rest, in one order with those
    /// of the groups. The view and the quorum of this moment come first.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn subscribe(&mut self) -> Result<(), Error> {
        self.ask(Request::Subscribe).and_then(talk::done)
    }

    /// Sends a message to all members of a group, this process included. With `safe` it is
    /// delivered only when all nodes of the view hold it. Waits while the daemon cannot take more.
    ///
    /// # Errors
    /// When this process has not joined the group, or the message is longer than
    /// [`GROUP_MESSAGE_MAX`](super::GROUP_MESSAGE_MAX), or too much waits to be
    /// [received](Self::receive), or the connection is broken.
    pub fn send(&mut self, group: &GroupName, payload: &[u8], safe: bool) -> Result<(), Error> {
        if self.talk.out().len() >= OUT_BYTES {
            // First, so that what is refused was not sent.
            self.write_down_to(OUT_BYTES - 1)?;
        }
        self.talk.send(group, payload, safe)?;
        if self.talk.out().len() >= OUT_BYTES {
            self.write()?;
        }
        Ok(())
    }

    /// Hands everything that was sent to the daemon.
    ///
    /// # Errors
    /// When too much waits to be [received](Self::receive), or the connection is broken.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.write_down_to(0)
    }

    /// Waits until the node has taken everything that was sent.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn confirm(&mut self) -> Result<(), Error> {
        self.ask(Request::GroupFlush).and_then(talk::done)
    }

    /// Messages of this process that have not come back.
    #[must_use]
    pub const fn unconfirmed(&self) -> u64 {
        self.talk.unconfirmed()
    }

    /// What comes to an end with this connection.
    #[must_use]
    pub fn lost(&self) -> Lost {
        self.talk.lost()
    }

    /// The next thing that arrived. Waits at most `patience`, for ever without; `None` when
    /// nothing arrived. Hands over what was sent before it waits.
    ///
    /// # Errors
    /// [`Error::Closed`] when the daemon has gone, [`Error::Refused`] with its reason when it
    /// has let this client go. See [`reconnect`](Self::reconnect).
    pub fn receive(&mut self, patience: Option<Duration>) -> Result<Option<Incoming>, Error> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        loop {
            if let Some(incoming) = self.talk.next()? {
                return Ok(Some(incoming));
            }
            self.write()?;
            if !self.read()? && !self.wait(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Connects again to the daemon of the same run directory, as soon as one is there, at most
    /// for `patience`. What was sent and received before is over; nothing is joined again and
    /// nothing subscribed to: what happened meanwhile is not known.
    ///
    /// # Errors
    /// When that did not succeed in time; the reason of the last try.
    pub fn reconnect(&mut self, patience: Duration) -> Result<Lost, Error> {
        let deadline = Instant::now() + patience;
        let lost = self.talk.lost();
        loop {
            match Self::open_as(&self.run_dir, &self.program, self.talk.me().pid) {
                Ok(new) => {
                    *self = new;
                    return Ok(lost);
                }
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => thread::sleep(AGAIN_AFTER),
            }
        }
    }

    fn ask(&mut self, request: Request) -> Result<Reply, Error> {
        self.write_down_to(0)?;
        self.talk.keep_all()?;
        self.talk.ask(request)?;
        loop {
            if let Some(reply) = self.talk.reply()? {
                return Ok(reply);
            }
            self.write()?;
            if !self.read()? {
                self.wait(None)?;
            }
        }
    }

    /// Writes until at most so much is left, and reads meanwhile.
    fn write_down_to(&mut self, len: usize) -> Result<(), Error> {
        self.write()?;
        while self.talk.out().len() > len {
            self.talk.keep_all()?;
            if self.talk.is_full() {
                return Err(Error::Unread);
            }
            // So the daemon can say what it must before it takes more.
            if !self.read()? {
                self.wait(None)?;
            }
            self.write()?;
        }
        Ok(())
    }

    /// Writes what can be written at once.
    fn write(&mut self) -> Result<(), Error> {
        while !self.talk.out().is_empty() {
            match self.stream.write(self.talk.out()) {
                Ok(len) => self.talk.written(len),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Why it closed may still be there to be read.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return self.last_words();
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// The daemon has closed the connection while something was written.
    fn last_words(&mut self) -> Result<(), Error> {
        while self.read()? {
            self.talk.keep_all()?;
        }
        Err(Error::Closed)
    }

    /// Reads what is there, once. Whether there was something.
    fn read(&mut self) -> Result<bool, Error> {
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(Error::Closed),
                Ok(len) => {
                    self.talk.feed(self.buffer.get(..len).unwrap_or_default());
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Waits until something can be read, or written if there is something to write. Whether that
    /// is so.
    fn wait(&self, deadline: Option<Instant>) -> Result<bool, Error> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Ok(false);
        }
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        let write = if self.talk.out().is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        let mut fds = [PollFd::new(&self.stream, PollFlags::IN | write)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(true),
            Err(error) => Err(self.failed(error.into())),
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Error::Closed,
            _ => Error::Io { socket: self.socket.clone(), source },
        }
    }
}

/// Readable when something has arrived. What was read already is not seen there: call
/// [`receive`](Groups::receive) without patience until it yields nothing before waiting.
impl AsFd for Groups {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
