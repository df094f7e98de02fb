//! Each rule of the lease by itself; the simulator has them all at once.

use super::{HubBook, MemberLease, SendTimes, member::Handover};
use crate::{Agreed, Timing, ViewVotes, VoteRules};
use cman_types::{Basis, Incarnation, Instant, MemberId, NodeId, NodeSet, Salt};
use core::time::Duration;

const TOKEN: Duration = Duration::from_secs(2);

fn timing() -> Timing {
    Timing::new(TOKEN)
}

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(100_000 + ms)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn life(id: u32) -> MemberId {
    let node = NodeId::new(id).unwrap();
    MemberId { node, incarnation: Incarnation(u64::from(id)), salt: Salt::default() }
}

fn rules(count: u32) -> VoteRules {
    VoteRules {
        votes: (1..=count).map(|id| (life(id).node, 1)).collect(),
        expected_votes: count,
        two_node: false,
        wait_for_all: false,
    }
}

fn view(rules: &VoteRules, members: &[u32], removed: &[u32]) -> ViewVotes {
    let set = |ids: &[u32]| ids.iter().map(|&id| life(id).node).collect::<NodeSet>();
    let basis = Basis { removed: set(removed), ..Basis::default() };
    rules.decide(&Agreed { members: set(members), basis, ..Agreed::default() }, 0)
}

/// A hub in a new view that has sent one beat.
fn hub(votes: &ViewVotes) -> (HubBook, u64) {
    let mut book = HubBook::default();
    book.enter_view(at(0), votes);
    let number = book.next_beat(at(0));
    (book, number)
}

///
#[test]
fn a_lease_counts_from_the_sending_of_the_beat_that_a_quorum_answered() {
    let (rules, timing) = (rules(3), timing());
    let votes = view(&rules, &[1, 2, 3], &[]);
    let (mut book, number) = hub(&votes);
    assert_eq!(book.count(at(5), life(1), true, &rules, &votes, &timing), Instant::ZERO);
    book.heard(at(400), life(2), Some(number), &rules, &votes, &timing);
    let end = book.count(at(400), life(1), true, &rules, &votes, &timing);
    assert_eq!(end, at(0) + timing.shortened(timing.lease));
}

///
#[test]
fn a_hub_that_may_not_grant_does_not_count_itself() {
    let (rules, timing) = (rules(3), timing());
    let votes = view(&rules, &[1, 2, 3], &[]);
    let (mut book, number) = hub(&votes);
    book.heard(at(5), life(2), Some(number), &rules, &votes, &timing);
    assert_eq!(book.count(at(5), life(1), false, &rules, &votes, &timing), Instant::ZERO);
}

///
#[test]
fn a_beat_without_a_grant_counts_for_nothing_but_is_vouched_for() {
    let (rules, timing) = (rules(3), timing());
    let votes = view(&rules, &[1, 2, 3], &[]);
    let (mut book, _) = hub(&votes);
    book.heard(at(5), life(2), None, &rules, &votes, &timing);
    assert_eq!(book.count(at(5), life(1), true, &rules, &votes, &timing), Instant::ZERO);
    assert_eq!(book.outstanding(at(105), |_| true), [(life(2).node, timing.lease - ms(100))]);
}

///
#[test]
fn grants_of_another_view_do_not_count() {
    let (rules, timing) = (rules(3), timing());
    let votes = view(&rules, &[1, 2, 3], &[]);
    let (mut book, number) = hub(&votes);
    book.heard(at(5), life(2), Some(number), &rules, &votes, &timing);
    book.enter_view(at(10), &votes);
    assert_eq!(book.count(at(10), life(1), true, &rules, &votes, &timing), Instant::ZERO);
    assert_eq!(book.outstanding(at(10), |_| true).len(), 1, "but they are still vouched for");
}

///
#[test]
fn a_view_with_returning_members_must_be_settled_first() {
    let (rules, timing) = (rules(3), timing());
    let votes = view(&rules, &[1, 2, 3], &[3]);
    let (mut book, number) = hub(&votes);
    book.heard(at(5), life(3), Some(number), &rules, &votes, &timing);
    book.count(at(5), life(1), true, &rules, &votes, &timing);
    assert!(!book.settled(), "one who gave up its votes settles nothing");
    book.heard(at(6), life(2), Some(number), &rules, &votes, &timing);
    assert_eq!(book.count(at(6), life(1), true, &rules, &votes, &timing), Instant::ZERO);
    assert!(book.settled());
    assert!(book.count(at(7), life(1), true, &rules, &votes, &timing) > at(7));
}

///
#[test]
fn the_newest_grant_of_each_member_counts_and_no_other() {
    let (rules, timing) = (rules(5), timing());
    let votes = view(&rules, &[1, 2, 3, 4, 5], &[]);
    let (mut book, first) = hub(&votes);
    let second = book.next_beat(at(200));
    let third = book.next_beat(at(400));
    let answers = [(2, first), (3, second), (2, third), (3, first), (4, second), (2, third)];
    for (member, number) in answers {
        book.heard(at(500), life(member), Some(number), &rules, &votes, &timing);
    }
    // 1 itself now, 2 the third, 3 and 4 the second: three votes of five answer the second.
    let end = book.count(at(500), life(1), true, &rules, &votes, &timing);
    assert_eq!(end, at(200) + timing.shortened(timing.lease));
    book.heard(at(500), life(4), Some(third), &rules, &votes, &timing);
    let end = book.count(at(500), life(1), true, &rules, &votes, &timing);
    assert_eq!(end, at(400) + timing.shortened(timing.lease));
}

#[test]
fn of_frames_with_the_same_name_the_first_one_counts() {
    let mut sent = SendTimes::default();
    for (name, time) in [((4, 0), 1), ((4, 1), 2), ((4, 1), 3), ((5, 0), 4)] {
        sent.note(name, at(time));
    }
    let times = [(4, 0), (4, 1), (4, 2), (5, 0)].map(|name| sent.sent_at(name));
    assert_eq!(times, [Some(at(1)), Some(at(2)), None, Some(at(4))]);
}

#[test]
fn who_starts_grants_nothing_for_one_lease() {
    let lease = MemberLease::new(at(0), &timing());
    assert!(!lease.may_grant(at(1499)));
    assert!(lease.may_grant(at(1500)));
}

///
#[test]
fn a_member_counts_from_its_own_sending() {
    let timing = timing();
    let mut lease = MemberLease::new(at(0), &timing);
    lease.told(life(1), at(100), ms(1000), &timing);
    assert_eq!(lease.end(), at(100) + timing.shortened(ms(1000)));
    lease.told(life(1), at(900), Duration::ZERO, &timing);
    assert_eq!(lease.end(), at(100) + timing.shortened(ms(1000)), "no lease, no change");
}

fn hand_over(lease: &mut MemberLease, lost: &[u32], lineage: &[u32], promised: Duration) {
    let lives = |ids: &[u32]| ids.iter().map(|&id| life(id)).collect::<Vec<_>>();
    let handover = Handover {
        lost: &lives(lost),
        lineage: &lives(lineage),
        leases: &[],
        promised,
        eligible: true,
    };
    lease.hand_over(at(500), &handover);
}

fn granted(hub: u32) -> MemberLease {
    let timing = timing();
    let mut lease = MemberLease::new(at(0).before(TOKEN), &timing);
    lease.told(life(hub), at(0), timing.lease, &timing);
    lease.promise(life(hub), at(0), &timing);
    lease
}

///
#[test]
fn a_promise_to_a_hub_that_is_left_out_is_kept() {
    let mut lease = granted(1);
    hand_over(&mut lease, &[1], &[2, 3], Duration::ZERO);
    assert_eq!(lease.end(), Instant::ZERO);
    assert!(!lease.may_grant(at(1499)));
    assert!(lease.may_grant(at(1500)));
}

///
#[test]
fn a_lease_told_by_a_hub_that_is_left_out_ends_though_nothing_was_promised() {
    // This node has just started: it is told a lease before it grants. Others that are left out
    // may hold one from the same hub.
    let timing = timing();
    let mut lease = MemberLease::new(at(0), &timing);
    lease.told(life(1), at(400), timing.lease, &timing);
    hand_over(&mut lease, &[3], &[2], Duration::ZERO);
    assert_eq!(lease.end(), Instant::ZERO);
    lease.told(life(1), at(400), timing.lease, &timing);
    hand_over(&mut lease, &[3], &[1, 2], Duration::ZERO);
    assert!(lease.end() > at(500), "the hub comes along, and vouches for what it gave");
}

#[test]
fn a_hub_that_comes_along_vouches() {
    let mut lease = granted(1);
    hand_over(&mut lease, &[3], &[1, 2], Duration::ZERO);
    assert!(lease.end() > at(500), "the lease runs on");
    assert!(lease.may_grant(at(500)));
}

///
#[test]
fn the_promise_of_another_member_ends_the_lease_too() {
    let mut lease = granted(1);
    hand_over(&mut lease, &[3], &[1, 2], ms(10));
    assert_eq!(lease.end(), Instant::ZERO);
    assert!(lease.may_grant(at(500)), "but binds only who gave it");
}

///
#[test]
fn nobody_left_out_changes_nothing() {
    let mut lease = granted(1);
    let before = lease.end();
    hand_over(&mut lease, &[], &[1, 2, 3], ms(900));
    assert_eq!(lease.end(), before);
    assert!(lease.may_grant(at(500)));
}

///
#[test]
fn what_a_hub_vouches_for_is_waited_for() {
    let mut lease = granted(1);
    let handover = Handover {
        lost: &[life(3)],
        lineage: &[life(1), life(2)],
        leases: &[(life(3).node, ms(200)), (life(4).node, ms(900))],
        promised: Duration::ZERO,
        eligible: true,
    };
    lease.hand_over(at(500), &handover);
    assert_eq!(lease.end(), Instant::ZERO);
    assert!(!lease.may_grant(at(699)));
    assert!(lease.may_grant(at(700)), "the lease of somebody who is not lost does not matter");
}
