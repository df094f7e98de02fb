//! What only the sequence of events tells: since when a node is a member, and what was said last.

use cman_ipc::event::{ChangeReason, Event, EventMessage, QuorumEvent, ViewEvent};
use cman_node as node;
use cman_types::{Epoch, MemberId, NodeId};
use cman_wire::frame::Reason;
use std::collections::BTreeMap;

/// The past of this daemon's view of the cluster.
#[derive(Debug, Default)]
pub(crate) struct History {
    nodes: BTreeMap<NodeId, Membership>,
    last_view: Option<EventMessage>,
    last_quorum: Option<EventMessage>,
}

/// When a node last became a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Membership {
    pub(crate) id: MemberId,
    pub(crate) joined_epoch: Epoch,
}

impl History {
    /// Notes an event, and says what clients shall hear of it; nothing if it is not for them.
    pub(crate) fn note(
        &mut self,
        wall_ns: u64,
        monotonic_ns: u64,
        event: &node::Event,
    ) -> Option<EventMessage> {
        let stamped = |event| EventMessage { at: wall_ns, monotonic_ns, event };
        match event {
            node::Event::View(view) => {
                self.note_members(view);
                let message = stamped(Event::View(for_clients(view)));
                self.last_view = Some(message.clone());
                Some(message)
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
                Some(message)
            }
            node::Event::Deliver(_)
            | node::Event::Fatal { .. }
            | node::Event::Group { .. }
            | node::Event::Left
            | node::Event::Notice { .. }
            | node::Event::Room
            | node::Event::Store(_)
            | node::Event::Transitional(_) => None,
        }
    }

    /// What a client that subscribes hears first: the last view and the last word on quorum. Where
    /// the lease is not good any more, that word is no; where views have come and gone since, the
    /// votes are those of `now`.
    pub(crate) fn present(
        &self,
        lease_is_good: bool,
        now: Option<&node::Status>,
    ) -> Vec<EventMessage> {
        let mut quorum = self.last_quorum.clone();
        if let Some(EventMessage { event: Event::Quorum(event), .. }) = &mut quorum {
            event.quorate &= lease_is_good;
            if let Some(now) = now.filter(|now| self.is_of_last_view(now)) {
                event.votes = now.votes;
                event.expected_votes = now.expected_votes;
                event.needed = now.needed;
                event.text.clone_from(&now.why_quorate);
            }
        }
        self.last_view.iter().cloned().chain(quorum).collect()
    }

    fn is_of_last_view(&self, status: &node::Status) -> bool {
        let last = self.last_view.as_ref().map(|message| &message.event);
        let epoch = status.view.as_ref().map(|view| view.id.epoch);
        matches!(last, Some(Event::View(view)) if Some(view.epoch) == epoch)
    }

    /// When the node last became a member; `None` if it was in no view since this daemon started.
    pub(crate) fn membership(&self, node: NodeId) -> Option<Membership> {
        self.nodes.get(&node).copied()
    }

    fn note_members(&mut self, event: &node::ViewEvent) {
        for id in event.view.ids() {
            let stayed = event.transitional.contains(&id.node)
                && self.nodes.get(&id.node).is_some_and(|known| known.id == id);
            if !stayed {
                let joined_epoch = event.view.id.epoch;
                self.nodes.insert(id.node, Membership { id, joined_epoch });
            }
        }
    }
}

fn for_clients(event: &node::ViewEvent) -> ViewEvent {
    let node::ViewEvent { view, transitional, joined, left, reasons, text } = event;
    ViewEvent {
        epoch: view.id.epoch,
        coordinator: view.id.coordinator.node,
        members: view.nodes().collect(),
        joined: joined.clone(),
        left: left.clone(),
        transitional: transitional.clone(),
        reasons: reasons.iter().map(reason_for_clients).collect(),
        text: text.clone(),
    }
}

fn reason_for_clients(came: &node::Came) -> ChangeReason {
    ChangeReason {
        node: came.node,
        reason: word(came.reason).to_owned(),
        evidence: came.evidence.clone(),
    }
}

/// The word for programs.
const fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Joined => "joined",
        Reason::Killed => "killed",
        Reason::Lagging => "lagging",
        Reason::Left => "left",
        Reason::Merged => "merged",
        Reason::Parted => "parted",
        Reason::Removed => "removed",
        Reason::Restarted => "restarted",
        Reason::Silent => "silent",
        Reason::Unresponsive => "unresponsive",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use cman_crypto::Plain;
    use cman_types::{Incarnation, Instant, Member, Salt, View, ViewId};
    use std::time::Duration;

    fn id(node: u32, incarnation: u64) -> MemberId {
        let node = NodeId::new(node).unwrap();
        MemberId { node, incarnation: Incarnation(incarnation), salt: Salt::default() }
    }

    fn view(epoch: u64, members: &[MemberId], stayed: &[u32]) -> node::Event {
        let address = "10.0.0.1:5405".parse().unwrap();
        node::Event::View(node::ViewEvent {
            view: View {
                id: ViewId { epoch: Epoch(epoch), coordinator: members[0] },
                members: members.iter().map(|id| Member { id: *id, address }).collect(),
            },
            transitional: stayed.iter().filter_map(|id| NodeId::new(*id)).collect(),
            joined: Vec::new(),
            left: Vec::new(),
            reasons: Vec::new(),
            text: String::new(),
        })
    }

    /// A node that says that it is in the view of `epoch`, with so many votes.
    pub(crate) fn status(epoch: u64, votes: u32) -> node::Status {
        let setup = node::Setup {
            me: NodeId::new(1).unwrap(),
            incarnation: Incarnation(1),
            salt: Salt::default(),
            seed: 1,
            address: "10.0.0.1:5405".parse().unwrap(),
            cluster_name: "alpha".into(),
            cluster_id: 3169,
            config_version: 1,
            peers: Vec::new(),
            expected_votes: 3,
            two_node: false,
            wait_for_all: false,
            token: Duration::from_secs(2),
            multicast: false,
            wire_versions: node::WIRE_VERSIONS,
            epoch_ceiling: None,
            wall_seconds: 1,
            removed: false,
            observe: false,
        };
        let node = node::Node::new(Instant::ZERO, setup, Box::new(Plain::new("alpha")));
        let node::Event::View(event) = view(epoch, &[id(1, 1)], &[1]) else {
            panic!("no view");
        };
        let why_quorate = format!("{votes} of 3");
        let view = Some(event.view);
        node::Status { view, votes, why_quorate, ..node.status(Instant::ZERO) }
    }

    #[test]
    fn who_subscribes_hears_the_votes_of_the_present_view() {
        let mut history = History::default();
        let text = "quorum gained".to_owned();
        let yes = node::Event::Quorum { quorate: true, votes: 2, expected: 3, needed: 2, text };
        history.note(1, 1, &view(5, &[id(1, 1)], &[1]));
        history.note(2, 2, &yes);
        let quorum = |history: &History, status| match &history.present(true, Some(&status))[1] {
            EventMessage { event: Event::Quorum(event), .. } => (event.votes, event.text.clone()),
            other => panic!("{other:?}"),
        };
        history.note(3, 3, &view(6, &[id(1, 1)], &[1]));
        assert_eq!(quorum(&history, status(6, 3)), (3, "3 of 3".to_owned()));
        // Of another view than the one that is told just before.
        assert_eq!(quorum(&history, status(7, 3)), (2, "quorum gained".to_owned()));
    }

    fn joined(history: &History, node: u32) -> Option<u64> {
        history.membership(NodeId::new(node).unwrap()).map(|m| m.joined_epoch.0)
    }

    #[test]
    fn membership_counts_from_the_first_view_without_a_break() {
        let mut history = History::default();
        history.note(1, 1, &view(5, &[id(1, 1)], &[1]));
        history.note(2, 2, &view(6, &[id(1, 1), id(2, 1)], &[1]));
        history.note(3, 3, &view(7, &[id(1, 1), id(2, 1)], &[1, 2]));
        assert_eq!((joined(&history, 1), joined(&history, 2)), (Some(5), Some(6)));
        history.note(4, 4, &view(8, &[id(1, 1), id(2, 2)], &[1]));
        assert_eq!((joined(&history, 1), joined(&history, 2)), (Some(5), Some(8)));
        assert_eq!(joined(&history, 3), None);
    }

    #[test]
    fn who_subscribes_hears_the_present_but_no_stale_yes() {
        let mut history = History::default();
        assert!(history.present(true, None).is_empty());
        history.note(1, 1, &view(5, &[id(1, 1)], &[1]));
        let text = "2 of 3 votes".to_owned();
        let yes = node::Event::Quorum { quorate: true, votes: 2, expected: 3, needed: 2, text };
        history.note(2, 2, &yes);
        let quorate = |lease| match &history.present(lease, None)[1].event {
            Event::Quorum(event) => event.quorate,
            other => panic!("{other:?}"),
        };
        assert!(quorate(true) && !quorate(false));
    }
}
