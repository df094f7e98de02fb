//! What is said is what is heard; what nobody said does no harm.

use super::{samples, strategies::frame};
use crate::{
    Assembly, Frame, Packer, WIRE_VERSION, WireError,
    codec::{self, FRAME_HEAD, decode, decode_long},
};
use proptest::{collection::vec, prelude::*};

fn encode(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(frame, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn every_frame_survives(frame in frame()) {
        let bytes = encode(&frame);
        let body = bytes.get(FRAME_HEAD..).unwrap_or_default();
        let whole = decode_long(WIRE_VERSION, codec::kind(&frame), body);
        prop_assert_eq!(whole, Ok(Some(frame.clone())));
        if let Ok(length) = u16::try_from(body.len()) {
            prop_assert_eq!(bytes.get(1..FRAME_HEAD), Some(&length.to_be_bytes()[..]));
            let decoded = decode(WIRE_VERSION, &bytes);
            prop_assert_eq!(decoded.map(|decoded| decoded.frames), Ok(vec![frame]));
        }
    }

    #[test]
    fn no_frame_is_a_prefix_of_itself(frame in frame(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&frame);
        let body = bytes.get(FRAME_HEAD..).unwrap_or_default();
        let shorter = body.get(..cut.index(body.len())).unwrap_or_default();
        prop_assert!(decode_long(WIRE_VERSION, codec::kind(&frame), shorter).is_err());
        let longer = [body, &[0]].concat();
        prop_assert!(decode_long(WIRE_VERSION, codec::kind(&frame), &longer).is_err());
    }

    #[test]
    fn packed_frames_arrive_in_order(frames in vec(frame(), 0..12), room in 512..2000usize) {
        let mut heard = Vec::new();
        let mut assembly = Assembly::default();
        let mut complaints = Vec::new();
        let left_out = Packer::new(room).pack(&frames, |datagram| {
            if datagram.len() > room {
                complaints.push(format!("{} bytes", datagram.len()));
            }
            match decode(WIRE_VERSION, datagram) {
                Ok(decoded) => {
                    heard.extend(decoded.frames);
                    for part in &decoded.parts {
                        match assembly.add(part) {
                            Ok(Some((kind, body))) => {
                                heard.extend(decode_long(WIRE_VERSION, kind, &body).ok().flatten());
                            }
                            Ok(None) => {}
                            Err(error) => complaints.push(error.to_string()),
                        }
                    }
                }
                Err(error) => complaints.push(error.to_string()),
            }
        });
        prop_assert_eq!(complaints, Vec::<String>::new());
        prop_assert_eq!(left_out, 0);
        prop_assert_eq!(heard, frames);
    }

    #[test]
    fn bytes_from_nowhere_do_no_harm(version: u8, bytes in vec(any::<u8>(), 0..2000)) {
        let _ = decode(version, &bytes);
        if let Some((kind, body)) = bytes.split_first() {
            let _ = decode_long(version, kind % 24, body);
        }
    }

    /// Damage that looks almost right reaches deeper than bytes from nowhere. Whatever decodes
    /// means exactly what its bytes say.
    #[test]
    fn damaged_frames_do_no_harm(
        frame in frame(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encode(&frame);
        bytes.drain(..FRAME_HEAD);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        if let Ok(Some(other)) = decode_long(WIRE_VERSION, codec::kind(&frame), &bytes) {
            let again = encode(&other).split_off(FRAME_HEAD);
            prop_assert_eq!(again, bytes);
        }
    }
}

#[test]
fn unknown_frames_are_skipped() {
    let [first, last] = [samples::challenge(), samples::answer()];
    let mut bytes = encode(&first);
    bytes.extend_from_slice(&[200, 0, 3, 1, 2, 3]);
    bytes.extend(encode(&last));
    let decoded = decode(WIRE_VERSION, &bytes).unwrap();
    assert_eq!(decoded.frames, [first, last]);
}

///
#[test]
fn of_a_newer_version_only_greetings_are_read_and_they_may_be_longer() {
    let mut bytes = Vec::new();
    for frame in samples::all() {
        let start = bytes.len();
        codec::encode(&frame, &mut bytes);
        bytes.extend_from_slice(b"new");
        bytes[start + 2] += 3;
    }
    let decoded = decode(WIRE_VERSION + 1, &bytes).unwrap();
    let kinds: Vec<u8> = decoded.frames.iter().map(codec::kind).collect();
    assert_eq!(kinds, [6, 7, 8, 9, 22, 23]);
    assert_eq!(decode(WIRE_VERSION, &bytes), Err(WireError::Trailing));
}

#[test]
fn a_relay_within_a_relay_is_malformed() {
    let relay = encode(&samples::relay());
    let (head, _) = relay.split_at(FRAME_HEAD + 56);
    // A relay whose inner frame is a relay of the same length and so on, without end.
    let mut body = head.get(FRAME_HEAD..).unwrap_or_default().to_vec();
    body.push(5);
    let nested = body.repeat(50);
    assert_eq!(decode_long(WIRE_VERSION, 5, &nested), Err(WireError::NestedRelay));
}
