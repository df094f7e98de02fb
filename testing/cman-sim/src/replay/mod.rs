//! Runs a recording of `cmand --record` again, and compares every output, byte for byte.
//!
//! The node of the daemon is the node of the simulator, and it is pure: what it was told stands
//! in the recording, so it must do again what it did. A difference is either a node that is not
//! pure, or another version of it: then the difference shows what a change changes.

mod report;
mod show;
mod tape;
#[cfg(test)]
mod tests;

pub use report::{list, report};

use cman_node::{Lane, Node};
use cman_record::{Described, Entry, ReadError, Reader, Record, SetupError};
use cman_types::Instant;
use cman_wire::HEADER_SIZE;
use core::{fmt, net::SocketAddr};
use std::{
    io::Read,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tape::{Tape, TapeCipher};

/// How far a replay came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Which release recorded.
    pub release: String,
    /// Which cluster.
    pub cluster: String,
    /// Which node.
    pub node: u32,
    /// Whether outputs are recorded.
    pub outputs: bool,
    /// Records read.
    pub records: u64,
    /// Inputs given to the node.
    pub inputs: u64,
    /// Outputs that were compared, and equal.
    pub compared: u64,
    /// Nanoseconds from the first record to the last.
    pub span_ns: u64,
    /// Whether the recording ends with the end of the node, in good order.
    pub ended: bool,
}

/// An output that is not what was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The number of the record that was expected, from 0.
    pub record: u64,
    /// Its time.
    pub at: Instant,
    /// What was recorded, in words.
    pub expected: String,
    /// What came instead, in words.
    pub came: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, at, expected, came } = self;
        let at = show::time(*at);
        write!(f, "record {record} at {at} differs\n  expected: {expected}\n  came:     {came}")
    }
}

/// Why a replay stopped before the end of the recording.
#[derive(Debug)]
pub enum Stop {
    /// The recording cannot be read from here on.
    Unreadable(ReadError),
    /// What the node was made with cannot be read.
    Setup(SetupError),
    /// It does not begin with a setup.
    NoSetup,
    /// Records are missing, so that nobody knows what the node was told.
    Gap {
        /// How many bytes of them.
        bytes: u64,
        /// Whether they are missing from the start.
        first: bool,
    },
    /// An output is another one.
    Differs(Box<Difference>),
    /// The node panicked.
    Panicked {
        /// At which record.
        record: u64,
        /// Its time.
        at: Instant,
    },
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Setup(error) => error.fmt(f),
            Self::NoSetup => f.write_str("the recording does not begin with a setup"),
            Self::Gap { bytes, first: true } => write!(
                f,
                "this recording cannot be replayed: its first {bytes} bytes of records had to make \
                 room for later ones; look at it with --list, and start cmand with --record FILE \
                 to keep everything"
            ),
            Self::Gap { bytes, first: false } => write!(
                f,
                "{bytes} bytes of records are missing here, because the disk of the recording was \
                 too slow: what follows cannot be replayed"
            ),
            Self::Differs(difference) => difference.fmt(f),
            Self::Panicked { record, at } => {
                write!(f, "the node panicked at record {record} at {}", show::time(*at))
            }
        }
    }
}

/// Replays a recording to its end, or to the first difference: how far it came, and why it stopped
/// before the end, if it did.
pub fn replay<R: Read>(recording: R) -> (Summary, Result<(), Stop>) {
    let mut summary = Summary::default();
    let result = replay_into(recording, &mut summary);
    (summary, result)
}

fn replay_into<R: Read>(recording: R, summary: &mut Summary) -> Result<(), Stop> {
    let mut reader = Reader::new(recording).map_err(Stop::Unreadable)?;
    let first = reader.next().map_err(Stop::Unreadable)?;
    let Some(Entry { at: begin, record: Record::Setup(text), .. }) = first else {
        return Err(Stop::NoSetup);
    };
    let described = Described::from_text(text).map_err(Stop::Setup)?;
    summary.release.clone_from(&described.release);
    summary.cluster.clone_from(&described.setup.cluster_name);
    summary.node = described.setup.me.get();
    summary.outputs = described.outputs;
    summary.records = 1;
    let mut replay = Replay::new(begin, described);
    while let Some(entry) = reader.next().map_err(Stop::Unreadable)? {
        if let Record::Gap { bytes } = entry.record {
            return Err(Stop::Gap { bytes, first: entry.number == 1 });
        }
        let (record, at) = (entry.number, entry.at);
        let step = catch_unwind(AssertUnwindSafe(|| replay.step(&entry, summary)));
        step.map_err(|_| Stop::Panicked { record, at })?
            .map_err(|difference| Stop::Differs(Box::new(difference)))?;
        summary.records += 1;
        summary.span_ns = at.as_nanos().saturating_sub(begin.as_nanos());
        summary.ended = matches!(entry.record, Record::End);
    }
    Ok(())
}

/// A node that is told again what it was told.
struct Replay {
    node: Node,
    tape: Arc<Mutex<Tape>>,
    outputs: bool,
    /// A datagram of which the next record tells whether it was opened.
    pending: Option<Pending>,
    /// What the node answered to the last command or request.
    answer: Option<Result<(), String>>,
}

/// A datagram that is about to be given to the node.
struct Pending {
    at: Instant,
    source: SocketAddr,
    lane: Lane,
    multicast: bool,
    /// Its clear header, then zeros.
    bytes: Vec<u8>,
}

type Step = Result<(), Difference>;

impl Replay {
    fn new(now: Instant, described: Described) -> Self {
        let Described { encrypted, key_id, outputs, setup, .. } = described;
        let tape: Arc<Mutex<Tape>> = Arc::default();
        let cipher = TapeCipher { tape: Arc::clone(&tape), encrypted, key_id };
        let node = Node::new(now, setup, Box::new(cipher));
        Self { node, tape, outputs, pending: None, answer: None }
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&mut self, entry: &Entry<'_>, summary: &mut Summary) -> Step {
        if let Some(pending) = self.pending.take() {
            let opened = if let Record::Opened(plain) = entry.record { Some(plain) } else { None };
            summary.inputs += 1;
            self.give(pending, opened, entry)?;
            if opened.is_some() {
                return Ok(());
            }
        }
        if entry.record.is_output() {
            self.compare(entry)?;
            summary.compared += 1;
            return Ok(());
        }
        self.nothing_left(entry)?;
        if self.input(entry) {
            summary.inputs += 1;
        }
        Ok(())
    }

    /// Gives the node a datagram; `opened` is what came of opening it, if it was opened.
    fn give(&mut self, pending: Pending, opened: Option<Option<&[u8]>>, entry: &Entry<'_>) -> Step {
        let Pending { at, source, lane, multicast, mut bytes } = pending;
        let inside = opened.flatten();
        if let Some(inside) = inside {
            // Never shorter than what is inside, whatever the recording says.
            bytes.resize(bytes.len().max(HEADER_SIZE + inside.len()), 0);
        }
        self.tape().inside = inside.map(<[u8]>::to_vec);
        self.tape().opened = 0;
        self.node.handle_datagram(at, source, lane, multicast, &mut bytes);
        let times = self.tape().opened;
        if times == u32::from(opened.is_some()) {
            return Ok(());
        }
        let came = format!("the datagram before was opened {times} times");
        Err(difference(entry, came))
    }

    /// Tells the node what it was told. False if nothing of the kind.
    fn input(&mut self, entry: &Entry<'_>) -> bool {
        let at = entry.at;
        match &entry.record {
            Record::Datagram { lane, multicast, size, source, head } => {
                let mut bytes = head.to_vec();
                // No datagram is longer than that, and none shorter than its header.
                bytes.resize(usize::try_from(*size).unwrap_or(0).min(1 << 16).max(head.len()), 0);
                let (source, lane, multicast) = (*source, *lane, *multicast);
                self.pending = Some(Pending { at, source, lane, multicast, bytes });
                // Counted when the node gets it.
                return false;
            }
            Record::Drained => self.node.handle_drained(at),
            Record::Timeout => self.node.handle_timeout(at),
            Record::Stored(stored) => self.node.handle_stored(at, *stored),
            Record::Command(command) => {
                let answer = self.node.handle_command(at, command.clone());
                self.answer = Some(answer.map_err(|refused| refused.to_string()));
            }
            Record::Close(session) => self.node.close_session(at, *session),
            Record::Asks { session, request } => {
                let request = request.clone().into_owned();
                let answer = self.node.handle_client(at, *session, request);
                self.answer = Some(answer.map_err(|refused| refused.to_string()));
            }
            _ => return false,
        }
        true
    }

    /// Compares an output that was recorded with the node's next one of that kind.
    fn compare(&mut self, entry: &Entry<'_>) -> Step {
        match &entry.record {
            Record::Answer(_) => {
                let answer = self.answer.take();
                same(entry, answer.as_ref().map(Record::answer))
            }
            Record::Sealed { .. } => {
                let sealed = self.tape().sealed.pop_front();
                let sealed = sealed.as_ref().map(|(clear, plain)| Record::Sealed { clear, plain });
                same(entry, sealed)
            }
            Record::Transmit { .. } => {
                let transmit = self.node.poll_transmit();
                same(entry, transmit.as_ref().map(Record::transmit))
            }
            Record::Turn { .. } => {
                self.nothing_left(entry)?;
                self.all_taken(entry)?;
                let (due, lease) = (self.node.poll_timeout(), self.node.lease_deadline());
                same(entry, Some(Record::Turn { due, lease }))
            }
            _ => {
                let event = self.node.poll_event();
                same(entry, event.as_ref().map(Record::event))
            }
        }
    }

    /// What the node did at the last input was all recorded before this.
    fn nothing_left(&mut self, entry: &Entry<'_>) -> Step {
        let answer = self.answer.take();
        let sealed = self.tape().sealed.pop_front();
        if !self.outputs {
            self.forget();
            return Ok(());
        }
        let answer = answer.as_ref().map(Record::answer);
        let sealed = sealed.as_ref().map(|(clear, plain)| Record::Sealed { clear, plain });
        match answer.or(sealed) {
            Some(more) => Err(difference(entry, show::record(&more))),
            None => Ok(()),
        }
    }

    /// Nothing waits to be taken.
    fn all_taken(&mut self, entry: &Entry<'_>) -> Step {
        if let Some(transmit) = self.node.poll_transmit() {
            return Err(difference(entry, show::record(&Record::transmit(&transmit))));
        }
        match self.node.poll_event() {
            Some(event) => Err(difference(entry, show::record(&Record::event(&event)))),
            None => Ok(()),
        }
    }

    /// Nobody compares the outputs.
    fn forget(&mut self) {
        self.tape().sealed.clear();
        while self.node.poll_transmit().is_some() {}
        while self.node.poll_event().is_some() {}
    }
}

/// Whether this is what was recorded, to the byte.
fn same(entry: &Entry<'_>, came: Option<Record<'_>>) -> Step {
    let Some(came) = came else { return Err(difference(entry, "nothing".to_owned())) };
    if came.is_written_as(&entry.record, entry.rest) {
        return Ok(());
    }
    Err(difference(entry, show::record(&came)))
}

fn difference(entry: &Entry<'_>, came: String) -> Difference {
    let expected = show::record(&entry.record);
    Difference { record: entry.number, at: entry.at, expected, came }
}
