use super::*;
use cman_types::{Epoch, NodeSet};

fn n(id: u32) -> NodeId {
    NodeId::new(id).unwrap()
}

fn set(ids: &[u32]) -> NodeSet {
    ids.iter().map(|&id| n(id)).collect()
}

fn rules(count: u32) -> VoteRules {
    VoteRules {
        votes: (1..=count).map(|id| (n(id), 1)).collect(),
        expected_votes: count,
        two_node: false,
        wait_for_all: false,
    }
}

fn agreed(members: &[u32], basis: &Basis) -> Agreed {
    Agreed { members: set(members), basis: basis.clone(), ..Agreed::default() }
}

fn votes(node: u32, votes: u32) -> Amendment {
    Amendment::Votes { node: n(node), votes }
}

fn expected(votes: u32) -> Amendment {
    Amendment::Expected { votes }
}

/// Votes here, expected, needed, and whether they are enough.
fn count(rules: &VoteRules, members: &[u32], basis: &Basis) -> (u32, u32, u32, bool) {
    let votes = rules.decide(&agreed(members, basis), 0);
    (votes.present, votes.expected, votes.quorum.known, votes.eligible)
}

///
#[test]
fn more_votes_of_a_node_are_expected_too() {
    let rules = rules(3);
    let basis = rules.amend(&Basis::default(), votes(1, 3));
    assert_eq!(count(&rules, &[1, 2, 3], &basis), (5, 5, 3, true));
    assert_eq!(count(&rules, &[1], &basis), (3, 5, 3, true));
    assert_eq!(count(&rules, &[2, 3], &basis), (2, 5, 3, false), "never both");
    let back = rules.amend(&basis, votes(1, 1));
    assert_eq!(back, Basis::default());
}

///
#[test]
fn fewer_votes_of_a_node_lower_nothing() {
    let mut rules = rules(3);
    rules.votes.insert(n(1), 3);
    rules.expected_votes = 5;
    let basis = rules.amend(&Basis::default(), votes(1, 1));
    assert_eq!(count(&rules, &[1, 2, 3], &basis), (3, 5, 3, true));
    assert_eq!(count(&rules, &[2, 3], &basis), (2, 5, 3, false));
}

///
#[test]
fn what_is_expected_counts_as_asked_for() {
    let rules = rules(5);
    let basis = rules.amend(&Basis::default(), expected(3));
    assert_eq!(count(&rules, &[1, 2], &basis), (2, 3, 2, true));
    let more = rules.amend(&basis, votes(1, 2));
    assert_eq!(count(&rules, &[1, 2, 3], &more), (4, 4, 3, true), "later votes are added");
    let raised = rules.amend(&Basis::default(), expected(7));
    assert_eq!(count(&rules, &[1, 2, 3], &raised), (3, 7, 4, false));
}

///
#[test]
fn quorum_is_not_lowered_by_those_who_go() {
    let rules = rules(5);
    let lowered = rules.amend(&Basis::default(), expected(2));
    let basis = rules.basis_after(&agreed(&[1, 2, 3, 4, 5], &lowered));
    assert_eq!(basis.amended.highest, 5);
    assert_eq!(count(&rules, &[1, 2, 3], &basis), (3, 2, 3, true));
    assert_eq!(count(&rules, &[1, 2], &basis), (2, 2, 3, false));
    let asked = rules.amend(&basis, expected(3));
    assert_eq!(count(&rules, &[1, 2], &asked), (2, 3, 2, true), "unless somebody asks again");
    let left = Basis { removed: set(&[4, 5]), ..basis };
    assert_eq!(count(&rules, &[1, 2], &left), (2, 1, 2, true), "or leaves with its votes");
}

///
#[test]
fn removed_nodes_are_not_counted_in_what_is_asked_for() {
    let rules = rules(5);
    let basis = Basis { removed: set(&[4, 5]), ..Basis::default() };
    assert!(rules.holds(&basis, expected(3)));
    let basis = rules.amend(&basis, expected(2));
    assert!(rules.holds(&basis, expected(2)));
    assert_eq!(count(&rules, &[1, 2], &basis), (2, 2, 2, true));
    assert_eq!(count(&rules, &[1, 2, 3, 4], &basis).1, 3, "one that comes back is expected");
}

///
#[test]
fn what_the_original_refuses_is_refused() {
    let rules = rules(3);
    let all = agreed(&[1, 2, 3], &Basis::default());
    let two = agreed(&[1, 2], &Basis::default());
    let one = agreed(&[1], &Basis::default());
    for (agreed, amendment, answer) in [
        (&all, expected(0), Err(AmendError::Range(0))),
        (&all, votes(1, 0), Err(AmendError::Range(0))),
        (&all, votes(1, u32::MAX), Err(AmendError::Range(u32::MAX))),
        (&all, votes(9, 1), Err(AmendError::NotConfigured(n(9)))),
        (&two, votes(3, 1), Err(AmendError::NotMember(n(3)))),
        (&one, votes(1, 5), Err(AmendError::NotQuorate)),
        (&all, expected(5), Ok(())),
        (&all, expected(6), Err(AmendError::TooHigh { needed: 4, present: 3 })),
        (&one, expected(2), Err(AmendError::TooHigh { needed: 2, present: 1 })),
        (&one, expected(1), Ok(())),
        (&all, expected(1), Ok(())),
        (&two, votes(1, 3), Ok(())),
    ] {
        assert_eq!(rules.may_amend(agreed, amendment, 0), answer, "{amendment:?}");
    }
}

///
#[test]
fn of_two_nodes_each_suffices_as_long_as_it_has_half_of_the_votes() {
    let rules = VoteRules { two_node: true, expected_votes: 1, ..rules(2) };
    let both = agreed(&[1, 2], &Basis::default());
    assert_eq!(rules.may_amend(&both, votes(1, 2), 0), Ok(()));
    let low = AmendError::TooLow { needed: 1, present: 4 };
    assert_eq!(rules.may_amend(&both, votes(1, 3), 0), Err(low));
}

/// who has just started may have known of more votes of others.
#[test]
fn lowered_expectations_do_not_count_for_fresh_lives() {
    let rules = rules(5);
    let basis = Basis { epoch: Epoch(7), ..rules.amend(&Basis::default(), expected(3)) };
    let fresh = Agreed { fresh: set(&[2]), ..agreed(&[1, 2], &basis) };
    assert!(!rules.decide(&fresh, 0).eligible);
    let raised = rules.amend(&Basis::default(), votes(1, 5));
    let all_fresh = Agreed { fresh: set(&[2, 3, 4, 5]), ..agreed(&[2, 3, 4, 5], &raised) };
    assert!(!rules.decide(&all_fresh, 0).eligible);
}

///
#[test]
fn what_was_forgotten_is_waited_for_until_all_are_here() {
    let rules = rules(5);
    let forgotten = |members| Agreed { forgotten: true, ..agreed(members, &Basis::default()) };
    assert!(!rules.decide(&forgotten(&[2, 3, 4, 5]), 0).eligible);
    assert!(rules.decide(&forgotten(&[1, 2, 3, 4, 5]), 0).eligible);
    let amended = rules.amend(&Basis::default(), votes(1, 5)).amended;
    assert!(rules.raises(&amended));
    assert!(!rules.raises(&rules.amend(&Basis::default(), expected(2)).amended));
}

///
#[test]
fn the_votes_of_a_device_are_here_and_not_expected() {
    let mut rules = rules(2);
    rules.expected_votes = 3;
    let alone = agreed(&[1], &Basis::default());
    assert!(!rules.decide(&alone, 0).eligible);
    let with = rules.decide(&alone, 1);
    assert_eq!((with.present, with.expected, with.needed, with.eligible), (2, 3, 2, true));
}
