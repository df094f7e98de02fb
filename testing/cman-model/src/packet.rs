//! A frame on its way, and which frames are explored.

use cman_types::ViewId;
use cman_wire::{Frame, codec};
use core::fmt;
use std::sync::Arc;

/// A node, by its place among the three: 0, 1, 2.
pub type Place = usize;

/// A frame on its way from one node to another, as bytes: the codec takes part, and packets have an
/// order that no run changes. Of what is explored two that are alike are one, however they were
/// said: only of beats and hellos it matters whether it was to all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet {
    /// Who said it.
    pub from: Place,
    /// For whom.
    pub to: Place,
    /// Whether it was said to all.
    pub multicast: bool,
    bytes: Arc<[u8]>,
}

impl Packet {
    /// A frame that goes on its way.
    #[must_use]
    pub fn new(from: Place, to: Place, multicast: bool, frame: &Frame) -> Self {
        let mut bytes = Vec::new();
        codec::encode(frame, &mut bytes);
        Self { from, to, multicast: multicast && !is_explored(frame), bytes: bytes.into() }
    }

    /// The frame as it arrives.
    ///
    /// # Panics
    /// What was encoded cannot be decoded: a fault that the model must not pass over.
    #[must_use]
    pub fn frame(&self) -> Frame {
        let decoded = codec::decode(codec::WIRE_VERSION, &self.bytes);
        let frame = decoded.ok().and_then(|decoded| decoded.frames.into_iter().next());
        let Some(frame) = frame else { panic!("a frame that cannot be read: {:?}", self.bytes) };
        frame
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{} to n{}: {:?}", self.from + 1, self.to + 1, self.frame())
    }
}

/// The view or ballot that a frame is about. Once a node has installed a newer view, nothing that
/// these frames say of an older one can change it any more.
#[must_use]
pub const fn subject(frame: &Frame) -> Option<ViewId> {
    Some(match frame {
        Frame::Data(data) => data.view,
        Frame::Order(order) => order.view,
        Frame::Ask(ask) => ask.view,
        Frame::Flush(flush) => flush.ballot,
        Frame::Nack(nack) => nack.ballot,
        Frame::Commit(commit) => commit.ballot,
        Frame::Recover(recover) => recover.ballot,
        Frame::Recovered(recovered) => recovered.ballot,
        Frame::Install(install) => install.ballot,
        _ => return None,
    })
}

/// Whether a frame's fate is explored: those of view changes and messages are. The others are said
/// again and again, so that what matters of them is only whether they get through at all.
#[must_use]
pub fn is_explored(frame: &Frame) -> bool {
    if let Frame::Relay(relay) = frame {
        return is_explored(&relay.frame);
    }
    !matches!(
        frame,
        Frame::Beat(_)
            | Frame::MemberBeat(_)
            | Frame::Who(_)
            | Frame::Hears(_)
            | Frame::Hello(_)
            | Frame::Probe(_)
            | Frame::ProbeAck(_)
            | Frame::Refuse(_)
            | Frame::Moved(_)
            | Frame::Ack(_)
            | Frame::Challenge(_)
            | Frame::Answer(_)
    )
}
