//! The member: watches the coordinator, beats to it, grants leases, asks for relays, and becomes
//! a deputy or a candidate when the coordinator falls silent.

use cman_quorum::lease::SendTimes;
use cman_types::{Incarnation, Instant, MemberId, NodeId, View};
use cman_wire::{
    Frame,
    frame::{Beat, MemberBeat, Moved},
};
use core::time::Duration;
use std::collections::BTreeMap;

use super::beat::echoed;
use crate::{
    engine::Engine,
    event::{Notice, Via},
    phase::{AnswerId, HubSeen, Normal, Watch},
};

/// Silence of the coordinator after which the first deputy acts, and by how much later each next
/// one does, in hundredths of the token.
const DEPUTY_AFTER: u32 = 33;
const DEPUTY_STEP: u32 = 4;
const DEPUTIES_SLOW: u32 = 3;
const DEPUTY_STEP_QUICK: u32 = 2;
const DEPUTIES_QUICK: u32 = 12;
/// Lost touch after which a member asks for relays, in hundredths of the token.
const RELAY_AFTER: u32 = 30;
/// How long, in hundredths of the token, a member waits for an acting deputy to propose.
const DEPUTY_PATIENCE: u32 = 40;

/// A relayed beat after the direct one is of no importance. R-114.
const RELAY_PAUSE: Duration = Duration::from_millis(50);

impl Watch {
    /// A watch that starts with the install of a view: the coordinator was in touch just now.
    pub(crate) fn new(now: Instant, me: MemberId, view: &View) -> Self {
        let place = deputies(view).iter().position(|&id| id == me);
        Self {
            place: place.and_then(|place| u32::try_from(place).ok()),
            heard: now,
            direct: now,
            evidence: None,
            multicast: now,
            contact: now,
            listed_late: false,
            routed: false,
            restarted: None,
            relay_needed: Instant::ZERO,
            next_beat: now,
            next_who: now,
            hubs: BTreeMap::new(),
        }
    }
}

impl HubSeen {
    /// A hub that is heard for the first time in this view.
    fn new(now: Instant) -> Self {
        Self {
            next: (0, 0),
            sent: SendTimes::default(),
            received: now,
            multicast: now,
            unicast: None,
            answered: Instant::ZERO,
        }
    }

    /// A member beat goes to this hub now. Returns its name.
    fn answer(&mut self, now: Instant) -> AnswerId {
        let name = self.next;
        self.answered = now;
        self.sent.note(name, now);
        self.next.1 = name.1.saturating_add(1);
        name
    }
}

/// The members in the order in which they stand in for the coordinator: the longest-lived first.
pub(crate) fn deputies(view: &View) -> Vec<MemberId> {
    let mut ids: Vec<MemberId> = view.ids().filter(|&id| id != view.id.coordinator).collect();
    ids.sort_unstable_by_key(seniority);
    ids
}

/// By what the members stand in for the coordinator: the lowest first.
const fn seniority(id: &MemberId) -> (Incarnation, NodeId) {
    (id.incarnation, id.node)
}

impl Engine {
    /// When the watch must be looked at again.
    pub(crate) fn watch_due(&self, now: Instant, normal: &Normal) -> Instant {
        let watch = &normal.watch;
        let timing = &self.cfg.timing;
        let mut due = watch.next_beat;
        let relay_at = (watch.contact + timing.share(RELAY_AFTER)).max(watch.next_who);
        due = due.min(relay_at);
        if normal.hub.is_none()
            && let Some(delay) = self.deputy_delay(watch)
        {
            due = due.min((watch.contact + delay).max(now + timing.beat / 8));
        }
        let lost = watch.contact + self.stall.patience(now, timing);
        due = due.min(lost.max(self.stall.accuse_after()).max(now + timing.beat / 8));
        due
    }

    /// After how long a silence of the coordinator this node acts for it. The first few follow
    /// each other slowly enough to hear the one before; after them it is about half of the cluster
    /// dying at once. R-90.
    fn deputy_delay(&self, watch: &Watch) -> Option<Duration> {
        let place = watch.place?;
        let slow = place.min(DEPUTIES_SLOW);
        let quick = (place - slow).min(DEPUTIES_QUICK) * DEPUTY_STEP_QUICK;
        Some(self.cfg.timing.share(DEPUTY_AFTER + DEPUTY_STEP * slow + quick))
    }

    /// Looks whether the coordinator is still in touch. R-12.
    pub(crate) fn tick_member(&mut self, now: Instant) {
        let timing = self.cfg.timing;
        let Some(coordinator) = self.coordinator().filter(|_| !self.coordinates()) else {
            self.tick_own_grant(now);
            return;
        };
        let Some(normal) = self.normal() else { return };
        let watch = &normal.watch;
        let silent = now.since(watch.contact);
        let beat_due = now >= watch.next_beat || self.grant_due(now);
        let ask = silent >= timing.share(RELAY_AFTER) || watch.listed_late;
        let ask = ask && now >= watch.next_who;
        if beat_due {
            self.beat_to_hubs(now, coordinator);
        }
        if ask {
            if let Some(normal) = self.normal_mut() {
                normal.watch.next_who = now + timing.beat;
                normal.watch.relay_needed = now;
            }
            self.ask_for_relay(coordinator);
        }
        if self.stall.must_not_accuse(now) {
            return;
        }
        if silent >= self.stall.patience(now, &timing) {
            self.coordinator_silent(now, coordinator, silent);
        } else if self.hub().is_none() && self.should_act(now, silent) {
            self.start_acting(now);
        }
    }

    /// The coordinator's own wait is over: its lease may be counted now.
    fn tick_own_grant(&mut self, now: Instant) {
        if self.coordinates() && self.book.end() <= now && self.may_grant(now) {
            self.count_lease(now);
            if self.book.end() > now {
                self.send_beat(now);
            }
        }
    }

    /// Whether the wait before the first grant has just ended without an answer since.
    fn grant_due(&self, now: Instant) -> bool {
        let wait = self.lease.wait_until();
        let Some(normal) = self.normal() else { return false };
        now >= wait && normal.watch.hubs.values().any(|seen| seen.answered < wait)
    }

    /// Whether it is this deputy's turn. R-90.
    fn should_act(&self, now: Instant, silent: Duration) -> bool {
        let delay = self.normal().and_then(|normal| self.deputy_delay(&normal.watch));
        delay.is_some_and(|delay| silent >= delay)
            && !self.hears_acting(now, self.cfg.timing.share(30))
    }

    /// Whether another member acts as hub.
    fn hears_acting(&self, now: Instant, within: Duration) -> bool {
        let coordinator = self.coordinator();
        self.normal().is_some_and(|normal| {
            normal
                .watch
                .hubs
                .iter()
                .any(|(id, seen)| Some(*id) != coordinator && now.since(seen.received) <= within)
        })
    }

    /// A token of silence. The acting deputy proposes; the others give it a little time.
    fn coordinator_silent(&mut self, now: Instant, coordinator: MemberId, silent: Duration) {
        let timing = self.cfg.timing;
        let mut patience = self.stall.patience(now, &timing);
        if self.is_quorate(now) {
            // It was heard until a moment ago: it hears nobody. While a deputy's lease
            // carries the view there is no hurry.
            patience += timing.lease;
            if self.acts() && silent < patience && self.is_bound_to(now, coordinator) {
                return;
            }
        }
        if self.propose_as_deputy(now, silent) {
            return;
        }
        let patience = patience + timing.share(DEPUTY_PATIENCE);
        if silent < patience && self.hears_acting(now, timing.share(DEPUTY_PATIENCE)) {
            return;
        }
        self.notice(now, coordinator.node, Notice::CoordinatorLost(coordinator.node));
        self.silent_hubs.insert(coordinator.node, now + timing.token * 4);
        self.become_candidate(now, timing.share(25));
    }

    /// Whether a promise to this hub lasts, or has ended only just now, so that somebody else's may
    /// last: all were given at the same beats.
    fn is_bound_to(&self, now: Instant, hub: MemberId) -> bool {
        let before = now.before(self.cfg.timing.beat);
        self.lease.promised(before).any(|(to, _)| to == hub)
    }

    /// One beat to the coordinator, and to deputies that act for it. R-114.
    fn beat_to_hubs(&mut self, now: Instant, coordinator: MemberId) {
        let timing = self.cfg.timing;
        let urgent = self.runs_low(now, self.lease.end());
        let needed = self.normal().map_or(now, |normal| normal.watch.relay_needed);
        if now.since(needed) > timing.token {
            // The direct path works: the hub's route back then ends as well.
            self.routes.forget(&coordinator);
        }
        self.send_member_beat(now, coordinator, urgent);
        let Some(normal) = self.normal_mut() else { return };
        normal.watch.next_beat = now + if urgent { timing.beat / 4 } else { timing.beat };
        let limit = now.before(timing.share(DEPUTY_PATIENCE));
        let acting: Vec<MemberId> = normal
            .watch
            .hubs
            .iter()
            .filter(|(id, seen)| **id != coordinator && seen.received >= limit)
            .map(|(&id, _)| id)
            .collect();
        for hub in acting {
            self.send_member_beat(now, hub, urgent);
        }
    }

    /// One member beat to one hub, with a grant if this node may give one.
    pub(crate) fn send_member_beat(&mut self, now: Instant, hub: MemberId, urgent: bool) {
        let Some(view) = self.view.as_ref().map(|view| view.id) else { return };
        let may_grant = self.may_grant(now);
        let (timing, delay) = (self.cfg.timing, self.own_delay(now));
        let Some(normal) = self.normal_mut() else { return };
        let seen = normal.watch.hubs.get_mut(&hub);
        let ((echo, answer), received, multicast, unicast) = match seen {
            Some(seen) => (seen.answer(now), Some(seen.received), seen.multicast, seen.unicast),
            None => ((0, 0), None, normal.watch.multicast, None),
        };
        let multicast_heard = now.since(multicast) <= timing.beat * 4;
        let unicast_heard = unicast.is_some_and(|at| now.since(at) <= timing.beat * 4);
        let grant = may_grant && received.is_some();
        if let Some(received) = received.filter(|_| grant) {
            self.lease.promise(hub, received, &timing);
            self.takes_part();
        }
        let dirty = self.protection.is_dirty();
        let beat = MemberBeat {
            view,
            echo,
            answer,
            grant,
            urgent,
            multicast_heard,
            unicast_heard,
            delay,
            dirty,
        };
        self.send(hub, Frame::MemberBeat(beat));
    }

    pub(crate) fn on_beat(&mut self, now: Instant, from: MemberId, via: Via, beat: &Beat) {
        if self.install_by_beat(now, from, beat.view) {
            self.watch_beat(now, from, via, beat);
        } else if self.is_my_view(beat.view) {
            if !self.coordinates() {
                self.watch_beat(now, from, via, beat);
            }
        } else if beat.view.epoch > self.my_epoch() {
            self.saw_epoch(beat.view.epoch);
            if self.is_working() && !beat.acting {
                self.sees_newer_view(now, from);
            }
        } else if self.coordinates() && !beat.acting && beat.view.epoch < self.my_epoch() {
            self.tell_moved(from);
        }
    }

    /// Somebody of this view beats in a newer one. Whoever still holds quorum does not give
    /// that up for a node that may have gone on alone: a coordinator hears in the other's hello
    /// whom it took along; members keep to the deputy that acts for theirs.
    fn sees_newer_view(&mut self, now: Instant, from: MemberId) {
        let holds = self.is_quorate(now);
        let given_up = if self.coordinates() {
            !holds && self.view.as_ref().is_some_and(|view| view.contains(&from))
        } else {
            let deputy =
                self.acts() || self.hears_acting(now, self.cfg.timing.share(DEPUTY_PATIENCE));
            self.coordinator() == Some(from) && !(holds && deputy)
        };
        if given_up {
            self.become_candidate(now, self.cfg.timing.share(25));
        }
    }

    /// A beat of a hub of this view.
    fn watch_beat(&mut self, now: Instant, from: MemberId, via: Via, beat: &Beat) {
        let (me, timing) = (self.me(), self.cfg.timing);
        let evidence = self.stall.evidence_time(now);
        let Some((view_id, index)) =
            self.view.as_ref().and_then(|view| Some((view.id, view.index_of(&me)?)))
        else {
            return;
        };
        let is_coordinator = from == view_id.coordinator;
        if !is_coordinator && !beat.acting {
            return;
        }
        let heard = echoed(beat, index);
        let Some(normal) = self.normal_mut() else { return };
        let first = !normal.watch.hubs.contains_key(&from);
        let seen = normal.watch.hubs.entry(from).or_insert_with(|| HubSeen::new(now));
        let echoed = heard.and_then(|name| seen.sent.sent_at(name));
        match via {
            Via::Multicast => seen.multicast = now,
            Via::Unicast => seen.unicast = Some(now),
            Via::Relay(_) => {}
        }
        if beat.number > seen.next.0 {
            seen.next = (beat.number, 0);
            // For a promise, later is the safe side: the time of reading, not of arrival.
            seen.received = now;
        }
        let answered = seen.answered;
        if is_coordinator {
            normal.watch.note(me, evidence, via, beat, echoed);
        }
        if let Some(echoed) = echoed {
            self.lease.told(from, echoed, beat.lease_left, &timing);
        }
        if beat.settled {
            self.book.note_settled();
            self.readmit(now);
        }
        self.yield_hub(now, from, is_coordinator);
        let pause = if beat.urgent || first { timing.beat / 8 } else { timing.beat / 2 };
        let asked = first || beat.urgent || !is_coordinator;
        if asked && now.since(answered) >= pause {
            self.send_member_beat(now, from, false);
        }
        if !is_coordinator && beat.late.contains(me.node) {
            self.ask_for_acting(now, from);
        }
    }

    /// An acting deputy does not hear this node.
    fn ask_for_acting(&mut self, now: Instant, hub: MemberId) {
        let beat = self.cfg.timing.beat;
        let Some(normal) = self.normal_mut() else { return };
        if now >= normal.watch.next_who {
            normal.watch.next_who = now + beat;
            self.ask_for_relay(hub);
        }
    }

    /// The acting deputy steps back: the coordinator is in touch again, or one that stands before
    /// it acts. R-152.
    fn yield_hub(&mut self, now: Instant, from: MemberId, is_coordinator: bool) {
        let in_touch = self.cfg.timing.share(RELAY_AFTER);
        let outranked = seniority(&from) < seniority(&self.me());
        let Some(normal) = self.normal_mut() else { return };
        if !normal.hub.as_ref().is_some_and(|hub| hub.acting) {
            return;
        }
        let back = is_coordinator && now.since(normal.watch.contact) < in_touch;
        if back || (!is_coordinator && outranked) {
            normal.hub = None;
        }
    }

    pub(crate) fn on_moved(&mut self, now: Instant, from: MemberId, moved: &Moved) {
        self.saw_epoch(moved.view.epoch);
        let newer = moved.view.epoch > self.my_epoch();
        let Some(view) = self.view.as_ref().filter(|_| self.is_working() && newer) else { return };
        let me = self.me().node;
        let taken = view.nodes().filter(|&node| node != me && moved.members.contains(node)).count();
        let concerns_us = view.id.coordinator == from || taken > 0;
        // As in `sees_newer_view`: quorum is not given up for a few that went on by themselves.
        let few = taken * 2 < view.members.len();
        if concerns_us && !(few && self.is_quorate(now)) {
            self.become_candidate(now, self.cfg.timing.share(25));
        }
    }
}

impl Watch {
    /// The coordinator's beat came. A two-way path is proven by the echo of a beat to it, for the
    /// moment when that was sent. R-110.
    fn note(
        &mut self,
        me: MemberId,
        evidence: Instant,
        via: Via,
        beat: &Beat,
        echoed: Option<Instant>,
    ) {
        self.heard = self.heard.max(evidence);
        self.evidence = self.evidence.max(Some(evidence));
        match via {
            Via::Multicast => {
                self.multicast = evidence;
                self.direct = self.direct.max(evidence);
            }
            Via::Unicast => self.direct = self.direct.max(evidence),
            Via::Relay(_) => {}
        }
        self.listed_late = beat.late.contains(me.node);
        self.routed = beat.routed.contains(me.node);
        let around = matches!(via, Via::Relay(_)) && evidence.since(self.direct) > RELAY_PAUSE;
        if self.listed_late || self.routed || around {
            self.relay_needed = evidence;
        }
        self.contact = self.contact.max(echoed.unwrap_or(Instant::ZERO));
    }
}
