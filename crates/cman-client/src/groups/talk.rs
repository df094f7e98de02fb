//! What is said and heard on a connection, without the connection.

use super::{GROUP_MESSAGE_MAX, GroupName, Incoming, Lost, Process};
use crate::error::Error;
use bytes::{Buf, BytesMut};
use cman_ipc::{
    Decoder, GroupEvent, Hello, ListedGroup, Message, Reply, Request, Welcome, encode, group, kind,
};
use std::collections::{BTreeSet, VecDeque};

/// Bytes to say that are kept until there are more.
pub(super) const OUT_BYTES: usize = 64 << 10;
/// Bytes read at once.
pub(super) const READ_BYTES: usize = 128 << 10;
/// Bytes of what arrived while something else was waited for. Nothing more is read then.
const KEPT_MAX: usize = 64 << 20;
/// What a kept event counts for, besides its payload.
const KEPT_BYTES: usize = 128;

/// One side of a conversation about groups.
#[derive(Debug)]
pub(super) struct Talk {
    decoder: Decoder,
    /// To be said.
    out: BytesMut,
    /// What arrived while something else was waited for.
    kept: VecDeque<Incoming>,
    kept_bytes: usize,
    me: Process,
    groups: BTreeSet<GroupName>,
    /// What waits for its reply.
    asked: Option<Asked>,
    /// Own messages that were neither refused nor seen.
    unconfirmed: u64,
}

/// What was asked, as far as the reply means something here.
#[derive(Debug)]
enum Asked {
    /// To be in a group in which this process was not.
    Join(GroupName),
    /// Which groups there are; those that were named so far.
    List(Vec<ListedGroup>),
    /// Something else.
    Other,
}

/// The greeting.
pub(super) fn hello(program: &str) -> Message {
    Message::Hello(Hello::from_program(program))
}

/// The daemon's answer to the greeting, if it serves groups.
pub(super) fn welcomed(answer: Option<Message>, pid: u32) -> Result<(Welcome, Process), Error> {
    match answer {
        Some(Message::Welcome(welcome)) => {
            let session = welcome.session.ok_or(Error::NoGroups)?;
            Ok((welcome, Process { node: session.node, pid }))
        }
        Some(Message::Reply(Reply::Error(error))) => Err(Error::Refused(error)),
        Some(_) => Err(Error::Unexpected),
        None => Err(Error::Closed),
    }
}

impl Talk {
    /// One of `me`, behind the greeting.
    pub(super) fn new(me: Process) -> Self {
        Self {
            decoder: Decoder::new(),
            out: BytesMut::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            me,
            groups: BTreeSet::new(),
            asked: None,
            unconfirmed: 0,
        }
    }

    /// Who this process is to the others.
    pub(super) const fn me(&self) -> Process {
        self.me
    }

    /// What ends if the connection does.
    pub(super) fn lost(&self) -> Lost {
        Lost { groups: self.groups.iter().cloned().collect(), unconfirmed: self.unconfirmed }
    }

    /// Own messages that have not come back.
    pub(super) const fn unconfirmed(&self) -> u64 {
        self.unconfirmed
    }

    /// Says a request. It counts as under way until [`Self::reply`] has given its reply.
    pub(super) fn ask(&mut self, request: Request) -> Result<(), Error> {
        let asked = match &request {
            // Events of the group may come before the reply.
            Request::GroupJoin { group, .. } if self.groups.insert(group.clone()) => {
                Asked::Join(group.clone())
            }
            Request::GroupList => Asked::List(Vec::new()),
            _ => Asked::Other,
        };
        self.asked = Some(asked);
        self.out.extend_from_slice(&encode(&Message::Request(request))?);
        Ok(())
    }

    /// The request to become a member of a group.
    pub(super) fn join(&self, group: &GroupName) -> Request {
        Request::GroupJoin { group: group.clone(), pid: self.me.pid }
    }

    /// Says a message.
    pub(super) fn send(&mut self, to: &GroupName, payload: &[u8], safe: bool) -> Result<(), Error> {
        if !self.groups.contains(to) {
            return Err(Error::NotJoined { group: to.clone() });
        }
        if payload.len() > GROUP_MESSAGE_MAX {
            return Err(Error::MessageTooLong { len: payload.len() });
        }
        group::put_send_head(to, payload.len(), safe, &mut self.out);
        self.out.extend_from_slice(payload);
        self.unconfirmed += 1;
        Ok(())
    }

    /// What is to be written.
    pub(super) fn out(&self) -> &[u8] {
        &self.out
    }

    /// So much of it was written.
    pub(super) fn written(&mut self, len: usize) {
        self.out.advance(len);
    }

    /// What was read.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes);
    }

    /// Whether nothing more may be read until something is taken.
    pub(super) const fn is_full(&self) -> bool {
        self.kept_bytes >= KEPT_MAX
    }

    /// The next thing that arrived.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, Error> {
        if let Some(incoming) = self.kept.pop_front() {
            self.kept_bytes -= weight(&incoming);
            return Ok(Some(incoming));
        }
        match self.hear()? {
            None => Ok(None),
            Some(Heard::Incoming(incoming)) => Ok(Some(incoming)),
            // Nothing was asked: the daemon says why it closes the connection.
            Some(Heard::Reply(Reply::Error(error))) => Err(Error::Refused(error)),
            Some(Heard::Reply(_)) => Err(Error::Unexpected),
        }
    }

    /// The reply to what was asked, if all of it has arrived. Keeps what comes before it.
    pub(super) fn reply(&mut self) -> Result<Option<Reply>, Error> {
        loop {
            match self.hear()? {
                None => return Ok(None),
                Some(Heard::Incoming(incoming)) => self.keep(incoming),
                Some(Heard::Reply(reply)) => {
                    if let Some(reply) = self.whole(reply)? {
                        return Ok(Some(reply));
                    }
                }
            }
        }
    }

    /// What a reply means; none if more of it follows.
    fn whole(&mut self, reply: Reply) -> Result<Option<Reply>, Error> {
        match (reply, self.asked.take()) {
            (Reply::Error(error), asked) => {
                if let Some(Asked::Join(group)) = asked {
                    self.groups.remove(&group);
                }
                Err(Error::Refused(error))
            }
            (Reply::GroupList(mut chunk), Some(Asked::List(mut groups))) => {
                groups.append(&mut chunk.groups);
                if chunk.last {
                    chunk.groups = groups;
                    return Ok(Some(Reply::GroupList(chunk)));
                }
                self.asked = Some(Asked::List(groups));
                Ok(None)
            }
            (reply, _) => Ok(Some(reply)),
        }
    }

    /// Keeps what has arrived, so that more can be read.
    pub(super) fn keep_all(&mut self) -> Result<(), Error> {
        while let Some(heard) = self.hear()? {
            match heard {
                Heard::Incoming(incoming) => self.keep(incoming),
                Heard::Reply(Reply::Error(error)) => return Err(Error::Refused(error)),
                Heard::Reply(_) => return Err(Error::Unexpected),
            }
        }
        Ok(())
    }

    fn keep(&mut self, incoming: Incoming) {
        self.kept_bytes += weight(&incoming);
        self.kept.push_back(incoming);
    }

    fn hear(&mut self) -> Result<Option<Heard>, Error> {
        loop {
            return Ok(Some(match self.decoder.next_message()? {
                None => return Ok(None),
                Some(Message::Event(event)) => Heard::Incoming(Incoming::Cluster(event)),
                Some(Message::Group(event)) => {
                    self.note(&event);
                    Heard::Incoming(Incoming::Group(event))
                }
                Some(Message::Reply(reply)) => Heard::Reply(reply),
                // Events of a newer daemon that this client knows nothing about.
                Some(Message::Unknown { kind }) if kind::is_event(kind) => continue,
                Some(_) => return Err(Error::Unexpected),
            }));
        }
    }

    fn note(&mut self, event: &GroupEvent) {
        match event {
            GroupEvent::Config(config) => {
                if config.left.iter().any(|(process, _)| *process == self.me) {
                    self.groups.remove(&config.group);
                }
            }
            GroupEvent::Message(message) => {
                let own = message.sender == self.me;
                self.unconfirmed = self.unconfirmed.saturating_sub(own.into());
            }
            GroupEvent::Refused(_) => self.unconfirmed = self.unconfirmed.saturating_sub(1),
        }
    }
}

/// The reply to a request of which there is nothing more to say.
pub(super) fn done(reply: Reply) -> Result<(), Error> {
    if reply == Reply::Done { Ok(()) } else { Err(Error::Unexpected) }
}

/// The reply to the question who is in a group.
pub(super) fn members(reply: Reply) -> Result<Vec<Process>, Error> {
    if let Reply::GroupMembers(members) = reply { Ok(members) } else { Err(Error::Unexpected) }
}

/// The reply to the question which groups there are.
pub(super) fn listed(reply: Reply) -> Result<Vec<ListedGroup>, Error> {
    if let Reply::GroupList(list) = reply { Ok(list.groups) } else { Err(Error::Unexpected) }
}

enum Heard {
    Incoming(Incoming),
    Reply(Reply),
}

fn weight(incoming: &Incoming) -> usize {
    match incoming {
        Incoming::Group(GroupEvent::Message(message)) => KEPT_BYTES + message.payload.len(),
        _ => KEPT_BYTES,
    }
}
