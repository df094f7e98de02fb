//! What clients ask of ports, what they are told, and why they are refused.

use bytes::Bytes;
use cman_types::NodeId;

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PortRequest {
    /// To get what is sent to a port of this node, until the client is gone. Done at once: what is
    /// sent by those who know of it reaches the client. Then comes [`PortEvent::Opened`] of the
    /// own node, before everything else.
    Bind {
        /// 1 to 255.
        port: u8,
    },
    /// To send a message to whoever has bound a port. The own one need not be bound.
    Send {
        /// At which node; at all, this one included, if none.
        to: Option<NodeId>,
        /// 1 to 255.
        port: u8,
        /// What; may be empty.
        payload: Bytes,
    },
}

/// What a client is told that has bound a port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PortEvent {
    /// A node, perhaps this one, has the same port bound now.
    Opened {
        /// Which node.
        node: NodeId,
    },
    /// A node does not have it bound any more. Not told of nodes that are lost.
    Closed {
        /// Which node.
        node: NodeId,
    },
    /// A message to the port.
    Message {
        /// From which node.
        node: NodeId,
        /// The port that its sender has bound; 0 if none.
        port: u8,
        /// What was sent.
        payload: Bytes,
    },
}

/// Why a request was refused. Nothing has changed then.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// The node has port 0 itself.
    #[error("port 0 is not for clients: use one of 1 to 255")]
    Zero,
    /// Another client of this node has the port.
    #[error("port {port} of this node is bound by another client: use another port")]
    Taken {
        /// Which port.
        port: u8,
    },
    /// The client has a port.
    #[error("this client has bound port {port} already: a client has one port")]
    HasPort {
        /// Which port.
        port: u8,
    },
}
