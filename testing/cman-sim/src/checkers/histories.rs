//! Clients of one kind, at nodes that stay together, are told the same, in the same order.
//!
//! Nodes that were in step when a view began, and went on to the next together, told the clients
//! that were there all the time exactly the same; one that came meanwhile the end of it, one that
//! went the beginning. What is there is for example a member of a group.

use cman_types::{MemberId, ViewId};
use core::fmt::Debug;
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

/// How a node stands to the others.
#[derive(Debug)]
pub(super) struct Standing {
    /// Who was in step with this node when its view began.
    class: Class,
    /// Whether all members of the view have been in step.
    synced: bool,
}

impl Standing {
    pub(super) fn new(me: MemberId) -> Self {
        Self { class: vec![Mark::Alone(me)], synced: false }
    }

    /// All members of the view are in step.
    pub(super) const fn synced(&mut self) {
        self.synced = true;
    }

    /// The node goes from one view to the next: the step that it takes.
    pub(super) fn install(&mut self, from: Option<ViewId>, to: ViewId) -> Option<Step> {
        let class = core::mem::take(&mut self.class);
        let synced = core::mem::replace(&mut self.synced, false);
        let in_step = match from {
            Some(from) if synced => vec![Mark::View(from)],
            _ => class.clone(),
        };
        self.class = in_step.into_iter().chain([Mark::View(to)]).collect();
        Some(Step { class, from: from?, to })
    }
}

/// A step that nodes took together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Step {
    pub(super) class: Class,
    pub(super) from: ViewId,
    pub(super) to: ViewId,
}

/// What one client was told in one view.
#[derive(Clone, Debug)]
pub(super) struct Told<E> {
    pub(super) events: Vec<E>,
    /// Whether it was there when the view began, and when it ended.
    pub(super) from_start: bool,
    pub(super) to_end: bool,
}

impl<E> Told<E> {
    /// To one that comes now, in the midst of a view.
    pub(super) fn first(event: E) -> Self {
        Self { events: vec![event], from_start: false, to_end: false }
    }

    /// The view ends: what was told in it. The next one begins.
    pub(super) fn end_view(&mut self) -> Self {
        let next = Self { events: Vec::new(), from_start: true, to_end: false };
        Self { to_end: true, ..core::mem::replace(self, next) }
    }
}

/// What clients of each node were told.
type TheirWords<E> = Vec<(MemberId, Told<E>)>;

/// All that was told in steps that are over, by what it is about.
#[derive(Debug)]
pub(super) struct Histories<K, E> {
    steps: BTreeMap<(Step, K), TheirWords<E>>,
    /// Events that were held against what others were told.
    pub(super) compared: u64,
}

impl<K, E> Default for Histories<K, E> {
    fn default() -> Self {
        Self { steps: BTreeMap::new(), compared: 0 }
    }
}

impl<K: Clone + Ord + Debug, E: PartialEq + Debug> Histories<K, E> {
    /// At `me`, a client was told this in a step that is over.
    pub(super) fn check(&mut self, me: &MemberId, step: &Step, about: &K, told: Told<E>) -> Check {
        let others = self.steps.entry((step.clone(), about.clone())).or_default();
        for (other, theirs) in others.iter() {
            self.compared += told.events.len().min(theirs.events.len()) as u64;
            if let Some(at) = difference(&told, theirs) {
                let what = format!(
                    "{about:?}: event {at} from {:?} to {:?} is not the one of {other:?}; here \
                     {:?}, there {:?}",
                    step.from,
                    step.to,
                    told.events.get(at),
                    theirs.events.get(at)
                );
                return Err(Violation::new("one history for all", &[me.node], what));
            }
        }
        others.push((*me, told));
        Ok(())
    }
}

/// Where two that were there at the same time were told otherwise, if anywhere.
fn difference<E: PartialEq>(a: &Told<E>, b: &Told<E>) -> Option<usize> {
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

    fn told(events: &[u8], from_start: bool, to_end: bool) -> Told<u8> {
        Told { events: events.to_vec(), from_start, to_end }
    }

    #[test]
    fn who_stays_together_is_told_the_same() {
        let all = told(&[1, 2, 3], true, true);
        let same = |other: &Told<u8>| {
            difference(&all, other).is_none() && difference(other, &all).is_none()
        };
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
        let step = |class: Class| Step { class, from, to };
        let mut histories = Histories::default();
        let together = step(vec![Mark::View(from)]);
        let apart = step(vec![Mark::Alone(life(2))]);
        assert!(histories.check(&life(1), &together, &"g", told(&[1], true, true)).is_ok());
        assert!(histories.check(&life(2), &apart, &"g", told(&[2], true, true)).is_ok());
        assert!(histories.check(&life(2), &together, &"g", told(&[2], true, true)).is_err());
    }
}
