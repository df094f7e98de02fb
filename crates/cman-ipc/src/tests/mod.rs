//! What is written is read again, and nothing that arrives does harm.

mod samples;

use crate::{
    Channel, DecodeError, Decoder, EncodeError, GroupEvent, Hello, Message, Reply, Request, encode,
    frame::{BODY_MAX, HEADER_LEN},
    group::{self, GROUP_BODY_MAX},
    kind,
    reply::{LogsChunk, RecorderChunk},
};
use bytes::Bytes;
use cman_types::{GroupName, group::GROUP_MESSAGE_MAX};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn frame(kind: u16, version: u16, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("short body");
    let mut frame = len.to_le_bytes().to_vec();
    frame.extend(kind.to_le_bytes());
    frame.extend(version.to_le_bytes());
    frame.extend(body);
    frame
}

fn encoded(message: &Message) -> Vec<u8> {
    encode(message).expect("short enough")
}

fn decode_one(bytes: &[u8]) -> Result<Option<Message>, DecodeError> {
    let mut decoder = Decoder::new();
    decoder.feed(bytes);
    decoder.next_message()
}

/// Everything in `bytes`, which may contain bodies that make no sense.
fn drain(decoder: &mut Decoder) -> (usize, Option<DecodeError>) {
    let mut messages = 0;
    loop {
        match decoder.next_message() {
            Ok(Some(_)) | Err(DecodeError::Body { .. } | DecodeError::Version { .. }) => {
                messages += 1;
            }
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

#[test]
fn every_message_survives() {
    for message in samples::all() {
        assert_eq!(decode_one(&encoded(&message)), Ok(Some(message)));
    }
}

#[test]
fn every_kind_has_its_own_number() {
    let samples = samples::all();
    let kinds: BTreeSet<u16> = samples.iter().map(Message::kind).collect();
    // Leave is there twice.
    assert_eq!(kinds.len(), samples.len() - 1);
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let messages = samples::all();
    let stream: Vec<u8> = messages.iter().flat_map(encoded).collect();
    for piece_len in [1, 3, 8, 100, stream.len()] {
        let mut decoder = Decoder::new();
        let mut got = Vec::new();
        for piece in stream.chunks(piece_len) {
            decoder.feed(piece);
            while let Some(message) = decoder.next_message().expect("valid") {
                got.push(message);
            }
        }
        assert_eq!(got, messages, "cut into pieces of {piece_len}");
        assert!(!decoder.is_inside_message());
    }
}

#[test]
fn the_greeting_never_changes() {
    let hello = Message::Hello(Hello { lowest: 1, highest: 1, ..Hello::from_program("x") });
    assert_eq!(encoded(&hello), [4, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, b'x']);
}

#[test]
fn a_greeting_of_any_version_is_read_and_may_have_grown() {
    let grown = frame(kind::HELLO, 77, &[1, 9, 1, b'x', 42, 42]);
    let hello = Hello { lowest: 1, highest: 9, program: "x".into(), channel: Channel::Other(42) };
    assert_eq!(decode_one(&grown), Ok(Some(Message::Hello(hello))));
}

#[test]
fn an_unknown_kind_is_named_and_skipped() {
    let mut decoder = Decoder::new();
    for kind in [0x0fff, 0x8fff, kind::EVENTS + 0xfff] {
        decoder.feed(&frame(kind, 1, b"whatever"));
        decoder.feed(&encoded(&Message::Request(Request::Status)));
        assert_eq!(decoder.next_message(), Ok(Some(Message::Unknown { kind })));
        assert_eq!(decoder.next_message(), Ok(Some(Message::Request(Request::Status))));
    }
}

#[test]
fn a_body_that_makes_no_sense_is_refused_and_the_next_message_read() {
    let mut decoder = Decoder::new();
    let zero_node_killed = frame(kind::KILL, 1, &[0]);
    let too_short = frame(kind::LEAVE, 1, &[1]);
    let too_long = frame(kind::STATUS, 1, &[0]);
    for bad in [zero_node_killed, too_short, too_long] {
        decoder.feed(&bad);
        decoder.feed(&encoded(&Message::Request(Request::Nodes)));
        assert!(matches!(decoder.next_message(), Err(DecodeError::Body { .. })), "{bad:?}");
        assert_eq!(decoder.next_message(), Ok(Some(Message::Request(Request::Nodes))));
    }
}

#[test]
fn another_version_is_refused() {
    let error = decode_one(&frame(kind::STATUS, 2, &[])).expect_err("version 2");
    assert_eq!(error, DecodeError::Version { kind: kind::STATUS, version: 2 });
    assert_eq!(error.to_string(), "message of kind 0x0010 has protocol version 2, not 1..=1");
}

#[test]
fn more_than_anybody_sends_is_refused_from_the_header_on_and_for_ever() {
    let mut header = frame(kind::STATUS, 1, &[]);
    let len = BODY_MAX + 1;
    header[..4].copy_from_slice(&u32::try_from(len).expect("fits").to_le_bytes());
    let mut decoder = Decoder::new();
    decoder.feed(&header);
    let too_long = Err(DecodeError::TooLong { kind: kind::STATUS, len });
    assert_eq!(decoder.next_message(), too_long);
    decoder.feed(&encoded(&Message::Request(Request::Nodes)));
    assert_eq!(decoder.next_message(), too_long);
}

#[test]
fn the_longest_body_passes_and_one_more_byte_does_not() {
    // Three bytes of length, one for `last`.
    let fits = |len| {
        let chunk = RecorderChunk { bytes: vec![7; len], last: true };
        let message = Message::Reply(Reply::Recorder(chunk));
        encode(&message).map(|frame| assert_eq!(decode_one(&frame), Ok(Some(message))))
    };
    assert_eq!(fits(BODY_MAX - 4), Ok(()));
    let kind = kind::REPLY | kind::RECORDER;
    assert_eq!(fits(BODY_MAX - 3), Err(EncodeError::TooLong { kind, len: BODY_MAX + 1 }));
}

#[test]
fn the_longest_message_to_a_group_passes_and_one_more_byte_does_not() {
    let send = |len| {
        let group = samples::group(&"n".repeat(GroupName::SIZE_MAX));
        let payload = Bytes::from(vec![7; len]);
        let message = Message::Request(Request::GroupSend { group, payload, safe: false });
        encode(&message).map(|frame| assert_eq!(decode_one(&frame), Ok(Some(message))))
    };
    assert_eq!(send(0), Ok(()));
    assert_eq!(send(GROUP_MESSAGE_MAX), Ok(()));
    let most = GROUP_BODY_MAX - 2 - GroupName::SIZE_MAX;
    let too_long = EncodeError::TooLong { kind: kind::GROUP_SEND, len: GROUP_BODY_MAX + 1 };
    assert_eq!(send(most + 1), Err(too_long));
}

#[test]
fn a_message_may_be_written_in_two_parts() {
    let messages = samples::all();
    let message = messages.iter().find_map(|message| match message {
        Message::Group(GroupEvent::Message(message)) => Some(message),
        _ => None,
    });
    let message = message.expect("there is one");
    let mut bytes = Vec::new();
    group::put_message_head(message, &mut bytes);
    bytes.extend_from_slice(&message.payload);
    let whole = Message::Group(GroupEvent::Message(message.clone()));
    assert_eq!(decode_one(&bytes), Ok(Some(whole)));
}

#[test]
fn a_message_with_a_name_cut_off_or_an_unknown_flag_is_refused() {
    for body in [&[0, 200, b'x'][..], &[0], &[], &[2, 1, b'x'], &[[0, 129], [7; 2]].concat()] {
        let frame = frame(kind::GROUP_SEND, 1, body);
        assert!(matches!(decode_one(&frame), Err(DecodeError::Body { .. })), "{body:?}");
    }
    let mut zero_node = vec![0; 25];
    zero_node.push(b'x');
    let frame = frame(kind::EVENT_GROUP_MESSAGE, 1, &zero_node);
    assert!(matches!(decode_one(&frame), Err(DecodeError::Body { .. })));
}

#[test]
fn an_unknown_reason_or_node_zero_is_refused() {
    let reason = [1, b'g', 0, 0, 1, 1, 9, 6];
    let node = [1, b'g', 1, 0, 9, 0, 0];
    for body in [&reason[..], &node] {
        let frame = frame(kind::EVENT_GROUP_CONFIG, 1, body);
        assert!(matches!(decode_one(&frame), Err(DecodeError::Body { .. })), "{body:?}");
    }
}

#[test]
fn a_list_that_claims_to_be_endless_is_refused_without_its_memory() {
    // Number of lines: 2^63.
    let body = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    let frame = frame(kind::REPLY | kind::LOGS, 1, &body);
    assert!(matches!(decode_one(&frame), Err(DecodeError::Body { .. })));
}

#[test]
fn a_full_chunk_of_logs_fits() {
    let lines = vec!["x".repeat(63); crate::reply::CHUNK_MAX / 64];
    encoded(&Message::Reply(Reply::Logs(LogsChunk { lines, last: false })));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_are_consumed(
        bytes in proptest::collection::vec(any::<u8>(), 0..512),
        cut in 0_usize..512,
    ) {
        let mut decoder = Decoder::new();
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        decoder.feed(first);
        drain(&mut decoder);
        decoder.feed(second);
        let (messages, _) = drain(&mut decoder);
        prop_assert!(messages * HEADER_LEN <= bytes.len());
    }

    #[test]
    fn arbitrary_bodies_of_known_kinds_never_panic(
        which in any::<proptest::sample::Index>(),
        body in proptest::collection::vec(any::<u8>(), 0..256),
    ) {
        let samples = samples::all();
        let kind = which.get(&samples).kind();
        let mut decoder = Decoder::new();
        decoder.feed(&frame(kind, 1, &body));
        prop_assert_eq!(drain(&mut decoder), (1, None));
        prop_assert!(!decoder.is_inside_message());
    }

    #[test]
    fn a_damaged_message_never_panics_and_never_reads_beyond_itself(
        which in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        flip in 1_u8..,
    ) {
        let samples = samples::all();
        let mut bytes = encoded(which.get(&samples));
        // The length stays: it says where the next message begins.
        let body_and_kind = bytes.len() - 4;
        bytes[4 + at.index(body_and_kind)] ^= flip;
        let mut decoder = Decoder::new();
        decoder.feed(&bytes);
        decoder.feed(&encoded(&Message::Request(Request::Status)));
        let _ = decoder.next_message();
        prop_assert_eq!(decoder.next_message(), Ok(Some(Message::Request(Request::Status))));
    }
}

#[test]
fn whoever_feeds_what_is_missing_holds_nothing_of_the_next_message() {
    for message in samples::all() {
        let bytes = [encoded(&message), encoded(&message)].concat();
        let (mut decoder, mut rest) = (Decoder::new(), bytes.as_slice());
        for _ in 0..2 {
            while decoder.missing() > 0 {
                assert_eq!(decoder.next_message(), Ok(None));
                let fed = rest.split_off(..decoder.missing()).expect("never more than there is");
                decoder.feed(fed);
            }
            assert_eq!(decoder.next_message(), Ok(Some(message.clone())));
            assert!(!decoder.is_inside_message());
        }
    }
    let mut decoder = Decoder::new();
    decoder.feed(&u32::MAX.to_le_bytes());
    assert_eq!(decoder.missing(), 4);
    decoder.feed(&[0; 4]);
    assert_eq!(decoder.missing(), 0, "the error is there already");
}
