//! Counting votes: a pure function of the rules, the members and what was decided before.

use cman_types::{Basis, NodeId, NodeSet};
use std::collections::BTreeMap;

/// The rules of a configuration.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct VoteRules {
    /// Votes of each configured node.
    pub votes: BTreeMap<NodeId, u32>,
    /// Votes expected when everybody is there.
    pub expected_votes: u32,
    /// Two nodes, either of which may act alone.
    pub two_node: bool,
    /// The first quorum needs all nodes together.
    pub wait_for_all: bool,
}

/// What a view has and needs.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ViewVotes {
    /// Votes of all members.
    pub present: u32,
    /// Votes expected, now that the removed among the members count again.
    pub expected: u32,
    /// Votes needed for quorum.
    pub needed: u32,
    /// Votes that it takes, counted in the old way, to take the removed back in.
    pub needed_before: u32,
    /// Members that had given up their votes and grant nothing until the view is settled.
    pub returning: NodeSet,
    /// Whether the first quorum still waits for all nodes.
    pub waiting_for_all: bool,
    /// Whether the view can be quorate at all. It is once enough members granted a lease.
    pub eligible: bool,
}

impl VoteRules {
    /// Votes of one node; nothing for one that is not configured.
    #[must_use]
    pub fn votes_of(&self, node: NodeId) -> u32 {
        self.votes.get(&node).copied().unwrap_or(0)
    }

    /// Votes of several nodes.
    pub fn sum(&self, nodes: impl Iterator<Item = NodeId>) -> u32 {
        nodes.fold(0, |sum, node| sum.saturating_add(self.votes_of(node)))
    }

    /// Votes expected when `removed` have given up theirs.
    #[must_use]
    pub fn expected_without(&self, removed: &NodeSet) -> u32 {
        self.expected_votes.saturating_sub(self.sum(removed.iter())).max(1)
    }

    /// What a view of `members` has and needs. `basis` is the one its members agreed on in the
    /// view change; `not_readmitted` are members that say of themselves that they were removed.
    #[must_use]
    pub fn decide(&self, members: &NodeSet, basis: &Basis, not_readmitted: &NodeSet) -> ViewVotes {
        let returning: NodeSet = members
            .iter()
            .filter(|&node| basis.removed.contains(node) || not_readmitted.contains(node))
            .collect();
        let mut removed_before = basis.removed.clone();
        removed_before.extend(not_readmitted.iter());
        let removed_after = without(&removed_before, members);
        let present = self.sum(members.iter());
        let expected = self.expected_without(&removed_after);
        let needed = self.majority(expected, present);
        let before = self.sum(members.iter().filter(|&node| !returning.contains(node)));
        let needed_before = self.majority(self.expected_without(&removed_before), before);
        let all_here =
            self.votes.keys().all(|&node| members.contains(node) || removed_before.contains(node));
        let waiting_for_all = self.wait_for_all && !basis.all_seen && !all_here;
        let eligible = present >= needed && before >= needed_before && !waiting_for_all;
        ViewVotes { present, expected, needed, needed_before, returning, waiting_for_all, eligible }
    }

    /// The basis that holds in a view of `members` installed on `basis`.
    #[must_use]
    pub fn basis_after(&self, members: &NodeSet, basis: &Basis) -> Basis {
        let all_here =
            self.votes.keys().all(|&node| members.contains(node) || basis.removed.contains(node));
        Basis {
            epoch: basis.epoch,
            removed: without(&basis.removed, members),
            all_seen: basis.all_seen || all_here,
        }
    }

    /// More than half of what is expected, and of what is there.
    fn majority(&self, expected: u32, present: u32) -> u32 {
        if self.two_node {
            return 1;
        }
        expected.max(present) / 2 + 1
    }
}

/// `set` less `members`.
fn without(set: &NodeSet, members: &NodeSet) -> NodeSet {
    set.iter().filter(|&node| !members.contains(node)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(id: u32) -> NodeId {
        NodeId::new(id).unwrap()
    }

    fn set(ids: &[u32]) -> NodeSet {
        ids.iter().map(|&id| n(id)).collect()
    }

    fn rules(count: u32) -> VoteRules {
        VoteRules {
            votes: (1..=count).map(|id| (n(id), 1)).collect(),
            expected_votes: count,
            two_node: false,
            wait_for_all: false,
        }
    }

    fn decide(rules: &VoteRules, members: &[u32], removed: &[u32]) -> ViewVotes {
        let basis = Basis { removed: set(removed), ..Basis::default() };
        rules.decide(&set(members), &basis, &NodeSet::new())
    }

    #[test]
    fn a_majority_is_more_than_half() {
        assert!(decide(&rules(5), &[1, 2, 3], &[]).eligible);
        assert!(!decide(&rules(5), &[1, 2], &[]).eligible);
        assert!(!decide(&rules(4), &[1, 2], &[]).eligible);
    }

    #[test]
    fn removed_nodes_are_not_expected() {
        let votes = decide(&rules(3), &[1], &[2, 3]);
        assert!(votes.eligible);
        assert_eq!((votes.expected, votes.needed), (1, 1));
    }

    #[test]
    fn removed_nodes_alone_are_never_quorate() {
        let alone = rules(3).decide(&set(&[2, 3]), &Basis::default(), &set(&[2, 3]));
        assert!(!alone.eligible, "{alone:?}");
    }

    #[test]
    fn a_returning_node_counts_again_for_the_next_view() {
        let votes = decide(&rules(3), &[1, 2], &[2, 3]);
        assert!(votes.eligible);
        assert_eq!((votes.needed_before, votes.needed), (1, 2));
        assert_eq!(votes.returning, set(&[2]));
    }

    #[test]
    fn half_of_those_who_stayed_take_nobody_back() {
        // 3 and 4 gave up their votes. Were they taken back by 1 and by 2 apart from each other,
        // both pairs would be quorate.
        assert!(!decide(&rules(4), &[1, 3], &[3, 4]).eligible);
        assert!(decide(&rules(4), &[1, 2, 3], &[3, 4]).eligible);
    }

    #[test]
    fn the_first_quorum_waits_for_all() {
        let rules = VoteRules { wait_for_all: true, two_node: true, ..rules(2) };
        let mut basis = Basis::default();
        assert!(!rules.decide(&set(&[1]), &basis, &NodeSet::new()).eligible);
        assert!(rules.decide(&set(&[1, 2]), &basis, &NodeSet::new()).eligible);
        basis = rules.basis_after(&set(&[1, 2]), &basis);
        assert!(rules.decide(&set(&[1]), &basis, &NodeSet::new()).eligible);
    }

    #[test]
    fn weights_count() {
        let mut rules = rules(3);
        rules.votes.insert(n(1), 5);
        rules.expected_votes = 7;
        assert!(decide(&rules, &[1], &[]).eligible);
        assert!(!decide(&rules, &[2, 3], &[]).eligible);
    }
}
