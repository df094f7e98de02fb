//! How a node and its cluster are.

use crate::ids;
use cman_types::{Epoch, Incarnation, NodeId};
use core::{fmt, net::IpAddr};
use serde::{Deserialize, Serialize};

/// Everything that `cman_tool status` shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatusReply {
    /// Name of the cluster.
    pub cluster: String,
    /// Its number, by default made of its name.
    pub cluster_id: u16,
    /// Version of the configuration that this node runs.
    pub config_version: u64,
    /// Version of the wire protocol of the present view, else the highest this node speaks.
    pub wire_version: u16,
    /// This node.
    #[serde(with = "ids::node")]
    pub node: NodeId,
    /// Its configured name.
    pub node_name: String,
    /// Its votes, as configured or as changed since.
    pub node_votes: u32,
    /// Which life of it.
    #[serde(with = "ids::incarnation")]
    pub incarnation: Incarnation,
    /// What it is doing.
    pub state: State,
    /// The view it is in, if any.
    pub view: Option<ViewStatus>,
    /// Votes.
    pub quorum: QuorumStatus,
    /// What the classic text names beside them.
    pub flags: Vec<Flag>,
    /// Whether datagrams are sealed.
    pub encrypted: bool,
    /// Its links.
    pub links: Vec<LinkStatus>,
    /// Datagrams that were refused since the daemon started.
    pub rejected_datagrams: RejectedDatagrams,
    /// The process.
    pub daemon: DaemonStatus,
    /// Nodes that are kept out for a while because they came and went too often.
    pub hold_downs: Vec<HoldDown>,
    /// Nodes that are heard, but not in the way that is configured.
    pub path_troubles: Vec<PathTrouble>,
    /// What an operator should act upon, one sentence each: a link that is down, multicast that
    /// does not pass, a disk that fails, priority or memory that could not be had.
    pub alarms: Vec<String>,
    /// Names of nodes whose state must not be merged with ours.
    pub disallowed: Vec<String>,
    /// Numbers that the quorum promise rests on.
    pub promise: LeasePromise,
    /// Client programs that count as subsystems.
    pub active_subsystems: u32,
    /// Message ports that clients of this node have open, ascending.
    pub ports_bound: Vec<u8>,
    /// Votes of a quorum device, while one is registered.
    pub quorum_device_votes: Option<u32>,
}

/// What a daemon is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum State {
    /// Reading its configuration, opening its sockets.
    Starting,
    /// Looking for the others; in no view.
    Joining,
    /// In a view.
    Member,
    /// On its way out.
    Leaving,
    /// Refused by the others because both carry state.
    Disallowed,
    /// Out; the process is about to end.
    Left,
}

impl State {
    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Joining => "joining",
            Self::Member => "member",
            Self::Leaving => "leaving",
            Self::Disallowed => "disallowed",
            Self::Left => "left",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The installed view.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ViewStatus {
    /// Its number.
    #[serde(with = "ids::epoch")]
    pub epoch: Epoch,
    /// Who coordinates it.
    #[serde(with = "ids::node")]
    pub coordinator: NodeId,
    /// Its members, ascending.
    #[serde(with = "ids::nodes")]
    pub members: Vec<NodeId>,
    /// Views installed since the daemon started.
    pub changes: u64,
    /// When it was installed: wall clock, nanoseconds since 1970.
    pub installed_at: u64,
}

/// Votes and what they come to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuorumStatus {
    /// Whether this node may act, at the moment of the answer.
    pub quorate: bool,
    /// Votes of the members.
    pub votes: u32,
    /// Votes if all were here.
    pub expected_votes: u32,
    /// Votes that are enough.
    pub needed: u32,
    /// Milliseconds until the lease ends unless it is renewed; `None` without one.
    pub lease_ms_left: Option<u64>,
    /// Why it is so, one sentence. May be empty.
    pub why: String,
}

/// Words on the `Flags:` line of the classic text, in its order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Flag {
    /// Two nodes, one vote each, and one is enough.
    TwoNode,
    /// Shutting down.
    Shutdown,
    /// Something is wrong with the configuration.
    Error,
    /// Some nodes are disallowed.
    DisallowedNodes,
    /// Clients declared state that must not be merged.
    Dirty,
    /// Inquorate until all nodes have been seen once.
    WaitForAll,
    /// Left with `remove` before: inquorate until seen by a quorate node that was not.
    Removed,
}

impl Flag {
    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TwoNode => "two_node",
            Self::Shutdown => "shutdown",
            Self::Error => "error",
            Self::DisallowedNodes => "disallowed_nodes",
            Self::Dirty => "dirty",
            Self::WaitForAll => "wait_for_all",
            Self::Removed => "removed",
        }
    }

    /// The word in the classic text, for those that it knew.
    #[must_use]
    pub const fn classic_name(self) -> Option<&'static str> {
        match self {
            Self::TwoNode => Some("2node"),
            Self::Shutdown => Some("Shutdown"),
            Self::Error => Some("Error"),
            Self::DisallowedNodes => Some("DisallowedNodes"),
            Self::Dirty => Some("Dirty"),
            Self::WaitForAll | Self::Removed => None,
        }
    }
}

/// One network between all nodes, seen from this one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Its number, 0 to 7.
    pub id: u8,
    /// This node's address on it.
    pub address: IpAddr,
    /// The control port; data goes to the port below.
    pub port: u16,
    /// The multicast address; `None` when it is unicast only.
    pub multicast: Option<IpAddr>,
    /// Whether its address is on an interface that is up and has a carrier, and any of the members
    /// that this node watches was heard within the token.
    pub up: bool,
    /// Whether multicasts pass between this node and any of the members that it watches.
    pub multicast_heard: bool,
}

/// Datagrams refused, by cause, since the daemon started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RejectedDatagrams {
    /// Of this cluster's name, but did not open, or not encrypted.
    pub unauthenticated: u64,
    /// Seen before, or too old.
    pub replayed: u64,
    /// Not of cman at all, or damaged.
    pub malformed: u64,
    /// Of another cluster.
    pub foreign_cluster: u64,
}

/// The daemon process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Its process id.
    pub pid: u32,
    /// Its release, such as `0.1.0`.
    pub release: String,
    /// Memory it has resident.
    pub rss_bytes: u64,
    /// How often it was not run when it should have been.
    pub stalls: u64,
    /// Whether its memory is locked.
    pub memory_locked: bool,
    /// Whether its engine thread has real-time priority.
    pub realtime: bool,
    /// What could not be had, each one sentence with what to do about it.
    pub notes: Vec<String>,
    /// The configuration file it reads.
    pub config_file: String,
    /// Its state directory.
    pub state_dir: String,
}

/// A node that is kept out for a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HoldDown {
    /// Whom.
    #[serde(with = "ids::node")]
    pub node: NodeId,
    /// For how many milliseconds more.
    pub left_ms: u64,
    /// Why, one sentence.
    pub why: String,
}

/// A node that is heard, but not in the way that is configured.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PathTrouble {
    /// Which.
    #[serde(with = "ids::node")]
    pub node: NodeId,
    /// What, one sentence.
    pub text: String,
}

/// Numbers of the inequality that the quorum promise rests on: a node that is cut off knows it
/// before the others may act without it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeasePromise {
    /// Time from the last sign of life of a node to its being put out.
    pub token_ms: u64,
    /// How long quorum lasts without renewal.
    pub lease_ms: u64,
    /// Time between beats.
    pub beat_ms: u64,
    /// Bound on the error of clock rates, parts per million.
    pub rho_ppm: u64,
    /// Bound on the time between the check of the lease and its effect.
    pub stall_bound_ms: u64,
}
