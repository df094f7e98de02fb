//! Moves messages over the socket.

use crate::error::Error;
use cman_ipc::{Decoder, Message, Reply, encode};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};
use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How many bytes are read at a time.
const READ_MAX: usize = 16 << 10;

/// A socket that carries messages.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: UnixStream,
    socket: PathBuf,
    decoder: Decoder,
}

impl Wire {
    pub(crate) fn connect(socket: &Path) -> Result<Self, Error> {
        match UnixStream::connect(socket) {
            Ok(stream) => Ok(Self { stream, socket: socket.to_owned(), decoder: Decoder::new() }),
            Err(source) => Err(Error::connecting(socket.to_owned(), source)),
        }
    }

    /// Sends one message and gives the next one that comes, `None` when the daemon closed. A daemon
    /// that closes because it refuses may do so before it was asked: its words count then.
    pub(crate) fn exchange(
        &mut self,
        message: &Message,
        patience: Duration,
    ) -> Result<Option<Message>, Error> {
        self.exchange_slowly(message, patience, Some(patience))
    }

    /// The same for what takes its time: the answer may take that, for ever without.
    pub(crate) fn exchange_slowly(
        &mut self,
        message: &Message,
        patience: Duration,
        answer: Option<Duration>,
    ) -> Result<Option<Message>, Error> {
        match self.send(message, patience) {
            Ok(()) => self.receive(answer),
            Err(Error::Closed) => match self.receive(Some(Duration::ZERO)) {
                Ok(said @ Some(Message::Reply(Reply::Error(_)))) => Ok(said),
                Ok(_) | Err(_) => Err(Error::Closed),
            },
            Err(error) => Err(error),
        }
    }

    /// Sends one message, waiting at most `patience` for room.
    pub(crate) fn send(&mut self, message: &Message, patience: Duration) -> Result<(), Error> {
        let bytes = encode(message)?;
        // The system takes zero for "for ever".
        let sent = self
            .stream
            .set_write_timeout(Some(patience.max(Duration::from_millis(1))))
            .and_then(|()| send_all(&self.stream, &bytes));
        sent.map_err(|error| self.failed(error, patience))
    }

    /// The next message, or `None` when the daemon closed between two messages. Without
    /// `patience` it waits for ever; with none at all it takes what has arrived.
    pub(crate) fn receive(&mut self, patience: Option<Duration>) -> Result<Option<Message>, Error> {
        let deadline = patience.map(|patience| (patience, Instant::now() + patience));
        let mut bytes = [0; READ_MAX];
        loop {
            if let Some(message) = self.decoder.next_message()? {
                return Ok(Some(message));
            }
            match self.read(&mut bytes, deadline)? {
                [] if self.decoder.is_inside_message() => return Err(Error::Closed),
                [] => return Ok(None),
                bytes => self.decoder.feed(bytes),
            }
        }
    }

    /// Reads once; nothing at the end of the stream.
    fn read<'a>(
        &mut self,
        bytes: &'a mut [u8],
        deadline: Option<(Duration, Instant)>,
    ) -> Result<&'a [u8], Error> {
        let patience = deadline.map_or(Duration::ZERO, |(patience, _)| patience);
        loop {
            let left = deadline.map(|(_, end)| end.saturating_duration_since(Instant::now()));
            let read = match left {
                Some(Duration::ZERO) => self.read_at_once(bytes),
                left => self.stream.set_read_timeout(left).and_then(|()| self.stream.read(bytes)),
            };
            match read {
                Ok(len) => return Ok(bytes.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A daemon that ended with our request unread resets the connection.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(&[]),
                Err(error) => return Err(self.failed(error, patience)),
            }
        }
    }

    /// The socket, for somebody else's use, and its path.
    pub(crate) fn into_stream(self) -> (UnixStream, PathBuf) {
        (self.stream, self.socket)
    }

    /// Reads what is there; an error if that is nothing.
    fn read_at_once(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let (_, len) = recv(&self.stream, bytes, RecvFlags::DONTWAIT)?;
        Ok(len)
    }

    fn failed(&self, source: io::Error, patience: Duration) -> Error {
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Error::TimedOut { after: patience }
            }
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Error::Closed,
            _ => Error::Io { socket: self.socket.clone(), source },
        }
    }
}

/// Writes everything. No signal comes of it when the daemon is gone, in whatever program this is.
pub(crate) fn send_all(socket: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match send(&socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
