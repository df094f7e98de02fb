//! Notes of fencings, and a member's part of a sync, to bytes and back: section 3 of
//! `docs/spec/fencing.md`.

use super::{AGENT_MAX, FenceRecord, Fencing};
use crate::{
    reader::{Malformed, Reader, put_number},
    service::Service,
};
use bytes::Bytes;
use cman_types::{NodeId, limits::NODES_MAX};
use std::collections::BTreeMap;

/// All that a member knows.
pub(crate) type Part = BTreeMap<NodeId, FenceRecord>;

/// Bits of a record.
const FENCED: u8 = 1;
const WHILE_UP: u8 = 2;

/// A note as it was delivered.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Note {
    /// By which its sender knows it again.
    pub(crate) number: u64,
    pub(crate) node: NodeId,
    pub(crate) at: u64,
    pub(crate) agent: Bytes,
}

pub(crate) fn encode(note: &Note) -> Bytes {
    let mut bytes = vec![Fencing::ID, 1];
    put_number(note.number, &mut bytes);
    put_fencing(note.node, note.at, &note.agent, &mut bytes);
    bytes.into()
}

/// Reads a note, with the service's id in front.
pub(crate) fn decode(bytes: &[u8]) -> Result<Note, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.array()? != [Fencing::ID, 1] {
        return Err(Malformed);
    }
    let number = reader.number()?;
    let (node, at, agent) = fencing(&mut reader)?;
    reader.finish()?;
    Ok(Note { number, node, at, agent })
}

pub(crate) fn encode_part(part: &Part, into: &mut Vec<u8>) {
    for (node, record) in part {
        put_fencing(*node, record.at, &record.agent, into);
        let fenced = if record.fenced { FENCED } else { 0 };
        let while_up = if record.while_up { WHILE_UP } else { 0 };
        into.push(fenced | while_up);
    }
}

pub(crate) fn decode_part(bytes: &[u8]) -> Result<Part, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut part = Part::new();
    while reader.left() > 0 {
        let (node, at, agent) = fencing(&mut reader)?;
        let bits = reader.byte()?;
        let in_order = part.last_key_value().is_none_or(|(last, _)| *last < node);
        if !in_order || bits & !(FENCED | WHILE_UP) != 0 || part.len() >= NODES_MAX {
            return Err(Malformed);
        }
        let (fenced, while_up) = (bits & FENCED != 0, bits & WHILE_UP != 0);
        part.insert(node, FenceRecord { at, agent, fenced, while_up });
    }
    Ok(part)
}

fn put_fencing(node: NodeId, at: u64, agent: &[u8], into: &mut Vec<u8>) {
    into.extend(node.get().to_be_bytes());
    into.extend(at.to_be_bytes());
    // An agent has at most AGENT_MAX bytes.
    into.push(u8::try_from(agent.len()).unwrap_or(u8::MAX));
    into.extend_from_slice(agent);
}

fn fencing(reader: &mut Reader<'_>) -> Result<(NodeId, u64, Bytes), Malformed> {
    let node = NodeId::new(reader.u32()?).ok_or(Malformed)?;
    let at = reader.u64()?;
    let size = usize::from(reader.byte()?);
    if size > AGENT_MAX {
        return Err(Malformed);
    }
    Ok((node, at, Bytes::copy_from_slice(reader.take(size)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::btree_map, collection::vec, prelude::*};

    fn node(id: u32) -> NodeId {
        NodeId::new(id).unwrap()
    }

    /// Section 3 of the page.
    #[test]
    fn bytes_are_as_specified() {
        let agent = Bytes::from_static(b"ab");
        let note = Note { number: 300, node: node(7), at: 0x0102, agent: agent.clone() };
        let bytes = b"\x04\x01\xac\x02\0\0\0\x07\0\0\0\0\0\0\x01\x02\x02ab";
        assert_eq!(encode(&note), &bytes[..]);
        let record =
            |fenced, while_up| FenceRecord { at: 1, agent: agent.clone(), fenced, while_up };
        let part = Part::from([(node(7), record(true, false)), (node(8), record(true, true))]);
        let mut bytes = Vec::new();
        encode_part(&part, &mut bytes);
        let seven = b"\0\0\0\x07\0\0\0\0\0\0\0\x01\x02ab\x01";
        let eight = b"\0\0\0\x08\0\0\0\0\0\0\0\x01\x02ab\x03";
        assert_eq!(bytes, [&seven[..], eight].concat());
    }

    #[test]
    fn what_is_not_as_it_should_be_is_refused() {
        for bad in [
            &b""[..],
            b"\x04\x02\x01\0\0\0\x07\0\0\0\0\0\0\0\x01\x00",
            b"\x04\x01\x01\0\0\0\x00\0\0\0\0\0\0\0\x01\x00",
            b"\x04\x01\x01\0\0\0\x07\0\0\0\0\0\0\0\x01\x01",
            b"\x04\x01\x01\0\0\0\x07\0\0\0\0\0\0\0\x01\x00!",
        ] {
            assert_eq!(decode(bad), Err(Malformed), "{bad:?}");
        }
        let long = [&b"\x04\x01\x01\0\0\0\x07\0\0\0\0\0\0\0\x01\xff"[..], &[b'x'; 255]].concat();
        assert_eq!(decode(&long), Err(Malformed));
        for bad in [
            &b"\0\0\0\x07\0\0\0\0\0\0\0\x01\x00\x04"[..],
            b"\0\0\0\x07\0\0\0\0\0\0\0\x01\x00\x01\0\0\0\x07\0\0\0\0\0\0\0\x01\x00\x01",
            b"\0\0\0\x07\0\0\0\0\0\0\0\x01\x00",
        ] {
            assert_eq!(decode_part(bad), Err(Malformed), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn notes_come_back(
            number: u64,
            id in 1..u32::MAX,
            at: u64,
            agent in vec(any::<u8>(), 0..255),
        ) {
            let note = Note { number, node: node(id), at, agent: agent.into() };
            prop_assert_eq!(decode(&encode(&note)), Ok(note));
        }

        #[test]
        fn parts_come_back(
            part in btree_map(
                1..99_u32,
                (any::<u64>(), any::<[bool; 2]>(), vec(any::<u8>(), 0..9)),
                0..9,
            ),
        ) {
            let record = |(at, [fenced, while_up], agent): (_, [bool; 2], Vec<u8>)| {
                FenceRecord { at, agent: agent.into(), fenced, while_up }
            };
            let part: Part = part.into_iter().map(|(id, of)| (node(id), record(of))).collect();
            let mut bytes = Vec::new();
            encode_part(&part, &mut bytes);
            prop_assert_eq!(decode_part(&bytes), Ok(part));
        }

        #[test]
        fn what_is_read_is_written_back_the_same(bytes in vec(any::<u8>(), 0..60)) {
            if let Ok(part) = decode_part(&bytes) {
                let mut written = Vec::new();
                encode_part(&part, &mut written);
                prop_assert_eq!(written, bytes);
            }
        }
    }
}
