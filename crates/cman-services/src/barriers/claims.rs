//! Which node has registered which barrier, and who has come: alike at all members that are in
//! step (BR-01).

use super::codec::Part;
use cman_types::{BarrierName, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// How many barriers one node has at most (BR-04).
pub(crate) const BARRIERS_MAX: usize = 1024;

/// One node's registration of a barrier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BarrierClaim {
    /// How many nodes are waited for; 0: all members.
    pub nodes: u32,
    /// Whether the node has come without waiting.
    pub enabled: bool,
    /// Whether a client of it waits.
    pub waiting: bool,
}

impl BarrierClaim {
    /// Whether the node has come (BR-03).
    #[must_use]
    pub const fn has_come(&self) -> bool {
        self.enabled || self.waiting
    }
}

/// What a node does to its own claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    /// It registers the barrier, or once more.
    Claim { nodes: u32, enable: bool },
    /// It has come.
    Enable,
    /// A client waits.
    Wait,
    /// No client waits any more.
    Back,
    /// It has nothing to do with the barrier any more.
    Leave,
    /// It waits for another number of nodes.
    Nodes(u32),
}

/// The claims of all nodes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Claims {
    /// No barrier is without a claim.
    by_name: BTreeMap<BarrierName, BTreeMap<NodeId, BarrierClaim>>,
}

impl Claims {
    pub(crate) const fn none() -> Self {
        Self { by_name: BTreeMap::new() }
    }

    pub(crate) fn of(&self, name: &BarrierName, node: NodeId) -> Option<&BarrierClaim> {
        self.by_name.get(name)?.get(&node)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &BarrierName> {
        self.by_name.keys()
    }

    /// All of them, by name and node.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&BarrierName, NodeId, &BarrierClaim)> {
        self.by_name
            .iter()
            .flat_map(|(name, claims)| claims.iter().map(move |(node, claim)| (name, *node, claim)))
    }

    /// BR-06 to BR-09. Whether it was possible; nothing has changed if not.
    pub(crate) fn apply(&mut self, node: NodeId, name: &BarrierName, deed: Deed) -> bool {
        match deed {
            Deed::Claim { nodes, enable } => self.claim(node, name, nodes, enable),
            Deed::Enable => self.alter(node, name, |claim| claim.enabled = true),
            Deed::Wait => self.alter(node, name, |claim| claim.waiting = true),
            Deed::Back => self.alter(node, name, |claim| claim.waiting = false),
            Deed::Leave => self.remove(node, name),
            Deed::Nodes(nodes) => {
                let stays = self.of(name, node).is_some_and(|claim| !claim.has_come());
                stays && self.alter(node, name, |claim| claim.nodes = nodes)
            }
        }
    }

    /// BR-06: only with the number of nodes that others wait for, too.
    fn claim(&mut self, node: NodeId, name: &BarrierName, nodes: u32, enable: bool) -> bool {
        if let Some(own) = self.of(name, node) {
            return own.nodes == nodes && self.alter(node, name, |claim| claim.enabled |= enable);
        }
        let others = self.by_name.get(name).into_iter().flat_map(BTreeMap::values);
        if others.clone().any(|claim| claim.nodes != nodes) {
            return false;
        }
        let own = self.by_name.values().filter(|claims| claims.contains_key(&node));
        if own.count() >= BARRIERS_MAX {
            return false;
        }
        let claim = BarrierClaim { nodes, enabled: enable, waiting: false };
        self.by_name.entry(name.clone()).or_default().insert(node, claim);
        true
    }

    fn alter(
        &mut self,
        node: NodeId,
        name: &BarrierName,
        how: impl FnOnce(&mut BarrierClaim),
    ) -> bool {
        let claim = self.by_name.get_mut(name).and_then(|claims| claims.get_mut(&node));
        claim.map(how).is_some()
    }

    fn remove(&mut self, node: NodeId, name: &BarrierName) -> bool {
        let Some(claims) = self.by_name.get_mut(name) else { return false };
        let was_there = claims.remove(&node).is_some();
        if claims.is_empty() {
            self.by_name.remove(name);
        }
        was_there
    }

    /// BR-12: who is not kept has no claims.
    pub(crate) fn keep(&mut self, kept: &[NodeId]) {
        self.by_name.retain(|_, claims| {
            claims.retain(|node, _| kept.binary_search(node).is_ok());
            !claims.is_empty()
        });
    }

    /// BR-13: nobody waits any more where a number of nodes is waited for.
    pub(crate) fn wake_fixed(&mut self) {
        let claims = self.by_name.values_mut().flat_map(BTreeMap::values_mut);
        for claim in claims.filter(|claim| claim.nodes > 0) {
            claim.waiting = false;
        }
    }

    /// BR-02, BR-10: for how many nodes the barrier is complete, if it is.
    pub(crate) fn complete(&self, name: &BarrierName, members: &[NodeId]) -> Option<u32> {
        let claims = self.by_name.get(name)?;
        let counts: BTreeSet<u32> = claims.values().map(|claim| claim.nodes).collect();
        counts.into_iter().find(|&nodes| {
            let has_come = |claim: &BarrierClaim| claim.nodes == nodes && claim.has_come();
            if nodes == 0 {
                members.iter().all(|member| claims.get(member).is_some_and(has_come))
            } else {
                let come = claims.values().filter(|claim| has_come(claim)).count();
                u32::try_from(come).is_ok_and(|come| come >= nodes)
            }
        })
    }

    /// The barrier is complete: ends all claims for that number of nodes. Who had one.
    pub(crate) fn end(&mut self, name: &BarrierName, nodes: u32) -> Vec<NodeId> {
        let Some(claims) = self.by_name.get_mut(name) else { return Vec::new() };
        let of_barrier =
            |(node, claim): (&NodeId, &BarrierClaim)| (claim.nodes == nodes).then_some(*node);
        let ended = claims.iter().filter_map(of_barrier).collect();
        claims.retain(|_, claim| claim.nodes != nodes);
        if claims.is_empty() {
            self.by_name.remove(name);
        }
        ended
    }

    /// What one node has to say of itself.
    pub(crate) fn part_of(&self, node: NodeId) -> Part {
        let of_node = |(name, claims): (&BarrierName, &BTreeMap<NodeId, BarrierClaim>)| {
            claims.get(&node).map(|claim| (name.clone(), *claim))
        };
        self.by_name.iter().filter_map(of_node).collect()
    }

    /// BR-14: the claims are those that each says it has.
    pub(crate) fn take_over(&mut self, parts: BTreeMap<NodeId, Part>) {
        self.by_name.clear();
        for (node, part) in parts {
            for (name, claim) in part {
                self.by_name.entry(name).or_default().insert(node, claim);
            }
        }
    }
}
