//! What must hold between several values.

use crate::{
    code::Code,
    config::{Transport, comparable},
    diagnostic::Findings,
    read::{Cman, NodeRead},
    source::shown,
    value::{attribute, child, tag_span},
};
use cman_types::limits::NODES_MAX;
use core::{net::IpAddr, ops::Range};
use roxmltree::{Attribute, Node};
use std::collections::BTreeMap;

/// Checks everything that takes more than one value to see.
pub(crate) fn check(cman: &Cman<'_, '_>, nodes: &[NodeRead<'_, '_>], findings: &mut Findings<'_>) {
    node_count(nodes, findings);
    unique_ids(nodes, findings);
    unique_names(nodes, findings);
    if let Some(element) = cman.element {
        transport(cman, element, findings);
        address_families(cman, element, nodes, findings);
        encryption(cman, element, findings);
    }
    let Some(votes) = nodes.iter().map(|node| node.votes).collect::<Option<Vec<u32>>>() else {
        return;
    };
    match (cman.element, cman.two_node) {
        (Some(element), Some(true)) => two_node(cman, element, nodes, findings),
        // Not readable: what the author wants is not known.
        (Some(element), None) if attribute(element, "two_node").is_some() => {}
        _ => votes_make_majorities(cman, nodes, &votes, findings),
    }
}

/// Where the value of this attribute stands, or the element if it has none.
fn span_of(element: Node<'_, '_>, name: &str) -> Range<usize> {
    attribute(element, name).map_or_else(|| tag_span(element), |attribute| attribute.range_value())
}

fn node_count(nodes: &[NodeRead<'_, '_>], findings: &mut Findings<'_>) {
    if let Some(first_too_many) = nodes.get(NODES_MAX) {
        let count = nodes.len();
        let message = format!("the cluster has {count} nodes, expected at most {NODES_MAX}");
        let help = "make several clusters of them";
        findings.report(Code::TooManyNodes, tag_span(first_too_many.element), message, help);
    }
}

fn unique_ids(nodes: &[NodeRead<'_, '_>], findings: &mut Findings<'_>) {
    let mut owners = BTreeMap::new();
    for node in nodes {
        let Some(id) = node.id else { continue };
        let Some(owner) = owners.insert(id, node) else { continue };
        let line = findings.line_of(owner.element.range().start);
        findings.report_with(Code::RepeatedNodeId, span_of(node.element, "nodeid"), || {
            let message = format!("the node id {id} is that of the node on line {line} already");
            let help = format!("give it one of its own, such as nodeid=\"{}\"", free_id(nodes));
            (message, help)
        });
    }
}

/// The smallest node id that no node has.
fn free_id(nodes: &[NodeRead<'_, '_>]) -> u32 {
    let mut taken: Vec<u32> = nodes.iter().filter_map(|node| node.id).map(|id| id.get()).collect();
    taken.sort_unstable();
    taken.dedup();
    (1..).zip(&taken).find(|(free, taken)| free != *taken).map_or_else(
        || u32::try_from(taken.len()).unwrap_or(u32::MAX).saturating_add(1),
        |(free, _)| free,
    )
}

fn unique_names(nodes: &[NodeRead<'_, '_>], findings: &mut Findings<'_>) {
    let mut owners = BTreeMap::new();
    for node in nodes {
        let Some(name) = node.name else { continue };
        let Some(owner) = owners.insert(comparable(name), node) else { continue };
        let line = findings.line_of(owner.element.range().start);
        let name = shown(name);
        let message = format!("the name \"{name}\" is that of the node on line {line} already");
        let help = "remove this `<clusternode>`, or correct its name; capitals do not count";
        let span = span_of(node.element, "name");
        findings.report(Code::RepeatedNodeName, span, message, help);
    }
}

fn transport(cman: &Cman<'_, '_>, element: Node<'_, '_>, findings: &mut Findings<'_>) {
    if cman.transport == Some(Transport::Unicast)
        && let Some(multicast) = child(element, "multicast")
    {
        let message = "the multicast address is not used with transport=\"udpu\"";
        let help = "remove `<multicast>`, or write transport=\"udp\"";
        findings.report(Code::MulticastUnused, span_of(multicast, "addr"), message, help);
    }
}

/// The nodes named by an address must be of the family of the multicast address.
fn address_families(
    cman: &Cman<'_, '_>,
    element: Node<'_, '_>,
    nodes: &[NodeRead<'_, '_>],
    findings: &mut Findings<'_>,
) {
    let Some(multicast) = cman.multicast else { return };
    let family = |address: IpAddr| if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let addresses = nodes.iter().filter_map(|node| node.name?.parse::<IpAddr>().ok());
    let other = addresses.into_iter().find(|node| node.is_ipv4() != multicast.is_ipv4());
    if let (Some(other), Some(at)) = (other, child(element, "multicast")) {
        let (family, other_family) = (family(multicast), family(other));
        let message = format!(
            "the multicast address is an {family} address, but the node \"{other}\" has an \
             {other_family} address"
        );
        let help = format!(
            "write an {other_family} multicast address, or remove `<multicast>` for the default"
        );
        findings.report(Code::FamilyMismatch, span_of(at, "addr"), message, help);
    }
}

fn encryption(cman: &Cman<'_, '_>, element: Node<'_, '_>, findings: &mut Findings<'_>) {
    if cman.encryption == Some(false) && cman.keyfile.is_some() {
        let message = "the key is not used with encryption=\"off\"";
        let help = "remove `keyfile`, or `encryption` to have datagrams encrypted";
        findings.report(Code::KeyfileUnused, span_of(element, "keyfile"), message, help);
    }
}

/// `two_node` lets each of two nodes go on alone; with any other number of nodes or votes it would
/// let parts of the cluster go on side by side.
fn two_node(
    cman: &Cman<'_, '_>,
    element: Node<'_, '_>,
    nodes: &[NodeRead<'_, '_>],
    findings: &mut Findings<'_>,
) {
    if nodes.len() != 2 {
        let count = nodes.len();
        let message = format!("`two_node` with {count} nodes, expected exactly 2");
        let help = "remove `two_node` and `expected_votes`";
        findings.report(Code::TwoNodeMisused, span_of(element, "two_node"), message, help);
    }
    for node in nodes {
        let Some(votes) = node.votes.filter(|&votes| votes != 1) else { continue };
        let message = format!("`two_node` with a node of {votes} votes, expected 1 vote");
        let help = "remove `votes`, or `two_node`";
        findings.report(Code::TwoNodeMisused, span_of(node.element, "votes"), message, help);
    }
    if let Some(expected) = cman.expected_votes.filter(|&expected| expected != 1) {
        let message = format!("`two_node` with `expected_votes` {expected}, expected 1");
        let help = "write expected_votes=\"1\", or leave it out, or remove `two_node`";
        let span = span_of(element, "expected_votes");
        findings.report(Code::TwoNodeMisused, span, message, help);
    }
    if cman.wait_for_all == Some(false) {
        let message = "without `wait_for_all`, each of two nodes that start apart from each other \
                       is quorate alone";
        let help = "remove wait_for_all=\"0\", unless something else keeps both from acting";
        findings.report(Code::WaitForAllOff, span_of(element, "wait_for_all"), message, help);
    }
}

/// Expected votes must make a majority of all votes, so that two parts never both have quorum.
fn votes_make_majorities(
    cman: &Cman<'_, '_>,
    nodes: &[NodeRead<'_, '_>],
    votes: &[u32],
    findings: &mut Findings<'_>,
) {
    // Without nodes there is nothing to compare with; that is reported elsewhere.
    let Some(first) = nodes.first() else { return };
    let sum: u64 = votes.iter().copied().map(u64::from).sum();
    if sum == 0 {
        let message = "no node has a vote, so the cluster could never be quorate";
        let help = "write votes=\"1\" for at least one node, or leave `votes` out";
        findings.report(Code::NoVotes, span_of(first.element, "votes"), message, help);
        return;
    }
    let (Some(element), Some(expected)) = (cman.element, cman.expected_votes) else { return };
    let expected = u64::from(expected);
    let needed = expected / 2 + 1;
    let span = span_of(element, "expected_votes");
    let leave_out = format!("leave `expected_votes` out, or write expected_votes=\"{sum}\"");
    let message = format!("`expected_votes` is {expected}, but the nodes have {sum} votes");
    if needed * 2 <= sum {
        let message = format!("{message}: two parts with {needed} each would both be quorate");
        let help = if nodes.len() == 2 {
            format!("{leave_out}; for one of two nodes to go on alone, write two_node=\"1\"")
        } else {
            leave_out
        };
        findings.report(Code::SplitPossible, span, message, help);
    } else if expected < sum {
        findings.report(Code::ExpectedBelowSum, span, message, leave_out);
    } else if needed > sum {
        let message = format!("{message}, fewer than the {needed} that quorum takes");
        findings.report(Code::NeverQuorate, span, message, leave_out);
    }
}

/// Whether what is sent to this multicast address may leave the machine.
pub(crate) fn leaves_the_machine(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => true,
        // The scope is the low half of the second byte: 0 is reserved, 1 never leaves the machine.
        IpAddr::V6(v6) => !v6.is_multicast() || v6.segments().first().is_some_and(|s| s & 0xf >= 2),
    }
}

/// Whether an address can be used for multicast; reported if not, or if it should not.
pub(crate) fn multicast_address(
    address: IpAddr,
    help: &str,
    attribute: &Attribute<'_, '_>,
    findings: &mut Findings<'_>,
) -> bool {
    let span = attribute.range_value();
    let confined = !leaves_the_machine(address);
    if !address.is_multicast() || confined {
        let what = if confined { "never leaves the machine" } else { "is no multicast address" };
        let expected = "expected one of 224.0.0.0/4 or ff00::/8";
        let message = format!("{address} {what}, {expected}");
        findings.report(Code::NotMulticast, span, message, help);
        return false;
    }
    if let IpAddr::V4(v4) = address
        && let [224, 0, 0, _] = v4.octets()
    {
        let message = format!("{address} is one of 224.0.0.0/24, which routing protocols use");
        findings.report(Code::MulticastReserved, span, message, help);
    }
    true
}
