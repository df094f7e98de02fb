//! What the node tells, in the words of clients.

use cman_ipc::event::{ChangeReason, ConfigEvent, Event, OtherConfig, ViewEvent};
use cman_node::{self as node, Refusal};
use cman_types::NodeId;
use cman_wire::frame::{Reason, RefuseReason};

/// The event of a view.
pub(crate) fn view(event: &node::ViewEvent) -> ViewEvent {
    let node::ViewEvent { view, transitional, joined, left, reasons, text, .. } = event;
    ViewEvent {
        epoch: view.id.epoch,
        coordinator: view.id.coordinator.node,
        members: view.nodes().collect(),
        joined: joined.clone(),
        left: left.clone(),
        transitional: transitional.clone(),
        reasons: reasons.iter().map(change_reason).collect(),
        text: text.clone(),
    }
}

fn change_reason(came: &node::Came) -> ChangeReason {
    ChangeReason {
        node: came.node,
        reason: reason(came.reason).to_owned(),
        evidence: came.evidence.clone(),
    }
}

/// Why a node came or went: the word for programs.
pub(crate) const fn reason(reason: Reason) -> &'static str {
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

/// Why a node is not let in: the word for programs.
pub(crate) const fn refuse_reason(reason: RefuseReason) -> &'static str {
    match reason {
        RefuseReason::DuplicateNode => "duplicate_node",
        RefuseReason::NotConfigured => "not_configured",
        RefuseReason::ConfigOlder => "config_older",
        RefuseReason::ConfigNewer => "config_newer",
        RefuseReason::OtherCluster => "other_cluster",
        RefuseReason::WireVersion => "wire_version",
        RefuseReason::HeldOff => "held_off",
        RefuseReason::Disallowed => "disallowed",
    }
}

/// Who at the other end is refused, or refuses `me`.
pub(crate) fn other_end(refusal: &Refusal, me: NodeId) -> NodeId {
    if refusal.by == me { refusal.node } else { refusal.by }
}

/// The event of a refusal that is about configurations; nothing for others.
pub(crate) fn config(refusal: &Refusal, me: NodeId, text: &str) -> Option<Event> {
    if !matches!(refusal.reason, RefuseReason::ConfigOlder | RefuseReason::ConfigNewer) {
        return None;
    }
    let Refusal { ours, theirs, .. } = *refusal;
    let (own, other) = if refusal.by == me { (ours, theirs) } else { (theirs, ours) };
    let other = OtherConfig { node: other_end(refusal, me), config_version: other };
    let text = text.to_owned();
    Some(Event::Config(ConfigEvent { config_version: own, other: Some(other), text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_names_its_own_version_first() {
        let id = |id| NodeId::new(id).unwrap();
        let reason = RefuseReason::ConfigOlder;
        let refusal = Refusal { by: id(1), node: id(3), reason, ours: 5, theirs: 4, other: None };
        let told = |me| match config(&refusal, id(me), "why") {
            Some(Event::Config(ConfigEvent { config_version, other: Some(other), .. })) => {
                (config_version, other.node.get(), other.config_version)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!((told(1), told(3)), ((5, 3, 4), (4, 1, 5)));
        let held = Refusal { reason: RefuseReason::HeldOff, ..refusal };
        assert_eq!(config(&held, id(1), "why"), None);
    }
}
