//! What one member sent and saw, from its connection to the end of that.

use crate::cluster::now_ns;
use anyhow::{Context, Result};
use cman_client::{
    groups::{Process, Reason},
    ipc::{GroupConfig, GroupMessage, event::ViewEvent},
};
use cman_types::{Epoch, Incarnation, NodeId};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Bytes at the front of each message: the life that sent it, its place among the messages of that
/// life, and when it was sent.
pub const HEAD_BYTES: usize = 24;

/// A member's memory.
#[derive(Clone, Debug)]
pub struct Life {
    /// Its number: another one for each life of a test.
    pub number: u64,
    /// What it is called in the group.
    pub me: Process,
    /// What all its messages were, as [`fingerprint`]s, in the order in which they were sent.
    pub sent: Vec<u64>,
    /// Messages of which the daemon said that it did not take them.
    pub refused: usize,
    /// What it saw.
    pub seen: Vec<Entry>,
    /// Why its connection ended; `None` if it lasted to the end of the test.
    pub ended: Option<String>,
}

/// Something that was seen.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, in nanoseconds of [`now_ns`].
    pub at: u64,
    /// What.
    pub seen: Seen,
}

/// What can be seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// The node is in this view now.
    View(View),
    /// The group has changed.
    Change {
        /// All members now.
        members: Vec<Process>,
        /// Who went, and why.
        left: Vec<(Process, Reason)>,
        /// Who came, and why.
        joined: Vec<(Process, Reason)>,
    },
    /// A message.
    Message(Heard),
}

/// A view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// Its number and coordinator, which no two views share.
    pub id: (Epoch, NodeId),
    /// Its members.
    pub members: Vec<NodeId>,
    /// Who came along from the view before.
    pub transitional: Vec<NodeId>,
}

/// A message that was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// From whom, as the daemon says.
    pub from: Process,
    /// The life of the sender's node.
    pub incarnation: Incarnation,
    /// Its number at the sender's node.
    pub number: u64,
    /// The life that sent it, as the message says.
    pub life: u64,
    /// Its place among the messages of that life, from 0.
    pub place: usize,
    /// When it was sent, in nanoseconds of [`now_ns`].
    pub sent_at: u64,
    /// The whole message.
    pub fingerprint: u64,
}

impl Life {
    /// A life that begins.
    #[must_use]
    pub const fn new(number: u64, me: Process) -> Self {
        Self { number, me, sent: Vec::new(), refused: 0, seen: Vec::new(), ended: None }
    }

    /// The next message of this life, `len` bytes long and [`HEAD_BYTES`] at least.
    pub fn next_message(&mut self, len: usize) -> Vec<u8> {
        let place = u64::try_from(self.sent.len()).unwrap_or(u64::MAX);
        let mut message: Vec<u8> =
            [self.number, place, now_ns()].into_iter().flat_map(u64::to_le_bytes).collect();
        // No two pieces of a long message are alike.
        let filler = (self.number..).flat_map(|word| word.wrapping_mul(0x9e37_79b9).to_le_bytes());
        message.extend(filler.take(len.saturating_sub(HEAD_BYTES)));
        self.sent.push(fingerprint(&message));
        message
    }

    /// Remembers something.
    pub fn see(&mut self, seen: Seen) {
        self.seen.push(Entry { at: now_ns(), seen });
    }

    /// What it saw of messages, with the time at which that was.
    pub fn heard(&self) -> impl Iterator<Item = (u64, &Heard)> {
        self.seen.iter().filter_map(|entry| match &entry.seen {
            Seen::Message(heard) => Some((entry.at, heard)),
            _ => None,
        })
    }

    /// Those that went out of the group while it watched, and why.
    pub fn left(&self) -> impl Iterator<Item = (Process, Reason)> {
        self.seen.iter().flat_map(|entry| match &entry.seen {
            Seen::Change { left, .. } => left.clone(),
            _ => Vec::new(),
        })
    }

    /// Those that came into the group while it watched, and why.
    pub fn joined(&self) -> impl Iterator<Item = (Process, Reason)> {
        self.seen.iter().flat_map(|entry| match &entry.seen {
            Seen::Change { joined, .. } => joined.clone(),
            _ => Vec::new(),
        })
    }
}

impl Seen {
    /// A view that the daemon told.
    #[must_use]
    pub fn view(event: ViewEvent) -> Self {
        let ViewEvent { epoch, coordinator, members, transitional, .. } = event;
        Self::View(View { id: (epoch, coordinator), members, transitional })
    }

    /// A change of the group.
    #[must_use]
    pub fn change(config: GroupConfig) -> Self {
        let GroupConfig { members, left, joined, .. } = config;
        Self::Change { members, left, joined }
    }

    /// A message.
    ///
    /// # Errors
    /// When none of our members can have sent it.
    pub fn message(message: &GroupMessage) -> Result<Self> {
        let mut words =
            message.payload.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let mut word = || words.next().context("a message that is too short for its head");
        Ok(Self::Message(Heard {
            from: message.sender,
            incarnation: message.incarnation,
            number: message.number,
            life: word()?,
            place: usize::try_from(word()?)?,
            sent_at: word()?,
            fingerprint: fingerprint(&message.payload),
        }))
    }
}

/// A number for some bytes.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
