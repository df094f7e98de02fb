//! Groups for programs that do many things at a time.

use super::{
    GroupName, Incoming, ListedGroup, Process,
    talk::{self, OUT_BYTES, READ_BYTES, Talk},
};
use crate::{connection::PATIENCE, connection::Socket, error::Error, wire::Wire};
use cman_ipc::{Reply, Request, Welcome};
use std::{
    io,
    path::{Path, PathBuf},
};
use tokio::{io::Interest, net::UnixStream, task::spawn_blocking};

/// As [`super::Groups`], but nothing blocks the thread. After an error of the connection, open
/// another one; [`Self::lost`] says what came to an end.
#[derive(Debug)]
pub struct Groups {
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
    pub async fn open(run_dir: &Path, program: &str) -> Result<Self, Error> {
        let socket = run_dir.join(Socket::Public.file());
        let hello = talk::hello(program);
        let greet = move || {
            let mut wire = Wire::connect(&socket)?;
            let answer = wire.exchange(&hello, PATIENCE)?;
            let greeted = talk::welcomed(answer, std::process::id())?;
            Ok::<_, Error>((wire, greeted))
        };
        let (wire, (welcome, me)) = spawn_blocking(greet).await.map_err(|_| Error::Closed)??;
        let (stream, socket) = wire.into_stream();
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| UnixStream::from_std(stream))
            .map_err(|source| Error::Io { socket: socket.clone(), source })?;
        let buffer = vec![0; READ_BYTES].into();
        Ok(Self { stream, socket, welcome, talk: Talk::new(me), buffer })
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

    /// Messages of this process that have not come back.
    #[must_use]
    pub const fn unconfirmed(&self) -> u64 {
        self.talk.unconfirmed()
    }

    /// What comes to an end with this connection.
    #[must_use]
    pub fn lost(&self) -> super::Lost {
        self.talk.lost()
    }

    /// See [`super::Groups::join`].
    ///
    /// # Errors
    /// As there.
    pub async fn join(&mut self, group: &GroupName) -> Result<(), Error> {
        self.ask(self.talk.join(group)).await.and_then(talk::done)
    }

    /// See [`super::Groups::leave`].
    ///
    /// # Errors
    /// As there.
    pub async fn leave(&mut self, group: &GroupName) -> Result<(), Error> {
        self.ask(Request::GroupLeave { group: group.clone() }).await.and_then(talk::done)
    }

    /// See [`super::Groups::members`].
    ///
    /// # Errors
    /// As there.
    pub async fn members(&mut self, group: &GroupName) -> Result<Vec<Process>, Error> {
        self.ask(Request::GroupMembers { group: group.clone() }).await.and_then(talk::members)
    }

    /// See [`super::Groups::list`].
    ///
    /// # Errors
    /// As there.
    pub async fn list(&mut self) -> Result<Vec<ListedGroup>, Error> {
        self.ask(Request::GroupList).await.and_then(talk::listed)
    }

    /// See [`super::Groups::subscribe`].
    ///
    /// # Errors
    /// As there.
    pub async fn subscribe(&mut self) -> Result<(), Error> {
        self.ask(Request::Subscribe).await.and_then(talk::done)
    }

    /// See [`super::Groups::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(
        &mut self,
        group: &GroupName,
        payload: &[u8],
        safe: bool,
    ) -> Result<(), Error> {
        if self.talk.out().len() >= OUT_BYTES {
            // First, so that what is refused, or given up, was not sent.
            self.write_down_to(OUT_BYTES - 1).await?;
        }
        self.talk.send(group, payload, safe)
    }

    /// See [`super::Groups::flush`].
    ///
    /// # Errors
    /// As there.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.write_down_to(0).await
    }

    /// See [`super::Groups::confirm`].
    ///
    /// # Errors
    /// As there.
    pub async fn confirm(&mut self) -> Result<(), Error> {
        self.ask(Request::GroupFlush).await.and_then(talk::done)
    }

    /// The next thing that arrived. Can be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// As [`super::Groups::receive`].
    pub async fn receive(&mut self) -> Result<Incoming, Error> {
        loop {
            if let Some(incoming) = self.talk.next()? {
                return Ok(incoming);
            }
            self.turn().await?;
        }
    }

    async fn ask(&mut self, request: Request) -> Result<Reply, Error> {
        self.write_down_to(0).await?;
        self.talk.keep_all()?;
        self.talk.ask(request)?;
        loop {
            if let Some(reply) = self.talk.reply()? {
                return Ok(reply);
            }
            self.turn().await?;
        }
    }

    async fn write_down_to(&mut self, len: usize) -> Result<(), Error> {
        while self.talk.out().len() > len {
            self.talk.keep_all()?;
            if self.talk.is_full() {
                return Err(Error::Unread);
            }
            self.turn().await?;
        }
        Ok(())
    }

    /// Waits until something can be read or has to be written, and does so once.
    async fn turn(&mut self) -> Result<(), Error> {
        let write = !self.talk.out().is_empty();
        let interest =
            if write { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let ready = self.stream.ready(interest).await.map_err(|error| self.failed(error))?;
        if ready.is_readable() {
            match self.stream.try_read(&mut self.buffer) {
                Ok(0) => return Err(Error::Closed),
                Ok(len) => self.talk.feed(self.buffer.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        if write && ready.is_writable() {
            match self.stream.try_write(self.talk.out()) {
                Ok(len) => self.talk.written(len),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Error::Closed,
            _ => Error::Io { socket: self.socket.clone(), source },
        }
    }
}
