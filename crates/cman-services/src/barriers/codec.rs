//! Operations on barriers, and a member's part of a sync, to bytes and back: section 5 of
//! `docs/spec/barriers.md`.

use super::{
    Barriers,
    claims::{BARRIERS_MAX, BarrierClaim, Deed},
};
use crate::{
    reader::{Malformed, Reader, put_number},
    service::Service,
};
use bytes::Bytes;
use cman_types::BarrierName;

/// The claims of one node, ascending by name.
pub(crate) type Part = Vec<(BarrierName, BarrierClaim)>;

/// Bits of a claim.
const ENABLED: u8 = 1;
const WAITING: u8 = 2;

/// An operation as it was delivered.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Operation {
    /// By which its sender knows it again.
    pub(crate) number: u64,
    pub(crate) name: BarrierName,
    pub(crate) deed: Deed,
}

pub(crate) fn encode(number: u64, name: &BarrierName, deed: Deed) -> Bytes {
    let mut bytes = vec![Barriers::ID, kind(deed)];
    put_number(number, &mut bytes);
    put_name(name, &mut bytes);
    match deed {
        Deed::Claim { nodes, enable } => {
            bytes.extend(nodes.to_be_bytes());
            bytes.push(u8::from(enable));
        }
        Deed::Nodes(nodes) => bytes.extend(nodes.to_be_bytes()),
        Deed::Enable | Deed::Wait | Deed::Back | Deed::Leave => {}
    }
    bytes.into()
}

const fn kind(deed: Deed) -> u8 {
    match deed {
        Deed::Claim { .. } => 1,
        Deed::Enable => 2,
        Deed::Wait => 3,
        Deed::Back => 4,
        Deed::Leave => 5,
        Deed::Nodes(_) => 6,
    }
}

/// Reads an operation, with the service's id in front.
pub(crate) fn decode(bytes: &[u8]) -> Result<Operation, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != Barriers::ID {
        return Err(Malformed);
    }
    let kind = reader.byte()?;
    let number = reader.number()?;
    let name = name(&mut reader)?;
    let deed = match kind {
        1 => Deed::Claim { nodes: reader.u32()?, enable: flag(&mut reader)? },
        2 => Deed::Enable,
        3 => Deed::Wait,
        4 => Deed::Back,
        5 => Deed::Leave,
        6 => Deed::Nodes(reader.u32()?),
        _ => return Err(Malformed),
    };
    reader.finish()?;
    Ok(Operation { number, name, deed })
}

pub(crate) fn encode_part(part: &Part, into: &mut Vec<u8>) {
    for (name, claim) in part {
        put_name(name, into);
        into.extend(claim.nodes.to_be_bytes());
        let enabled = if claim.enabled { ENABLED } else { 0 };
        let waiting = if claim.waiting { WAITING } else { 0 };
        into.push(enabled | waiting);
    }
}

pub(crate) fn decode_part(bytes: &[u8]) -> Result<Part, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut part = Part::new();
    while reader.left() > 0 {
        let name = name(&mut reader)?;
        let nodes = reader.u32()?;
        let bits = reader.byte()?;
        let in_order = part.last().is_none_or(|(last, _)| *last < name);
        if !in_order || bits & !(ENABLED | WAITING) != 0 || part.len() >= BARRIERS_MAX {
            return Err(Malformed);
        }
        let (enabled, waiting) = (bits & ENABLED != 0, bits & WAITING != 0);
        part.push((name, BarrierClaim { nodes, enabled, waiting }));
    }
    Ok(part)
}

fn put_name(name: &BarrierName, into: &mut Vec<u8>) {
    let bytes = name.as_bytes();
    // A name has at most BarrierName::SIZE_MAX bytes.
    into.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    into.extend_from_slice(bytes);
}

fn name(reader: &mut Reader<'_>) -> Result<BarrierName, Malformed> {
    let size = usize::from(reader.byte()?);
    BarrierName::new(reader.take(size)?).map_err(|_| Malformed)
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, Malformed> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::btree_map, collection::vec, prelude::*};

    fn name(bytes: &[u8]) -> BarrierName {
        BarrierName::new(bytes).unwrap()
    }

    const DEEDS: [Deed; 7] = [
        Deed::Claim { nodes: 0x0102_0304, enable: true },
        Deed::Claim { nodes: 0, enable: false },
        Deed::Enable,
        Deed::Wait,
        Deed::Back,
        Deed::Leave,
        Deed::Nodes(7),
    ];

    /// Section 5 of the page.
    #[test]
    fn bytes_are_as_specified() {
        let bytes = DEEDS.map(|deed| encode(300, &name(b"ab"), deed));
        assert_eq!(bytes[0], &b"\x03\x01\xac\x02\x02ab\x01\x02\x03\x04\x01"[..]);
        assert_eq!(bytes[1], &b"\x03\x01\xac\x02\x02ab\0\0\0\0\0"[..]);
        assert_eq!(bytes[2], &b"\x03\x02\xac\x02\x02ab"[..]);
        assert_eq!(bytes[3], &b"\x03\x03\xac\x02\x02ab"[..]);
        assert_eq!(bytes[4], &b"\x03\x04\xac\x02\x02ab"[..]);
        assert_eq!(bytes[5], &b"\x03\x05\xac\x02\x02ab"[..]);
        assert_eq!(bytes[6], &b"\x03\x06\xac\x02\x02ab\0\0\0\x07"[..]);
        let claim = |nodes, enabled, waiting| BarrierClaim { nodes, enabled, waiting };
        let part = vec![(name(b"a"), claim(2, true, false)), (name(b"b"), claim(0, true, true))];
        let mut bytes = Vec::new();
        encode_part(&part, &mut bytes);
        assert_eq!(bytes, b"\x01a\0\0\0\x02\x01\x01b\0\0\0\0\x03");
    }

    #[test]
    fn operations_end_where_they_should() {
        for bad in [
            &b""[..],
            b"\x01\x02\x01\x01a",
            b"\x03\x07\x01\x01a",
            b"\x03\x02\x01\x00",
            b"\x03\x02\x01\x01a!",
            b"\x03\x01\x01\x01a\0\0\0\x02\x02",
            b"\x03\x06\x01\x01a\0\0\0",
        ] {
            assert_eq!(decode(bad), Err(Malformed), "{bad:?}");
        }
    }

    /// BR-04.
    #[test]
    fn parts_are_in_order_and_bounded() {
        for bad in [
            &b"\x01a\0\0\0\x01\x04"[..],
            b"\x01b\0\0\0\x01\0\x01a\0\0\0\x01\0",
            b"\x01a\0\0\0\x01\0\x01a\0\0\0\x01\0",
            b"\x00\0\0\0\x01\0",
            b"\x01a\0\0\0\x01",
        ] {
            assert_eq!(decode_part(bad), Err(Malformed), "{bad:?}");
        }
        let many = |count: u32| {
            let claim = BarrierClaim { nodes: 1, enabled: false, waiting: false };
            let part = (0..count).map(|at| (name(&at.to_be_bytes()), claim)).collect();
            let mut bytes = Vec::new();
            encode_part(&part, &mut bytes);
            decode_part(&bytes).is_ok()
        };
        assert!(many(1024));
        assert!(!many(1025));
    }

    proptest! {
        #[test]
        fn operations_come_back(number: u64, bytes in vec(any::<u8>(), 1..=32), at in 0..7_usize) {
            let operation = Operation { number, name: name(&bytes), deed: DEEDS[at] };
            prop_assert_eq!(decode(&encode(number, &name(&bytes), DEEDS[at])), Ok(operation));
        }

        #[test]
        fn parts_come_back(
            part in btree_map(vec(any::<u8>(), 1..=32), any::<(u32, bool, bool)>(), 0..9),
        ) {
            let claim = |(nodes, enabled, waiting)| BarrierClaim { nodes, enabled, waiting };
            let part: Part = part.into_iter().map(|(n, c)| (name(&n), claim(c))).collect();
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
