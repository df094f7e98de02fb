//! How views end, as the answers to proposals and the plans tell: whether a sequence has a hole
//! that nobody can fill.

use cman_types::{MemberId, ViewId};
use cman_wire::frame::{Flush, Holdings, Lineage, Ordered};
use std::collections::BTreeMap;

/// The newest answer of each member to each proposal.
#[derive(Debug, Default)]
pub struct Endings {
    told: BTreeMap<ViewId, BTreeMap<MemberId, Flush>>,
}

impl Endings {
    /// A member answers a proposal. It answers again when it has been brought up to date.
    pub fn tell(&mut self, member: MemberId, flush: &Flush) {
        self.told.entry(flush.ballot).or_default().insert(member, flush.clone());
    }

    /// The proposer of a ballot says how the views before it end: how many of them end with a hole
    /// in their sequence, a unit or a record that was there, and that nobody has.
    ///
    /// What lies behind a hole and is left out with it does not count for itself. The proposer's
    /// own answer is not on the wire, so a hole that only it knows of is not seen.
    pub fn end(&mut self, ballot: ViewId, lineages: &[Lineage]) -> u64 {
        let told = self.told.remove(&ballot).unwrap_or_default();
        // What was told to ballots that came to nothing is of no use either.
        self.told.retain(|other, _| other.epoch > ballot.epoch);
        let is_holed = |lineage: &&Lineage| {
            let of_it = told.values().filter(|flush| flush.origin == lineage.origin);
            has_hole(&of_it.map(|flush| &flush.holdings).collect::<Vec<_>>(), &lineage.sequence)
        };
        lineages.iter().filter(|lineage| lineage.origin.is_some()).filter(is_holed).count() as u64
    }
}

/// Whether the rest of the sequence, as planned, leaves out a place that was given.
fn has_hole(told: &[&Holdings], sequence: &[Ordered]) -> bool {
    let end_of = |run: &Ordered| run.first.saturating_add(run.run.count.into());
    let placed = sequence.iter().filter(|run| run.first > 0);
    let records = told.iter().flat_map(|holdings| &holdings.records);
    let end = records.chain(placed.clone()).map(end_of).max().unwrap_or(0);
    // All that some member has not delivered is in the plan, or missing in it.
    let delivered = told.iter().map(|holdings| holdings.delivered).min();
    let mut next = delivered.unwrap_or(u64::MAX).saturating_add(1);
    for run in placed {
        if run.first > next {
            return true;
        }
        next = next.max(end_of(run));
    }
    next < end
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::{Basis, Epoch, NodeSet};
    use cman_wire::frame::Run;

    fn view(epoch: u64) -> ViewId {
        crate::testing::view(epoch, &[1]).id
    }

    fn run(first: u64, sender: u16, from: u64, count: u32) -> Ordered {
        Ordered { first, run: Run { sender, from, count } }
    }

    fn flush(delivered: u64, records: &[Ordered]) -> Flush {
        Flush {
            ballot: view(7),
            origin: Some(view(5)),
            pending: Vec::new(),
            epoch_seen: Epoch(7),
            basis: Basis::default(),
            removed_self: false,
            fresh: false,
            knew: Epoch(0),
            dirty: false,
            hub_leases: Vec::new(),
            promised: Vec::new(),
            index: 0,
            holdings: Holdings { delivered, records: records.to_vec(), ..Holdings::default() },
        }
    }

    fn holes(flushes: &[Flush], sequence: &[Ordered]) -> u64 {
        let mut endings = Endings::default();
        for (id, flush) in (1..).zip(flushes) {
            endings.tell(crate::testing::life(id), flush);
        }
        let lineage = Lineage {
            origin: Some(view(5)),
            members: NodeSet::default(),
            leases: Vec::new(),
            stable: 0,
            sequence: sequence.to_vec(),
        };
        let count = endings.end(view(7), &[lineage]);
        assert!(endings.told.is_empty());
        count
    }

    #[test]
    fn a_record_whose_unit_is_lost_is_a_hole() {
        let told = flush(3, &[run(2, 0, 1, 2), run(4, 1, 1, 1)]);
        assert_eq!(holes(core::slice::from_ref(&told), &[run(4, 1, 1, 1)]), 0);
        assert_eq!(holes(core::slice::from_ref(&told), &[]), 1, "at the end");
        assert_eq!(holes(&[told], &[run(0, 1, 1, 1)]), 1, "what has no place fills none");
    }

    #[test]
    fn a_place_left_out_before_others_is_a_hole() {
        let told = [flush(5, &[]), flush(3, &[run(6, 2, 1, 1)])];
        assert_eq!(holes(&told, &[run(4, 0, 1, 1), run(6, 2, 1, 1)]), 1);
        assert_eq!(holes(&told, &[run(4, 0, 1, 2), run(6, 2, 1, 1)]), 0);
    }

    #[test]
    fn who_was_not_asked_tells_of_no_hole() {
        assert_eq!(holes(&[], &[run(9, 0, 1, 1)]), 0);
    }
}
