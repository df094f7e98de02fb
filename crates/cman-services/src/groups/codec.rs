//! Operations on groups, and a member's part of a sync, to bytes and back.
//!
//! An operation is [`Groups::ID`](super::Groups), a kind (1: join, 2: leave, 3: process died,
//! 4: message), the size of the group's name (1), the name, and the process id (4); then, of a
//! message, its number (in groups of seven bits, lowest first) and its payload. The node is that
//! of the sender, so that no member speaks for processes of another (G-08).
//!
//! A part is, for each group with members on the node, sorted: the size of the name (1), the name,
//! how many they are (4), and their process ids (4 each, ascending).

use super::Groups;
use crate::{
    reader::{Malformed, Reader, put_number},
    service::Service,
};
use bytes::Bytes;
use cman_types::GroupName;
use core::ops::Range;

/// The memberships of one node: its processes, ascending, by group, ascending.
pub(crate) type Part = Vec<(GroupName, Vec<u32>)>;

/// How many memberships the clients of one node have at most (G-17): with the longest names the
/// node's part of a sync still fits well into one message of the stream.
pub(crate) const MEMBERSHIPS_MAX: usize = 16_384;

/// What is done to a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Join,
    Leave,
    Died,
    Message,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Join => 1,
            Self::Leave => 2,
            Self::Died => 3,
            Self::Message => 4,
        }
    }

    const fn of(code: u8) -> Result<Self, Malformed> {
        match code {
            1 => Ok(Self::Join),
            2 => Ok(Self::Leave),
            3 => Ok(Self::Died),
            4 => Ok(Self::Message),
            _ => Err(Malformed),
        }
    }
}

/// An operation as it was delivered; borrows the name, because most go to groups that are known.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) kind: Kind,
    pub(crate) group: &'a [u8],
    pub(crate) pid: u32,
    /// Of a message, from 1; otherwise 0.
    pub(crate) number: u64,
    /// Where the payload of a message is in what was delivered; otherwise empty.
    pub(crate) payload: Range<usize>,
}

/// A join, a leave or a death.
pub(crate) fn encode(kind: Kind, group: &GroupName, pid: u32) -> Bytes {
    let mut bytes = Vec::with_capacity(7 + group.as_bytes().len());
    put_head(kind, group, pid, &mut bytes);
    bytes.into()
}

/// A message, in one buffer.
pub(crate) fn encode_message(group: &GroupName, pid: u32, number: u64, payload: &[u8]) -> Bytes {
    const NUMBER_SIZE_MAX: usize = 10;
    let size_max = 7 + group.as_bytes().len() + NUMBER_SIZE_MAX + payload.len();
    let mut bytes = Vec::with_capacity(size_max);
    put_head(Kind::Message, group, pid, &mut bytes);
    put_number(number, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes.into()
}

fn put_head(kind: Kind, group: &GroupName, pid: u32, into: &mut Vec<u8>) {
    into.extend([Groups::ID, kind.code()]);
    put_name(group, into);
    into.extend(pid.to_be_bytes());
}

/// Reads an operation, with the service's id in front.
pub(crate) fn decode(bytes: &[u8]) -> Result<Operation<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != Groups::ID {
        return Err(Malformed);
    }
    let kind = Kind::of(reader.byte()?)?;
    let group = name(&mut reader)?;
    let pid = reader.u32()?;
    if kind != Kind::Message {
        reader.finish()?;
        return Ok(Operation { kind, group, pid, number: 0, payload: 0..0 });
    }
    let number = reader.number()?;
    let payload = bytes.len() - reader.left()..bytes.len();
    Ok(Operation { kind, group, pid, number, payload })
}

pub(crate) fn encode_part(part: &Part, into: &mut Vec<u8>) {
    for (group, pids) in part {
        put_name(group, into);
        // At most MEMBERSHIPS_MAX.
        let count = u32::try_from(pids.len()).unwrap_or(u32::MAX);
        into.extend(count.to_be_bytes());
        into.extend(pids.iter().flat_map(|pid| pid.to_be_bytes()));
    }
}

pub(crate) fn decode_part(bytes: &[u8]) -> Result<Part, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut part = Part::new();
    let mut memberships_left = MEMBERSHIPS_MAX;
    while reader.left() > 0 {
        let group = GroupName::new(name(&mut reader)?).map_err(|_| Malformed)?;
        let pids = pids(&mut reader)?;
        memberships_left = memberships_left.checked_sub(pids.len()).ok_or(Malformed)?;
        if part.last().is_some_and(|(last, _)| *last >= group) {
            return Err(Malformed);
        }
        part.push((group, pids));
    }
    Ok(part)
}

/// At least one, ascending.
fn pids(reader: &mut Reader<'_>) -> Result<Vec<u32>, Malformed> {
    let count = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
    // Memory grows with what was received, not with claims.
    if count == 0 || count > reader.left() / 4 {
        return Err(Malformed);
    }
    let pids = (0..count).map(|_| reader.u32()).collect::<Result<Vec<_>, _>>()?;
    if pids.is_sorted_by(|a, b| a < b) { Ok(pids) } else { Err(Malformed) }
}

fn put_name(group: &GroupName, into: &mut Vec<u8>) {
    let bytes = group.as_bytes();
    // A name has at most GroupName::SIZE_MAX bytes.
    into.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    into.extend_from_slice(bytes);
}

fn name<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let size = usize::from(reader.byte()?);
    if size > GroupName::SIZE_MAX {
        return Err(Malformed);
    }
    reader.take(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::btree_map, collection::btree_set, collection::vec, prelude::*};

    fn name(bytes: &[u8]) -> GroupName {
        GroupName::new(bytes).unwrap()
    }

    /// Section 5 of the page.
    #[test]
    fn bytes_are_as_specified() {
        assert_eq!(
            encode(Kind::Join, &name(b"ab"), 0x0102_0304),
            &b"\x01\x01\x02ab\x01\x02\x03\x04"[..]
        );
        assert_eq!(encode(Kind::Leave, &name(b""), 7), &b"\x01\x02\x00\0\0\0\x07"[..]);
        assert_eq!(encode(Kind::Died, &name(b"x"), 7), &b"\x01\x03\x01x\0\0\0\x07"[..]);
        let message = encode_message(&name(b"x"), 7, 300, b"text");
        assert_eq!(message, &b"\x01\x04\x01x\0\0\0\x07\xac\x02text"[..]);
        let mut part = Vec::new();
        encode_part(&vec![(name(b"a"), vec![1]), (name(b"ab"), vec![2, 3])], &mut part);
        assert_eq!(part, b"\x01a\0\0\0\x01\0\0\0\x01\x02ab\0\0\0\x02\0\0\0\x02\0\0\0\x03");
    }

    #[test]
    fn parts_are_in_order_and_bounded() {
        for bad in [
            &b"\x01a\0\0\0\0"[..],
            b"\x01a\0\0\0\x02\0\0\0\x01",
            b"\x01a\0\0\0\x02\0\0\0\x02\0\0\0\x01",
            b"\x01a\0\0\0\x02\0\0\0\x02\0\0\0\x02",
            b"\x01b\0\0\0\x01\0\0\0\x01\x01a\0\0\0\x01\0\0\0\x01",
            b"\x01a\0\0\0\x01\0\0\0\x01\x01a\0\0\0\x01\0\0\0\x02",
            b"\x01a\xff\xff\xff\xff\0\0\0\x01",
            b"\x81",
        ] {
            assert_eq!(decode_part(bad), Err(Malformed), "{bad:?}");
        }
        let many = |count: u32| {
            let mut part = Vec::new();
            encode_part(&vec![(name(b"a"), (0..count).collect())], &mut part);
            decode_part(&part).is_ok()
        };
        assert!(many(16_384));
        assert!(!many(16_385), "G-17");
    }

    #[test]
    fn operations_end_where_they_should() {
        for bad in
            [&b""[..], b"\x02\x01\0\0\0\0\x07", b"\x01\x05\0\0\0\0\x07", b"\x01\x01\0\0\0\0\x07!"]
        {
            assert_eq!(decode(bad), Err(Malformed), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn messages_come_back(
            group in vec(any::<u8>(), 0..=128),
            pid: u32,
            number: u64,
            text in vec(any::<u8>(), 0..99),
        ) {
            let bytes = encode_message(&name(&group), pid, number, &text);
            let read = decode(&bytes).unwrap();
            prop_assert_eq!((read.kind, read.group, read.pid), (Kind::Message, &group[..], pid));
            prop_assert_eq!((read.number, &bytes[read.payload]), (number, &text[..]));
        }

        #[test]
        fn parts_come_back(
            part in btree_map(vec(any::<u8>(), 0..=128), btree_set(any::<u32>(), 1..9), 0..9),
        ) {
            let of_group = |(group, pids): (Vec<u8>, _)| (name(&group), Vec::from_iter(pids));
            let part: Part = part.into_iter().map(of_group).collect();
            let mut bytes = Vec::new();
            encode_part(&part, &mut bytes);
            prop_assert_eq!(decode_part(&bytes), Ok(part));
        }

        #[test]
        fn what_is_read_is_written_back_the_same(bytes in vec(any::<u8>(), 0..40)) {
            if let Ok(part) = decode_part(&bytes) {
                let mut written = Vec::new();
                encode_part(&part, &mut written);
                prop_assert_eq!(written, bytes);
            }
        }
    }
}
