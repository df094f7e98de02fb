//! The flight recorder: the newest inputs of a node, and all of them if there is a file for them.
//!
//! In memory it keeps about [`RING_BYTES`]. Older records make room, and then a gap stands behind
//! the setup: such a recording tells what happened last, but cannot be replayed, because nobody
//! knows the state before it. What goes to a file begins with the very first input, and there
//! outputs are recorded as well, so that a replay has something to compare with.

use crate::{FORMAT, MAGIC, record::Record, setup::Described};
use cman_types::Instant;
use core::time::Duration;
use std::{
    collections::VecDeque,
    sync::{Arc, mpsc::SyncSender},
};

/// Most bytes of records kept in memory.
pub const RING_BYTES: usize = 4 << 20;

/// Records are kept and handed on in chunks of about this size: with the record that fills it, one
/// still goes into one reply to a client.
pub const CHUNK_BYTES: usize = 60 << 10;

/// A chunk is handed to the file after this long, even if it is not full.
const CHUNK_AGE: Duration = Duration::from_secs(1);

/// Whole records, one behind the other, the last one a check of those before.
pub type Chunk = Arc<[u8]>;

/// See the module.
#[derive(Debug)]
pub struct Recorder {
    setup: Chunk,
    full: VecDeque<Chunk>,
    full_bytes: usize,
    current: Vec<u8>,
    current_since: Instant,
    /// The time of the latest record.
    now: Instant,
    /// Bytes of records that had to make room.
    forgotten: u64,
    outputs: bool,
    file: Option<ToFile>,
}

/// The way to a file.
#[derive(Debug)]
struct ToFile {
    queue: SyncSender<Chunk>,
    /// Bytes that found the queue full since the last that did not.
    lost: u64,
}

impl Recorder {
    /// A recorder for a node that was made at `now` from what `setup` describes, which also says
    /// whether outputs are recorded. `file`: where chunks go besides the ring.
    #[must_use]
    pub fn new(now: Instant, setup: &Described, file: Option<SyncSender<Chunk>>) -> Self {
        let mut first = MAGIC.to_vec();
        first.push(FORMAT);
        Record::Setup(&setup.to_text()).append(now, &mut first);
        let first = closed(now, first);
        let mut file = file.map(|queue| ToFile { queue, lost: 0 });
        if let Some(file) = &mut file {
            file.pass(now, &first);
        }
        Self {
            setup: first,
            full: VecDeque::new(),
            full_bytes: 0,
            current: Vec::new(),
            current_since: now,
            now,
            forgotten: 0,
            outputs: setup.outputs,
            file,
        }
    }

    /// Whether outputs are recorded. If not, there is no need to put them together.
    #[must_use]
    pub const fn wants_outputs(&self) -> bool {
        self.outputs
    }

    /// Something happened to the node, or by it, at `now`.
    pub fn record(&mut self, now: Instant, record: &Record<'_>) {
        self.now = now;
        self.record_on(record);
    }

    /// The same, at the time of the latest record: for what has no clock.
    pub fn record_on(&mut self, record: &Record<'_>) {
        if record.is_output() && !self.outputs {
            return;
        }
        if self.current.is_empty() {
            self.current_since = self.now;
        }
        record.append(self.now, &mut self.current);
        let old = self.file.is_some() && self.now.since(self.current_since) >= CHUNK_AGE;
        if self.current.len() >= CHUNK_BYTES || old {
            self.close_chunk();
        }
    }

    /// All that is kept, as the pieces of a recording. Costs one copy of the newest chunk.
    #[must_use]
    pub fn pieces(&self, now: Instant) -> Vec<Chunk> {
        let mut pieces = vec![Chunk::clone(&self.setup)];
        if self.forgotten > 0 {
            pieces.push(gap(now, self.forgotten));
        }
        pieces.extend(self.full.iter().cloned());
        if !self.current.is_empty() {
            pieces.push(closed(now, self.current.clone()));
        }
        pieces
    }

    /// The node ended in good order: hands what is left to the file, and ends it.
    pub fn finish(&mut self, now: Instant) {
        self.record(now, &Record::End);
        if !self.current.is_empty() {
            self.close_chunk();
        }
        self.file = None;
    }

    fn close_chunk(&mut self) {
        append_check(self.now, &mut self.current);
        let chunk: Chunk = self.current.as_slice().into();
        self.current.clear();
        if let Some(file) = &mut self.file {
            file.pass(self.now, &chunk);
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
    Record::Gap { bytes }.append(now, &mut record);
    closed(now, record)
}

/// Records with their check.
fn closed(now: Instant, mut records: Vec<u8>) -> Chunk {
    append_check(now, &mut records);
    records.into()
}

/// Ends a piece that consists of these records.
pub fn append_check(now: Instant, piece: &mut Vec<u8>) {
    Record::Check { sum: 0 }.append(now, piece);
    if let Some((before, sum)) = piece.split_last_chunk_mut() {
        *sum = crc32fast::hash(before).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{reader::Reader, setup::tests::sample};
    use cman_node::Lane;
    use std::sync::mpsc::sync_channel;

    fn at(ns: u64) -> Instant {
        Instant::from_nanos(ns)
    }

    fn recorder(outputs: bool, file: Option<SyncSender<Chunk>>) -> Recorder {
        Recorder::new(at(1), &Described { outputs, ..sample() }, file)
    }

    /// Time of each record, and what it says in short.
    fn read(recording: &[u8]) -> Vec<(u64, String)> {
        let mut reader = Reader::new(recording).unwrap();
        let mut read = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            read.push((entry.at.as_nanos(), format!("{:.20}", format!("{:?}", entry.record))));
        }
        read
    }

    fn flood(recorder: &mut Recorder, count: u64) {
        let source = "10.0.0.2:5405".parse().unwrap();
        for ns in 0..count {
            let (lane, multicast) = (Lane::Data, true);
            let head = &[7; 60];
            let came = Record::Datagram { lane, multicast, size: 1000, source, head };
            recorder.record(at(ns), &came);
            recorder.record_on(&Record::Opened(Some(&[7; 900])));
        }
    }

    #[test]
    fn memory_is_bounded_and_what_is_missing_is_told() {
        let mut recorder = recorder(false, None);
        flood(&mut recorder, 10_000);
        let recording = recorder.pieces(at(9_999)).concat();
        assert!(recording.len() <= RING_BYTES + 2 * CHUNK_BYTES);
        let read = read(&recording);
        assert!(read[0].1.starts_with("Setup"), "{read:?}");
        assert!(read[1].1.starts_with("Gap"), "{read:?}");
        assert_eq!(read.last().unwrap().0, 9_999);
        let gap = read[1].1.trim_start_matches(|c: char| !c.is_ascii_digit());
        let missing: usize = gap.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        let per_record = (missing + recording.len()) / 20_000;
        assert!((500..520).contains(&per_record), "{missing} bytes missing");
    }

    #[test]
    fn the_file_gets_everything_or_a_gap() {
        let (queue, chunks) = sync_channel(3);
        let mut recorder = recorder(true, Some(queue));
        flood(&mut recorder, 1000);
        let mut file = chunks.try_iter().flat_map(|chunk| chunk.to_vec()).collect::<Vec<_>>();
        recorder.record(at(2000), &Record::Timeout);
        recorder.finish(at(2001));
        file.extend(chunks.try_iter().flat_map(|chunk| chunk.to_vec()));
        let read = read(&file);
        let gap = read.iter().position(|record| record.1.starts_with("Gap")).expect("a gap");
        assert!(gap > 100, "two whole chunks found room: {gap}");
        assert_eq!(read.last().unwrap(), &(2001, "End".to_owned()));
    }

    #[test]
    fn outputs_are_recorded_only_if_the_setup_says_so() {
        for outputs in [false, true] {
            let mut recorder = recorder(outputs, None);
            assert_eq!(recorder.wants_outputs(), outputs);
            recorder.record(at(2), &Record::Drained);
            recorder.record(at(3), &Record::Event("Room".into()));
            let read = read(&recorder.pieces(at(4)).concat());
            assert_eq!(read.len(), if outputs { 3 } else { 2 });
        }
    }
}
