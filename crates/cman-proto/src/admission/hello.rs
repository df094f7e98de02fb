//! Hello: announcing oneself, and what is made of others' (R-06, R-64r, R-70 to ).

use cman_types::{Epoch, Instant, MemberId, NodeId, NodeSet};
use cman_wire::{
    Frame,
    frame::{Hello, HelloKind, Probe, ProbeAck, Reason, Relay},
};
use core::{cmp::Reverse, time::Duration};

use crate::{
    detector::deputies,
    engine::{Engine, HeardHello},
    event::{To, Via},
    phase::{Changes, Phase},
    view_change::Draft,
};

/// Up to how many nodes are greeted one by one, in case multicast does not pass.
const GREETED_MAX: usize = 64;

/// What decides between two coordinators, or two candidates: the larger wins.
pub(super) type Preference = (bool, u32, u32, u32, Reverse<MemberIdByAge>);

/// Older lives first, then lower node ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct MemberIdByAge(u64, NodeId);

impl MemberIdByAge {
    pub(super) const fn new(id: &MemberId) -> Self {
        Self(id.incarnation.0, id.node)
    }
}

/// How strongly a hello speaks for its sender.
pub(super) const fn preference(from: &MemberId, hello: &Hello) -> Preference {
    let age = Reverse(MemberIdByAge::new(from));
    (hello.quorate, hello.votes, hello.nodes, hello.incumbent, age)
}

impl Engine {
    /// This node's hello as of now.
    pub(crate) fn make_hello(&self, now: Instant) -> Hello {
        let coordinating = self.coordinates();
        let reach: NodeSet = match &self.view {
            Some(view) if coordinating => view.nodes().collect(),
            _ => self.reachable(now),
        };
        let members = self.view.as_ref().map(|view| view.nodes().collect()).unwrap_or_default();
        let led = self.view.as_ref().filter(|view| view.id.coordinator == self.me());
        Hello {
            kind: if coordinating { HelloKind::Coordinator } else { HelloKind::Candidate },
            wire_min: self.cfg.wire.0,
            wire_max: self.cfg.wire.1,
            cluster_id: self.cfg.cluster_id,
            config_version: self.cfg.config_version,
            epoch_seen: self.epochs.seen,
            view: self.view.as_ref().map(|view| view.id),
            members,
            votes: self.rules.sum(reach.iter()),
            nodes: u32::try_from(reach.len()).unwrap_or(u32::MAX),
            incumbent: led.map_or(0, |view| u32::try_from(view.members.len()).unwrap_or(0)),
            hears: self.heard_lately(now).collect(),
            quorate: self.is_quorate(now),
            dirty: if coordinating { self.part_is_dirty() } else { self.protection.is_dirty() },
            took_part: self.basis.epoch > Epoch(0),
        }
    }

    /// Nodes whose hello was heard lately.
    pub(crate) fn heard_lately(&self, now: Instant) -> impl Iterator<Item = NodeId> + '_ {
        let limit = now.before(self.hello_window());
        self.heard.iter().filter(move |(_, heard)| heard.at >= limit).map(|(&node, _)| node)
    }

    /// Candidates that hear this node and are heard by it, and this node.
    pub(crate) fn reachable(&self, now: Instant) -> NodeSet {
        let me = self.me().node;
        let limit = now.before(self.hello_window());
        let mut nodes: NodeSet = self
            .heard
            .iter()
            .filter(|(_, h)| h.at >= limit && h.hello.hears.contains(me))
            .map(|(&node, _)| node)
            .collect();
        nodes.insert(me);
        nodes
    }

    /// For how long a hello counts: four of them may be lost. R-120.
    pub(crate) fn hello_window(&self) -> Duration {
        self.cfg.timing.beat * 5 * self.crowd()
    }

    /// By how much hellos are spaced out when very many say it. R-120.
    pub(crate) fn crowd(&self) -> u32 {
        1 + u32::try_from(self.heard.len() / GREETED_MAX).unwrap_or(0)
    }

    /// Says hello to all; every few times also one by one to configured nodes that are not
    /// members, in case multicast does not pass. R-120.
    pub(crate) fn say_hello(&mut self, now: Instant, count: u32, each: u32) {
        let hello = self.make_hello(now);
        self.said = Some(hello.clone());
        let me = self.me().node;
        self.push(To::All, Frame::Hello(hello.clone()));
        let absent: Vec<NodeId> = self
            .cfg
            .rules
            .votes
            .keys()
            .copied()
            .filter(|&node| node != me && !(self.coordinates() && hello.members.contains(node)))
            .collect();
        let each = if absent.len() > GREETED_MAX { each * 8 } else { each };
        if count % each == 1 {
            for node in absent {
                self.push(To::Peer(node), Frame::Hello(hello.clone()));
            }
        }
    }

    /// The coordinator's hello, every third beat, is the basis of join and merge.
    pub(crate) fn coordinator_hello(&mut self, now: Instant) {
        let pause = self.cfg.timing.beat * 3;
        let Some(hub) = self.hub_mut() else { return };
        hub.next_hello = now + pause;
        hub.hellos += 1;
        let count = hub.hellos;
        self.say_hello(now, count, 4);
    }

    pub(crate) fn on_hello(&mut self, now: Instant, from: MemberId, via: Via, hello: Hello) {
        if hello.cluster_id == self.cfg.cluster_id {
            self.saw_epoch(hello.epoch_seen);
        }
        let compatible = self.is_compatible(&hello);
        if compatible && !self.is_twin_candidate(now, &from) {
            let at = self.stall.evidence_time(now);
            self.heard.insert(from.node, HeardHello { from, hello: hello.clone(), at });
        }
        match &self.phase {
            Phase::Normal(_) if self.coordinates() => {
                if compatible {
                    self.consider(now, from, hello);
                } else {
                    self.refuse_incompatible(now, from, &hello);
                }
            }
            Phase::Normal(_) => self.member_hears_hello(now, from, via, hello),
            Phase::Candidate(_) if !compatible => self.warn_incompatible(now, from, &hello),
            Phase::Frozen(_) => self.frozen_hears_hello(now, from, &hello),
            Phase::Candidate(_) | Phase::Ended => {}
        }
    }

    /// A proposer that says hello as candidate has given its ballot up: those whom it froze need
    /// not wait for it. A hello from before the ballot has not seen its epoch.
    fn frozen_hears_hello(&mut self, now: Instant, from: MemberId, hello: &Hello) {
        let Phase::Frozen(frozen) = &self.phase else { return };
        let ballot = frozen.propose.ballot;
        let given_up = hello.kind == HelloKind::Candidate && hello.epoch_seen >= ballot.epoch;
        if !frozen.proposing() && from == ballot.coordinator && given_up {
            self.become_candidate(now, self.cfg.timing.share(10));
        }
    }

    /// Another life of a node says hello from elsewhere while the first one still does.
    fn is_twin_candidate(&self, now: Instant, from: &MemberId) -> bool {
        let Some(known) = self.heard.get(&from.node).filter(|known| known.from != *from) else {
            return false;
        };
        let fresh = now.since(known.at) < self.cfg.timing.beat * 3;
        fresh && self.address_of(&known.from) != self.address_of(from)
    }

    /// A member that is not coordinator passes strangers on that its coordinator may not hear.
    ///
    fn member_hears_hello(&mut self, now: Instant, from: MemberId, via: Via, hello: Hello) {
        let Some(coordinator) = self.coordinator() else { return };
        if from == coordinator {
            let fresh = hello.epoch_seen >= self.my_epoch();
            if fresh && hello.kind == HelloKind::Candidate {
                // It gave the view up.
                self.become_candidate(now, self.cfg.timing.share(10));
            }
            return;
        }
        if from.node == coordinator.node {
            self.coordinator_restarted(now, from, coordinator);
            return;
        }
        let direct = !matches!(via, Via::Relay(_));
        if direct && !hello.hears.contains(coordinator.node) {
            let pause = self.cfg.timing.beat * 2;
            if self.wishes.may_answer(now, from.node, pause) {
                let relay = Relay {
                    origin: from,
                    target: coordinator,
                    frame: Box::new(Frame::Hello(hello)),
                };
                self.push(To::Member(coordinator), Frame::Relay(relay));
            }
        }
    }

    /// A new life answers where the coordinator was: a port is bound once, so the coordinator is
    /// gone. The first deputy proposes without it at once, each next one a little later. R-121.
    fn coordinator_restarted(&mut self, now: Instant, from: MemberId, coordinator: MemberId) {
        let Some(view) = &self.view else { return };
        let old = view.members.iter().find(|member| member.id == coordinator);
        let old_at = self.address_of(&coordinator).or_else(|| old.map(|member| member.address));
        if self.address_of(&from).is_none() || self.address_of(&from) != old_at {
            return;
        }
        let place = deputies(view).iter().position(|&id| id == self.me()).unwrap_or(usize::MAX);
        let Some(step) = u32::try_from(place).ok().filter(|&place| place < 4) else { return };
        let step = self.cfg.timing.share(25 * step);
        let Some(normal) = self.normal_mut() else { return };
        let since = *normal.watch.restarted.get_or_insert(now);
        if now.since(since) < step {
            return;
        }
        let Some(view) = &self.view else { return };
        let members = view.members.iter().filter(|m| m.id != coordinator).copied().collect();
        let gone = vec![coordinator];
        let mut changes = Changes::default();
        changes.note(coordinator.node, Reason::Restarted, self.me().node, Duration::ZERO);
        self.start_ballot(now, Draft { members, gone, changes, ..Draft::default() });
    }

    pub(crate) fn on_probe(&mut self, now: Instant, from: MemberId, probe: &Probe) {
        self.saw_epoch(probe.epoch_seen);
        if self.is_candidate() && (probe.want_members || self.is_outranked_by(&from)) {
            self.wait_to_be_taken_in(now);
        }
        let view = self.view.clone().filter(|_| probe.want_members && self.coordinates());
        let ack = ProbeAck { nonce: probe.nonce, epoch_seen: self.epochs.seen, view };
        self.send(from, Frame::ProbeAck(ack));
    }

    pub(crate) fn on_probe_ack(&mut self, now: Instant, from: MemberId, ack: &ProbeAck) {
        self.saw_epoch(ack.epoch_seen);
        if let Phase::Candidate(candidate) = &mut self.phase {
            if let Some(probing) = &mut candidate.probing
                && probing.nonce == ack.nonce
                && let Some(answered) = probing.targets.get_mut(&from)
            {
                *answered = true;
                candidate.next_look = now;
            }
        } else if self.coordinates() {
            self.wishes.acked(now, from, ack);
        }
    }

    /// A candidate that is being asked to come in proposes nothing itself for a while. R-35.
    fn wait_to_be_taken_in(&mut self, now: Instant) {
        if let Phase::Candidate(candidate) = &mut self.phase {
            candidate.coordinator_since.get_or_insert(now);
        }
    }

    /// Whether a node that said hello goes before this one, by what both said last. R-35.
    pub(super) fn is_outranked_by(&self, from: &MemberId) -> bool {
        let Some(theirs) = self.heard.get(&from.node).filter(|heard| heard.from == *from) else {
            return false;
        };
        let mine = self.said.as_ref().map(|hello| preference(&self.me(), hello));
        theirs.hello.kind == HelloKind::Coordinator
            || mine.is_none_or(|mine| preference(from, &theirs.hello) > mine)
    }
}
