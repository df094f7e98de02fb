//! What the world sees of a datagram that a node sent: it reads what it carries.

use cman_types::{MemberId, NodeId, ViewId};
use cman_wire::{
    codec,
    frame::{Flush, Frame, Lineage, NackReason, RefuseReason},
    header::Header,
};

use crate::cipher::TAG;

/// Kinds of frames that the world tells apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(
    missing_docs,
    reason = "named like the frames of the wire crate, where they are explained"
)]
pub enum Kind {
    Beat,
    ActingBeat,
    MemberBeat,
    Relay,
    Hello,
    Refuse,
    HeldOff,
    Propose,
    Flush,
    Nack,
    NackHeld,
    Commit,
    Recover,
    Recovered,
    Install,
    Moved,
    Leave,
    Gone,
    Kill,
    PutOut,
    Amend,
    Data,
    Order,
    Ask,
    Ack,
    Other,
}

impl Kind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 26] = [
        Self::Beat,
        Self::ActingBeat,
        Self::MemberBeat,
        Self::Relay,
        Self::Hello,
        Self::Refuse,
        Self::HeldOff,
        Self::Propose,
        Self::Flush,
        Self::Nack,
        Self::NackHeld,
        Self::Commit,
        Self::Recover,
        Self::Recovered,
        Self::Install,
        Self::Moved,
        Self::Leave,
        Self::Gone,
        Self::Kill,
        Self::PutOut,
        Self::Amend,
        Self::Data,
        Self::Order,
        Self::Ask,
        Self::Ack,
        Self::Other,
    ];

    /// Whether frames of this kind are so frequent that the column log leaves them out.
    #[must_use]
    pub const fn is_idle_talk(self) -> bool {
        matches!(
            self,
            Self::Beat
                | Self::ActingBeat
                | Self::MemberBeat
                | Self::Relay
                | Self::Hello
                | Self::HeldOff
                | Self::Moved
                | Self::Data
                | Self::Order
                | Self::Ask
                | Self::Ack
                | Self::Other
        )
    }
}

/// A set of kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kinds(u32);

impl Kinds {
    /// Adds a kind.
    pub fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u32;
    }

    /// Whether the kind is in the set.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    /// The kinds in the set.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |&kind| self.has(kind))
    }
}

/// What a datagram carries, as far as the world cares.
#[derive(Clone, Debug, Default)]
pub struct Peek {
    /// Who sealed it.
    pub sender: Option<MemberId>,
    /// What kinds of frames are in it, relayed ones included.
    pub kinds: Kinds,
    /// How many frames, and parts of long ones, are in it.
    pub frames: usize,
    /// The ballot of the last view change frame in it.
    pub ballot: Option<ViewId>,
    /// Whether a member grants a hub a lease in it, or a hub tells of its own lease.
    pub grants: bool,
    /// Whether its sender speaks as a hub in it.
    pub hub: bool,
    /// The view of which a hub says in it that a quorum has installed it, so that members that had
    /// given up their votes count again.
    pub settled: Option<ViewId>,
    /// Whose frames are relayed in it.
    pub relayed: Vec<NodeId>,
    /// The ballot for which the sender says that it holds all it has to. Relayed words are not
    /// looked at here: they were seen when their author handed them to the relay.
    pub confirms: Option<ViewId>,
    /// What the sender answers to a proposal in it.
    pub flush: Option<Box<Flush>>,
    /// How views end by the plan in it.
    pub endings: Vec<Lineage>,
}

/// Reads a sealed datagram. What cannot be read is a datagram without sender and frames.
#[must_use]
pub fn peek(bytes: &[u8]) -> Peek {
    let mut peek = Peek::default();
    let Ok((header, sealed)) = Header::parse(bytes) else {
        return peek;
    };
    peek.sender = Some(header.sender);
    let plain = sealed.get(..sealed.len().saturating_sub(TAG)).unwrap_or_default();
    let Ok(decoded) = codec::decode(header.wire_version, plain) else {
        return peek;
    };
    for frame in &decoded.frames {
        look(&mut peek, frame, header.sender);
    }
    peek.frames = decoded.frames.len() + decoded.parts.len();
    if !decoded.parts.is_empty() {
        peek.kinds.insert(Kind::Other);
    }
    peek
}

/// Notes what one frame is. `author`: who said it.
fn look(peek: &mut Peek, frame: &Frame, author: MemberId) {
    let own = peek.sender == Some(author);
    let (kind, ballot) = match frame {
        Frame::Beat(beat) => {
            peek.grants |= own && !beat.lease_left.is_zero();
            peek.hub |= own;
            if own && beat.settled {
                peek.settled = Some(beat.view);
            }
            (if beat.acting { Kind::ActingBeat } else { Kind::Beat }, None)
        }
        Frame::MemberBeat(beat) => {
            peek.grants |= own && beat.grant;
            (Kind::MemberBeat, None)
        }
        Frame::Relay(relay) => {
            if relay.origin != author {
                peek.relayed.push(relay.origin.node);
            }
            look(peek, &relay.frame, relay.origin);
            (Kind::Relay, None)
        }
        Frame::Hello(_) => (Kind::Hello, None),
        Frame::Refuse(refuse) if refuse.reason == RefuseReason::HeldOff => (Kind::HeldOff, None),
        Frame::Refuse(_) => (Kind::Refuse, None),
        Frame::Propose(frame) => (Kind::Propose, Some(frame.ballot)),
        Frame::Flush(frame) => {
            peek.flush = own.then(|| frame.clone());
            (Kind::Flush, Some(frame.ballot))
        }
        Frame::Nack(frame) if frame.reason == NackReason::Held => {
            (Kind::NackHeld, Some(frame.ballot))
        }
        Frame::Nack(frame) => (Kind::Nack, Some(frame.ballot)),
        Frame::Commit(frame) => (Kind::Commit, Some(frame.view)),
        Frame::Recover(frame) => {
            peek.endings.clone_from(&frame.plan.lineages);
            (Kind::Recover, Some(frame.ballot))
        }
        Frame::Recovered(frame) => {
            if own && frame.missing == 0 {
                peek.confirms = Some(frame.ballot);
            }
            (Kind::Recovered, Some(frame.ballot))
        }
        Frame::Install(frame) => (Kind::Install, Some(frame.ballot)),
        Frame::Moved(_) => (Kind::Moved, None),
        Frame::Leave(_) => (Kind::Leave, None),
        Frame::Gone(_) => (Kind::Gone, None),
        Frame::Kill(_) => (Kind::Kill, None),
        Frame::PutOut(_) => (Kind::PutOut, None),
        Frame::Amend(_) => (Kind::Amend, None),
        Frame::Data(_) => (Kind::Data, None),
        Frame::Order(_) => (Kind::Order, None),
        Frame::Ask(_) => (Kind::Ask, None),
        Frame::Ack(_) => (Kind::Ack, None),
        Frame::Who(_)
        | Frame::Hears(_)
        | Frame::Probe(_)
        | Frame::ProbeAck(_)
        | Frame::Challenge(_)
        | Frame::Answer(_) => (Kind::Other, None),
    };
    peek.kinds.insert(kind);
    if ballot.is_some() {
        peek.ballot = ballot;
    }
}
