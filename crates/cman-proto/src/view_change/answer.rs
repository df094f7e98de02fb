//! The other members of a ballot.

use cman_types::{Instant, MemberId, NodeSet, ViewId};
use cman_wire::{
    Frame,
    frame::{Commit, Flush, Gone, Install, Nack, NackReason, Propose, Recover, Recovered},
};
use core::time::Duration;

use crate::{
    engine::Engine,
    event::Event,
    phase::{Frozen, Pending, Phase, Role},
};

impl Engine {
    pub(crate) fn on_propose(&mut self, now: Instant, from: MemberId, propose: Propose) {
        let ballot = propose.ballot;
        if ballot.coordinator != from {
            return;
        }
        self.saw_epoch(ballot.epoch);
        let me = self.me();
        let Some(named) = propose.members.iter().find(|m| m.id.node == me.node) else { return };
        let speaks = (self.cfg.wire.0..=self.cfg.wire.1).contains(&propose.wire_version);
        if named.id != me || !speaks {
            self.refuse_ballot(from, ballot, NackReason::NotMe);
            return;
        }
        if self.promised == Some(ballot) {
            self.answer_again(now, from, ballot);
            return;
        }
        let higher = self.promised.is_none_or(|promised| ballot > promised);
        if !higher || ballot.epoch <= self.my_epoch() {
            self.refuse_ballot(from, ballot, NackReason::Outvoted);
        } else if self.holds_off(now, from) || self.is_captured_by(now, from, &propose) {
            self.refuse_ballot(from, ballot, NackReason::Held);
        } else {
            self.freeze(now, from, propose);
        }
    }

    fn refuse_ballot(&mut self, to: MemberId, ballot: ViewId, reason: NackReason) {
        let nack = Nack { ballot, epoch_seen: self.epochs.seen, reason };
        self.send(to, Frame::Nack(nack));
    }

    /// A coordinator that fell silent lately is refused while there is somebody else.
    fn holds_off(&self, now: Instant, proposer: MemberId) -> bool {
        let timing = &self.cfg.timing;
        if self.silent_hubs.get(&proposer.node).is_none_or(|&until| until <= now) {
            return false;
        }
        match &self.phase {
            Phase::Normal(normal) => {
                let other = self.coordinator().is_some_and(|id| id != proposer);
                let alive = now.since(normal.watch.contact) < timing.share(40);
                other && (alive || self.coordinates()) && !self.in_view(&proposer)
            }
            Phase::Candidate(candidate) => {
                let fresh = now.since(candidate.since) < timing.token * 4;
                let limit = now.before(timing.beat * 4);
                fresh && self.heard.values().any(|h| h.from != proposer && h.at >= limit)
            }
            Phase::Frozen(_) | Phase::Ended => false,
        }
    }

    /// A stranger proposes a view without the coordinator that this node is in touch with, perhaps
    /// on an old hello of it: that would take it out of a working view. R-116.
    fn is_captured_by(&self, now: Instant, proposer: MemberId, propose: &Propose) -> bool {
        let Some(normal) = self.normal() else { return false };
        let Some(coordinator) = self.coordinator() else { return false };
        let in_touch = now.since(normal.watch.contact) < self.cfg.timing.share(30);
        in_touch
            && !self.coordinates()
            && !self.in_view(&proposer)
            && !propose.members.iter().any(|member| member.id == coordinator)
    }

    fn in_view(&self, id: &MemberId) -> bool {
        self.view.as_ref().is_some_and(|view| view.contains(id))
    }

    /// Accepts: from now on nothing of the old view is sent, taken or delivered.
    fn freeze(&mut self, now: Instant, from: MemberId, propose: Propose) {
        self.promised = Some(propose.ballot);
        self.protection.ballot_ended();
        self.freeze_stream();
        self.saw_epoch(propose.ballot.epoch);
        for member in &propose.members {
            if member.address.port() != 0 {
                self.addresses.entry(member.id).or_insert(member.address);
            }
        }
        self.emit(Event::Vouched(propose.members.clone()));
        let flush = self.make_flush(now, &propose);
        self.wishes.clear();
        self.phase = Phase::Frozen(Frozen {
            propose,
            since: now,
            planned: None,
            progress: now,
            role: Role::Participant { plan: None, recovered: false, resend_at: Instant::FAR },
        });
        self.send(from, Frame::Flush(flush.into()));
    }

    /// A repeated proposal of the promised ballot gets a fresh answer.
    fn answer_again(&mut self, now: Instant, from: MemberId, ballot: ViewId) {
        let Phase::Frozen(frozen) = &self.phase else { return };
        if frozen.propose.ballot == ballot && !frozen.proposing() && frozen.planned.is_none() {
            let flush = self.make_flush(now, &frozen.propose);
            self.send(from, Frame::Flush(flush.into()));
        }
    }

    /// What was held at the freeze, and what this node vouches for.
    pub(crate) fn make_flush(&self, now: Instant, propose: &Propose) -> Flush {
        let named: NodeSet = propose.members.iter().map(|member| member.id.node).collect();
        let (index, holdings) = self.holdings();
        let lost = |id: &MemberId| !propose.gone.contains(id) && !named.contains(id.node);
        Flush {
            ballot: propose.ballot,
            origin: self.view.as_ref().map(|view| view.id),
            pending: self
                .pending
                .iter()
                .filter(|pending| !pending.propose.departing.contains(self.me().node))
                .map(|pending| pending.propose.ballot)
                .collect(),
            epoch_seen: self.epochs.seen,
            basis: self.basis.clone(),
            removed_self: self.removed_self,
            fresh: !self.took_part,
            knew: self.raised_at,
            dirty: self.protection.is_dirty(),
            hub_leases: self.book.outstanding(now, lost),
            promised: self.lease.promised(now).map(|(hub, left)| (hub.node, left)).collect(),
            index,
            holdings,
        }
    }

    pub(crate) fn on_commit(&mut self, now: Instant, from: MemberId, commit: &Commit) {
        let Some(frozen) = self.answering(from, commit.ballot) else { return };
        frozen.progress = now;
        self.install_pending(now, commit.view);
        self.answer_again(now, from, commit.ballot);
    }

    /// Completes a view that this node confirmed, and goes on with the ballot under way.
    /// Whether there was one.
    pub(crate) fn install_pending(&mut self, now: Instant, view: ViewId) -> bool {
        let Some(at) = self.pending.iter().position(|p| p.propose.ballot == view) else {
            return false;
        };
        let Pending { propose, plan } = self.pending.swap_remove(at);
        let frozen = std::mem::replace(&mut self.phase, Phase::Ended);
        self.install(now, &propose, &plan, Duration::ZERO, Duration::ZERO);
        self.phase = frozen;
        self.freeze_stream();
        true
    }

    pub(crate) fn on_recover(&mut self, now: Instant, from: MemberId, recover: Recover) {
        let me = self.me();
        let origin = self.view.as_ref().map(|view| view.id);
        let ours = recover.plan.lineages.iter().find(|lineage| lineage.members.contains(me.node));
        if ours.is_none_or(|lineage| lineage.origin != origin) {
            return;
        }
        let Some(frozen) = self.answering(from, recover.ballot) else { return };
        frozen.progress = now;
        frozen.planned.get_or_insert(now);
        let Role::Participant { plan, recovered, resend_at } = &mut frozen.role else { return };
        *resend_at = now;
        if plan.is_none() {
            *plan = Some(Box::new(recover.plan.clone()));
            *recovered = false;
            self.recover_stream(now, &recover.plan);
        }
        self.tell_recovered(now);
    }

    /// The stream may have got the last of what the plan asks for: R-26.
    pub(crate) fn check_recovered(&mut self, now: Instant) {
        let Phase::Frozen(frozen) = &self.phase else { return };
        match &frozen.role {
            Role::Participant { plan: Some(_), recovered: false, .. } if self.missing() == 0 => {
                self.confirm(now);
            }
            Role::Proposer(proposer) => {
                let waits = proposer.plan.is_some() && !proposer.recovered.contains(&self.me());
                if waits && self.missing() == 0 {
                    self.confirm_own(now);
                }
            }
            Role::Participant { .. } => {}
        }
    }

    /// Holds everything: the ballot is pending until something is installed.
    fn confirm(&mut self, now: Instant) {
        let me = self.me();
        let Phase::Frozen(frozen) = &mut self.phase else { return };
        let propose = frozen.propose.clone();
        let Role::Participant { plan: Some(plan), recovered, resend_at } = &mut frozen.role else {
            return;
        };
        *recovered = true;
        *resend_at = now;
        frozen.progress = now;
        let plan = (**plan).clone();
        let departing = propose.departing.contains(me.node);
        let removing = propose.removing.contains(me.node);
        if !self.pending.iter().any(|pending| pending.propose.ballot == propose.ballot) {
            self.pending.push(Pending { propose, plan });
        }
        if departing {
            self.depart(removing);
        }
        self.tell_recovered(now);
    }

    /// Tells the proposer that everything is here, or how much is missing.
    fn tell_recovered(&mut self, now: Instant) {
        let again = now + self.resend_after();
        let missing = self.missing();
        let me = self.me();
        let Phase::Frozen(frozen) = &mut self.phase else { return };
        let Role::Participant { recovered, resend_at, .. } = &mut frozen.role else { return };
        if now < *resend_at {
            return;
        }
        *resend_at = again;
        let ballot = frozen.propose.ballot;
        let gone = *recovered && frozen.propose.departing.contains(me.node);
        let missing = if *recovered { 0 } else { missing.max(1) };
        if gone {
            self.send(ballot.coordinator, Frame::Gone(Gone { ballot }));
        }
        self.send(ballot.coordinator, Frame::Recovered(Recovered { ballot, missing }));
    }

    /// The ballot that this node answers, if it is the one meant.
    fn answering(&mut self, from: MemberId, ballot: ViewId) -> Option<&mut Frozen> {
        match &mut self.phase {
            Phase::Frozen(frozen)
                if frozen.propose.ballot == ballot
                    && ballot.coordinator == from
                    && !frozen.proposing() =>
            {
                Some(frozen)
            }
            _ => None,
        }
    }

    /// The promised ballot is decided; of another it would be no news. R-28.
    pub(crate) fn on_install(&mut self, now: Instant, from: MemberId, install: &Install) {
        if install.ballot.coordinator == from {
            self.install_recovered(now, install.ballot);
        }
    }

    /// A beat of the promised ballot's view is as good as its install.
    pub(crate) fn install_by_beat(&mut self, now: Instant, from: MemberId, view: ViewId) -> bool {
        view.coordinator == from && self.install_recovered(now, view)
    }

    fn install_recovered(&mut self, now: Instant, ballot: ViewId) -> bool {
        let Phase::Frozen(frozen) = &self.phase else { return false };
        let ready = matches!(frozen.role, Role::Participant { recovered: true, .. });
        if frozen.propose.ballot != ballot || !ready {
            return false;
        }
        let planned = frozen.planned.unwrap_or(now);
        let (flush, recover) = (planned.since(frozen.since), now.since(planned));
        let Some(at) = self.pending.iter().position(|p| p.propose.ballot == ballot) else {
            return false;
        };
        let Pending { propose, plan } = self.pending.swap_remove(at);
        if propose.departing.contains(self.me().node) {
            // What goes with the others is delivered here too.
            self.close_stream(&plan);
            self.end_leaving();
            return false;
        }
        self.install(now, &propose, &plan, flush, recover);
        self.protection.ballot_ended();
        true
    }

    pub(crate) fn tick_frozen(&mut self, now: Instant) {
        let limit = self.cfg.timing.share(150);
        let Phase::Frozen(frozen) = &self.phase else { return };
        let stuck = now.since(frozen.progress) >= limit;
        match &frozen.role {
            Role::Proposer(_) => self.tick_proposer(now),
            Role::Participant { .. } if stuck => {
                self.become_candidate(now, self.cfg.timing.share(10));
            }
            Role::Participant { plan: Some(_), .. } => self.tell_recovered(now),
            Role::Participant { .. } => {}
        }
    }

    /// When a frozen node must be looked at again.
    pub(crate) fn frozen_due(&self, frozen: &Frozen) -> Instant {
        match &frozen.role {
            Role::Proposer(proposer) => {
                let again = [proposer.retry_at, proposer.leave_out_at].into_iter().flatten().min();
                let due = proposer.resend_at.min(proposer.deadline);
                again.map_or(due, |at| due.min(at))
            }
            Role::Participant { resend_at, .. } => {
                (*resend_at).min(frozen.progress + self.cfg.timing.share(150))
            }
        }
    }
}
