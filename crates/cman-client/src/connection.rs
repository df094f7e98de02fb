//! Requests and their answers.

use crate::{error::Error, events::Events, wire::Wire};
use cman_ipc::{
    ClassicRequest, EventMessage, Hello, ListedGroup, Message, NodesReply, Reply, Request,
    StatusReply, Welcome, kind, paths, reply::VersionReply,
};
use cman_types::NodeId;
use std::{path::Path, time::Duration};

/// How long a daemon may take for an answer before it counts as stuck, unless said otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Which of the daemon's sockets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Socket {
    /// For everything; by default only root may use it.
    Admin,
    /// For reading.
    Public,
}

impl Socket {
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Admin => paths::ADMIN_SOCKET,
            Self::Public => paths::PUBLIC_SOCKET,
        }
    }
}

/// A conversation with the daemon.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    welcome: Welcome,
    patience: Duration,
}

impl Connection {
    /// Connects to the daemon of `run_dir` and greets it; `program` is for its log.
    ///
    /// # Errors
    /// When none runs there, or it may not be used, or it speaks no common version.
    pub fn open(run_dir: &Path, socket: Socket, program: &str) -> Result<Self, Error> {
        Self::open_within(run_dir, socket, program, PATIENCE)
    }

    /// The same, where each answer may take so long, the first one included.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(
        run_dir: &Path,
        socket: Socket,
        program: &str,
        patience: Duration,
    ) -> Result<Self, Error> {
        let mut wire = Wire::connect(&run_dir.join(socket.file()))?;
        match wire.exchange(&Message::Hello(Hello::from_program(program)), patience)? {
            Some(Message::Welcome(welcome)) => Ok(Self { wire, welcome, patience }),
            Some(Message::Reply(Reply::Error(error))) => Err(Error::Refused(error)),
            Some(_) => Err(Error::Unexpected),
            None => Err(Error::Closed),
        }
    }

    /// A connection for reading. When there is no more room for readers, it takes one of the places
    /// that the daemon keeps for administrators, if the caller is permitted that.
    ///
    /// # Errors
    /// As [`open`](Self::open) of the public socket.
    pub fn open_to_read(run_dir: &Path, program: &str, patience: Duration) -> Result<Self, Error> {
        let full = match Self::open_within(run_dir, Socket::Public, program, patience) {
            // Of many at a time some are hung up on without a word.
            Err(error) if error.is_busy() || matches!(error, Error::Closed) => error,
            opened => return opened,
        };
        Self::open_within(run_dir, Socket::Admin, program, patience).map_err(|_| full)
    }

    /// The daemon's process id and release.
    #[must_use]
    pub const fn daemon(&self) -> &Welcome {
        &self.welcome
    }

    /// Changes how long an answer may take.
    pub const fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// How this node and its cluster are.
    ///
    /// # Errors
    /// When there is no such answer.
    pub fn status(&mut self) -> Result<StatusReply, Error> {
        match self.ask(Request::Status)? {
            Reply::Status(status) => Ok(*status),
            _ => Err(Error::Unexpected),
        }
    }

    /// All configured nodes.
    ///
    /// # Errors
    /// When there is no such answer.
    pub fn nodes(&mut self) -> Result<NodesReply, Error> {
        match self.ask(Request::Nodes)? {
            Reply::Nodes(nodes) => Ok(nodes),
            _ => Err(Error::Unexpected),
        }
    }

    /// Versions of the daemon and the configuration.
    ///
    /// # Errors
    /// When there is no such answer.
    pub fn version(&mut self) -> Result<VersionReply, Error> {
        match self.ask(Request::Version)? {
            Reply::Version(version) => Ok(version),
            _ => Err(Error::Unexpected),
        }
    }

    /// All groups of the cluster that have members, with these, ascending: as of one moment.
    ///
    /// # Errors
    /// When there is no such answer, for example from a daemon of a time before groups.
    pub fn groups(&mut self) -> Result<Vec<ListedGroup>, Error> {
        let mut groups = Vec::new();
        let mut reply = self.ask(Request::GroupList)?;
        loop {
            let Reply::GroupList(chunk) = reply else { return Err(Error::Unexpected) };
            groups.extend(chunk.groups);
            if chunk.last {
                return Ok(groups);
            }
            reply = self.reply()?;
        }
    }

    /// Makes the daemon leave the cluster and end; returns once it has accepted that.
    /// Admin socket only.
    ///
    /// # Errors
    /// When it refuses, for example [`Error::is_busy`] during a view change.
    pub fn leave(&mut self, remove: bool, force: bool) -> Result<(), Error> {
        self.order(Request::Leave { remove, force })
    }

    /// Makes the daemon leave the cluster and end, unless a program on this node objects; returns
    /// when it has left. The answer may take `patience`, for ever without; whoever closes the
    /// connection before does not want it any more. Admin socket only.
    ///
    /// With `anyway` objections count for nothing; with `remove` those who stay lower what they
    /// expect.
    ///
    /// # Errors
    /// When it stays, which is [`Error::is_busy`]; when somebody has asked already, which is
    /// [`ErrorCode::Already`](cman_ipc::ErrorCode::Already).
    pub fn shut_down(
        &mut self,
        anyway: bool,
        remove: bool,
        patience: Option<Duration>,
    ) -> Result<(), Error> {
        let request = Request::Classic(ClassicRequest::Shutdown { anyway, remove });
        let message = Message::Request(request);
        let said = self.wire.exchange_slowly(&message, self.patience, patience)?;
        Self::as_done(Self::as_reply(said)?)
    }

    /// Makes all members read their configuration until they have that version, or a newer one;
    /// 0 stands for the version in the file of this node. Returns when they are told. Admin socket
    /// only.
    ///
    /// # Errors
    /// When the daemon refuses, for example because of an error in its file.
    pub fn set_config_version(&mut self, version: u64) -> Result<(), Error> {
        self.order(Request::Classic(ClassicRequest::SetConfigVersion { version }))
    }

    /// Makes parts of the daemon say more in its log: bits of
    /// [`debug`](cman_ipc::classic::debug). Admin socket only.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub fn set_debug(&mut self, mask: u32) -> Result<(), Error> {
        self.order(Request::Classic(ClassicRequest::SetDebug { mask }))
    }

    /// Puts a node out of the cluster for good; returns once that is accepted. Admin socket only.
    ///
    /// # Errors
    /// When the daemon refuses, for example because it knows no such node.
    pub fn kill(&mut self, node: NodeId) -> Result<(), Error> {
        self.order(Request::Kill { node })
    }

    /// Gives a node, this one if none is named, other votes; returns when they count here. Admin
    /// socket only.
    ///
    /// # Errors
    /// When the daemon refuses, for example because the node is not a member.
    pub fn set_votes(&mut self, node: Option<NodeId>, votes: u32) -> Result<(), Error> {
        self.order(Request::Classic(ClassicRequest::SetVotes { node, votes }))
    }

    /// Says how many votes are expected, at least 1; returns when that is so here. Admin socket
    /// only.
    ///
    /// # Errors
    /// When the daemon refuses, for example because quorum would need more votes than are here.
    pub fn set_expected_votes(&mut self, votes: u32) -> Result<(), Error> {
        self.order(Request::Classic(ClassicRequest::SetExpectedVotes { votes }))
    }

    /// The latest lines of the daemon's log, oldest first.
    ///
    /// # Errors
    /// When there is no such answer.
    pub fn logs(&mut self) -> Result<Vec<String>, Error> {
        let mut lines = Vec::new();
        let mut reply = self.ask(Request::Logs)?;
        loop {
            let Reply::Logs(chunk) = reply else { return Err(Error::Unexpected) };
            lines.extend(chunk.lines);
            if chunk.last {
                return Ok(lines);
            }
            reply = self.reply()?;
        }
    }

    /// What happened lately, as far as the daemon remembers, oldest first.
    ///
    /// # Errors
    /// When there is no such answer.
    pub fn past_events(&mut self) -> Result<Vec<EventMessage>, Error> {
        let mut events = Vec::new();
        let question = Message::Request(Request::PastEvents);
        let mut said = self.wire.exchange(&question, self.patience)?;
        loop {
            match said {
                Some(Message::Event(event)) => events.push(event),
                // Of a newer daemon.
                Some(Message::Unknown { kind }) if kind::is_event(kind) => {}
                said => match Self::as_reply(said)? {
                    Reply::Done => return Ok(events),
                    _ => return Err(Error::Unexpected),
                },
            }
            said = self.wire.receive(Some(self.patience))?;
        }
    }

    /// The flight recorder, as a file. Admin socket only.
    ///
    /// # Errors
    /// When there is no such answer.
    pub fn recorder(&mut self) -> Result<Vec<u8>, Error> {
        let mut file = Vec::new();
        let mut reply = self.ask(Request::Recorder)?;
        loop {
            let Reply::Recorder(chunk) = reply else { return Err(Error::Unexpected) };
            file.extend(chunk.bytes);
            if chunk.last {
                return Ok(file);
            }
            reply = self.reply()?;
        }
    }

    /// Turns the conversation into a stream of events. The view and the quorum of this moment
    /// come first.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub fn subscribe(mut self) -> Result<Events, Error> {
        self.order(Request::Subscribe)?;
        Ok(Events::new(self.wire))
    }

    /// Waits until the daemon closes the connection, which it does when it has left; at most
    /// `patience`, for ever without.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when it did not.
    pub fn wait_for_end(mut self, patience: Option<Duration>) -> Result<(), Error> {
        match self.wire.receive(patience) {
            Ok(None) | Err(Error::Closed) => Ok(()),
            Ok(Some(Message::Reply(Reply::Error(error)))) => Err(Error::Refused(error)),
            Ok(Some(_)) => Err(Error::Unexpected),
            Err(error) => Err(error),
        }
    }

    /// Asks for something whose only answer is that it was accepted.
    fn order(&mut self, request: Request) -> Result<(), Error> {
        Self::as_done(self.ask(request)?)
    }

    fn as_done(reply: Reply) -> Result<(), Error> {
        match reply {
            Reply::Done => Ok(()),
            _ => Err(Error::Unexpected),
        }
    }

    fn ask(&mut self, request: Request) -> Result<Reply, Error> {
        let said = self.wire.exchange(&Message::Request(request), self.patience)?;
        Self::as_reply(said)
    }

    fn reply(&mut self) -> Result<Reply, Error> {
        let said = self.wire.receive(Some(self.patience))?;
        Self::as_reply(said)
    }

    fn as_reply(said: Option<Message>) -> Result<Reply, Error> {
        match said {
            Some(Message::Reply(Reply::Error(error))) => Err(Error::Refused(error)),
            Some(Message::Reply(reply)) => Ok(reply),
            Some(_) => Err(Error::Unexpected),
            None => Err(Error::Closed),
        }
    }
}
