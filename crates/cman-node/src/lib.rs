//! A whole node without I/O: sealing and sessions in front, the protocol engine behind.
//!
//! It opens no socket, reads no clock and draws no randomness of its own; the daemon and the
//! simulator drive the same code. See [`node::Node`] for the caller's contract.
#![forbid(unsafe_code)]

pub mod counting;
pub mod gate;
pub mod input;
pub mod messages;
pub mod node;
pub mod output;
mod sentence;
mod status;

pub use cman_order::{Message, Refused as Full, Stats as StreamStats};
pub use cman_proto::event::{Deliver, Refusal};
pub use cman_quorum::{AmendError, DeviceError, Timing};
pub use cman_services::{
    BarrierChange, BarrierClaim, BarrierError, BarrierEvent, BarrierName, BarrierOptions,
    BarrierRequest, ClientError, ClientEvent, ClientRequest, FenceError, FenceEvent, FenceRecord,
    FenceRequest, GroupError, GroupEvent, GroupName, GroupRequest, PortError, PortEvent,
    PortRequest, PortSet, Process, Session,
};
pub use counting::CommandError;
pub use input::{Command, Lane, Peer, Setup, Stored, WIRE_VERSIONS};
pub use messages::{PortUnknown, Refused};
pub use node::Node;
pub use output::{
    Came, Destination, DeviceStatus, Event, NodeStatus, Rejected, State, Status, Store, Transmit,
    ViewEvent,
};
