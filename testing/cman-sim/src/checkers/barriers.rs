//! Barriers: nobody passes one for all members that a member has not come to, and whoever asked
//! something is answered once (BR-05, BR-10, BR-11).
//!
//! In a view all members pass such a barrier together, so they do so equally often. Whoever passes
//! it one more time than another member must find that one waiting.

use cman_node::{BarrierChange, BarrierEvent, BarrierName, BarrierRequest, Session};
use cman_types::{MemberId, ViewId};
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    clock::Real,
    violation::{Check, Violation},
};

/// Where a client is told something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The view.
    pub view: ViewId,
    /// Its members whose newest view it is.
    pub members: Vec<MemberId>,
}

/// What a client has to do with a barrier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// Nothing.
    #[default]
    Idle,
    /// It has asked for something else than to wait.
    Asked,
    /// It has registered it.
    Registered,
    /// It waits.
    Waiting,
}

/// All that clients asked of barriers, and what came of it. Each client uses one barrier.
#[derive(Debug, Default)]
pub struct Barriers {
    clients: BTreeMap<(MemberId, Session), (BarrierName, Standing)>,
    /// How often a node passed a barrier in a view, and when last.
    passed: BTreeMap<(ViewId, BarrierName, MemberId), (u64, Real)>,
    /// Barriers for a number of nodes.
    for_number: BTreeSet<BarrierName>,
    /// Where a client went while it waited: its node counts as come until that is known.
    gone: BTreeSet<(MemberId, BarrierName)>,
    /// How many waits ended because all had come, and because of something else.
    pub ended: (u64, u64),
}

impl Barriers {
    /// How a client stands.
    #[must_use]
    pub fn standing(&self, me: MemberId, session: Session) -> Standing {
        self.clients.get(&(me, session)).map(|(_, standing)| *standing).unwrap_or_default()
    }

    /// A client of `me` asks for something that is taken.
    pub fn asks(&mut self, me: MemberId, session: Session, request: &BarrierRequest) {
        let standing = match request {
            BarrierRequest::Wait { .. } => Standing::Waiting,
            BarrierRequest::Register { name, nodes: 1.., .. }
            | BarrierRequest::Change { name, change: BarrierChange::Nodes(1..) } => {
                self.for_number.insert(name.clone());
                Standing::Asked
            }
            _ => Standing::Asked,
        };
        self.clients.insert((me, session), (request.name().clone(), standing));
    }

    /// A client of `me` was refused what it asked for.
    pub fn refused(&mut self, me: MemberId, session: Session) {
        self.clients.remove(&(me, session));
    }

    /// A client of `me` is gone.
    pub fn goes(&mut self, me: MemberId, session: Session) {
        if let Some((name, Standing::Waiting)) = self.clients.remove(&(me, session)) {
            self.gone.insert((me, name));
        }
    }

    /// A client of `me` is answered. `place`: the view in which that was, and the members that are
    /// in it; none if the node is between two views.
    ///
    /// # Errors
    /// It has not asked, or passes what a member has not come to.
    pub fn told(
        &mut self,
        now: Real,
        me: MemberId,
        place: Option<&Place>,
        session: Session,
        event: &BarrierEvent,
    ) -> Check {
        let fail = |what: String| Err(Violation::new("barriers", &[me.node], what));
        let BarrierEvent { name, result } = event;
        let asked = self.clients.get_mut(&(me, session)).filter(|(asked, _)| asked == name);
        let Some((_, standing)) = asked else {
            return fail(format!("client {} is told of {name} without asking", session.0));
        };
        let before = core::mem::replace(standing, Standing::Idle);
        match before {
            Standing::Asked if result.is_ok() => *standing = Standing::Registered,
            Standing::Waiting if result.is_ok() => {
                self.ended.0 += 1;
                return place.map_or(Ok(()), |place| self.passes(now, me, place, name));
            }
            Standing::Waiting => self.ended.1 += 1,
            Standing::Asked => {}
            Standing::Idle | Standing::Registered => {
                return fail(format!("client {} is answered twice", session.0));
            }
        }
        Ok(())
    }

    /// A node passes a barrier.
    fn passes(&mut self, now: Real, me: MemberId, place: &Place, name: &BarrierName) -> Check {
        let passed = self.passed.entry((place.view, name.clone(), me)).or_default();
        // Several clients of one node pass together.
        if passed.0 == 0 || passed.1 != now {
            *passed = (passed.0 + 1, now);
        }
        let times = passed.0;
        if self.for_number.contains(name) {
            return Ok(());
        }
        for &member in &place.members {
            let passed = self.passed.get(&(place.view, name.clone(), member));
            let waits = |((of, _), client): (&(MemberId, Session), &(BarrierName, Standing))| {
                *of == member && *client == (name.clone(), Standing::Waiting)
            };
            let waits = self.clients.iter().any(waits);
            let came = passed.map_or(0, |(times, _)| *times) + u64::from(waits);
            if came < times && !self.gone.contains(&(member, name.clone())) {
                let what =
                    format!("{me:?} passes {name} for the {times}. time in {:?}", place.view);
                let what = format!("{what}, and {member:?} has come only {came} times");
                return Err(Violation::new("barriers", &[me.node, member.node], what));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_node::{BarrierError, BarrierOptions};
    use cman_types::{Epoch, Incarnation, NodeId, Salt};

    fn member(node: u32) -> MemberId {
        let node = NodeId::new(node).unwrap();
        MemberId { node, incarnation: Incarnation(1), salt: Salt::default() }
    }

    fn name() -> BarrierName {
        BarrierName::new(b"b").unwrap()
    }

    fn place() -> Place {
        let view = ViewId { epoch: Epoch(1), coordinator: member(1) };
        Place { view, members: vec![member(1), member(2)] }
    }

    fn waits(barriers: &mut Barriers, node: u32) {
        barriers.asks(member(node), Session(1), &BarrierRequest::Wait { name: name() });
    }

    fn done(barriers: &mut Barriers, now: Real, node: u32) -> Check {
        let event = BarrierEvent { name: name(), result: Ok(()) };
        barriers.told(now, member(node), Some(&place()), Session(1), &event)
    }

    #[test]
    fn those_who_wait_pass_together() {
        let mut barriers = Barriers::default();
        for round in 0..3 {
            waits(&mut barriers, 1);
            waits(&mut barriers, 2);
            assert_eq!(done(&mut barriers, 10 * round, 2), Ok(()));
            assert_eq!(done(&mut barriers, 10 * round + 1, 1), Ok(()));
        }
        assert_eq!(barriers.ended, (6, 0));
    }

    #[test]
    fn nobody_passes_what_another_has_not_come_to() {
        let mut barriers = Barriers::default();
        waits(&mut barriers, 1);
        assert!(done(&mut barriers, 1, 1).is_err());
        // Where it came once and passed once, it does not count again.
        let mut barriers = Barriers::default();
        waits(&mut barriers, 1);
        waits(&mut barriers, 2);
        assert_eq!(done(&mut barriers, 1, 1), Ok(()));
        assert_eq!(done(&mut barriers, 1, 2), Ok(()));
        waits(&mut barriers, 1);
        assert!(done(&mut barriers, 2, 1).is_err());
    }

    #[test]
    fn a_barrier_for_a_number_and_one_who_went_are_not_checked() {
        let mut barriers = Barriers::default();
        let options = BarrierOptions::default();
        let some = BarrierRequest::Register { name: name(), nodes: 1, options };
        barriers.asks(member(1), Session(1), &some);
        assert_eq!(done(&mut barriers, 1, 1), Ok(()));
        assert_eq!(barriers.standing(member(1), Session(1)), Standing::Registered);
        waits(&mut barriers, 1);
        assert_eq!(done(&mut barriers, 2, 1), Ok(()));
        let mut barriers = Barriers::default();
        waits(&mut barriers, 1);
        waits(&mut barriers, 2);
        barriers.goes(member(2), Session(1));
        assert_eq!(done(&mut barriers, 1, 1), Ok(()));
    }

    #[test]
    fn answers_are_for_those_who_asked_and_come_once() {
        let mut barriers = Barriers::default();
        assert!(done(&mut barriers, 1, 1).is_err());
        waits(&mut barriers, 1);
        let result = Err(BarrierError::TimedOut { name: name() });
        let event = BarrierEvent { name: name(), result };
        let mut told = || barriers.told(1, member(1), None, Session(1), &event);
        assert_eq!(told(), Ok(()));
        assert!(told().is_err(), "twice");
        assert_eq!(barriers.ended, (0, 1));
    }
}
