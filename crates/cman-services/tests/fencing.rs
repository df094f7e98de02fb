//! The fencing record, rule by rule: `docs/spec/fencing.md`.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panic")]

mod cluster;

use bytes::Bytes;
use cluster::{Cluster, node_id};
use cman_services::{ClientError, ClientEvent, FenceError, FenceEvent, FenceRequest};

fn note(cluster: &mut Cluster, by: u32, of: u32, at: u64) {
    let agent = Bytes::from_static(b"fence_apc");
    cluster.ask_other(by, 1, FenceRequest::Note { node: node_id(of), at, agent }).unwrap();
}

/// What a node knows of another: when, and whether since it went down.
fn fenced(cluster: &Cluster, id: u32, of: u32) -> Option<(u64, bool)> {
    let record = cluster.nodes[&id].services.fenced(node_id(of))?;
    assert_eq!(record.agent, b"fence_apc"[..]);
    Some((record.at, record.fenced))
}

fn all_know(cluster: &Cluster, of: u32, what: Option<(u64, bool)>) {
    for id in cluster.nodes.keys() {
        assert_eq!(fenced(cluster, *id, of), what, "node {id}");
    }
}

/// FR-01, FR-02, FR-03: all members know it, and whoever reported is answered then.
#[test]
fn all_members_note_it() {
    let mut cluster = Cluster::formed(3);
    cluster.crash(3);
    cluster.view(&[1, 2]);
    all_know(&cluster, 3, None);
    note(&mut cluster, 1, 3, 1000);
    assert!(cluster.answers(1).is_empty());
    cluster.run();
    let told = cluster.answers(1);
    let noted = ClientEvent::Fence(FenceEvent::Noted { node: node_id(3) });
    assert_eq!(told.iter().map(|answer| &answer.event).collect::<Vec<_>>(), [&noted]);
    assert!(cluster.answers(2).is_empty());
    all_know(&cluster, 3, Some((1000, true)));
}

/// FR-02: what was reported stays reported.
#[test]
fn a_report_outlives_its_client() {
    let mut cluster = Cluster::formed(2);
    note(&mut cluster, 1, 2, 1000);
    cluster.close(1, 1);
    cluster.run();
    assert!(cluster.answers(1).is_empty());
    all_know(&cluster, 2, Some((1000, true)));
}

/// FR-02.
#[test]
fn an_agent_has_a_bounded_name() {
    let mut cluster = Cluster::formed(1);
    let mut name_of = |size: usize| {
        let agent = Bytes::from(vec![b'x'; size]);
        cluster.ask_other(1, 1, FenceRequest::Note { node: node_id(2), at: 1, agent })
    };
    assert_eq!(name_of(254), Ok(()));
    assert_eq!(name_of(255), Err(ClientError::Fence(FenceError::AgentTooLong { size: 255 })));
}

/// FR-04: until it goes down again.
#[test]
fn a_node_that_returns_and_falls_again_was_not_fenced_since() {
    let mut cluster = Cluster::formed(3);
    cluster.crash(3);
    cluster.view(&[1, 2]);
    note(&mut cluster, 2, 3, 1000);
    cluster.run();
    cluster.start(3);
    cluster.view(&[1, 2, 3]);
    cluster.run();
    all_know(&cluster, 3, Some((1000, true)));
    cluster.crash(3);
    cluster.view(&[1, 2]);
    all_know(&cluster, 3, Some((1000, false)));
    note(&mut cluster, 2, 3, 900);
    cluster.run();
    all_know(&cluster, 3, Some((900, true)));
}

/// FR-04: also if it fell and rose within one change of views, or before it was brought in step.
#[test]
fn a_fall_that_took_no_time_is_one() {
    let mut cluster = Cluster::formed(3);
    cluster.crash(3);
    cluster.view(&[1, 2]);
    note(&mut cluster, 2, 3, 1000);
    cluster.run();
    for falls_in_sync in [true, false] {
        cluster.start(3);
        cluster.view(&[1, 2, 3]);
        if !falls_in_sync {
            cluster.run();
        }
        cluster.crash(3);
        cluster.start(3);
        cluster.view(&[1, 2, 3]);
        cluster.run();
        all_know(&cluster, 3, Some((1000, false)));
        note(&mut cluster, 2, 3, 1000);
        cluster.crash(3);
        cluster.view(&[1, 2]);
        cluster.run();
    }
}

/// FR-03, FR-04: fenced before membership noticed, it goes down for that.
#[test]
fn fenced_while_up_is_fenced_when_down() {
    let mut cluster = Cluster::formed(3);
    note(&mut cluster, 1, 3, 1000);
    cluster.run();
    all_know(&cluster, 3, Some((1000, true)));
    cluster.crash(3);
    cluster.view(&[1, 2]);
    all_know(&cluster, 3, Some((1000, true)));
    cluster.start(3);
    cluster.view(&[1, 2, 3]);
    cluster.run();
    cluster.crash(3);
    cluster.view(&[1, 2]);
    all_know(&cluster, 3, Some((1000, false)));
}

/// FR-05: who joins learns it; of two accounts the newer stands.
#[test]
fn the_newest_account_stands() {
    let mut cluster = Cluster::formed(4);
    cluster.crash(4);
    cluster.view(&[1, 2, 3]);
    cluster.view(&[1]);
    cluster.view(&[2, 3]);
    note(&mut cluster, 1, 4, 1000);
    note(&mut cluster, 3, 4, 2000);
    cluster.run();
    cluster.view(&[2, 1, 3]);
    cluster.run();
    all_know(&cluster, 4, Some((2000, true)));
    cluster.start(5);
    cluster.view(&[1, 2, 3, 5]);
    cluster.run();
    all_know(&cluster, 4, Some((2000, true)));
}

/// FR-05: who saw it go down since knows better.
#[test]
fn of_the_same_fencing_what_both_say() {
    let mut cluster = Cluster::formed(3);
    cluster.crash(3);
    cluster.view(&[1, 2]);
    note(&mut cluster, 1, 3, 1000);
    cluster.run();
    cluster.start(3);
    cluster.view(&[1, 2, 3]);
    cluster.run();
    cluster.view(&[1]);
    cluster.view(&[2, 3]);
    assert_eq!(fenced(&cluster, 1, 3), Some((1000, false)));
    assert_eq!(fenced(&cluster, 2, 3), Some((1000, true)));
    cluster.view(&[1, 2, 3]);
    cluster.run();
    all_know(&cluster, 3, Some((1000, false)));
}
