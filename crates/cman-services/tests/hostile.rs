//! Bytes that no honest node sends: they change nothing that is not their sender's, and nobody
//! stumbles over them. (Whoever holds the cluster's key may send anything.)
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panic")]

mod cluster;

use bytes::Bytes;
use cluster::{Cluster, node_id, process};
use cman_services::{
    BarrierName, BarrierOptions, BarrierRequest, FenceRequest, GroupRequest, Out, PortRequest,
    Services, Session,
};
use cman_types::{Instant, Prng};
use proptest::{collection::vec, prelude::*};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Three nodes in one view, a member of `g` on each; in the middle of a sync, or in step.
fn with_members(syncing: bool) -> Cluster {
    let mut cluster = Cluster::formed(3);
    for id in 1..=3 {
        cluster.join(id, 1, "g", 100).unwrap();
    }
    // Two more than there will be.
    register_and_wait(&mut cluster, 1, 3);
    cluster.ask_other(1, 3, PortRequest::Bind { port: 11 }).unwrap();
    cluster.run();
    if syncing {
        cluster.view(&[3]);
        cluster.view(&[1, 2, 3]);
    }
    cluster
}

fn register_and_wait(cluster: &mut Cluster, id: u32, nodes: u32) {
    let name = BarrierName::new(b"b").unwrap();
    let options = BarrierOptions::default();
    let register = BarrierRequest::Register { name: name.clone(), nodes, options };
    cluster.ask_other(id, 2, register).unwrap();
    cluster.ask_other(id, 2, BarrierRequest::Wait { name }).unwrap();
}

fn deliver_garbage(cluster: &mut Cluster, bytes: Vec<u8>) {
    let hostile = cluster.node(3).id;
    for id in [1, 2] {
        cluster.node(id).services.on_deliver(hostile, Bytes::from(bytes.clone()));
    }
}

/// Whatever was sent, node 1 and 2 agree, list nobody who is not there, and still list themselves.
fn check(cluster: &mut Cluster) {
    for id in [1, 2] {
        let services = &mut cluster.node(id).services;
        while services.poll().is_some() {}
        assert_eq!(services.ghosts().count(), 0);
    }
    // Nobody took the port of 1, or speaks of another's.
    let ports = |id| cluster.nodes[&id].services.all_ports().collect::<Vec<_>>();
    assert_eq!(ports(1), ports(2));
    let own = |node: u32| ports(1).iter().find(|(of, _)| *of == node_id(node)).map(|it| *it.1);
    assert!(own(1).is_some_and(|own| own.iter().eq([0, 11])), "{:?}", ports(1));
    assert!(own(2).is_some_and(|own| own.iter().eq([0])), "{:?}", ports(1));
    // Nobody took the claim of 1, or made it pass.
    let claims = |id| cluster.nodes[&id].services.barriers().collect::<Vec<_>>();
    assert_eq!(claims(1), claims(2));
    let one = node_id(1);
    let kept = claims(1).iter().any(|(name, node, _)| name.as_bytes() == b"b" && *node == one);
    assert!(kept, "{:?}", claims(1));
    let fenced = |id| cluster.nodes[&id].services.all_fenced().collect::<Vec<_>>();
    assert_eq!(fenced(1), fenced(2));
    let members = cluster.members(1, "g");
    assert_eq!(members, cluster.members(2, "g"));
    assert!(members.starts_with(&[process(1, 100), process(2, 100)]), "{members:?}");
}

/// What honest nodes send: the seeds from which garbage is made.
fn honest() -> Vec<Bytes> {
    let mut cluster = with_members(true);
    cluster.join(3, 2, "h", 7).unwrap();
    cluster.say(3, 2, "h", "text").unwrap();
    cluster.leave(3, 2, "h").unwrap();
    cluster.ask_other(3, 2, PortRequest::Bind { port: 11 }).unwrap();
    let letter = PortRequest::Send { to: None, port: 11, payload: "text".into() };
    cluster.ask_other(3, 2, letter).unwrap();
    cluster.close(3, 2);
    cluster.close(3, 1);
    register_and_wait(&mut cluster, 3, 3);
    let agent = Bytes::from_static(b"agent");
    cluster.ask_other(3, 2, FenceRequest::Note { node: node_id(2), at: 1, agent }).unwrap();
    cluster.node(3).queue.iter().cloned().collect()
}

proptest! {
    #[test]
    fn any_bytes(syncing: bool, first in 0u8..6, messages in vec(vec(any::<u8>(), 0..80), 1..20)) {
        let mut cluster = with_members(syncing);
        for message in messages {
            deliver_garbage(&mut cluster, message.clone());
            deliver_garbage(&mut cluster, [&[first][..], &message].concat());
        }
        check(&mut cluster);
    }

    #[test]
    fn almost_honest_bytes(syncing: bool, seed: u64) {
        let mut cluster = with_members(syncing);
        let mut prng = Prng::new(seed);
        let honest = honest();
        for _ in 0..20 {
            let mut bytes = honest[prng.below(honest.len() as u64) as usize].to_vec();
            for _ in 0..prng.below(4) {
                let at = prng.below(bytes.len() as u64) as usize;
                match prng.below(4) {
                    0 => bytes[at] = prng.next_u64() as u8,
                    1 => bytes.truncate(at.max(1)),
                    2 => bytes.insert(at, prng.next_u64() as u8),
                    _ => bytes[at] ^= 1 << prng.below(8),
                }
            }
            deliver_garbage(&mut cluster, bytes);
        }
        check(&mut cluster);
    }
}

/// G-08: nobody speaks for processes of another node.
#[test]
fn a_node_speaks_for_itself_only() {
    let mut cluster = with_members(false);
    // 3 sends what 2 would send if its process left, died, or spoke.
    cluster.leave(2, 1, "g").unwrap();
    let leave = cluster.node(2).queue.pop_front().unwrap().to_vec();
    let mut died = leave.clone();
    died[1] = 3;
    deliver_garbage(&mut cluster, leave);
    deliver_garbage(&mut cluster, died);
    assert_eq!(cluster.members(1, "g"), [process(1, 100), process(2, 100)], "3 left, not 2");
}

/// G-06: only members speak to a group.
#[test]
fn who_is_not_in_a_group_does_not_speak_to_it() {
    let mut cluster = with_members(false);
    cluster.say(3, 1, "g", "text").unwrap();
    let message = cluster.node(3).queue.pop_front().unwrap().to_vec();
    let mut of_another = message.clone();
    of_another[7] += 1;
    deliver_garbage(&mut cluster, of_another);
    assert_eq!(cluster.node(1).services.poll(), None);
    deliver_garbage(&mut cluster, message);
    assert!(matches!(cluster.node(1).services.poll(), Some(Out::Client { .. })));
}

/// G-08: a node that is not in the view, or not in step, says nothing.
#[test]
fn strangers_say_nothing() {
    let mut cluster = with_members(false);
    cluster.join(3, 2, "h", 7).unwrap();
    let join = cluster.node(3).queue.pop_front().unwrap();
    let mut stranger = cluster.node(3).id;
    stranger.incarnation.0 += 1;
    cluster.node(1).services.on_deliver(stranger, join);
    assert!(cluster.members(1, "h").is_empty());
}

/// G-17: no node has more memberships than fit into its part of a sync.
#[test]
fn memberships_are_bounded() {
    const MAX: u32 = 16_384;
    let mut cluster = Cluster::formed(2);
    let one = cluster.node(1).id;
    let name = |number: u32| format!("{number:0128}");
    let join = |number| GroupRequest::Join { group: cluster::group(&name(number)), pid: 1 };
    for number in 0..MAX {
        let services = &mut cluster.node(1).services;
        services.on_client(Instant::ZERO, Session(1), join(number).into()).unwrap();
        let Some(Out::Multicast { payload, .. }) = services.poll() else { panic!("no join") };
        services.on_deliver(one, payload.clone());
        services.poll();
        cluster.node(2).services.on_deliver(one, payload);
    }
    let services = &mut cluster.node(1).services;
    let refused =
        services.on_client(Instant::ZERO, Session(1), join(MAX).into()).unwrap_err().to_string();
    assert!(refused.contains("16384"), "{refused}");

    // One more, from a node that does not count.
    let one_more = Bytes::from([&[1, 1, 1, b'x'][..], &[0, 0, 0, 1]].concat());
    cluster.node(2).services.on_deliver(one, one_more.clone());
    assert_eq!(cluster.node(2).services.groups().count(), MAX as usize);

    cluster.start(3);
    cluster.view(&[1, 2, 3]);
    assert!(cluster.node(1).queue[0].len() < 3 << 20);
    cluster.run();
    assert_eq!(cluster.node(3).services.groups().count(), MAX as usize);
    cluster.node(3).services.on_deliver(one, one_more);
    assert_eq!(cluster.node(3).services.groups().count(), MAX as usize);

    // Who leaves makes room.
    let leave = GroupRequest::Leave { group: cluster::group(&name(7)) };
    let services = &mut cluster.node(1).services;
    services.on_client(Instant::ZERO, Session(1), leave.into()).unwrap();
    let Some(Out::Multicast { payload, .. }) = services.poll() else { panic!("no leave") };
    services.on_deliver(one, payload);
    services.on_client(Instant::ZERO, Session(1), join(MAX).into()).unwrap();
    while let Some(out) = services.poll() {
        if let Out::Multicast { payload, .. } = out {
            services.on_deliver(one, payload);
        }
    }
    assert_eq!(services.members(&cluster::group(&name(MAX))), [process(1, 1)]);
}

/// The model checker stores and compares whole states.
#[test]
fn a_state_is_a_value() {
    let mut cluster = with_members(true);
    let hash = |services: &Services| {
        let mut hasher = DefaultHasher::new();
        services.hash(&mut hasher);
        hasher.finish()
    };
    let before = cluster.node(1).services.clone();
    assert_eq!(hash(&before), hash(&cluster.node(1).services));
    cluster.run();
    assert_ne!(before, cluster.node(1).services);
    assert_ne!(hash(&before), hash(&cluster.node(1).services));
}
