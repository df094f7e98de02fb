//! nobody counts as heard later than its datagrams arrived. What lay queued in a socket
//! while the node was stalled counts as old, and a replayed or second copy proves nothing. A delay
//! of about a beat is no stall: then the world takes the time of reading for that of arrival.

use core::time::Duration;

use crate::{
    host::Host,
    violation::{Check, Violation},
};
use cman_node::Status;

/// Reading takes no time in the simulator; this is for rounding.
const SLACK: Duration = Duration::from_micros(10);

/// What `host` says of when it heard the others, against when their datagrams came.
pub fn check(host: &Host, status: &Status) -> Check {
    for peer in status.nodes.iter().filter(|peer| peer.id != host.node) {
        let arrived = host.cluster.position(peer.id).and_then(|at| host.heard.get(at));
        let (Some(said), Some(&arrived)) = (peer.heard_at, arrived) else {
            continue;
        };
        if said.since(arrived) > SLACK {
            return Err(Violation::new(
                "freshness",
                &[host.node, peer.id],
                format!("says it heard {:?} at {said:?}, the last came at {arrived:?}", peer.id),
            ));
        }
    }
    Ok(())
}
