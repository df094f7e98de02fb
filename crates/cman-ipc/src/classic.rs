//! What clients of the classic interface ask for: ports, barriers, the quorum device, votes, the
//! fencing record, shutdown. What they are told is in [`crate::notice`].
//!
//! Each request has its own kind. Bodies are written by the serializer; a node id of zero stands
//! for "none", which each request explains.

use crate::kind;
use bytes::Bytes;
use cman_types::{BarrierName, NodeId};
use postcard::Result;
use serde::{Deserialize, Serialize};

/// Longest payload of a message to a port, in bytes.
pub const PORT_MESSAGE_MAX: usize = 1492;
/// Longest name of a quorum device, in bytes.
pub const DEVICE_NAME_MAX: usize = 255;
/// Longest name of a fence agent, in bytes.
pub const AGENT_NAME_MAX: usize = 254;

/// A request of the classic interface. Each says what it is answered by.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClassicRequest {
    /// Make a barrier known, or take over the one of that name -> `Done`; `Invalid` when it exists
    /// with another number of nodes.
    BarrierRegister {
        /// Which.
        name: BarrierName,
        /// [`barrier`] flags.
        flags: u32,
        /// How many nodes are waited for; 0: as many as are members.
        nodes: u32,
    },
    /// Change a barrier -> `Done`; `NotFound`, `Invalid`.
    BarrierChange {
        /// Which.
        name: BarrierName,
        /// What.
        change: BarrierChange,
    },
    /// Say that this node has come to the barrier, and wait until all have -> `Done`, after any
    /// time; `NotFound`, `TimedOut`, `NodeLost`.
    BarrierWait {
        /// Which.
        name: BarrierName,
    },
    /// Forget a barrier -> `Done`; `NotFound`.
    BarrierDelete {
        /// Which.
        name: BarrierName,
    },
    /// Make the quorum device of this node known; it is dead until it is polled -> `Done`; `Exists`
    /// when there is one, `Already` when a node has that name, `NotFound` before the first view.
    DeviceRegister {
        /// Its name, at most [`DEVICE_NAME_MAX`] bytes.
        name: Bytes,
        /// What it adds to the votes of this node.
        votes: u32,
    },
    /// Forget the quorum device -> `Done`; `Invalid` without one, `Busy` while it lives.
    DeviceUnregister,
    /// The device lives, or is dead from now on -> `Done`; `Invalid` without one.
    DevicePoll {
        /// Whether it lives.
        available: bool,
    },
    /// The quorum device -> [`Reply::Device`](crate::Reply::Device); `NotFound` without one.
    DeviceGet,
    /// What is known of the last fencing of a node -> [`Reply::Fence`](crate::Reply::Fence);
    /// `NotFound`.
    FenceGet {
        /// Which node.
        node: NodeId,
    },
    /// A node was fenced: all members note it -> `Done`; `NotFound`.
    FenceSet {
        /// Which node.
        node: NodeId,
        /// When, in seconds since 1970.
        at: u64,
        /// By which agent, at most [`AGENT_NAME_MAX`] bytes.
        agent: Bytes,
    },
    /// Whether this connection is told of [`Notice`](crate::Notice)s, but for those of its port and
    /// of views -> `Done`. It is then asked, too, when somebody wants to shut down.
    Notify {
        /// Whether it is, from now on.
        on: bool,
    },
    /// Whether this connection is told of each view -> `Done`.
    NotifyViews {
        /// Whether it is, from now on.
        on: bool,
    },
    /// Bind a port: this connection gets what is sent to it -> `Done`; `Exists` when another
    /// connection has it, or this one has another.
    PortBind {
        /// 1 to 255.
        port: u8,
    },
    /// Send to a port -> nothing at all. Dropped by nodes where nobody has bound it.
    PortSend {
        /// To which node; all, this one included, if none.
        to: Option<NodeId>,
        /// 1 to 255.
        port: u8,
        /// At most [`PORT_MESSAGE_MAX`] bytes.
        payload: Bytes,
    },
    /// Whether a node has bound a port -> [`Reply::Is`](crate::Reply::Is); `NotFound` for a node
    /// that is not configured, `NotMember`, `Busy` while it is not known yet.
    PortIsBound {
        /// Which node; this one if none.
        node: Option<NodeId>,
        /// 0 to 255.
        port: u8,
    },
    /// Which parts of the daemon say more in the log -> `Done`.
    SetDebug {
        /// [`debug`] bits.
        mask: u32,
    },
    /// This node carries state that must not be merged, until the daemon ends -> `Done`;
    /// `NotMember` before its first view.
    SetDirty,
    /// What the members expect in all -> `Done`; `Invalid`.
    SetExpectedVotes {
        /// At least 1.
        votes: u32,
    },
    /// All members read their configuration again, until they have that version -> `Done`;
    /// `Invalid`.
    SetConfigVersion {
        /// Which version.
        version: u64,
    },
    /// The votes of a node -> `Done`; `Invalid`, `NotFound`, `NotMember`.
    SetVotes {
        /// Which node; this one if none.
        node: Option<NodeId>,
        /// At least 1.
        votes: u32,
    },
    /// Leave if no client of this node objects -> `Done` just before the daemon ends; `Busy` when
    /// one does or does not answer in time, `Already` when this is being asked.
    Shutdown {
        /// Whether objections count for nothing.
        anyway: bool,
        /// Whether those who stay lower what they expect.
        remove: bool,
    },
    /// What this client says to a shutdown -> nothing at all.
    ShutdownReply {
        /// Whether it agrees.
        agree: bool,
    },
}

/// Flags of a barrier.
pub mod barrier {
    /// Forget it when all have come.
    pub const AUTODELETE: u32 = 1;
    /// Not supported.
    pub const MULTISTEP: u32 = 2;
    /// Wait only when told to.
    pub const MANUAL: u32 = 4;
    /// This node has come.
    pub const ENABLED: u32 = 8;
    /// Historic; nothing depends on it.
    pub const CALLBACK: u32 = 16;
}

/// Parts of the daemon that can say more.
pub mod debug {
    /// Barriers.
    pub const BARRIER: u32 = 2;
    /// Membership.
    pub const MEMBERSHIP: u32 = 4;
    /// Clients.
    pub const DAEMON: u32 = 8;
    /// The order of messages.
    pub const AIS: u32 = 16;
    /// The start.
    pub const STARTUP: u32 = 32;
}

/// A change of a barrier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BarrierChange {
    /// Whether it is forgotten when all have come.
    Autodelete(bool),
    /// This node has come, without waiting.
    Enable,
    /// How many nodes are waited for. Only before this node has come.
    Nodes(u32),
    /// How long [`ClassicRequest::BarrierWait`] waits, in seconds; 0: without end. Only before this
    /// node has come.
    Timeout(u32),
}

/// The quorum device of this node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// What it was registered as.
    pub name: Vec<u8>,
    /// Whether it was polled in time.
    pub alive: bool,
    /// What it adds while it lives.
    pub votes: u32,
}

/// What is known of the fencing of a node.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FenceStatus {
    /// When it was fenced last, in seconds since 1970; 0: never, as far as known.
    pub at: u64,
    /// Whether it was since it last went down.
    pub fenced: bool,
    /// By which agent.
    pub agent: Vec<u8>,
}

impl ClassicRequest {
    /// Whether it is only accepted on the admin socket.
    #[must_use]
    pub const fn needs_admin(&self) -> bool {
        match self {
            Self::DeviceRegister { .. }
            | Self::DeviceUnregister
            | Self::DevicePoll { .. }
            | Self::FenceSet { .. }
            | Self::SetDebug { .. }
            | Self::SetDirty
            | Self::SetExpectedVotes { .. }
            | Self::SetConfigVersion { .. }
            | Self::SetVotes { .. }
            | Self::Shutdown { .. } => true,
            Self::BarrierRegister { .. }
            | Self::BarrierChange { .. }
            | Self::BarrierWait { .. }
            | Self::BarrierDelete { .. }
            | Self::DeviceGet
            | Self::FenceGet { .. }
            | Self::Notify { .. }
            | Self::NotifyViews { .. }
            | Self::PortBind { .. }
            | Self::PortSend { .. }
            | Self::PortIsBound { .. }
            | Self::ShutdownReply { .. } => false,
        }
    }

    /// Whether there is an answer.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        !matches!(self, Self::PortSend { .. } | Self::ShutdownReply { .. })
    }

    pub(crate) const fn kind(&self) -> u16 {
        match self {
            Self::BarrierRegister { .. } => kind::BARRIER_REGISTER,
            Self::BarrierChange { .. } => kind::BARRIER_CHANGE,
            Self::BarrierWait { .. } => kind::BARRIER_WAIT,
            Self::BarrierDelete { .. } => kind::BARRIER_DELETE,
            Self::DeviceRegister { .. } => kind::DEVICE_REGISTER,
            Self::DeviceUnregister => kind::DEVICE_UNREGISTER,
            Self::DevicePoll { .. } => kind::DEVICE_POLL,
            Self::DeviceGet => kind::DEVICE_GET,
            Self::FenceGet { .. } => kind::FENCE_GET,
            Self::FenceSet { .. } => kind::FENCE_SET,
            Self::Notify { .. } => kind::NOTIFY,
            Self::NotifyViews { .. } => kind::NOTIFY_VIEWS,
            Self::PortBind { .. } => kind::PORT_BIND,
            Self::PortSend { .. } => kind::PORT_SEND,
            Self::PortIsBound { .. } => kind::PORT_IS_BOUND,
            Self::SetDebug { .. } => kind::SET_DEBUG,
            Self::SetDirty => kind::SET_DIRTY,
            Self::SetExpectedVotes { .. } => kind::SET_EXPECTED_VOTES,
            Self::SetConfigVersion { .. } => kind::SET_CONFIG_VERSION,
            Self::SetVotes { .. } => kind::SET_VOTES,
            Self::Shutdown { .. } => kind::SHUTDOWN,
            Self::ShutdownReply { .. } => kind::SHUTDOWN_REPLY,
        }
    }

    pub(crate) fn write(&self, to: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Self::BarrierRegister { name, flags, nodes } => {
                put(&(name.as_bytes(), flags, nodes), to)
            }
            Self::BarrierChange { name, change } => put(&(name.as_bytes(), change), to),
            Self::BarrierWait { name } | Self::BarrierDelete { name } => put(name.as_bytes(), to),
            Self::DeviceRegister { name, votes } => put(&(name.as_ref(), votes), to),
            Self::FenceGet { node } => put(&node.get(), to),
            Self::FenceSet { node, at, agent } => put(&(node.get(), at, agent.as_ref()), to),
            Self::Notify { on } | Self::NotifyViews { on } => put(on, to),
            Self::PortBind { port } => put(port, to),
            Self::PortSend { to: node, port, payload } => {
                put(&(or_zero(*node), port, payload.as_ref()), to)
            }
            Self::PortIsBound { node, port } => put(&(or_zero(*node), port), to),
            Self::SetDebug { mask } => put(mask, to),
            Self::SetExpectedVotes { votes } => put(votes, to),
            Self::SetConfigVersion { version } => put(version, to),
            Self::SetVotes { node, votes } => put(&(or_zero(*node), votes), to),
            Self::Shutdown { anyway, remove } => put(&(anyway, remove), to),
            Self::DevicePoll { available: yes } | Self::ShutdownReply { agree: yes } => {
                put(yes, to)
            }
            Self::DeviceUnregister | Self::DeviceGet | Self::SetDirty => Ok(to),
        }
    }

    /// A request of that kind; none if the kind is not one of these.
    pub(crate) fn read(kind: u16, body: &[u8]) -> Result<Option<Self>> {
        let request = match kind {
            kind::BARRIER_REGISTER => {
                let (name, flags, nodes) = get::<(&[u8], _, _)>(body)?;
                Self::BarrierRegister { name: barrier_name(name)?, flags, nodes }
            }
            kind::BARRIER_CHANGE => {
                let (name, change) = get::<(&[u8], _)>(body)?;
                Self::BarrierChange { name: barrier_name(name)?, change }
            }
            kind::BARRIER_WAIT => Self::BarrierWait { name: barrier_name(get(body)?)? },
            kind::BARRIER_DELETE => Self::BarrierDelete { name: barrier_name(get(body)?)? },
            kind::DEVICE_REGISTER => {
                let (name, votes) = get::<(&[u8], _)>(body)?;
                Self::DeviceRegister { name: at_most(name, DEVICE_NAME_MAX)?, votes }
            }
            kind::DEVICE_UNREGISTER => get(body).map(|()| Self::DeviceUnregister)?,
            kind::DEVICE_POLL => Self::DevicePoll { available: get(body)? },
            kind::DEVICE_GET => get(body).map(|()| Self::DeviceGet)?,
            kind::FENCE_GET => Self::FenceGet { node: some_node(get(body)?)? },
            kind::FENCE_SET => {
                let (node, at, agent) = get::<(_, _, &[u8])>(body)?;
                let agent = at_most(agent, AGENT_NAME_MAX)?;
                Self::FenceSet { node: some_node(node)?, at, agent }
            }
            kind::NOTIFY => Self::Notify { on: get(body)? },
            kind::NOTIFY_VIEWS => Self::NotifyViews { on: get(body)? },
            kind::PORT_BIND => Self::PortBind { port: get(body)? },
            kind::PORT_SEND => {
                let (node, port, payload) = get::<(_, _, &[u8])>(body)?;
                // PT-11
                if port == 0 {
                    return Err(INVALID);
                }
                let payload = at_most(payload, PORT_MESSAGE_MAX)?;
                Self::PortSend { to: NodeId::new(node), port, payload }
            }
            kind::PORT_IS_BOUND => {
                let (node, port) = get(body)?;
                Self::PortIsBound { node: NodeId::new(node), port }
            }
            kind::SET_DEBUG => Self::SetDebug { mask: get(body)? },
            kind::SET_DIRTY => get(body).map(|()| Self::SetDirty)?,
            kind::SET_EXPECTED_VOTES => Self::SetExpectedVotes { votes: get(body)? },
            kind::SET_CONFIG_VERSION => Self::SetConfigVersion { version: get(body)? },
            kind::SET_VOTES => {
                let (node, votes) = get(body)?;
                Self::SetVotes { node: NodeId::new(node), votes }
            }
            kind::SHUTDOWN => {
                let (anyway, remove) = get(body)?;
                Self::Shutdown { anyway, remove }
            }
            kind::SHUTDOWN_REPLY => Self::ShutdownReply { agree: get(body)? },
            _ => return Ok(None),
        };
        Ok(Some(request))
    }
}

const INVALID: postcard::Error = postcard::Error::SerdeDeCustom;

fn or_zero(node: Option<NodeId>) -> u32 {
    node.map_or(0, NodeId::get)
}

fn some_node(node: u32) -> Result<NodeId> {
    NodeId::new(node).ok_or(INVALID)
}

fn barrier_name(bytes: &[u8]) -> Result<BarrierName> {
    BarrierName::new(bytes).map_err(|_| INVALID)
}

fn at_most(bytes: &[u8], max: usize) -> Result<Bytes> {
    if bytes.len() > max { Err(INVALID) } else { Ok(Bytes::copy_from_slice(bytes)) }
}

fn put<T: Serialize + ?Sized>(body: &T, to: Vec<u8>) -> Result<Vec<u8>> {
    postcard::to_extend(body, to)
}

fn get<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    match postcard::take_from_bytes(body)? {
        (value, []) => Ok(value),
        _ => Err(INVALID),
    }
}
