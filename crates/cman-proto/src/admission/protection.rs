//! Protection on merge: parts of a cluster that carry state never become one view by themselves
//! (R-80m).
//!
//! A *part* is what installed the same view last. It is dirty if one of its members is: its clients
//! carry state, a lock manager's or that of a mounted file system, that is worth nothing once
//! others went on without them.

use cman_types::{Instant, MemberId, NodeId, NodeSet};
use cman_wire::{
    Frame,
    frame::{Hello, HelloKind, Refuse, RefuseReason},
};
use core::time::Duration;
use std::collections::BTreeMap;

use super::hello::preference;
use crate::{
    engine::Engine,
    event::{Fatal, Notice, Refusal},
    phase::Phase,
};

/// What this node knows of state that must not be merged.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Protection {
    /// Its clients carry state.
    dirty: bool,
    /// They said so in the midst of a ballot: it counts from the end of that on, because what this
    /// node answered is part of it.
    asked: bool,
    /// Whose parts the operator was told of.
    told: BTreeMap<NodeId, MemberId>,
}

impl Protection {
    /// Whether this node is dirty, as it tells the others.
    pub(crate) const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// A ballot has ended.
    pub(crate) const fn ballot_ended(&mut self) {
        self.dirty |= self.asked;
    }
}

impl Engine {
    /// The clients of this node carry state from now on, until its end.
    ///
    /// # Errors
    /// This node was in no view yet, or has ended.
    pub fn set_dirty(&mut self, now: Instant) -> Result<(), String> {
        if self.view.is_none() || self.has_ended() {
            return Err("this node is in no view yet; try again when it is a member".into());
        }
        self.wake(now);
        self.protection.asked = true;
        if !matches!(self.phase, Phase::Frozen(_)) {
            self.protection.ballot_ended();
        }
        if let Some(normal) = self.normal_mut() {
            // The coordinator hears of it at once.
            normal.watch.next_beat = now;
        }
        self.settle(now);
        Ok(())
    }

    /// Whether clients of this node said that they carry state.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.protection.asked
    }

    /// Nodes of parts that must not come into one view with this node's, as far as they are heard.
    #[must_use]
    pub fn disallowed(&self, now: Instant) -> NodeSet {
        let limit = now.before(self.hello_window() * 2);
        let apart = self
            .heard
            .values()
            .filter(|heard| heard.at >= limit)
            .filter(|heard| self.must_not_meet(now, &heard.from, &heard.hello));
        let nodes = apart.flat_map(|heard| match heard.hello.kind {
            HelloKind::Coordinator => heard.hello.members.iter().collect(),
            HelloKind::Candidate => vec![heard.from.node],
        });
        let is_ours = |node| self.view.as_ref().is_some_and(|v| v.member_of_node(node).is_some());
        nodes.filter(|&node| !is_ours(node)).collect()
    }

    /// Whether this node's part is dirty, as far as it knows. Who is neither coordinator nor
    /// dirty itself knows it from the coordinator's hello.
    pub(crate) fn part_is_dirty(&self) -> bool {
        let Some(normal) = self.normal() else { return self.protection.dirty };
        let view = self.view.as_ref().map(|view| view.id);
        let told = || {
            let coordinator = self.coordinator()?;
            let heard = self.heard.get(&coordinator.node)?;
            Some(heard.from == coordinator && heard.hello.view == view && heard.hello.dirty)
        };
        let members = || normal.hub.iter().flat_map(|hub| hub.members.values());
        self.protection.dirty || members().any(|member| member.dirty) || told() == Some(true)
    }

    /// Whether the part of who said this must not come into one view with this node's: both carry
    /// state; or theirs does and took part in quorum, which is held here now, without it.
    pub(super) fn must_not_meet(&self, now: Instant, from: &MemberId, hello: &Hello) -> bool {
        hello.dirty
            && self.is_apart(from, hello)
            && (self.part_is_dirty() || (hello.took_part && self.is_quorate(now)))
    }

    /// Whether it certainly comes from another view than this node. Who may have missed the install
    /// of the newer of two views does not: a ballot finds that out.
    fn is_apart(&self, from: &MemberId, hello: &Hello) -> bool {
        let (Some(ours), Some(theirs)) = (&self.view, hello.view) else { return true };
        let is_behind = theirs < ours.id && ours.contains(from);
        let am_behind = self.pending.iter().any(|pending| pending.propose.ballot == theirs);
        theirs != ours.id && !is_behind && !am_behind
    }

    /// The coordinator hears one whose part must not meet its own. If it holds quorum the other one
    /// must end; if not, the two disallow each other.
    pub(super) fn disallow(&mut self, now: Instant, from: MemberId, hello: &Hello) {
        if self.view.as_ref().is_none_or(|view| view.contains(&from)) {
            return; // Put out first, or gone on with.
        }
        let me = self.me();
        if self.is_quorate(now) {
            let stays = preference(&me, &self.make_hello(now)) > preference(&from, hello);
            if stays && self.wishes.may_answer(now, from.node, self.cfg.timing.beat * 2) {
                let by = u64::from(me.node.get());
                let none = Duration::ZERO;
                self.refuse(now, from, RefuseReason::Disallowed, (by, 0), None, none);
            }
        } else if !hello.quorate && self.protection.told.insert(from.node, from) != Some(from) {
            self.notice(now, from.node, Notice::Disallowing(from.node));
        }
    }

    /// This node's part is disallowed: by those who hold quorum, or by its own coordinator, which
    /// hands that on. Who is dirty ends; who is clean looks for another view.
    pub(super) fn on_disallowed(&mut self, now: Instant, from: MemberId, refuse: &Refuse) {
        let Some(view) = &self.view else { return };
        let working = self.is_working();
        if !refuse.quorate || !(working || self.is_candidate()) {
            return;
        }
        let handed_on = working && view.id.coordinator == from;
        if !handed_on {
            // Only two nodes of which either may act alone can both hold quorum.
            let outranked = self.cfg.rules.two_node && self.is_outranked_by(&from);
            let holds = self.is_quorate(now) && !outranked;
            if holds || (working && view.contains(&from)) || !self.part_is_dirty() {
                return;
            }
        }
        if self.coordinates() {
            self.hand_on(refuse);
        }
        if self.protection.dirty {
            let by = u32::try_from(refuse.ours).ok().and_then(NodeId::new).unwrap_or(from.node);
            self.end_fatally(Fatal::Refused(Refusal {
                by,
                node: self.me().node,
                reason: RefuseReason::Disallowed,
                ours: refuse.ours,
                theirs: refuse.theirs,
                other: None,
            }));
        } else {
            self.become_candidate(now, self.cfg.timing.share(10));
        }
    }

    /// Tells the members of this node's view. Whom it does not reach loses its coordinator, and is
    /// refused again as soon as it says hello.
    fn hand_on(&mut self, refuse: &Refuse) {
        let me = self.me();
        let Some(view) = &self.view else { return };
        let others: Vec<MemberId> = view.ids().filter(|&id| id != me).collect();
        for target in others {
            self.send(target, Frame::Refuse(Refuse { target, ..refuse.clone() }));
        }
    }
}
