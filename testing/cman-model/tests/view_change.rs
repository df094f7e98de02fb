//! A short form of `cargo xtask model`, and proof that it can fail.

use cman_model::{
    fault::Fault,
    model::{Budget, ViewChange},
    report::{Report, explore},
    start::Start,
};

const QUIET: Budget = Budget { losses: 0, crashes: 0, passes: 1 };
const ROUGH: Budget = Budget { losses: 1, crashes: 1, passes: 1 };

fn run(start: Start, budget: Budget, fault: Fault, most: Option<usize>) -> Report {
    let report = explore(ViewChange { start, budget, fault }, most);
    println!("{start:<20} {fault:?} {report}");
    report
}

/// Each start, as far as a test may take; those in which a node has died, to the end.
#[test]
fn what_must_hold_holds() {
    for start in Start::ALL {
        let ends = matches!(start, Start::MemberDead | Start::CoordinatorDead);
        let (budget, most) = if ends { (QUIET, None) } else { (ROUGH, Some(8_000)) };
        let report = run(start, budget, Fault::None, most);
        assert!(report.broken.is_empty(), "{start}: {report}");
        assert!(report.states > 1000, "{start}: {report}");
        assert_eq!(report.complete, ends, "{start}: {report}");
    }
}

/// The property that the fault breaks first.
fn noticed(start: Start, fault: Fault) -> Vec<&'static str> {
    let report = run(start, QUIET, fault, None);
    report.broken.iter().map(|broken| broken.property).collect()
}

#[test]
fn a_plan_that_differs_is_noticed() {
    let broken = noticed(Start::CoordinatorDead, Fault::PlansDiffer);
    assert!(broken.contains(&"virtual synchrony"), "{broken:?}");
}

#[test]
fn holdings_that_are_not_told_are_noticed() {
    let broken = noticed(Start::CoordinatorDead, Fault::HoldingsUntold);
    assert!(broken.contains(&"own messages are delivered"), "{broken:?}");
}

#[test]
fn members_that_differ_are_noticed() {
    let broken = noticed(Start::CoordinatorDead, Fault::MembersDiffer);
    assert!(broken.contains(&"same view, same members"), "{broken:?}");
}

#[test]
fn a_run_is_the_same_each_time() {
    let count = || run(Start::MemberDead, QUIET, Fault::None, None).states;
    assert_eq!(count(), count());
}
