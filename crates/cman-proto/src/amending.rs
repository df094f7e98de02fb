//! Votes and expected votes that administrators change while the cluster runs.

use cman_quorum::{Agreed, AmendError, VoteRules};
use cman_types::{Amended, Amendment, Epoch, Instant, MemberId, NodeId};
use cman_wire::{Frame, frame::Amend};

use crate::{engine::Engine, event::Event, view_change::Draft};

/// What was asked for on this node and is not in force yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Amending(Vec<Asked>);

/// One amendment.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Asked {
    /// Who waits.
    ticket: u64,
    what: Amendment,
    /// How many views were installed when it was asked for.
    changes: u64,
    /// Whether the view could be quorate then: whoever asks in a quorum does not mean what is left
    /// of it.
    eligible: bool,
    resend_at: Instant,
}

impl Amending {
    pub(crate) fn due(&self) -> Instant {
        self.0.iter().map(|asked| asked.resend_at).min().unwrap_or(Instant::FAR)
    }
}

impl Engine {
    /// Asks for other votes. [`Event::Amended`] with this ticket tells the outcome, after any time:
    /// the coordinator may be busy with something else.
    pub fn amend(&mut self, now: Instant, ticket: u64, what: Amendment) {
        let (changes, eligible) = (self.changes, self.votes.eligible);
        let asked = Asked { ticket, what, changes, eligible, resend_at: now };
        self.amending.0.push(asked);
        self.handle_timeout(now);
    }

    /// The rules that are in force, with what was changed.
    #[must_use]
    pub const fn rules(&self) -> &VoteRules {
        &self.rules
    }

    /// The votes of this node's quorum device changed; 0: there is none, or it is dead. R-172.
    pub fn set_device_votes(&mut self, now: Instant, votes: u32) {
        if votes == self.device {
            return;
        }
        self.wake(now);
        self.device = votes;
        if self.view.is_some() && !self.is_leaving() {
            self.count_votes();
            if !self.votes.eligible {
                self.lease.drop_lease();
            }
            if self.hub().is_some() {
                self.count_lease(now);
            }
        }
        self.settle(now);
    }

    /// What the view has and needs, by what its members agreed on and this node's own device.
    pub(crate) fn count_votes(&mut self) {
        self.votes = self.cfg.rules.decide(&self.agreed, self.device);
    }

    /// What the members of the present view would agree on once more.
    fn agreed_now(&self) -> Option<Agreed> {
        let view = self.view.as_ref().filter(|_| self.is_working())?;
        let (basis, before) = (self.basis.clone(), &self.agreed);
        let (fresh, forgotten) = (before.fresh.clone(), before.forgotten);
        let members = view.nodes().collect();
        Some(Agreed { members, basis, fresh, forgotten, ..Agreed::default() })
    }

    /// Answers what is in force or must be refused, and asks the coordinator for the rest.
    pub(crate) fn tick_amending(&mut self, now: Instant) {
        if self.amending.0.is_empty() {
            return;
        }
        let again = now + self.resend_after();
        let mut waiting = core::mem::take(&mut self.amending.0);
        waiting.retain_mut(|asked| {
            if let Some(result) = self.outcome(now, asked) {
                self.emit(Event::Amended { ticket: asked.ticket, result });
                return false;
            }
            if now >= asked.resend_at {
                asked.resend_at = again;
                self.ask_coordinator(now, asked.what);
            }
            true
        });
        // An amendment that this node starts itself freezes it: nothing is asked for meanwhile.
        self.amending.0.extend(waiting);
    }

    /// What became of it; none if that is not decided yet.
    fn outcome(&self, now: Instant, asked: &Asked) -> Option<Result<(), AmendError>> {
        let Some(agreed) = self.agreed_now() else {
            return self.view.is_none().then_some(Err(AmendError::NoView));
        };
        let is_new = self.changes > asked.changes;
        let holds = self.cfg.rules.holds(&self.basis, asked.what);
        if is_new && holds {
            return Some(Ok(()));
        }
        if asked.eligible && !self.votes.eligible {
            return Some(Err(AmendError::QuorumLost));
        }
        match self.may_amend(now, &agreed, asked.what) {
            Err(error) => Some(Err(error)),
            Ok(()) => (holds && self.votes.eligible).then_some(Ok(())),
        }
    }

    /// Not as long as nodes are there whose state must not be merged with ours (R-80m).
    fn may_amend(&self, now: Instant, agreed: &Agreed, what: Amendment) -> Result<(), AmendError> {
        if !self.disallowed(now).is_empty() {
            return Err(AmendError::Disallowed);
        }
        self.cfg.rules.may_amend(agreed, what, self.device)
    }

    fn ask_coordinator(&mut self, now: Instant, amendment: Amendment) {
        let Some(view) = self.view.as_ref().filter(|_| self.is_working()).map(|view| view.id)
        else {
            return;
        };
        if self.coordinates() {
            self.begin_amending(now, amendment);
        } else {
            self.send(view.coordinator, Frame::Amend(Amend { view, amendment }));
        }
    }

    /// Asked in this very view: what an older one asked for may have been undone since. R-155.
    pub(crate) fn on_amend(&mut self, now: Instant, from: MemberId, amend: &Amend) {
        let member = self.view.as_ref().is_some_and(|view| view.contains(&from));
        if member && self.is_my_view(amend.view) && self.coordinates() {
            self.begin_amending(now, amend.amendment);
        }
    }

    /// A ballot with the same members. A view that can be quorate must be so for certain, nobody
    /// who was left out may still hold a lease, and nobody may have to be left out. Who asked asks
    /// again. R-158.
    fn begin_amending(&mut self, now: Instant, amendment: Amendment) {
        let Some(agreed) = self.agreed_now() else { return };
        let eligible = self.votes.eligible;
        let sure = !eligible || (self.is_quorate(now) && self.is_settled());
        let held = eligible && self.cfg.rules.holds(&self.basis, amendment);
        let refused = self.may_amend(now, &agreed, amendment).is_err();
        let limit = now.before(self.cfg.timing.share(40));
        let stalled = self.stall.must_not_accuse(now);
        let late = self.hub().is_some_and(|hub| hub.silent_since(limit).next().is_some());
        if held || refused || late || stalled || !sure || self.leases_may_be_out(now) {
            return;
        }
        let Some(view) = &self.view else { return };
        let members = view.members.clone();
        self.start_ballot(now, Draft { members, amending: Some(amendment), ..Draft::default() });
    }

    /// A view is installed. If it counts in another way, its basis is the newest for everybody; and
    /// leases of the view before may rest on votes that are no majority any more: so each member
    /// promises to whoever may hold one. R-158.
    pub(crate) fn note_amended(&mut self, now: Instant, is_new: bool, before: &Amended) {
        if is_new {
            if self.votes.eligible {
                self.basis.epoch = self.my_epoch();
            }
            let (me, timing) = (self.me(), self.cfg.timing);
            let others = self.view.iter().flat_map(|view| view.ids()).filter(|id| *id != me);
            for member in others {
                self.lease.promise(member, now, &timing);
            }
        }
        for asked in &mut self.amending.0 {
            asked.resend_at = now;
        }
        self.remember_raised(before);
    }

    /// The disk remembers that nodes have more votes than the configuration gives them. R-159.
    fn remember_raised(&mut self, before: &Amended) {
        let amended = &self.basis.amended;
        let raised = self.cfg.rules.raises(amended);
        let is_noted = self.raised_at != Epoch(0);
        let is_news = raised != is_noted || (raised && amended.votes != before.votes);
        if is_news && !self.votes.forgotten {
            self.raised_at = if raised { self.basis.epoch } else { Epoch(0) };
            self.store();
        }
    }

    /// Votes of a node, as they count now.
    #[must_use]
    pub fn votes_of(&self, node: NodeId) -> u32 {
        self.rules.votes_of(node)
    }
}
