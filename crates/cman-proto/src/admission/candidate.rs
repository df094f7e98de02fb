//! A candidate: listens, says hello, and proposes if nobody better does (R-16, R-34 to R-36,
//!

use cman_types::{Instant, MemberId};
use cman_wire::{
    Frame,
    frame::{HelloKind, Probe, Reason},
};
use core::time::Duration;
use std::collections::BTreeMap;

use super::hello::{Preference, preference};
use crate::{
    engine::Engine,
    phase::{Candidate, Changes, Phase, Probing},
    view_change::Draft,
};

impl Candidate {
    /// A candidate that listens for `listen` before it may propose.
    pub(crate) const fn new(now: Instant, listen: Duration) -> Self {
        Self {
            since: now,
            listen,
            next_hello: now,
            next_look: now,
            hellos: 0,
            coordinator_since: None,
            complete_since: None,
            probing: None,
        }
    }
}

impl Engine {
    /// Gives the working view up and looks for another.
    pub(crate) fn become_candidate(&mut self, now: Instant, listen: Duration) {
        self.wishes.clear();
        self.protection.ballot_ended();
        self.freeze_stream();
        self.phase = Phase::Candidate(Candidate::new(now, listen));
    }

    pub(crate) fn tick_candidate(&mut self, now: Instant) {
        let (beat, crowd) = (self.cfg.timing.beat, self.crowd());
        let Phase::Candidate(candidate) = &mut self.phase else { return };
        if now >= candidate.next_hello {
            candidate.next_hello = now + beat * crowd;
            candidate.hellos += 1;
            let count = candidate.hellos;
            self.say_hello(now, count, 3);
        }
        // Where hellos are spaced out there is also less to see, and more to look through.
        let pause = (beat / 4 * crowd).min(self.cfg.timing.share(10)).max(beat / 4);
        let Phase::Candidate(candidate) = &mut self.phase else { return };
        if now >= candidate.next_look {
            candidate.next_look = now + if candidate.probing.is_some() { beat / 4 } else { pause };
            self.look(now);
        }
    }

    /// Decides whether to propose now.
    fn look(&mut self, now: Instant) {
        if self.is_leaving() || now < self.refused_until || self.stall.must_not_accuse(now) {
            return;
        }
        let Phase::Candidate(candidate) = &self.phase else { return };
        if candidate.probing.is_some() {
            self.look_at_probes(now);
        } else if self.waits_for_coordinator(now) {
            // It takes this node in, or is given up after a while.
        } else if self.waited_enough(now) {
            self.probe_candidates(now);
        }
    }

    /// a working coordinator is heard, and may take this node in. One that does not hear this
    /// node will not.
    fn waits_for_coordinator(&mut self, now: Instant) -> bool {
        let limit = now.before(self.hello_window() * 2);
        let (me, token) = (self.me().node, self.cfg.timing.token);
        let mut coordinators = self
            .heard
            .values()
            .filter(|h| h.at >= limit && h.hello.kind == HelloKind::Coordinator)
            .filter(|h| !self.must_not_meet(now, &h.from, &h.hello))
            .peekable();
        let working = coordinators.peek().is_some();
        let patience =
            if coordinators.any(|h| h.hello.hears.contains(me)) { token * 3 } else { token };
        let courted = self.cfg.timing.share(50);
        let Phase::Candidate(candidate) = &mut self.phase else { return false };
        if working {
            let since = *candidate.coordinator_since.get_or_insert(now);
            return now.since(since) < patience;
        }
        match candidate.coordinator_since {
            Some(since) if now.since(since) < courted => true,
            Some(_) => {
                candidate.coordinator_since = None;
                false
            }
            None => false,
        }
    }

    /// the best candidate goes first, each next one half a token later. Alone, a node
    /// listens for a token more. All are compared by what they said last, this node too: whoever
    /// took itself for what it is by now, and the others for what they were, would go first, and so
    /// would everybody..
    fn waited_enough(&mut self, now: Instant) -> bool {
        let timing = self.cfg.timing;
        let others = self.other_candidates(now);
        let Some(said) = &self.said else { return false };
        let mine = preference(&self.me(), said);
        let better = others.iter().filter(|(_, theirs)| **theirs > mine).count();
        let everybody = others.len() + 1 == self.cfg.rules.votes.len();
        let Phase::Candidate(candidate) = &mut self.phase else { return false };
        if everybody {
            candidate.complete_since.get_or_insert(now);
        } else {
            candidate.complete_since = None;
        }
        let listened = if everybody {
            let since = candidate.complete_since.unwrap_or(now);
            now.since(since) >= timing.share(5)
        } else {
            now.since(candidate.since) >= candidate.listen
        };
        let turn = timing.share(50) * u32::try_from(better).unwrap_or(u32::MAX).min(64);
        let alone = if others.is_empty() { timing.token } else { Duration::ZERO };
        let first = if everybody { timing.share(5) } else { candidate.listen };
        listened && now.since(candidate.since) >= first + turn + alone
    }

    /// Candidates heard both ways lately, and how strongly each speaks for itself. R-82h.
    fn other_candidates(&self, now: Instant) -> BTreeMap<MemberId, Preference> {
        let (limit, me) = (now.before(self.hello_window()), self.me());
        let patient = match &self.phase {
            Phase::Candidate(candidate) => now.since(candidate.since) < self.cfg.timing.token * 4,
            _ => true,
        };
        self.heard
            .values()
            .filter(|h| h.at >= limit && h.hello.kind == HelloKind::Candidate)
            .filter(|h| h.hello.hears.contains(me.node))
            .filter(|h| !self.must_not_meet(now, &h.from, &h.hello))
            .filter(|h| !(patient && self.holds.until(now, h.from.node).is_some()))
            .map(|h| (h.from, preference(&h.from, &h.hello)))
            .collect()
    }

    /// Asks those that it would propose whether they hear it. R-119.
    fn probe_candidates(&mut self, now: Instant) {
        let targets: BTreeMap<MemberId, bool> =
            self.other_candidates(now).into_keys().map(|id| (id, false)).collect();
        let nonce = self.prng.next_u64();
        let resend_at = now + self.resend_after();
        let probing = Probing { nonce, since: now, resend_at, targets };
        let Phase::Candidate(candidate) = &mut self.phase else { return };
        candidate.probing = Some(probing);
        candidate.next_look = candidate.next_look.min(resend_at);
        self.send_probes(nonce);
        self.look_at_probes(now);
    }

    fn send_probes(&mut self, nonce: u64) {
        let Phase::Candidate(Candidate { probing: Some(probing), .. }) = &self.phase else {
            return;
        };
        let silent: Vec<MemberId> =
            probing.targets.iter().filter(|(_, acked)| !**acked).map(|(&id, _)| id).collect();
        for id in silent {
            let epoch_seen = self.epochs.seen;
            self.send(id, Frame::Probe(Probe { nonce, epoch_seen, want_members: false }));
        }
    }

    /// those that answered are proposed; who is heard but does not hear, or the
    /// reverse, freezes nobody. R-119.
    fn look_at_probes(&mut self, now: Instant) {
        let patience = self.cfg.timing.share(15);
        let again = now + self.resend_after();
        let Phase::Candidate(candidate) = &mut self.phase else { return };
        let Some(probing) = &mut candidate.probing else { return };
        let all = probing.targets.values().all(|&acked| acked);
        let over = now.since(probing.since) >= patience;
        if !all && !over {
            if now >= probing.resend_at {
                probing.resend_at = again;
                let nonce = probing.nonce;
                self.send_probes(nonce);
            }
            return;
        }
        let none = !probing.targets.is_empty() && !probing.targets.values().any(|&acked| acked);
        let acked: Vec<MemberId> =
            probing.targets.iter().filter(|(_, acked)| **acked).map(|(&id, _)| id).collect();
        let unheard: Vec<MemberId> =
            probing.targets.iter().filter(|(_, acked)| !**acked).map(|(&id, _)| id).collect();
        candidate.probing = None;
        for id in unheard {
            self.holds.failed(now, id.node);
        }
        let Phase::Candidate(candidate) = &self.phase else { return };
        let long_alone = now.since(candidate.since) >= self.cfg.timing.token * 2;
        if !none || long_alone {
            self.propose_candidates(now, &acked);
        }
    }

    fn propose_candidates(&mut self, now: Instant, others: &[MemberId]) {
        let mut changes = Changes::default();
        let me = self.me().node;
        for id in others {
            let returns = self.view.as_ref().is_some_and(|view| view.contains(id));
            if !returns {
                let fresh = self.heard.get(&id.node).is_some_and(|h| h.hello.view.is_none());
                let reason = if fresh { Reason::Joined } else { Reason::Merged };
                changes.note(id.node, reason, me, Duration::ZERO);
            }
        }
        let old: Vec<MemberId> = self.view.iter().flat_map(|view| view.ids()).collect();
        for id in old.iter().filter(|id| id.node != me && !others.contains(id)) {
            let restarted = others.iter().any(|other| other.node == id.node);
            let reason = if restarted { Reason::Restarted } else { Reason::Parted };
            changes.0.retain(|change| change.node != id.node);
            changes.note(id.node, reason, me, Duration::ZERO);
        }
        let members = others.iter().map(|&id| self.member(id)).collect();
        self.start_ballot(now, Draft { members, changes, ..Draft::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, engine::HeardHello};
    use cman_quorum::{Timing, VoteRules};
    use cman_types::{Epoch, Incarnation, Member, NodeId, NodeSet, Salt};

    const TOKEN: Duration = Duration::from_secs(2);

    fn started(now: Instant, number: u32) -> Engine {
        let node = |number| NodeId::new(number).unwrap();
        let id =
            MemberId { node: node(number), incarnation: Incarnation(1), salt: Salt::default() };
        let cfg = Config {
            me: Member { id, address: ([10, 0, 0, 1], 5405).into() },
            rules: VoteRules {
                votes: (1..3).map(|number| (node(number), 1)).collect(),
                expected_votes: 2,
                two_node: false,
                wait_for_all: false,
            },
            timing: Timing::new(TOKEN),
            wire: (1, 1),
            cluster_id: 1,
            config_version: 1,
            epoch_floor: Epoch(0),
            removed: false,
            raised: Epoch(0),
            room: 1300,
            seed: 1,
        };
        Engine::new(now, cfg)
    }

    /// R-82h: a hold of a minute counts for four tokens.
    #[test]
    fn who_looks_for_a_view_long_enough_forgets_holds() {
        let begin = Instant::ZERO + TOKEN;
        let (mut engine, other) = (started(begin, 1), started(begin, 2));
        let from = other.me();
        let mut is_counted = |now: Instant, held: bool| {
            if held {
                (0..8).for_each(|_| engine.holds.failed(now, from.node));
            }
            let hears: NodeSet = [engine.me().node].into_iter().collect();
            let hello = cman_wire::frame::Hello { hears, ..other.make_hello(now) };
            engine.heard.insert(from.node, HeardHello { from, hello, at: now });
            engine.other_candidates(now).contains_key(&from)
        };
        assert!(is_counted(begin, false), "nobody is held off yet");
        assert!(!is_counted(begin, true));
        let patience = TOKEN * 4;
        assert!(!is_counted((begin + patience).before(Duration::from_millis(1)), true));
        assert!(is_counted(begin + patience, true));
    }
}
