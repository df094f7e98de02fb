//! Long frames in parts.

use super::samples::{challenge, propose};
use crate::{
    Assembly, Frame, MESSAGE_MAX, Packer, Part, WIRE_VERSION, WireError,
    codec::{decode, decode_long},
    frame::Change,
    parts::{PARTIAL_MAX, PATIENCE},
};
use proptest::prelude::*;

const SLICE: [u8; 256] = [7; 256];

fn part(message: u32, index: u16, count: u16) -> Part<'static> {
    Part { message, index, count, kind: 10, bytes: &SLICE }
}

fn long_frame(changes: usize) -> Frame {
    let mut propose = propose();
    let change: Change = propose.changes[0].clone();
    propose.changes = vec![change; changes];
    Frame::Propose(propose)
}

fn packed(frames: &[Frame]) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    assert_eq!(Packer::new(1331).pack(frames, |bytes| datagrams.push(bytes.to_vec())), 0);
    datagrams
}

proptest! {
    #[test]
    fn parts_may_come_in_any_order_and_twice(
        changes in 100..1500usize,
        seed in any::<u64>(),
    ) {
        let frame = long_frame(changes);
        let mut datagrams = packed(core::slice::from_ref(&frame));
        datagrams.extend(datagrams.clone().into_iter().take(1));
        let mut prng = cman_types::Prng::new(seed);
        datagrams.sort_by_cached_key(|_| prng.next_u64());
        let mut assembly = Assembly::default();
        let mut heard = Vec::new();
        for bytes in &datagrams {
            for part in decode(WIRE_VERSION, bytes).unwrap().parts {
                if let Some((kind, body)) = assembly.add(&part).unwrap() {
                    heard.push(decode_long(WIRE_VERSION, kind, &body).unwrap().unwrap());
                }
            }
        }
        prop_assert!(heard == [frame]);
    }

    #[test]
    fn memory_is_bounded(parts in prop::collection::vec((0..9u32, 0..2048u16, 0..4u16), 0..3000)) {
        let mut assembly = Assembly::default();
        for (message, index, more) in parts {
            let count = (index + 1 + more).min(2048);
            let _ = assembly.add(&part(message, index.min(count - 1), count));
            let (frames, bytes) = assembly.held();
            prop_assert!(frames <= PARTIAL_MAX && bytes <= MESSAGE_MAX);
        }
    }
}

#[test]
fn short_frames_share_a_datagram_and_keep_their_order() {
    let frames = vec![challenge(); 200];
    let datagrams = packed(&frames);
    assert_eq!(datagrams.len(), (200 * 11_usize).div_ceil(1331));
    let mixed = [challenge(), long_frame(500), challenge()];
    let datagrams = packed(&mixed);
    assert_eq!(decode(WIRE_VERSION, &datagrams[0]).unwrap().frames, [challenge()]);
    let last = datagrams.last().unwrap();
    assert_eq!(decode(WIRE_VERSION, last).unwrap().frames, [challenge()]);
}

#[test]
fn what_is_too_long_is_left_out() {
    let too_long = long_frame(MESSAGE_MAX / 17 + 1);
    let mut datagrams = Vec::new();
    let frames = [challenge(), too_long, challenge()];
    let left_out = Packer::new(1331).pack(&frames, |bytes| datagrams.push(bytes.to_vec()));
    assert_eq!(left_out, 1);
    assert_eq!(datagrams.len(), 2);
}

#[test]
fn parts_that_contradict_each_other_end_the_frame() {
    let mut assembly = Assembly::default();
    assert_eq!(assembly.add(&part(1, 0, 3)), Ok(None));
    let error = Err(WireError::Value("a part's count or kind"));
    assert_eq!(assembly.add(&part(1, 1, 2)), error);
    assert_eq!(assembly.held(), (0, 0));
    assert_eq!(assembly.add(&part(1, 0, 3)), Ok(None));
    assert_eq!(assembly.add(&Part { kind: 11, ..part(1, 1, 3) }), error);
}

#[test]
fn a_fifth_frame_ends_the_one_touched_longest_ago() {
    let mut assembly = Assembly::default();
    for message in [1, 2, 3, 4, 1, 5] {
        assert_eq!(assembly.add(&part(message, u16::from(message == 5), 3)), Ok(None));
    }
    assert_eq!(assembly.held().0, PARTIAL_MAX);
    // Number 1 was touched again, so number 2 was given up.
    assert_eq!(assembly.add(&part(1, 1, 3)), Ok(None));
    assert!(assembly.add(&part(1, 2, 3)).unwrap().is_some());
    assert_eq!(assembly.add(&part(2, 1, 3)), Ok(None));
    assert_eq!(assembly.add(&part(2, 2, 3)), Ok(None));
}

#[test]
fn an_incomplete_frame_is_given_up_in_the_end() {
    let mut assembly = Assembly::default();
    assert_eq!(assembly.add(&part(1, 0, 2)), Ok(None));
    for _ in 0..PATIENCE {
        assert_eq!(assembly.add(&part(2, 0, 2)), Ok(None));
    }
    assert_eq!(assembly.held().0, 2);
    assert_eq!(assembly.add(&part(2, 0, 2)), Ok(None));
    assert_eq!(assembly.held().0, 1);
}

#[test]
fn parts_that_cannot_be_are_malformed() {
    let datagram = |index: u16, count: u16, size: u8| {
        let mut bytes = vec![64, 0, 9 + size];
        bytes.extend_from_slice(&[0, 0, 0, 1]);
        bytes.extend_from_slice(&index.to_be_bytes());
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.push(10);
        bytes.extend(core::iter::repeat_n(0, usize::from(size)));
        decode(WIRE_VERSION, &bytes).map(|decoded| decoded.parts.len())
    };
    assert_eq!(datagram(1, 2, 10), Ok(1), "the last part may be short");
    assert_eq!(datagram(0, 2, 200), Err(WireError::Value("a part's size")));
    let error = Err(WireError::Value("a part's index or count"));
    assert_eq!(datagram(2, 2, 10), error);
    assert_eq!(datagram(0, 0, 10), error);
    assert_eq!(datagram(8192, 8193, 10), error);
}

#[test]
fn no_more_bytes_are_held_than_the_longest_frame_has() {
    let slice = [7; 1300];
    let part = |message, index| Part { message, index, count: 2000, kind: 10, bytes: &slice };
    let mut assembly = Assembly::default();
    let most = u16::try_from(MESSAGE_MAX / slice.len()).unwrap();
    for index in 0..most {
        assert_eq!(assembly.add(&part(1, index)), Ok(None));
    }
    let too_many = WireError::TooMany("bytes in the parts of a frame");
    assert_eq!(assembly.clone().add(&part(1, most)), Err(too_many), "one frame alone");
    assert_eq!(assembly.held(), (1, usize::from(most) * slice.len()));
    assert_eq!(assembly.add(&part(2, 0)), Ok(None));
    assert_eq!(assembly.held(), (1, slice.len()), "two frames: the older one is given up");
}
