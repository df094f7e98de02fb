//! Leaving in good order, and being put out.

use cman_types::{Instant, Member, MemberId, NodeId, NodeSet};
use cman_wire::{
    Frame,
    frame::{Gone, Kill, Leave, PutOut, Reason},
};
use core::time::Duration;
use std::collections::BTreeMap;

use crate::{
    detector::deputies,
    engine::Engine,
    event::{Event, Fatal, Notice},
    phase::{Changes, Phase},
    view_change::Draft,
};

/// What this node does about leaving, and about nodes that are to be put out.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Leaving {
    /// Nothing.
    No,
    /// It has asked to leave.
    Asked {
        /// It gives up its votes.
        remove: bool,
        /// It was killed, from this node.
        killed_by: Option<NodeId>,
        /// When it goes even if nobody answers.
        deadline: Instant,
        /// When it asks again.
        resend_at: Instant,
    },
    /// It asked to put these out, or puts them out as coordinator.
    Killing(BTreeMap<MemberId, Victim>),
}

/// A node that is to be put out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Victim {
    by: NodeId,
    since: Instant,
    resend_at: Instant,
    gone: bool,
}

impl Leaving {
    pub(crate) fn due(&self) -> Instant {
        match self {
            Self::No => Instant::FAR,
            Self::Asked { deadline, resend_at, .. } => (*deadline).min(*resend_at),
            Self::Killing(victims) => {
                victims.values().map(|v| v.resend_at).min().unwrap_or(Instant::FAR)
            }
        }
    }

    /// Whether this node is about to give up its votes.
    pub(crate) const fn removes(&self) -> bool {
        matches!(self, Self::Asked { remove: true, .. })
    }

    /// What it waited for has come: it asks at once.
    pub(crate) const fn ask_at(&mut self, now: Instant) {
        if let Self::Asked { resend_at, .. } = self {
            *resend_at = now;
        }
    }
}

impl Engine {
    /// Leaves in good order; with `remove`, gives up the votes. Bounded by two tokens.
    pub fn leave(&mut self, now: Instant, remove: bool) {
        self.ask_to_leave(now, remove, None);
        self.handle_timeout(now);
    }

    /// Puts a member out.
    ///
    /// # Errors
    /// There is no working view, or the node is not in it.
    pub fn kill(&mut self, now: Instant, node: NodeId) -> Result<(), String> {
        let Some(view) = self.view.as_ref().filter(|_| self.is_working()) else {
            return Err("this node is not in a working view now; try again in a moment".into());
        };
        let Some(target) = view.member_of_node(node).map(|member| member.id) else {
            return Err(format!("node {node} is not a member; see `cman_tool nodes`"));
        };
        let by = self.me().node;
        self.add_victim(now, target, by);
        self.handle_timeout(now);
        Ok(())
    }

    fn ask_to_leave(&mut self, now: Instant, remove: bool, killed_by: Option<NodeId>) {
        if matches!(self.leaving, Leaving::Asked { .. }) {
            return;
        }
        let deadline = now + self.cfg.timing.token * 2;
        self.leaving = Leaving::Asked { remove, killed_by, deadline, resend_at: now };
        if remove && !self.removed_on_disk {
            self.store();
        }
    }

    fn add_victim(&mut self, now: Instant, target: MemberId, by: NodeId) {
        if target == self.me() {
            self.ask_to_leave(now, false, Some(by));
            return;
        }
        let victim = Victim { by, since: now, resend_at: now, gone: false };
        match &mut self.leaving {
            Leaving::Killing(victims) => {
                victims.entry(target).or_insert(victim);
            }
            Leaving::No => self.leaving = Leaving::Killing(BTreeMap::from([(target, victim)])),
            Leaving::Asked { .. } => {}
        }
    }

    pub(crate) fn tick_leaving(&mut self, now: Instant) {
        match &self.leaving {
            Leaving::No => {}
            Leaving::Asked { .. } => self.tick_asked(now),
            Leaving::Killing(_) => self.tick_killing(now),
        }
    }

    fn tick_asked(&mut self, now: Instant) {
        let again = now + self.resend_after();
        let Leaving::Asked { remove, deadline, resend_at, .. } = &mut self.leaving else { return };
        let remove = *remove;
        let over = now >= *deadline;
        if now < *resend_at && !over {
            return;
        }
        *resend_at = again;
        let alone = match (&self.phase, &self.view) {
            (Phase::Normal(_), Some(view)) => view.members.len() == 1,
            (Phase::Candidate(_), _) | (_, None) => true,
            _ => false,
        };
        //
        let noted = !remove || self.removed_on_disk;
        if over && !noted {
            self.notice(now, self.me().node, Notice::VotesStay);
        }
        if over || alone {
            self.depart(remove);
            self.end_leaving();
        } else if noted && self.is_working() {
            self.send_leave(now, remove);
        }
    }

    /// A member asks the coordinator; the coordinator hands over to the first deputy it hears.
    fn send_leave(&mut self, now: Instant, remove: bool) {
        let Some(view) = &self.view else { return };
        let (id, limit) = (view.id, now.before(self.cfg.timing.share(40)));
        let to = match self.hub().filter(|hub| !hub.acting) {
            Some(hub) => deputies(view)
                .into_iter()
                .find(|id| hub.members.get(id).is_some_and(|member| member.heard >= limit)),
            None => Some(id.coordinator),
        };
        if let Some(to) = to {
            self.send(to, Frame::Leave(Leave { view: id, remove }));
        }
    }

    pub(crate) fn on_leave(&mut self, now: Instant, from: MemberId, leave: &Leave) {
        if !self.is_my_view(leave.view) {
            return;
        }
        let entitled = self.coordinates() || self.coordinator() == Some(from);
        let Some(view) = self.view.as_ref().filter(|view| entitled && view.contains(&from)) else {
            return;
        };
        if leave.remove && self.leases_may_be_out(now) {
            return; // It asks again.
        }
        let departing: NodeSet = [from.node].into_iter().collect();
        let mut changes = Changes::default();
        let reason = if leave.remove { Reason::Removed } else { Reason::Left };
        changes.note(from.node, reason, from.node, Duration::ZERO);
        let draft = Draft {
            members: view.members.clone(),
            removing: if leave.remove { departing.clone() } else { NodeSet::new() },
            departing,
            changes,
            ..Draft::default()
        };
        self.start_ballot(now, draft);
    }

    /// Whether somebody who was left out may still hold a lease. Then no votes are taken off what
    /// is expected: with fewer expected, a majority could form that shares nobody with the one
    /// that the lease rests on. R-146.
    pub(crate) fn leases_may_be_out(&self, now: Instant) -> bool {
        self.parted_at.is_some_and(|at| now < at + self.cfg.timing.lease)
    }

    /// This node gives up its lease, and its votes if it is removed: others may count without it
    /// from now on.
    pub(crate) fn depart(&mut self, remove: bool) {
        self.lease.drop_lease();
        self.votes.eligible = false;
        self.removed_self |= remove;
    }

    /// The end. What is still queued is lost; clients learn of it by the event. R-44m.
    pub(crate) fn end_leaving(&mut self) {
        let killed_by = match &self.leaving {
            Leaving::Asked { killed_by, .. } => *killed_by,
            Leaving::No | Leaving::Killing(_) => None,
        };
        match killed_by {
            Some(by) => self.end_fatally(Fatal::Killed { by }),
            None => {
                self.phase = Phase::Ended;
                self.emit(Event::Left);
            }
        }
    }

    /// The coordinator tells the victims and proposes without them once they are gone, or after a
    /// moment; everybody else tells the coordinator.
    fn tick_killing(&mut self, now: Instant) {
        let (pause, patience) = (self.resend_after(), self.cfg.timing.share(10));
        let token = self.cfg.timing.token;
        let Leaving::Killing(mut victims) = std::mem::replace(&mut self.leaving, Leaving::No)
        else {
            return;
        };
        let view = self.view.as_ref();
        victims.retain(|target, victim| {
            view.is_some_and(|view| view.contains(target)) && now.since(victim.since) < token
        });
        for (&target, victim) in &mut victims {
            if now >= victim.resend_at {
                victim.resend_at = now + pause;
                self.tell_victim(target, victim.by);
            }
        }
        let over: BTreeMap<MemberId, Victim> = victims
            .iter()
            .filter(|(_, victim)| victim.gone || now.since(victim.since) >= patience)
            .map(|(&target, &victim)| (target, victim))
            .collect();
        if !victims.is_empty() {
            self.leaving = Leaving::Killing(victims);
        }
        if !over.is_empty() && self.coordinates() {
            self.put_out(now, &over);
        }
    }

    fn tell_victim(&mut self, target: MemberId, by: NodeId) {
        let Some(view) = self.view.as_ref().filter(|_| self.is_working()).map(|view| view.id)
        else {
            return;
        };
        if self.coordinates() {
            self.send(target, Frame::PutOut(PutOut { view, target, by }));
        } else {
            self.send(view.coordinator, Frame::Kill(Kill { view, target }));
        }
    }

    fn put_out(&mut self, now: Instant, victims: &BTreeMap<MemberId, Victim>) {
        let Some(view) = &self.view else { return };
        let mut changes = Changes::default();
        let mut gone = Vec::new();
        for (target, victim) in victims {
            changes.note(target.node, Reason::Killed, victim.by, Duration::ZERO);
            if victim.gone {
                gone.push(*target);
            }
        }
        let stays = |member: &&Member| !victims.contains_key(&member.id);
        let members = view.members.iter().filter(stays).copied().collect();
        self.start_ballot(now, Draft { members, gone, changes, ..Draft::default() });
    }

    pub(crate) fn on_kill(&mut self, now: Instant, from: MemberId, kill: &Kill) {
        if self.is_my_view(kill.view) && self.coordinates() {
            self.add_victim(now, kill.target, from.node);
            self.tick_leaving(now);
        }
    }

    pub(crate) fn on_put_out(&mut self, _now: Instant, put_out: &PutOut) {
        if put_out.target == self.me() && self.coordinator() == Some(put_out.view.coordinator) {
            self.send(put_out.view.coordinator, Frame::Gone(Gone { ballot: put_out.view }));
            self.end_fatally(Fatal::Killed { by: put_out.by });
        }
    }

    pub(crate) fn on_gone(&mut self, now: Instant, from: MemberId, gone: &Gone) {
        if !self.is_my_view(gone.ballot) {
            return;
        }
        if let Leaving::Killing(victims) = &mut self.leaving
            && let Some(victim) = victims.get_mut(&from)
        {
            victim.gone = true;
            self.tick_leaving(now);
        }
    }
}
