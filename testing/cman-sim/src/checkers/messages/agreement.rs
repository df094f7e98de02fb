//! P1: what members of a view deliver while it works are prefixes of one sequence.

use cman_types::{MemberId, ViewId};
use std::collections::BTreeMap;

use super::{Key, Phase};
use crate::violation::{Check, Violation};

/// Global sequence, and the place among the messages of that unit.
type Place = (u64, u32);

/// The sequence of each view, as far as anybody has delivered it.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    views: BTreeMap<ViewId, Sequence>,
}

#[derive(Debug, Default)]
struct Sequence {
    places: BTreeMap<Place, Key>,
    /// How far members came while the view worked.
    reached: BTreeMap<MemberId, Place>,
}

impl Agreement {
    /// Whether anybody has delivered `key` at a place of its own in the sequence of `view`.
    pub(super) fn has_placed(&self, view: ViewId, key: &Key) -> bool {
        let sequence = self.views.get(&view);
        sequence.is_some_and(|sequence| sequence.places.values().any(|placed| placed == key))
    }

    /// `me` delivers `key` at `place`, after what it delivered at `last`.
    pub(super) fn check(
        &mut self,
        me: &MemberId,
        view: ViewId,
        last: Place,
        place: Place,
        key: &Key,
        phase: Phase,
    ) -> Check {
        let fail = |what| Err(Violation::new("one sequence", &[me.node], what));
        if place <= last && last.0 > 0 {
            return fail(format!("{key:?} at {place:?} after {last:?}"));
        }
        let sequence = self.views.entry(view).or_default();
        if let Some(other) = sequence.places.get(&place) {
            if other != key {
                return fail(format!("{key:?} at {place:?}, elsewhere {other:?}"));
            }
        } else {
            let beyond = |reached: &Place| *reached > place;
            if let Some((other, at)) = sequence.reached.iter().find(|(_, at)| beyond(at)) {
                return fail(format!("{key:?} at {place:?}, which {other:?} at {at:?} left out"));
            }
            sequence.places.insert(place, *key);
        }
        if phase != Phase::Working {
            return Ok(());
        }
        let reached = sequence.reached.insert(*me, place);
        let from = reached.unwrap_or((0, 0));
        let mut between =
            sequence.places.range(from..place).filter(|(at, _)| Some(**at) != reached);
        if let Some((at, missed)) = between.next() {
            return fail(format!("{key:?} at {place:?}, without {missed:?} at {at:?}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    fn key(number: u64) -> Key {
        Key { sender: life(9), number }
    }

    #[test]
    fn nobody_leaves_out_what_others_deliver() {
        let id = view(5, &[1, 2]).id;
        let mut agreement = Agreement::default();
        let mut say = |me: u32, last: Place, place: Place, number: u64| {
            agreement.check(&life(me), id, last, place, &key(number), Phase::Working)
        };
        assert!(say(1, (0, 0), (1, 0), 1).is_ok());
        assert!(say(1, (1, 0), (1, 1), 2).is_ok());
        assert!(say(1, (1, 1), (3, 0), 3).is_ok());
        assert!(say(2, (0, 0), (1, 0), 1).is_ok());
        assert!(say(2, (1, 0), (3, 0), 3).is_err(), "without the second");
        assert!(say(3, (0, 0), (2, 0), 7).is_err(), "the first has left it out");
        assert!(say(4, (0, 0), (1, 0), 8).is_err(), "another one at this place");
        assert!(say(1, (3, 0), (2, 0), 3).is_err(), "backwards");
    }
}
