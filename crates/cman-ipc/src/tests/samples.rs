//! One of each message.

use crate::{
    Channel, ClassicRequest, ErrorCode, ErrorReply, Event, EventMessage, GroupConfig, GroupEvent,
    GroupMessage, GroupRefused, Hello, Message, NodeStatus, NodesReply, Notice, Reply, Request,
    StatusReply, Welcome,
    classic::{BarrierChange, DeviceStatus, FenceStatus, barrier, debug},
    event::{
        ChangeReason, ConfigEvent, LinkEvent, NodeChange, NodeEvent, OtherConfig, QuorumEvent,
        ShutdownEvent, ViewEvent,
    },
    group::ListedGroup,
    hello::{Session, Ticket},
    nodes::{Fenced, NodeState, PathKind},
    notice::ViewNotice,
    reply::{GroupListChunk, LogsChunk, RecorderChunk, VersionReply},
    status::{
        DaemonStatus, Flag, HoldDown, LeasePromise, LinkStatus, PathTrouble, QuorumStatus,
        RejectedDatagrams, State, ViewStatus,
    },
};
use cman_types::{BarrierName, Epoch, GroupName, Incarnation, NodeId, Process, group::Reason};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Every kind of message, with nothing left at a default that could hide a mistake.
pub(super) fn all() -> Vec<Message> {
    let mut all = vec![
        Message::Hello(Hello {
            lowest: 1,
            highest: 3,
            program: "a test".into(),
            channel: Channel::Events(Ticket(u128::MAX - 7)),
        }),
        Message::Welcome(Welcome {
            version: 1,
            pid: 4711,
            release: "0.1.0".into(),
            session: Some(Session { node: id(300), ticket: Some(Ticket(1 << 100)) }),
        }),
    ];
    all.extend(groups().into_iter().map(Message::Group));
    all.extend(requests().into_iter().map(Message::Request));
    all.extend(classic().into_iter().map(|request| Message::Request(Request::Classic(request))));
    all.extend(notices().into_iter().map(Message::Notice));
    all.extend(replies().into_iter().map(Message::Reply));
    all.extend(events().into_iter().map(|event| {
        Message::Event(EventMessage { at: 1_763_821_000_123_456_789, monotonic_ns: 42, event })
    }));
    all
}

pub(super) fn id(id: u32) -> NodeId {
    NodeId::new(id).expect("not zero")
}

fn requests() -> Vec<Request> {
    vec![
        Request::GroupFlush,
        Request::GroupJoin { group: group("pve_dcdb_v1\0"), pid: 70_000 },
        Request::GroupLeave { group: group("pve_dcdb_v1\0") },
        Request::GroupList,
        Request::GroupMembers { group: group("") },
        Request::GroupSend { group: group("a"), payload: "hello".into(), safe: true },
        Request::Kill { node: id(7) },
        Request::Leave { remove: true, force: false },
        Request::Leave { remove: false, force: true },
        Request::Logs,
        Request::Nodes,
        Request::PastEvents,
        Request::Recorder,
        Request::Status,
        Request::Subscribe,
        Request::Version,
    ]
}

fn classic() -> Vec<ClassicRequest> {
    let name = BarrierName::new(&[b'x'; BarrierName::SIZE_MAX]).expect("short");
    let (votes, on) = (u32::MAX, true);
    vec![
        ClassicRequest::BarrierRegister {
            name: name.clone(),
            flags: barrier::AUTODELETE,
            nodes: 3,
        },
        ClassicRequest::BarrierChange { name: name.clone(), change: BarrierChange::Timeout(300) },
        ClassicRequest::BarrierWait { name: name.clone() },
        ClassicRequest::BarrierDelete { name },
        ClassicRequest::DeviceRegister { name: "/dev/sdq".into(), votes },
        ClassicRequest::DeviceUnregister,
        ClassicRequest::DevicePoll { available: true },
        ClassicRequest::DeviceGet,
        ClassicRequest::FenceGet { node: id(300) },
        ClassicRequest::FenceSet { node: id(300), at: u64::MAX, agent: "fence_apc".into() },
        ClassicRequest::Notify { on },
        ClassicRequest::NotifyViews { on },
        ClassicRequest::PortBind { port: 255 },
        ClassicRequest::PortSend { to: Some(id(2)), port: 11, payload: vec![0, 255].into() },
        ClassicRequest::PortIsBound { node: None, port: 11 },
        ClassicRequest::SetDebug { mask: debug::BARRIER },
        ClassicRequest::SetDirty,
        ClassicRequest::SetExpectedVotes { votes },
        ClassicRequest::SetConfigVersion { version: u64::MAX },
        ClassicRequest::SetVotes { node: Some(id(300)), votes },
        ClassicRequest::Shutdown { anyway: false, remove: true },
        ClassicRequest::ShutdownReply { agree: true },
    ]
}

fn notices() -> Vec<Notice> {
    let node = id(300);
    vec![
        Notice::State { quorate: true },
        Notice::TryShutdown { anyway: false, remove: true },
        Notice::Config { version: 300 },
        Notice::PortOpened { node },
        Notice::PortClosed { node },
        Notice::PortMessage { node, port: 11, payload: vec![0, 255].into() },
        Notice::View(ViewNotice { members: vec![id(1), node], left: vec![id(9)], joined: vec![] }),
    ]
}

fn replies() -> Vec<Reply> {
    vec![
        Reply::Device(DeviceStatus { name: b"/dev/sdq".to_vec(), alive: true, votes: 3 }),
        Reply::Fence(FenceStatus { at: u64::MAX, fenced: true, agent: b"fence_apc".to_vec() }),
        Reply::Is(true),
        Reply::Done,
        Reply::Error(ErrorReply {
            code: ErrorCode::Refused,
            text: "There is no node 9.".into(),
            advice: "See cman_tool nodes.".into(),
        }),
        Reply::GroupList(GroupListChunk {
            groups: vec![
                ListedGroup { group: group(""), members: vec![process(1, 9)] },
                ListedGroup { group: group("a"), members: vec![process(1, 7), process(2, 0)] },
            ],
            last: false,
        }),
        Reply::GroupMembers(vec![process(1, 9), process(300, 70_000)]),
        Reply::Logs(LogsChunk { lines: vec!["one".into(), String::new()], last: true }),
        Reply::Nodes(NodesReply { nodes: vec![node()] }),
        Reply::Recorder(RecorderChunk { bytes: vec![0, 255, 7], last: false }),
        Reply::Status(Box::new(status())),
        Reply::Version(VersionReply {
            release: "0.1.0".into(),
            config_version: 4,
            wire_version: 1,
        }),
    ]
}

pub(super) fn group(name: &str) -> GroupName {
    GroupName::new(name.as_bytes()).expect("short")
}

pub(super) fn process(node: u32, pid: u32) -> Process {
    Process { node: id(node), pid }
}

fn groups() -> Vec<GroupEvent> {
    vec![
        GroupEvent::Config(GroupConfig {
            group: group("chat"),
            members: vec![process(1, 9), process(2, 300)],
            left: vec![
                (process(3, 1), Reason::Leave),
                (process(4, 2), Reason::NodeDown),
                (process(4, 3), Reason::ProcessDown),
            ],
            joined: vec![(process(1, 9), Reason::Join), (process(2, 300), Reason::NodeUp)],
        }),
        GroupEvent::Message(GroupMessage {
            group: group("chat"),
            sender: process(2, 300),
            incarnation: Incarnation(1_763_821_000_123),
            number: u64::MAX - 1,
            payload: "hello".into(),
        }),
        GroupEvent::Refused(GroupRefused {
            group: group("chat"),
            error: ErrorReply {
                code: ErrorCode::NotJoined,
                text: "Not a member.".into(),
                advice: String::new(),
            },
        }),
    ]
}

fn node() -> NodeStatus {
    NodeStatus {
        id: id(3),
        name: "n3".into(),
        state: NodeState::Dead,
        votes: 2,
        incarnation: Some(Incarnation(1_763_821_000_123)),
        joined_epoch: 17,
        joined_at: Some(1_763_821_000_123_000_000),
        addresses: vec![v4(3), Ipv6Addr::LOCALHOST.into()],
        delay_ms: 12,
        path: Some(PathKind::Relay),
        last_fenced: Some(Fenced { at: 1_763_821_000_000_000_000, by: "fence_apc".into() }),
    }
}

fn status() -> StatusReply {
    StatusReply {
        cluster: "alpha".into(),
        cluster_id: 3169,
        config_version: 4,
        wire_version: 1,
        node: id(1),
        node_name: "n1".into(),
        node_votes: 1,
        incarnation: Incarnation(1_763_821_000_123),
        state: State::Disallowed,
        view: Some(ViewStatus {
            epoch: Epoch(17),
            coordinator: id(2),
            members: vec![id(1), id(2)],
            changes: 5,
            installed_at: 1_763_821_000_123_000_000,
        }),
        quorum: QuorumStatus {
            quorate: true,
            votes: 2,
            expected_votes: 3,
            needed: 2,
            lease_ms_left: Some(1240),
            why: "2 of 3 votes".into(),
        },
        flags: vec![Flag::TwoNode, Flag::Removed],
        encrypted: true,
        links: vec![LinkStatus {
            id: 0,
            address: v4(1),
            port: 5405,
            multicast: Some(IpAddr::V4(Ipv4Addr::new(239, 192, 12, 97))),
            up: true,
            multicast_heard: true,
        }],
        rejected_datagrams: RejectedDatagrams {
            unauthenticated: 1,
            replayed: 2,
            malformed: 3,
            foreign_cluster: 4,
        },
        daemon: DaemonStatus {
            pid: 4711,
            release: "0.1.0".into(),
            rss_bytes: 9_000_000,
            stalls: 6,
            memory_locked: true,
            realtime: true,
            notes: vec!["a note".into()],
            config_file: "/etc/cluster/cluster.conf".into(),
            state_dir: "/var/lib/cman".into(),
        },
        hold_downs: vec![HoldDown { node: id(3), left_ms: 900, why: "lost twice".into() }],
        path_troubles: vec![PathTrouble { node: id(2), text: "multicast not passing".into() }],
        alarms: vec!["two nodes call themselves 3".into()],
        disallowed: vec!["n3".into()],
        promise: LeasePromise {
            token_ms: 2000,
            lease_ms: 1500,
            beat_ms: 200,
            rho_ppm: 10_000,
            stall_bound_ms: 100,
        },
        active_subsystems: 2,
        ports_bound: vec![0, 11],
        quorum_device_votes: Some(1),
    }
}

fn events() -> Vec<Event> {
    vec![
        Event::Config(ConfigEvent {
            config_version: 5,
            other: Some(OtherConfig { node: id(300), config_version: 4 }),
            text: "five".into(),
        }),
        Event::Link(LinkEvent {
            link: 1,
            node: Some(id(300)),
            up: false,
            multicast_heard: true,
            text: "cable".into(),
        }),
        Event::Node(NodeEvent {
            node: id(4),
            state: NodeState::NeverSeen,
            change: NodeChange::Refused,
            reason: "held_off".into(),
            text: "why".into(),
        }),
        Event::Quorum(QuorumEvent {
            quorate: true,
            votes: 2,
            expected_votes: 3,
            needed: 2,
            text: "enough".into(),
        }),
        Event::Shutdown(ShutdownEvent { text: "told to".into() }),
        Event::View(ViewEvent {
            epoch: Epoch(18),
            coordinator: id(1),
            members: vec![id(1), id(2)],
            joined: vec![id(2)],
            left: vec![id(3)],
            transitional: vec![id(1)],
            reasons: vec![ChangeReason {
                node: id(3),
                reason: "silent".into(),
                evidence: "n1 heard nothing for 2000 ms".into(),
            }],
            text: "n3 fell silent".into(),
        }),
    ]
}

fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}
