//! Barriers, rule by rule: `docs/spec/barriers.md`.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panic")]

mod cluster;

use cluster::{Cluster, TOKEN, node_id};
use cman_services::{
    BarrierChange, BarrierError, BarrierName, BarrierOptions, BarrierRequest, ClientError,
    ClientEvent, Session,
};
use core::time::Duration;

const AUTODELETE: BarrierOptions = BarrierOptions { autodelete: true, enabled: false };
const PLAIN: BarrierOptions = BarrierOptions { autodelete: false, enabled: false };

fn b() -> BarrierName {
    BarrierName::new(b"b").unwrap()
}

fn ask(cluster: &mut Cluster, id: u32, session: u64, request: BarrierRequest) {
    cluster.ask_other(id, session, request).unwrap();
}

fn register(cluster: &mut Cluster, id: u32, session: u64, nodes: u32, options: BarrierOptions) {
    ask(cluster, id, session, BarrierRequest::Register { name: b(), nodes, options });
}

fn wait(cluster: &mut Cluster, id: u32, session: u64) {
    ask(cluster, id, session, BarrierRequest::Wait { name: b() });
}

fn change(cluster: &mut Cluster, id: u32, session: u64, change: BarrierChange) {
    ask(cluster, id, session, BarrierRequest::Change { name: b(), change });
}

fn delete(cluster: &mut Cluster, id: u32, session: u64) {
    ask(cluster, id, session, BarrierRequest::Delete { name: b() });
}

/// What the clients of a node were told since the last time: session and result.
fn told(cluster: &mut Cluster, id: u32) -> Vec<(u64, &'static str)> {
    let short = |answer: cluster::Answer| {
        let ClientEvent::Barrier(event) = answer.event else { panic!("{answer:?}") };
        assert_eq!(event.name, b());
        let result = match event.result {
            Ok(()) => "done",
            Err(BarrierError::HasCome { .. }) => "has come",
            Err(BarrierError::NodeLost { .. }) => "node lost",
            Err(BarrierError::NotFound { .. }) => "not found",
            Err(BarrierError::OtherCount { .. }) => "other count",
            Err(BarrierError::TimedOut { .. }) => "timed out",
            Err(error) => panic!("{error}"),
        };
        (answer.session.0, result)
    };
    cluster.answers(id).into_iter().map(short).collect()
}

/// The same, and it is exactly one.
fn answer(cluster: &mut Cluster, id: u32) -> &'static str {
    let told = told(cluster, id);
    assert_eq!(told.len(), 1, "{told:?}");
    told[0].1
}

/// Nodes in one view; on each, session 1 has registered `b` for so many nodes.
fn registered(count: u32, nodes: u32, options: BarrierOptions) -> Cluster {
    let mut cluster = Cluster::formed(count);
    for id in 1..=count {
        register(&mut cluster, id, 1, nodes, options);
    }
    cluster.run();
    (1..=count).for_each(|id| assert_eq!(answer(&mut cluster, id), "done"));
    cluster
}

fn claims(cluster: &mut Cluster, id: u32) -> usize {
    cluster.node(id).services.barriers().count()
}

/// BR-03, BR-08, BR-10: all pass when the last has come, and not before.
#[test]
fn nobody_passes_before_the_last_has_come() {
    for nodes in [0, 3] {
        let mut cluster = registered(3, nodes, PLAIN);
        for id in [1, 3] {
            wait(&mut cluster, id, 1);
            cluster.run();
        }
        (1..=3).for_each(|id| assert_eq!(told(&mut cluster, id), []));
        wait(&mut cluster, 2, 1);
        cluster.run();
        (1..=3).for_each(|id| assert_eq!(told(&mut cluster, id), [(1, "done")]));
        assert_eq!(claims(&mut cluster, 1), 0, "it is over");
    }
}

/// BR-10: what is complete is remembered until it is deleted; each node deletes for itself (BR-09).
#[test]
fn complete_is_remembered_until_deleted() {
    let mut cluster = registered(2, 0, PLAIN);
    wait(&mut cluster, 1, 1);
    wait(&mut cluster, 2, 1);
    cluster.run();
    for id in [1, 2] {
        assert_eq!(answer(&mut cluster, id), "done");
        wait(&mut cluster, id, 1);
        assert_eq!(answer(&mut cluster, id), "done");
        change(&mut cluster, id, 1, BarrierChange::Timeout(3));
        assert_eq!(answer(&mut cluster, id), "done");
        delete(&mut cluster, id, 1);
        assert_eq!(answer(&mut cluster, id), "done");
        let again = cluster.ask_other(id, 1, BarrierRequest::Delete { name: b() });
        assert!(matches!(again, Err(ClientError::Barrier(BarrierError::NotFound { .. }))));
    }
}

/// BR-10: those who have registered and not come are through, too.
#[test]
fn who_has_registered_passes_what_others_completed() {
    let mut cluster = registered(3, 2, PLAIN);
    wait(&mut cluster, 1, 1);
    wait(&mut cluster, 2, 1);
    cluster.run();
    wait(&mut cluster, 3, 1);
    assert_eq!(answer(&mut cluster, 3), "done");
}

/// BR-10: so is a wait that was not delivered when the others completed it; and what is under way
/// does not begin the next round.
#[test]
fn a_wait_under_way_ends_with_the_completion() {
    let mut cluster = registered(3, 2, PLAIN);
    wait(&mut cluster, 1, 1);
    wait(&mut cluster, 2, 1);
    wait(&mut cluster, 3, 1);
    ask(&mut cluster, 3, 2, BarrierRequest::Wait { name: b() });
    for id in 1..=3 {
        assert!(cluster.send(id));
    }
    cluster.run();
    assert_eq!(told(&mut cluster, 3), [(1, "done"), (2, "done")]);
    assert_eq!(claims(&mut cluster, 3), 0);
}

/// BR-10: a barrier that deletes itself can be registered again, with another number.
#[test]
fn autodelete_forgets() {
    let mut cluster = registered(2, 2, AUTODELETE);
    wait(&mut cluster, 1, 1);
    wait(&mut cluster, 2, 1);
    cluster.run();
    for id in [1, 2] {
        assert_eq!(answer(&mut cluster, id), "done");
        let again = cluster.ask_other(id, 1, BarrierRequest::Wait { name: b() });
        assert!(matches!(again, Err(ClientError::Barrier(BarrierError::NotFound { .. }))));
    }
    register(&mut cluster, 1, 1, 1, PLAIN);
    cluster.run();
    assert_eq!(answer(&mut cluster, 1), "done");
}

/// BR-07: it may be decided later, too.
#[test]
fn autodelete_may_be_changed_at_any_time() {
    let mut cluster = registered(2, 2, PLAIN);
    wait(&mut cluster, 1, 1);
    cluster.run();
    change(&mut cluster, 1, 2, BarrierChange::Autodelete(true));
    assert_eq!(told(&mut cluster, 1), [(2, "done")]);
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!(told(&mut cluster, 1), [(1, "done")]);
    assert!(cluster.ask_other(1, 1, BarrierRequest::Wait { name: b() }).is_err());
}

/// BR-06: others' numbers count, wherever they were registered; BR-01: also of those who came
/// before the own registration.
#[test]
fn a_name_has_one_number() {
    let mut cluster = Cluster::formed(2);
    register(&mut cluster, 1, 1, 2, PLAIN);
    wait(&mut cluster, 1, 1);
    cluster.run();
    assert_eq!(told(&mut cluster, 1), [(1, "done")]);
    register(&mut cluster, 2, 1, 3, PLAIN);
    cluster.run();
    assert_eq!(answer(&mut cluster, 2), "other count");
    register(&mut cluster, 2, 1, 0, PLAIN);
    cluster.run();
    assert_eq!(answer(&mut cluster, 2), "other count");
    register(&mut cluster, 1, 2, 3, PLAIN);
    assert_eq!(told(&mut cluster, 1), [(2, "other count")]);
    register(&mut cluster, 2, 1, 2, PLAIN);
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!(told(&mut cluster, 2), [(1, "done"), (1, "done")]);
    assert_eq!(told(&mut cluster, 1), [(1, "done")]);
}

/// BR-06: of two that register different numbers at the same time one is refused, by all.
#[test]
fn of_two_numbers_at_once_one_stands() {
    let mut cluster = Cluster::formed(2);
    register(&mut cluster, 1, 1, 1, PLAIN);
    register(&mut cluster, 2, 1, 2, PLAIN);
    cluster.run();
    assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "other count"));
    assert_eq!((claims(&mut cluster, 1), claims(&mut cluster, 2)), (1, 1));
}

/// BR-06: enabled at once, it has come.
#[test]
fn registered_as_enabled_has_come() {
    let mut cluster = Cluster::formed(2);
    let enabled = BarrierOptions { enabled: true, ..PLAIN };
    register(&mut cluster, 1, 1, 2, enabled);
    register(&mut cluster, 2, 1, 2, PLAIN);
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!(told(&mut cluster, 2), [(1, "done"), (1, "done")]);
    wait(&mut cluster, 1, 1);
    assert_eq!(told(&mut cluster, 1), [(1, "done"), (1, "done")]);
}

/// BR-07: `nodes` and the timeout are for before; enabling is coming.
#[test]
fn changes_before_and_after_coming() {
    let mut cluster = registered(2, 0, PLAIN);
    for nodes in [BarrierChange::Nodes(3), BarrierChange::Timeout(9), BarrierChange::Enable] {
        change(&mut cluster, 1, 1, nodes);
        cluster.run();
        assert_eq!(answer(&mut cluster, 1), "done", "{nodes:?}");
    }
    for late in [BarrierChange::Nodes(3), BarrierChange::Timeout(0)] {
        change(&mut cluster, 1, 1, late);
        cluster.run();
        assert_eq!(answer(&mut cluster, 1), "has come", "{late:?}");
    }
    // 1 waits for three now, so 2 is the only one for all.
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!(told(&mut cluster, 2), []);
    change(&mut cluster, 2, 2, BarrierChange::Nodes(3));
    assert_eq!(told(&mut cluster, 2), [(2, "has come")]);
}

/// BR-08: who waited too long has not come.
#[test]
fn a_timeout_takes_back_that_the_node_has_come() {
    let mut cluster = registered(2, 0, PLAIN);
    change(&mut cluster, 1, 1, BarrierChange::Timeout(5));
    wait(&mut cluster, 1, 1);
    cluster.run();
    cluster.wait(Duration::from_secs(4));
    cluster.run();
    assert_eq!(told(&mut cluster, 1), [(1, "done")]);
    cluster.wait(Duration::from_secs(1));
    assert_eq!(told(&mut cluster, 1), [], "others are told first");
    cluster.run();
    assert_eq!(told(&mut cluster, 1), [(1, "timed out")]);
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!(told(&mut cluster, 2), [], "1 is not there");
    wait(&mut cluster, 1, 1);
    cluster.run();
    assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "done"));
}

/// BR-08: the barrier may be complete before the wait is taken back; then it is.
#[test]
fn completion_is_before_a_timeout_that_is_delivered_later() {
    let mut cluster = registered(2, 0, PLAIN);
    change(&mut cluster, 1, 1, BarrierChange::Timeout(5));
    wait(&mut cluster, 1, 1);
    cluster.run();
    assert_eq!(answer(&mut cluster, 1), "done");
    wait(&mut cluster, 2, 1);
    assert!(cluster.send(2));
    cluster.wait(Duration::from_secs(5));
    cluster.run();
    assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "done"));
}

/// BR-08: the node has come as long as one of its clients waits in time, or it is enabled.
#[test]
fn a_timeout_of_one_client_is_its_own() {
    let mut cluster = registered(2, 0, PLAIN);
    change(&mut cluster, 1, 1, BarrierChange::Timeout(5));
    wait(&mut cluster, 1, 1);
    cluster.run();
    cluster.wait(Duration::from_secs(3));
    wait(&mut cluster, 1, 2);
    cluster.run();
    cluster.wait(Duration::from_secs(2));
    assert_eq!(told(&mut cluster, 1), [(1, "done"), (1, "timed out")]);
    change(&mut cluster, 1, 3, BarrierChange::Enable);
    cluster.run();
    cluster.wait(Duration::from_secs(3));
    assert_eq!(told(&mut cluster, 1), [(3, "done"), (2, "timed out")]);
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!(answer(&mut cluster, 2), "done");
}

/// BR-12: a barrier for all does without those who are lost.
#[test]
fn a_barrier_for_all_is_for_all_who_are_left() {
    let mut cluster = registered(3, 0, PLAIN);
    wait(&mut cluster, 1, 1);
    wait(&mut cluster, 2, 1);
    cluster.run();
    cluster.crash(3);
    cluster.view(&[1, 2]);
    assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "done"));
}

/// BR-11: ... but not while somebody comes of whom nobody knows whether it has come.
#[test]
fn a_barrier_for_all_waits_for_those_who_come_instead() {
    let mut cluster = registered(3, 0, PLAIN);
    wait(&mut cluster, 1, 1);
    wait(&mut cluster, 2, 1);
    cluster.run();
    cluster.crash(3);
    cluster.start(4);
    cluster.view(&[1, 2, 4]);
    cluster.run();
    assert_eq!((told(&mut cluster, 1), told(&mut cluster, 2)), (vec![], vec![]));
    register(&mut cluster, 4, 1, 0, PLAIN);
    wait(&mut cluster, 4, 1);
    cluster.run();
    assert_eq!(told(&mut cluster, 4), [(1, "done"), (1, "done")]);
    assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "done"));
}

/// BR-11: what was held, and applied because the sync was cut short, completes nothing for a
/// member that comes along to the next view.
#[test]
fn what_is_applied_after_a_sync_that_was_cut_short_completes_nothing() {
    let mut cluster = registered(2, 0, PLAIN);
    cluster.start(3);
    cluster.view(&[1, 2, 3]);
    for id in [1, 2] {
        wait(&mut cluster, id, 1);
        // Its part first.
        while cluster.send(id) {}
        while cluster.deliver(1) || cluster.deliver(2) {}
    }
    cluster.view(&[1, 2, 3]);
    cluster.run();
    assert_eq!((told(&mut cluster, 1), told(&mut cluster, 2)), (vec![], vec![]));
    cluster.crash(3);
    cluster.view(&[1, 2]);
    assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "done"));
}

/// BR-13: whoever was lost; and those who wait may wait again.
#[test]
fn a_loss_wakes_all_who_wait_for_a_number() {
    let mut cluster = registered(4, 2, PLAIN);
    wait(&mut cluster, 1, 1);
    cluster.run();
    cluster.crash(4);
    cluster.view(&[1, 2, 3]);
    assert_eq!(answer(&mut cluster, 1), "node lost");
    wait(&mut cluster, 2, 1);
    assert!(cluster.send(2));
    cluster.run();
    assert_eq!(told(&mut cluster, 2), [], "1 does not wait any more");
    wait(&mut cluster, 1, 1);
    cluster.run();
    assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "done"));
}

/// BR-13: enabled stays enabled.
#[test]
fn a_loss_does_not_take_back_what_was_enabled() {
    let mut cluster = registered(3, 2, PLAIN);
    change(&mut cluster, 1, 1, BarrierChange::Enable);
    cluster.run();
    assert_eq!(answer(&mut cluster, 1), "done");
    cluster.crash(3);
    cluster.view(&[1, 2]);
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!(answer(&mut cluster, 2), "done");
}

/// BR-13: a wait that was not delivered before the loss is a wait after it.
#[test]
fn a_wait_under_way_survives_a_loss() {
    let mut cluster = registered(3, 2, PLAIN);
    wait(&mut cluster, 1, 1);
    cluster.crash(3);
    cluster.view(&[1, 2]);
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "done"));
}

/// BR-14: sides that waited apart meet.
#[test]
fn sides_that_meet_wait_together() {
    let mut cluster = Cluster::formed(3);
    cluster.view(&[1, 2]);
    cluster.view(&[3]);
    for id in 1..=3 {
        register(&mut cluster, id, 1, 3, PLAIN);
        wait(&mut cluster, id, 1);
        cluster.run();
        assert_eq!(answer(&mut cluster, id), "done");
    }
    cluster.view(&[1, 2, 3]);
    cluster.run();
    (1..=3).for_each(|id| assert_eq!(answer(&mut cluster, id), "done"));
}

/// BR-14, BR-02: numbers that differ are two barriers.
#[test]
fn sides_that_meet_with_two_numbers_keep_both() {
    let mut cluster = Cluster::formed(4);
    cluster.view(&[1, 2]);
    cluster.view(&[3, 4]);
    for (id, nodes) in [(1, 2), (2, 2), (3, 3), (4, 3)] {
        register(&mut cluster, id, 1, nodes, PLAIN);
        cluster.run();
        assert_eq!(answer(&mut cluster, id), "done");
    }
    cluster.view(&[1, 2, 3, 4]);
    for id in [1, 3, 4] {
        wait(&mut cluster, id, 1);
    }
    cluster.run();
    (1..=4).for_each(|id| assert_eq!(told(&mut cluster, id), []));
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "done"));
    assert_eq!((told(&mut cluster, 3), told(&mut cluster, 4)), (vec![], vec![]));
}

/// BR-15: a client that is killed leaves nothing, whatever was under way.
#[test]
fn a_client_that_goes_leaves_nothing() {
    for delivered in 0..3 {
        let mut cluster = Cluster::formed(2);
        register(&mut cluster, 1, 1, 2, PLAIN);
        for _ in 0..delivered {
            cluster.send(1);
            cluster.deliver(1);
        }
        if delivered > 0 {
            wait(&mut cluster, 1, 1);
        }
        cluster.close(1, 1);
        cluster.run();
        assert_eq!((claims(&mut cluster, 1), claims(&mut cluster, 2)), (0, 0));
        register(&mut cluster, 2, 1, 3, PLAIN);
        cluster.run();
        assert_eq!(answer(&mut cluster, 2), "done", "the number is free");
    }
}

/// BR-15: but not what another client of the node holds. Who goes while it waits does not wait.
#[test]
fn a_client_that_goes_leaves_the_claims_of_others() {
    let mut cluster = registered(2, 0, PLAIN);
    register(&mut cluster, 1, 2, 0, PLAIN);
    wait(&mut cluster, 1, 2);
    cluster.run();
    cluster.close(1, 2);
    cluster.run();
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!(told(&mut cluster, 2), []);
    // The registration of 2 was under way when 1 went.
    register(&mut cluster, 1, 3, 0, PLAIN);
    cluster.close(1, 1);
    cluster.run();
    assert_eq!(claims(&mut cluster, 2), 2);
    wait(&mut cluster, 1, 3);
    cluster.run();
    assert_eq!(answer(&mut cluster, 2), "done");
}

/// BR-09: deleting is for this node alone; whoever waits there hears of it.
#[test]
fn who_deletes_does_so_for_its_node() {
    let mut cluster = registered(2, 2, PLAIN);
    wait(&mut cluster, 1, 1);
    wait(&mut cluster, 1, 2);
    delete(&mut cluster, 1, 3);
    cluster.run();
    let expected = [(1, "not found"), (2, "not found"), (3, "done")];
    assert_eq!(told(&mut cluster, 1), expected);
    assert_eq!(claims(&mut cluster, 2), 1);
    wait(&mut cluster, 2, 1);
    cluster.run();
    assert_eq!(told(&mut cluster, 2), []);
}

/// BR-09: the reason: the first one to pass uses the name again at once.
#[test]
fn who_passes_first_may_begin_the_next_round() {
    let mut cluster = registered(2, 0, PLAIN);
    for round in 0..3 {
        wait(&mut cluster, 1, 1);
        wait(&mut cluster, 2, 1);
        cluster.run();
        assert_eq!((answer(&mut cluster, 1), answer(&mut cluster, 2)), ("done", "done"));
        delete(&mut cluster, 1, 1);
        register(&mut cluster, 1, 1, 0, PLAIN);
        cluster.run();
        assert_eq!(told(&mut cluster, 1), [(1, "done"), (1, "done")], "round {round}");
        wait(&mut cluster, 1, 1);
        cluster.run();
        delete(&mut cluster, 2, 1);
        register(&mut cluster, 2, 1, 0, PLAIN);
        cluster.run();
        assert_eq!(told(&mut cluster, 2), [(1, "done"), (1, "done")], "round {round}");
        assert_eq!(told(&mut cluster, 1), []);
        // Both stand where they stood before the first round, but 1 waits already.
        cluster.close(1, 1);
        cluster.run();
        register(&mut cluster, 1, 1, 0, PLAIN);
        cluster.run();
        assert_eq!(answer(&mut cluster, 1), "done");
    }
}

/// BR-05: things are done one after the other, and each is answered once.
#[test]
fn one_after_the_other() {
    let mut cluster = Cluster::formed(2);
    register(&mut cluster, 1, 1, 2, PLAIN);
    wait(&mut cluster, 1, 2);
    change(&mut cluster, 1, 3, BarrierChange::Timeout(1));
    delete(&mut cluster, 1, 4);
    register(&mut cluster, 1, 5, 0, PLAIN);
    wait(&mut cluster, 1, 6);
    cluster.run();
    let expected = [(1, "done"), (3, "has come"), (2, "not found"), (4, "done"), (5, "done")];
    assert_eq!(told(&mut cluster, 1), expected);
    cluster.view(&[1]);
    assert_eq!(told(&mut cluster, 1), [(6, "done")]);
}

/// BR-04.
#[test]
fn there_is_an_end_to_barriers() {
    const MAX: u32 = 1024;
    let mut cluster = Cluster::formed(2);
    let name = |at: u32| BarrierName::new(&at.to_be_bytes()).unwrap();
    let request = |at| BarrierRequest::Register { name: name(at), nodes: 2, options: PLAIN };
    (0..MAX).for_each(|at| ask(&mut cluster, 1, 1, request(at)));
    let one_more = cluster.ask_other(1, 1, request(MAX));
    assert!(matches!(one_more, Err(ClientError::Barrier(BarrierError::TooMany { .. }))));
    cluster.run();
    assert_eq!(claims(&mut cluster, 2), MAX as usize);
    // Also for one who does not obey.
    let hostile = cluster.node(1).id;
    let claim = b"\x03\x01\xff\x7f\x01x\0\0\0\x02\0";
    cluster.node(2).services.on_deliver(hostile, claim.to_vec().into());
    assert_eq!(claims(&mut cluster, 2), MAX as usize);
}

/// BR-01, G-08: nobody claims, or comes, for another node.
#[test]
fn a_node_comes_for_itself_only() {
    let mut cluster = registered(3, 3, PLAIN);
    let hostile = cluster.node(3).id;
    for bytes in [&b"\x03\x03\x01\x01b"[..], b"\x03\x02\x02\x01b", b"\x03\x03\x03\x01b"] {
        for id in 1..=3 {
            cluster.node(id).services.on_deliver(hostile, bytes.to_vec().into());
        }
    }
    let come: Vec<_> = cluster.node(1).services.barriers().collect();
    let come: Vec<_> =
        come.into_iter().filter(|(_, _, claim)| claim.has_come()).map(|claim| claim.1).collect();
    assert_eq!(come, [node_id(3)]);
}

/// Nothing of a barrier keeps the services from resting.
#[test]
fn who_waits_without_end_does_not_wake_the_node() {
    let mut cluster = registered(2, 0, PLAIN);
    wait(&mut cluster, 1, 1);
    cluster.run();
    cluster.wait(TOKEN);
    let services = &mut cluster.node(1).services;
    assert_eq!(services.due(), cman_types::Instant::FAR);
    services.close_session(Session(1));
    assert!(services.poll().is_some());
}
