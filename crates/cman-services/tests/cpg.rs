//! What programs that use closed process groups rely on, one test for each promise.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panic")]

mod cluster;

use cluster::{Cluster, process};

/// Three nodes, a member of `g` on each of the first two, in step.
fn two_members() -> Cluster {
    let mut cluster = Cluster::formed(3);
    cluster.join(1, 10, "g", 100).unwrap();
    cluster.run();
    cluster.join(2, 20, "g", 200).unwrap();
    cluster.run();
    cluster.told(1, 10);
    cluster.told(2, 20);
    cluster
}

/// G-04, G-07: a join is one change at every member, the joiner included. What the joiner is told
/// first has the older members in the list of members only.
#[test]
fn a_join_is_told_to_all_members() {
    let mut cluster = two_members();
    cluster.join(3, 30, "g", 300).unwrap();
    cluster.run();
    let told = ["g: [n1:100 n2:200 n3:300] +n3:300 Join"];
    assert_eq!(cluster.told(1, 10), told);
    assert_eq!(cluster.told(2, 20), told);
    assert_eq!(cluster.told(3, 30), told);
}

/// G-05, G-07: a leave is one change with exactly that process, and the leaver is told of it, too.
#[test]
fn a_leave_is_told_to_all_members_and_the_leaver() {
    let mut cluster = two_members();
    cluster.leave(1, 10, "g").unwrap();
    cluster.run();
    let told = ["g: [n2:200] -n1:100 Leave"];
    assert_eq!(cluster.told(1, 10), told);
    assert_eq!(cluster.told(2, 20), told);
    cluster.say(2, 20, "g", "x").unwrap();
    cluster.run();
    assert!(cluster.told(1, 10).is_empty());
}

/// G-07: everything goes on until the leave has its place in the order.
#[test]
fn the_leaver_hears_until_it_has_left() {
    let mut cluster = two_members();
    cluster.say(2, 20, "g", "early").unwrap();
    cluster.send(2);
    cluster.leave(1, 10, "g").unwrap();
    cluster.say(2, 20, "g", "late").unwrap();
    cluster.run();
    assert_eq!(cluster.told(1, 10), ["g: n2:200#1 \"early\"", "g: [n2:200] -n1:100 Leave"]);
}

/// G-05, G-18: who goes without leaving has died, once.
#[test]
fn a_process_that_dies_is_told_as_such_once() {
    let mut cluster = two_members();
    cluster.close(1, 10);
    cluster.close(1, 10);
    cluster.run();
    assert_eq!(cluster.told(2, 20), ["g: [n2:200] -n1:100 ProcessDown"]);
    assert!(cluster.told(1, 10).is_empty());
}

/// G-18: who left and then closes its connection has left, not died.
#[test]
fn who_goes_right_after_leaving_has_left() {
    let mut cluster = two_members();
    cluster.leave(1, 10, "g").unwrap();
    cluster.close(1, 10);
    assert_eq!(cluster.node(1).queue.len(), 1, "the leave, and no death");
    cluster.run();
    assert_eq!(cluster.told(2, 20), ["g: [n2:200] -n1:100 Leave"]);
}

/// G-18: a process that dies before its join was delivered comes and goes: nobody keeps it.
#[test]
fn who_dies_while_joining_does_not_stay() {
    let mut cluster = two_members();
    cluster.join(3, 30, "g", 300).unwrap();
    cluster.close(3, 30);
    cluster.run();
    let came_and_went =
        ["g: [n1:100 n2:200 n3:300] +n3:300 Join", "g: [n1:100 n2:200] -n3:300 ProcessDown"];
    assert_eq!(cluster.told(1, 10), came_and_went);
    assert_eq!(cluster.members(1, "g"), [process(1, 100), process(2, 200)]);
}

/// G-10: one change of each group carries all lost processes of all lost nodes.
#[test]
fn lost_nodes_are_told_together() {
    let mut cluster = two_members();
    cluster.join(1, 11, "g", 101).unwrap();
    cluster.join(3, 30, "g", 300).unwrap();
    cluster.join(3, 30, "h", 300).unwrap();
    cluster.run();
    cluster.told(3, 30);
    cluster.view(&[3]);
    let told = cluster.told(3, 30);
    assert_eq!(told, ["g: [n3:300] -n1:100 NodeDown -n1:101 NodeDown -n2:200 NodeDown"]);
    cluster.check_settled(&[3]);
}

/// G-11: each side is told of the other in one change of each group; so the lists differ.
#[test]
fn sides_that_meet_are_told_of_each_other() {
    let mut cluster = two_members();
    cluster.join(3, 30, "g", 300).unwrap();
    cluster.run();
    cluster.view(&[1, 2]);
    cluster.view(&[3]);
    for (node, session) in [(1, 10), (2, 20), (3, 30)] {
        cluster.told(node, session);
    }
    cluster.view(&[1, 2, 3]);
    cluster.run();
    let all = "g: [n1:100 n2:200 n3:300]";
    assert_eq!(cluster.told(1, 10), [format!("{all} +n3:300 NodeUp")]);
    assert_eq!(cluster.told(2, 20), [format!("{all} +n3:300 NodeUp")]);
    assert_eq!(cluster.told(3, 30), [format!("{all} +n1:100 NodeUp +n2:200 NodeUp")]);
}

/// G-10, G-11: a node that left and came back within one change of the view is told as lost, then
/// as come.
#[test]
fn who_left_and_came_back_did_both() {
    let mut cluster = two_members();
    cluster.view(&[2]);
    cluster.view(&[1, 2, 3]);
    cluster.run();
    let told = ["g: [n1:100] -n2:200 NodeDown", "g: [n1:100 n2:200] +n2:200 NodeUp"];
    assert_eq!(cluster.told(1, 10), told);
}

/// G-10, G-20: a node that was started again has no processes any more.
#[test]
fn a_new_life_of_a_node_starts_without_members() {
    let mut cluster = two_members();
    cluster.crash(2);
    cluster.start(2);
    cluster.view(&[1, 2, 3]);
    cluster.run();
    assert_eq!(cluster.told(1, 10), ["g: [n1:100] -n2:200 NodeDown"]);
    cluster.check_settled(&[1, 2, 3]);
}

/// G-01, G-13: neither a session nor a process id of a node is in a group twice.
#[test]
fn a_process_is_in_a_group_once() {
    let mut cluster = two_members();
    let refused = cluster.join(1, 10, "g", 101).unwrap_err().to_string();
    assert!(refused.contains("is in group \"g\" already"), "{refused}");
    assert!(cluster.join(1, 11, "g", 100).unwrap_err().to_string().contains("already"));
    cluster.join(1, 11, "g", 101).unwrap();
    assert!(cluster.join(1, 11, "g", 101).is_err());
    cluster.join(1, 11, "h", 101).unwrap();
    cluster.run();
    cluster.check_settled(&[1, 2, 3]);
}

/// G-13: while an earlier membership of the process ends, it is to try again.
#[test]
fn a_process_comes_back_once_it_has_left() {
    let mut cluster = two_members();
    cluster.close(1, 10);
    let refused = cluster.join(1, 11, "g", 100).unwrap_err().to_string();
    assert!(refused.contains("try again"), "{refused}");
    cluster.run();
    cluster.join(1, 11, "g", 100).unwrap();
    cluster.run();
    assert_eq!(cluster.told(1, 11), ["g: [n1:100 n2:200] +n1:100 Join"]);
    cluster.leave(1, 11, "g").unwrap();
    assert!(cluster.join(1, 11, "g", 100).unwrap_err().to_string().contains("try again"));
    cluster.run();
    cluster.join(1, 11, "g", 100).unwrap();
}

/// G-14, G-15: refused if not in the group, or leaving already.
#[test]
fn only_members_leave_and_send() {
    let mut cluster = two_members();
    for (session, name) in [(10, "h"), (11, "g")] {
        let refused = cluster.leave(1, session, name).unwrap_err().to_string();
        assert!(refused.contains("join it first"), "{refused}");
        assert!(cluster.say(1, session, name, "x").is_err());
    }
    cluster.leave(1, 10, "g").unwrap();
    assert!(cluster.leave(1, 10, "g").is_err());
    assert!(cluster.say(1, 10, "g", "x").is_err());
    cluster.run();
    assert!(cluster.say(1, 10, "g", "x").is_err());
}

/// G-14: nobody has to wait for its join before it leaves.
#[test]
fn who_leaves_while_joining_has_joined_and_left() {
    let mut cluster = two_members();
    cluster.join(3, 30, "g", 300).unwrap();
    cluster.leave(3, 30, "g").unwrap();
    cluster.run();
    let told = ["g: [n1:100 n2:200 n3:300] +n3:300 Join", "g: [n1:100 n2:200] -n3:300 Leave"];
    assert_eq!(cluster.told(3, 30), told);
}

/// G-09, G-15: messages may be sent at once, since they come after the own join; empty ones, too.
#[test]
fn a_member_sends_as_soon_as_it_asked_to_join() {
    let mut cluster = two_members();
    cluster.join(3, 30, "g", 300).unwrap();
    cluster.say(3, 30, "g", "hello").unwrap();
    cluster.say(3, 30, "g", "").unwrap();
    cluster.run();
    let told =
        ["g: [n1:100 n2:200 n3:300] +n3:300 Join", "g: n3:300#1 \"hello\"", "g: n3:300#2 \"\""];
    assert_eq!(cluster.told(3, 30), told);
    assert_eq!(cluster.told(1, 10), told);
}

/// G-16: the members of any group, sorted; of an unknown one, nobody.
#[test]
fn anybody_may_ask_who_is_in() {
    use cman_services::GroupRequest;
    let mut cluster = two_members();
    let ask = |name| GroupRequest::Members { group: cluster::group(name) };
    cluster.ask(3, 30, ask("g")).unwrap();
    cluster.ask(3, 30, ask("unknown")).unwrap();
    cluster.ask(3, 30, GroupRequest::Groups).unwrap();
    let told = cluster.told(3, 30);
    assert_eq!(
        told,
        ["members of g: n1:100 n2:200", "members of unknown: ", "groups: g: n1:100 n2:200"]
    );
}

/// G-01: all bytes of a name count, also a zero at its end; there are up to 128.
#[test]
fn names_are_bytes() {
    use cman_services::GroupName;
    let mut cluster = two_members();
    cluster.join(1, 10, "g\0", 100).unwrap();
    cluster.join(1, 10, "", 100).unwrap();
    cluster.run();
    let told = cluster.told(1, 10);
    assert_eq!(told, ["g: [n1:100] +n1:100 Join", ": [n1:100] +n1:100 Join"]);
    assert!(GroupName::new(&[255; 128]).is_ok());
    let refused = GroupName::new(&[0; 129]).unwrap_err().to_string();
    assert!(refused.contains("129") && refused.contains("128"), "{refused}");
}

/// G-10: what was recovered of the old view comes before the change that takes its sender away.
#[test]
fn the_last_words_come_before_the_loss() {
    let mut cluster = two_members();
    cluster.say(2, 20, "g", "last").unwrap();
    cluster.send(2);
    cluster.deliver(3);
    cluster.crash(2);
    cluster.view(&[1, 3]);
    cluster.run();
    let told = ["g: n2:200#1 \"last\"", "g: [n1:100] -n2:200 NodeDown"];
    assert_eq!(cluster.told(1, 10), told);
}

/// G-07: one client in two groups sees one order of both.
#[test]
fn two_groups_have_one_order() {
    let mut cluster = two_members();
    for (node, session) in [(1, 10), (2, 20)] {
        cluster.join(node, session, "h", node * 100).unwrap();
    }
    cluster.run();
    for (node, session) in [(1, 10), (2, 20)] {
        cluster.told(node, session);
        cluster.say(node, session, "g", "in g").unwrap();
        cluster.say(node, session, "h", "in h").unwrap();
        cluster.send(node);
    }
    cluster.run();
    let told = cluster.told(1, 10);
    assert_eq!(told.len(), 4);
    assert_eq!(told, cluster.told(2, 20));
}
