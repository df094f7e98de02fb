//! After a view in which sides meet, its members bring each other up to date: each says what it
//! knows of itself, and when all have spoken all of it is taken over at once, at the same place
//! of the stream everywhere (G-22).
//!
//! One sync serves all services. Until it is over, what else is delivered waits. If the view ends
//! first, the sync has never been: nothing of it was taken over.
//!
//! Members of one view fall into classes. A class knows each other: its members were brought in
//! step once and delivered the same since. Where a view is one class there is nothing to do.

use crate::{
    output::{Out, ViewInfo},
    state::State,
};
use bytes::Bytes;
use cman_types::{Instant, MemberId, NodeId, NodeSet, ViewId};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// An operation, and who sent it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Operation {
    pub(crate) sender: MemberId,
    pub(crate) payload: Bytes,
}

/// Who is in step with whom.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Sync {
    me: MemberId,
    /// How long a member may take to speak.
    time_max: Duration,
    /// The members of the view, sorted.
    members: Vec<MemberId>,
    /// This node's class (G-20), sorted: all members, unless a sync is under way.
    known: Vec<MemberId>,
    /// None while all members know each other.
    round: Option<Round>,
}

/// A sync under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Round {
    view: ViewId,
    /// What came, by member of the view.
    states: BTreeMap<MemberId, State>,
    /// What was delivered meanwhile, in order.
    held: VecDeque<Operation>,
    /// When the coordinator puts out who has not spoken.
    deadline: Instant,
}

/// How a sync ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) view: ViewId,
    pub(crate) states: BTreeMap<MemberId, State>,
    pub(crate) held: VecDeque<Operation>,
}

impl Sync {
    pub(crate) fn new(me: MemberId, time_max: Duration) -> Self {
        Self { me, time_max, members: Vec::new(), known: vec![me], round: None }
    }

    /// A sync under way is over, without result (G-25): gives back what was held of the own class.
    /// Those of it that go on together hold the same, and apply it alike; senders of another class
    /// are not there yet, and do the same among themselves.
    pub(crate) fn abort(&mut self) -> VecDeque<Operation> {
        let Some(round) = self.round.take() else { return VecDeque::new() };
        let mut held = round.held;
        held.retain(|operation| self.knows(&operation.sender));
        held
    }

    /// Of its class, those stay with this node that came along to the new view (G-10).
    pub(crate) fn keep(&mut self, info: &ViewInfo<'_>) {
        self.members = info.view.ids().collect();
        let came: NodeSet = info.transitional.iter().copied().collect();
        let me = self.me;
        self.known.retain(|known| {
            *known == me || (came.contains(known.node) && info.view.contains(known))
        });
    }

    /// Whether all members of the view are one class. They agree on it (G-20).
    pub(crate) fn is_complete(&self) -> bool {
        self.known == self.members
    }

    /// Starts a sync in the view.
    pub(crate) fn start(&mut self, now: Instant, view: ViewId) {
        let deadline = now + self.time_max;
        let (states, held) = (BTreeMap::new(), VecDeque::new());
        self.round = Some(Round { view, states, held, deadline });
    }

    /// A member spoke. Its first word counts, and only if it is of this view (G-27). The end of the
    /// sync, if it was the last (G-22).
    pub(crate) fn on_state(&mut self, sender: MemberId, state: State) -> Option<Ended> {
        let round = self.round.as_mut()?;
        if state.view != round.view || self.members.binary_search(&sender).is_err() {
            return None;
        }
        round.states.entry(sender).or_insert(state);
        if round.states.len() < self.members.len() {
            return None;
        }
        self.known.clone_from(&self.members);
        let Round { view, states, held, .. } = self.round.take()?;
        Some(Ended { view, states, held })
    }

    /// Keeps an operation for the end of the sync (G-23); gives it back if there is none.
    pub(crate) fn hold(&mut self, operation: Operation) -> Option<Operation> {
        let Some(round) = &mut self.round else { return Some(operation) };
        round.held.push_back(operation);
        None
    }

    /// At the deadline the coordinator puts out who has not spoken; again after the same time. It
    /// accuses nobody as long as it has not even heard itself: then the stream stands (G-24).
    pub(crate) fn on_timeout(&mut self, now: Instant, out: &mut VecDeque<Out>) {
        if now < self.due() {
            return;
        }
        let Some(round) = &mut self.round else { return };
        round.deadline = now + self.time_max;
        if !round.states.contains_key(&self.me) {
            return;
        }
        let silent = self.members.iter().filter(|member| !round.states.contains_key(member));
        out.extend(silent.map(|member| Out::PutOut { node: member.node }));
    }

    /// When the coordinator has to look again.
    pub(crate) fn due(&self) -> Instant {
        let round = self.round.as_ref().filter(|round| round.view.coordinator == self.me);
        round.map_or(Instant::FAR, |round| round.deadline)
    }

    pub(crate) const fn is_under_way(&self) -> bool {
        self.round.is_some()
    }

    /// How many bytes wait for the end of the sync.
    pub(crate) fn held_bytes(&self) -> usize {
        let held = self.round.iter().flat_map(|round| &round.held);
        held.map(|operation| operation.payload.len()).sum()
    }

    /// Whether this node has that member's part.
    pub(crate) fn knows(&self, member: &MemberId) -> bool {
        self.known.binary_search(member).is_ok()
    }

    /// The nodes whose part this node has, sorted.
    pub(crate) fn known_nodes(&self) -> Vec<NodeId> {
        self.known.iter().map(|member| member.node).collect()
    }

    /// Whether the node is a member of the view, and this node has its part.
    pub(crate) fn may_list(&self, node: NodeId) -> bool {
        let among = |members: &[MemberId]| {
            members.binary_search_by_key(&node, |member| member.node).is_ok()
        };
        among(&self.members) && among(&self.known)
    }
}
