//! One record, to bytes and back. The format is described at the crate.

mod request;
mod rest;

use cman_node::{
    ClientEvent, ClientRequest, Command, Destination, Event, GroupEvent, Lane, PortEvent, Process,
    Session, Stored,
};
use cman_types::{Amendment, Epoch, GroupName, Incarnation, Instant, NodeId};
use cman_wire::HEADER_SIZE;
use core::{fmt::Display, net::SocketAddr};
use rest::Rest;
use std::borrow::Cow;

/// Bytes in front of a record's rest: kind, time, length.
pub(crate) const HEAD: usize = 1 + 8 + 4;

/// Kinds from here on are outputs.
const OUTPUTS: u8 = 64;

/// What one record says. Byte strings are borrowed from whoever records, or from the recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// What the node was made with: see [`crate::setup`].
    Setup(&'a str),
    /// Records are missing here.
    Gap {
        /// So many bytes of them.
        bytes: u64,
    },
    /// Ends a piece.
    Check {
        /// CRC-32 of all bytes since the last check.
        sum: u32,
    },
    /// The node ended in good order.
    End,
    /// A datagram was given to the node.
    Datagram {
        /// On which lane.
        lane: Lane,
        /// Whether it came to the group address.
        multicast: bool,
        /// How long it is.
        size: u32,
        /// Where it came from.
        source: SocketAddr,
        /// Its clear header, or all of it if it is shorter than one.
        head: &'a [u8],
    },
    /// The datagram before was opened: its contents, or `None` if it did not open.
    Opened(Option<&'a [u8]>),
    /// The node was told that nothing waits any more.
    Drained,
    /// The node was told that time has passed.
    Timeout,
    /// The node was told what is on disk.
    Stored(Stored),
    /// The node was given a command.
    Command(Command),
    /// A client asks for something.
    Asks {
        /// Which client.
        session: Session,
        /// What.
        request: Cow<'a, ClientRequest>,
    },
    /// A client is gone.
    Close(Session),
    /// The answer to the command or request before: empty, or why it was refused.
    Answer(Cow<'a, str>),
    /// Something was sealed.
    Sealed {
        /// The datagram's clear header.
        clear: &'a [u8],
        /// What was sealed.
        plain: &'a [u8],
    },
    /// A datagram was handed out.
    Transmit {
        /// On which lane.
        lane: Lane,
        /// Where it goes.
        to: Destination,
        /// Its clear header.
        clear: &'a [u8],
    },
    /// A client is told a message.
    Message {
        /// Which client.
        session: Session,
        /// Who sent it.
        sender: Process,
        /// In which life of its node.
        incarnation: Incarnation,
        /// Its number.
        number: u64,
        /// To which group.
        group: Cow<'a, GroupName>,
        /// What.
        payload: &'a [u8],
    },
    /// A client is told a message to its port.
    PortMessage {
        /// Which client.
        session: Session,
        /// Which node sent it.
        node: NodeId,
        /// The port that its sender has bound; 0 if none.
        port: u8,
        /// What.
        payload: &'a [u8],
    },
    /// Any other event.
    Event(Cow<'a, str>),
    /// All outputs were taken.
    Turn {
        /// When the node wants to be called again.
        due: Option<Instant>,
        /// Until when it may act; zero if it may not.
        lease: Instant,
    },
}

/// A record that is not what its kind says. Damage would have been found before: a fault of
/// whoever wrote it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// No record has this kind.
    #[error("of the unknown kind {0}")]
    Kind(u8),
    /// It does not end where it should.
    #[error("of kind {0}, shorter or longer than it should be")]
    Length(u8),
    /// It holds what cannot be.
    #[error("of kind {kind}, and {what} in it means nothing")]
    Value {
        /// Its kind.
        kind: u8,
        /// What is wrong.
        what: &'static str,
    },
}

impl<'a> Record<'a> {
    /// What a client asks.
    #[must_use]
    pub const fn request(session: Session, request: &'a ClientRequest) -> Self {
        Self::Asks { session, request: Cow::Borrowed(request) }
    }

    /// What came of a command or request.
    #[must_use]
    pub fn answer<E: Display>(answer: &Result<(), E>) -> Self {
        Self::Answer(answer.as_ref().err().map_or("".into(), |error| error.to_string().into()))
    }

    /// An event of the node.
    #[must_use]
    pub fn event(event: &'a Event) -> Self {
        match event {
            Event::Client { session, event: ClientEvent::Group(message) } => {
                Self::group_message(*session, message).unwrap_or_else(|| Self::other(event))
            }
            Event::Client {
                session,
                event: ClientEvent::Port(PortEvent::Message { node, port, payload }),
            } => Self::PortMessage { session: *session, node: *node, port: *port, payload },
            event => Self::other(event),
        }
    }

    fn other(event: &Event) -> Self {
        Self::Event(format!("{event:?}").into())
    }

    fn group_message(session: Session, event: &'a GroupEvent) -> Option<Self> {
        let GroupEvent::Message { group, sender, incarnation, number, payload } = event else {
            return None;
        };
        Some(Self::Message {
            session,
            sender: *sender,
            incarnation: *incarnation,
            number: *number,
            group: Cow::Borrowed(group),
            payload,
        })
    }

    /// A datagram that is handed out.
    #[must_use]
    pub fn transmit(transmit: &'a cman_node::Transmit) -> Self {
        let cman_node::Transmit { to, lane, bytes } = transmit;
        Self::Transmit { lane: *lane, to: *to, clear: head_of(bytes) }
    }

    /// Whether it is something that the node did, not something that was done to it.
    #[must_use]
    pub fn is_output(&self) -> bool {
        self.kind() >= OUTPUTS
    }

    /// Appends the record to `to`.
    pub fn append(&self, now: Instant, to: &mut Vec<u8>) {
        to.push(self.kind());
        to.extend_from_slice(&now.as_nanos().to_le_bytes());
        let length_at = to.len();
        to.extend_from_slice(&[0; 4]);
        let rest_at = to.len();
        self.append_rest(to);
        // A record is one message at most: far below four gigabytes.
        let length = u32::try_from(to.len() - rest_at).unwrap_or(u32::MAX);
        if let Some(place) = to.get_mut(length_at..rest_at) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// Whether it would be written like `other`, whose bytes after the head are `rest`.
    #[must_use]
    pub fn is_written_as(&self, other: &Record<'_>, rest: &[u8]) -> bool {
        let mut bytes = Vec::with_capacity(rest.len());
        self.append_rest(&mut bytes);
        self.kind() == other.kind() && bytes == rest
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Setup(_) => 1,
            Self::Gap { .. } => 2,
            Self::Check { .. } => 3,
            Self::End => 4,
            Self::Datagram { .. } => 16,
            Self::Opened(_) => 17,
            Self::Drained => 18,
            Self::Timeout => 19,
            Self::Stored(_) => 20,
            Self::Command(Command::Leave { .. }) => 21,
            Self::Command(Command::Kill { .. }) => 22,
            Self::Command(Command::Resolved { .. }) => 23,
            Self::Command(Command::Amend { .. }) => 40,
            Self::Command(Command::DeviceRegister { .. }) => 41,
            Self::Command(Command::DeviceUnregister) => 42,
            Self::Command(Command::DevicePoll { .. }) => 43,
            Self::Command(Command::SetDirty) => 44,
            Self::Command(Command::WantConfig { .. }) => 46,
            Self::Command(Command::Configure { .. }) => 47,
            Self::Asks { request, .. } => request::kind(request),
            Self::Close(_) => 27,
            Self::Answer(_) => 64,
            Self::Sealed { .. } => 65,
            Self::Transmit { .. } => 66,
            Self::Message { .. } => 67,
            Self::Event(_) => 68,
            Self::Turn { .. } => 69,
            Self::PortMessage { .. } => 70,
        }
    }

    fn append_rest(&self, to: &mut Vec<u8>) {
        match self {
            Self::Setup(text) => to.extend_from_slice(text.as_bytes()),
            Self::Gap { bytes } => to.extend_from_slice(&bytes.to_le_bytes()),
            Self::Check { sum } => to.extend_from_slice(&sum.to_le_bytes()),
            Self::End | Self::Drained | Self::Timeout => {}
            Self::Datagram { lane, multicast, size, source, head } => {
                to.extend_from_slice(&[lane_number(*lane), u8::from(*multicast)]);
                to.extend_from_slice(&size.to_le_bytes());
                append_address(to, Some(*source));
                to.extend_from_slice(head);
            }
            Self::Opened(plain) => {
                to.push(u8::from(plain.is_some()));
                to.extend_from_slice(plain.unwrap_or_default());
            }
            Self::Stored(Stored { epoch_ceiling, removed, ok }) => {
                to.extend_from_slice(&epoch_ceiling.0.to_le_bytes());
                to.extend_from_slice(&[u8::from(*removed), u8::from(*ok)]);
            }
            Self::Command(command) => append_command(to, command),
            Self::Asks { session, request } => {
                to.extend_from_slice(&session.0.to_le_bytes());
                request::append(request, to);
            }
            Self::Close(session) => to.extend_from_slice(&session.0.to_le_bytes()),
            output => output.append_output(to),
        }
    }

    fn append_output(&self, to: &mut Vec<u8>) {
        match self {
            Self::Answer(text) | Self::Event(text) => to.extend_from_slice(text.as_bytes()),
            Self::Sealed { clear, plain } => {
                to.extend_from_slice(clear);
                to.extend_from_slice(plain);
            }
            Self::Transmit { lane, to: destination, clear } => {
                to.push(lane_number(*lane));
                append_address(
                    to,
                    match destination {
                        Destination::Multicast => None,
                        Destination::Unicast(address) => Some(*address),
                    },
                );
                to.extend_from_slice(clear);
            }
            Self::Message { session, sender, incarnation, number, group, payload } => {
                to.extend_from_slice(&session.0.to_le_bytes());
                to.extend_from_slice(&sender.node.get().to_le_bytes());
                to.extend_from_slice(&sender.pid.to_le_bytes());
                to.extend_from_slice(&incarnation.0.to_le_bytes());
                to.extend_from_slice(&number.to_le_bytes());
                append_name(to, group);
                to.extend_from_slice(payload);
            }
            Self::PortMessage { session, node, port, payload } => {
                to.extend_from_slice(&session.0.to_le_bytes());
                to.extend_from_slice(&node.get().to_le_bytes());
                to.push(*port);
                to.extend_from_slice(payload);
            }
            Self::Turn { due, lease } => {
                to.extend_from_slice(&due.unwrap_or(Instant::ZERO).as_nanos().to_le_bytes());
                to.extend_from_slice(&lease.as_nanos().to_le_bytes());
            }
            _ => {}
        }
    }

    /// A record from its kind and rest.
    ///
    /// # Errors
    /// [`Malformed`] if nothing that is written here looks like that.
    pub fn parse(kind: u8, rest: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = Rest { kind, bytes: rest };
        let record = match kind {
            1 => Self::Setup(rest.text()?),
            2 => Self::Gap { bytes: rest.u64()? },
            3 => Self::Check { sum: rest.u32()? },
            4 => Self::End,
            16 => Self::Datagram {
                lane: rest.lane()?,
                multicast: rest.flag()?,
                size: rest.u32()?,
                source: rest.known_address()?,
                head: rest.all(),
            },
            17 => {
                let opened = rest.flag()?;
                Self::Opened(opened.then(|| rest.all()))
            }
            18 => Self::Drained,
            19 => Self::Timeout,
            20 => Self::Stored(Stored {
                epoch_ceiling: Epoch(rest.u64()?),
                removed: rest.flag()?,
                ok: rest.flag()?,
            }),
            21 => Self::Command(Command::Leave { remove: rest.flag()? }),
            22 => Self::Command(Command::Kill { node: rest.node()? }),
            23 => {
                let node = rest.node()?;
                Self::Command(Command::Resolved { node, address: rest.known_address()? })
            }
            27 => Self::Close(rest.session()?),
            40 => {
                let (ticket, node, votes) = (rest.u64()?, rest.u32()?, rest.u32()?);
                let amendment = match NodeId::new(node) {
                    Some(node) => Amendment::Votes { node, votes },
                    None => Amendment::Expected { votes },
                };
                Self::Command(Command::Amend { ticket, amendment })
            }
            41 => {
                let votes = rest.u32()?;
                Self::Command(Command::DeviceRegister { votes, name: rest.all().to_vec() })
            }
            42 => Self::Command(Command::DeviceUnregister),
            43 => Self::Command(Command::DevicePoll { available: rest.flag()? }),
            44 => Self::Command(Command::SetDirty),
            46 => Self::Command(Command::WantConfig { version: rest.u64()? }),
            47 => Self::Command(Command::Configure { version: rest.u64()? }),
            kind if kind < OUTPUTS => {
                let session = rest.session()?;
                let request = request::parse(kind, &mut rest)?.ok_or(Malformed::Kind(kind))?;
                Self::Asks { session, request: Cow::Owned(request) }
            }
            kind => Self::parse_output(kind, &mut rest)?,
        };
        rest.end()?;
        Ok(record)
    }

    fn parse_output(kind: u8, rest: &mut Rest<'a>) -> Result<Self, Malformed> {
        Ok(match kind {
            64 => Self::Answer(rest.text()?.into()),
            65 => Self::Sealed { clear: rest.take(HEADER_SIZE)?, plain: rest.all() },
            66 => {
                let lane = rest.lane()?;
                let to = rest.address()?.map_or(Destination::Multicast, Destination::Unicast);
                Self::Transmit { lane, to, clear: rest.all() }
            }
            67 => Self::Message {
                session: rest.session()?,
                sender: Process { node: rest.node()?, pid: rest.u32()? },
                incarnation: Incarnation(rest.u64()?),
                number: rest.u64()?,
                group: Cow::Owned(rest.name()?),
                payload: rest.all(),
            },
            68 => Self::Event(rest.text()?.into()),
            69 => {
                let due = Instant::from_nanos(rest.u64()?);
                let lease = Instant::from_nanos(rest.u64()?);
                Self::Turn { due: (due != Instant::ZERO).then_some(due), lease }
            }
            70 => Self::PortMessage {
                session: rest.session()?,
                node: rest.node()?,
                port: rest.byte()?,
                payload: rest.all(),
            },
            kind => return Err(Malformed::Kind(kind)),
        })
    }
}

/// The clear header of a datagram, or all of it if it is shorter than one.
#[must_use]
pub fn head_of(datagram: &[u8]) -> &[u8] {
    datagram.get(..HEADER_SIZE).unwrap_or(datagram)
}

const fn lane_number(lane: Lane) -> u8 {
    match lane {
        Lane::Control => 0,
        Lane::Data => 1,
    }
}

/// Its family (0: none), then the address, the port and, if it is of IPv6, the scope.
fn append_address(to: &mut Vec<u8>, address: Option<SocketAddr>) {
    match address {
        None => to.push(0),
        Some(SocketAddr::V4(address)) => {
            to.push(4);
            to.extend_from_slice(&address.ip().octets());
            to.extend_from_slice(&address.port().to_le_bytes());
        }
        Some(SocketAddr::V6(address)) => {
            to.push(6);
            to.extend_from_slice(&address.ip().octets());
            to.extend_from_slice(&address.port().to_le_bytes());
            to.extend_from_slice(&address.scope_id().to_le_bytes());
        }
    }
}

fn append_name(to: &mut Vec<u8>, name: &GroupName) {
    // Names are no longer than that.
    to.push(u8::try_from(name.as_bytes().len()).unwrap_or(u8::MAX));
    to.extend_from_slice(name.as_bytes());
}

fn append_command(to: &mut Vec<u8>, command: &Command) {
    match command {
        Command::Leave { remove } => to.push(u8::from(*remove)),
        Command::Kill { node } => to.extend_from_slice(&node.get().to_le_bytes()),
        Command::Amend { ticket, amendment } => {
            let (node, votes) = match amendment {
                Amendment::Votes { node, votes } => (node.get(), votes),
                Amendment::Expected { votes } => (0, votes),
            };
            to.extend_from_slice(&ticket.to_le_bytes());
            to.extend_from_slice(&node.to_le_bytes());
            to.extend_from_slice(&votes.to_le_bytes());
        }
        Command::DeviceRegister { name, votes } => {
            to.extend_from_slice(&votes.to_le_bytes());
            to.extend_from_slice(name);
        }
        Command::DeviceUnregister => {}
        Command::DevicePoll { available } => to.push(u8::from(*available)),
        Command::SetDirty => {}
        Command::WantConfig { version } | Command::Configure { version } => {
            to.extend_from_slice(&version.to_le_bytes());
        }
        Command::Resolved { node, address } => {
            to.extend_from_slice(&node.get().to_le_bytes());
            append_address(to, Some(*address));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_node::{
        BarrierChange, BarrierName, BarrierOptions, BarrierRequest, FenceRequest, GroupRequest,
        PortRequest,
    };
    use proptest::prelude::*;

    fn name() -> GroupName {
        GroupName::new(b"g").unwrap()
    }

    fn send() -> GroupRequest {
        GroupRequest::Send { group: name(), payload: "abc".into(), safe: true }
    }

    fn asks(request: impl Into<ClientRequest>) -> Record<'static> {
        Record::Asks { session: Session(258), request: Cow::Owned(request.into()) }
    }

    fn barrier() -> BarrierName {
        BarrierName::new(b"b").unwrap()
    }

    fn changed(change: BarrierChange) -> BarrierRequest {
        BarrierRequest::Change { name: barrier(), change }
    }

    /// One of each kind of command.
    fn commands() -> Vec<Record<'static>> {
        let node = NodeId::new(3).unwrap();
        let commands = [
            Command::Leave { remove: true },
            Command::Kill { node },
            Command::SetDirty,
            Command::Resolved { node, address: "[fd00::1]:5405".parse().unwrap() },
            Command::Amend { ticket: 8, amendment: Amendment::Votes { node, votes: 3 } },
            Command::Amend { ticket: 9, amendment: Amendment::Expected { votes: 4 } },
            Command::DeviceRegister { name: b"disk".to_vec(), votes: 2 },
            Command::DeviceUnregister,
            Command::DevicePoll { available: true },
        ];
        commands.map(Record::Command).into()
    }

    /// One of each kind.
    fn samples() -> Vec<Record<'static>> {
        let node = NodeId::new(3).unwrap();
        let session = Session(258);
        let address = "[fd00::1]:5405".parse().unwrap();
        let mut samples = commands();
        samples.extend([
            Record::Setup("me 1\n"),
            Record::Gap { bytes: 1 << 40 },
            Record::Check { sum: 7 },
            Record::End,
            Record::Datagram {
                lane: Lane::Data,
                multicast: true,
                size: 900,
                source: address,
                head: b"head",
            },
            Record::Opened(None),
            Record::Opened(Some(b"contents")),
            Record::Drained,
            Record::Timeout,
            Record::Stored(Stored { epoch_ceiling: Epoch(258), removed: true, ok: false }),
            asks(GroupRequest::Join { group: name(), pid: 9 }),
            asks(GroupRequest::Leave { group: name() }),
            asks(send()),
            asks(GroupRequest::Members { group: name() }),
            asks(GroupRequest::Groups),
            asks(PortRequest::Bind { port: 11 }),
            asks(PortRequest::Send { to: None, port: 11, payload: "abc".into() }),
            asks(PortRequest::Send { to: Some(node), port: 0, payload: "".into() }),
            asks(BarrierRequest::Register {
                name: barrier(),
                nodes: 3,
                options: BarrierOptions { autodelete: true, enabled: false },
            }),
            asks(changed(BarrierChange::Autodelete(false))),
            asks(changed(BarrierChange::Enable)),
            asks(changed(BarrierChange::Nodes(3))),
            asks(changed(BarrierChange::Timeout(258))),
            asks(BarrierRequest::Wait { name: barrier() }),
            asks(BarrierRequest::Delete { name: barrier() }),
            asks(FenceRequest::Note { node, at: 1 << 33, agent: "abc".into() }),
            Record::Close(session),
            Record::Command(Command::WantConfig { version: u64::MAX }),
            Record::Command(Command::Configure { version: 2 }),
            Record::Answer("no".into()),
            Record::Sealed { clear: &[9; HEADER_SIZE], plain: b"plain" },
            Record::Transmit { lane: Lane::Control, to: Destination::Multicast, clear: b"head" },
            Record::Transmit {
                lane: Lane::Data,
                to: Destination::Unicast(address),
                clear: b"head",
            },
            Record::Message {
                session,
                sender: Process { node, pid: 9 },
                incarnation: Incarnation(17),
                number: 5,
                group: Cow::Owned(name()),
                payload: b"abc",
            },
            Record::PortMessage { session, node, port: 11, payload: b"abc" },
            Record::Event("Room".into()),
            Record::Turn { due: None, lease: Instant::ZERO },
            Record::Turn { due: Some(Instant::from_nanos(8)), lease: Instant::from_nanos(9) },
        ]);
        samples
    }

    fn bytes_of(record: &Record<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        record.append(Instant::from_nanos(5), &mut bytes);
        bytes
    }

    #[test]
    fn each_kind_is_read_as_it_was_written() {
        for record in samples() {
            let bytes = bytes_of(&record);
            let (head, rest) = bytes.split_at(HEAD);
            assert_eq!(head[1..9], 5u64.to_le_bytes());
            assert_eq!(head[9..], u32::try_from(rest.len()).unwrap().to_le_bytes());
            assert_eq!(Record::parse(head[0], rest), Ok(record));
        }
    }

    #[test]
    fn the_bytes_are_those_that_are_described() {
        let send = asks(send());
        assert_eq!(bytes_of(&send)[HEAD..], *b"\x02\x01\0\0\0\0\0\0\x01\x01gabc");
        assert_eq!(bytes_of(&send)[0], 26);
        let send = asks(PortRequest::Send { to: NodeId::new(3), port: 11, payload: "abc".into() });
        assert_eq!(bytes_of(&send)[HEAD..], *b"\x02\x01\0\0\0\0\0\0\x03\0\0\0\x0babc");
        assert_eq!(bytes_of(&send)[0], 31);
        let datagram = Record::Datagram {
            lane: Lane::Data,
            multicast: true,
            size: 900,
            source: "10.0.0.2:5405".parse().unwrap(),
            head: b"head",
        };
        let expected = b"\x01\x01\x84\x03\0\0\x04\x0a\0\0\x02\x1d\x15head";
        assert_eq!(bytes_of(&datagram)[HEAD..], *expected);
    }

    #[test]
    fn every_kind_that_is_cut_off_or_has_an_odd_value_is_refused_or_reads_differently() {
        for record in samples() {
            let bytes = bytes_of(&record);
            let (head, rest) = bytes.split_at(HEAD);
            for length in 0..rest.len() {
                assert_ne!(Record::parse(head[0], &rest[..length]), Ok(record.clone()));
            }
        }
        assert_eq!(Record::parse(200, b""), Err(Malformed::Kind(200)));
        assert_eq!(Record::parse(18, b"x"), Err(Malformed::Length(18)));
        let wrong = Malformed::Value { kind: 21, what: "a flag" };
        assert_eq!(Record::parse(21, &[2]), Err(wrong));
        assert!(Record::parse(22, &[0; 4]).is_err());
        assert!(Record::parse(23, b"\x01\0\0\0\x05somewhere").is_err());
        assert!(Record::parse(23, b"\x01\0\0\0\0").is_err(), "nowhere");
        assert!(Record::parse(25, &[b'x'; 8 + 129]).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_alike(
            kind: u8,
            rest in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            if let Ok(record) = Record::parse(kind, &rest) {
                let bytes = bytes_of(&record);
                prop_assert_eq!(bytes[0], kind);
                prop_assert_eq!(&bytes[HEAD..], &rest[..]);
            }
        }
    }
}
