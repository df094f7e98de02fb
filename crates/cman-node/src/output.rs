//! What a node says: datagrams, events, wishes for the disk, and its state for tools.

use cman_proto::event::{Deliver, Refusal};
use cman_quorum::AmendError;
use cman_services::{ClientEvent, FenceRecord, Session};
use cman_types::{Amendment, Epoch, Incarnation, Instant, MemberId, NodeId, View};
use cman_wire::frame::Reason;
use core::{net::SocketAddr, time::Duration};

use crate::input::Lane;

/// Where a datagram goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Destination {
    /// To the cluster's multicast group.
    Multicast,
    /// To one address (its control port; the shell uses the port below it for [`Lane::Data`]).
    Unicast(SocketAddr),
}

/// A sealed datagram to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Where.
    pub to: Destination,
    /// Out of which port.
    pub lane: Lane,
    /// What.
    pub bytes: Vec<u8>,
}

/// Why one node came or went, in a view event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Came {
    /// Which node.
    pub node: NodeId,
    /// Why it came or went.
    pub reason: Reason,
    /// On whose evidence, as a fragment for people ("silent for 2004 ms, found by node 1").
    pub evidence: String,
}

/// A view was installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewEvent {
    /// The view.
    pub view: View,
    /// Members that came with this node from its previous view (this node included).
    pub transitional: Vec<NodeId>,
    /// Members that came from elsewhere.
    pub joined: Vec<NodeId>,
    /// Members of the previous view that did not come along.
    pub left: Vec<NodeId>,
    /// One entry for each node that came or went.
    pub reasons: Vec<Came>,
    /// What is counted in another way from now on.
    pub amending: Option<Amendment>,
    /// One paragraph for the operator: what, who, why, how long each phase took.
    pub text: String,
}

/// What a client, an operator or the disk must be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A view was installed.
    View(ViewEvent),
    /// Quorum was gained or lost, or votes are counted in another way.
    Quorum {
        /// Whether this node may act.
        quorate: bool,
        /// Votes present in the view.
        votes: u32,
        /// Votes expected, less those of removed nodes.
        expected: u32,
        /// Votes needed.
        needed: u32,
        /// One sentence for the operator.
        text: String,
    },
    /// The node must stop: it was killed or finally refused. The daemon exits with 3.
    Fatal {
        /// One sentence for the operator: who, why, what to do.
        text: String,
        /// The refusal, if it was one.
        refusal: Option<Refusal>,
    },
    /// The node has left in good order (or alone). The daemon exits with 0.
    Left,
    /// Something an operator should know: refusals, multicast that does not pass, stalls,
    /// rejected datagrams (at most every 10 s), state lost.
    Notice {
        /// Whether it needs attention (warning) or only explains (information).
        warning: bool,
        /// One sentence.
        text: String,
        /// The refusals that it tells of. Only those of nodes that hold the cluster's key.
        refusals: Vec<Refusal>,
    },
    /// A client of this node is told something by a service.
    Client {
        /// Which client.
        session: Session,
        /// What.
        event: ClientEvent,
    },
    /// All members are to have this version of the configuration, or a newer one. Told again when
    /// more is known of it.
    ConfigWanted {
        /// Which.
        version: u64,
    },
    /// Messages are accepted again after the queue was full.
    Room,
    /// A message was delivered. Only told to observers.
    Deliver(Deliver),
    /// What comes before the next view was not known to be held by all members of the last one;
    /// these go on together. Only told to observers.
    Transitional(Vec<NodeId>),
    /// What became of an amendment ([`Command::Amend`](crate::Command::Amend)).
    Amended {
        /// Which.
        ticket: u64,
        /// In force, or refused.
        result: Result<(), AmendError>,
    },
    /// The quorum device of this node lives from now on, or is dead. What is needed for quorum is
    /// counted anew.
    Device {
        /// Whether it lives.
        alive: bool,
        /// One sentence for the operator.
        text: String,
    },
    /// Put this on disk, off the engine's thread, and answer with `handle_stored`.
    Store(Store),
}

/// What shall be on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Store {
    /// No epoch above this is used before it is on disk.
    pub epoch_ceiling: Epoch,
    /// Whether this node has left with `remove`.
    pub removed: bool,
    /// Epoch of the newest basis in which nodes have more votes than configured; 0: none.
    pub raised: Epoch,
}

/// What a node is doing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Not yet in any view.
    Joining,
    /// In a working view.
    Member,
    /// A member that has asked to leave.
    Leaving,
    /// Has left, or was killed or refused.
    Left,
}

/// Refused datagrams by cause.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rejected {
    /// Does not open with our key, or is not encrypted while we are, or the reverse.
    pub unauthenticated: u64,
    /// Its counter was seen already or is too old, or it was meant for another node.
    pub replayed: u64,
    /// Not a datagram of this protocol, or does not parse.
    pub malformed: u64,
    /// Of a cluster with another name.
    pub foreign_cluster: u64,
}

/// One configured node, as seen by this one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeStatus {
    /// Which node.
    pub id: NodeId,
    /// Its votes.
    pub votes: u32,
    /// Its life in the current view, if it is a member.
    pub member: Option<MemberId>,
    /// Its newest life ever heard of.
    pub incarnation: Option<Incarnation>,
    /// Its control address, learnt or configured.
    pub address: Option<SocketAddr>,
    /// When it joined the sequence of views it is in now.
    pub joined_at: Option<Instant>,
    /// Whether it is departing.
    pub leaving: bool,
    /// Whether its part and this node's must not become one view (R-80m). A member never is.
    pub disallowed: bool,
    /// Its own stall, as it told (or this node's own).
    pub delay: Duration,
    /// Heard only through a relay.
    pub relayed: bool,
    /// Unicast from it arrives but multicast does not, or it says so of us.
    pub multicast_dead: bool,
    /// Held off until then, because it was lost again soon after it was taken in.
    pub held_until: Option<Instant>,
    /// When it was last heard, for the checker of freshness; never later than the arrival of the
    /// datagram that is the evidence.
    pub heard_at: Option<Instant>,
    /// What is known of its last fencing.
    pub fenced: Option<FenceRecord>,
}

/// The quorum device of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceStatus {
    /// What it was registered as.
    pub name: Vec<u8>,
    /// What it adds while it lives.
    pub votes: u32,
    /// Whether it does.
    pub alive: bool,
}

/// A node's state for tools and checkers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Who it is.
    pub me: MemberId,
    /// The installed view; stays the last one while a candidate looks for a new one.
    pub view: Option<View>,
    /// Whether `view` is a working view (not frozen, not lost).
    pub working: bool,
    /// Views installed since the start.
    pub changes: u64,
    /// When `view` was installed.
    pub installed_at: Option<Instant>,
    /// Whether the node may act now.
    pub quorate: bool,
    /// Until when, if it may.
    pub lease_end: Option<Instant>,
    /// Votes in the view.
    pub votes: u32,
    /// Expected votes, less those of removed nodes.
    pub expected_votes: u32,
    /// Votes needed for quorum.
    pub needed: u32,
    /// Whether `wait_for_all` still waits.
    pub waiting_for_all: bool,
    /// Whether clients of this node carry state that must not be merged.
    pub dirty: bool,
    /// Why the node may act or not, as a clause.
    pub why_quorate: String,
    /// Nodes whose votes are not expected.
    pub removed: Vec<NodeId>,
    /// All configured nodes.
    pub nodes: Vec<NodeStatus>,
    /// The quorum device of this node.
    pub device: Option<DeviceStatus>,
    /// Refused datagrams.
    pub rejected: Rejected,
    /// How often this node's own timers fired late by more than a beat.
    pub stalls: u64,
    /// Wire version of the view.
    pub wire_version: u8,
    /// Timers in force.
    pub timing: cman_quorum::Timing,
}
