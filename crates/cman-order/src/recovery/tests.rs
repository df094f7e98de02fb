//! R-25, case by case. Members are 0, 1, 2 ...; the coordinator plays no part in the rule.

use super::*;

fn run(first: u64, sender: u16, from: u64, count: u32) -> Ordered {
    Ordered { first, run: Run { sender, from, count } }
}

fn holdings(delivered: u64, units: &[(u16, u64, u64)], records: &[Ordered]) -> Holdings {
    Holdings { delivered, stable: 0, units: units.to_vec(), records: records.to_vec() }
}

fn plan_of(lineage: &[(u16, Holdings)]) -> Vec<Ordered> {
    let lent: Vec<_> = lineage.iter().map(|(member, held)| (*member, held)).collect();
    plan(&lent).0
}

#[test]
fn nothing_held_nothing_planned() {
    assert_eq!(plan(&[]), (vec![], 0));
    assert_eq!(plan_of(&[(0, Holdings::default()), (1, Holdings::default())]), []);
}

/// (a): what one has the record of, and another the unit, is taken; from the lowest delivered on.
#[test]
fn what_is_spread_over_members_is_put_together() {
    let got = plan_of(&[
        (0, holdings(1, &[(2, 1, 2)], &[run(1, 2, 1, 4)])),
        (1, holdings(3, &[(2, 1, 4)], &[run(1, 2, 1, 3)])),
    ]);
    assert_eq!(got, [run(2, 2, 2, 3)]);
}

/// (b), *beyond-the-hole*: 2 and the coordinator are gone; what is behind the hole and comes from
/// a lost sender may be an effect of what was in it.
#[test]
fn behind_a_hole_lost_senders_are_not_taken() {
    let records = [run(1, 2, 1, 1), run(2, 3, 1, 1), run(3, 0, 1, 1), run(4, 2, 2, 1)];
    // Nobody has unit 1 of 3.
    let held = [(2, 1, 2), (0, 1, 1)];
    let got = plan_of(&[(0, holdings(0, &held, &records)), (1, Holdings::default())]);
    assert_eq!(got, [run(1, 2, 1, 1), run(3, 0, 1, 1)]);
}

/// (b): the same if it is the record that nobody has.
#[test]
fn a_lost_record_is_a_hole() {
    let records = [run(1, 2, 1, 1), run(3, 2, 2, 1), run(4, 1, 1, 1)];
    let held = [(2, 1, 2), (1, 1, 1)];
    let got = plan_of(&[(0, holdings(0, &held, &records)), (1, holdings(0, &held, &[]))]);
    assert_eq!(got, [run(1, 2, 1, 1), run(4, 1, 1, 1)]);
}

/// (b): after a missing unit nothing more of its sender.
#[test]
fn behind_a_missing_unit_nothing_of_its_sender() {
    let records = [run(1, 2, 1, 3), run(4, 0, 1, 1)];
    let got = plan_of(&[(0, holdings(0, &[(2, 1, 1), (2, 3, 3), (0, 1, 1)], &records))]);
    assert_eq!(got, [run(1, 2, 1, 1), run(4, 0, 1, 1)]);
}

/// (c): what members of the lineage sent and nobody has a record of comes last, by sender; that of
/// others is dropped.
#[test]
fn the_tail_is_sorted_by_sender() {
    let held = [(2, 1, 2), (1, 1, 3), (0, 1, 1)];
    let got = plan_of(&[
        (0, holdings(0, &held, &[run(1, 1, 1, 1)])),
        (1, holdings(0, &[(1, 1, 4)], &[])),
    ]);
    assert_eq!(got, [run(1, 1, 1, 1), run(0, 0, 1, 1), run(0, 1, 2, 3)]);
}

/// (c): a unit with a record behind one without, of the same sender, moves into the tail.
#[test]
fn a_sender_s_units_stay_in_order() {
    // The record of unit 2, at place 2, is lost; that of unit 3 is not.
    let records = [run(1, 0, 1, 1), run(3, 0, 3, 1), run(4, 1, 1, 1)];
    let held = [(0, 1, 3), (1, 1, 1)];
    let got = plan_of(&[(0, holdings(0, &held, &records)), (1, holdings(1, &held, &records))]);
    assert_eq!(got, [run(1, 0, 1, 1), run(4, 1, 1, 1), run(0, 0, 2, 2)]);
}

/// What all have delivered is not in the tail although its record may be all that is left.
#[test]
fn what_all_delivered_is_not_delivered_again() {
    let held = holdings(3, &[(0, 1, 5)], &[run(1, 0, 1, 3)]);
    assert_eq!(plan_of(&[(0, held.clone()), (1, held)]), [run(0, 0, 4, 2)]);
}

#[test]
fn the_highest_stable_counts() {
    let stable = |stable| Holdings { delivered: stable, stable, ..Holdings::default() };
    assert_eq!(plan(&[(0, &stable(3)), (1, &stable(7)), (2, &stable(5))]).1, 7);
}

/// Nonsense from a bad member does no harm but to what it names.
#[test]
fn nonsense_is_survived() {
    let max = u64::MAX;
    let records = [
        run(0, 0, 1, 1),
        run(1, 0, 0, 1),
        run(1, 0, 1, 0),
        run(max, 0, 1, 1),
        run(2, 0, max, 1),
        run(1, 9, 1, u32::MAX),
        run(max - 1, 1, 1, 1),
        run(3, 1, max - 1, 1),
    ];
    let units = [(0, 0, max), (1, 5, 2), (9, 1, 3), (7, max, max)];
    for delivered in [0, 1, max - 1, max] {
        let bad = holdings(delivered, &units, &records);
        let good = holdings(0, &[(1, 1, 1)], &[run(1, 1, 1, 1)]);
        for plan in [plan_of(&[(0, bad.clone())]), plan_of(&[(0, bad), (1, good)])] {
            assert!(plan.len() < 20, "{plan:?}");
        }
    }
}
