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
    /// Votes of all members, and of this node's quorum device.
    pub present: u32,
    /// Those of this node's quorum device.
    pub device: u32,
    /// Votes expected, now that the removed among the members count again.
    pub expected: u32,
    /// Votes needed for quorum, as told to people: `quorum.known`, or `quorum.all` where only that
    /// can be reached.
    pub needed: u32,
    /// What grants must reach.
    pub quorum: Threshold,
    /// What they must reach, counted in the old way, to take the removed back in.
    pub before: Threshold,
    /// Members that had given up their votes and grant nothing until the view is settled.
    pub returning: NodeSet,
    /// Members that do not count against a lowered expectation, because their former life may have
    /// known more than they do.
    pub fresh: NodeSet,
    /// Whether the first quorum still waits for all nodes.
    pub waiting_for_all: bool,
    /// Whether somebody may have more votes than any member knows, and may act elsewhere.
    pub forgotten: bool,
    /// Whether the view can be quorate at all. It is once enough members granted a lease.
    pub eligible: bool,
}

/// Votes that make a quorum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Threshold {
    /// Of members that took part in quorum in this life: a majority of what is expected now.
    pub known: u32,
    /// Of all members: a majority of what is expected when nobody gave up its votes.
    pub all: u32,
}

/// Votes, of all nodes and of those that took part in quorum in this life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Tally {
    all: u32,
    known: u32,
}

impl Tally {
    /// Adds the votes of one more node.
    pub const fn add(&mut self, votes: u32, fresh: bool) {
        self.all = self.all.saturating_add(votes);
        if !fresh {
            self.known = self.known.saturating_add(votes);
        }
    }

    /// Adds the votes of other nodes.
    pub const fn join(&mut self, others: &Self) {
        self.all = self.all.saturating_add(others.all);
        self.known = self.known.saturating_add(others.known);
    }

    /// Takes votes off that were added.
    pub const fn take_off(&mut self, others: &Self) {
        self.all = self.all.saturating_sub(others.all);
        self.known = self.known.saturating_sub(others.known);
    }

    /// Whether these votes are enough.
    #[must_use]
    pub const fn reaches(&self, threshold: &Threshold) -> bool {
        self.known >= threshold.known || self.all >= threshold.all
    }
}

/// What the members of a view agreed on in the view change, and count votes on.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Agreed {
    /// All members.
    pub members: NodeSet,
    /// What was decided before.
    pub basis: Basis,
    /// Members that say of themselves that they were removed.
    pub not_readmitted: NodeSet,
    /// Members whose life has not taken part in quorum yet.
    pub fresh: NodeSet,
    /// Whether former lives of members knew of more votes of somebody, and no member does.
    pub forgotten: bool,
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

    /// Votes of all nodes.
    pub(crate) fn total(&self) -> u32 {
        self.sum(self.votes.keys().copied())
    }

    /// Votes expected when `removed` have given up theirs.
    #[must_use]
    pub fn expected_without(&self, removed: &NodeSet) -> u32 {
        self.expected_votes.saturating_sub(self.sum(removed.iter())).max(1)
    }

    /// What a view has and needs. `device`: votes of this node's own quorum device, which are
    /// nobody else's.
    #[must_use]
    pub fn decide(&self, agreed: &Agreed, device: u32) -> ViewVotes {
        let Agreed { members, basis, not_readmitted, fresh, forgotten } = agreed;
        let rules = self.amended(&basis.amended);
        let mut removed_before = basis.removed.clone();
        removed_before.extend(not_readmitted.iter());
        let returning: NodeSet =
            members.iter().filter(|&node| removed_before.contains(node)).collect();
        let tally = |nodes: &mut dyn Iterator<Item = NodeId>| {
            let mut tally = Tally::default();
            tally.add(device, false);
            nodes.for_each(|node| tally.add(rules.votes_of(node), fresh.contains(node)));
            tally
        };
        let now = tally(&mut members.iter());
        let old = tally(&mut members.iter().filter(|&node| !returning.contains(node)));
        let removed = without(&removed_before, members);
        let expected = rules.expected_without(&removed);
        let at_most = |removed: &NodeSet| {
            let highest = basis.amended.highest.saturating_sub(rules.sum(removed.iter()));
            highest.max(rules.expected_without(removed))
        };
        let all = self.majority(self.unlowered(&basis.amended), now.all);
        let threshold =
            |expected, present| Threshold { known: self.majority(expected, present), all };
        let quorum = threshold(at_most(&removed), now.all);
        let before = threshold(at_most(&removed_before), old.all);
        let all_here =
            self.votes.keys().all(|&node| members.contains(node) || removed_before.contains(node));
        let waiting_for_all = self.wait_for_all && !basis.all_seen && !all_here;
        let forgotten = *forgotten && !all_here;
        let enough = now.reaches(&quorum) && old.reaches(&before);
        ViewVotes {
            present: now.all,
            device,
            expected,
            needed: if now.known >= quorum.known { quorum.known } else { all },
            quorum,
            before,
            returning,
            fresh: fresh.clone(),
            waiting_for_all,
            forgotten,
            eligible: enough && !waiting_for_all && !forgotten,
        }
    }

    /// The basis that holds in a view installed on what its members agreed on.
    #[must_use]
    pub fn basis_after(&self, agreed: &Agreed) -> Basis {
        let Agreed { members, basis, .. } = agreed;
        let all_here =
            self.votes.keys().all(|&node| members.contains(node) || basis.removed.contains(node));
        let rules = self.amended(&basis.amended);
        let removed = without(&basis.removed, members);
        let mut amended = basis.amended.clone();
        let present = rules.sum(members.iter());
        if present > rules.expected_without(&removed) && !self.two_node {
            let with_removed = present.saturating_add(rules.sum(removed.iter()));
            amended.highest = amended.highest.max(with_removed);
        }
        Basis { epoch: basis.epoch, removed, all_seen: basis.all_seen || all_here, amended }
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
        rules.decide(&agreed(members, &basis), 0)
    }

    fn agreed(members: &[u32], basis: &Basis) -> Agreed {
        Agreed { members: set(members), basis: basis.clone(), ..Agreed::default() }
    }

    ///
    #[test]
    fn a_majority_is_more_than_half() {
        assert!(decide(&rules(5), &[1, 2, 3], &[]).eligible);
        assert!(!decide(&rules(5), &[1, 2], &[]).eligible);
        assert!(!decide(&rules(4), &[1, 2], &[]).eligible);
    }

    ///
    #[test]
    fn removed_nodes_are_not_expected() {
        let votes = decide(&rules(3), &[1], &[2, 3]);
        assert!(votes.eligible);
        assert_eq!((votes.expected, votes.needed), (1, 1));
    }

    ///
    #[test]
    fn removed_nodes_alone_are_never_quorate() {
        let agreed = Agreed { not_readmitted: set(&[2, 3]), ..agreed(&[2, 3], &Basis::default()) };
        let alone = rules(3).decide(&agreed, 0);
        assert!(!alone.eligible, "{alone:?}");
    }

    ///
    #[test]
    fn a_returning_node_counts_again_for_the_next_view() {
        let votes = decide(&rules(3), &[1, 2], &[2, 3]);
        assert!(votes.eligible);
        assert_eq!((votes.before.known, votes.quorum.known), (1, 2));
        assert_eq!(votes.returning, set(&[2]));
    }

    ///
    #[test]
    fn half_of_those_who_stayed_take_nobody_back() {
        // 3 and 4 gave up their votes. Were they taken back by 1 and by 2 apart from each other,
        // both pairs would be quorate.
        assert!(!decide(&rules(4), &[1, 3], &[3, 4]).eligible);
        assert!(decide(&rules(4), &[1, 2, 3], &[3, 4]).eligible);
    }

    ///
    #[test]
    fn who_has_just_started_does_not_count_against_a_lowered_expectation() {
        // 5 gave up its vote: of 1 to 4 three are needed, of all five as well.
        let basis = Basis { removed: set(&[4, 5]), ..Basis::default() };
        let votes = |members: &[u32], fresh: &[u32]| {
            rules(5).decide(&Agreed { fresh: set(fresh), ..agreed(members, &basis) }, 0)
        };
        assert!(votes(&[1, 2], &[]).eligible);
        assert!(!votes(&[1, 2], &[2]).eligible);
        assert_eq!(votes(&[1, 2], &[2]).needed, 3);
        assert!(votes(&[1, 2, 3], &[2, 3]).eligible, "a majority of all is always one");
    }

    ///
    #[test]
    fn the_first_quorum_waits_for_all() {
        let rules = VoteRules { wait_for_all: true, two_node: true, ..rules(2) };
        let mut basis = Basis::default();
        assert!(!rules.decide(&agreed(&[1], &basis), 0).eligible);
        assert!(rules.decide(&agreed(&[1, 2], &basis), 0).eligible);
        basis = rules.basis_after(&agreed(&[1, 2], &basis));
        assert!(rules.decide(&agreed(&[1], &basis), 0).eligible);
    }

    ///
    #[test]
    fn weights_count() {
        let mut rules = rules(3);
        rules.votes.insert(n(1), 5);
        rules.expected_votes = 7;
        assert!(decide(&rules, &[1], &[]).eligible);
        assert!(!decide(&rules, &[2, 3], &[]).eligible);
    }
}
