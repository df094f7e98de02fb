//! Ports, rule by rule.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panic")]

mod cluster;

use bytes::Bytes;
use cluster::{Cluster, node_id};
use cman_services::{
    ClientError, ClientEvent, Out, PortError, PortEvent, PortRequest, Session, ViewInfo,
};
use cman_types::NodeId;

fn bind(cluster: &mut Cluster, id: u32, session: u64, port: u8) -> Result<(), PortError> {
    answer(cluster.ask_other(id, session, PortRequest::Bind { port }))
}

fn send(cluster: &mut Cluster, id: u32, session: u64, to: Option<u32>, port: u8, text: &str) {
    let (to, payload) = (to.map(node_id), Bytes::copy_from_slice(text.as_bytes()));
    cluster.ask_other(id, session, PortRequest::Send { to, port, payload }).unwrap();
}

fn answer(result: Result<(), ClientError>) -> Result<(), PortError> {
    result.map_err(|error| match error {
        ClientError::Port(error) => error,
        error => panic!("{error}"),
    })
}

/// What the clients of a node were told since, in short.
fn told(cluster: &mut Cluster, id: u32) -> Vec<String> {
    let short = |event: ClientEvent| match event {
        ClientEvent::Port(PortEvent::Opened { node }) => format!("+{node}"),
        ClientEvent::Port(PortEvent::Closed { node }) => format!("-{node}"),
        ClientEvent::Port(PortEvent::Message { node, port, payload }) => {
            format!("{node}:{port} {}", payload.escape_ascii())
        }
        other => panic!("{other:?}"),
    };
    let line = |answer: cluster::Answer| format!("{} {}", answer.session.0, short(answer.event));
    cluster.answers(id).into_iter().map(line).collect()
}

/// The ports that a node knows of another, without port 0; none if it knows nothing.
fn ports(cluster: &Cluster, id: u32, of: u32) -> Option<Vec<u8>> {
    let ports = cluster.nodes[&id].services.ports(node_id(of))?;
    assert!(ports.contains(0), "PT-01");
    Some(ports.iter().filter(|port| *port != 0).collect())
}

/// Three nodes in step, of which 1 and 2 have bound port 11, and know it.
fn two_binders() -> Cluster {
    let mut cluster = Cluster::formed(3);
    bind(&mut cluster, 1, 1, 11).unwrap();
    cluster.run();
    bind(&mut cluster, 2, 1, 11).unwrap();
    cluster.run();
    assert_eq!(told(&mut cluster, 1), ["1 +1", "1 +2"]);
    assert_eq!(told(&mut cluster, 2), ["1 +2"], "PT-06: from its own on");
    cluster
}

/// PT-02, PT-06
#[test]
fn all_know_what_is_bound_where() {
    let mut cluster = two_binders();
    bind(&mut cluster, 2, 2, 255).unwrap();
    cluster.run();
    for id in 1..=3 {
        let known = [1, 2, 3].map(|of| ports(&cluster, id, of).unwrap());
        assert_eq!(known, [vec![11], vec![11, 255], vec![]], "node {id}");
    }
    assert_eq!(told(&mut cluster, 1), [""; 0], "another port is nothing to it");
}

/// PT-01, PT-03
#[test]
fn a_port_has_one_binder_and_a_client_one_port() {
    let mut cluster = Cluster::formed(2);
    bind(&mut cluster, 1, 1, 11).unwrap();
    assert_eq!(bind(&mut cluster, 1, 2, 11), Err(PortError::Taken { port: 11 }));
    assert_eq!(bind(&mut cluster, 1, 1, 11), Err(PortError::HasPort { port: 11 }));
    assert_eq!(bind(&mut cluster, 1, 1, 12), Err(PortError::HasPort { port: 11 }));
    assert_eq!(bind(&mut cluster, 1, 2, 0), Err(PortError::Zero));
    let (to, payload) = (None, Bytes::new());
    let to_zero = cluster.ask_other(1, 1, PortRequest::Send { to, port: 0, payload });
    assert_eq!(answer(to_zero), Err(PortError::Zero));
    assert_eq!(bind(&mut cluster, 2, 1, 11), Ok(()), "another node has its own");
    assert_eq!(cluster.node(1).queue.len(), 1, "what is refused is not sent");
}

/// PT-04, PT-12: what a client sends after its bind reaches it.
#[test]
fn who_has_bound_a_port_hears_itself_at_once() {
    let mut cluster = Cluster::formed(2);
    bind(&mut cluster, 1, 1, 11).unwrap();
    assert!(cluster.node(1).services.is_bound_here(11));
    assert_eq!(ports(&cluster, 1, 1).unwrap(), [0; 0], "it was not delivered");
    send(&mut cluster, 1, 1, None, 11, "mine");
    cluster.run();
    assert_eq!(told(&mut cluster, 1), ["1 +1", "1 1:11 mine"]);
}

/// PT-03, PT-05, PT-06
#[test]
fn a_port_is_free_when_its_client_is_gone() {
    let mut cluster = two_binders();
    cluster.close(1, 1);
    assert!(!cluster.node(1).services.is_bound_here(11));
    bind(&mut cluster, 1, 2, 11).unwrap();
    assert!(cluster.node(1).services.is_bound_here(11));
    send(&mut cluster, 2, 1, Some(1), 11, "to whom?");
    cluster.node(2).mute = true;
    cluster.run();
    assert_eq!(told(&mut cluster, 1), ["2 +1"], "nothing of the end of the one before");
    assert_eq!(told(&mut cluster, 2), ["1 -1", "1 +1"]);
    cluster.node(2).mute = false;
    cluster.run();
    assert_eq!(told(&mut cluster, 1), ["2 2:11 to whom?"]);
    cluster.close(1, 2);
    cluster.run();
    assert_eq!(ports(&cluster, 3, 1).unwrap(), [0; 0]);
    assert_eq!(told(&mut cluster, 2), ["1 -1"]);
}

/// PT-07, PT-11
#[test]
fn messages_go_to_one_or_to_all_who_have_bound_the_port() {
    let mut cluster = two_binders();
    bind(&mut cluster, 3, 7, 12).unwrap();
    send(&mut cluster, 3, 7, None, 11, "all");
    send(&mut cluster, 3, 7, Some(2), 11, "two");
    send(&mut cluster, 3, 8, Some(2), 11, "");
    send(&mut cluster, 3, 7, Some(9), 11, "nobody");
    send(&mut cluster, 3, 7, None, 13, "nobody");
    send(&mut cluster, 3, 7, Some(3), 12, "myself");
    cluster.run();
    assert_eq!(told(&mut cluster, 1), ["1 3:12 all"]);
    assert_eq!(told(&mut cluster, 2), ["1 3:12 all", "1 3:12 two", "1 3:0 "]);
    assert_eq!(told(&mut cluster, 3), ["7 +3", "7 3:12 myself"]);
}

/// PT-08, PT-09: a lost node is not told of; one that comes back is.
#[test]
fn who_is_lost_is_forgotten_and_who_comes_is_told_of() {
    let mut cluster = two_binders();
    cluster.view(&[1, 3]);
    cluster.view(&[2]);
    cluster.run();
    assert_eq!(ports(&cluster, 1, 2), None);
    assert_eq!(ports(&cluster, 2, 1), None);
    bind(&mut cluster, 3, 1, 11).unwrap();
    cluster.run();
    assert_eq!(told(&mut cluster, 1), ["1 +3"], "nothing of node 2");
    cluster.view(&[1, 2, 3]);
    assert_eq!(ports(&cluster, 1, 2), None, "PT-12: not yet");
    cluster.run();
    assert_eq!(told(&mut cluster, 1), ["1 +2"]);
    assert_eq!(told(&mut cluster, 2), ["1 +1", "1 +3"]);
    assert_eq!(told(&mut cluster, 3), ["1 +3", "1 +2"]);
    for (id, of) in [(1, 2), (2, 1), (3, 2), (2, 3)] {
        assert_eq!(ports(&cluster, id, of).unwrap(), [11]);
    }
}

/// PT-05: what a node asked for while it was apart comes after what it said in the sync.
#[test]
fn a_port_that_comes_and_goes_during_a_sync() {
    let mut cluster = two_binders();
    cluster.view(&[1, 3]);
    cluster.view(&[2]);
    cluster.run();
    cluster.view(&[1, 2, 3]);
    cluster.close(2, 1);
    bind(&mut cluster, 2, 2, 12).unwrap();
    cluster.run();
    assert_eq!(told(&mut cluster, 1), ["1 +2", "1 -2"]);
    assert_eq!(ports(&cluster, 1, 2).unwrap(), [12]);
}

/// PT-10: what a node says of itself counts, also at those who knew something else.
#[test]
fn damaged_memory_heals() {
    let mut cluster = two_binders();
    let ids = [1, 2, 3].map(|id| cluster.node(id).id);
    let mut nodes = [1, 2, 3].map(|id| cluster.node(id).services.clone());
    // Node 1 believes of node 2 what nobody else does.
    for bytes in [&[2, 2, 11][..], &[2, 1, 12]] {
        nodes[0].on_deliver(ids[1], Bytes::copy_from_slice(bytes));
    }
    let told = Out::Client {
        session: Session(1),
        event: ClientEvent::Port(PortEvent::Closed { node: node_id(2) }),
    };
    assert_eq!(nodes[0].poll(), Some(told));
    // A view to which 3 comes by another way, so that all speak.
    let mut view = cluster.streams[0].view.clone();
    view.id.epoch.0 += 1;
    let along: [&[NodeId]; 3] =
        [&[node_id(1), node_id(2)], &[node_id(1), node_id(2)], &[node_id(3)]];
    let mut parts = Vec::new();
    for (services, transitional) in nodes.iter_mut().zip(along) {
        services.on_view(cluster.now, &ViewInfo { view: &view, transitional });
        while let Some(out) = services.poll() {
            let Out::Multicast { payload, .. } = out else { panic!("{out:?}") };
            parts.push(payload);
        }
    }
    for (id, part) in ids.into_iter().zip(parts) {
        nodes[0].on_deliver(id, part);
    }
    let known = nodes[0].ports(node_id(2)).unwrap();
    assert!(known.iter().eq([0, 11]), "{known:?}");
    let told = Out::Client {
        session: Session(1),
        event: ClientEvent::Port(PortEvent::Opened { node: node_id(2) }),
    };
    assert_eq!(nodes[0].poll(), Some(told));
    assert!(matches!(nodes[0].poll(), Some(Out::Synced { .. })));
}

/// PT-02: of a node that is not in step nothing is heard.
#[test]
fn strangers_open_nothing() {
    let mut cluster = two_binders();
    let mut stranger = cluster.node(3).id;
    stranger.incarnation.0 += 1;
    cluster.node(1).services.on_deliver(stranger, Bytes::from_static(&[2, 1, 11]));
    assert_eq!(ports(&cluster, 1, 3).unwrap(), [0; 0]);
    assert_eq!(cluster.node(1).services.poll(), None);
}
