//! Sentences for operators: one place where events become words.

use crate::gate::{Stranger, StrangerKind, StrangerNotice};
use cman_proto::event::{Notice, Refusal, ViewChange};
use cman_quorum::ViewVotes;
use cman_types::{Amendment, NodeId, NodeSet, Span};
use cman_wire::frame::{Change, Reason, RefuseReason};

/// The evidence for one change, as a fragment.
pub(crate) fn evidence(change: &Change) -> String {
    let Change { node, reason, witness, silent } = change;
    match reason {
        Reason::Joined => format!("answered the probe of node {witness}"),
        // It may have been lost before, or be seen for the first time.
        Reason::Merged => format!("not in this node's view before, found by node {witness}"),
        Reason::Silent => format!("silent for {} ms, found by node {witness}", silent.as_millis()),
        Reason::Unresponsive => format!("did not answer the proposal of node {witness} in time"),
        Reason::Left => "said so itself".to_owned(),
        Reason::Removed => "said so itself, and gave up its votes".to_owned(),
        Reason::Killed => format!("by an administrator on node {witness}"),
        Reason::Restarted => format!("a new life of node {node} answers at the same address"),
        Reason::Parted => format!("is in another view, or not reached, as node {witness} found"),
        Reason::Lagging => format!(
            "fell behind with the messages further than node {witness} can keep them for it"
        ),
    }
}

/// Whether the node was lost: it went without having ended.
const fn is_loss(reason: Reason) -> bool {
    matches!(reason, Reason::Silent | Reason::Unresponsive | Reason::Parted | Reason::Lagging)
}

/// What happened to one node, as a clause. A node that was lost may be a member: this node was in
/// no view with it meanwhile, for example because it was stopped itself.
fn clause(change: &Change, is_member: bool) -> String {
    let node = change.node;
    if is_member && is_loss(change.reason) {
        return format!(
            "node {node} is together with this node again (not in one view with it meanwhile, as \
             node {} found)",
            change.witness
        );
    }
    let verb = match change.reason {
        Reason::Joined => "joined",
        Reason::Merged => "merged",
        Reason::Silent => "was put out",
        Reason::Unresponsive => "was left out",
        Reason::Left => "left",
        Reason::Removed => "was removed",
        Reason::Killed => "was killed",
        Reason::Restarted => "restarted",
        Reason::Parted => "parted",
        Reason::Lagging => "was put out",
    };
    format!("node {node} {verb} ({})", evidence(change))
}

/// One paragraph about a view change.
pub(crate) fn view(change: &ViewChange) -> String {
    let view = &change.view;
    let nodes: NodeSet = view.nodes().collect();
    let members = list(&nodes);
    let coordinator = view.id.coordinator.node;
    let why = if let Some(amendment) = change.amending {
        amended(amendment)
    } else if change.changes.is_empty() {
        "nobody came or went".to_owned()
    } else {
        let clause = |one: &Change| clause(one, nodes.contains(one.node));
        let shown: Vec<String> = change.changes.iter().take(8).map(clause).collect();
        let more = change.changes.len().saturating_sub(shown.len());
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{}{rest}", shown.join("; "))
    };
    format!(
        "view {} installed: members {members}; coordinator {coordinator}; {why}; \
         answers took {} ms, recovery {} ms",
        view.id.epoch,
        change.flush.as_millis(),
        change.recover.as_millis(),
    )
}

/// What an administrator changed.
pub(crate) fn amended(amendment: Amendment) -> String {
    match amendment {
        Amendment::Votes { node, votes } => {
            format!("node {node} has {votes} votes from now on, by an administrator")
        }
        Amendment::Expected { votes } => {
            format!("{votes} votes are expected from now on, by an administrator")
        }
    }
}

/// Node ids, with runs shortened.
fn list(nodes: &NodeSet) -> String {
    let run = |&(from, to): &(u32, u32)| match to - from {
        0 => from.to_string(),
        1 => format!("{from},{to}"),
        _ => format!("{from}-{to}"),
    };
    nodes.ranges().iter().map(run).collect::<Vec<_>>().join(",")
}

/// What decides whether a node may act.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing<'a> {
    /// Whether it may.
    pub(crate) quorate: bool,
    /// Whether it is in a view, and not looking for one.
    pub(crate) in_view: bool,
    /// Whether it has left or is about to.
    pub(crate) leaves: bool,
    /// The votes of its view.
    pub(crate) votes: &'a ViewVotes,
}

/// Why a node may act or not, as a clause.
pub(crate) fn why(standing: &Standing<'_>) -> String {
    let ViewVotes { present, expected, needed, device, .. } = standing.votes;
    let are = |votes: u32| if votes == 1 { "is" } else { "are" };
    let of_device = match device {
        0 => String::new(),
        votes => format!(
            " ({votes} of the quorum device of this node, which no promise of quorum covers)"
        ),
    };
    let count = format!(
        "{present} of {expected} expected votes {} here{of_device}, {needed} {} needed",
        are(*present),
        are(*needed)
    );
    if standing.quorate {
        count
    } else if standing.leaves {
        "this node leaves the cluster".to_owned()
    } else if !standing.in_view {
        "this node is in no view, and looks for the others".to_owned()
    } else if standing.votes.waiting_for_all {
        "waiting for all nodes to be seen once (wait_for_all)".to_owned()
    } else if standing.votes.forgotten {
        "a node was given more votes while the cluster ran, and nobody here knows how many: \
         waiting for one that does, for all nodes, or for `cman_tool expected -e`"
            .to_owned()
    } else if present < needed {
        count
    } else if standing.votes.eligible {
        format!("{count}, but not enough members confirmed them in time")
    } else {
        format!("{count}, but not of nodes that have left with `remove` and come back")
    }
}

/// One sentence about votes that are counted in another way, with the same outcome.
pub(crate) fn recount(standing: &Standing<'_>) -> String {
    let outcome = if standing.quorate { "quorum stays" } else { "no quorum still" };
    format!("votes counted anew: {}; {outcome}", why(standing))
}

/// One sentence about quorum that was gained or lost.
pub(crate) fn quorum(standing: &Standing<'_>) -> String {
    let why = why(standing);
    if standing.quorate {
        format!("quorum gained: {why}; services may act")
    } else {
        let what = if standing.leaves { "quorum given up" } else { "quorum lost" };
        format!("{what}: {why}; services here must not act")
    }
}

/// One sentence about a refusal, from the side of whoever reads it.
pub(crate) fn refusal(refusal: &Refusal, me: NodeId) -> String {
    let Refusal { by, node, reason, ours, theirs, other } = refusal;
    let (who, whom) = if *by == me {
        (format!("this node refuses node {node}"), format!("node {node}"))
    } else {
        (format!("node {by} refuses this node"), "this node".to_owned())
    };
    match reason {
        RefuseReason::DuplicateNode => format!(
            "{who}: node id {node} is in use by a living node at {}; give each node its own \
             nodeid in cluster.conf, or stop the other one",
            other.map_or_else(|| "another address".to_owned(), |at| at.to_string())
        ),
        RefuseReason::NotConfigured => format!(
            "{who}: node id {node} is not in the configuration of node {by} (version {ours}); add \
             it there, raise config_version and give the file to every node"
        ),
        RefuseReason::ConfigOlder => format!(
            "{who}: {whom} has config_version {theirs}, the cluster has {ours}; copy the \
             cluster's cluster.conf to {whom} and start it again"
        ),
        RefuseReason::ConfigNewer => format!(
            "{who}: {whom} has config_version {theirs}, the cluster has {ours}; bring the newer \
             cluster.conf to the cluster's members first, or the older one to {whom}"
        ),
        RefuseReason::OtherCluster => format!(
            "{who}: {whom} has cluster id {theirs}, the cluster has {ours}; check the cluster's \
             name and cluster_id in cluster.conf"
        ),
        RefuseReason::WireVersion => format!(
            "{who}: {whom} speaks wire versions up to {theirs}, the cluster up to {ours}, and \
             they have none in common; bring both to neighbouring releases"
        ),
        RefuseReason::HeldOff => format!(
            "{who} for a while: it was lost again soon after it was taken in; look for what makes \
             {whom} fall silent (load, network, a stopped machine)"
        ),
        RefuseReason::Disallowed if *by == me => format!(
            "node {node} is disallowed, and killed: its part of the cluster carries state and was \
             away while the others went on; its clean nodes may come, the others after a restart"
        ),
        RefuseReason::Disallowed => format!(
            "killed, because this node carries state and was away while node {by} and others went \
             on: it must not be merged; reboot this node, or fence it, and then let it join again"
        ),
    }
}

/// One sentence about nodes that spoke without being allowed to.
pub(crate) fn strangers(notice: &StrangerNotice, config_version: u64) -> String {
    let StrangerNotice { kind, named, others } = notice;
    let who = |stranger: &Stranger| match kind {
        StrangerKind::NotConfigured => format!("node {} at {}", stranger.id.node, stranger.address),
        StrangerKind::SameNodeId => format!("a node at {}", stranger.address),
    };
    let mut all = named.iter().map(who).collect::<Vec<_>>().join(", ");
    if *others > 0 {
        all.push_str(&format!(" and {others} more"));
    }
    match kind {
        StrangerKind::NotConfigured => format!(
            "refused, because not in this configuration (version {config_version}): {all}; add \
             what belongs to this cluster to cluster.conf on every node"
        ),
        StrangerKind::SameNodeId => format!(
            "this node's id is used by {all} too; give each node its own nodeid in cluster.conf"
        ),
    }
}

/// One sentence about a notice, and whether it needs attention.
pub(crate) fn notice(notice: &Notice, me: NodeId) -> (bool, String) {
    let text = match notice {
        Notice::Refusing(told) | Notice::Refused(told) => return (true, refusal(told, me)),
        Notice::Stalled(late) => format!(
            "this node was stopped for {}; it suspects nobody for what it missed (look for CPU \
             starvation, swapping or a paused virtual machine)",
            Span(*late)
        ),
        Notice::CoordinatorLost(node) => {
            format!("lost touch with coordinator {node}; looking for another view")
        }
        Notice::Acting(node) => {
            return (
                false,
                format!("coordinator {node} is silent; this node hands out leases in its place"),
            );
        }
        Notice::Disallowing(node) => format!(
            "node {node} is disallowed: its part of the cluster and this one were apart, carry \
             state both, and neither holds quorum; decide which one goes on, and fence or reboot \
             the nodes of the other"
        ),
        Notice::MulticastDead(node) => format!(
            "node {node} hears this node's unicast but not its multicast; going on by unicast \
             (multicast not passing: IGMP snooping without a querier?)"
        ),
        Notice::HeldOff(node, left) => format!(
            "node {node} is held off for {}: it was lost again soon after it was taken in",
            Span(*left)
        ),
        Notice::AboveCeiling(epoch) => format!(
            "epoch {epoch} is used before it is on disk: the state directory is slow or failing; \
             view changes do not wait for it"
        ),
        Notice::VotesStay => "this node leaves, but its votes stay expected: the state directory \
                              did not take the note that it gives them up; see to its disk, start \
                              the node and leave with `remove` again"
            .to_owned(),
    };
    (true, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::{Epoch, Incarnation, Member, MemberId, Salt, View, ViewId};
    use core::time::Duration;

    fn standing(votes: &ViewVotes) -> Standing<'_> {
        Standing { quorate: false, in_view: true, leaves: false, votes }
    }

    #[test]
    fn a_node_that_was_never_there_does_not_come_back() {
        let node = NodeId::new(4).unwrap();
        let change = Change { node, reason: Reason::Merged, witness: node, silent: Duration::ZERO };
        let said = clause(&change, true);
        assert_eq!(said, "node 4 merged (not in this node's view before, found by node 4)");
    }

    /// A coordinator that was stopped finds the others in a view of their own, and comes to them.
    #[test]
    fn a_member_of_the_view_has_not_parted() {
        let member = |node: u32| {
            let node = NodeId::new(node).unwrap();
            let id = MemberId { node, incarnation: Incarnation(7), salt: Salt([0; 16]) };
            Member { id, address: "10.0.0.1:5405".parse().unwrap() }
        };
        let members = vec![member(1), member(2)];
        let id = ViewId { epoch: Epoch(9), coordinator: members[1].id };
        let witness = members[1].id.node;
        let parted = |node: u32| {
            let node = NodeId::new(node).unwrap();
            Change { node, reason: Reason::Parted, witness, silent: Duration::ZERO }
        };
        let said = view(&ViewChange {
            view: View { id, members },
            wire_version: 1,
            transitional: Vec::new(),
            joined: Vec::new(),
            left: Vec::new(),
            changes: vec![parted(2), parted(3)],
            amending: None,
            flush: Duration::ZERO,
            recover: Duration::ZERO,
        });
        let again = "members 1,2; coordinator 2; node 2 is together with this node again (not in \
                     one view with it meanwhile, as node 2 found); node 3 parted (";
        assert!(said.contains(again), "{said}");
    }

    #[test]
    fn quorum_is_explained_by_the_votes_of_the_view() {
        let mut votes = ViewVotes { present: 1, expected: 2, needed: 2, ..ViewVotes::default() };
        let lost = "quorum lost: 1 of 2 expected votes is here, 2 are needed; services here must \
                    not act";
        assert_eq!(quorum(&standing(&votes)), lost);
        votes.present = 2;
        let said = why(&standing(&votes));
        assert!(said.contains("left with `remove`"), "{said}");
        votes.eligible = true;
        let said = why(&standing(&votes));
        assert!(said.contains("confirmed them in time"), "{said}");
        let quorate = Standing { quorate: true, ..standing(&votes) };
        assert_eq!(why(&quorate), "2 of 2 expected votes are here, 2 are needed");
        votes.waiting_for_all = true;
        assert!(why(&standing(&votes)).contains("wait_for_all"));
        let alone = Standing { in_view: false, ..standing(&votes) };
        assert!(why(&alone).contains("in no view"));
        let leaver = Standing { leaves: true, ..standing(&votes) };
        assert!(quorum(&leaver).starts_with("quorum given up: this node leaves"));
    }
}
