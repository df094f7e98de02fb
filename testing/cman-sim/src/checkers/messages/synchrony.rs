//! P2, architecture, invariant 2: members that go together from one view to the next delivered the
//! same messages in the first, in the same order.

use cman_types::{MemberId, ViewId};
use std::collections::BTreeMap;

use super::Key;
use crate::violation::{Check, Violation};

/// What the first of those who went from one view to another delivered in the first.
#[derive(Debug, Default)]
pub(super) struct Synchrony {
    steps: BTreeMap<(ViewId, ViewId), (MemberId, Vec<Key>)>,
}

impl Synchrony {
    /// `me` goes from `old` to `new`, having delivered `sequence` in `old`.
    pub(super) fn check(
        &mut self,
        me: &MemberId,
        old: ViewId,
        new: ViewId,
        sequence: &[Key],
    ) -> Check {
        let (other, expected) =
            self.steps.entry((old, new)).or_insert_with(|| (*me, sequence.to_vec()));
        if expected == sequence {
            return Ok(());
        }
        let at = expected.iter().zip(sequence).take_while(|(a, b)| a == b).count();
        let what = format!(
            "from {old:?} to {new:?}: {} messages here, {} at {other:?}; after {at} here {:?}, \
             there {:?}",
            sequence.len(),
            expected.len(),
            sequence.get(at),
            expected.get(at)
        );
        Err(Violation::new("virtual synchrony", &[me.node], what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    #[test]
    fn who_goes_together_delivered_the_same() {
        let (old, new) = (view(5, &[1, 2]).id, view(6, &[1, 2]).id);
        let key = |number| Key { sender: life(1), number };
        let mut synchrony = Synchrony::default();
        assert!(synchrony.check(&life(1), old, new, &[key(1), key(2)]).is_ok());
        assert!(synchrony.check(&life(2), old, new, &[key(1)]).is_err());
        assert!(synchrony.check(&life(2), old, new, &[key(2), key(1)]).is_err());
        assert!(synchrony.check(&life(2), old, view(7, &[2]).id, &[key(1)]).is_ok());
    }
}
