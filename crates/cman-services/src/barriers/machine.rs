//! All barriers, as a function of what is delivered: operations, lost nodes, the ends of syncs.

use super::{
    claims::{BarrierClaim, Claims},
    codec::{self, Operation, Part},
    local::Local,
};
use crate::{output::Out, reader::Malformed, service::Service};
use bytes::Bytes;
use cman_types::{BarrierName, MemberId, NodeId};
use std::collections::{BTreeMap, VecDeque};

/// All barriers. The claims are the same at all nodes that are in step; the rest is of this node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Barriers {
    pub(super) me: NodeId,
    /// The nodes that are in step with this one, ascending.
    members: Vec<NodeId>,
    /// Whether these are all members of the view: only then a barrier completes (BR-11).
    in_step: bool,
    pub(super) claims: Claims,
    /// What clients of this node have to do with: wherever this node has a claim, and more.
    pub(super) locals: BTreeMap<BarrierName, Local>,
    /// How many operations this node sent: the number of the last one.
    pub(super) sent: u64,
}

impl Barriers {
    pub(crate) const fn new(me: MemberId) -> Self {
        Self {
            me: me.node,
            members: Vec::new(),
            in_step: false,
            claims: Claims::none(),
            locals: BTreeMap::new(),
            sent: 0,
        }
    }

    /// All claims, by name and node.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&BarrierName, NodeId, &BarrierClaim)> {
        self.claims.all()
    }

    /// All members of the view are in step: barriers may be complete that were not before.
    pub(crate) fn on_ready(&mut self, members: &[NodeId], out: &mut VecDeque<Out>) {
        self.members = members.to_vec();
        self.in_step = true;
        let names: Vec<BarrierName> = self.claims.names().cloned().collect();
        for name in names {
            self.complete(&name, out);
        }
        self.advance_all(out);
    }

    /// BR-10.
    fn complete(&mut self, name: &BarrierName, out: &mut VecDeque<Out>) {
        if !self.in_step {
            return;
        }
        while let Some(nodes) = self.claims.complete(name, &self.members) {
            let ended = self.claims.end(name, nodes);
            if let Some(local) = self.locals.get_mut(name)
                && ended.contains(&self.me)
            {
                local.completed(out);
            }
        }
    }

    /// An operation of this node was delivered.
    fn own(&mut self, operation: &Operation, possible: bool, out: &mut VecDeque<Out>) {
        let Some(local) = self.locals.get_mut(&operation.name) else { return };
        let running = local.running.take_if(|running| running.number == operation.number);
        if let Some(running) = running {
            local.finish(running.job, possible, out);
        }
    }
}

impl Service for Barriers {
    const ID: u8 = 3;

    type Part = Part;

    fn part(&self) -> Part {
        self.claims.part_of(self.me)
    }

    fn encode_part(part: &Part, into: &mut Vec<u8>) {
        codec::encode_part(part, into);
    }

    fn decode_part(bytes: &[u8]) -> Result<Part, Malformed> {
        codec::decode_part(bytes)
    }

    /// BR-12, BR-13. Whether a barrier for all members is complete without those who are lost is
    /// found out when all members of the view are in step.
    fn on_lost(&mut self, kept: &[NodeId], out: &mut VecDeque<Out>) {
        let any_lost = self.members.iter().any(|member| kept.binary_search(member).is_err());
        self.claims.keep(kept);
        self.members = kept.to_vec();
        self.in_step = false;
        if !any_lost {
            return;
        }
        for (name, local) in &mut self.locals {
            if self.claims.of(name, self.me).is_some_and(|claim| claim.nodes > 0) {
                local.node_lost(out);
            }
        }
        self.claims.wake_fixed();
        self.advance_all(out);
    }

    /// BR-14.
    fn on_synced(&mut self, parts: BTreeMap<NodeId, Part>, _out: &mut VecDeque<Out>) {
        self.claims.take_over(parts);
    }

    fn on_operation(&mut self, sender: MemberId, delivered: &Bytes, out: &mut VecDeque<Out>) {
        let Ok(operation) = codec::decode(delivered) else { return };
        let Operation { name, deed, .. } = &operation;
        let possible = self.claims.apply(sender.node, name, *deed);
        if sender.node == self.me {
            self.own(&operation, possible, out);
        }
        self.complete(name, out);
        self.advance(name, out);
    }
}
