//! Architecture, invariant 4: votes, counted by a second, simple implementation.
//!
//! * needed = half of what is expected and one more (`two_node`: 1); expected are the votes of all
//!   configured nodes but those of which this life knows that they left with `remove`. Knowledge
//!   spreads from view to view. It is taken generously: whatever a life can know.
//! * A life that began with the removed flag on its disk counts only in a view that is quorate
//!   without it, or whose other members hold half of what is expected without it: then nobody
//!   else can be quorate in the old way.
//! * Administrators change votes while the cluster runs: the members of a view count by what was
//!   changed last, as far as any of them knows.
//! * With `wait_for_all` nobody acts who does not know, through a chain of views, of a view that
//!   held all nodes.

use cman_types::{Amendment, MemberId, NodeId, View, ViewId};
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cluster::Cluster,
    violation::{Check, Violation},
};

/// What one life can know.
#[derive(Clone, Debug, Default)]
struct Knowledge {
    /// Nodes whose votes need not be expected, and which life gave them up, where that is known.
    removed: BTreeMap<NodeId, Option<MemberId>>,
    /// Whether it knows of a view that held all nodes.
    all_seen: bool,
    /// How votes are counted, if that was changed, and in which view it was last.
    changed: Option<(ViewId, Counting)>,
}

/// How votes are counted.
#[derive(Clone, Debug)]
struct Counting {
    votes: Vec<(NodeId, u32)>,
    /// As configured, or as an administrator said ...
    expected: u32,
    /// ... at most, with all that may have counted as removed then ...
    expected_at_most: u32,
    /// ... when all nodes had so many.
    of: u32,
}

impl Counting {
    /// As configured.
    fn of(cluster: &Cluster) -> Self {
        let sum = cluster.expected_votes();
        Self { votes: cluster.votes.clone(), expected: sum, expected_at_most: sum, of: sum }
    }

    fn of_node(&self, node: NodeId) -> u32 {
        self.votes.iter().find(|(id, _)| *id == node).map_or(0, |(_, votes)| *votes)
    }

    fn sum(&self, nodes: impl Iterator<Item = NodeId>) -> u32 {
        nodes.map(|node| self.of_node(node)).sum()
    }

    fn total(&self) -> u32 {
        self.votes.iter().map(|(_, votes)| votes).sum()
    }

    /// What is expected at least, now that nodes have other votes.
    fn expected(&self) -> u32 {
        self.expected + self.total().saturating_sub(self.of)
    }

    /// The votes that are enough for certain.
    fn enough(&self, cluster: &Cluster) -> u32 {
        let expected = self.expected_at_most + self.total().saturating_sub(self.of);
        if cluster.two_node { 1 } else { expected.max(self.total()) / 2 + 1 }
    }

    /// The votes that are needed at least when `removed` votes are not expected. More is expected
    /// than there are votes only as long as a quorum knows it: where most nodes restart without any
    /// that does, they go on by the configuration, which is a majority all the same.
    fn needed(&self, cluster: &Cluster, removed: u32) -> u32 {
        let expected = self.expected().min(self.total());
        if cluster.two_node { 1 } else { expected.saturating_sub(removed) / 2 + 1 }
    }

    fn amend(&mut self, amendment: Amendment, removed: u32) {
        match amendment {
            Amendment::Votes { node, votes } => {
                let of_node = self.votes.iter_mut().filter(|(id, _)| *id == node);
                of_node.for_each(|(_, old)| *old = votes);
            }
            Amendment::Expected { votes } => {
                self.expected = votes;
                self.expected_at_most = votes + removed;
                self.of = self.total();
            }
        }
    }
}

/// The truth about votes.
#[derive(Debug, Default)]
pub struct Votes {
    knowledge: BTreeMap<MemberId, Knowledge>,
    /// Lives that began as removed and were not taken back yet.
    returning: BTreeSet<MemberId>,
    /// Votes of quorum devices, by their nodes: outside of the promise, so where there are any the
    /// statement is not checked.
    pub devices: BTreeMap<NodeId, u32>,
    /// An administrator said that others are down, whatever is true: no more than that is promised
    /// (architecture, invariant 4), and the statement is not checked any more.
    pub taken_at_word: bool,
}

impl Votes {
    /// A life begins; `removed`: its disk says that it left with `remove`.
    pub fn begin(&mut self, life: MemberId, removed: bool) {
        let mut knowledge = Knowledge::default();
        if removed {
            knowledge.removed.insert(life.node, None);
            self.returning.insert(life);
        }
        self.knowledge.insert(life, knowledge);
    }

    /// A life ends.
    pub fn end(&mut self, life: &MemberId) {
        // What it knew stays: others may have learnt it in a view change that is under way.
        self.returning.remove(life);
    }

    /// A life is told to leave with `remove`: from now on anybody may stop expecting its votes.
    pub fn removing(&mut self, life: MemberId) {
        for knowledge in self.knowledge.values_mut() {
            knowledge.removed.insert(life.node, Some(life));
        }
    }

    /// How `me` counts.
    fn counting(&self, cluster: &Cluster, me: &MemberId) -> Counting {
        let changed = self.knowledge.get(me).and_then(|knowledge| knowledge.changed.as_ref());
        changed.map_or_else(|| Counting::of(cluster), |(_, counting)| counting.clone())
    }

    /// Whether somebody was given more votes than it is configured with, as far as anybody ever
    /// knew: from then on nobody may forget that.
    #[must_use]
    pub fn are_raised(&self, cluster: &Cluster) -> bool {
        let changed = self.knowledge.values().filter_map(|known| known.changed.as_ref());
        let raised = |(node, votes): &(NodeId, u32)| *votes > cluster.votes_of(*node);
        changed.flat_map(|(_, counting)| &counting.votes).any(raised)
    }

    /// The votes of a node, as `me` counts.
    #[must_use]
    pub fn votes_of(&self, cluster: &Cluster, me: &MemberId, node: NodeId) -> u32 {
        self.counting(cluster, me).of_node(node)
    }

    /// The fewest votes with which `me` may act.
    #[must_use]
    pub fn needed(&self, cluster: &Cluster, me: &MemberId) -> u32 {
        let counting = self.counting(cluster, me);
        let removed = self.knowledge.get(me).map(|knowledge| knowledge.removed.keys());
        let not_expected = counting.sum(removed.into_iter().flatten().copied());
        counting.needed(cluster, not_expected)
    }

    /// Whether members of the view began as removed and were not taken back yet.
    #[must_use]
    pub fn returns(&self, view: &View) -> bool {
        !self.returning.is_empty() && view.ids().any(|member| self.returning.contains(&member))
    }

    /// The votes of a view that count.
    fn counted(&self, counting: &Counting, view: &View) -> u32 {
        let counted = view.ids().filter(|member| !self.returning.contains(member));
        let devices = view.nodes().filter_map(|node| self.devices.get(&node));
        counting.sum(counted.map(|member| member.node)) + devices.sum::<u32>()
    }

    /// Whether members with `votes` votes can take back those that gave up theirs: nobody else can
    /// be quorate without them, and all together are.
    fn takes_back(&self, cluster: &Cluster, me: &MemberId, view: &View, votes: u32) -> bool {
        let Some(knowledge) = self.knowledge.get(me) else {
            return false;
        };
        let counting = self.counting(cluster, me);
        let removed = knowledge.removed.keys().copied();
        let expected = counting.expected().saturating_sub(counting.sum(removed.clone()));
        let away = counting.sum(removed.filter(|node| view.member_of_node(*node).is_none()));
        votes * 2 >= expected && counting.sum(view.nodes()) >= counting.needed(cluster, away)
    }

    /// Whether the members of `view` have to be quorate when nothing disturbs them: they have
    /// votes enough even if all nodes are expected and nobody counts of whom some member may know
    /// that it gave up its votes, and they need not wait for anybody.
    #[must_use]
    pub fn must_suffice(&self, cluster: &Cluster, view: &View) -> bool {
        let all_here = cluster.votes.iter().all(|(node, _)| view.member_of_node(*node).is_some());
        let newest = self.newest(view.ids());
        let ever_changed = self.knowledge.values().any(|known| known.changed.is_some());
        if ever_changed && !all_here {
            return false; // Somebody may have forgotten how votes are counted.
        }
        let counting = newest.map_or_else(|| Counting::of(cluster), |(_, counting)| counting);
        let known = |node: &NodeId| {
            let mut knowledge = view.ids().filter_map(|member| self.knowledge.get(&member));
            knowledge.any(|known| known.removed.contains_key(node))
        };
        let sure =
            view.ids().filter(|member| !self.returning.contains(member) && !known(&member.node));
        let votes = counting.sum(sure.map(|member| member.node));
        votes >= counting.enough(cluster) && (all_here || !cluster.wait_for_all)
    }

    /// Whether these lives are a majority by what any of them knows, when nobody is removed.
    #[must_use]
    pub fn suffice(&self, cluster: &Cluster, lives: &[MemberId]) -> bool {
        let newest = self.newest(lives.iter().copied());
        let counting = newest.map_or_else(|| Counting::of(cluster), |(_, counting)| counting);
        counting.sum(lives.iter().map(|life| life.node)) >= counting.enough(cluster)
    }

    /// What was changed last of what any of these know.
    fn newest(&self, members: impl Iterator<Item = MemberId>) -> Option<(ViewId, Counting)> {
        let known = members.filter_map(|member| self.knowledge.get(&member)?.changed.as_ref());
        known.max_by_key(|(view, _)| *view).cloned()
    }

    /// `me` installed a view, in which votes are counted in another way if `amending` says so.
    pub fn install(
        &mut self,
        cluster: &Cluster,
        me: MemberId,
        view: &View,
        amending: Option<Amendment>,
    ) {
        let mut learnt = Knowledge::default();
        for known in view.ids().filter_map(|member| self.knowledge.get(&member)) {
            learnt.removed.extend(known.removed.iter().map(|(node, life)| (*node, *life)));
            learnt.all_seen |= known.all_seen;
        }
        learnt.all_seen |= cluster.votes.iter().all(|(node, _)| {
            view.member_of_node(*node).is_some() || learnt.removed.contains_key(node)
        });
        learnt.changed = self.newest(view.ids());
        let is_new = learnt.changed.as_ref().is_none_or(|(known, _)| *known < view.id);
        if let Some(amendment) = amending.filter(|_| is_new) {
            let changed = learnt.changed.take().map(|(_, counting)| counting);
            let mut counting = changed.unwrap_or_else(|| Counting::of(cluster));
            let removed =
                learnt.removed.keys().filter(|node| view.member_of_node(**node).is_none());
            let removed = counting.sum(removed.copied());
            counting.amend(amendment, removed);
            learnt.changed = Some((view.id, counting));
        }
        self.knowledge.insert(me, learnt);
    }

    /// `me` may act in `view`.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&mut self, cluster: &Cluster, me: &MemberId, view: &View) -> Check {
        let fail = |invariant, what| Err(Violation::new(invariant, &[me.node], what));
        let all_seen = self.knowledge.get(me).is_some_and(|knowledge| knowledge.all_seen);
        if cluster.wait_for_all && !all_seen {
            return fail("wait for all", format!("may act in {:?} too early", view.id));
        }
        let votes = self.counted(&self.counting(cluster, me), view);
        let needed = self.needed(cluster, me);
        if votes < needed && !self.takes_back(cluster, me, view, votes) {
            return fail(
                "votes of a majority",
                format!(
                    "may act in {:?} {:?} with {votes} votes of {needed}, returning: {:?}",
                    view.id,
                    view.nodes().collect::<Vec<_>>(),
                    self.returning
                ),
            );
        }
        for member in view.ids() {
            self.returning.remove(&member);
            // Only another life of a node that gave up its votes is taken back.
            if let Some(knowledge) = self.knowledge.get_mut(me) {
                knowledge
                    .removed
                    .retain(|node, life| *node != member.node || *life == Some(member));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    fn begin(ids: &[u32], removed: &[u32]) -> Votes {
        let mut votes = Votes::default();
        for id in ids {
            votes.begin(life(*id), removed.contains(id));
        }
        votes
    }

    #[test]
    fn a_removed_node_is_not_expected_by_those_who_know() {
        let cluster = Cluster::plain(5);
        let mut votes = begin(&[1, 2], &[]);
        assert!(votes.check(&cluster, &life(1), &view(5, &[1, 2])).is_err());
        votes.removing(life(4));
        votes.removing(life(5));
        assert!(votes.check(&cluster, &life(1), &view(5, &[1, 2])).is_ok());
        votes.begin(life(3), false);
        assert!(votes.check(&cluster, &life(3), &view(6, &[2, 3])).is_err(), "knows nothing yet");
        votes.install(&cluster, life(3), &view(6, &[2, 3]), None);
        assert!(votes.check(&cluster, &life(3), &view(6, &[2, 3])).is_ok());
    }

    #[test]
    fn a_removed_node_does_not_vote_before_it_is_taken_back() {
        let cluster = Cluster::plain(5);
        let mut votes = begin(&[1, 2, 3, 4, 5], &[4, 5]);
        let minority = view(5, &[3, 4, 5]);
        votes.install(&cluster, life(4), &minority, None);
        assert!(votes.check(&cluster, &life(4), &minority).is_err(), "1 and 2 may be quorate");
        votes.removing(life(2));
        assert!(votes.check(&cluster, &life(4), &minority).is_ok(), "1 alone may not");
        let mut votes = begin(&[1, 2, 3, 4, 5], &[4, 5]);
        votes.install(&cluster, life(1), &view(6, &[1, 4]), None);
        assert!(votes.check(&cluster, &life(1), &view(6, &[1, 4])).is_err());
        let majority = view(7, &[1, 2, 4]);
        votes.install(&cluster, life(1), &majority, None);
        assert!(votes.check(&cluster, &life(1), &majority).is_ok(), "3 and 5 may not be quorate");
        assert!(votes.check(&cluster, &life(1), &view(8, &[1, 4])).is_err(), "4 is expected again");
    }

    #[test]
    fn all_must_have_been_seen() {
        let cluster = Cluster { wait_for_all: true, ..Cluster::plain(3) };
        let mut votes = begin(&[1, 2, 3], &[]);
        let two = view(5, &[1, 2]);
        votes.install(&cluster, life(1), &two, None);
        assert!(votes.check(&cluster, &life(1), &two).is_err());
        votes.install(&cluster, life(3), &view(6, &[1, 2, 3]), None);
        assert!(votes.check(&cluster, &life(1), &two).is_err(), "it has not heard of it");
        let chain = view(7, &[1, 3]);
        votes.install(&cluster, life(1), &chain, None);
        assert!(votes.check(&cluster, &life(1), &chain).is_ok());
    }

    #[test]
    fn votes_count_as_they_were_changed_last() {
        let cluster = Cluster::plain(3);
        let mut votes = begin(&[1, 2, 3], &[]);
        let all = view(5, &[1, 2, 3]);
        let amending = Some(Amendment::Votes { node: life(1).node, votes: 3 });
        for id in [1, 2, 3] {
            votes.install(&cluster, life(id), &all, amending);
        }
        assert!(votes.are_raised(&cluster));
        assert_eq!(votes.needed(&cluster, &life(2)), 3);
        assert!(votes.check(&cluster, &life(2), &view(6, &[2, 3])).is_err());
        assert!(votes.check(&cluster, &life(1), &view(6, &[1])).is_ok());
        let amending = Some(Amendment::Expected { votes: 9 });
        votes.install(&cluster, life(3), &view(6, &[2, 3]), amending);
        let needed = votes.needed(&cluster, &life(3));
        assert_eq!(needed, 3, "most of five votes, also where more are expected (seed 3442)");
        let amending = Some(Amendment::Expected { votes: 2 });
        votes.install(&cluster, life(2), &view(7, &[2, 3]), amending);
        assert!(votes.check(&cluster, &life(2), &view(7, &[2, 3])).is_ok());
    }
}
