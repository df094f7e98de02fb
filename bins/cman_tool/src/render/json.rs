//! Everything as JSON. Names and types of these fields are promised; fields may be added. Where a
//! part of a reply has exactly the promised shape it stands for itself; the tests compare all of
//! it with texts that are kept.

use super::{classic, time};
use cman_client::ipc::{
    Event, EventMessage, ListedGroup, NodeStatus, NodesReply, StatusReply,
    event::{ChangeReason, OtherConfig},
    nodes::{Fenced, PathKind},
    reply::VersionReply,
    status::{HoldDown, LeasePromise, LinkStatus, PathTrouble, RejectedDatagrams, ViewStatus},
};
use cman_types::{NodeId, Process};
use serde::Serialize;
use std::net::IpAddr;

/// Grows only if a field loses its name or its type.
const SCHEMA: u32 = 1;

/// `cman_tool version --json`.
pub(crate) fn version(version: &VersionReply) -> impl Serialize {
    VersionJson {
        version: classic::PROTOCOL,
        config_version: version.config_version,
        protocol_version: version.wire_version.to_string(),
        daemon_version: &version.release,
        tool_version: env!("CARGO_PKG_VERSION"),
    }
}

#[derive(Serialize)]
struct VersionJson<'a> {
    version: &'a str,
    config_version: u64,
    protocol_version: String,
    daemon_version: &'a str,
    tool_version: &'a str,
}

/// `cman_tool services --json`.
pub(crate) fn groups(groups: &[ListedGroup]) -> impl Serialize {
    GroupsJson { groups: groups.iter().map(GroupJson::new).collect() }
}

#[derive(Serialize)]
struct GroupsJson {
    groups: Vec<GroupJson>,
}

#[derive(Serialize)]
struct GroupJson {
    name: String,
    members: Vec<ProcessJson>,
}

#[derive(Serialize)]
struct ProcessJson {
    node: u32,
    pid: u32,
}

impl GroupJson {
    fn new(group: &ListedGroup) -> Self {
        let process = |one: &Process| ProcessJson { node: one.node.get(), pid: one.pid };
        let members = group.members.iter().map(process).collect();
        Self { name: group.group.to_string(), members }
    }
}

/// `cman_tool status --json`.
pub(crate) fn status(status: &StatusReply) -> impl Serialize {
    StatusJson {
        schema: SCHEMA,
        cluster: &status.cluster,
        cluster_id: status.cluster_id,
        config_version: status.config_version,
        protocol_version: status.wire_version.to_string(),
        node_id: status.node.get(),
        node_name: &status.node_name,
        node_votes: status.node_votes,
        incarnation: status.incarnation.0,
        state: status.state.name(),
        view: status.view.as_ref().map(ViewJson::new),
        quorum: QuorumJson::new(status),
        encrypted: status.encrypted,
        links: &status.links,
        rejected_datagrams: &status.rejected_datagrams,
        daemon: DaemonJson::new(status),
        hold_downs: &status.hold_downs,
        path_troubles: &status.path_troubles,
        alarms: &status.alarms,
        disallowed: &status.disallowed,
        promise: &status.promise,
        active_subsystems: status.active_subsystems,
        ports_bound: &status.ports_bound,
    }
}

#[derive(Serialize)]
struct StatusJson<'a> {
    schema: u32,
    cluster: &'a str,
    cluster_id: u16,
    config_version: u64,
    protocol_version: String,
    node_id: u32,
    node_name: &'a str,
    node_votes: u32,
    incarnation: u64,
    state: &'a str,
    view: Option<ViewJson>,
    quorum: QuorumJson<'a>,
    encrypted: bool,
    links: &'a [LinkStatus],
    rejected_datagrams: &'a RejectedDatagrams,
    daemon: DaemonJson<'a>,
    hold_downs: &'a [HoldDown],
    path_troubles: &'a [PathTrouble],
    alarms: &'a [String],
    disallowed: &'a [String],
    promise: &'a LeasePromise,
    active_subsystems: u32,
    ports_bound: &'a [u8],
}

#[derive(Serialize)]
struct ViewJson {
    epoch: u64,
    coordinator: u32,
    members: Vec<u32>,
    changes: u64,
    installed_at: String,
}

impl ViewJson {
    fn new(view: &ViewStatus) -> Self {
        Self {
            epoch: view.epoch.0,
            coordinator: view.coordinator.get(),
            members: ids(&view.members),
            changes: view.changes,
            installed_at: time::rfc3339_ms(view.installed_at),
        }
    }
}

#[derive(Serialize)]
struct QuorumJson<'a> {
    quorate: bool,
    votes: u32,
    expected_votes: u32,
    needed: u32,
    flags: Vec<&'a str>,
    lease_ms_left: Option<u64>,
    why: &'a str,
    device_votes: Option<u32>,
}

impl<'a> QuorumJson<'a> {
    fn new(status: &'a StatusReply) -> Self {
        let quorum = &status.quorum;
        Self {
            quorate: quorum.quorate,
            votes: quorum.votes,
            expected_votes: quorum.expected_votes,
            needed: quorum.needed,
            flags: status.flags.iter().map(|flag| flag.name()).collect(),
            lease_ms_left: quorum.lease_ms_left,
            why: &quorum.why,
            device_votes: status.quorum_device_votes,
        }
    }
}

#[derive(Serialize)]
struct DaemonJson<'a> {
    pid: u32,
    version: &'a str,
    rss_bytes: u64,
    stalls: u64,
    memory_locked: bool,
    realtime: bool,
    notes: &'a [String],
    config_file: &'a str,
    state_dir: &'a str,
}

impl<'a> DaemonJson<'a> {
    fn new(status: &'a StatusReply) -> Self {
        let daemon = &status.daemon;
        Self {
            pid: daemon.pid,
            version: &daemon.release,
            rss_bytes: daemon.rss_bytes,
            stalls: daemon.stalls,
            memory_locked: daemon.memory_locked,
            realtime: daemon.realtime,
            notes: &daemon.notes,
            config_file: &daemon.config_file,
            state_dir: &daemon.state_dir,
        }
    }
}

/// `cman_tool nodes --json`.
pub(crate) fn nodes(reply: &NodesReply) -> impl Serialize {
    NodesJson { nodes: reply.nodes.iter().map(NodeJson::new).collect() }
}

#[derive(Serialize)]
struct NodesJson<'a> {
    nodes: Vec<NodeJson<'a>>,
}

#[derive(Serialize)]
struct NodeJson<'a> {
    id: u32,
    name: &'a str,
    state: &'a str,
    votes: u32,
    incarnation: Option<u64>,
    joined_at: Option<String>,
    joined_epoch: u64,
    addresses: &'a [IpAddr],
    delay_ms: u64,
    path: Option<&'a str>,
    last_fenced: Option<FencedJson<'a>>,
}

impl<'a> NodeJson<'a> {
    fn new(node: &'a NodeStatus) -> Self {
        Self {
            id: node.id.get(),
            name: &node.name,
            state: node.state.name(),
            votes: node.votes,
            incarnation: node.incarnation.map(|incarnation| incarnation.0),
            joined_at: node.joined_at.map(time::rfc3339_ms),
            joined_epoch: node.joined_epoch,
            addresses: &node.addresses,
            delay_ms: node.delay_ms,
            path: node.path.map(PathKind::name),
            last_fenced: node.last_fenced.as_ref().map(FencedJson::new),
        }
    }
}

#[derive(Serialize)]
struct FencedJson<'a> {
    at: String,
    by: &'a str,
}

impl<'a> FencedJson<'a> {
    fn new(fenced: &'a Fenced) -> Self {
        Self { at: time::rfc3339_ms(fenced.at), by: &fenced.by }
    }
}

/// One line of `cman_tool events --json`.
pub(crate) fn event(message: &EventMessage) -> impl Serialize {
    EventJson {
        at: time::rfc3339_us(message.at),
        monotonic_ns: message.monotonic_ns,
        event: EventBody::new(&message.event),
    }
}

#[derive(Serialize)]
struct EventJson<'a> {
    at: String,
    monotonic_ns: u64,
    #[serde(flatten)]
    event: EventBody<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum EventBody<'a> {
    Config {
        config_version: u64,
        other: Option<OtherConfigJson>,
        text: &'a str,
    },
    Link {
        link: u8,
        node: Option<u32>,
        up: bool,
        multicast_heard: bool,
        text: &'a str,
    },
    Node {
        node: u32,
        state: &'a str,
        change: &'a str,
        reason: &'a str,
        text: &'a str,
    },
    Quorum {
        quorate: bool,
        votes: u32,
        expected_votes: u32,
        needed: u32,
        text: &'a str,
    },
    Shutdown {
        text: &'a str,
    },
    View {
        epoch: u64,
        coordinator: u32,
        members: Vec<u32>,
        joined: Vec<u32>,
        left: Vec<u32>,
        transitional: Vec<u32>,
        reasons: &'a [ChangeReason],
        text: &'a str,
    },
    /// An event that the library knows and this tool does not.
    Other {
        text: String,
    },
}

#[derive(Serialize)]
struct OtherConfigJson {
    node: u32,
    config_version: u64,
}

impl OtherConfigJson {
    const fn new(other: OtherConfig) -> Self {
        Self { node: other.node.get(), config_version: other.config_version }
    }
}

impl<'a> EventBody<'a> {
    fn new(event: &'a Event) -> Self {
        match event {
            Event::Config(event) => Self::Config {
                config_version: event.config_version,
                other: event.other.map(OtherConfigJson::new),
                text: &event.text,
            },
            Event::Link(event) => Self::Link {
                link: event.link,
                node: event.node.map(NodeId::get),
                up: event.up,
                multicast_heard: event.multicast_heard,
                text: &event.text,
            },
            Event::Node(event) => Self::Node {
                node: event.node.get(),
                state: event.state.name(),
                change: event.change.name(),
                reason: &event.reason,
                text: &event.text,
            },
            Event::Quorum(event) => Self::Quorum {
                quorate: event.quorate,
                votes: event.votes,
                expected_votes: event.expected_votes,
                needed: event.needed,
                text: &event.text,
            },
            Event::Shutdown(event) => Self::Shutdown { text: &event.text },
            Event::View(event) => Self::View {
                epoch: event.epoch.0,
                coordinator: event.coordinator.get(),
                members: ids(&event.members),
                joined: ids(&event.joined),
                left: ids(&event.left),
                transitional: ids(&event.transitional),
                reasons: &event.reasons,
                text: &event.text,
            },
            other => Self::Other { text: format!("{other:?}") },
        }
    }
}

fn ids(nodes: &[NodeId]) -> Vec<u32> {
    nodes.iter().map(|node| node.get()).collect()
}
