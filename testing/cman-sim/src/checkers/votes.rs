//! Architecture, invariant 4: votes, counted by a second, simple implementation.
//!
//! * needed = half of what is expected and one more (`two_node`: 1); expected are the votes of all
//!   configured nodes but those of which this life knows that they left with `remove`. Knowledge
//!   spreads from view to view. It is taken generously: whatever a life can know.
//! * A life that began with the removed flag on its disk counts only in a view that is quorate
//!   without it, or whose other members hold half of what is expected without it: then nobody
//!   else can be quorate in the old way.
//! * With `wait_for_all` nobody acts who does not know, through a chain of views, of a view that
//!   held all nodes.

use cman_types::{MemberId, NodeId, View};
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
}

/// The truth about votes.
#[derive(Debug, Default)]
pub struct Votes {
    knowledge: BTreeMap<MemberId, Knowledge>,
    /// Lives that began as removed and were not taken back yet.
    returning: BTreeSet<MemberId>,
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

    /// The fewest votes with which `me` may act.
    #[must_use]
    pub fn needed(&self, cluster: &Cluster, me: &MemberId) -> u32 {
        let removed = self.knowledge.get(me).map(|knowledge| knowledge.removed.keys());
        let not_expected = removed.into_iter().flatten().map(|node| cluster.votes_of(*node));
        cluster.needed(not_expected.sum())
    }

    /// Whether members of the view began as removed and were not taken back yet.
    #[must_use]
    pub fn returns(&self, view: &View) -> bool {
        !self.returning.is_empty() && view.ids().any(|member| self.returning.contains(&member))
    }

    /// The votes of a view that count.
    fn counted(&self, cluster: &Cluster, view: &View) -> u32 {
        let counted = view.ids().filter(|member| !self.returning.contains(member));
        counted.map(|member| cluster.votes_of(member.node)).sum()
    }

    /// Whether members with `votes` votes can take back those that gave up theirs: nobody else can
    /// be quorate without them, and all together are.
    fn takes_back(&self, cluster: &Cluster, me: &MemberId, view: &View, votes: u32) -> bool {
        let Some(knowledge) = self.knowledge.get(me) else {
            return false;
        };
        let sum = |nodes: &mut dyn Iterator<Item = NodeId>| -> u32 {
            nodes.map(|node| cluster.votes_of(node)).sum()
        };
        let removed = knowledge.removed.keys().copied();
        let expected = cluster.expected_votes() - sum(&mut removed.clone());
        let away = sum(&mut removed.filter(|node| view.member_of_node(*node).is_none()));
        votes * 2 >= expected && sum(&mut view.nodes()) >= cluster.needed(away)
    }

    /// Whether the members of `view` have to be quorate when nothing disturbs them: they have
    /// votes enough even if all nodes are expected and nobody counts of whom some member may know
    /// that it gave up its votes, and they need not wait for anybody.
    #[must_use]
    pub fn must_suffice(&self, cluster: &Cluster, view: &View) -> bool {
        let all_here = cluster.votes.iter().all(|(node, _)| view.member_of_node(*node).is_some());
        let known = |node: &NodeId| {
            let mut knowledge = view.ids().filter_map(|member| self.knowledge.get(&member));
            knowledge.any(|known| known.removed.contains_key(node))
        };
        let sure =
            view.ids().filter(|member| !self.returning.contains(member) && !known(&member.node));
        let votes: u32 = sure.map(|member| cluster.votes_of(member.node)).sum();
        votes >= cluster.needed(0) && (all_here || !cluster.wait_for_all)
    }

    /// `me` installed a view.
    pub fn install(&mut self, cluster: &Cluster, me: MemberId, view: &View) {
        let mut learnt = Knowledge::default();
        for known in view.ids().filter_map(|member| self.knowledge.get(&member)) {
            learnt.removed.extend(known.removed.iter().map(|(node, life)| (*node, *life)));
            learnt.all_seen |= known.all_seen;
        }
        learnt.all_seen |= cluster.votes.iter().all(|(node, _)| {
            view.member_of_node(*node).is_some() || learnt.removed.contains_key(node)
        });
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
        let (votes, needed) = (self.counted(cluster, view), self.needed(cluster, me));
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
        votes.install(&cluster, life(3), &view(6, &[2, 3]));
        assert!(votes.check(&cluster, &life(3), &view(6, &[2, 3])).is_ok());
    }

    #[test]
    fn a_removed_node_does_not_vote_before_it_is_taken_back() {
        let cluster = Cluster::plain(5);
        let mut votes = begin(&[1, 2, 3, 4, 5], &[4, 5]);
        let minority = view(5, &[3, 4, 5]);
        votes.install(&cluster, life(4), &minority);
        assert!(votes.check(&cluster, &life(4), &minority).is_err(), "1 and 2 may be quorate");
        votes.removing(life(2));
        assert!(votes.check(&cluster, &life(4), &minority).is_ok(), "1 alone may not");
        let mut votes = begin(&[1, 2, 3, 4, 5], &[4, 5]);
        votes.install(&cluster, life(1), &view(6, &[1, 4]));
        assert!(votes.check(&cluster, &life(1), &view(6, &[1, 4])).is_err());
        let majority = view(7, &[1, 2, 4]);
        votes.install(&cluster, life(1), &majority);
        assert!(votes.check(&cluster, &life(1), &majority).is_ok(), "3 and 5 may not be quorate");
        assert!(votes.check(&cluster, &life(1), &view(8, &[1, 4])).is_err(), "4 is expected again");
    }

    #[test]
    fn all_must_have_been_seen() {
        let cluster = Cluster { wait_for_all: true, ..Cluster::plain(3) };
        let mut votes = begin(&[1, 2, 3], &[]);
        let two = view(5, &[1, 2]);
        votes.install(&cluster, life(1), &two);
        assert!(votes.check(&cluster, &life(1), &two).is_err());
        votes.install(&cluster, life(3), &view(6, &[1, 2, 3]));
        assert!(votes.check(&cluster, &life(1), &two).is_err(), "it has not heard of it");
        let chain = view(7, &[1, 3]);
        votes.install(&cluster, life(1), &chain);
        assert!(votes.check(&cluster, &life(1), &chain).is_ok());
    }
}
