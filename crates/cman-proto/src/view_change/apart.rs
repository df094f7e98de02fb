//! Pure function of the answers to a proposal: who carries state and comes from elsewhere (R-80m).

use cman_types::{MemberId, NodeId, ViewId};
use cman_wire::frame::Flush;
use std::collections::{BTreeMap, BTreeSet};

/// The dirty members of all parts but one, once everybody told the view that it installed last. The
/// part that stays: the proposer's own if that is dirty, else the one whose dirty members have most
/// votes, else the newest.
pub(super) fn to_leave_out(
    me: MemberId,
    flushes: &BTreeMap<MemberId, Flush>,
    votes: impl Fn(NodeId) -> u32,
) -> BTreeSet<MemberId> {
    let dirty = || flushes.iter().filter(|(_, flush)| flush.dirty);
    let mut parts: BTreeMap<Option<ViewId>, u32> = BTreeMap::new();
    for (id, flush) in dirty() {
        *parts.entry(flush.origin).or_default() += votes(id.node);
    }
    let own = flushes.get(&me).map(|flush| flush.origin).filter(|own| parts.contains_key(own));
    let largest = || parts.iter().max_by_key(|&(part, votes)| (votes, part)).map(|(&part, _)| part);
    let stays = own.or_else(largest);
    dirty().filter(|(_, flush)| Some(flush.origin) != stays).map(|(&id, _)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::{Basis, Epoch, Incarnation, Salt};
    use cman_wire::frame::Holdings;
    use core::time::Duration;

    fn life(node: u32) -> MemberId {
        let node = NodeId::new(node).unwrap();
        MemberId { node, incarnation: Incarnation(1), salt: Salt::default() }
    }

    /// An answer from the view of this epoch.
    fn flush(origin: u64, dirty: bool) -> Flush {
        let view = |epoch| ViewId { epoch: Epoch(epoch), coordinator: life(1) };
        Flush {
            ballot: view(99),
            origin: Some(view(origin)),
            pending: Vec::new(),
            epoch_seen: Epoch(99),
            basis: Basis::default(),
            removed_self: false,
            fresh: false,
            knew: Epoch(0),
            dirty,
            hub_leases: Vec::<(NodeId, Duration)>::new(),
            promised: Vec::new(),
            index: 0,
            holdings: Holdings::default(),
        }
    }

    /// Whom node `me` leaves out of a ballot whose members, 1, 2 and so on, have these origins.
    fn left_out(me: u32, answers: &[(u64, bool)]) -> Vec<u32> {
        let flushes =
            (1..).zip(answers).map(|(node, &(origin, dirty))| (life(node), flush(origin, dirty)));
        let out = to_leave_out(life(me), &flushes.collect(), |_| 1);
        out.into_iter().map(|id| id.node.get()).collect()
    }

    #[test]
    fn one_part_that_carries_state_stays() {
        const CLEAN: bool = false;
        const DIRTY: bool = true;
        assert_eq!(left_out(1, &[(5, DIRTY), (5, DIRTY), (5, CLEAN)]), [], "they were together");
        assert_eq!(left_out(1, &[(5, DIRTY), (6, CLEAN), (7, CLEAN)]), [], "the clean may come");
        assert_eq!(left_out(1, &[(5, DIRTY), (6, DIRTY), (6, CLEAN)]), [2], "its own part stays");
        assert_eq!(left_out(3, &[(5, DIRTY), (6, DIRTY), (6, CLEAN)]), [1], "that of node 2");
        let three = [(5, DIRTY), (6, DIRTY), (5, DIRTY), (7, CLEAN)];
        assert_eq!(left_out(4, &three), [2], "a clean proposer keeps the larger part");
        assert_eq!(left_out(3, &[(5, DIRTY), (6, DIRTY), (4, CLEAN)]), [1], "else the newest");
    }
}
