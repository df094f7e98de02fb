//! Architecture, invariant 4: votes, counted by a second implementation that knows the truth
//! about who is removed and who has seen whom.
//!
//! * expected = votes of the configured nodes that have not left with `remove`; needed = half of
//!   it and one more (`two_node`: 1).
//! * A node that left with `remove` counts again only in a view that is quorate without it.
//! * With `wait_for_all` nobody acts who does not know, through a chain of views, of a view that
//!   held all nodes.

use cman_types::{MemberId, NodeId, View};
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cluster::Cluster,
    violation::{Check, Violation},
};

/// A node that was told to leave with `remove`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Removed {
    /// The life that was told.
    life: MemberId,
    /// Whether it left in good order. If it died on the way, the others may or may not have
    /// stopped expecting its votes, and both is right.
    surely: bool,
}

/// The truth about votes.
#[derive(Debug, Default)]
pub struct Votes {
    removed: BTreeMap<NodeId, Removed>,
    /// Lives that know of a view that held all nodes.
    have_seen_all: BTreeSet<MemberId>,
}

impl Votes {
    /// A node is told to leave with `remove`: from now on the others may stop expecting it.
    pub fn removing(&mut self, life: MemberId) {
        self.removed.insert(life.node, Removed { life, surely: false });
    }

    /// A node that was told to leave has left in good order.
    pub fn left(&mut self, life: &MemberId) {
        if let Some(removed) = self.removed.get_mut(&life.node) {
            removed.surely |= removed.life == *life;
        }
    }

    /// Whether the node gave up its votes and was not taken back yet.
    #[must_use]
    pub fn is_removed(&self, node: NodeId) -> bool {
        self.removed.contains_key(&node)
    }

    /// The nodes whose votes count as given up in `view`, in the two ways that may be right.
    fn not_expected(&self, view: &View) -> [BTreeSet<NodeId>; 2] {
        let gone = |unsure: bool| {
            let gone = self.removed.values().filter(|removed| {
                (removed.surely || unsure) && !view.contains(&removed.life)
            });
            gone.map(|removed| removed.life.node).collect()
        };
        [gone(true), gone(false)]
    }

    /// The fewest votes with which anybody may act in `view`.
    #[must_use]
    pub fn needed(&self, cluster: &Cluster, view: &View) -> u32 {
        let needed = self.not_expected(view).map(|gone| needed_without(cluster, &gone));
        needed.into_iter().min().unwrap_or(u32::MAX)
    }

    /// Whether the members of `view` have to be quorate when nothing disturbs them: they have
    /// votes enough, however those are counted, and need not wait for anybody.
    #[must_use]
    pub fn must_suffice(&self, cluster: &Cluster, view: &View) -> bool {
        let all_here = cluster.votes.iter().all(|(node, _)| view.member_of_node(*node).is_some());
        self.ways(cluster, view).iter().all(|(votes, needed)| votes >= needed)
            && (all_here || !cluster.wait_for_all)
    }

    /// Votes and needed votes of a view, counted in the two ways that may be right.
    fn ways(&self, cluster: &Cluster, view: &View) -> [(u32, u32); 2] {
        self.not_expected(view).map(|gone| {
            let counted = view.nodes().filter(|node| !gone.contains(node));
            let votes = counted.map(|node| cluster.votes_of(node)).sum();
            (votes, needed_without(cluster, &gone))
        })
    }

    /// `me` installed a view.
    pub fn install(&mut self, cluster: &Cluster, me: MemberId, view: &View) {
        let missing = cluster.votes.iter().any(|(node, _)| {
            view.member_of_node(*node).is_none() && !self.removed.contains_key(node)
        });
        if !missing || view.ids().any(|member| self.have_seen_all.contains(&member)) {
            self.have_seen_all.insert(me);
        }
    }

    /// `me` may act in `view`.
    pub fn check(&mut self, cluster: &Cluster, me: &MemberId, view: &View) -> Check {
        let fail = |invariant, what| Err(Violation::new(invariant, &[me.node], what));
        if cluster.wait_for_all && !self.have_seen_all.contains(me) {
            return fail("wait for all", format!("may act in {:?} too early", view.id));
        }
        let ways = self.ways(cluster, view);
        if !ways.iter().any(|(votes, needed)| votes >= needed) {
            return fail(
                "votes of a majority",
                format!(
                    "may act in {:?} {:?} with too few votes (have, need): {ways:?}, removed: {:?}",
                    view.id,
                    view.nodes().collect::<Vec<_>>(),
                    self.removed.keys().collect::<Vec<_>>()
                ),
            );
        }
        // A new life of a removed node that is in a quorate view is taken back.
        self.removed.retain(|node, removed| {
            view.member_of_node(*node).is_none_or(|member| member.id == removed.life)
        });
        Ok(())
    }
}

/// The votes needed when those of `gone` are not expected.
fn needed_without(cluster: &Cluster, gone: &BTreeSet<NodeId>) -> u32 {
    cluster.needed(gone.iter().map(|node| cluster.votes_of(*node)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, node, view};

    /// A view in which nodes from `reborn` on live another life than before.
    fn later(epoch: u64, members: &[u32], reborn: u32) -> View {
        let mut view = view(epoch, members);
        for member in view.members.iter_mut().filter(|member| member.id.node >= node(reborn)) {
            member.id.incarnation.0 += 1;
        }
        view
    }

    #[test]
    fn removed_nodes_neither_count_nor_are_expected() {
        let cluster = Cluster::plain(5);
        let mut votes = Votes::default();
        assert!(votes.check(&cluster, &life(1), &view(5, &[1, 2])).is_err());
        for id in [4, 5] {
            votes.removing(life(id));
            votes.left(&life(id));
        }
        assert!(votes.check(&cluster, &life(1), &view(5, &[1, 2])).is_ok());
        assert!(votes.check(&cluster, &life(4), &later(6, &[3, 4, 5], 4)).is_err());
        assert!(votes.check(&cluster, &life(1), &later(6, &[1, 2, 4], 4)).is_ok());
        assert!(!votes.is_removed(node(4)), "taken back by a quorate view");
        assert!(votes.check(&cluster, &life(1), &view(7, &[1, 2])).is_err(), "4 is expected again");
    }

    #[test]
    fn whoever_died_while_leaving_may_count_or_not() {
        let cluster = Cluster::plain(3);
        let mut votes = Votes::default();
        assert!(votes.check(&cluster, &life(2), &view(5, &[2, 3])).is_ok());
        votes.removing(life(3));
        assert!(votes.check(&cluster, &life(2), &view(5, &[2, 3])).is_ok(), "not yet gone");
        let mut sure = Votes::default();
        sure.removing(life(3));
        sure.left(&life(3));
        assert!(votes.check(&cluster, &life(2), &later(6, &[2, 3], 3)).is_ok());
        assert!(sure.check(&cluster, &life(2), &later(6, &[2, 3], 3)).is_err());
    }

    #[test]
    fn all_must_have_been_seen() {
        let cluster = Cluster { wait_for_all: true, ..Cluster::plain(3) };
        let mut votes = Votes::default();
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
