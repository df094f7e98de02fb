//! The clear header.

use super::samples::life;
use crate::{HEADER_SIZE, Header, WireError, name_hash};
use cman_types::NodeId;
use proptest::{collection::vec, prelude::*};

fn header() -> Header {
    Header {
        wire_version: 1,
        encrypted: true,
        lane: 1,
        key_id: 7,
        cluster: name_hash("alpha"),
        sender: life(2),
        receiver: NodeId::new(0x0a0b),
        counter: 0x0102_0304_0506_0708,
    }
}

fn bytes(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    bytes
}

#[test]
fn the_layout_has_not_changed() {
    let mut expected = b"CMAN".to_vec();
    expected.extend_from_slice(&[1, 1, 1, 1, 7]);
    expected.extend_from_slice(&0x8ac6_25bb_85ed_202b_u64.to_be_bytes());
    expected.extend_from_slice(&[0, 0, 0, 2]);
    expected.extend_from_slice(&1_763_821_000_125_u64.to_be_bytes());
    expected.extend_from_slice(&[2; 16]);
    expected.extend_from_slice(&[0, 0, 0x0a, 0x0b]);
    expected.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(bytes(&header()), expected);
    assert_eq!(expected.len(), HEADER_SIZE);
}

#[test]
fn names_are_hashed_by_fnv_1a() {
    // The test vectors of its authors.
    assert_eq!(name_hash(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(name_hash("a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(name_hash("foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn what_follows_is_returned() {
    let mut datagram = bytes(&header());
    datagram.extend_from_slice(b"rest");
    assert_eq!(Header::parse(&datagram), Ok((header(), &b"rest"[..])));
}

#[test]
fn what_is_no_header_is_refused() {
    let good = bytes(&header());
    for size in 0..HEADER_SIZE {
        let error = if size < 4 { WireError::NoMagic } else { WireError::Truncated };
        assert_eq!(Header::parse(&good[..size]), Err(error));
    }
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        Header::parse(&bytes).map(|(header, _)| header)
    };
    assert_eq!(with(0, b'X'), Err(WireError::NoMagic));
    assert_eq!(with(4, 2), Err(WireError::HeaderVersion(2)));
    assert_eq!(with(20, 0), Err(WireError::Value("a node id")));
    assert_eq!(with(6, 0xff), Ok(header()), "unknown flags are ignored");
    let everybody =
        good[..45].iter().chain(&[0; 4]).chain(&good[49..]).copied().collect::<Vec<_>>();
    assert_eq!(Header::parse(&everybody).map(|(header, _)| header.receiver), Ok(None));
    assert_eq!(with(6, 0xfe).map(|header| header.encrypted), Ok(false));
}

proptest! {
    #[test]
    fn bytes_from_nowhere_do_no_harm(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Header::parse(&bytes);
        let _ = Header::parse(&[b"CMAN\x01", &bytes[..]].concat());
    }
}
