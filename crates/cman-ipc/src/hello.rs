//! The first words of each side. Their layout never changes; fields may be added at the end.
//!
//! So a greeting may end before the fields that came later, and behind those that are known here
//! there may be more.

use cman_types::NodeId;
use core::{fmt, ops::RangeInclusive};

/// Protocol versions that this crate speaks.
pub const VERSIONS: RangeInclusive<u16> = 1..=1;

/// The client's first message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// Lowest protocol version the client speaks.
    pub lowest: u16,
    /// Highest protocol version the client speaks.
    pub highest: u16,
    /// What the client is, for the daemon's log.
    pub program: String,
    /// What this connection is for.
    pub channel: Channel,
}

/// What a connection is for. A client chooses when it connects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Channel {
    /// For everything: replies and events come on this connection, as many at a time as there are.
    /// Messages to groups are not answered; while the daemon cannot take more of them it does not
    /// read.
    #[default]
    Stream,
    /// For requests and their replies. Each message to a group is answered too, with
    /// [`ErrorCode::Busy`](crate::ErrorCode::Busy) while the daemon cannot take it. Events go to
    /// the connection that brings the ticket of this one.
    Calls,
    /// For the events of the connection that was given this ticket, and nothing else. It is
    /// readable exactly when an event is there: whoever reads frame by frame has one wake-up for
    /// each event.
    Events(Ticket),
    /// Something that a newer client knows.
    Other(u8),
}

/// Proves that two connections belong together. Nobody else can know it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u128);

/// Does not show it.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

impl Hello {
    /// The greeting of a client built with this crate.
    #[must_use]
    pub fn from_program(program: &str) -> Self {
        Self {
            lowest: *VERSIONS.start(),
            highest: *VERSIONS.end(),
            program: program.to_owned(),
            channel: Channel::Stream,
        }
    }

    /// The highest version that both this client and this crate speak.
    #[must_use]
    pub fn common_version(&self) -> Option<u16> {
        let highest = self.highest.min(*VERSIONS.end());
        (highest >= self.lowest && VERSIONS.contains(&highest)).then_some(highest)
    }

    pub(crate) fn write_body(&self, to: Vec<u8>) -> postcard::Result<Vec<u8>> {
        let Self { lowest, highest, program, channel } = self;
        let to = postcard::to_extend(&(lowest, highest, program), to)?;
        match channel {
            Channel::Stream => Ok(to),
            Channel::Calls => postcard::to_extend(&CALLS, to),
            Channel::Events(ticket) => postcard::to_extend(&(EVENTS, ticket.0), to),
            Channel::Other(number) => postcard::to_extend(number, to),
        }
    }

    pub(crate) fn read_body(body: &[u8]) -> postcard::Result<Self> {
        let ((lowest, highest, program), later) = postcard::take_from_bytes(body)?;
        let channel = match later.split_first() {
            None | Some((&STREAM, _)) => Channel::Stream,
            Some((&CALLS, _)) => Channel::Calls,
            Some((&EVENTS, ticket)) => Channel::Events(Ticket(postcard::from_bytes(ticket)?)),
            Some((number, _)) => Channel::Other(*number),
        };
        Ok(Self { lowest, highest, program, channel })
    }
}

/// The numbers of the channels.
const STREAM: u8 = 0;
const CALLS: u8 = 1;
const EVENTS: u8 = 2;

/// The daemon's answer to [`Hello`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// The protocol version both sides use from now on.
    pub version: u16,
    /// Process id of the daemon.
    pub pid: u32,
    /// Release of the daemon, such as `0.1.0`.
    pub release: String,
    /// What a client of groups must know; a daemon that does not say it knows no groups.
    pub session: Option<Session>,
}

/// What the daemon knows a connection by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    /// The daemon's node, on which the client's processes are members of groups.
    pub node: NodeId,
    /// For the connection that shall have the events; of a connection for
    /// [calls](Channel::Calls).
    pub ticket: Option<Ticket>,
}

impl Welcome {
    pub(crate) fn write_body(&self, to: Vec<u8>) -> postcard::Result<Vec<u8>> {
        let Self { version, pid, release, session } = self;
        let to = postcard::to_extend(&(version, pid, release), to)?;
        match session {
            None => Ok(to),
            Some(Session { node, ticket }) => {
                postcard::to_extend(&(node.get(), ticket.map(|ticket| ticket.0)), to)
            }
        }
    }

    pub(crate) fn read_body(body: &[u8]) -> postcard::Result<Self> {
        let ((version, pid, release), later) = postcard::take_from_bytes(body)?;
        let session = match later {
            [] => None,
            later => {
                let (node, ticket): (_, Option<u128>) = postcard::from_bytes(later)?;
                let node = NodeId::new(node).ok_or(postcard::Error::SerdeDeCustom)?;
                Some(Session { node, ticket: ticket.map(Ticket) })
            }
        };
        Ok(Self { version, pid, release, session })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(lowest: u16, highest: u16) -> Hello {
        Hello { lowest, highest, program: String::new(), channel: Channel::Stream }
    }

    #[test]
    fn the_highest_common_version_is_taken() {
        assert_eq!(hello(1, 1).common_version(), Some(1));
        assert_eq!(hello(0, 9).common_version(), Some(1));
    }

    #[test]
    fn ranges_that_do_not_meet_have_none() {
        assert_eq!(hello(2, 9).common_version(), None);
        assert_eq!(hello(0, 0).common_version(), None);
        assert_eq!(hello(5, 1).common_version(), None);
    }
}
