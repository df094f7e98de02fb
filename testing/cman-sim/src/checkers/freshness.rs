//! nobody counts as heard later than its datagrams arrived. What lay queued in a socket
//! while the node was stalled counts as old, and a replayed or second copy proves nothing. A delay
//! of up to a beat is no stall.

use crate::{
    host::Host,
    violation::{Check, Violation},
};
use cman_node::Status;

/// What `host` says of when it heard the others, against when their datagrams came.
pub fn check(host: &Host, status: &Status) -> Check {
    // As shown by the fastest clock.
    let slack = host.cluster.beat() * 102 / 100;
    for peer in status.nodes.iter().filter(|peer| peer.id != host.node) {
        let arrived = host.cluster.position(peer.id).and_then(|at| host.heard.get(at));
        let (Some(said), Some(&arrived)) = (peer.heard_at, arrived) else {
            continue;
        };
        if said.since(arrived) > slack {
            return Err(Violation::new(
                "freshness",
                &[host.node, peer.id],
                format!("says it heard {:?} at {said:?}, the last came at {arrived:?}", peer.id),
            ));
        }
    }
    Ok(())
}
