//! What clients of this node ask of the services, what they are told, and why they are refused.
//! One type of each for all services; what they carry is the services' own.

use crate::{
    barriers::{BarrierError, BarrierEvent, BarrierRequest},
    fencing::{FenceError, FenceEvent, FenceRequest},
    groups::{GroupError, GroupEvent, GroupRequest},
    ports::{PortError, PortEvent, PortRequest},
};

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ClientRequest {
    /// Of barriers.
    Barrier(BarrierRequest),
    /// Of the fencing record.
    Fence(FenceRequest),
    /// Of groups.
    Group(GroupRequest),
    /// Of ports.
    Port(PortRequest),
}

/// What a client is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ClientEvent {
    /// By barriers.
    Barrier(BarrierEvent),
    /// By the fencing record.
    Fence(FenceEvent),
    /// By groups.
    Group(GroupEvent),
    /// By ports.
    Port(PortEvent),
}

/// Why a request was refused. Nothing has changed then.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum ClientError {
    /// By barriers.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    /// By the fencing record.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// By groups.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// By ports.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl ClientRequest {
    /// Whether it is a message of the client to others, of which there may be many: whoever pushes
    /// back lets these wait.
    #[must_use]
    pub const fn is_message(&self) -> bool {
        matches!(
            self,
            Self::Group(GroupRequest::Send { .. }) | Self::Port(PortRequest::Send { .. })
        )
    }
}

impl From<BarrierRequest> for ClientRequest {
    fn from(request: BarrierRequest) -> Self {
        Self::Barrier(request)
    }
}

impl From<FenceRequest> for ClientRequest {
    fn from(request: FenceRequest) -> Self {
        Self::Fence(request)
    }
}

impl From<GroupRequest> for ClientRequest {
    fn from(request: GroupRequest) -> Self {
        Self::Group(request)
    }
}

impl From<PortRequest> for ClientRequest {
    fn from(request: PortRequest) -> Self {
        Self::Port(request)
    }
}

impl From<BarrierEvent> for ClientEvent {
    fn from(event: BarrierEvent) -> Self {
        Self::Barrier(event)
    }
}

impl From<FenceEvent> for ClientEvent {
    fn from(event: FenceEvent) -> Self {
        Self::Fence(event)
    }
}

impl From<GroupEvent> for ClientEvent {
    fn from(event: GroupEvent) -> Self {
        Self::Group(event)
    }
}

impl From<PortEvent> for ClientEvent {
    fn from(event: PortEvent) -> Self {
        Self::Port(event)
    }
}
