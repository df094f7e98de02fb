//! A node's state, for tools and checkers.

use cman_proto::PeerReport;
use cman_types::{Incarnation, Instant, NodeId, NodeSet};

use crate::{
    node::Node,
    output::{NodeStatus, State, Status},
    sentence::{self, Standing},
};

impl Node {
    /// The node's state for tools and checkers.
    #[must_use]
    pub fn status(&self, now: Instant) -> Status {
        let engine = &self.engine;
        let votes = engine.votes();
        let quorate = engine.is_quorate(now);
        Status {
            state: self.state(),
            me: self.me,
            view: engine.view().cloned(),
            working: engine.is_working(),
            changes: engine.changes(),
            installed_at: engine.view().map(|_| engine.installed_at()),
            quorate,
            lease_end: quorate.then(|| engine.lease_end()),
            votes: votes.present,
            expected_votes: votes.expected,
            needed: votes.needed,
            waiting_for_all: votes.waiting_for_all,
            dirty: engine.is_dirty(),
            why_quorate: sentence::why(&self.standing(quorate)),
            removed: engine.removed().iter().collect(),
            nodes: self.node_statuses(now),
            device: self.device_status(),
            rejected: self.gate.rejected(),
            stalls: engine.stalls(),
            wire_version: engine.wire_version(),
            timing: *engine.timing(),
        }
    }

    /// What decides whether the node may act.
    pub(crate) fn standing(&self, quorate: bool) -> Standing<'_> {
        let engine = &self.engine;
        Standing {
            quorate,
            in_view: engine.view().is_some() && !engine.is_candidate(),
            leaves: engine.is_leaving() || engine.has_ended(),
            votes: engine.votes(),
        }
    }

    fn state(&self) -> State {
        if self.engine.has_ended() {
            State::Left
        } else if self.engine.is_leaving() {
            State::Leaving
        } else if self.engine.view().is_some() && !self.engine.is_candidate() {
            State::Member
        } else {
            State::Joining
        }
    }

    fn node_statuses(&self, now: Instant) -> Vec<NodeStatus> {
        let disallowed = self.engine.disallowed(now);
        let status = |node| self.node_status(now, node, &disallowed);
        self.setup.peers.iter().map(|peer| status(peer.id)).collect()
    }

    fn node_status(&self, now: Instant, node: NodeId, disallowed: &NodeSet) -> NodeStatus {
        let engine = &self.engine;
        let member = engine.view().and_then(|view| view.member_of_node(node)).map(|m| m.id);
        let report = member.map_or_else(PeerReport::default, |id| engine.peer_report(now, &id));
        let own = node == self.me.node;
        let address = if own {
            Some(self.setup.address)
        } else {
            member
                .and_then(|id| self.address_of(&id))
                .or_else(|| self.configured.get(&node).copied())
        };
        let incarnation = if own { Some(self.me.incarnation) } else { self.newest_life(node) };
        NodeStatus {
            id: node,
            votes: engine.votes_of(node),
            member,
            incarnation: member.map(|id| id.incarnation).or(incarnation),
            address,
            joined_at: member.and_then(|_| self.joined_at.get(&node).copied()),
            leaving: engine.is_departing(node),
            disallowed: disallowed.contains(node),
            delay: if own { engine.own_delay(now) } else { report.delay },
            relayed: report.relayed,
            multicast_dead: report.multicast_dead && self.setup.multicast,
            held_until: engine.held_until(now, node),
            heard_at: report.heard,
            fenced: self.services.fenced(node).cloned(),
        }
    }

    fn newest_life(&self, node: NodeId) -> Option<Incarnation> {
        self.engine.last_heard_life(node).map(|id| id.incarnation)
    }
}
