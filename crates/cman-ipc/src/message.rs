//! Everything that can be said, and the body of each.

use crate::{
    classic::ClassicRequest,
    event::{Event, EventMessage},
    group::{self, GroupEvent, NameCache},
    group_body::{self, PlainConfig, PlainList, PlainName, PlainProcess, PlainRefused},
    hello::{Hello, Welcome},
    kind,
    notice::Notice,
    reply::Reply,
    request::Request,
};
use bytes::Bytes;
use cman_types::NodeId;
use serde::{Serialize, de::DeserializeOwned};

/// One message, in either direction.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Message {
    /// Daemon to client: something happened.
    Event(EventMessage),
    /// Daemon to client: something happened in a group.
    Group(GroupEvent),
    /// Client to daemon, first.
    Hello(Hello),
    /// Daemon to a client of the classic interface: something happened.
    Notice(Notice),
    /// Daemon to client.
    Reply(Reply),
    /// Client to daemon.
    Request(Request),
    /// Decoded only: a kind that this crate does not know.
    Unknown {
        /// Its number.
        kind: u16,
    },
    /// Daemon to client, first.
    Welcome(Welcome),
}

impl Message {
    /// Its number on the socket.
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Self::Event(message) => event_kind(&message.event),
            Self::Group(GroupEvent::Config(_)) => kind::EVENT_GROUP_CONFIG,
            Self::Group(GroupEvent::Message(_)) => kind::EVENT_GROUP_MESSAGE,
            Self::Group(GroupEvent::Refused(_)) => kind::EVENT_GROUP_REFUSED,
            Self::Hello(_) => kind::HELLO,
            Self::Notice(notice) => notice.kind(),
            Self::Reply(reply) => reply_kind(reply),
            Self::Request(request) => request_kind(request),
            Self::Unknown { kind } => *kind,
            Self::Welcome(_) => kind::REPLY | kind::HELLO,
        }
    }

    /// Appends its body to `to`; messages to groups have none here.
    pub(crate) fn write_body(&self, to: Vec<u8>) -> postcard::Result<Vec<u8>> {
        match self {
            Self::Event(message) => write_event(message, to),
            Self::Group(GroupEvent::Config(config)) => write(&PlainConfig::from(config), to),
            Self::Group(GroupEvent::Refused(refused)) => write(&PlainRefused::from(refused), to),
            Self::Hello(hello) => hello.write_body(to),
            Self::Notice(notice) => notice.write(to),
            Self::Reply(reply) => write_reply(reply, to),
            Self::Request(request) => write_request(request, to),
            Self::Group(GroupEvent::Message(_)) | Self::Unknown { .. } => Ok(to),
            Self::Welcome(welcome) => welcome.write_body(to),
        }
    }

    /// Reads the body of a message of this kind.
    pub(crate) fn read_body(
        kind: u16,
        body: Bytes,
        names: &mut NameCache,
    ) -> postcard::Result<Self> {
        let invalid = postcard::Error::SerdeDeCustom;
        match kind {
            kind::EVENT_GROUP_MESSAGE => {
                let message = group::read_message(body, names).ok_or(invalid)?;
                Ok(Self::Group(GroupEvent::Message(message)))
            }
            kind::GROUP_SEND => {
                let (group, payload, safe) = group::read_send(body, names).ok_or(invalid)?;
                Ok(Self::Request(Request::GroupSend { group, payload, safe }))
            }
            kind => Self::read_cold(kind, &body),
        }
    }

    /// The same for the kinds that come one at a time.
    fn read_cold(kind: u16, body: &[u8]) -> postcard::Result<Self> {
        if kind::is_event(kind) {
            return read_event(kind, body);
        }
        let message = match kind {
            // These two may grow at the end.
            kind::HELLO => Self::Hello(Hello::read_body(body)?),
            kind if kind == kind::REPLY | kind::HELLO => Self::Welcome(Welcome::read_body(body)?),
            kind if kind & kind::REPLY != 0 => return read_reply(kind, body),
            _ => return read_request(kind, body),
        };
        Ok(message)
    }
}

const fn request_kind(request: &Request) -> u16 {
    match request {
        Request::Classic(request) => request.kind(),
        Request::GroupFlush => kind::GROUP_FLUSH,
        Request::GroupJoin { .. } => kind::GROUP_JOIN,
        Request::GroupLeave { .. } => kind::GROUP_LEAVE,
        Request::GroupList => kind::GROUP_LIST,
        Request::GroupMembers { .. } => kind::GROUP_MEMBERS,
        Request::GroupSend { .. } => kind::GROUP_SEND,
        Request::Kill { .. } => kind::KILL,
        Request::Leave { .. } => kind::LEAVE,
        Request::Logs => kind::LOGS,
        Request::Nodes => kind::NODES,
        Request::PastEvents => kind::PAST_EVENTS,
        Request::Recorder => kind::RECORDER,
        Request::Status => kind::STATUS,
        Request::Subscribe => kind::SUBSCRIBE,
        Request::Version => kind::VERSION,
    }
}

const fn reply_kind(reply: &Reply) -> u16 {
    match reply {
        Reply::Device(_) => kind::REPLY | kind::DEVICE_GET,
        Reply::Done => kind::DONE,
        Reply::Error(_) => kind::ERROR,
        Reply::Fence(_) => kind::REPLY | kind::FENCE_GET,
        Reply::GroupList(_) => kind::REPLY | kind::GROUP_LIST,
        Reply::GroupMembers(_) => kind::REPLY | kind::GROUP_MEMBERS,
        Reply::Is(_) => kind::IS,
        Reply::Logs(_) => kind::REPLY | kind::LOGS,
        Reply::Nodes(_) => kind::REPLY | kind::NODES,
        Reply::Recorder(_) => kind::REPLY | kind::RECORDER,
        Reply::Status(_) => kind::REPLY | kind::STATUS,
        Reply::Version(_) => kind::REPLY | kind::VERSION,
    }
}

const fn event_kind(event: &Event) -> u16 {
    match event {
        Event::Config(_) => kind::EVENT_CONFIG,
        Event::Link(_) => kind::EVENT_LINK,
        Event::Node(_) => kind::EVENT_NODE,
        Event::Quorum(_) => kind::EVENT_QUORUM,
        Event::Shutdown(_) => kind::EVENT_SHUTDOWN,
        Event::View(_) => kind::EVENT_VIEW,
    }
}

fn write<T: Serialize>(body: &T, to: Vec<u8>) -> postcard::Result<Vec<u8>> {
    postcard::to_extend(body, to)
}

/// Reads a body that must end where it ends.
fn read<T: DeserializeOwned>(body: &[u8]) -> postcard::Result<T> {
    match postcard::take_from_bytes(body)? {
        (value, []) => Ok(value),
        _ => Err(postcard::Error::SerdeDeCustom),
    }
}

fn write_request(request: &Request, to: Vec<u8>) -> postcard::Result<Vec<u8>> {
    match request {
        Request::Classic(request) => request.write(to),
        Request::GroupJoin { group, pid } => write(&(PlainName::from(group), pid), to),
        Request::GroupLeave { group } | Request::GroupMembers { group } => {
            write(&PlainName::from(group), to)
        }
        Request::Kill { node } => write(&node.get(), to),
        Request::Leave { remove, force } => write(&(remove, force), to),
        // A message to a group is not written here.
        Request::GroupFlush
        | Request::GroupList
        | Request::GroupSend { .. }
        | Request::Logs
        | Request::Nodes
        | Request::PastEvents
        | Request::Recorder
        | Request::Status
        | Request::Subscribe
        | Request::Version => Ok(to),
    }
}

fn read_request(kind: u16, body: &[u8]) -> postcard::Result<Message> {
    let bodiless = |request| read::<()>(body).map(|()| request);
    let request = match kind {
        kind::GROUP_FLUSH => bodiless(Request::GroupFlush)?,
        kind::GROUP_JOIN => {
            let (group, pid): (PlainName, _) = read(body)?;
            Request::GroupJoin { group: group.try_into()?, pid }
        }
        kind::GROUP_LIST => bodiless(Request::GroupList)?,
        kind::GROUP_LEAVE => Request::GroupLeave { group: read::<PlainName>(body)?.try_into()? },
        kind::GROUP_MEMBERS => {
            Request::GroupMembers { group: read::<PlainName>(body)?.try_into()? }
        }
        kind::KILL => {
            let node = NodeId::new(read(body)?).ok_or(postcard::Error::SerdeDeCustom)?;
            Request::Kill { node }
        }
        kind::LEAVE => {
            let (remove, force) = read(body)?;
            Request::Leave { remove, force }
        }
        kind::LOGS => bodiless(Request::Logs)?,
        kind::NODES => bodiless(Request::Nodes)?,
        kind::PAST_EVENTS => bodiless(Request::PastEvents)?,
        kind::RECORDER => bodiless(Request::Recorder)?,
        kind::STATUS => bodiless(Request::Status)?,
        kind::SUBSCRIBE => bodiless(Request::Subscribe)?,
        kind::VERSION => bodiless(Request::Version)?,
        kind => match ClassicRequest::read(kind, body)? {
            Some(request) => Request::Classic(request),
            None => return Ok(Message::Unknown { kind }),
        },
    };
    Ok(Message::Request(request))
}

fn write_reply(reply: &Reply, to: Vec<u8>) -> postcard::Result<Vec<u8>> {
    match reply {
        Reply::Device(device) => write(device, to),
        Reply::Done => Ok(to),
        Reply::Error(error) => write(error, to),
        Reply::Fence(fence) => write(fence, to),
        Reply::GroupList(chunk) => write(&PlainList::from(chunk), to),
        Reply::GroupMembers(members) => write(&group_body::plain_processes(members), to),
        Reply::Is(yes) => write(yes, to),
        Reply::Logs(chunk) => write(chunk, to),
        Reply::Nodes(nodes) => write(nodes, to),
        Reply::Recorder(chunk) => write(chunk, to),
        Reply::Status(status) => write(status, to),
        Reply::Version(version) => write(version, to),
    }
}

fn read_reply(kind: u16, body: &[u8]) -> postcard::Result<Message> {
    let reply = match kind {
        kind::DONE => read::<()>(body).map(|()| Reply::Done)?,
        kind::ERROR => Reply::Error(read(body)?),
        kind::IS => Reply::Is(read(body)?),
        _ => match kind & !kind::REPLY {
            kind::DEVICE_GET => Reply::Device(read(body)?),
            kind::FENCE_GET => Reply::Fence(read(body)?),
            kind::GROUP_LIST => Reply::GroupList(read::<PlainList>(body)?.try_into()?),
            kind::GROUP_MEMBERS => {
                Reply::GroupMembers(group_body::processes(read::<Vec<PlainProcess>>(body)?)?)
            }
            kind::LOGS => Reply::Logs(read(body)?),
            kind::NODES => Reply::Nodes(read(body)?),
            kind::RECORDER => Reply::Recorder(read(body)?),
            kind::STATUS => Reply::Status(read(body)?),
            kind::VERSION => Reply::Version(read(body)?),
            _ => return Ok(Message::Unknown { kind }),
        },
    };
    Ok(Message::Reply(reply))
}

fn write_event(message: &EventMessage, to: Vec<u8>) -> postcard::Result<Vec<u8>> {
    let EventMessage { at, monotonic_ns, event } = message;
    match event {
        Event::Config(event) => write(&(at, monotonic_ns, event), to),
        Event::Link(event) => write(&(at, monotonic_ns, event), to),
        Event::Node(event) => write(&(at, monotonic_ns, event), to),
        Event::Quorum(event) => write(&(at, monotonic_ns, event), to),
        Event::Shutdown(event) => write(&(at, monotonic_ns, event), to),
        Event::View(event) => write(&(at, monotonic_ns, event), to),
    }
}

fn read_event(kind: u16, body: &[u8]) -> postcard::Result<Message> {
    let message = match kind {
        kind::EVENT_GROUP_CONFIG => {
            let config = read::<PlainConfig>(body)?.try_into()?;
            return Ok(Message::Group(GroupEvent::Config(config)));
        }
        kind::EVENT_GROUP_REFUSED => {
            let refused = read::<PlainRefused>(body)?.try_into()?;
            return Ok(Message::Group(GroupEvent::Refused(refused)));
        }
        kind::EVENT_CONFIG => read_timed(body, Event::Config)?,
        kind::EVENT_LINK => read_timed(body, Event::Link)?,
        kind::EVENT_NODE => read_timed(body, Event::Node)?,
        kind::EVENT_QUORUM => read_timed(body, Event::Quorum)?,
        kind::EVENT_SHUTDOWN => read_timed(body, Event::Shutdown)?,
        kind::EVENT_VIEW => read_timed(body, Event::View)?,
        kind => {
            let notice = Notice::read(kind, body)?;
            return Ok(notice.map_or(Message::Unknown { kind }, Message::Notice));
        }
    };
    Ok(Message::Event(message))
}

/// Reads the times that stand before every event, and the event.
fn read_timed<T: DeserializeOwned>(
    body: &[u8],
    event: fn(T) -> Event,
) -> postcard::Result<EventMessage> {
    let (at, monotonic_ns, body) = read(body)?;
    Ok(EventMessage { at, monotonic_ns, event: event(body) })
}
