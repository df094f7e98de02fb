//! Members of a group that stay together are told the same, in the same order.
//!
//! Nodes that were in step when a view began, and went on to the next together, told the clients
//! that were members all the time exactly the same; one that joined meanwhile the end of it, one
//! that left the beginning.

use cman_node::{GroupEvent, GroupName};
use cman_types::{MemberId, ViewId};
use std::collections::BTreeMap;

use crate::violation::{Check, Violation};

/// Who is in step: where their common past begins, and their views since.
pub(super) type Class = Vec<Mark>;

/// A step of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Mark {
    /// A life, before its first view.
    Alone(MemberId),
    /// A view.
    View(ViewId),
}

/// A step that nodes took together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Step {
    pub(super) class: Class,
    pub(super) from: ViewId,
    pub(super) to: ViewId,
}

/// What one membership was told in one view.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) events: Vec<GroupEvent>,
    /// Whether it was a member when the view began, and when it ended.
    pub(super) from_start: bool,
    pub(super) to_end: bool,
}

/// All that was told in steps that are over.
#[derive(Debug, Default)]
pub(super) struct Histories {
    steps: BTreeMap<(Step, GroupName), Vec<(MemberId, Told)>>,
    /// Events that were held against what others were told.
    pub(super) compared: u64,
}

impl Histories {
    /// At `me`, a client was told this in a step that is over.
    pub(super) fn check(
        &mut self,
        me: &MemberId,
        step: &Step,
        group: &GroupName,
        told: Told,
    ) -> Check {
        let others = self.steps.entry((step.clone(), group.clone())).or_default();
        for (other, theirs) in others.iter() {
            self.compared += told.events.len().min(theirs.events.len()) as u64;
            if let Some(at) = difference(&told, theirs) {
                let what = format!(
                    "{group:?}: event {at} from {:?} to {:?} is not the one of {other:?}; here \
                     {:?}, there {:?}",
                    step.from,
                    step.to,
                    told.events.get(at),
                    theirs.events.get(at)
                );
                return Err(Violation::new("one history of a group", &[me.node], what));
            }
        }
        others.push((*me, told));
        Ok(())
    }
}

/// Where two that were in the group at the same time were told otherwise, if anywhere.
fn difference(a: &Told, b: &Told) -> Option<usize> {
    let (long, short) = if a.events.len() >= b.events.len() { (a, b) } else { (b, a) };
    let more = long.events.len() - short.events.len();
    // Who was there all the time was told most.
    if more > 0 && short.from_start && short.to_end {
        return Some(short.events.len());
    }
    let skipped = match (a.from_start && b.from_start, a.to_end && b.to_end) {
        (true, _) => 0,
        (false, true) => more,
        (false, false) => return None,
    };
    let pairs = long.events.iter().skip(skipped).zip(&short.events);
    pairs.into_iter().position(|(one, other)| one != other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    fn told(groups: &[u8], from_start: bool, to_end: bool) -> Told {
        let event = |name: &u8| {
            let group = GroupName::new(&[*name]).unwrap();
            GroupEvent::Members { group, members: Vec::new() }
        };
        Told { events: groups.iter().map(event).collect(), from_start, to_end }
    }

    #[test]
    fn who_stays_together_is_told_the_same() {
        let all = told(&[1, 2, 3], true, true);
        let same =
            |other: &Told| difference(&all, other).is_none() && difference(other, &all).is_none();
        assert!(same(&all.clone()));
        assert!(same(&told(&[1, 2], true, false)), "it left");
        assert!(same(&told(&[2, 3], false, true)), "it joined");
        assert!(!same(&told(&[1, 2], true, true)), "one is missing");
        assert!(!same(&told(&[1, 3, 2], true, true)), "another order");
        assert!(!same(&told(&[1, 3], true, false)), "something else before it left");
        assert!(!same(&told(&[1, 3], false, true)), "something else after it joined");
        assert!(!same(&told(&[1, 2, 3, 4], true, false)), "more than all");
    }

    #[test]
    fn only_those_in_step_are_compared() {
        let (from, to) = (view(5, &[1, 2]).id, view(6, &[1, 2]).id);
        let group = GroupName::new(b"g").unwrap();
        let step = |class: Class| Step { class, from, to };
        let mut histories = Histories::default();
        let together = step(vec![Mark::View(from)]);
        let apart = step(vec![Mark::Alone(life(2))]);
        assert!(histories.check(&life(1), &together, &group, told(&[1], true, true)).is_ok());
        assert!(histories.check(&life(2), &apart, &group, told(&[2], true, true)).is_ok());
        assert!(histories.check(&life(2), &together, &group, told(&[2], true, true)).is_err());
    }
}
