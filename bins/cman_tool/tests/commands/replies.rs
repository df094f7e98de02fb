//! Replies as in the description of the interfaces, and others made of them.

use cman_client::ipc::{
    Event, EventMessage, ListedGroup, Message, NodeStatus, NodesReply, Reply, Request, StatusReply,
    event::{
        ChangeReason, ConfigEvent, LinkEvent, NodeChange, NodeEvent, OtherConfig, QuorumEvent,
        ShutdownEvent, ViewEvent,
    },
    nodes::{Fenced, NodeState, PathKind},
    reply::{GroupListChunk, LogsChunk, RecorderChunk, VersionReply},
    status::{
        DaemonStatus, HoldDown, LeasePromise, LinkStatus, PathTrouble, QuorumStatus,
        RejectedDatagrams, State, ViewStatus,
    },
};
use cman_types::{Epoch, GroupName, Incarnation, NodeId, Process};
use std::net::{IpAddr, Ipv4Addr};

/// 2026-11-22T15:04:05.123Z
pub(crate) const AT: u64 = 1_795_359_845_123_000_000;

pub(crate) fn id(id: u32) -> NodeId {
    NodeId::new(id).unwrap()
}

fn ids<const N: usize>(nodes: [u32; N]) -> Vec<NodeId> {
    nodes.map(id).into()
}

pub(crate) fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

/// The member of a healthy cluster of three, as the interfaces show it.
pub(crate) fn healthy() -> StatusReply {
    StatusReply {
        cluster: "alpha".into(),
        cluster_id: 3169,
        config_version: 4,
        wire_version: 1,
        node: id(1),
        node_name: "n1".into(),
        node_votes: 1,
        incarnation: Incarnation(1_763_821_000_123),
        state: State::Member,
        view: Some(ViewStatus {
            epoch: Epoch(17),
            coordinator: id(1),
            members: ids([1, 2, 3]),
            changes: 5,
            installed_at: AT,
        }),
        quorum: QuorumStatus {
            quorate: true,
            votes: 3,
            expected_votes: 3,
            needed: 2,
            lease_ms_left: Some(1240),
            why: "3 of 3 votes are here".into(),
        },
        flags: Vec::new(),
        encrypted: true,
        links: vec![LinkStatus {
            id: 0,
            address: address(1),
            port: 5405,
            multicast: Some(IpAddr::V4(Ipv4Addr::new(239, 192, 12, 97))),
            up: true,
            multicast_heard: true,
        }],
        rejected_datagrams: RejectedDatagrams::default(),
        daemon: DaemonStatus {
            pid: 4711,
            release: "0.1.0".into(),
            rss_bytes: 9_000_000,
            stalls: 0,
            memory_locked: true,
            realtime: true,
            notes: Vec::new(),
            config_file: "/etc/cluster/cluster.conf".into(),
            state_dir: "/var/lib/cman".into(),
        },
        hold_downs: Vec::new(),
        path_troubles: Vec::new(),
        alarms: Vec::new(),
        disallowed: Vec::new(),
        promise: LeasePromise {
            token_ms: 2000,
            lease_ms: 1500,
            beat_ms: 166,
            rho_ppm: 10_000,
            stall_bound_ms: 100,
        },
        active_subsystems: 1,
        ports_bound: vec![0],
        quorum_device_votes: None,
    }
}

/// The same node, still looking for the others.
pub(crate) fn joining() -> StatusReply {
    let mut status = healthy();
    status.state = State::Joining;
    status.view = None;
    status.quorum = inquorate();
    status
}

/// The same node, alone.
pub(crate) fn alone() -> StatusReply {
    let mut status = healthy();
    status.view = status.view.map(|view| ViewStatus { members: ids([1]), ..view });
    status.quorum = inquorate();
    status
}

fn inquorate() -> QuorumStatus {
    QuorumStatus {
        quorate: false,
        votes: 1,
        expected_votes: 3,
        needed: 2,
        lease_ms_left: None,
        why: "1 of 3 votes is here, 2 are needed".into(),
    }
}

/// A node with something to say in every field.
pub(crate) fn troubled() -> StatusReply {
    use cman_client::ipc::status::Flag;
    let mut status = alone();
    status.flags = vec![Flag::TwoNode, Flag::Dirty, Flag::WaitForAll];
    status.ports_bound = vec![0, 11];
    status.disallowed = vec!["n3".into()];
    status.quorum_device_votes = Some(1);
    status.alarms = vec!["Nodes 10.0.0.2 and 10.0.0.9 both call themselves 2.".into()];
    status.hold_downs =
        vec![HoldDown { node: id(3), left_ms: 3500, why: "lost twice in 20 s".into() }];
    status.path_troubles = vec![PathTrouble {
        node: id(2),
        text: "multicast not passing: IGMP snooping without a querier?".into(),
    }];
    status.daemon.notes = vec!["Memory is not locked: raise LimitMEMLOCK.".into()];
    status.daemon.memory_locked = false;
    status.encrypted = false;
    for link in &mut status.links {
        link.multicast_heard = false;
    }
    status
}

fn node(last: u8, state: NodeState) -> NodeStatus {
    let is_member = state == NodeState::Member;
    NodeStatus {
        id: id(last.into()),
        name: format!("n{last}"),
        state,
        votes: 1,
        incarnation: (state != NodeState::NeverSeen).then_some(Incarnation(1_763_821_000_123)),
        joined_epoch: if state == NodeState::NeverSeen { 0 } else { 17 },
        joined_at: is_member.then_some(AT),
        addresses: vec![address(last)],
        delay_ms: 0,
        path: is_member.then_some(PathKind::Direct),
        last_fenced: None,
    }
}

/// A node in each state.
pub(crate) fn nodes() -> NodesReply {
    let mut two = node(2, NodeState::NeverSeen);
    two.addresses.clear();
    let mut one = node(1, NodeState::Member);
    one.addresses.push("fd00::1".parse().unwrap());
    let mut four = node(4, NodeState::Member);
    four.path = Some(PathKind::Relay);
    four.last_fenced = Some(Fenced { at: AT, by: "fence_apc".into() });
    NodesReply {
        nodes: vec![one, two, node(3, NodeState::Dead), four, node(5, NodeState::Leaving)],
    }
}

/// One event of each kind.
pub(crate) fn events() -> Vec<Message> {
    let view = ViewEvent {
        epoch: Epoch(18),
        coordinator: id(1),
        members: ids([1, 2]),
        joined: ids([2]),
        left: ids([3]),
        transitional: ids([1]),
        reasons: vec![ChangeReason {
            node: id(3),
            reason: "silent".into(),
            evidence: "n1 heard nothing of it for 2000 ms".into(),
        }],
        text: "n3 fell silent, n2 joined.".into(),
    };
    let quorum = QuorumEvent {
        quorate: true,
        votes: 2,
        expected_votes: 3,
        needed: 2,
        text: "2 of 3 votes are here.".into(),
    };
    let link = |node| LinkEvent {
        link: 0,
        node,
        up: false,
        multicast_heard: false,
        text: "The cable is gone.".into(),
    };
    let node = NodeEvent {
        node: id(3),
        state: NodeState::Dead,
        change: NodeChange::Left,
        reason: "silent".into(),
        text: "n1 heard nothing of it for 2000 ms".into(),
    };
    let config = |other| ConfigEvent { config_version: 5, other, text: "n4 was added.".into() };
    let other = OtherConfig { node: id(4), config_version: 4 };
    [
        Event::View(view),
        Event::Quorum(quorum),
        Event::Link(link(None)),
        Event::Link(link(Some(id(2)))),
        Event::Node(node),
        Event::Config(config(None)),
        Event::Config(config(Some(other))),
        Event::Shutdown(ShutdownEvent { text: "Told to leave.".into() }),
    ]
    .map(|event| Message::Event(EventMessage { at: AT + 456_789, monotonic_ns: 42, event }))
    .into()
}

/// Two pieces of a list of groups.
fn groups() -> Vec<Message> {
    let piece = |name: &[u8], members: &[(u32, u32)], last| {
        let members = members.iter().map(|&(node, pid)| Process { node: id(node), pid }).collect();
        let groups = vec![ListedGroup { group: GroupName::new(name).unwrap(), members }];
        Message::Reply(Reply::GroupList(GroupListChunk { groups, last }))
    };
    vec![piece(b"chat\0", &[(1, 4711), (9, 7)], false), piece(b"locks\xff", &[(2, 812)], true)]
}

/// A daemon with this status that answers everything.
pub(crate) fn daemon(status: StatusReply) -> impl Fn(Request) -> Vec<Message> + Send + Sync {
    move |request| {
        let reply = match request {
            Request::Status => Reply::Status(Box::new(status.clone())),
            Request::Nodes => Reply::Nodes(nodes()),
            Request::Version => Reply::Version(VersionReply {
                release: "0.1.0".into(),
                config_version: 4,
                wire_version: 1,
            }),
            Request::Logs => {
                Reply::Logs(LogsChunk { lines: vec!["a line of the log".into()], last: true })
            }
            Request::Recorder => {
                Reply::Recorder(RecorderChunk { bytes: vec![1, 2, 3], last: true })
            }
            Request::GroupList => return groups(),
            Request::PastEvents => {
                let mut answer = events();
                answer.extend(events());
                answer.push(Message::Reply(Reply::Done));
                return answer;
            }
            Request::Subscribe => {
                let mut answer = vec![Message::Reply(Reply::Done)];
                answer.extend(events());
                return answer;
            }
            _ => Reply::Done,
        };
        vec![Message::Reply(reply)]
    }
}
