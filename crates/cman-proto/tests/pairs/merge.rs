//! Two views with full repair buffers become one: what the view change has to say of them is
//! longer than any one message may be if it is said carelessly..

use crate::world::{PAIRS, Pairs, TOKEN};
use core::time::Duration;

/// Messages of each node. At two runs of order records for each pair of messages that is more than
/// a message of 2 MiB holds at the 22 bytes of a record whose fields are all told.
const MESSAGES: u64 = 25_000;

/// What waits for a safe message that nobody knows to be stable is not delivered and not freed:
/// all of it is in the plan.
#[test]
fn views_with_full_buffers_merge() {
    let mut world = Pairs::formed();
    for pair in PAIRS {
        world.send(pair[0], true);
    }
    for _ in 1..MESSAGES {
        world.run_for(Duration::from_micros(50));
        // One after the other: each unit is a run of its own.
        for node in PAIRS.concat() {
            world.send(node, false);
        }
    }
    for node in PAIRS.concat() {
        assert!(world.delivered(node).is_empty(), "all waits for the first, which is safe");
    }
    world.heal();
    assert!(world.run_until(TOKEN * 5, Pairs::is_one), "no view of all");
    for pair in PAIRS {
        let [one, other] = pair.map(|node| world.delivered(node));
        let sent = usize::try_from(2 * MESSAGES - 1).unwrap();
        assert_eq!((one.len(), other.len()), (sent, sent));
        assert_eq!(one, other);
    }
    assert_eq!(world.too_long, 0);
}
