//! What a coordinator knows of those that want to be taken in.

use cman_types::{Instant, Member, MemberId, NodeId, NodeSet, View};
use cman_wire::{
    Frame,
    frame::{Hello, HelloKind, Probe, ProbeAck, Reason, RefuseReason},
};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::hello::preference;
use crate::{engine::Engine, phase::Changes, view_change::Draft};

/// After so many probes a foreign view is taken in without those that never answered.
const PROBES_MAX: u32 = 8;

/// Those that want in, and strangers that were lately passed on or told off.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Wishes {
    wishes: BTreeMap<NodeId, Wish>,
    answered: BTreeMap<NodeId, Instant>,
    due: Option<Instant>,
}

/// One node, or the coordinator of one view, that wants in.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Wish {
    from: MemberId,
    nonce: u64,
    first: Instant,
    seen: Instant,
    probed: Instant,
    probes: u32,
    fresh: bool,
    kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Kind {
    /// A candidate: answered when.
    Single(Option<Instant>),
    /// A foreign view, once its coordinator told its members: who answered.
    View(Option<View>, BTreeSet<MemberId>),
}

impl Wishes {
    pub(crate) fn clear(&mut self) {
        self.wishes.clear();
        self.due = None;
    }

    /// When the wishes must be looked at again.
    pub(crate) fn due(&self) -> Instant {
        self.due.unwrap_or(Instant::FAR)
    }

    /// Whether a stranger may be passed on to the coordinator, or be told off, again now.
    pub(crate) fn may_answer(&mut self, now: Instant, node: NodeId, pause: Duration) -> bool {
        if self.answered.get(&node).is_some_and(|&at| now.since(at) < pause) {
            return false;
        }
        self.answered.insert(node, now);
        true
    }

    /// A probe was answered.
    pub(crate) fn acked(&mut self, now: Instant, from: MemberId, ack: &ProbeAck) {
        for wish in self.wishes.values_mut().filter(|wish| wish.nonce == ack.nonce) {
            match &mut wish.kind {
                Kind::Single(at) if wish.from == from => *at = Some(now),
                Kind::Single(_) => {}
                Kind::View(view, answered) => {
                    if wish.from == from && view.is_none() {
                        view.clone_from(&ack.view);
                        wish.probed = Instant::ZERO;
                    }
                    answered.insert(from);
                }
            }
            self.due = Some(now);
        }
    }
}

impl Wish {
    /// Who would come in with this wish now, if it is complete.
    fn ready(&self, now: Instant, window: Duration) -> Option<Vec<MemberId>> {
        match &self.kind {
            Kind::Single(at) => at.filter(|&at| now.since(at) <= window).map(|_| vec![self.from]),
            Kind::View(Some(view), answered) => {
                let here: Vec<MemberId> = view.ids().filter(|id| answered.contains(id)).collect();
                let complete = here.len() == view.members.len()
                    || (self.probes >= PROBES_MAX && here.len() * 2 >= view.members.len());
                (complete && answered.contains(&self.from)).then_some(here)
            }
            Kind::View(None, _) => None,
        }
    }
}

impl Engine {
    /// The coordinator hears a hello that fits its configuration. R-125.
    pub(super) fn consider(&mut self, now: Instant, from: MemberId, hello: Hello) {
        let Some(view) = &self.view else { return };
        if let Some(known) = view.member_of_node(from.node).copied() {
            let lost_us = known.id == from;
            if lost_us && hello.epoch_seen < view.id.epoch {
                return; // Said before the view was installed.
            }
            if !lost_us && !self.replaces(now, &known, &from) {
                return;
            }
        }
        let apart = self.must_not_meet(now, &from, &hello);
        if let Some(until) = self.held_until(now, from.node).filter(|_| !apart) {
            let pause = self.cfg.timing.beat * 2;
            if self.wishes.may_answer(now, from.node, pause) {
                self.refuse(now, from, RefuseReason::HeldOff, (0, 0), None, until.since(now));
            }
            return;
        }
        match hello.kind {
            HelloKind::Candidate if apart => self.disallow(now, from, &hello),
            HelloKind::Candidate => {
                self.wish(now, from, &hello, Kind::Single(None));
            }
            HelloKind::Coordinator => self.consider_view(now, from, &hello, apart),
        }
    }

    /// whether another life of a member's node takes its place. From the same address
    /// and port it does, because a port is bound once. From another address it does not.
    fn replaces(&mut self, now: Instant, known: &Member, from: &MemberId) -> bool {
        let known_at = self.address_of(&known.id).unwrap_or(known.address);
        let Some(address) = self.address_of(from) else { return false };
        if address == known_at {
            return true;
        }
        if known_at.port() == 0 {
            return false; // Only ever reached through relays: nothing to compare.
        }
        let window = self.cfg.timing.beat * 3;
        let beats = self
            .hub()
            .and_then(|hub| hub.members.get(&known.id))
            .is_none_or(|member| now.since(member.heard) <= window);
        if beats {
            let none = Duration::ZERO;
            self.refuse(now, *from, RefuseReason::DuplicateNode, (0, 0), Some(known_at), none);
        }
        false
    }

    /// A foreign coordinator: one of the two views takes the other in, unless they are to
    /// stay `apart` (R-80m); if it took members of ours, they are not ours any more.
    fn consider_view(&mut self, now: Instant, from: MemberId, hello: &Hello, apart: bool) {
        let (me, Some(view)) = (self.me(), &self.view) else { return };
        let newer = hello.view.is_some_and(|id| id.epoch > view.id.epoch);
        let taken: BTreeSet<MemberId> =
            view.ids().filter(|id| *id != me && hello.members.contains(id.node)).collect();
        if newer && !taken.is_empty() {
            if taken.len() * 2 >= view.members.len() {
                self.become_candidate(now, self.cfg.timing.share(25));
            } else if !self.is_quorate(now) {
                let mut changes = Changes::default();
                for id in &taken {
                    changes.note(id.node, Reason::Parted, from.node, Duration::ZERO);
                }
                self.propose_without(now, &taken, changes);
            }
            return;
        }
        if apart {
            self.disallow(now, from, hello);
            return;
        }
        let held = hello.members.iter().any(|node| {
            !view.nodes().any(|ours| ours == node) && self.held_until(now, node).is_some()
        });
        if held {
            return;
        }
        if preference(&me, &self.make_hello(now)) > preference(&from, hello) {
            self.wish(now, from, hello, Kind::View(None, BTreeSet::new()));
        } else {
            let soon = now + self.cfg.timing.beat / 4;
            if let Some(hub) = self.hub_mut() {
                hub.next_hello = hub.next_hello.min(soon);
            }
        }
    }

    fn wish(&mut self, now: Instant, from: MemberId, hello: &Hello, kind: Kind) {
        let nonce = self.prng.next_u64();
        let known = self.wishes.wishes.get_mut(&from.node).filter(|wish| {
            wish.from == from
                && matches!(wish.kind, Kind::Single(_)) == matches!(kind, Kind::Single(_))
        });
        if let Some(wish) = known {
            wish.seen = now;
        } else {
            let wish = Wish {
                from,
                nonce,
                first: now,
                seen: now,
                probed: Instant::ZERO,
                probes: 0,
                fresh: hello.view.is_none(),
                kind,
            };
            self.wishes.wishes.insert(from.node, wish);
        }
        self.wishes.due = Some(now);
    }

    /// Probes who must be probed, and starts the ballot when the batch is complete.
    pub(crate) fn tick_wishes(&mut self, now: Instant) {
        if !self.coordinates() || now < self.wishes.due() {
            return;
        }
        self.expire_wishes(now);
        self.probe_wishes(now);
        let (beat, batch) = (self.cfg.timing.beat, self.cfg.timing.share(15));
        let window = beat * 4;
        let ready: Vec<(NodeId, Vec<MemberId>)> = self
            .wishes
            .wishes
            .iter()
            .filter_map(|(&node, wish)| Some((node, wish.ready(now, window)?)))
            .collect();
        let first = self.wishes.wishes.values().map(|wish| wish.first).min();
        let Some(first) = first else {
            self.wishes.due = None;
            return;
        };
        self.wishes.due = Some((now + beat / 2).min((first + batch).max(now + beat / 4)));
        let coming: BTreeSet<MemberId> = ready.into_iter().flat_map(|(_, ids)| ids).collect();
        if !coming.is_empty()
            && (now >= first + batch || self.would_be_all(&coming))
            && !self.member_is_late(now, &coming)
            && !self.stall.must_not_accuse(now)
        {
            self.take_in(now, &coming);
        }
    }

    fn expire_wishes(&mut self, now: Instant) {
        let token = self.cfg.timing.token;
        let mut failed = Vec::new();
        self.wishes.wishes.retain(|&node, wish| {
            let old = now.since(wish.seen) >= token / 2;
            let unanswered = wish.probes > PROBES_MAX * 2;
            if unanswered {
                failed.push(node);
            }
            !old && !unanswered
        });
        for node in failed {
            self.holds.failed(now, node);
        }
        self.wishes.answered.retain(|_, at| now.since(*at) < token);
    }

    fn probe_wishes(&mut self, now: Instant) {
        let pause = self.cfg.timing.beat / 2;
        let epoch_seen = self.epochs.seen;
        let mut probes: Vec<(MemberId, Probe)> = Vec::new();
        for wish in self.wishes.wishes.values_mut() {
            if now.since(wish.probed) < pause && wish.probed > Instant::ZERO {
                continue;
            }
            wish.probed = now;
            wish.probes += 1;
            let nonce = wish.nonce;
            let probe = |want_members| Probe { nonce, epoch_seen, want_members };
            match &wish.kind {
                Kind::Single(_) => probes.push((wish.from, probe(false))),
                Kind::View(None, _) => probes.push((wish.from, probe(true))),
                Kind::View(Some(view), answered) => {
                    let silent = view.ids().filter(|id| !answered.contains(id));
                    probes.extend(silent.map(|id| (id, probe(false))));
                }
            }
        }
        for (id, probe) in probes {
            self.send(id, Frame::Probe(probe));
        }
    }

    /// Everybody who is configured would be a member: nobody else to wait for.
    fn would_be_all(&self, coming: &BTreeSet<MemberId>) -> bool {
        let Some(view) = &self.view else { return false };
        let nodes: NodeSet = view.nodes().chain(coming.iter().map(|id| id.node)).collect();
        self.cfg.rules.votes.keys().all(|&node| nodes.contains(node))
    }

    /// A ballot is not started while an own member is late, unless it is among the returners or
    /// is being replaced.
    fn member_is_late(&self, now: Instant, coming: &BTreeSet<MemberId>) -> bool {
        let limit = now.before(self.cfg.timing.share(40));
        self.hub().is_some_and(|hub| {
            hub.members.iter().any(|(id, member)| {
                member.heard < limit && !coming.iter().any(|other| other.node == id.node)
            })
        })
    }

    fn take_in(&mut self, now: Instant, coming: &BTreeSet<MemberId>) {
        let Some(view) = self.view.clone() else { return };
        let me = self.me().node;
        let mut changes = Changes::default();
        for id in coming.iter().filter(|id| !view.contains(id)) {
            let wish = self.wishes.wishes.get(&id.node);
            let reason = if view.member_of_node(id.node).is_some() {
                Reason::Restarted
            } else if wish.is_some_and(|wish| wish.fresh) {
                Reason::Joined
            } else {
                Reason::Merged
            };
            changes.note(id.node, reason, me, Duration::ZERO);
        }
        let staying = view
            .members
            .iter()
            .filter(|member| !coming.iter().any(|id| id.node == member.id.node))
            .copied();
        let newcomers = coming.iter().map(|&id| self.member(id));
        let members = staying.chain(newcomers).collect();
        self.start_ballot(now, Draft { members, changes, ..Draft::default() });
    }
}
