//! The hub: the coordinator, or a deputy acting for it. It beats to all, hears each member, gives
//! out leases, and puts out who is silent.

use cman_types::{Instant, MemberId, NodeSet, View};
use cman_wire::{
    Frame,
    frame::{Beat, MemberBeat, Moved, Reason},
};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    engine::Engine,
    event::{Notice, To, Via},
    phase::{Changes, Hub, HubMember},
};

/// How many members one beat echoes: what fits in a datagram. Larger views are echoed in turns.
pub(super) const ECHOES_MAX: usize = 256;

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
            echo_cursor: 0,
            members,
        }
    }

    /// Members that were not heard since `limit`.
    fn silent_since(&self, limit: Instant) -> impl Iterator<Item = (&MemberId, &HubMember)> {
        self.members.iter().filter(move |(_, member)| member.heard < limit)
    }
}

impl HubMember {
    const fn new(now: Instant) -> Self {
        Self {
            heard: now,
            direct: now,
            evidence: None,
            answered: false,
            number: 0,
            needs_unicast: false,
            deaf_since: None,
            deaf: false,
            delay: Duration::ZERO,
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

    /// One beat to all; by unicast too where multicast does not pass or silence grows; through
    /// relays where there are routes.
    pub(crate) fn send_beat(&mut self, now: Instant) {
        self.count_lease(now);
        let timing = self.cfg.timing;
        let urgent = self.runs_low(now, self.book.end());
        let Some(beat) = self.make_beat(now, urgent) else { return };
        self.routes.expire(now.before(timing.token));
        let late = now.before(timing.share(30));
        let Some(hub) = self.hub_mut() else { return };
        hub.next_beat = now + if urgent { timing.beat / 4 } else { timing.beat };
        let needy: Vec<MemberId> = hub
            .members
            .iter()
            .filter(|(_, member)| member.needs_unicast || member.direct < late)
            .map(|(&id, _)| id)
            .collect();
        let all: Vec<MemberId> = hub.members.keys().copied().collect();
        let frame = Frame::Beat(beat);
        self.push(To::All, frame.clone());
        for id in needy {
            self.push(To::Member(id), frame.clone());
        }
        for id in all {
            self.send_relayed(id, &frame);
        }
    }

    fn make_beat(&mut self, now: Instant, urgent: bool) -> Option<Beat> {
        let number = self.book.next_beat(now);
        let late_limit = now.before(self.cfg.timing.share(30));
        let lease_left = self.book.end().since(now);
        let settled = self.is_settled();
        let view = self.view.as_ref()?;
        let members: Vec<MemberId> = view.ids().collect();
        let id = view.id;
        let hub = self.hub_mut()?;
        let from = if members.len() > ECHOES_MAX { hub.echo_cursor % members.len() } else { 0 };
        let slice = members.iter().skip(from).take(ECHOES_MAX);
        let echoes: Vec<u32> =
            slice.map(|id| hub.members.get(id).map_or(0, |member| member.number)).collect();
        hub.echo_cursor =
            if from + echoes.len() >= members.len() { 0 } else { from + echoes.len() };
        let late = hub.silent_since(late_limit).map(|(id, _)| id.node).collect();
        let through_relay = |m: &HubMember| m.direct < late_limit && m.heard >= late_limit;
        let routed =
            hub.members.iter().filter(|(_, m)| through_relay(m)).map(|(id, _)| id.node).collect();
        Some(Beat {
            view: id,
            number,
            acting: hub.acting,
            urgent,
            lease_left,
            settled,
            late,
            routed,
            echoes_from: u16::try_from(from).unwrap_or(0),
            echoes,
        })
    }

    /// The answer to an urgent member beat: a beat for this member alone. It carries the number of
    /// the newest beat to all, so the member's grant counts from that one.
    fn answer_urgent(&mut self, now: Instant, to: MemberId) {
        let number = self.book.newest_beat();
        let (lease_left, settled) = (self.book.end().since(now), self.is_settled());
        let Some(view) = &self.view else { return };
        let (Some(index), id) = (view.index_of(&to), view.id) else { return };
        let Some(hub) = self.hub() else { return };
        let echo = hub.members.get(&to).map_or(0, |member| member.number);
        let beat = Beat {
            view: id,
            number,
            acting: hub.acting,
            urgent: false,
            lease_left,
            settled,
            late: NodeSet::new(),
            routed: NodeSet::new(),
            echoes_from: u16::try_from(index).unwrap_or(0),
            echoes: vec![echo],
        };
        self.send(to, Frame::Beat(beat));
    }

    pub(crate) fn on_member_beat(
        &mut self,
        now: Instant,
        from: MemberId,
        via: Via,
        beat: &MemberBeat,
    ) {
        if !self.is_my_view(beat.view) || self.hub().is_none() {
            self.tell_moved(from, beat);
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
        member.answered = true;
        member.number = member.number.max(beat.number);
        member.delay = beat.delay;
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
        self.book.heard(now, from, beat.grant.then_some(beat.echo), &timing);
        self.count_lease(now);
        if (self.book.end() > now && !had) || (self.book.settled() && !was_settled) {
            self.send_beat(now);
        } else if answer {
            self.answer_urgent(now, from);
        }
    }

    /// A straggler beats in a view that has ended.
    fn tell_moved(&mut self, from: MemberId, beat: &MemberBeat) {
        if !self.coordinates() || beat.view.epoch >= self.my_epoch() {
            return;
        }
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
    /// nobody did, which freezes nobody else.
    pub(crate) fn propose_as_deputy(&mut self, now: Instant, silent: Duration) -> bool {
        let limit = now.before(self.cfg.timing.share(50));
        let Some(hub) = self.hub().filter(|hub| hub.acting) else { return false };
        let heard: BTreeMap<MemberId, bool> =
            hub.members.iter().map(|(&id, m)| (id, m.answered && m.heard >= limit)).collect();
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
