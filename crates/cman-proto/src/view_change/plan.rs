//! Pure functions of the answers to a proposal: which members are behind, and how the last views
//! end.

use cman_quorum::VoteRules;
use cman_types::{Amendment, Basis, Member, MemberId, NodeId, NodeSet, ViewId};
use cman_wire::{
    Frame, MESSAGE_MAX, codec,
    frame::{Flush, Lineage, Plan, Propose, Recover},
};
use core::time::Duration;
use std::collections::BTreeMap;

use crate::{messages::sequences, phase::Pending};

/// Members that must first install a view that was half installed, and which: one that they
/// confirmed and that another member of this ballot installed; or one whose coordinator is gone
/// and that all its members in this ballot confirmed, so that its coordinator may have installed
/// it alone.
pub(super) fn completion(
    me: MemberId,
    flushes: &BTreeMap<MemberId, Flush>,
    own_pending: &[Pending],
    members: &[Member],
) -> Vec<(MemberId, ViewId)> {
    let installed = |view: ViewId| flushes.values().any(|flush| flush.origin == Some(view));
    let behind: Vec<(MemberId, ViewId)> = flushes
        .iter()
        .filter_map(|(&member, flush)| {
            let view = flush.pending.iter().copied().filter(|&view| installed(view)).max()?;
            Some((member, view))
        })
        .collect();
    if !behind.is_empty() {
        return behind;
    }
    confirmed_by_all(me, flushes, own_pending, members)
}

fn confirmed_by_all(
    me: MemberId,
    flushes: &BTreeMap<MemberId, Flush>,
    own_pending: &[Pending],
    members: &[Member],
) -> Vec<(MemberId, ViewId)> {
    let stays = |pending: &&Pending| !pending.propose.departing.contains(me.node);
    let complete = |pending: &Pending| {
        let propose = &pending.propose;
        let view = propose.ballot;
        if members.iter().any(|member| member.id == view.coordinator) {
            return None;
        }
        let here: Vec<MemberId> = propose
            .members
            .iter()
            .map(|member| member.id)
            .filter(|id| flushes.contains_key(id) && !propose.departing.contains(id.node))
            .collect();
        let confirmed = |id: &MemberId| flushes.get(id).is_some_and(|f| f.pending.contains(&view));
        let all = here.iter().all(confirmed);
        all.then(|| here.into_iter().map(|id| (id, view)).collect::<Vec<_>>())
    };
    let mut pending: Vec<&Pending> = own_pending.iter().filter(stays).collect();
    pending.sort_unstable_by_key(|pending| core::cmp::Reverse(pending.propose.ballot));
    pending.into_iter().find_map(complete).unwrap_or_default()
}

/// How the last views end, and what votes are counted on.
pub(super) fn build_plan(
    rules: &VoteRules,
    propose: &Propose,
    flushes: &BTreeMap<MemberId, Flush>,
) -> Plan {
    let mut lineages: BTreeMap<Option<ViewId>, (NodeSet, BTreeMap<NodeId, Duration>)> =
        BTreeMap::new();
    for (member, flush) in flushes {
        let (members, leases) = lineages.entry(flush.origin).or_default();
        members.insert(member.node);
        for &(node, left) in &flush.hub_leases {
            let longest = leases.entry(node).or_default();
            *longest = (*longest).max(left);
        }
    }
    let lineages = lineages
        .into_iter()
        .map(|(origin, (members, leases))| {
            let (sequence, stable) =
                origin.map_or_else(Default::default, |origin| sequences(flushes, origin));
            Lineage { origin, members, leases: leases.into_iter().collect(), stable, sequence }
        })
        .collect();
    let basis = merged_basis(rules, propose, flushes);
    // An administrator who says what is expected knows better than former lives.
    let told = matches!(propose.amending, Some(Amendment::Expected { .. }));
    Plan {
        forgotten: !told && flushes.values().any(|flush| flush.knew > basis.epoch),
        basis,
        not_readmitted: flushes
            .iter()
            .filter(|(_, flush)| flush.removed_self)
            .map(|(member, _)| member.node)
            .filter(|&node| !propose.departing.contains(node))
            .collect(),
        fresh: flushes
            .iter()
            .filter(|(_, flush)| flush.fresh && !told)
            .map(|(member, _)| member.node)
            .collect(),
        promised: longest_promise(flushes),
        lineages,
    }
}

/// What stands around a frame in a relay, and in front of its body.
const AROUND: usize = 128;

/// The frames that tell a plan: the whole plan in one, or if that is too long for a message, one
/// for each lineage. A member needs to know of no other lineage than its own.
pub(super) fn tell(ballot: ViewId, plan: &Plan) -> Vec<Recover> {
    let whole = Recover { ballot, plan: plan.clone() };
    if fits(&whole) {
        return vec![whole];
    }
    let Plan { basis, not_readmitted, fresh, forgotten, promised, lineages } = whole.plan;
    let of = |lineage| Plan {
        basis: basis.clone(),
        not_readmitted: not_readmitted.clone(),
        fresh: fresh.clone(),
        forgotten,
        promised,
        lineages: vec![lineage],
    };
    lineages.into_iter().map(|lineage| Recover { ballot, plan: of(lineage) }).collect()
}

fn fits(recover: &Recover) -> bool {
    let mut bytes = Vec::new();
    codec::encode(&Frame::Recover(recover.clone()), &mut bytes);
    bytes.len() <= MESSAGE_MAX - AROUND
}

/// Whether the frame tells this node what it needs.
pub(super) fn tells(recover: &Recover, node: NodeId) -> bool {
    recover.plan.lineages.iter().any(|lineage| lineage.members.contains(node))
}

/// The longest promise of any member to a hub that does not come along from the same view, and so
/// does not vouch for the leases it gave out. R-85.
fn longest_promise(flushes: &BTreeMap<MemberId, Flush>) -> Duration {
    let origins: BTreeMap<NodeId, Option<ViewId>> =
        flushes.iter().map(|(member, flush)| (member.node, flush.origin)).collect();
    let unvouched = |flush: &Flush, hub: &NodeId| origins.get(hub) != Some(&flush.origin);
    flushes
        .values()
        .flat_map(|flush| {
            flush.promised.iter().filter(|(hub, _)| unvouched(flush, hub)).map(|&(_, left)| left)
        })
        .max()
        .unwrap_or_default()
}

/// The newest basis wins: any two quorums that follow each other share a member that granted in
/// both, and its basis is the newest..
fn merged_basis(
    rules: &VoteRules,
    propose: &Propose,
    flushes: &BTreeMap<MemberId, Flush>,
) -> Basis {
    let newest = flushes.values().map(|flush| &flush.basis).max_by_key(|basis| basis.epoch);
    let mut basis = newest.cloned().unwrap_or_default();
    basis.removed.extend(propose.removing.iter());
    match propose.amending {
        Some(amendment) => rules.amend(&basis, amendment),
        None => basis,
    }
}

#[cfg(test)]
mod tests;
