//! What a client asks of the node, and the answer.

use cman_ipc::Reply;
use cman_services::{ClientRequest, GroupRequest, PortRequest};
use cman_types::GroupName;
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
    /// Something that the node decides.
    Request(ClientRequest),
}

impl Call {
    /// Whether the node may have no room for it.
    pub(crate) const fn wants_room(&self) -> bool {
        matches!(self.what, What::Request(_))
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
