//! The node's state in the words of clients.

use crate::{
    context::Context,
    engine::Snapshot,
    fencing,
    health::{MULTICAST_DEAD, Network, RELAYED, Rights, alarms},
    startup::resident_bytes,
};
use cman_io::clock;
use cman_ipc::{
    nodes::{NodeState, NodeStatus, NodesReply, PathKind},
    reply::VersionReply,
    status::{
        DaemonStatus, Flag, HoldDown, LeasePromise, LinkStatus, PathTrouble, QuorumStatus,
        RejectedDatagrams, State, StatusReply, ViewStatus,
    },
};
use cman_node as node;
use cman_types::Instant;
use std::time::Duration;

/// The answer to `Status`.
pub(crate) fn status(context: &Context, snapshot: &Snapshot) -> StatusReply {
    let Snapshot { at, status, ports, .. } = snapshot;
    let config = &context.config;
    let network = Network::look(context.interface.address, &context.carrier, *at, status);
    let rights = Rights { memory_locked: context.memory_locked, realtime: context.realtime };
    StatusReply {
        cluster: config.cluster_name.clone(),
        cluster_id: config.cluster_id,
        config_version: context.reload.version(),
        wire_version: status.wire_version.into(),
        node: context.me.id,
        node_name: context.me.name.clone(),
        node_votes: own_votes(context, status),
        incarnation: status.me.incarnation,
        state: state(status.state),
        view: view(*at, status),
        quorum: quorum(*at, status),
        flags: flags(context, status),
        encrypted: config.encryption,
        links: vec![link(context, &network)],
        rejected_datagrams: rejected(status.rejected),
        daemon: daemon(context, status),
        hold_downs: hold_downs(*at, status),
        path_troubles: path_troubles(status),
        alarms: alarms(&network, context.group, &context.disk, rights)
            .into_iter()
            .chain(context.reload.alarm())
            .collect(),
        disallowed: disallowed(context, status),
        promise: promise(&status.timing),
        active_subsystems: context.sessions.connected(),
        ports_bound: ports.clone(),
        quorum_device_votes: status.device.as_ref().map(|device| device.votes),
    }
}

/// What this node weighs now: administrators may have changed it.
fn own_votes(context: &Context, status: &node::Status) -> u32 {
    let own = status.nodes.iter().find(|known| known.id == context.me.id);
    own.map_or(context.me.votes, |own| own.votes)
}

/// The answer to `Nodes`.
pub(crate) fn nodes(context: &Context, snapshot: &Snapshot) -> NodesReply {
    let Snapshot { at, status, .. } = snapshot;
    let in_view = is_in_view(status);
    let nodes = context.config.nodes.iter().filter_map(|configured| {
        let known = status.nodes.iter().find(|node| node.id == configured.id)?;
        Some(one_node(context, *at, known, &configured.name, in_view))
    });
    NodesReply { nodes: nodes.collect() }
}

/// The answer to `Version`.
pub(crate) fn version(context: &Context, snapshot: &Snapshot) -> VersionReply {
    VersionReply {
        release: env!("CARGO_PKG_VERSION").to_owned(),
        config_version: context.reload.version(),
        wire_version: snapshot.status.wire_version.into(),
    }
}

fn one_node(
    context: &Context,
    at: Instant,
    known: &node::NodeStatus,
    name: &str,
    in_view: bool,
) -> NodeStatus {
    let past = context.history().membership(known.id);
    let member = known.member.filter(|_| in_view);
    let state = match (member, past) {
        (Some(_), _) if known.leaving => NodeState::Leaving,
        (Some(_), _) => NodeState::Member,
        (None, _) if known.disallowed => NodeState::Disallowed,
        (None, Some(_)) => NodeState::Dead,
        (None, None) => NodeState::NeverSeen,
    };
    let path = if known.relayed { PathKind::Relay } else { PathKind::Direct };
    NodeStatus {
        id: known.id,
        name: name.to_owned(),
        state,
        votes: known.votes,
        incarnation: member.or(past.map(|past| past.id)).map(|id| id.incarnation),
        joined_epoch: past.map_or(0, |past| past.joined_epoch.0),
        joined_at: member.and(known.joined_at).map(|joined| wall_ns(at, joined)),
        addresses: known.address.iter().map(|address| address.ip()).collect(),
        delay_ms: milliseconds(known.delay),
        path: member.map(|_| path),
        last_fenced: known.fenced.as_ref().and_then(fencing::last),
    }
}

const fn state(state: node::State) -> State {
    match state {
        node::State::Joining => State::Joining,
        node::State::Leaving => State::Leaving,
        node::State::Left => State::Left,
        node::State::Member => State::Member,
    }
}

/// Whether the last view is one this node is still in: while it looks for another it is in none.
const fn is_in_view(status: &node::Status) -> bool {
    matches!(status.state, node::State::Member | node::State::Leaving)
}

fn view(at: Instant, status: &node::Status) -> Option<ViewStatus> {
    let view = status.view.as_ref().filter(|_| is_in_view(status))?;
    Some(ViewStatus {
        epoch: view.id.epoch,
        coordinator: view.id.coordinator.node,
        members: view.nodes().collect(),
        changes: status.changes,
        installed_at: status.installed_at.map_or(0, |installed| wall_ns(at, installed)),
    })
}

fn quorum(at: Instant, status: &node::Status) -> QuorumStatus {
    // The answer travels: what was true when it was asked may not be any more.
    let now = clock::now();
    let lease_end = status.lease_end.filter(|end| status.quorate && *end > now.max(at));
    QuorumStatus {
        quorate: lease_end.is_some(),
        // Those of the last view are no longer here.
        votes: if is_in_view(status) { status.votes } else { 0 },
        expected_votes: status.expected_votes,
        needed: status.needed,
        lease_ms_left: lease_end.map(|end| milliseconds(end.since(now))),
        why: status.why_quorate.clone(),
    }
}

/// The names of the nodes whose state must not be merged with this one's.
fn disallowed(context: &Context, status: &node::Status) -> Vec<String> {
    let nodes = context.config.nodes.iter().filter(|configured| {
        status.nodes.iter().any(|node| node.id == configured.id && node.disallowed)
    });
    nodes.map(|node| node.name.clone()).collect()
}

fn flags(context: &Context, status: &node::Status) -> Vec<Flag> {
    let removed = status.removed.contains(&context.me.id);
    [
        (Flag::TwoNode, context.config.two_node),
        (Flag::Dirty, status.dirty),
        (Flag::DisallowedNodes, status.nodes.iter().any(|node| node.disallowed)),
        (Flag::Shutdown, status.state == node::State::Leaving || context.listeners.is_voting()),
        (Flag::Error, context.reload.alarm().is_some()),
        (Flag::WaitForAll, status.waiting_for_all),
        (Flag::Removed, removed),
    ]
    .into_iter()
    .filter_map(|(flag, is_set)| is_set.then_some(flag))
    .collect()
}

fn link(context: &Context, network: &Network) -> LinkStatus {
    LinkStatus {
        id: 0,
        address: context.interface.address,
        port: context.config.port,
        multicast: context.group,
        up: network.down.is_none(),
        multicast_heard: context.group.is_some() && network.multicast_heard,
    }
}

const fn rejected(rejected: node::Rejected) -> RejectedDatagrams {
    let node::Rejected { unauthenticated, replayed, malformed, foreign_cluster } = rejected;
    RejectedDatagrams { unauthenticated, replayed, malformed, foreign_cluster }
}

fn daemon(context: &Context, status: &node::Status) -> DaemonStatus {
    DaemonStatus {
        pid: std::process::id(),
        release: env!("CARGO_PKG_VERSION").to_owned(),
        rss_bytes: resident_bytes(),
        stalls: status.stalls,
        memory_locked: context.memory_locked,
        realtime: context.realtime,
        notes: context.notes.clone(),
        config_file: context.config_file.clone(),
        state_dir: context.state_dir.clone(),
    }
}

fn hold_downs(at: Instant, status: &node::Status) -> Vec<HoldDown> {
    let held = status.nodes.iter().filter_map(|node| {
        let until = node.held_until.filter(|until| *until > at)?;
        Some(HoldDown {
            node: node.id,
            left_ms: milliseconds(until.since(at)),
            why: "it was lost again soon after it was taken in".to_owned(),
        })
    });
    held.collect()
}

fn path_troubles(status: &node::Status) -> Vec<PathTrouble> {
    let mut troubles = Vec::new();
    for node in &status.nodes {
        let mut add = |text: &str| {
            troubles.push(PathTrouble { node: node.id, text: text.to_owned() });
        };
        if node.member.is_some() && node.relayed {
            add(RELAYED);
        }
        if node.member.is_some() && node.multicast_dead {
            add(MULTICAST_DEAD);
        }
    }
    troubles
}

fn promise(timing: &node::Timing) -> LeasePromise {
    LeasePromise {
        token_ms: milliseconds(timing.token),
        lease_ms: milliseconds(timing.lease),
        beat_ms: milliseconds(timing.beat),
        rho_ppm: timing.clock_error_ppm.into(),
        stall_bound_ms: milliseconds(timing.stall_bound),
    }
}

/// The wall clock, nanoseconds since 1970, at `then`, which was before `at`, a moment ago.
fn wall_ns(at: Instant, then: Instant) -> u64 {
    let wall = clock::wall().saturating_sub(at.since(then));
    u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::status;

    #[test]
    fn who_is_in_no_view_has_no_votes() {
        const NOW: Instant = Instant::from_nanos(1_000_000_000);
        let mut status = status(5, 3);
        let votes = |status: &node::Status| (view(NOW, status), quorum(NOW, status).votes);
        status.state = node::State::Joining;
        assert_eq!(votes(&status), (None, 0));
        for state in [node::State::Member, node::State::Leaving] {
            status.state = state;
            let (view, votes) = votes(&status);
            assert_eq!((view.map(|view| view.epoch.0), votes), (Some(5), 3));
        }
    }
}
