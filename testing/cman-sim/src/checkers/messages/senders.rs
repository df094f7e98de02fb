//! P3 and architecture, invariant 5: of each sender, every member of a view delivers the messages
//! of that view without a gap, beginning with the same one, none of them twice, not even after a
//! merge; a sender delivers all of its own.

use cman_types::{MemberId, ViewId};
use std::collections::BTreeMap;

use super::{Delivered, Key};
use crate::violation::{Check, Violation};

/// The first message of each sender in each view.
#[derive(Debug, Default)]
pub(super) struct Senders {
    first: BTreeMap<(ViewId, MemberId), u64>,
}

impl Senders {
    /// `me` is about to deliver `key`; `last`: what it ever delivered last of this sender.
    pub(super) fn check(
        &mut self,
        me: &MemberId,
        mine: &Delivered,
        key: &Key,
        view: ViewId,
        last: Option<u64>,
    ) -> Check {
        let fail = |invariant, what| Err(Violation::new(invariant, &[me.node], what));
        if last.is_some_and(|last| last >= key.number) {
            return fail("no message twice", format!("{key:?} after {last:?}"));
        }
        if key.sender == *me && key.number != last.unwrap_or(0) + 1 {
            return fail("own messages", format!("{key:?} of its own after {last:?}"));
        }
        match mine.newest.get(&key.sender) {
            Some(newest) if newest + 1 != key.number => {
                fail("no gap within a view", format!("{key:?} after {newest}"))
            }
            Some(_) => Ok(()),
            None => {
                let first = *self.first.entry((view, key.sender)).or_insert(key.number);
                if first == key.number {
                    return Ok(());
                }
                fail("no gap within a view", format!("{key:?} is first here, elsewhere {first}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    fn key(number: u64) -> Key {
        Key { sender: life(2), number }
    }

    #[test]
    fn gaps_and_repetitions_are_found() {
        let id = view(5, &[1, 2]).id;
        let mut senders = Senders::default();
        let mut mine = Delivered::default();
        assert!(senders.check(&life(1), &mine, &key(4), id, None).is_ok());
        mine.newest.insert(life(2), 4);
        assert!(senders.check(&life(1), &mine, &key(5), id, Some(4)).is_ok());
        assert!(senders.check(&life(1), &mine, &key(6), id, Some(4)).is_err(), "a gap");
        assert!(senders.check(&life(1), &mine, &key(4), id, Some(4)).is_err(), "twice");
        let other = Delivered::default();
        assert!(senders.check(&life(3), &other, &key(5), id, None).is_err(), "begins later");
        assert!(senders.check(&life(2), &other, &key(4), id, Some(2)).is_err(), "its own, 3 lost");
    }
}
