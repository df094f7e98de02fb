//! What a client asks of the node, and the answer.

use cman_ipc::Reply;
use cman_services::{ClientRequest, GroupRequest, PortRequest};
use cman_types::{GroupName, NodeId};
use tokio::sync::oneshot;

/// What a call counts for, besides the payload: about what it takes in memory.
const CALL_BYTES: usize = 128;

/// One request of a client, on its way to the node.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) what: What,
    /// Who waits for the answer. Whoever does not is told of refusals by an event.
    pub(crate) answer: Option<oneshot::Sender<Reply>>,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum What {
    /// The client is gone: the last call of a session.
    Close,
    /// Nothing: answered when all calls before it are done.
    Flush,
    /// Which groups are there, and who is in them?
    List,
    /// Who is in this group?
    Members(GroupName),
    /// Has a node, this one if none, bound this port?
    IsBound(Option<NodeId>, u8),
    /// Something that the node decides.
    Request(ClientRequest),
}

impl Call {
    /// Whether the node may have no room for it.
    pub(crate) const fn wants_room(&self) -> bool {
        matches!(self.what, What::Request(_))
    }

    /// Whether it waits until there is room, also if its client is not patient: clients of the
    /// classic interface do not know of refusals for want of it (PT-13).
    pub(crate) const fn is_patient(&self) -> bool {
        self.is_answered_later() || matches!(self.what, What::Request(ClientRequest::Port(_)))
    }

    /// Whether the node says later what came of it, by an event: it has to come back in the
    /// order of the stream, or waits for others (BR-05, FR-02).
    pub(crate) const fn is_answered_later(&self) -> bool {
        matches!(self.what, What::Request(ClientRequest::Barrier(_) | ClientRequest::Fence(_)))
    }

    /// What it counts for in the account of its client.
    pub(crate) fn bytes(&self) -> usize {
        match &self.what {
            What::Request(
                ClientRequest::Group(GroupRequest::Send { payload, .. })
                | ClientRequest::Port(PortRequest::Send { payload, .. }),
            ) => CALL_BYTES.saturating_add(payload.len()),
            _ => CALL_BYTES,
        }
    }
}
