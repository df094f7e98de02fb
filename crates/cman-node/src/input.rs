//! What a node is told.

use cman_types::{Amendment, Epoch, Incarnation, NodeId, Salt};
use core::{net::SocketAddr, time::Duration};

/// Which of the two ports a datagram uses: floods of data neither delay beats nor make them look
/// replayed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    /// Membership: `port`.
    Control,
    /// Messages: `port - 1`.
    Data,
}

impl Lane {
    /// Where a node is on this lane that is known by its control address.
    #[must_use]
    pub const fn address_of(self, mut control: SocketAddr) -> SocketAddr {
        if matches!(self, Self::Data) {
            control.set_port(control.port().saturating_sub(1));
        }
        control
    }

    /// The control address of a node from which something came on this lane.
    #[must_use]
    pub const fn control_address(self, mut source: SocketAddr) -> SocketAddr {
        if matches!(self, Self::Data) {
            source.set_port(source.port().saturating_add(1));
        }
        source
    }
}

/// One configured node, as far as the protocol cares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its node id.
    pub id: NodeId,
    /// Its votes.
    pub votes: u32,
    /// Its configured control address, if its name resolved. A peer that did not resolve is
    /// learnt from authenticated datagrams.
    pub address: Option<SocketAddr>,
}

/// All that a node must know before it starts.
#[derive(Clone, Debug)]
pub struct Setup {
    /// This node.
    pub me: NodeId,
    /// This life. Must be on disk before the first datagram is sent.
    pub incarnation: Incarnation,
    /// 128 fresh random bits.
    pub salt: Salt,
    /// Seed of the node's generator: fresh random bits in the daemon.
    pub seed: u64,
    /// This node's own control address.
    pub address: SocketAddr,
    /// The cluster's name, for the header in clear.
    pub cluster_name: String,
    /// The configuration's cluster id.
    pub cluster_id: u16,
    /// The configuration's version.
    pub config_version: u64,
    /// All configured nodes, this one included, sorted by id.
    pub peers: Vec<Peer>,
    /// Expected votes.
    pub expected_votes: u32,
    /// Two nodes, either of which may act alone.
    pub two_node: bool,
    /// The first quorum needs all nodes.
    pub wait_for_all: bool,
    /// The token: silence after which a node is declared dead; 200 ms to 300 s.
    pub token: Duration,
    /// Whether hubs and candidates multicast; if not, they send to every known address.
    pub multicast: bool,
    /// Lowest and highest wire version to speak; the daemon passes [`WIRE_VERSIONS`].
    pub wire_versions: (u8, u8),
    /// The epoch ceiling found on disk; `None` if the state was lost or never there.
    pub epoch_ceiling: Option<Epoch>,
    /// Seconds of the wall clock: a node without stored state starts above them.
    pub wall_seconds: u64,
    /// Whether this node left with `remove` in a former life and was not readmitted since.
    pub removed: bool,
    /// Epoch of the newest basis, known to a former life, in which nodes had more votes than
    /// configured; 0 if there was none.
    pub raised: Epoch,
    /// How often a quorum device must be polled.
    pub device_poll: Duration,
    /// Whether every delivery and every transition is told as an event: for checkers.
    pub observe: bool,
}

/// The wire versions this program speaks, lowest and highest.
pub const WIRE_VERSIONS: (u8, u8) = (1, 1);

/// What an administrator or client asks of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Leave in good order; with `remove`, give up the votes.
    Leave {
        /// Whether the others shall no longer expect this node's votes.
        remove: bool,
    },
    /// Put another member out.
    Kill {
        /// Whom.
        node: NodeId,
    },
    /// Change votes while the cluster runs. [`Event::Amended`](crate::Event::Amended) tells the
    /// outcome, after any time.
    Amend {
        /// By which the outcome is told.
        ticket: u64,
        /// What shall be counted.
        amendment: Amendment,
    },
    /// Make the quorum device of this node known.
    DeviceRegister {
        /// Its name.
        name: Vec<u8>,
        /// What it adds while it lives.
        votes: u32,
    },
    /// Forget the quorum device.
    DeviceUnregister,
    /// The quorum device lives, or is dead from now on.
    DevicePoll {
        /// Whether it lives.
        available: bool,
    },
    /// Clients of this node carry state that must not be merged: for good, until its end (R-80m).
    SetDirty,
    /// Have all members read their configurations until they have this version.
    WantConfig {
        /// Which.
        version: u64,
    },
    /// A configuration is in force here that differs from the one before in nothing that the node
    /// knows but its version.
    Configure {
        /// Its version.
        version: u64,
    },
    /// A peer's name resolved after all.
    Resolved {
        /// Which peer.
        node: NodeId,
        /// Its control address.
        address: SocketAddr,
    },
}

/// What is on disk now, in answer to [`crate::output::Store`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The epoch ceiling that is on disk.
    pub epoch_ceiling: Epoch,
    /// The removed flag that is on disk.
    pub removed: bool,
    /// False if the disk failed: the node goes on, with a warning.
    pub ok: bool,
}
