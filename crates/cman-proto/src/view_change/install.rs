//! Installing a view, P7.

use cman_quorum::{Agreed, lease::member::Handover};
use cman_types::{Instant, Member, MemberId, NodeId, NodeSet, View};
use cman_wire::frame::{Change, Plan, Propose, Reason};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    engine::Engine,
    event::{Event, ViewChange},
    phase::{Hub, Normal, Phase, Watch},
};

impl Engine {
    /// Installs the view of a ballot that every member confirmed.
    pub(crate) fn install(
        &mut self,
        now: Instant,
        propose: &Propose,
        plan: &Plan,
        flush: Duration,
        recover: Duration,
    ) {
        self.close_stream(plan);
        let old = self.view.take();
        let stays = |member: &&Member| !propose.departing.contains(member.id.node);
        let members = propose.members.iter().filter(stays).copied().collect();
        let view = View { id: propose.ballot, members };
        let lineage = self.lineage(plan, &view, old.as_ref());
        let nodes: NodeSet = view.nodes().collect();
        self.agreed = plan_agreed(nodes, plan);
        self.count_votes();
        self.hand_over_lease(now, propose, plan, old.as_ref(), &lineage);
        let before = self.basis.amended.clone();
        self.basis = self.cfg.rules.basis_after(&self.agreed);
        self.rules = self.cfg.rules.amended(&self.basis.amended);
        self.learn_removed();
        self.book.enter_view(now, &self.votes);
        self.pending.clear();
        self.wishes.clear();
        self.wire_version = propose.wire_version;
        self.installed_at = now;
        self.changes += 1;

        let event = describe(propose, &view, old.as_ref(), &lineage, flush, recover);
        self.remember_in_holds(now, &event, old.as_ref());
        let hub =
            (view.id.coordinator == self.me()).then(|| Hub::new(now, self.me(), &view, false));
        let mut watch = Watch::new(now, self.me(), &view);
        watch.multicast = now.before(self.cfg.timing.beat * 2);
        watch.next_beat = now + self.random_phase();
        self.view = Some(view);
        self.phase = Phase::Normal(Normal { hub, watch });
        self.note_amended(now, propose.amending.is_some(), &before);
        self.emit(Event::View(Box::new(event)));
        self.open_stream(now);
    }

    /// The others remember what this node's disk forgot: that it gave up its votes. R-145.
    fn learn_removed(&mut self) {
        if self.votes.returning.contains(self.me().node) && !self.removed_self {
            self.removed_self = true;
            self.store();
        }
    }

    /// Between half a beat and one, so that member beats do not come all at once.
    fn random_phase(&mut self) -> Duration {
        let half = self.cfg.timing.beat / 2;
        half + Duration::from_nanos(self.prng.below(u64::try_from(half.as_nanos()).unwrap_or(0)))
    }

    /// The members that come from the same last view as this node.
    fn lineage(&self, plan: &Plan, view: &View, old: Option<&View>) -> Vec<MemberId> {
        let Some(old) = old else { return vec![self.me()] };
        let ours = plan.lineages.iter().find(|lineage| lineage.origin == Some(old.id));
        let Some(ours) = ours else { return vec![self.me()] };
        view.ids().filter(|id| ours.members.contains(id.node)).collect()
    }

    fn hand_over_lease(
        &mut self,
        now: Instant,
        propose: &Propose,
        plan: &Plan,
        old: Option<&View>,
        lineage: &[MemberId],
    ) {
        // A new life on the old port, a notice of its own end, or a good departure.
        let named: NodeSet = propose.members.iter().map(|member| member.id.node).collect();
        let proven = |id: &MemberId| propose.gone.contains(id) || named.contains(id.node);
        let lost: Vec<MemberId> =
            old.iter().flat_map(|view| view.ids()).filter(|id| !proven(id)).collect();
        let origin = old.map(|view| view.id);
        // Members of another view may have lost somebody a moment ago.
        let met =
            plan.lineages.iter().any(|other| other.origin.is_some() && other.origin != origin);
        if met || !lost.is_empty() {
            self.parted_at = Some(now);
        }
        let leases = plan.lineages.iter().find(|lineage| lineage.origin == origin);
        let handover = Handover {
            lost: &lost,
            lineage,
            leases: leases.map_or(&[], |lineage| &lineage.leases),
            promised: plan.promised,
            eligible: self.votes.eligible,
        };
        self.lease.hand_over(now, &handover);
    }

    /// What the proposer says of those that came and went decides who is held off later.
    fn remember_in_holds(&mut self, now: Instant, event: &ViewChange, old: Option<&View>) {
        let was_coordinator = old.map(|view| view.id.coordinator.node);
        let token = self.cfg.timing.token;
        let left: NodeSet = event.left.iter().copied().collect();
        // Who finds itself in the smaller part has no reason to blame the others.
        let larger = old.is_none_or(|old| event.view.members.len() * 2 >= old.members.len());
        for change in &event.changes {
            match change.reason {
                Reason::Silent | Reason::Unresponsive | Reason::Parted | Reason::Lagging => {
                    if larger && left.contains(change.node) {
                        self.holds.lost(now, change.node, token);
                        if was_coordinator == Some(change.node) {
                            self.silent_hubs.insert(change.node, now + token * 4);
                        }
                    }
                }
                Reason::Left | Reason::Removed | Reason::Killed => self.holds.left(change.node),
                Reason::Restarted => self.holds.restarted(now, change.node),
                Reason::Joined | Reason::Merged => {}
            }
        }
        let all = event.view.nodes().filter(|_| old.is_none());
        for node in event.joined.iter().copied().chain(all) {
            self.holds.taken_in(now, node);
        }
    }
}

/// What the members of a view count on.
fn plan_agreed(members: NodeSet, plan: &Plan) -> Agreed {
    Agreed {
        members,
        basis: plan.basis.clone(),
        not_readmitted: plan.not_readmitted.clone(),
        fresh: plan.fresh.clone(),
        forgotten: plan.forgotten,
    }
}

/// The event of a view.
fn describe(
    propose: &Propose,
    view: &View,
    old: Option<&View>,
    lineage: &[MemberId],
    flush: Duration,
    recover: Duration,
) -> ViewChange {
    let came: BTreeSet<MemberId> = lineage.iter().copied().collect();
    let joined: Vec<NodeId> =
        view.ids().filter(|id| !came.contains(id)).map(|id| id.node).collect();
    let left: NodeSet = old
        .iter()
        .flat_map(|view| view.ids())
        .filter(|id| !came.contains(id))
        .map(|id| id.node)
        .collect();
    let told: BTreeMap<NodeId, &Change> =
        propose.changes.iter().rev().map(|change| (change.node, change)).collect();
    let told = |node: NodeId| told.get(&node).copied().cloned();
    let guess = |node: NodeId, reason: Reason| Change {
        node,
        reason,
        witness: propose.ballot.coordinator.node,
        silent: Duration::ZERO,
    };
    let mut changes: Vec<Change> = Vec::new();
    // What the proposer says of a node that left is about its own last view.
    let ours = came.contains(&propose.ballot.coordinator);
    for node in left.iter() {
        let told = told(node).filter(|_| ours);
        changes.push(told.unwrap_or_else(|| guess(node, Reason::Parted)));
    }
    for &node in joined.iter().filter(|node| !left.contains(**node)) {
        changes.push(told(node).unwrap_or_else(|| guess(node, Reason::Merged)));
    }
    ViewChange {
        view: view.clone(),
        wire_version: propose.wire_version,
        transitional: lineage.iter().map(|id| id.node).collect(),
        joined,
        left: left.iter().collect(),
        changes,
        amending: propose.amending,
        flush,
        recover,
    }
}
