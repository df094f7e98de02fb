//! Records in words, for people.

use cman_node::{ClientRequest, GroupRequest, PortRequest};
use cman_record::Record;
use cman_types::Instant;
use cman_wire::{Header, codec};

/// Bytes of a message that are shown.
const SHOWN: usize = 32;

/// A time of a recording.
pub(super) fn time(at: Instant) -> String {
    let ns = at.as_nanos();
    format!("{}.{:09} s", ns / 1_000_000_000, ns % 1_000_000_000)
}

/// A record in one line.
pub(super) fn record(record: &Record<'_>) -> String {
    match record {
        Record::Setup(text) => format!("setup: {}", text.trim_end().replace('\n', ", ")),
        Record::Gap { bytes } => format!("gap: {bytes} bytes of records are missing"),
        Record::Check { .. } => "check".to_owned(),
        Record::End => "the node ended in good order".to_owned(),
        Record::Datagram { lane, multicast, size, source, head } => {
            let how = if *multicast { "multicast" } else { "unicast" };
            format!("datagram: {size} bytes from {source}, {lane:?}, {how}, {}", header(head))
        }
        Record::Opened(None) => "opened: no".to_owned(),
        Record::Opened(Some(plain)) => format!("opened: {}", frames(plain)),
        Record::Drained => "drained".to_owned(),
        Record::Timeout => "timeout".to_owned(),
        Record::Stored(stored) => format!("{stored:?}"),
        Record::Command(command) => format!("command: {command:?}"),
        Record::Asks { session, request } => asks(session.0, request),
        Record::Close(session) => format!("client {} is gone", session.0),
        Record::Answer(text) if text.is_empty() => "answer: accepted".to_owned(),
        Record::Answer(text) => format!("answer: {text}"),
        Record::Sealed { clear, plain } => format!("sealed: {}, {}", header(clear), frames(plain)),
        Record::Transmit { lane, to, clear } => {
            format!("transmit: {lane:?} to {to:?}, {}", header(clear))
        }
        Record::Message { session, sender, incarnation, number, group, payload } => format!(
            "client {} is told message {number} of {sender} in its life {incarnation} to \
             {group:?}: {}",
            session.0,
            message(payload)
        ),
        Record::PortMessage { session, node, port, payload } => format!(
            "client {} is told a message of port {port} of node {node}: {}",
            session.0,
            message(payload)
        ),
        Record::Event(text) => format!("event: {text}"),
        Record::Turn { due, lease } => {
            let due = due.map_or("never".to_owned(), time);
            format!("all outputs taken; call again at {due}, may act until {}", time(*lease))
        }
    }
}

fn header(clear: &[u8]) -> String {
    match Header::parse(clear) {
        Ok((header, _)) => {
            let to = header.receiver.map_or("all".to_owned(), |node| format!("node {node}"));
            format!("number {} of {:?} for {to}", header.counter, header.sender)
        }
        Err(error) => format!("no header ({error})"),
    }
}

fn frames(plain: &[u8]) -> String {
    match codec::decode(codec::WIRE_VERSION, plain) {
        Ok(decoded) => format!("{:?}, {} parts", decoded.frames, decoded.parts.len()),
        Err(error) => format!("{} bytes that are no frames ({error})", plain.len()),
    }
}

fn message(payload: &[u8]) -> String {
    match payload.get(..SHOWN) {
        Some(start) => format!("\"{}\"... ({} bytes)", start.escape_ascii(), payload.len()),
        None => format!("\"{}\"", payload.escape_ascii()),
    }
}

fn asks(session: u64, request: &ClientRequest) -> String {
    let what = match request {
        ClientRequest::Group(GroupRequest::Join { group, pid }) => {
            format!("joins {group:?} as process {pid}")
        }
        ClientRequest::Group(GroupRequest::Leave { group }) => format!("leaves {group:?}"),
        ClientRequest::Group(GroupRequest::Send { group, payload, safe }) => {
            let safe = if *safe { " safe" } else { "" };
            format!("sends{safe} to {group:?}: {}", message(payload))
        }
        ClientRequest::Port(PortRequest::Send { to, port, payload }) => {
            let to = to.map_or("all nodes".to_owned(), |node| format!("node {node}"));
            format!("sends to port {port} of {to}: {}", message(payload))
        }
        other => format!("asks {other:?}"),
    };
    format!("client {session} {what}")
}
