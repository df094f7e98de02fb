//! What clients of this node ask of the services, what they are told, and why they are refused.
//! One type of each for all services; what they carry is the services' own.

use crate::{
    groups::{GroupError, GroupEvent, GroupRequest},
    ports::{PortError, PortEvent, PortRequest},
};

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ClientRequest {
    /// Of groups.
    Group(GroupRequest),
    /// Of ports.
    Port(PortRequest),
}

/// What a client is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ClientEvent {
    /// By groups.
    Group(GroupEvent),
    /// By ports.
    Port(PortEvent),
}

/// Why a request was refused. Nothing has changed then.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum ClientError {
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
