//! The proposer, R-80m.

use cman_types::{Amendment, Instant, Member, MemberId, NodeSet, ViewId};
use cman_wire::{
    Frame,
    frame::{Commit, Flush, Install, Nack, NackReason, Plan, Propose, Reason, Recovered},
};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::{
    apart,
    plan::{build_plan, completion, tell, tells},
};
use crate::{
    engine::Engine,
    event::To,
    phase::{Changes, Frozen, Pending, Phase, Proposer, Role},
};

/// What a proposal is made of. R-36.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub members: Vec<Member>,
    pub departing: NodeSet,
    pub removing: NodeSet,
    pub gone: Vec<MemberId>,
    pub amending: Option<Amendment>,
    pub changes: Changes,
}

/// Sorts, and of several lives of a node keeps the newest: who began last lives.
fn name_each_node_once(members: &mut Vec<Member>) {
    members.sort_unstable_by_key(|member| core::cmp::Reverse(member.id));
    members.dedup_by_key(|member| member.id.node);
    members.reverse();
}

impl Engine {
    /// Proposes the current view without some of its members.
    pub(crate) fn propose_without(
        &mut self,
        now: Instant,
        out: &BTreeSet<MemberId>,
        changes: Changes,
    ) {
        let Some(view) = &self.view else { return };
        let members = view.members.iter().filter(|m| !out.contains(&m.id)).copied().collect();
        self.start_ballot(now, Draft { members, changes, ..Draft::default() });
    }

    /// Starts a view change: a new epoch, a promise to itself, and a proposal to all.
    pub(crate) fn start_ballot(&mut self, now: Instant, mut draft: Draft) {
        let me = self.my_member();
        if !draft.members.iter().any(|member| member.id == me.id) {
            draft.members.push(me);
        }
        name_each_node_once(&mut draft.members);
        let ballot = ViewId { epoch: self.epochs.seen.next(), coordinator: me.id };
        self.saw_epoch(ballot.epoch);
        self.promised = Some(ballot);
        self.protection.ballot_ended();
        self.freeze_stream();
        let propose = Propose {
            ballot,
            wire_version: self.common_wire(&draft.members),
            members: draft.members,
            departing: draft.departing,
            removing: draft.removing,
            gone: draft.gone,
            amending: draft.amending,
            changes: draft.changes.0,
        };
        let own = self.make_flush(now, &propose);
        let proposer = Proposer {
            flushes: BTreeMap::from([(me.id, own)]),
            committing: BTreeMap::new(),
            plan: None,
            recovered: BTreeSet::new(),
            missing: BTreeMap::new(),
            resend_at: now + self.resend_after(),
            deadline: now + self.cfg.timing.share(50),
            retry_at: None,
            refused: BTreeSet::new(),
            leave_out_at: None,
        };
        self.cast(&propose, &Frame::Propose(propose.clone()));
        self.wishes.clear();
        self.phase = Phase::Frozen(Frozen {
            propose,
            since: now,
            planned: None,
            progress: now,
            role: Role::Proposer(Box::new(proposer)),
        });
        self.advance(now);
    }

    /// The highest wire version that all members speak, as far as they said hello. R-115.
    fn common_wire(&self, members: &[Member]) -> u8 {
        let spoken = |member: &Member| {
            let heard = self.heard.get(&member.id.node).filter(|heard| heard.from == member.id);
            heard.map_or(self.wire_version, |heard| heard.hello.wire_max)
        };
        members.iter().map(spoken).min().unwrap_or(self.wire_version).min(self.cfg.wire.1)
    }

    /// How long an answer may take before the question is repeated.
    pub(crate) fn resend_after(&self) -> Duration {
        (self.cfg.timing.token / 20).min(Duration::from_millis(60))
    }

    /// To everybody in a ballot: by multicast, and one by one to those that may not hear it.
    fn cast(&mut self, propose: &Propose, frame: &Frame) {
        let me = self.me();
        let others: Vec<MemberId> =
            propose.members.iter().map(|m| m.id).filter(|&id| id != me).collect();
        if others.is_empty() {
            return;
        }
        let known = |id: &MemberId| self.view.as_ref().is_some_and(|view| view.contains(id));
        let strangers: Vec<MemberId> = others.iter().filter(|id| !known(id)).copied().collect();
        self.push(To::All, frame.clone());
        if others.len() <= 64 {
            for id in strangers {
                self.push(To::Member(id), frame.clone());
            }
        }
        for id in others {
            self.send_relayed(id, frame);
        }
    }

    pub(crate) fn on_flush(&mut self, now: Instant, from: MemberId, flush: Flush) {
        self.saw_epoch(flush.epoch_seen);
        let Some((frozen, proposer)) = self.proposing(flush.ballot) else { return };
        if proposer.plan.is_some() || !frozen.0.members.iter().any(|member| member.id == from) {
            return;
        }
        if let Some(wanted) = proposer.committing.get(&from) {
            if flush.origin != Some(*wanted) {
                return;
            }
            proposer.committing.remove(&from);
        }
        let newer = proposer.flushes.get(&from).is_none_or(|old| flush.origin >= old.origin);
        if newer {
            proposer.flushes.insert(from, flush);
        }
        *frozen.1 = now;
        if proposer.refused.is_empty() {
            self.advance(now);
        } else {
            self.leave_out_refused(now);
        }
    }

    pub(crate) fn on_nack(&mut self, now: Instant, from: MemberId, nack: &Nack) {
        self.saw_epoch(nack.epoch_seen);
        let pause = self.resend_after();
        let jitter = Duration::from_nanos(
            self.prng.below(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX)),
        );
        let Some((frozen, proposer)) = self.proposing(nack.ballot) else { return };
        // The one who refuses may be another life of the node that is named.
        let Some(named) = frozen.0.members.iter().find(|m| m.id.node == from.node) else { return };
        let named = named.id;
        match nack.reason {
            NackReason::Outvoted => {
                proposer.retry_at.get_or_insert(now + pause + jitter);
            }
            NackReason::Held | NackReason::NotMe => {
                proposer.refused.insert(named);
                proposer.leave_out_at.get_or_insert(now + pause / 2);
                self.holds.pause(now, from.node, self.cfg.timing.token * 4);
                self.leave_out_refused(now);
            }
        }
    }

    /// Proposes again without those who refused, as soon as all have answered or after a moment:
    /// where half of a large cluster refuses, that must not take a ballot for each of them.
    fn leave_out_refused(&mut self, now: Instant) {
        let Phase::Frozen(Frozen { propose, role: Role::Proposer(proposer), .. }) = &self.phase
        else {
            return;
        };
        let answers = proposer.flushes.len() + proposer.refused.len();
        let over = proposer.leave_out_at.is_some_and(|at| now >= at);
        if over || answers >= propose.members.len() {
            let refused = proposer.refused.clone();
            self.propose_again(now, &refused, Reason::Parted);
        }
    }

    /// The ballot under way at this node, if it is the one meant and still wants answers.
    fn proposing(&mut self, ballot: ViewId) -> Option<((&Propose, &mut Instant), &mut Proposer)> {
        match &mut self.phase {
            Phase::Frozen(Frozen { propose, progress, role: Role::Proposer(proposer), .. })
                if propose.ballot == ballot =>
            {
                Some(((&*propose, progress), proposer))
            }
            _ => None,
        }
    }

    /// Goes on as far as the answers allow.
    fn advance(&mut self, now: Instant) {
        let Phase::Frozen(Frozen { propose, role: Role::Proposer(proposer), .. }) = &self.phase
        else {
            return;
        };
        let everybody = propose.members.len();
        if proposer.plan.is_none() {
            if proposer.flushes.len() < everybody || !proposer.committing.is_empty() {
                return;
            }
            if !self.complete_earlier(now) && !self.leave_out_apart(now) {
                self.make_plan(now);
            }
        } else if proposer.recovered.len() == everybody {
            self.decide(now);
        }
    }

    /// members that are one install behind others are brought up first. True if there are
    /// any; their new answers are waited for.
    fn complete_earlier(&mut self, now: Instant) -> bool {
        let Phase::Frozen(Frozen { propose, role: Role::Proposer(proposer), .. }) = &self.phase
        else {
            return false;
        };
        let ballot = propose.ballot;
        let lagging = completion(self.me(), &proposer.flushes, &self.pending, &propose.members);
        if lagging.is_empty() {
            return false;
        }
        for (member, view) in lagging {
            if member == self.me() {
                self.commit_here(now, view);
                continue;
            }
            if let Some((_, proposer)) = self.proposing(ballot) {
                proposer.committing.insert(member, view);
                proposer.flushes.remove(&member);
            }
            self.send(member, Frame::Commit(Commit { ballot, view }));
        }
        self.advance(now);
        true
    }

    /// This proposer itself is one install behind.
    fn commit_here(&mut self, now: Instant, view: ViewId) {
        if !self.install_pending(now, view) {
            return;
        }
        let me = self.me();
        let Phase::Frozen(frozen) = &self.phase else { return };
        let own = self.make_flush(now, &frozen.propose);
        if let Some((_, proposer)) = self.proposing(own.ballot) {
            proposer.flushes.insert(me, own);
        }
    }

    /// R-80m: of several parts that carry state one stays in the ballot. True if somebody had to be
    /// left out.
    fn leave_out_apart(&mut self, now: Instant) -> bool {
        let Phase::Frozen(Frozen { role: Role::Proposer(proposer), .. }) = &self.phase else {
            return false;
        };
        let votes = |node| self.rules.sum([node].into_iter());
        let out = apart::to_leave_out(self.me(), &proposer.flushes, votes);
        if !out.is_empty() {
            self.propose_again(now, &out, Reason::Parted);
        }
        !out.is_empty()
    }

    /// Everybody answered: says how the last views end, and asks all to get there.
    fn make_plan(&mut self, now: Instant) {
        let patience = self.cfg.timing.token;
        let Phase::Frozen(frozen) = &mut self.phase else { return };
        let Role::Proposer(proposer) = &mut frozen.role else { return };
        let plan = build_plan(&self.cfg.rules, &frozen.propose, &proposer.flushes);
        proposer.plan = Some(plan.clone());
        proposer.deadline = now + patience;
        frozen.planned = Some(now);
        frozen.progress = now;
        let propose = frozen.propose.clone();
        self.cast_plan(&propose, &plan);
        self.recover_stream(now, &plan);
        self.check_recovered(now);
    }

    fn cast_plan(&mut self, propose: &Propose, plan: &Plan) {
        for recover in tell(propose.ballot, plan) {
            self.cast(propose, &Frame::Recover(recover));
        }
    }

    /// This proposer itself holds everything that the plan asks for.
    pub(crate) fn confirm_own(&mut self, now: Instant) {
        let me = self.me();
        let Phase::Frozen(Frozen { propose, progress, role: Role::Proposer(proposer), .. }) =
            &mut self.phase
        else {
            return;
        };
        let Some(plan) = proposer.plan.clone() else { return };
        proposer.recovered.insert(me);
        *progress = now;
        self.pending.push(Pending { propose: propose.clone(), plan });
        self.advance(now);
    }

    pub(crate) fn on_recovered(&mut self, now: Instant, from: MemberId, recovered: &Recovered) {
        if let Some((frozen, proposer)) = self.proposing(recovered.ballot) {
            if proposer.plan.is_none() || !frozen.0.members.iter().any(|m| m.id == from) {
                return;
            }
            *frozen.1 = now;
            if recovered.missing == 0 {
                proposer.recovered.insert(from);
                self.advance(now);
            } else {
                self.wait_for_recovery(now, from, recovered.missing);
            }
        } else if self.view.as_ref().is_some_and(|view| view.id == recovered.ballot)
            && self.wishes.may_answer(now, from.node, self.resend_after())
        {
            // Late: the install was lost on its way.
            self.send(from, Frame::Install(Install { ballot: recovered.ballot }));
        }
    }

    /// A member lacks something yet. While that shrinks it gets more time, up to four tokens; the
    /// others are told, so that they wait too.
    fn wait_for_recovery(&mut self, now: Instant, from: MemberId, missing: u32) {
        let token = self.cfg.timing.token;
        let Phase::Frozen(Frozen { propose, planned, role: Role::Proposer(proposer), .. }) =
            &mut self.phase
        else {
            return;
        };
        let least = proposer.missing.entry(from).or_insert(u32::MAX);
        let latest = planned.unwrap_or(now) + token * 4;
        if missing >= *least || proposer.deadline >= (now + token / 2).min(latest) {
            *least = missing.min(*least);
            return;
        }
        *least = missing;
        proposer.deadline = (now + token).min(latest);
        let Some(plan) = proposer.plan.clone() else { return };
        let propose = propose.clone();
        self.cast_plan(&propose, &plan);
    }

    /// Everybody holds everything: decided.
    fn decide(&mut self, now: Instant) {
        let Phase::Frozen(frozen) = &self.phase else { return };
        let Role::Proposer(proposer) = &frozen.role else { return };
        let Some(plan) = proposer.plan.clone() else { return };
        let propose = frozen.propose.clone();
        let planned = frozen.planned.unwrap_or(now);
        let (flush, recover) = (planned.since(frozen.since), now.since(planned));
        let dirty: Vec<MemberId> =
            proposer.flushes.iter().filter(|(_, flush)| flush.dirty).map(|(&id, _)| id).collect();
        self.install(now, &propose, &plan, flush, recover);
        self.protection.ballot_ended();
        self.note_dirty(&dirty);
        self.cast(&propose, &Frame::Install(Install { ballot: propose.ballot }));
    }

    /// Who carries state is known from the answers before a beat tells it.
    fn note_dirty(&mut self, dirty: &[MemberId]) {
        let Some(hub) = self.hub_mut() else { return };
        for id in dirty {
            if let Some(member) = hub.members.get_mut(id) {
                member.dirty = true;
            }
        }
    }

    pub(crate) fn tick_proposer(&mut self, now: Instant) {
        let Phase::Frozen(Frozen { propose, role: Role::Proposer(proposer), .. }) = &self.phase
        else {
            return;
        };
        if proposer.leave_out_at.is_some_and(|at| now >= at) {
            self.leave_out_refused(now);
            return;
        }
        if proposer.retry_at.is_some_and(|at| now >= at) {
            self.retry(now);
            return;
        }
        let waiting_for: BTreeSet<MemberId> = propose
            .members
            .iter()
            .map(|member| member.id)
            .filter(|id| match &proposer.plan {
                None => !proposer.flushes.contains_key(id),
                Some(_) => !proposer.recovered.contains(id),
            })
            .collect();
        if now >= proposer.deadline {
            self.propose_again(now, &waiting_for, Reason::Unresponsive);
        } else if now >= proposer.resend_at {
            self.resend(now, &waiting_for);
        }
    }

    fn resend(&mut self, now: Instant, waiting_for: &BTreeSet<MemberId>) {
        let again = now + self.resend_after();
        let Phase::Frozen(Frozen { propose, role: Role::Proposer(proposer), .. }) = &mut self.phase
        else {
            return;
        };
        proposer.resend_at = again;
        let ballot = propose.ballot;
        let told = proposer.plan.as_ref().map(|plan| tell(ballot, plan));
        let propose = propose.clone();
        let committing = proposer.committing.clone();
        for &member in waiting_for {
            let frame = match (committing.get(&member), &told) {
                (Some(&view), _) => Frame::Commit(Commit { ballot, view }),
                (None, None) => Frame::Propose(propose.clone()),
                (None, Some(told)) => {
                    let Some(own) = told.iter().find(|told| tells(told, member.node)) else {
                        continue;
                    };
                    Frame::Recover(own.clone())
                }
            };
            self.send(member, frame);
        }
    }

    /// Outvoted: the same members again with a higher epoch; half of the outvoted give way.
    fn retry(&mut self, now: Instant) {
        if self.prng.below(2) == 0 {
            self.become_candidate(now, self.cfg.timing.share(25));
        } else {
            self.propose_again(now, &BTreeSet::new(), Reason::Unresponsive);
        }
    }

    /// Proposes again, with a new epoch, without those that did not answer or refused.
    ///
    fn propose_again(&mut self, now: Instant, out: &BTreeSet<MemberId>, reason: Reason) {
        let Phase::Frozen(frozen) = &self.phase else { return };
        let propose = frozen.propose.clone();
        let mut changes = Changes(propose.changes);
        for id in out {
            let member = self.view.as_ref().is_some_and(|view| view.contains(id));
            changes.0.retain(|change| change.node != id.node);
            if member {
                changes.note(id.node, reason, self.me().node, Duration::ZERO);
            }
            if reason == Reason::Unresponsive {
                self.holds.failed(now, id.node);
            }
        }
        let mut departing: NodeSet = propose
            .departing
            .iter()
            .filter(|&node| !out.iter().any(|id| id.node == node))
            .collect();
        let mut removing: NodeSet =
            propose.removing.iter().filter(|&node| departing.contains(node)).collect();
        if !out.is_empty() && !removing.is_empty() {
            // Who is left out may hold a lease; votes are taken off only when it is over.
            changes.0.retain(|change| !departing.contains(change.node));
            departing = NodeSet::new();
            removing = NodeSet::new();
        }
        let draft = Draft {
            members: propose.members.iter().filter(|m| !out.contains(&m.id)).copied().collect(),
            departing,
            removing,
            gone: propose.gone,
            // Votes are changed only where nobody has to be left out. R-158.
            amending: propose.amending.filter(|_| out.is_empty()),
            changes,
        };
        self.start_ballot(now, draft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::{Incarnation, NodeId, Salt};

    fn member(node: u32, incarnation: u64) -> Member {
        let node = NodeId::new(node).unwrap();
        let id = MemberId { node, incarnation: Incarnation(incarnation), salt: Salt::default() };
        Member { id, address: ([10, 0, 0, 1], 5405).into() }
    }

    /// it answered, died and came back while a ballot was prepared.
    #[test]
    fn the_newest_life_of_a_node_is_proposed() {
        let mut members = vec![member(3, 1), member(1, 8), member(2, 7), member(1, 9)];
        name_each_node_once(&mut members);
        assert_eq!(members, [member(1, 9), member(2, 7), member(3, 1)]);
    }
}
