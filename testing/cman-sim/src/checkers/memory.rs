//! Memory is bounded, whatever others do: what is kept for members that fall behind, what is on
//! its way, and what waits to be sent.

use cman_node::StreamStats;
use cman_types::NodeId;

use crate::violation::{Check, Violation};

const MIB: usize = 1 << 20;

/// The repair buffer, and windows of all senders: an overfull one, and what came meanwhile.
const HELD_MAX: usize = 64 * MIB + 32 * MIB + MIB;

/// The queue, which takes one message of any size while nothing else waits.
const QUEUED_MAX: usize = 8 * MIB + 16 * MIB;

/// What the stream of a node holds.
pub fn check(node: NodeId, stats: &StreamStats) -> Check {
    for (name, bytes, most) in
        [("held", stats.held_bytes, HELD_MAX), ("waiting", stats.queued_bytes, QUEUED_MAX)]
    {
        if bytes > most {
            let what = format!("{bytes} bytes {name}, at most {most} expected");
            return Err(Violation::new("bounded memory", &[node], what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_is_found() {
        let node = NodeId::new(1).unwrap();
        let stats = |held_bytes, queued_bytes| StreamStats {
            held_bytes,
            queued_bytes,
            ..StreamStats::default()
        };
        assert!(check(node, &stats(HELD_MAX, QUEUED_MAX)).is_ok());
        assert!(check(node, &stats(HELD_MAX + 1, 0)).is_err());
        assert!(check(node, &stats(0, QUEUED_MAX + 1)).is_err());
    }
}
