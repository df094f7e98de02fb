//! Calls on one connection, and on another, beside it, what happens.
//!
//! For libraries whose programs wait with poll(2) themselves. [`Calls`] may be used by several
//! threads: one call at a time waits for its reply, and what is not answered is sent meanwhile.
//! [`EventLine`] is readable exactly when something can be [taken](EventLine::take) from it: it
//! reads one frame and not a byte more.

use crate::{
    connection::{PATIENCE, Socket},
    error::Error,
    wire::{Wire, send_all},
};
use cman_ipc::{
    Channel, Decoder, Hello, Message, Reply, Request, Welcome, encode,
    hello::{Session, Ticket},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvFlags, Shutdown, recv, shutdown},
};
use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many bytes of a reply are read at a time.
const READ_MAX: usize = 16 << 10;

/// A connection for requests and their replies. It waits for these as long as it takes.
#[derive(Debug)]
pub struct Calls {
    stream: UnixStream,
    socket: PathBuf,
    welcome: Welcome,
    /// Held by who waits for a reply.
    replies: Mutex<Decoder>,
    /// Held by who writes a frame.
    writing: Mutex<()>,
}

impl Calls {
    /// Connects to the daemon of `run_dir` and greets it; `program` is for its log.
    ///
    /// # Errors
    /// When none runs there, or it may not be used, or it says nothing for [`PATIENCE`].
    pub fn open(run_dir: &Path, socket: Socket, program: &str) -> Result<Self, Error> {
        let mut wire = Wire::connect(&run_dir.join(socket.file()))?;
        let hello = Hello { channel: Channel::Calls, ..Hello::from_program(program) };
        let welcome = match wire.exchange(&Message::Hello(hello), PATIENCE)? {
            Some(Message::Welcome(welcome)) => welcome,
            Some(Message::Reply(Reply::Error(error))) => return Err(Error::Refused(error)),
            Some(_) => return Err(Error::Unexpected),
            None => return Err(Error::Closed),
        };
        // Nothing comes behind the greeting before something is asked.
        let (stream, socket) = wire.into_stream();
        wait_for_ever(&stream).map_err(|source| Error::Io { socket: socket.clone(), source })?;
        let (replies, writing) = (Mutex::default(), Mutex::default());
        Ok(Self { stream, socket, welcome, replies, writing })
    }

    /// The daemon's process id and release.
    #[must_use]
    pub const fn daemon(&self) -> &Welcome {
        &self.welcome
    }

    /// What the connection for the events of this one must bring.
    ///
    /// # Errors
    /// [`Error::Unexpected`] when the daemon gave none: it is of a time before.
    pub fn ticket(&self) -> Result<Ticket, Error> {
        let ticket = self.welcome.session.and_then(|Session { ticket, .. }| ticket);
        ticket.ok_or(Error::Unexpected)
    }

    /// Asks, and waits for the reply, after those who asked before.
    ///
    /// # Errors
    /// [`Error::Refused`] when the daemon says no; otherwise the connection is of no use any more.
    pub fn ask(&self, request: Request) -> Result<Reply, Error> {
        let mut replies = lock(&self.replies);
        self.write(request)?;
        match self.reply(&mut replies) {
            Ok(Reply::Error(error)) => Err(Error::Refused(error)),
            Ok(reply) => Ok(reply),
            Err(error) => {
                // What comes later may be an answer to anything.
                self.close();
                Err(error)
            }
        }
    }

    /// Sends what is not answered, whoever waits for a reply meanwhile. Waits while the daemon
    /// cannot take more.
    ///
    /// # Errors
    /// When the request is too long, or the connection is of no use any more.
    pub fn send(&self, request: Request) -> Result<(), Error> {
        self.write(request)
    }

    /// Whether the daemon has closed the connection, or this side has. Never waits.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let mut fds = [PollFd::new(&self.stream, PollFlags::RDHUP)];
        let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        match poll(&mut fds, Some(&Timespec::default())) {
            Ok(_) => fds.iter().any(|fd| fd.revents().intersects(gone)),
            Err(_) => false,
        }
    }

    /// Ends the connection: whoever waits for something on it gets an error.
    pub fn close(&self) {
        // The daemon may have done so.
        let _closed = shutdown(&self.stream, Shutdown::Both);
    }

    /// Writes one frame, whole.
    fn write(&self, request: Request) -> Result<(), Error> {
        let frame = encode(&Message::Request(request))?;
        let _whole = lock(&self.writing);
        send_all(&self.stream, &frame).map_err(|error| self.failed(error))
    }

    fn reply(&self, replies: &mut Decoder) -> Result<Reply, Error> {
        let mut bytes = [0; READ_MAX];
        loop {
            match replies.next_message()? {
                Some(Message::Reply(reply)) => return Ok(reply),
                Some(_) => return Err(Error::Unexpected),
                None => {}
            }
            match recv(&self.stream, &mut bytes, RecvFlags::empty()) {
                Ok((_, 0)) => return Err(Error::Closed),
                Ok((_, len)) => replies.feed(bytes.get(..len).unwrap_or_default()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(self.failed(error.into())),
            }
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        failed(&self.socket, source)
    }
}

/// A connection for what happens.
#[derive(Debug)]
pub struct EventLine {
    stream: UnixStream,
    socket: PathBuf,
    /// Held by who reads a frame.
    frames: Mutex<Decoder>,
}

impl EventLine {
    /// Opens the connection for the events of [`Calls`], through the same socket.
    ///
    /// # Errors
    /// As [`Calls::open`].
    pub fn open(
        run_dir: &Path,
        socket: Socket,
        program: &str,
        ticket: Ticket,
    ) -> Result<Self, Error> {
        let mut wire = Wire::connect(&run_dir.join(socket.file()))?;
        let hello = Hello { channel: Channel::Events(ticket), ..Hello::from_program(program) };
        wire.send(&Message::Hello(hello), PATIENCE)?;
        let (stream, socket) = wire.into_stream();
        let limit = stream.set_read_timeout(Some(PATIENCE));
        limit.map_err(|source| Error::Io { socket: socket.clone(), source })?;
        let line = Self { stream, socket, frames: Mutex::default() };
        match line.read(RecvFlags::empty())? {
            Some(Message::Welcome(_)) => {}
            Some(Message::Reply(Reply::Error(error))) => return Err(Error::Refused(error)),
            Some(_) => return Err(Error::Unexpected),
            None => return Err(Error::TimedOut { after: PATIENCE }),
        }
        wait_for_ever(&line.stream).map_err(|error| failed(&line.socket, error))?;
        Ok(line)
    }

    /// The next thing that has happened, or `None` if nothing has arrived. Of what has begun to
    /// arrive it waits for the end.
    ///
    /// # Errors
    /// [`Error::Closed`] when the daemon has gone, [`Error::Refused`] with its reason when it has
    /// let this client go.
    pub fn take(&self) -> Result<Option<Message>, Error> {
        match self.read(RecvFlags::DONTWAIT)? {
            Some(Message::Reply(Reply::Error(error))) => Err(Error::Refused(error)),
            said => Ok(said),
        }
    }

    /// Ends the connection: whoever waits for something on it wakes up.
    pub fn close(&self) {
        // The daemon may have done so.
        let _closed = shutdown(&self.stream, Shutdown::Both);
    }

    /// Reads one frame. `None` if waiting for its first byte is over or not wanted.
    fn read(&self, first: RecvFlags) -> Result<Option<Message>, Error> {
        let mut frames = lock(&self.frames);
        let mut bytes = [0; READ_MAX];
        loop {
            let missing = frames.missing();
            if missing == 0 {
                return Ok(frames.next_message()?);
            }
            let begun = frames.is_inside_message();
            let flags = if begun { RecvFlags::empty() } else { first };
            let room = bytes.get_mut(..missing.min(READ_MAX)).unwrap_or_default();
            match recv(&self.stream, room, flags) {
                Ok((_, 0)) => return Err(Error::Closed),
                Ok((_, len)) => frames.feed(bytes.get(..len).unwrap_or_default()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(failed(&self.socket, error.into())),
            }
        }
    }
}

impl AsFd for EventLine {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Takes away the limits that the greeting had.
fn wait_for_ever(stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(None)?;
    stream.set_write_timeout(None)
}

fn failed(socket: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Error::Closed,
        _ => Error::Io { socket: socket.to_owned(), source },
    }
}

/// What a panic left behind is as good as ever: frames are written and fed whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
