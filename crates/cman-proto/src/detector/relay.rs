//! Relays: a pair that cannot hear each other goes on through two others (R-60r to R-65r).

use cman_types::{Instant, MemberId};
use cman_wire::{
    Frame,
    frame::{Hears, Relay, Who},
};
use std::collections::BTreeMap;

use crate::{
    engine::Engine,
    event::{To, Via},
};

/// How many relays carry a pair at once.
const RELAYS_MAX: usize = 2;
/// To how many members the question for a relay goes one by one, besides the multicast.
const ASKED_MAX: usize = 32;

/// Through whom to reach members that may not hear this node directly.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Routes {
    /// For each target: relays, and when each was last of use.
    to: BTreeMap<MemberId, Vec<(MemberId, Instant)>>,
    /// Pairs this node relays for, and when it last did.
    served: BTreeMap<(MemberId, MemberId), Instant>,
}

impl Routes {
    /// `relay` carries frames to and from `target`.
    fn learn(&mut self, now: Instant, target: MemberId, relay: MemberId) {
        let relays = self.to.entry(target).or_default();
        if let Some(known) = relays.iter_mut().find(|known| known.0 == relay) {
            known.1 = now;
        } else if relays.len() < RELAYS_MAX {
            relays.push((relay, now));
        } else if let Some(oldest) = relays.iter_mut().min_by_key(|known| known.1) {
            *oldest = (relay, now);
        }
    }

    /// Those that are reached through relays.
    pub(crate) fn targets(&self) -> Vec<MemberId> {
        self.to.keys().copied().collect()
    }

    /// The relays that were of use lately.
    pub(crate) fn to(&self, target: &MemberId) -> impl Iterator<Item = MemberId> + '_ {
        self.to.get(target).into_iter().flatten().map(|&(relay, _)| relay)
    }

    /// Forgets what was of no use since `limit`. R-114.
    pub(crate) fn expire(&mut self, limit: Instant) {
        self.to.retain(|_, relays| {
            relays.retain(|&(_, used)| used >= limit);
            !relays.is_empty()
        });
        self.served.retain(|_, used| *used >= limit);
    }

    /// The direct path works again.
    pub(crate) fn forget(&mut self, target: &MemberId) {
        self.to.remove(target);
    }
}

impl Engine {
    /// Sends to one member, directly and through its relays.
    pub(crate) fn send(&mut self, to: MemberId, frame: Frame) {
        self.send_relayed(to, &frame);
        self.push(To::Member(to), frame);
    }

    /// Sends through the relays of a member only: the direct way is the multicast.
    pub(crate) fn send_relayed(&mut self, to: MemberId, frame: &Frame) {
        let relays: Vec<MemberId> = self.routes.to(&to).filter(|&relay| relay != to).collect();
        for relay in relays {
            let relayed = Relay { origin: self.me(), target: to, frame: Box::new(frame.clone()) };
            self.push(To::Member(relay), Frame::Relay(relayed));
        }
    }

    /// Asks who is in touch with a hub that this node lost touch with (R-60r).
    pub(crate) fn ask_for_relay(&mut self, hub: MemberId) {
        let Some(view) = &self.view else { return };
        let me = self.me();
        // The relays so far did not help: who lost touch at the same time may have offered.
        self.routes.forget(&hub);
        let who = Frame::Who(Who { view: view.id, hub: hub.node });
        let others: Vec<MemberId> =
            view.ids().filter(|&id| id != me && id != hub).take(ASKED_MAX).collect();
        self.push(To::All, who.clone());
        for other in others {
            self.push(To::Member(other), who.clone());
        }
    }

    pub(crate) fn on_who(&mut self, now: Instant, from: MemberId, who: &Who) {
        if !self.is_my_view(who.view) || who.hub == self.me().node {
            return;
        }
        let Some(normal) = self.normal() else { return };
        let limit = now.before(self.cfg.timing.share(30));
        let watch = &normal.watch;
        let coordinator = self.coordinator().filter(|id| id.node == who.hub);
        let in_touch = if coordinator.is_some() {
            let direct = watch.direct >= limit && !watch.listed_late && !watch.routed;
            watch.contact >= limit && direct
        } else {
            watch.hubs.iter().any(|(id, seen)| id.node == who.hub && seen.received >= limit)
        };
        if in_touch {
            let routes = u16::try_from(self.routes.served.len()).unwrap_or(u16::MAX);
            let hears = Hears { view: who.view, hub: who.hub, routes };
            self.push(To::Member(from), Frame::Hears(hears));
        }
    }

    /// The first two that offer themselves are the relays. R-61r.
    pub(crate) fn on_hears(&mut self, now: Instant, from: MemberId, hears: &Hears) {
        if !self.is_my_view(hears.view) {
            return;
        }
        let Some(hub) =
            self.view.as_ref().and_then(|view| view.member_of_node(hears.hub)).map(|m| m.id)
        else {
            return;
        };
        let known = self.routes.to(&hub).any(|relay| relay == from);
        if known || self.routes.to(&hub).count() < RELAYS_MAX {
            self.routes.learn(now, hub, from);
            if !known {
                self.send_member_beat(now, hub, true);
            }
        }
    }

    /// What is for another is passed on, what is for this node is taken. R-62r.
    pub(crate) fn on_relay(&mut self, now: Instant, from: MemberId, via: Via, relay: Relay) {
        if matches!(via, Via::Relay(_)) || matches!(*relay.frame, Frame::Relay(_)) {
            return;
        }
        if relay.target == self.me() {
            if relay.origin != from && relay.origin != self.me() {
                self.routes.learn(now, relay.origin, from);
                self.dispatch_relayed(now, relay.origin, from, *relay.frame);
            }
        } else if relay.origin == from && !self.stall.in_backlog() {
            self.routes.served.insert((relay.origin, relay.target), now);
            self.push(To::Member(relay.target), Frame::Relay(relay));
        }
    }
}
