//! Bringing members in step after views in which sides meet, and all that may come in between.
//! In the field a node that came and died within such a change left members of groups behind that
//! nobody could remove, and whole clusters were reset for it.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panic")]

mod cluster;

use bytes::Bytes;
use cluster::{Cluster, TOKEN, node_id, process};
use cman_services::{ClientEvent, GroupEvent, Out};
use cman_types::Instant;
use core::time::Duration;

/// The bytes of a part of a sync before those of services: a zero and the view.
const HEAD: usize = 1 + 8 + 4 + 8 + 16;

/// Nodes 1 and 2 in one view, node 3 in its own, a member of `g` on each; then all three are in
/// one view, and have said nothing yet.
fn meeting() -> Cluster {
    let mut cluster = Cluster::new(1);
    (1..=3).for_each(|id| cluster.start(id));
    cluster.view(&[1, 2]);
    cluster.view(&[3]);
    for id in 1..=3 {
        cluster.join(id, 1, "g", 100).unwrap();
        cluster.run();
    }
    cluster.view(&[1, 2, 3]);
    (1..=3).for_each(|id| drop(cluster.told(id, 1)));
    cluster
}

/// All that waits at a node is sent, and nobody has delivered it.
fn send_all(cluster: &mut Cluster, id: u32) {
    while cluster.send(id) {}
}

fn deliver_all(cluster: &mut Cluster, id: u32) {
    while cluster.deliver(id) {}
}

/// G-22, G-25: a node joins and dies, but what it said came through: the end of the view brings
/// the sync to its end, the same everywhere. It came, and went.
#[test]
fn who_dies_in_the_middle_does_not_stay() {
    let mut cluster = meeting();
    for id in 1..=3 {
        send_all(&mut cluster, id);
    }
    cluster.deliver(1);
    deliver_all(&mut cluster, 2);
    assert_eq!(cluster.members(2, "g").len(), 3);
    cluster.crash(3);
    cluster.view(&[1, 2]);
    cluster.run();
    for id in [1, 2] {
        let came_and_went =
            ["g: [n1:100 n2:100 n3:100] +n3:100 NodeUp", "g: [n1:100 n2:100] -n3:100 NodeDown"];
        assert_eq!(cluster.told(id, 1), came_and_went);
    }
    cluster.check_settled(&[1, 2]);
}

/// G-25: the ghost member. A node joins and dies before everybody was brought in step.
#[test]
fn who_dies_before_it_spoke_has_never_been() {
    let mut cluster = meeting();
    send_all(&mut cluster, 1);
    send_all(&mut cluster, 2);
    deliver_all(&mut cluster, 1);
    cluster.crash(3);
    cluster.view(&[1, 2]);
    cluster.run();
    for id in [1, 2] {
        assert!(cluster.told(id, 1).is_empty());
        assert_eq!(cluster.members(id, "g"), [process(1, 100), process(2, 100)]);
        assert!(!cluster.node(id).services.is_syncing());
    }
    cluster.check_settled(&[1, 2]);
}

/// G-20, G-27: the next view does the work again, and what is left over of the first does not
/// count in it.
#[test]
fn a_sync_that_was_cut_short_is_done_again() {
    let mut cluster = meeting();
    // 2 and 3 speak in the second view what they wanted to say in the first; 3 has one more since.
    send_all(&mut cluster, 1);
    cluster.join(3, 1, "h", 100).unwrap();
    cluster.start(4);
    cluster.view(&[1, 2, 3, 4]);
    assert_eq!(cluster.node(3).queue.len(), 3, "two parts and a join");
    cluster.run();
    let all = "g: [n1:100 n2:100 n3:100]";
    assert_eq!(cluster.told(1, 1), [format!("{all} +n3:100 NodeUp")]);
    let told = cluster.told(3, 1);
    assert_eq!(told[0], format!("{all} +n1:100 NodeUp +n2:100 NodeUp"));
    assert_eq!(told[1], "h: [n3:100] +n3:100 Join");
    cluster.check_settled(&[1, 2, 3, 4]);
}

/// G-27: a part that waited while its view ended comes before that of the next view, and is old.
#[test]
fn a_part_that_is_left_over_says_nothing() {
    let mut cluster = meeting();
    let part = cluster.node(3).queue.pop_front().unwrap();
    cluster.leave(3, 1, "g").unwrap();
    send_all(&mut cluster, 3);
    deliver_all(&mut cluster, 3);
    cluster.view(&[1, 2, 3]);
    assert_eq!(cluster.told(3, 1), ["g: [] -n3:100 Leave"]);
    cluster.node(3).queue.push_front(part);
    cluster.run();
    assert_eq!(cluster.members(1, "g"), [process(1, 100), process(2, 100)]);
    cluster.check_settled(&[1, 2, 3]);
}

/// G-20: lives are in step, not nodes.
#[test]
fn a_new_life_of_a_node_is_not_in_step() {
    let mut cluster = Cluster::formed(2);
    cluster.join(2, 1, "g", 100).unwrap();
    cluster.run();
    cluster.crash(2);
    cluster.start(2);
    cluster.view_with(&[1, 2], |_| vec![node_id(1), node_id(2)]);
    assert!(cluster.node(1).services.is_syncing());
    assert!(cluster.members(1, "g").is_empty());
    cluster.run();
    cluster.check_settled(&[1, 2]);
}

/// G-20: no sync where all members come from one view and are in step.
#[test]
fn who_was_together_has_nothing_to_say() {
    let mut cluster = Cluster::formed(3);
    cluster.join(1, 1, "g", 100).unwrap();
    cluster.run();
    cluster.view(&[2, 3]);
    for id in [2, 3] {
        assert!(cluster.node(id).queue.is_empty());
        assert!(!cluster.node(id).services.is_syncing());
        assert_eq!(cluster.node(id).synced.len(), 2);
        assert!(cluster.members(id, "g").is_empty());
    }
}

/// G-20: they come from one view, but it ended before they were in step: there is work to do.
#[test]
fn who_was_together_too_briefly_has_to_speak() {
    let mut cluster = meeting();
    cluster.view(&[2, 3]);
    assert!(cluster.node(2).services.is_syncing() && cluster.node(3).services.is_syncing());
    cluster.run();
    assert_eq!(
        cluster.told(2, 1),
        ["g: [n2:100] -n1:100 NodeDown", "g: [n2:100 n3:100] +n3:100 NodeUp"]
    );
    cluster.check_settled(&[2, 3]);
}

/// G-23: what is delivered before all have spoken comes after the change, in its order.
#[test]
fn what_comes_in_between_waits() {
    let mut cluster = meeting();
    cluster.say(1, 1, "g", "one").unwrap();
    cluster.leave(1, 1, "g").unwrap();
    cluster.say(3, 1, "g", "three").unwrap();
    send_all(&mut cluster, 1);
    send_all(&mut cluster, 3);
    deliver_all(&mut cluster, 3);
    assert!(cluster.told(3, 1).is_empty());
    assert!(cluster.node(3).services.held_bytes() > 0);
    cluster.run();
    let told = [
        "g: [n1:100 n2:100 n3:100] +n1:100 NodeUp +n2:100 NodeUp",
        "g: n1:100#1 \"one\"",
        "g: [n2:100 n3:100] -n1:100 Leave",
        "g: n3:100#1 \"three\"",
    ];
    assert_eq!(cluster.told(3, 1), told);
    assert_eq!(cluster.node(3).services.held_bytes(), 0);
}

/// G-22: the changes of the view, then that it is synced, then what was held.
#[test]
fn synced_stands_between_the_view_and_what_follows() {
    let mut cluster = meeting();
    cluster.say(3, 1, "g", "held").unwrap();
    (1..=3).rev().for_each(|id| send_all(&mut cluster, id));
    let mut services = cluster.node(3).services.clone();
    for sent in &cluster.streams.last().unwrap().sequence {
        services.on_deliver(sent.sender, sent.payload.clone());
    }
    let told: Vec<_> = core::iter::from_fn(|| services.poll()).collect();
    let [
        Out::Client { event: ClientEvent::Group(GroupEvent::Config { .. }), .. },
        Out::Synced { view },
        Out::Client { event: ClientEvent::Group(GroupEvent::Message { .. }), .. },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(*view, cluster.streams.last().unwrap().view.id);
}

/// G-26: where nobody sends anything but its part, nobody has anything to hold.
#[test]
fn nothing_waits_where_parts_come_first() {
    let mut cluster = meeting();
    cluster.gated = true;
    for id in 1..=3 {
        cluster.say(id, 1, "g", "text").unwrap();
    }
    cluster.run();
    assert_eq!(cluster.told(3, 1).len(), 4);
    cluster.check_settled(&[1, 2, 3]);
}

/// G-25: what waited when the sync was cut short is heard by those who know the sender.
#[test]
fn what_waited_is_heard_on_the_own_side() {
    let mut cluster = meeting();
    cluster.say(1, 1, "g", "one").unwrap();
    cluster.say(3, 1, "g", "three").unwrap();
    send_all(&mut cluster, 1);
    send_all(&mut cluster, 3);
    cluster.run_without(2);
    cluster.node(2).mute = true;
    cluster.view(&[1, 2, 3]);
    assert_eq!(cluster.told(1, 1), ["g: n1:100#1 \"one\""]);
    assert_eq!(cluster.told(2, 1), ["g: n1:100#1 \"one\""]);
    assert_eq!(cluster.told(3, 1), ["g: n3:100#1 \"three\""]);
    cluster.node(2).mute = false;
    cluster.run();
    cluster.check_settled(&[1, 2, 3]);
}

/// G-25: also the last words of one who is lost, and before its loss.
#[test]
fn held_last_words_come_before_the_loss() {
    let mut cluster = meeting();
    cluster.say(2, 1, "g", "last").unwrap();
    send_all(&mut cluster, 2);
    cluster.crash(2);
    cluster.view(&[1, 3]);
    assert_eq!(cluster.told(1, 1), ["g: n2:100#1 \"last\"", "g: [n1:100] -n2:100 NodeDown"]);
    assert!(cluster.told(3, 1).is_empty());
}

/// G-24: who does not speak within the time is put out, by the coordinator, and the others go on.
#[test]
fn who_does_not_speak_is_put_out() {
    let mut cluster = meeting();
    cluster.node(2).mute = true;
    cluster.run();
    cluster.wait(TOKEN - Duration::from_millis(1));
    assert!(cluster.node(1).put_out.is_empty());
    cluster.wait(Duration::from_millis(1));
    assert_eq!(cluster.node(1).put_out, [node_id(2)]);
    assert!(cluster.node(3).put_out.is_empty(), "only the coordinator");
    cluster.wait(TOKEN);
    assert_eq!(cluster.node(1).put_out, [node_id(2), node_id(2)], "until it is gone");
    cluster.view(&[1, 3]);
    cluster.run();
    cluster.check_settled(&[1, 3]);
    cluster.wait(TOKEN * 2);
    assert_eq!(cluster.node(1).put_out.len(), 2);
}

/// G-24: each sync has its own deadline, counted from the install of its view; that of a sync which
/// was cut short is over with it.
#[test]
fn each_view_has_its_own_deadline() {
    let mut cluster = meeting();
    cluster.run_without(2);
    cluster.wait(TOKEN - Duration::from_millis(1));
    cluster.start(4);
    cluster.view(&[4]);
    cluster.view(&[1, 2, 3, 4]);
    cluster.node(2).mute = true;
    cluster.run();
    cluster.wait(TOKEN - Duration::from_millis(1));
    assert!(cluster.node(1).put_out.is_empty(), "a token has passed since the first view only");
    cluster.wait(Duration::from_millis(1));
    assert_eq!(cluster.node(1).put_out, [node_id(2)]);
}

/// G-25: however far a sync had come when it was cut short, the state is then the very value that
/// it is where the sync never began: no part, no operation, no deadline, no membership is left.
#[test]
fn a_sync_that_was_cut_short_leaves_nothing_behind() {
    let mut never = meeting_cut_short(|_| {});
    let mut begun = meeting_cut_short(|cluster| {
        // The newcomer spoke, and one who was there; then it said and asked for more.
        for id in [1, 3] {
            send_all(cluster, id);
        }
        cluster.node(3).queue.clear();
        cluster.join(3, 2, "ghosts", 300).unwrap();
        cluster.say(3, 1, "g", "of the lost").unwrap();
        send_all(cluster, 3);
        (1..=3).for_each(|id| deliver_all(cluster, id));
        for id in [1, 2] {
            assert!(cluster.node(id).services.is_syncing());
            assert!(cluster.node(id).services.held_bytes() > 0);
        }
    });
    for id in [1, 2] {
        let (never, begun) = (never.node(id), begun.node(id));
        assert_eq!(never.services, begun.services);
        assert_eq!((begun.services.held_bytes(), begun.services.due()), (0, Instant::FAR));
    }
}

/// Node 3 comes, this happens, and it dies.
fn meeting_cut_short(meanwhile: impl Fn(&mut Cluster)) -> Cluster {
    let mut cluster = meeting();
    meanwhile(&mut cluster);
    cluster.crash(3);
    cluster.view(&[1, 2]);
    cluster.run();
    cluster.check_settled(&[1, 2]);
    for id in [1, 2] {
        assert!(cluster.told(id, 1).is_empty(), "clients see nothing of it");
    }
    cluster
}

/// G-24: a coordinator that has not even heard itself has nobody to accuse.
#[test]
fn a_standing_stream_is_nobodys_fault() {
    let mut cluster = meeting();
    cluster.wait(TOKEN * 2);
    assert!(cluster.node(1).put_out.is_empty());
    cluster.run();
    cluster.check_settled(&[1, 2, 3]);
}

/// G-24: what cannot be read was not said.
#[test]
fn who_speaks_garbage_is_put_out() {
    let mut cluster = meeting();
    let garbage = cluster.node(2).queue.front().unwrap().clone();
    let shortened = garbage.slice(..garbage.len() - 1);
    let twice = Bytes::from([&garbage[..], &garbage[HEAD..]].concat());
    let too_many = Bytes::from([&garbage[..], &[7, 255, 255, 255, 255]].concat());
    *cluster.node(2).queue.front_mut().unwrap() = shortened;
    cluster.node(2).queue.extend([twice, too_many, Bytes::from_static(&[0]), Bytes::new()]);
    cluster.run();
    cluster.wait(TOKEN);
    assert_eq!(cluster.node(1).put_out, [node_id(2)]);
}

/// G-21: parts of services that this node does not have are passed over.
#[test]
fn parts_of_unknown_services_are_passed_over() {
    let mut cluster = meeting();
    let part = cluster.node(2).queue.pop_front().unwrap();
    let with_another = Bytes::from([&part[..], &[200, 0, 0, 0, 2, 1, 2]].concat());
    cluster.node(2).queue.push_front(with_another);
    cluster.run();
    cluster.check_settled(&[1, 2, 3]);
}

/// G-22: who speaks twice is heard once.
#[test]
fn the_first_word_counts() {
    let mut cluster = meeting();
    let part = cluster.node(2).queue.front().unwrap().clone();
    let part_of_nobody = Bytes::from([&part[..HEAD], &[1, 0, 0, 0, 0]].concat());
    cluster.node(2).queue.push_back(part_of_nobody);
    cluster.send(2);
    cluster.send(2);
    cluster.run();
    cluster.check_settled(&[1, 2, 3]);
}

/// G-12: what a node says of itself holds, also against what is known of it. (No node that obeys
/// the rules says anything else.)
#[test]
fn what_a_node_says_of_itself_holds() {
    let mut cluster = meeting();
    let part = cluster.node(2).queue.pop_front().unwrap();
    // It has processes 7 and 8 in g, and not 100.
    let other = [&[1, b'g', 0, 0, 0, 2][..], &[0, 0, 0, 7, 0, 0, 0, 8]].concat();
    let said = [&part[..HEAD], &[1, 0, 0, 0, other.len() as u8], &other].concat();
    cluster.node(2).queue.push_front(Bytes::from(said));
    cluster.send(2);
    cluster.run_without(2);
    let mut told = cluster.told(1, 1);
    assert_eq!(told.remove(0), "g: [n1:100] -n2:100 ProcessDown");
    assert_eq!(told, ["g: [n1:100 n2:7 n2:8 n3:100] +n2:7 NodeUp +n2:8 NodeUp +n3:100 NodeUp"]);
    assert_eq!(cluster.members(1, "g"), cluster.members(3, "g"));
}

/// A view of one node is in step with itself, and a node before its first view with nobody.
#[test]
fn alone_there_is_nothing_to_agree_on() {
    let mut cluster = Cluster::new(1);
    cluster.start(1);
    cluster.join(1, 1, "g", 100).unwrap();
    cluster.say(1, 1, "g", "early").unwrap();
    cluster.view(&[1]);
    assert!(!cluster.node(1).services.is_syncing());
    cluster.run();
    assert_eq!(cluster.told(1, 1), ["g: [n1:100] +n1:100 Join", "g: n1:100#1 \"early\""]);
}
