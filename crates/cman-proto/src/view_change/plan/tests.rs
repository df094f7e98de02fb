//! How a plan is told that is too long for one message: R-26.

use super::*;
use cman_types::{Epoch, Incarnation, Salt};
use cman_wire::frame::{Ordered, Run};

/// As many as the repair buffers of two members have that told of different records.
const RUNS: u64 = 1 << 18;

fn node(id: u32) -> NodeId {
    NodeId::new(id).unwrap()
}

fn view(epoch: u64) -> ViewId {
    let coordinator =
        MemberId { node: node(1), incarnation: Incarnation(1), salt: Salt::default() };
    ViewId { epoch: Epoch(epoch), coordinator }
}

/// How a view of two ends that have spoken in turns.
fn lineage(number: u32) -> Lineage {
    let run = |at: u64| {
        let sender = u16::try_from(at % 2).unwrap();
        Ordered { first: at + 1, run: Run { sender, from: at / 2 + 1, count: 1 } }
    };
    Lineage {
        origin: Some(view(number.into())),
        members: [node(2 * number), node(2 * number + 1)].into_iter().collect(),
        leases: Vec::new(),
        stable: 0,
        sequence: (0..RUNS).map(run).collect(),
    }
}

fn plan(lineages: u32) -> Plan {
    Plan {
        basis: Basis::default(),
        not_readmitted: NodeSet::new(),
        fresh: [node(9)].into_iter().collect(),
        forgotten: false,
        promised: Duration::from_secs(1),
        lineages: (1..=lineages).map(lineage).collect(),
    }
}

#[test]
fn a_plan_that_fits_is_told_in_one_frame() {
    let plan = plan(2);
    let told = tell(view(9), &plan);
    assert_eq!(told, [Recover { ballot: view(9), plan }]);
}

#[test]
fn one_that_does_not_is_told_lineage_by_lineage() {
    let plan = plan(4);
    let told = tell(view(9), &plan);
    assert_eq!(told.len(), plan.lineages.len());
    for (recover, lineage) in told.iter().zip(&plan.lineages) {
        assert!(fits(recover));
        assert_eq!(recover.ballot, view(9));
        assert_eq!(recover.plan, Plan { lineages: vec![lineage.clone()], ..plan.clone() });
    }
    for member in 2..=9 {
        let own = told.iter().filter(|told| tells(told, node(member))).count();
        assert_eq!(own, 1, "the frames that tell node {member} what it needs");
    }
}
