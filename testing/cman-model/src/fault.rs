//! Deliberate faults: a model that cannot fail proves nothing.

use cman_wire::Frame;

use crate::packet::Place;

/// What is broken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The last node is told a plan without the last unit of each view: the union differs.
    PlansDiffer,
    /// The last node does not tell what it holds, so that what only it holds is forgotten.
    HoldingsUntold,
    /// The last node is told a view without one of its members.
    MembersDiffer,
}

impl Fault {
    /// Changes what one node says to another as the fault wants.
    pub fn twist(self, from: Place, to: Place, frame: &mut Frame) {
        let last = crate::world::NODES - 1;
        match (self, frame) {
            (Self::PlansDiffer, Frame::Recover(recover)) if to == last => {
                for lineage in &mut recover.plan.lineages {
                    lineage.sequence.pop();
                }
            }
            (Self::HoldingsUntold, Frame::Flush(flush)) if from == last => {
                flush.holdings.units.clear();
                flush.holdings.records.clear();
            }
            (Self::MembersDiffer, Frame::Propose(propose)) if to == last => {
                let other = |id| id == propose.ballot.coordinator;
                if let Some(at) = propose.members.iter().position(|m| other(m.id)) {
                    propose.members.remove(at);
                }
            }
            _ => {}
        }
    }
}
