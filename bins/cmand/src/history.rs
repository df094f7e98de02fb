//! What only the sequence of events tells: since when a node is a member, what was said last, and
//! what happened lately.

use crate::{past::Past, words};
use bytes::Bytes;
use cman_ipc::{
    event::{Event, EventMessage, LinkEvent, NodeChange, NodeEvent, QuorumEvent},
    nodes::NodeState,
};
use cman_node::{self as node, Refusal};
use cman_types::{Epoch, Instant, MemberId, NodeId, Span};
use cman_wire::frame::{Reason, RefuseReason};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes whose refusals are remembered, so that each is told once. Far more than are configured.
const REFUSALS_MAX: usize = 4096;

/// What is said of a member of the view before that comes out of another view now.
const TOGETHER_AGAIN: &str = "was in another view than this node, and both are in one again";

/// The past of this daemon's view of the cluster.
#[derive(Debug)]
pub(crate) struct History {
    me: NodeId,
    nodes: BTreeMap<NodeId, Membership>,
    last_view: Option<EventMessage>,
    last_quorum: Option<EventMessage>,
    /// Links and paths that are down, as that was told.
    down: BTreeMap<(u8, Option<NodeId>), EventMessage>,
    /// What was told of nodes that are not let in, or do not let this one in.
    refusals: BTreeMap<NodeId, (RefuseReason, u64, u64)>,
    past: Past,
}

/// When a node last became a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Membership {
    pub(crate) id: MemberId,
    pub(crate) joined_epoch: Epoch,
    /// When it was lost, on the boot-time clock; `None` while it is a member.
    left_at: Option<Instant>,
}

impl History {
    /// Of the node `me`, which has no past yet.
    pub(crate) fn new(me: NodeId) -> Self {
        Self {
            me,
            nodes: BTreeMap::new(),
            last_view: None,
            last_quorum: None,
            down: BTreeMap::new(),
            refusals: BTreeMap::new(),
            past: Past::default(),
        }
    }

    /// Notes what the node tells, and says what clients shall hear of it, in this order.
    pub(crate) fn note(
        &mut self,
        wall_ns: u64,
        at: Instant,
        event: &node::Event,
    ) -> Vec<EventMessage> {
        let stamped = |event| EventMessage { at: wall_ns, monotonic_ns: at.as_nanos(), event };
        match event {
            node::Event::View(view) => {
                let message = stamped(Event::View(words::view(view)));
                self.last_view = Some(message.clone());
                let nodes = self.note_changes(at, view);
                self.note_members(view);
                [message].into_iter().chain(nodes.into_iter().map(stamped)).collect()
            }
            node::Event::Quorum { quorate, votes, expected, needed, text } => {
                let message = stamped(Event::Quorum(QuorumEvent {
                    quorate: *quorate,
                    votes: *votes,
                    expected_votes: *expected,
                    needed: *needed,
                    text: text.clone(),
                }));
                self.last_quorum = Some(message.clone());
                vec![message]
            }
            node::Event::Notice { refusals, text, .. } => {
                self.note_refusals(refusals, text).into_iter().map(stamped).collect()
            }
            node::Event::Fatal { refusal, text } => {
                self.note_refusals(refusal, text).into_iter().map(stamped).collect()
            }
            node::Event::Amended { .. }
            | node::Event::ConfigWanted { .. }
            | node::Event::Deliver(_)
            | node::Event::Device { .. }
            | node::Event::Client { .. }
            | node::Event::Left
            | node::Event::Room
            | node::Event::Store(_)
            | node::Event::Transitional(_) => Vec::new(),
        }
    }

    /// Notes that a link or a path changed.
    pub(crate) fn note_link(&mut self, message: &EventMessage) {
        if let Event::Link(LinkEvent { link, node, up, .. }) = message.event {
            if up {
                self.down.remove(&(link, node));
            } else {
                self.down.insert((link, node), message.clone());
            }
        }
    }

    /// Keeps an event that was told, as bytes.
    pub(crate) fn keep(&mut self, frame: Bytes) {
        self.past.keep(frame);
    }

    /// The events of late as bytes, oldest first.
    pub(crate) fn past(&self) -> Vec<Bytes> {
        self.past.frames()
    }

    /// What a client that subscribes hears first: the last view, the last word on quorum, and what
    /// is down. Where the lease is not good any more, that word is no; where views have come and
    /// gone since, the votes are those of `now`.
    pub(crate) fn present(
        &self,
        lease_is_good: bool,
        now: Option<&node::Status>,
    ) -> Vec<EventMessage> {
        let mut quorum = self.last_quorum.clone();
        if let Some(EventMessage { event: Event::Quorum(event), .. }) = &mut quorum {
            if let Some(now) = now.filter(|now| self.is_of_last_view(now)) {
                event.votes = now.votes;
                event.expected_votes = now.expected_votes;
                event.needed = now.needed;
                event.text.clone_from(&now.why_quorate);
            } else if event.quorate && !lease_is_good {
                "the lease of this node has ended".clone_into(&mut event.text);
            }
            event.quorate &= lease_is_good;
        }
        let down = self.down.values().cloned();
        self.last_view.iter().cloned().chain(quorum).chain(down).collect()
    }

    /// Whether all that this status shows of view and quorum has been told: else those who hear of
    /// it first would hear the effect before the cause.
    pub(crate) fn has_told(&self, status: &node::Status) -> bool {
        let quorate = match self.last_quorum.as_ref().map(|message| &message.event) {
            Some(Event::Quorum(event)) => event.quorate,
            _ => false,
        };
        self.is_of_last_view(status) && quorate == status.quorate
    }

    /// Whether the view of this status was the last to be told. Before the first there is none.
    pub(crate) fn is_of_last_view(&self, status: &node::Status) -> bool {
        let last = match self.last_view.as_ref().map(|message| &message.event) {
            Some(Event::View(view)) => Some(view.epoch),
            _ => None,
        };
        last == status.view.as_ref().map(|view| view.id.epoch)
    }

    /// When the node last became a member; `None` if it was in no view since this daemon started.
    pub(crate) fn membership(&self, node: NodeId) -> Option<Membership> {
        self.nodes.get(&node).copied()
    }

    /// Who came and who went.
    fn note_changes(&mut self, at: Instant, event: &node::ViewEvent) -> Vec<Event> {
        let members: BTreeSet<NodeId> = event.view.nodes().collect();
        self.down.retain(|(_, node), _| node.is_none_or(|node| members.contains(&node)));
        let mut events = Vec::new();
        for came in &event.reasons {
            let known = self.nodes.get_mut(&came.node);
            let (state, change, away) = if !members.contains(&came.node) {
                known.into_iter().for_each(|known| known.left_at = Some(at));
                (NodeState::Dead, NodeChange::Left, None)
            } else if let Some(known) = known {
                (NodeState::Member, NodeChange::Returned, known.left_at)
            } else {
                (NodeState::Member, NodeChange::Joined, None)
            };
            self.refusals.remove(&came.node);
            let text = match (change, came.reason) {
                // The two lived on apart, and this is the end of it.
                (NodeChange::Returned, Reason::Parted) => TOGETHER_AGAIN.to_owned(),
                _ => came.evidence.clone(),
            };
            let away = away.map(|left| format!("; it was away for {}", Span(at.since(left))));
            events.push(Event::Node(NodeEvent {
                node: came.node,
                state,
                change,
                reason: words::reason(came.reason).to_owned(),
                text: text + &away.unwrap_or_default(),
            }));
        }
        events
    }

    fn note_members(&mut self, event: &node::ViewEvent) {
        for id in event.view.ids() {
            let stayed = event.transitional.contains(&id.node)
                && self.nodes.get(&id.node).is_some_and(|known| known.id == id);
            if !stayed {
                let joined_epoch = event.view.id.epoch;
                self.nodes.insert(id.node, Membership { id, joined_epoch, left_at: None });
            }
        }
    }

    /// Refusals are told when they begin or change: the node says them again and again.
    fn note_refusals<'a>(
        &mut self,
        refusals: impl IntoIterator<Item = &'a Refusal>,
        text: &str,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for refusal in refusals {
            let node = words::other_end(refusal, self.me);
            let Refusal { reason, ours, theirs, .. } = *refusal;
            if self.refusals.len() >= REFUSALS_MAX {
                self.refusals.clear();
            }
            if self.refusals.insert(node, (reason, ours, theirs)) == Some((reason, ours, theirs)) {
                continue;
            }
            events.push(words::config(refusal, self.me, text).unwrap_or_else(|| {
                let mine = refusal.by == self.me;
                Event::Node(NodeEvent {
                    node,
                    state: self.state_of(node),
                    change: if mine { NodeChange::Refused } else { NodeChange::Refuses },
                    reason: words::refuse_reason(reason).to_owned(),
                    text: text.to_owned(),
                })
            }));
        }
        events
    }

    fn state_of(&self, node: NodeId) -> NodeState {
        match self.nodes.get(&node) {
            Some(Membership { left_at: None, .. }) => NodeState::Member,
            Some(_) => NodeState::Dead,
            None => NodeState::NeverSeen,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
