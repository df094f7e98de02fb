//! The flight recorder: every input of the node, so that an incident can be run again.
//!
//! Kept in memory, newest last, up to [`RING_BYTES`]; handed out on request and written to the
//! state directory when the daemon panics. With `--record` everything is written to a file as
//! well, from the very first input on.
//!
//! # Format
//! `CMANREC1`, then records without gaps. Integers are little endian.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind of the record |
//! | 8 | the time that the node was told, nanoseconds of boot time |
//! | 4 | length of the rest |
//! | .. | the rest, by kind |
//!
//! | kind | rest |
//! |---|---|
//! | 1 setup | what the node was made with, `name value` on each line; always first |
//! | 2 gap | u64: bytes of records that are missing here |
//! | 3 datagram | u8 lane, u8 multicast, source, zero byte, datagram: see below |
//! | 4 drained | empty |
//! | 5 timeout | empty |
//! | 6 stored | u64 epoch ceiling, u8 removed, u8 whether the disk took it |
//! | 7 leave | u8 remove |
//! | 8 kill | u32 node id |
//! | 9 resolved | u32 node id, address as text |
//! | 10 join | u64 session, u32 process, name of the group |
//! | 11 part | u64 session, name of the group |
//! | 12 send | u64 session, u8 safe, u8 length of the name, name of the group, message |
//! | 13 close | u64 session |
//!
//! Of a datagram: the lane is 0 for control and 1 for data, the next byte says whether it came by
//! multicast, the source is text, and the datagram is as it came: a replay needs the cluster's key.

use cman_node::{Command, Lane, Stored};
use cman_services::{GroupRequest, Session};
use cman_types::Instant;
use std::{
    collections::VecDeque,
    io::Write as _,
    net::SocketAddr,
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

/// The first bytes of a recording.
pub(crate) const MAGIC: &[u8; 8] = b"CMANREC1";
/// Most bytes of records kept in memory.
const RING_BYTES: usize = 4 << 20;
/// Records are kept and handed on in chunks of about this size: with the record that fills it, one
/// still goes into one reply to a client.
const CHUNK_BYTES: usize = 60 << 10;
/// A chunk is handed to the file after this long, even if it is not full.
const CHUNK_AGE: Duration = Duration::from_secs(1);

const SETUP: u8 = 1;
const GAP: u8 = 2;
const DATAGRAM: u8 = 3;
const DRAINED: u8 = 4;
const TIMEOUT: u8 = 5;
const STORED: u8 = 6;
const LEAVE: u8 = 7;
const KILL: u8 = 8;
const RESOLVED: u8 = 9;
const JOIN: u8 = 10;
const PART: u8 = 11;
const SEND: u8 = 12;
const CLOSE: u8 = 13;

/// Whole records, one behind the other.
pub(crate) type Chunk = Arc<[u8]>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Recorder {
    setup: Chunk,
    full: VecDeque<Chunk>,
    full_bytes: usize,
    current: Vec<u8>,
    current_since: Instant,
    /// Bytes of records that had to make room.
    forgotten: u64,
    file: Option<ToFile>,
}

/// The way to the file of `--record`.
#[derive(Debug)]
struct ToFile {
    queue: SyncSender<Chunk>,
    /// Bytes that found the queue full since the last that did not.
    lost: u64,
}

impl Recorder {
    /// A recorder for a node that was made at `now` from what `setup` describes. `file`: where
    /// chunks go besides the ring.
    pub(crate) fn new(now: Instant, setup: &str, file: Option<SyncSender<Chunk>>) -> Self {
        let mut first = MAGIC.to_vec();
        append(&mut first, SETUP, now, |rest| rest.extend_from_slice(setup.as_bytes()));
        let setup: Chunk = first.into();
        let mut file = file.map(|queue| ToFile { queue, lost: 0 });
        if let Some(file) = &mut file {
            file.pass(now, &setup);
        }
        let (full, current) = (VecDeque::new(), Vec::new());
        Self { setup, full, full_bytes: 0, current, current_since: now, forgotten: 0, file }
    }

    /// A datagram was given to the node.
    pub(crate) fn datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        lane: Lane,
        multicast: bool,
        bytes: &[u8],
    ) {
        self.record(DATAGRAM, now, |rest| {
            rest.extend_from_slice(&[u8::from(lane == Lane::Data), u8::from(multicast)]);
            // Writing to a vector cannot fail.
            let _never = write!(rest, "{from}\0");
            rest.extend_from_slice(bytes);
        });
    }

    /// The node was told that nothing waits any more.
    pub(crate) fn drained(&mut self, now: Instant) {
        self.record(DRAINED, now, |_| ());
    }

    /// The node was told that time has passed.
    pub(crate) fn timeout(&mut self, now: Instant) {
        self.record(TIMEOUT, now, |_| ());
    }

    /// The node was told what is on disk.
    pub(crate) fn stored(&mut self, now: Instant, stored: &Stored) {
        self.record(STORED, now, |rest| {
            rest.extend_from_slice(&stored.epoch_ceiling.0.to_le_bytes());
            rest.extend_from_slice(&[u8::from(stored.removed), u8::from(stored.ok)]);
        });
    }

    /// The node was given a command.
    pub(crate) fn command(&mut self, now: Instant, command: &Command) {
        match command {
            Command::Leave { remove } => {
                self.record(LEAVE, now, |rest| rest.push(u8::from(*remove)));
            }
            Command::Kill { node } => self.record(KILL, now, |rest| {
                rest.extend_from_slice(&node.get().to_le_bytes());
            }),
            Command::Resolved { node, address } => self.record(RESOLVED, now, |rest| {
                rest.extend_from_slice(&node.get().to_le_bytes());
                // Writing to a vector cannot fail.
                let _never = write!(rest, "{address}");
            }),
        }
    }

    /// A client asked for something.
    pub(crate) fn client(&mut self, now: Instant, session: Session, request: &GroupRequest) {
        let id = session.0.to_le_bytes();
        match request {
            GroupRequest::Join { group, pid } => self.record(JOIN, now, |rest| {
                rest.extend_from_slice(&id);
                rest.extend_from_slice(&pid.to_le_bytes());
                rest.extend_from_slice(group.as_bytes());
            }),
            GroupRequest::Leave { group } => self.record(PART, now, |rest| {
                rest.extend_from_slice(&id);
                rest.extend_from_slice(group.as_bytes());
            }),
            GroupRequest::Send { group, payload, safe } => self.record(SEND, now, |rest| {
                rest.extend_from_slice(&id);
                // Names are no longer than that.
                let len = u8::try_from(group.as_bytes().len()).unwrap_or(u8::MAX);
                rest.extend_from_slice(&[u8::from(*safe), len]);
                rest.extend_from_slice(group.as_bytes());
                rest.extend_from_slice(payload);
            }),
            // Answered without the node's hearing of them, and changing nothing if it did.
            GroupRequest::Members { .. } | GroupRequest::Groups => {}
        }
    }

    /// A client is gone.
    pub(crate) fn close(&mut self, now: Instant, session: Session) {
        self.record(CLOSE, now, |rest| rest.extend_from_slice(&session.0.to_le_bytes()));
    }

    /// All that is kept, as the pieces of a recording. Costs one copy of the newest chunk.
    pub(crate) fn pieces(&self, now: Instant) -> Vec<Chunk> {
        let mut pieces = vec![Chunk::clone(&self.setup)];
        if self.forgotten > 0 {
            pieces.push(gap(now, self.forgotten));
        }
        pieces.extend(self.full.iter().cloned());
        pieces.push(self.current.as_slice().into());
        pieces
    }

    /// Hands the last, unfinished chunk to the file, and ends it.
    pub(crate) fn finish(&mut self, now: Instant) {
        self.close_chunk(now);
        self.file = None;
    }

    fn record(&mut self, kind: u8, now: Instant, rest: impl FnOnce(&mut Vec<u8>)) {
        if self.current.is_empty() {
            self.current_since = now;
        }
        append(&mut self.current, kind, now, rest);
        let old = self.file.is_some() && now.since(self.current_since) >= CHUNK_AGE;
        if self.current.len() >= CHUNK_BYTES || old {
            self.close_chunk(now);
        }
    }

    fn close_chunk(&mut self, now: Instant) {
        let chunk: Chunk = self.current.as_slice().into();
        self.current.clear();
        if let Some(file) = &mut self.file {
            file.pass(now, &chunk);
        }
        self.full_bytes += chunk.len();
        self.full.push_back(chunk);
        while self.full_bytes > RING_BYTES {
            let Some(oldest) = self.full.pop_front() else { break };
            self.full_bytes -= oldest.len();
            self.forgotten += bytes_of(&oldest);
        }
    }
}

impl ToFile {
    /// Never blocks: what finds no room is a gap in the file.
    fn pass(&mut self, now: Instant, chunk: &Chunk) {
        if self.lost > 0 && self.queue.try_send(gap(now, self.lost)).is_ok() {
            self.lost = 0;
        }
        if self.lost > 0 || self.queue.try_send(Chunk::clone(chunk)).is_err() {
            self.lost += bytes_of(chunk);
        }
    }
}

fn bytes_of(chunk: &Chunk) -> u64 {
    u64::try_from(chunk.len()).unwrap_or(u64::MAX)
}

fn gap(now: Instant, bytes: u64) -> Chunk {
    let mut record = Vec::new();
    append(&mut record, GAP, now, |rest| rest.extend_from_slice(&bytes.to_le_bytes()));
    record.into()
}

/// Appends one record whose rest is written by `rest`.
fn append(to: &mut Vec<u8>, kind: u8, now: Instant, rest: impl FnOnce(&mut Vec<u8>)) {
    to.push(kind);
    to.extend_from_slice(&now.as_nanos().to_le_bytes());
    let length_at = to.len();
    to.extend_from_slice(&[0; 4]);
    let rest_at = to.len();
    rest(to);
    // A record is one message at most: far below four gigabytes.
    let length = u32::try_from(to.len() - rest_at).unwrap_or(u32::MAX);
    if let Some(place) = to.get_mut(length_at..rest_at) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::{Epoch, GroupName, NodeId};
    use std::sync::mpsc::sync_channel;

    /// Kind, time and rest of each record.
    fn records(recording: &[u8]) -> Vec<(u8, u64, Vec<u8>)> {
        let mut left = recording.strip_prefix(MAGIC.as_slice()).expect("the magic");
        let mut records = Vec::new();
        while let [kind, tail @ ..] = left {
            let (time, tail) = tail.split_first_chunk().unwrap();
            let (length, tail) = tail.split_first_chunk().unwrap();
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap();
            records.push((*kind, u64::from_le_bytes(*time), tail[..length].to_vec()));
            left = &tail[length..];
        }
        records
    }

    fn at(ns: u64) -> Instant {
        Instant::from_nanos(ns)
    }

    fn flood(recorder: &mut Recorder, count: u64) {
        let from = "10.0.0.2:5405".parse().unwrap();
        for ns in 0..count {
            recorder.datagram(at(ns), from, Lane::Data, true, &[7; 1000]);
        }
    }

    #[test]
    fn each_kind_is_recorded_in_order() {
        let mut recorder = Recorder::new(at(1), "me 1\n", None);
        recorder.datagram(at(2), "10.0.0.2:5405".parse().unwrap(), Lane::Data, true, b"abc");
        recorder.drained(at(3));
        recorder.timeout(at(4));
        recorder.stored(at(5), &Stored { epoch_ceiling: Epoch(258), removed: true, ok: false });
        recorder.command(at(6), &Command::Leave { remove: true });
        let node = NodeId::new(3).unwrap();
        recorder.command(at(7), &Command::Kill { node });
        let address = "[fd00::1]:5405".parse().unwrap();
        recorder.command(at(8), &Command::Resolved { node, address });
        let (group, session) = (GroupName::new(b"g").unwrap(), Session(258));
        recorder.client(at(9), session, &GroupRequest::Join { group: group.clone(), pid: 9 });
        recorder.client(at(10), session, &GroupRequest::Leave { group: group.clone() });
        let send = GroupRequest::Send { group, payload: "abc".into(), safe: true };
        recorder.client(at(11), session, &send);
        recorder.close(at(12), session);
        let got = records(&recorder.pieces(at(13)).concat());
        let expected: [(u8, u64, &[u8]); 12] = [
            (SETUP, 1, b"me 1\n"),
            (DATAGRAM, 2, b"\x01\x0110.0.0.2:5405\0abc"),
            (DRAINED, 3, b""),
            (TIMEOUT, 4, b""),
            (STORED, 5, b"\x02\x01\0\0\0\0\0\0\x01\0"),
            (LEAVE, 6, b"\x01"),
            (KILL, 7, b"\x03\0\0\0"),
            (RESOLVED, 8, b"\x03\0\0\0[fd00::1]:5405"),
            (JOIN, 9, b"\x02\x01\0\0\0\0\0\0\x09\0\0\0g"),
            (PART, 10, b"\x02\x01\0\0\0\0\0\0g"),
            (SEND, 11, b"\x02\x01\0\0\0\0\0\0\x01\x01gabc"),
            (CLOSE, 12, b"\x02\x01\0\0\0\0\0\0"),
        ];
        assert_eq!(got.len(), expected.len());
        for (got, (kind, time, rest)) in got.iter().zip(expected) {
            assert_eq!((got.0, got.1, got.2.as_slice()), (kind, time, rest));
        }
    }

    #[test]
    fn memory_is_bounded_and_what_is_missing_is_told() {
        let mut recorder = Recorder::new(at(1), "me 1\n", None);
        flood(&mut recorder, 10_000);
        let recording = recorder.pieces(at(9)).concat();
        assert!(recording.len() <= RING_BYTES + 2 * CHUNK_BYTES);
        let records = records(&recording);
        assert_eq!((records[0].0, records[1].0), (SETUP, GAP));
        assert_eq!(records.last().unwrap().1, 9_999);
        let record_bytes = 13 + records[2].2.len();
        let missing = u64::from_le_bytes(records[1].2.as_slice().try_into().unwrap());
        assert_eq!(missing, u64::try_from(record_bytes * (10_000 - (records.len() - 2))).unwrap());
    }

    #[test]
    fn the_file_gets_everything_or_a_gap() {
        let (queue, chunks) = sync_channel(3);
        let mut recorder = Recorder::new(at(1), "me 1\n", Some(queue));
        flood(&mut recorder, 1000);
        let mut file = chunks.try_iter().flat_map(|chunk| chunk.to_vec()).collect::<Vec<_>>();
        recorder.timeout(at(2000));
        recorder.finish(at(2001));
        file.extend(chunks.try_iter().flat_map(|chunk| chunk.to_vec()));
        let records = records(&file);
        assert_eq!(records[0].0, SETUP);
        let gap = records.iter().position(|record| record.0 == GAP).expect("a gap");
        assert!(gap > 100, "two whole chunks found room: {gap}");
        assert_eq!(records.last().unwrap().1, 2000);
    }
}
