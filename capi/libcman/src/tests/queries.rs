//! What a daemon answers, as structures.

use super::*;
use crate::layouts::{Cluster, DeviceInfo, ExtraInfo, Node, NodeAddress, Version};
use cman_client::ipc::{
    ClassicRequest, ErrorCode, ErrorReply, NodeStatus, NodesReply, StatusReply,
    classic::{DeviceStatus, FenceStatus},
    nodes::NodeState,
    reply::VersionReply,
    status::{
        DaemonStatus, Flag, LeasePromise, LinkStatus, QuorumStatus, RejectedDatagrams, State,
        ViewStatus,
    },
};
use cman_types::{Epoch, Incarnation, NodeId};
use std::{
    ffi::CStr,
    mem::zeroed,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

fn id(id: u32) -> NodeId {
    NodeId::new(id).unwrap()
}

fn node(number: u32, state: NodeState) -> NodeStatus {
    let member = state == NodeState::Member;
    NodeStatus {
        id: id(number),
        name: format!("n{number}"),
        state,
        votes: 1,
        incarnation: None,
        joined_epoch: if state == NodeState::NeverSeen { 0 } else { (5 << 32) + 77 },
        joined_at: member.then_some(1_700_000_000_123_456_789),
        addresses: vec!["10.0.0.7".parse().unwrap(), "fe80::7".parse().unwrap()],
        delay_ms: 0,
        path: None,
        last_fenced: None,
    }
}

fn nodes(own: NodeState) -> NodesReply {
    let others = [node(2, NodeState::Member), node(3, NodeState::Dead)];
    let last = [node(4, NodeState::Disallowed), node(5, NodeState::NeverSeen)];
    NodesReply { nodes: [node(1, own)].into_iter().chain(others).chain(last).collect() }
}

pub(super) fn status() -> StatusReply {
    let link = |address: &str, multicast: Option<&str>| LinkStatus {
        id: 0,
        address: address.parse().unwrap(),
        port: 5405,
        multicast: multicast.map(|address| address.parse().unwrap()),
        up: true,
        multicast_heard: true,
    };
    StatusReply {
        cluster: "alpha".into(),
        cluster_id: 3453,
        config_version: 7,
        wire_version: 1,
        node: id(1),
        node_name: "n1".into(),
        node_votes: 2,
        incarnation: Incarnation(1),
        state: State::Member,
        view: Some(ViewStatus {
            epoch: Epoch((5 << 32) + 99),
            coordinator: id(1),
            members: vec![id(1), id(2)],
            changes: 3,
            installed_at: 0,
        }),
        quorum: QuorumStatus {
            quorate: true,
            votes: 4,
            expected_votes: 6,
            needed: 4,
            lease_ms_left: None,
            why: String::new(),
        },
        flags: vec![Flag::TwoNode, Flag::Dirty, Flag::WaitForAll],
        encrypted: true,
        links: vec![link("10.0.0.1", Some("239.1.2.3")), link("fe80::1", None)],
        rejected_datagrams: RejectedDatagrams::default(),
        daemon: DaemonStatus {
            pid: 1,
            release: "0.1.0".into(),
            rss_bytes: 0,
            stalls: 0,
            memory_locked: true,
            realtime: true,
            notes: vec![],
            config_file: String::new(),
            state_dir: String::new(),
        },
        hold_downs: vec![],
        path_troubles: vec![],
        alarms: vec![],
        disallowed: vec![],
        promise: LeasePromise {
            token_ms: 0,
            lease_ms: 0,
            beat_ms: 0,
            rho_ppm: 0,
            stall_bound_ms: 0,
        },
        active_subsystems: 4,
        ports_bound: vec![0, 11, 177],
        quorum_device_votes: None,
    }
}

fn refusal(code: ErrorCode) -> Reply {
    Reply::Error(ErrorReply { code, text: "No.".into(), advice: String::new() })
}

/// A daemon of a cluster of five, in which the local node is `own`.
fn cluster(own: NodeState, device: bool) -> Stage {
    Stage::answering(Socket::Public, move |request| {
        let reply = match request {
            Request::Nodes => Reply::Nodes(nodes(own)),
            Request::Status => Reply::Status(Box::new(status())),
            Request::Version => {
                let release = "0.1.0".to_owned();
                Reply::Version(VersionReply { release, config_version: 7, wire_version: 1 })
            }
            Request::Classic(ClassicRequest::DeviceGet) if device => {
                let name = b"disk".to_vec();
                Reply::Device(DeviceStatus { name, alive: true, votes: 3 })
            }
            Request::Classic(ClassicRequest::FenceGet { node }) if node == id(3) => {
                Reply::Fence(FenceStatus { at: 99, fenced: true, agent: b"apc".to_vec() })
            }
            _ => refusal(ErrorCode::NotFound),
        };
        vec![Message::Reply(reply)]
    })
}

fn text(name: &[u8]) -> &str {
    CStr::from_bytes_until_nul(name).unwrap().to_str().unwrap()
}

/// A structure full of zeros, as C programs make them.
fn zeros<T: Copy>() -> T {
    // SAFETY: all structures of the interface are numbers and bytes.
    unsafe { zeroed() }
}

fn get_nodes(stage: &Stage, max: c_int) -> Vec<Node> {
    let (mut room, mut count) = ([zeros::<Node>(); 8], 0);
    // SAFETY: there is room for eight.
    let returned = unsafe { cman_get_nodes(stage.handle, max, &raw mut count, room.as_mut_ptr()) };
    assert_eq!(returned, 0);
    room[..usize::try_from(count).unwrap()].to_vec()
}

#[test]
fn nodes_are_listed_and_behind_them_the_device() {
    let stage = cluster(NodeState::Member, true);
    assert_eq!(cman_get_node_count(stage.handle), 6);
    let nodes = get_nodes(&stage, 8);
    let seen: Vec<_> = nodes.iter().map(|n| (n.nodeid, text(&n.name), n.member)).collect();
    let expected =
        [(1, "n1", 1), (2, "n2", 1), (3, "n3", 0), (4, "n4", 0), (5, "n5", 0), (0, "disk", 1)];
    assert_eq!(seen, expected);
    let [first, ..] = nodes.as_slice() else { panic!("no nodes") };
    assert_eq!(first.incarnation, 77);
    assert_eq!((first.jointime.tv_sec, first.jointime.tv_usec), (1_700_000_000, 123_456));
    assert_eq!((first.address.addrlen, first.address.address[7]), (16, 7));
    assert_eq!(get_nodes(&stage, 2).len(), 2);
    assert_eq!(cman_get_node_count(cluster(NodeState::Member, false).handle), 5);
}

#[test]
fn room_for_nodes_must_be_there() {
    let stage = cluster(NodeState::Member, false);
    let (mut node, mut count) = (zeros::<Node>(), 9);
    let (room, number) = (&raw mut node, &raw mut count);
    for (max, number, room) in [
        (0, number, room),
        (-1, number, room),
        (1, ptr::null_mut(), room),
        (1, number, ptr::null_mut()),
    ] {
        // SAFETY: what is NULL is refused, and for the others there is room.
        let returned = unsafe { cman_get_nodes(stage.handle, max, number, room) };
        assert_fails(returned, libc::EINVAL);
        // SAFETY: as above.
        let returned = unsafe { cman_get_disallowed_nodes(stage.handle, max, number, room) };
        assert_fails(returned, libc::EINVAL);
    }
    assert_eq!(count, 9);
    // SAFETY: there is room for one.
    let returned =
        unsafe { cman_get_disallowed_nodes(stage.handle, 1, &raw mut count, &raw mut node) };
    assert_eq!((returned, count, node.nodeid, node.member), (0, 1, 4, 0));
}

#[test]
fn one_node_is_found_by_name_or_by_id() {
    let stage = cluster(NodeState::Member, true);
    let find = |id, name: &[u8]| {
        let mut node = zeros::<Node>();
        for (place, byte) in node.name.iter_mut().zip(name) {
            *place = *byte;
        }
        // SAFETY: a node is there.
        match unsafe { cman_get_node(stage.handle, id, &raw mut node) } {
            0 => Ok((node.nodeid, text(&node.name).to_owned())),
            _ => Err(errno()),
        }
    };
    assert_eq!(find(0, b""), Ok((1, "n1".to_owned())));
    assert_eq!(find(3, b""), Ok((3, "n3".to_owned())));
    assert_eq!(find(3, b"n2"), Ok((2, "n2".to_owned())));
    assert_eq!(find(-1, b""), Ok((0, "disk".to_owned())));
    assert_eq!(find(6, b""), Err(libc::ENOENT));
    assert_eq!(find(-2, b""), Err(libc::ENOENT));
    assert_eq!(find(1, b"n6"), Err(libc::ENOENT));
    assert_eq!(find(1, &[b'x'; 255]), Err(libc::ENOENT));
    assert_eq!(find(1, &[b'x'; 256]), Err(libc::EINVAL));
    // SAFETY: NULL is refused.
    assert_fails(unsafe { cman_get_node(stage.handle, 1, ptr::null_mut()) }, libc::EINVAL);
}

#[test]
fn members_have_addresses_and_others_none() {
    let stage = cluster(NodeState::Member, false);
    let get = |id, max| {
        let (mut room, mut count) = ([zeros::<NodeAddress>(); 2], -1);
        // SAFETY: there is room for two.
        let returned = unsafe {
            cman_get_node_addrs(stage.handle, id, max, &raw mut count, room.as_mut_ptr())
        };
        (if returned == 0 { 0 } else { errno() }, count, room.map(|address| address.addrlen))
    };
    assert_eq!(get(2, 2), (0, 2, [16, 28]));
    assert_eq!(get(2, 1), (0, 2, [16, 0]));
    assert_eq!(get(2, 0), (0, 2, [0, 0]));
    assert_eq!(get(3, 2), (0, 0, [0, 0]));
    for (id, max) in [(0, 2), (6, 2), (-1, 2), (2, -1)] {
        assert_eq!(get(id, max), (libc::EINVAL, -1, [0, 0]));
    }
}

#[test]
fn who_has_never_been_a_member_knows_nothing() {
    let stage = cluster(NodeState::NeverSeen, true);
    let (mut node, mut count) = (zeros::<Node>(), 0);
    assert_fails(cman_get_node_count(stage.handle), libc::ENOENT);
    // SAFETY: there is room for one.
    let returned = unsafe { cman_get_nodes(stage.handle, 1, &raw mut count, &raw mut node) };
    assert_fails(returned, libc::ENOENT);
    // SAFETY: as above.
    let returned = unsafe { cman_get_node(stage.handle, 0, &raw mut node) };
    assert_fails(returned, libc::ENOENT);
}

#[test]
fn the_cluster_and_the_daemon_are_told() {
    let stage = cluster(NodeState::Member, true);
    let (mut version, mut found) = (zeros::<Version>(), zeros::<Cluster>());
    // SAFETY: there is room for each.
    unsafe {
        assert_eq!(cman_get_version(stage.handle, &raw mut version), 0);
        assert_eq!(cman_get_cluster(stage.handle, &raw mut found), 0);
        assert_fails(cman_get_version(stage.handle, ptr::null_mut()), libc::EINVAL);
        assert_fails(cman_get_cluster(stage.handle, ptr::null_mut()), libc::EINVAL);
    }
    assert_eq!(version, Version { major: 6, minor: 2, patch: 0, config: 7 });
    assert_eq!((text(&found.name), found.number, found.generation), ("alpha", 3453, 99));
    assert_eq!(cman_get_subsys_count(stage.handle), 4);
    assert_eq!(cman_is_active(stage.handle), 1);
    // There is no page to read, so the daemon is asked.
    assert_eq!(cman_is_quorate(stage.handle), 1);
}

#[test]
fn the_device_and_the_fencing_are_told() {
    let stage = cluster(NodeState::Member, true);
    let mut device = zeros::<DeviceInfo>();
    // SAFETY: there is room for it.
    assert_eq!(unsafe { cman_get_quorum_device(stage.handle, &raw mut device) }, 0);
    assert_eq!((text(&device.name), device.state, device.votes), ("disk", 2, 3));
    let without = cluster(NodeState::Member, false);
    // SAFETY: as above.
    let returned = unsafe { cman_get_quorum_device(without.handle, &raw mut device) };
    assert_fails(returned, libc::ENOENT);
    let (mut time, mut fenced, mut agent) = (0, 0, [b'x'; 256]);
    let get = |id, time, fenced, agent| {
        // SAFETY: there is room for each, or it is NULL.
        unsafe { cman_get_fenceinfo(stage.handle, id, time, fenced, agent) }
    };
    let (time_at, fenced_at) = (&raw mut time, &raw mut fenced);
    assert_eq!(get(3, time_at, fenced_at, agent.as_mut_ptr().cast()), 0);
    assert_eq!((time, fenced, text(&agent), agent[255]), (99, 1, "apc", b'x'));
    assert_eq!(get(3, time_at, fenced_at, ptr::null_mut()), 0);
    assert_fails(get(2, time_at, fenced_at, ptr::null_mut()), libc::EINVAL);
    assert_fails(get(0, time_at, fenced_at, ptr::null_mut()), libc::EINVAL);
    assert_fails(get(3, ptr::null_mut(), fenced_at, ptr::null_mut()), libc::EINVAL);
    assert_fails(get(3, time_at, ptr::null_mut(), ptr::null_mut()), libc::EINVAL);
}

/// A structure with room for addresses behind it.
#[derive(Clone, Copy)]
#[repr(C)]
struct Large {
    info: ExtraInfo,
    more: [u8; 600],
}

#[test]
fn extra_info_carries_addresses_where_they_fit() {
    let stage = cluster(NodeState::Member, false);
    let get = |len| {
        let mut large = zeros::<Large>();
        // SAFETY: there is more room than that.
        let returned = unsafe { cman_get_extra_info(stage.handle, (&raw mut large).cast(), len) };
        (if returned == 0 { 0 } else { errno() }, large)
    };
    // Two networks, two addresses for each.
    let whole = 64 + 4 * 128;
    let (returned, Large { info, more }) = get(whole);
    assert_eq!((returned, info.num_addresses), (0, 2));
    assert_eq!((info.node_state, info.flags, info.node_votes), (2, 1 + 16, 2));
    assert_eq!((info.total_votes, info.expected_votes, info.quorum, info.members), (4, 6, 4, 2));
    assert_eq!((info.ports[0], info.ports[1], info.ports[22]), (1, 8, 2));
    assert_eq!(info.addresses, [2, 0, 0, 0]);
    // The rest of 239.1.2.3, then the unknown one, then 10.0.0.1 and fe80::1.
    assert_eq!(more[..4], [239, 1, 2, 3]);
    assert_eq!(more[124..134], [10, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(more[252..260], [2, 0, 0, 0, 10, 0, 0, 1]);
    assert_eq!(more[380..390], [10, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80]);
    let (returned, Large { info, more }) = get(whole - 1);
    assert_eq!((returned, info.num_addresses, info.members), (0, 0, 2));
    assert_eq!(more, [0; 600]);
    assert_eq!(get(67).0, libc::EINVAL);
    assert_eq!(get(-1).0, libc::EINVAL);
    // SAFETY: NULL is refused.
    assert_fails(unsafe { cman_get_extra_info(stage.handle, ptr::null_mut(), 999) }, libc::EINVAL);
}

#[test]
fn a_question_is_asked_until_the_daemon_has_time_for_it() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let stage = Stage::answering(Socket::Public, move |request| {
        let reply = match (request, count.fetch_add(1, Ordering::Relaxed)) {
            (_, 0) => refusal(ErrorCode::Busy),
            (_, 1) => refusal(ErrorCode::Failed),
            (_, _) => Reply::Status(Box::new(status())),
        };
        vec![Message::Reply(reply)]
    });
    assert_eq!(cman_get_subsys_count(stage.handle), 4);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}
