//! How single values look on the wire: big endian, fixed width, lists with a count in front.

use crate::{error::WireError, parts::MESSAGE_MAX, reader::Reader};
use bytes::Bytes;
use cman_types::{
    Amended, Amendment, Basis, Epoch, Expected, Incarnation, Member, MemberId, NodeId, NodeSet,
    Salt, View, ViewId, limits::NODES_MAX,
};
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// A value that can stand in a frame.
pub(crate) trait Field: Sized {
    /// The least number of bytes that it takes.
    const SIZE_MIN: usize;
    fn write(&self, out: &mut Vec<u8>);
    fn read(input: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// A value that can stand in a list.
pub(crate) trait Item: Field {
    /// What the list is called in an error.
    const LIST: &'static str;
    /// Most items in one list.
    const COUNT_MAX: usize;

    /// Whether the items stand in an order that this kind of list may have.
    fn in_order(_items: &[Self]) -> bool {
        true
    }
}

/// Fields one after the other, in the order given here: this *is* the layout.
macro_rules! record {
    ($type:ty { $($field:ident: $kind:ty),+ $(,)? }) => {
        impl $crate::field::Field for $type {
            const SIZE_MIN: usize = 0 $(+ <$kind as $crate::field::Field>::SIZE_MIN)+;

            fn write(&self, out: &mut Vec<u8>) {
                $(<$kind as $crate::field::Field>::write(&self.$field, out);)+
            }

            fn read(
                input: &mut $crate::reader::Reader<'_>,
            ) -> Result<Self, $crate::error::WireError> {
                Ok(Self { $($field: <$kind as $crate::field::Field>::read(input)?),+ })
            }
        }
    };
}

/// An enum without data, one byte each.
macro_rules! choice {
    ($type:ident { $($value:literal = $variant:ident),+ $(,)? }) => {
        impl $crate::field::Field for $type {
            const SIZE_MIN: usize = 1;

            fn write(&self, out: &mut Vec<u8>) {
                out.push(match self { $(Self::$variant => $value),+ });
            }

            fn read(
                input: &mut $crate::reader::Reader<'_>,
            ) -> Result<Self, $crate::error::WireError> {
                match input.byte()? {
                    $($value => Ok(Self::$variant),)+
                    _ => Err($crate::error::WireError::Value(stringify!($type))),
                }
            }
        }
    };
}

pub(crate) use {choice, record};

macro_rules! number {
    ($($type:ident)+) => {$(
        impl Field for $type {
            const SIZE_MIN: usize = size_of::<$type>();

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                input.array().map($type::from_be_bytes)
            }
        }
    )+};
}

number!(u8 u16 u32 u64);

impl Field for bool {
    const SIZE_MIN: usize = 1;

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Value("a flag")),
        }
    }
}

impl<T: Field> Field for Option<T> {
    const SIZE_MIN: usize = 1;

    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        if bool::read(input)? { T::read(input).map(Some) } else { Ok(None) }
    }
}

impl<T: Item> Field for Vec<T> {
    const SIZE_MIN: usize = 4;

    fn write(&self, out: &mut Vec<u8>) {
        debug_assert!(T::in_order(self), "receivers would refuse these {}", T::LIST);
        write_count(self.len(), out);
        for item in self {
            item.write(out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = input.count(T::LIST, T::COUNT_MAX, T::SIZE_MIN)?;
        let mut items = Self::with_capacity(count);
        for _ in 0..count {
            items.push(T::read(input)?);
        }
        if T::in_order(&items) { Ok(items) } else { Err(WireError::Unsorted(T::LIST)) }
    }
}

/// A count that does not fit stands for more than any limit, so the reader refuses it.
pub(crate) fn write_count(count: usize, out: &mut Vec<u8>) {
    u32::try_from(count).unwrap_or(u32::MAX).write(out);
}

/// In nanoseconds, so that no lease ever grows by rounding.
impl Field for Duration {
    const SIZE_MIN: usize = 8;

    fn write(&self, out: &mut Vec<u8>) {
        u64::try_from(self.as_nanos()).unwrap_or(u64::MAX).write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        u64::read(input).map(Self::from_nanos)
    }
}

impl Field for NodeId {
    const SIZE_MIN: usize = 4;

    fn write(&self, out: &mut Vec<u8>) {
        self.get().write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::new(u32::read(input)?).ok_or(WireError::Value("a node id"))
    }
}

impl Field for Incarnation {
    const SIZE_MIN: usize = 8;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        u64::read(input).map(Self)
    }
}

impl Field for Epoch {
    const SIZE_MIN: usize = 8;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        u64::read(input).map(Self)
    }
}

impl Field for Salt {
    const SIZE_MIN: usize = 16;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.array().map(Self)
    }
}

/// The family (4 or 6), the address, the port. A scope id means something only on the machine
/// that uses it, and does not travel.
impl Field for SocketAddr {
    const SIZE_MIN: usize = 7;

    fn write(&self, out: &mut Vec<u8>) {
        match self.ip() {
            IpAddr::V4(ip) => {
                out.push(4);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(6);
                out.extend_from_slice(&ip.octets());
            }
        }
        self.port().write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let ip = match input.byte()? {
            4 => IpAddr::V4(Ipv4Addr::from(input.array::<4>()?)),
            6 => IpAddr::V6(Ipv6Addr::from(input.array::<16>()?)),
            _ => return Err(WireError::Value("an address family")),
        };
        Ok(Self::new(ip, u16::read(input)?))
    }
}

/// Ranges of ids, ascending, apart from each other.
impl Field for NodeSet {
    const SIZE_MIN: usize = 4;

    fn write(&self, out: &mut Vec<u8>) {
        if self.is_empty() {
            // The usual case, and worth no allocation.
            return write_count(0, out);
        }
        let ranges = self.ranges();
        write_count(ranges.len(), out);
        for &(first, last) in ranges {
            first.write(out);
            last.write(out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = input.count("ranges of nodes", NODES_MAX, 8)?;
        let mut nodes = Self::new();
        let mut end = None;
        for _ in 0..count {
            let (first, last) = (u32::read(input)?, u32::read(input)?);
            if first > last || end.is_some_and(|end: u32| first <= end.saturating_add(1)) {
                return Err(WireError::Unsorted("ranges of nodes"));
            }
            end = Some(last);
            let width = usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1);
            input.spend_nodes(width)?;
            if width + nodes.len() > NODES_MAX {
                return Err(WireError::TooMany("nodes"));
            }
            let node = |id| NodeId::new(id).ok_or(WireError::Value("a node id"));
            if !nodes.append(node(first)?, node(last)?) {
                return Err(WireError::Unsorted("ranges of nodes"));
            }
        }
        Ok(nodes)
    }
}

impl<A: Field, B: Field> Field for (A, B) {
    const SIZE_MIN: usize = A::SIZE_MIN + B::SIZE_MIN;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok((A::read(input)?, B::read(input)?))
    }
}

impl<A: Field, B: Field, C: Field> Field for (A, B, C) {
    const SIZE_MIN: usize = A::SIZE_MIN + B::SIZE_MIN + C::SIZE_MIN;

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
        self.2.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok((A::read(input)?, B::read(input)?, C::read(input)?))
    }
}

impl Field for Bytes {
    const SIZE_MIN: usize = 4;

    fn write(&self, out: &mut Vec<u8>) {
        write_count(self.len(), out);
        out.extend_from_slice(self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = input.count("bytes", MESSAGE_MAX, 1)?;
        input.take(count).map(Self::copy_from_slice)
    }
}

record!(MemberId { node: NodeId, incarnation: Incarnation, salt: Salt });
record!(Member { id: MemberId, address: SocketAddr });
record!(ViewId { epoch: Epoch, coordinator: MemberId });
record!(View { id: ViewId, members: Vec<Member> });
record!(Basis { epoch: Epoch, removed: NodeSet, all_seen: bool, amended: Amended });
record!(Expected { votes: u32, of: u32 });

impl Item for Member {
    const LIST: &'static str = "members";
    const COUNT_MAX: usize = NODES_MAX;

    /// Sorted, each node at most once: whoever gets a list may rely on it.
    fn in_order(members: &[Self]) -> bool {
        members.is_sorted_by(|a, b| a.id.node < b.id.node)
    }
}

/// Votes by node, ascending, then the rest as a record would have it.
impl Field for Amended {
    const SIZE_MIN: usize = 4 + <Option<Expected> as Field>::SIZE_MIN + 4;

    fn write(&self, out: &mut Vec<u8>) {
        write_count(self.votes.len(), out);
        for (node, votes) in &self.votes {
            node.write(out);
            votes.write(out);
        }
        self.expected.write(out);
        self.highest.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let votes = Vec::<(NodeId, u32)>::read(input)?.into_iter().collect();
        Ok(Self { votes, expected: Field::read(input)?, highest: Field::read(input)? })
    }
}

impl Item for (NodeId, u32) {
    const LIST: &'static str = "amended votes";
    const COUNT_MAX: usize = NODES_MAX;

    fn in_order(items: &[Self]) -> bool {
        items.is_sorted_by(|a, b| a.0 < b.0)
    }
}

/// A node id of 0 stands for what all expect.
impl Field for Amendment {
    const SIZE_MIN: usize = 8;

    fn write(&self, out: &mut Vec<u8>) {
        let (node, votes) = match *self {
            Self::Votes { node, votes } => (node.get(), votes),
            Self::Expected { votes } => (0, votes),
        };
        node.write(out);
        votes.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let (node, votes) = (u32::read(input)?, u32::read(input)?);
        Ok(match NodeId::new(node) {
            Some(node) => Self::Votes { node, votes },
            None => Self::Expected { votes },
        })
    }
}
