//! What is known of the fencing of nodes, in the words of clients.

use crate::{
    answer::{no_answer, refused},
    context::Context,
};
use cman_ipc::{ErrorCode, Reply, classic::FenceStatus, nodes::Fenced};
use cman_node::FenceRecord;
use cman_types::NodeId;

/// The reply to the question for the last fencing of a node.
pub(crate) async fn answer(context: &Context, node: NodeId) -> Reply {
    let snapshot = match context.engine.status().await {
        Ok(snapshot) => snapshot,
        Err(error) => return Reply::Error(no_answer(error)),
    };
    match snapshot.status.nodes.into_iter().find(|known| known.id == node) {
        Some(known) => Reply::Fence(known.fenced.map(status).unwrap_or_default()),
        None => {
            let text = format!("there is no node {node} in the configuration");
            refused(ErrorCode::NotFound, text, "look at `cman_tool nodes`")
        }
    }
}

fn status(record: FenceRecord) -> FenceStatus {
    let FenceRecord { at, agent, fenced, .. } = record;
    FenceStatus { at, fenced, agent: agent.to_vec() }
}

/// As tools show it: nothing once the node went down again (FR-04).
pub(crate) fn last(record: &FenceRecord) -> Option<Fenced> {
    let at = record.at.saturating_mul(1_000_000_000);
    let by = String::from_utf8_lossy(&record.agent).into_owned();
    record.fenced.then_some(Fenced { at, by })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// FR-04.
    #[test]
    fn a_fencing_before_the_last_fall_is_not_shown() {
        let agent = Bytes::from_static(b"fence_apc\xff");
        let record = FenceRecord { at: 1_000_000_000, agent, fenced: true, while_up: false };
        let shown = last(&record).unwrap();
        assert_eq!((shown.at, &*shown.by), (1_000_000_000_000_000_000, "fence_apc\u{fffd}"));
        let before = FenceRecord { fenced: false, ..record };
        assert_eq!(last(&before), None);
        let status = status(before);
        assert_eq!((status.at, status.fenced), (1_000_000_000, false), "but answered");
    }
}
