//! The hub: the coordinator, or a deputy acting for it. It beats to all, hears each member, gives
//! out leases, and puts out who is silent.

use cman_types::{Instant, MemberId, View};
use cman_wire::{
    Frame,
    frame::{MemberBeat, Moved, Reason},
};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    engine::Engine,
    event::{Notice, Via},
    phase::{Changes, Hub, HubMember},
};

impl Hub {
    /// A hub that starts now and beats at once.
    pub(crate) fn new(now: Instant, me: MemberId, view: &View, acting: bool) -> Self {
        let start = |id: MemberId| (id, HubMember::new(now));
        let members = view.ids().filter(|&id| id != me).map(start).collect();
        Self {
            acting,
            since: now,
            next_beat: now,
            check_at: now,
            next_hello: if acting { Instant::FAR } else { now },
            hellos: 0,
            members,
        }
    }

    /// Members that were not heard since `limit`.
    pub(crate) fn silent_since(
        &self,
        limit: Instant,
    ) -> impl Iterator<Item = (&MemberId, &HubMember)> {
        self.members.iter().filter(move |(_, member)| member.heard < limit)
    }
}

impl HubMember {
    const fn new(now: Instant) -> Self {
        Self {
            heard: now,
            direct: now,
            evidence: None,
            newest: None,
            needs_unicast: false,
            deaf_since: None,
            deaf: false,
            delay: Duration::ZERO,
            dirty: false,
            urgent_answered: Instant::ZERO,
        }
    }
}

impl Engine {
    /// When the hub must be looked at again.
    pub(crate) fn hub_due(&self, hub: &Hub) -> Instant {
        let check = hub.check_at.max(self.stall.accuse_after());
        hub.next_beat.min(hub.next_hello).min(if hub.acting { Instant::FAR } else { check })
    }

    pub(crate) fn tick_hub(&mut self, now: Instant) {
        let Some(hub) = self.hub() else { return };
        let (acting, beat, hello) = (hub.acting, now >= hub.next_beat, now >= hub.next_hello);
        if !acting && now >= hub.check_at && !self.stall.must_not_accuse(now) {
            self.judge_silence(now);
        }
        if !acting && !self.stall.must_not_accuse(now) {
            self.judge_laggards(now);
        }
        if beat && self.hub().is_some() {
            self.send_beat(now);
        }
        if hello && self.hub().is_some() {
            self.coordinator_hello(now);
        }
    }

    /// The coordinator proposes the view without those that were silent for a token. Those
    /// that have been silent for most of it are left out with them: what dies together costs one
    /// view.
    fn judge_silence(&mut self, now: Instant) {
        let patience = self.stall.patience(now, &self.cfg.timing);
        let Some(hub) = self.hub_mut() else { return };
        let Some(first) = hub.members.values().map(|member| member.heard).min() else {
            hub.check_at = Instant::FAR;
            return;
        };
        if first + patience > now {
            hub.check_at = first + patience;
            return;
        }
        let limit = now.before(patience * 3 / 4);
        let silent: Vec<(MemberId, Duration)> =
            hub.silent_since(limit).map(|(&id, member)| (id, now.since(member.heard))).collect();
        let mut changes = Changes::default();
        for &(id, silence) in &silent {
            changes.note(id.node, Reason::Silent, self.me().node, silence);
        }
        let out: BTreeSet<MemberId> = silent.into_iter().map(|(id, _)| id).collect();
        self.propose_without(now, &out, changes);
    }

    /// A member lives, and may have granted something. R-113.
    pub(crate) fn on_member_beat(
        &mut self,
        now: Instant,
        from: MemberId,
        via: Via,
        beat: &MemberBeat,
    ) {
        if !self.is_my_view(beat.view) || self.hub().is_none() {
            if self.coordinates() && beat.view.epoch < self.my_epoch() {
                self.tell_moved(from);
            }
            return;
        }
        let evidence = self.stall.evidence_time(now);
        let (timing, quick) = (self.cfg.timing, self.cfg.timing.beat / 8);
        let Some(member) = self.hub_mut().and_then(|hub| hub.members.get_mut(&from)) else {
            return;
        };
        member.heard = member.heard.max(evidence);
        member.evidence = member.evidence.max(Some(evidence));
        if !matches!(via, Via::Relay(_)) {
            member.direct = member.direct.max(evidence);
        }
        member.newest = member.newest.max(Some((beat.echo, beat.answer)));
        member.delay = beat.delay;
        member.dirty |= beat.dirty;
        member.needs_unicast = !beat.multicast_heard;
        if beat.multicast_heard || !beat.unicast_heard {
            member.deaf_since = None;
        }
        let deaf_since = *member.deaf_since.get_or_insert(now);
        let deaf =
            !beat.multicast_heard && beat.unicast_heard && now.since(deaf_since) >= timing.token;
        member.deaf = deaf;
        let answer = beat.urgent && now.since(member.urgent_answered) >= quick;
        if answer {
            member.urgent_answered = now;
        }
        if deaf {
            self.notice(now, from.node, Notice::MulticastDead(from.node));
        }
        let had = self.book.end() > now;
        let was_settled = self.book.settled();
        let granted = beat.grant.then_some(beat.echo);
        self.book.heard(now, from, granted, &self.rules, &self.votes, &timing);
        self.count_lease(now);
        if (self.book.end() > now && !had) || (self.book.settled() && !was_settled) {
            self.send_beat(now);
        } else if answer {
            self.answer_urgent(now, from);
        }
    }

    /// A straggler, or a coordinator that slept, beats in a view that has ended.
    pub(super) fn tell_moved(&mut self, from: MemberId) {
        if let Some(view) = &self.view {
            let moved = Moved { view: view.id, members: view.nodes().collect() };
            self.send(from, Frame::Moved(moved));
        }
    }

    /// A deputy that lost touch with the coordinator acts as hub in the same view.
    pub(crate) fn start_acting(&mut self, now: Instant) {
        let (Some(view), me) = (self.view.clone(), self.me()) else { return };
        let coordinator = view.id.coordinator;
        let mut hub = Hub::new(now, me, &view, true);
        hub.members.remove(&coordinator);
        self.notice(now, coordinator.node, Notice::Acting(coordinator.node));
        if let Some(normal) = self.normal_mut() {
            normal.hub = Some(hub);
        }
        self.send_beat(now);
    }

    /// The acting deputy proposes those that answered it, without a further wait; itself alone if
    /// nobody did, which freezes nobody else. R-151.
    pub(crate) fn propose_as_deputy(&mut self, now: Instant, silent: Duration) -> bool {
        let limit = now.before(self.cfg.timing.share(50));
        let Some(hub) = self.hub().filter(|hub| hub.acting) else { return false };
        let heard: BTreeMap<MemberId, bool> = hub
            .members
            .iter()
            .map(|(&id, m)| (id, m.newest.is_some() && m.heard >= limit))
            .collect();
        let Some(coordinator) = self.coordinator() else { return false };
        let mut changes = Changes::default();
        changes.note(coordinator.node, Reason::Silent, self.me().node, silent);
        let mut out = BTreeSet::from([coordinator]);
        for (id, _) in heard.into_iter().filter(|&(_, heard)| !heard) {
            changes.note(id.node, Reason::Silent, self.me().node, silent);
            out.insert(id);
        }
        self.propose_without(now, &out, changes);
        true
    }
}
