//! The node, as far as groups are concerned, and its words in those of clients.

use super::listing;
use cman_ipc::{
    ErrorCode, ErrorReply, GroupConfig, GroupEvent, GroupMessage, Message, Notice, Reply,
};
use cman_node::{Node, PortUnknown, Refused};
use cman_record::{Record, Recorder};
use cman_services::{
    BarrierError, ClientError, ClientEvent, ClientRequest, FenceEvent, GroupError,
    GroupEvent as NodeEvent, PortError, PortEvent, Session,
};
use cman_types::{GroupName, Instant, NodeId, Process};
use std::sync::{Mutex, PoisonError};

/// What the desk needs of a node.
pub(crate) trait Host {
    /// A client asks for something.
    ///
    /// # Errors
    /// When it is not done; nothing has changed then.
    fn ask(&mut self, now: Instant, id: Session, request: ClientRequest) -> Result<(), Refused>;

    /// A client is gone.
    fn close(&mut self, now: Instant, id: Session);

    /// All groups that have members, as a reply.
    fn list(&self) -> Reply;

    /// Who is in a group, ascending.
    fn members(&self, group: &GroupName) -> Vec<Process>;

    /// Whether a node, this one if none, has bound a port, as a reply.
    fn is_bound(&self, node: Option<NodeId>, port: u8) -> Reply;
}

/// A node whose inputs are recorded.
#[derive(Debug)]
pub(crate) struct Recorded<'a> {
    pub(crate) node: &'a mut Node,
    pub(crate) recorder: &'a Mutex<Recorder>,
    /// Whether the recorder wants outputs.
    pub(crate) outputs: bool,
}

impl Recorded<'_> {
    /// The recorder, let go of before the node gets the input, so that a panic there finds it
    /// free.
    fn record(&self, now: Instant, record: &Record<'_>) {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).record(now, record);
    }
}

impl Host for Recorded<'_> {
    fn ask(&mut self, now: Instant, id: Session, request: ClientRequest) -> Result<(), Refused> {
        self.record(now, &Record::request(id, &request));
        let answer = self.node.handle_client(now, id, request);
        if self.outputs {
            self.record(now, &Record::answer(&answer));
        }
        answer
    }

    fn close(&mut self, now: Instant, id: Session) {
        self.record(now, &Record::Close(id));
        self.node.close_session(now, id);
    }

    fn list(&self) -> Reply {
        listing::all(self.node.groups())
    }

    fn members(&self, group: &GroupName) -> Vec<Process> {
        self.node.group_members(group).to_vec()
    }

    fn is_bound(&self, node: Option<NodeId>, port: u8) -> Reply {
        match self.node.is_bound(node, port) {
            Ok(is) => Reply::Is(is),
            Err(unknown) => Reply::Error(port_unknown(&unknown)),
        }
    }
}

/// What becomes of an event of the node.
#[derive(Debug)]
pub(crate) enum Word {
    /// The answer to a request that took time.
    Answer(Reply),
    /// Something that the client is told without having asked.
    Event(Message),
}

/// An event as clients are told it. Answers to questions that are not asked here are none.
pub(crate) fn to_client(event: ClientEvent) -> Option<Word> {
    match event {
        ClientEvent::Barrier(event) => Some(Word::Answer(match event.result {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Error(to_error(&Refused::Client(error.into()))),
        })),
        ClientEvent::Fence(FenceEvent::Noted { .. }) => Some(Word::Answer(Reply::Done)),
        ClientEvent::Group(event) => group_event(event).map(Message::Group).map(Word::Event),
        ClientEvent::Port(event) => Some(Word::Event(Message::Notice(port_notice(event)))),
    }
}

fn port_notice(event: PortEvent) -> Notice {
    match event {
        PortEvent::Opened { node } => Notice::PortOpened { node },
        PortEvent::Closed { node } => Notice::PortClosed { node },
        PortEvent::Message { node, port, payload } => Notice::PortMessage { node, port, payload },
    }
}

fn group_event(event: NodeEvent) -> Option<GroupEvent> {
    match event {
        NodeEvent::Config { group, members, left, joined } => {
            Some(GroupEvent::Config(GroupConfig { group, members, left, joined }))
        }
        NodeEvent::Message { group, sender, incarnation, number, payload } => {
            let message = GroupMessage { group, sender, incarnation, number, payload };
            Some(GroupEvent::Message(message))
        }
        NodeEvent::Members { .. } | NodeEvent::Groups(_) => None,
    }
}

/// A refusal as clients are told it.
pub(crate) fn to_error(refused: &Refused) -> ErrorReply {
    let (code, advice) = match refused {
        Refused::Full => (ErrorCode::Busy, "try again"),
        Refused::NoNode(_) => (ErrorCode::NotFound, "look at `cman_tool nodes`"),
        Refused::Client(ClientError::Barrier(error)) => barrier_error(error),
        Refused::Client(ClientError::Fence(_)) => (ErrorCode::Invalid, ""),
        Refused::Client(ClientError::Group(error)) => match error {
            GroupError::AlreadyJoined { .. } => (ErrorCode::Exists, "leave it first"),
            GroupError::NotJoined { .. } => (ErrorCode::NotJoined, "join it first"),
            GroupError::StillLeaving { .. } => (ErrorCode::Busy, "try again"),
            _ => (ErrorCode::Refused, ""),
        },
        Refused::Client(ClientError::Port(error)) => match error {
            PortError::Zero => (ErrorCode::Invalid, "use a port of 1 to 255"),
            PortError::Taken { .. } => (ErrorCode::Exists, "use another port"),
            PortError::HasPort { .. } => (ErrorCode::Exists, "connect again for another port"),
            _ => (ErrorCode::Refused, ""),
        },
    };
    ErrorReply { code, text: refused.to_string(), advice: advice.to_owned() }
}

/// The code, and what to do.
const fn barrier_error(error: &BarrierError) -> (ErrorCode, &'static str) {
    match error {
        BarrierError::HasCome { .. } => (ErrorCode::Invalid, "delete it and register it again"),
        BarrierError::NodeLost { .. } => (ErrorCode::NodeLost, "wait again if enough are left"),
        BarrierError::NotFound { .. } => (ErrorCode::NotFound, "register it first"),
        BarrierError::OtherCount { .. } => {
            (ErrorCode::Invalid, "use the number of the others, or another name")
        }
        BarrierError::TimedOut { .. } => (ErrorCode::TimedOut, "wait again, or delete it"),
        _ => (ErrorCode::Refused, "delete barriers that are not needed any more"),
    }
}

fn port_unknown(unknown: &PortUnknown) -> ErrorReply {
    let (code, advice) = match unknown {
        PortUnknown::NoNode(_) => (ErrorCode::NotFound, "look at `cman_tool nodes`"),
        PortUnknown::NotMember(_) => (ErrorCode::NotMember, "wait until it is one"),
        PortUnknown::NotYet(_) => (ErrorCode::Busy, "try again"),
    };
    ErrorReply { code, text: unknown.to_string(), advice: advice.to_owned() }
}
