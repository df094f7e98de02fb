//! The records of all nodes, as a function of what is delivered, and what clients of this node
//! ask.

use super::{
    AGENT_MAX, FenceError, FenceEvent, FenceRecord, FenceRequest,
    codec::{self, Note, Part},
};
use crate::{
    output::{Out, Session},
    reader::Malformed,
    service::Service,
};
use bytes::Bytes;
use cman_types::{MemberId, NodeId, View, limits::NODES_MAX};
use std::collections::{BTreeMap, VecDeque};

/// All records: the same at all nodes that are in step (FR-01).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Fencing {
    me: NodeId,
    /// The members of the last view, sorted.
    members: Vec<MemberId>,
    records: Part,
    /// Who waits for which of this node's notes.
    asked: BTreeMap<u64, (Session, NodeId)>,
    /// How many notes this node sent: the number of the last one.
    sent: u64,
}

impl Fencing {
    pub(crate) const fn new(me: MemberId) -> Self {
        Self {
            me: me.node,
            members: Vec::new(),
            records: Part::new(),
            asked: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(crate) fn of(&self, node: NodeId) -> Option<&FenceRecord> {
        self.records.get(&node)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (NodeId, &FenceRecord)> {
        self.records.iter().map(|(node, record)| (*node, record))
    }

    /// FR-04: which lives are not in the view any more went down.
    pub(crate) fn on_view(&mut self, view: &View) {
        let members: Vec<MemberId> = view.ids().collect();
        let before = core::mem::replace(&mut self.members, members);
        for gone in before.iter().filter(|member| !view.contains(member)) {
            if let Some(record) = self.records.get_mut(&gone.node) {
                record.went_down();
            }
        }
    }

    /// FR-02.
    pub(crate) fn on_client(
        &mut self,
        session: Session,
        request: FenceRequest,
        out: &mut VecDeque<Out>,
    ) -> Result<(), FenceError> {
        let FenceRequest::Note { node, at, agent } = request;
        if agent.len() > AGENT_MAX {
            return Err(FenceError::AgentTooLong { size: agent.len() });
        }
        self.sent += 1;
        self.asked.insert(self.sent, (session, node));
        let payload = codec::encode(&Note { number: self.sent, node, at, agent });
        out.push_back(Out::Multicast { payload, safe: false, urgent: false });
        Ok(())
    }

    /// What it reported stays reported.
    pub(crate) fn close_session(&mut self, session: Session) {
        self.asked.retain(|_, (who, _)| *who != session);
    }

    /// FR-03.
    fn note(&mut self, note: &Note) {
        let known = self.records.contains_key(&note.node);
        if !known && self.records.len() >= NODES_MAX {
            return;
        }
        let while_up = self.members.iter().any(|member| member.node == note.node);
        let (at, agent) = (note.at, note.agent.clone());
        self.records.insert(note.node, FenceRecord { at, agent, fenced: true, while_up });
    }
}

impl Service for Fencing {
    const ID: u8 = 4;

    type Part = Part;

    /// What one knows of all, not only of itself: those it is about cannot say it.
    fn part(&self) -> Part {
        self.records.clone()
    }

    fn encode_part(part: &Part, into: &mut Vec<u8>) {
        codec::encode_part(part, into);
    }

    fn decode_part(bytes: &[u8]) -> Result<Part, Malformed> {
        codec::decode_part(bytes)
    }

    /// Records are kept, whoever is lost; see [`Self::on_view`].
    fn on_lost(&mut self, _kept: &[NodeId], _out: &mut VecDeque<Out>) {}

    /// FR-05.
    fn on_synced(&mut self, parts: BTreeMap<NodeId, Part>, _out: &mut VecDeque<Out>) {
        let mut records = Part::new();
        for (node, record) in parts.into_values().flatten() {
            let stands = match records.remove(&node) {
                Some(other) => record.or_newer(other),
                None => record,
            };
            records.insert(node, stands);
        }
        // All cut alike.
        while records.len() > NODES_MAX {
            records.pop_last();
        }
        self.records = records;
    }

    fn on_operation(&mut self, sender: MemberId, delivered: &Bytes, out: &mut VecDeque<Out>) {
        let Ok(note) = codec::decode(delivered) else { return };
        self.note(&note);
        if sender.node == self.me
            && let Some((session, node)) = self.asked.remove(&note.number)
        {
            let event = FenceEvent::Noted { node };
            out.push_back(Out::Client { session, event: event.into() });
        }
    }
}
