//! What the engine says.

use bytes::Bytes;
use cman_quorum::AmendError;
use cman_types::{Amendment, Epoch, Member, MemberId, NodeId, View, ViewId};
use cman_wire::{
    Frame,
    frame::{Change, RefuseReason},
};
use core::{net::SocketAddr, time::Duration};

/// How a frame came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Via {
    /// From its sender to this node.
    Unicast,
    /// From its sender to the group.
    Multicast,
    /// Through another node.
    Relay(MemberId),
}

/// Where a frame goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum To {
    /// To everybody: the group, or all known addresses where there is no multicast.
    All,
    /// To one life of one node, where its datagrams come from.
    Member(MemberId),
    /// To the configured address of a node.
    Peer(NodeId),
}

/// A frame to send, or an event.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output {
    /// Send this frame.
    Send {
        /// Where.
        to: To,
        /// What.
        frame: Frame,
    },
    /// Something happened.
    Event(Event),
}

/// Something happened.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A view was installed.
    View(Box<ViewChange>),
    /// A message, in the agreed order.
    Deliver(Deliver),
    /// These members go on together from the view that ends. What is delivered between this and
    /// the next view was not known to be held by all members of the view that ends.
    Transitional(Vec<NodeId>),
    /// Messages are accepted again after the queue was full.
    Room,
    /// These lives are vouched for by a verified proposer.
    Vouched(Vec<Member>),
    /// Put this on disk.
    Store {
        /// Epochs up to this one may be used.
        epoch_ceiling: Epoch,
        /// Whether this node has left with `remove`.
        removed: bool,
        /// Epoch of the newest basis in which nodes have more votes than configured; 0 for none.
        raised: Epoch,
    },
    /// What became of an amendment that was asked for on this node.
    Amended {
        /// Which.
        ticket: u64,
        /// In force, or refused.
        result: Result<(), AmendError>,
    },
    /// The node must stop.
    Fatal(Fatal),
    /// The node has left.
    Left,
    /// Something an operator should know.
    Notice(Notice),
}

/// A message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Deliver {
    /// The view in which it was sent.
    pub view: ViewId,
    /// Who sent it.
    pub sender: MemberId,
    /// Its place: the global sequence of its last unit; 0 if its order was lost with the
    /// coordinator.
    pub number: u64,
    /// Whether it was to be delivered only when all hold it.
    pub safe: bool,
    /// What was sent.
    pub payload: Bytes,
}

/// A view was installed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ViewChange {
    /// The view.
    pub view: View,
    /// Its wire version.
    pub wire_version: u8,
    /// Members that came with this node from its previous view, itself included.
    pub transitional: Vec<NodeId>,
    /// Members that came from elsewhere.
    pub joined: Vec<NodeId>,
    /// Members of the previous view that did not come along.
    pub left: Vec<NodeId>,
    /// Why each node came or went.
    pub changes: Vec<Change>,
    /// What is counted in another way from now on.
    pub amending: Option<Amendment>,
    /// From the freeze to the plan, at this node.
    pub flush: Duration,
    /// From the plan to the install, at this node.
    pub recover: Duration,
}

/// Why a node must stop.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Fatal {
    /// An administrator put it out.
    Killed {
        /// On whose node.
        by: NodeId,
    },
    /// It was refused for good.
    Refused(Refusal),
}

/// A refusal, told or heard.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Refusal {
    /// Who refuses.
    pub by: NodeId,
    /// Who is refused.
    pub node: NodeId,
    /// Why.
    pub reason: RefuseReason,
    /// The refuser's value of what differs.
    pub ours: u64,
    /// The refused node's value.
    pub theirs: u64,
    /// The address of the other holder of the node id.
    pub other: Option<SocketAddr>,
}

/// Something an operator should know.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Notice {
    /// This node refuses another one.
    Refusing(Refusal),
    /// This node was refused, but goes on trying.
    Refused(Refusal),
    /// This node's own timer fired late by this much.
    Stalled(Duration),
    /// This node lost touch with the coordinator.
    CoordinatorLost(NodeId),
    /// The coordinator fell silent and this node acts as hub for it.
    Acting(NodeId),
    /// Unicast from this node arrives, multicast does not.
    MulticastDead(NodeId),
    /// The part of a node and this node's must not become one view, and neither holds quorum.
    Disallowing(NodeId),
    /// A node is held off because it was lost again soon after it was taken in.
    HeldOff(NodeId, Duration),
    /// The disk does not keep up; epochs go on above the ceiling.
    AboveCeiling(Epoch),
    /// This node leaves, and does not give up its votes as it was told to: its disk did not note
    /// that.
    VotesStay,
}

/// What a notice is about: one of a topic and node is given at most every ten seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Topic {
    Acting,
    Ceiling,
    Coordinator,
    Disallowing,
    Multicast,
    Refused,
    Refusing,
    Stall,
    Votes,
}

impl Notice {
    pub(crate) const fn topic(&self) -> Topic {
        match self {
            Self::Acting(_) => Topic::Acting,
            Self::AboveCeiling(_) => Topic::Ceiling,
            Self::VotesStay => Topic::Votes,
            Self::CoordinatorLost(_) => Topic::Coordinator,
            Self::Disallowing(_) => Topic::Disallowing,
            Self::MulticastDead(_) => Topic::Multicast,
            Self::Refused(_) => Topic::Refused,
            Self::Refusing(_) | Self::HeldOff(..) => Topic::Refusing,
            Self::Stalled(_) => Topic::Stall,
        }
    }
}
