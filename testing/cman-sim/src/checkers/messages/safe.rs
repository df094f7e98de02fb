//! P4: what anybody delivered as safe before the transitional event is delivered in that view by
//! every member of it that installs any later one.

use cman_types::{MemberId, ViewId};
use std::collections::{BTreeMap, BTreeSet};

use super::Key;
use crate::violation::{Check, Violation};

/// Safe messages delivered in each view, and who left it.
#[derive(Debug, Default)]
pub(super) struct Safe {
    delivered: BTreeMap<ViewId, BTreeSet<Key>>,
    left: BTreeMap<ViewId, BTreeSet<MemberId>>,
}

impl Safe {
    /// `me` delivers a safe message; `had` says of a member that left the view whether it had
    /// delivered it there.
    pub(super) fn check(
        &mut self,
        me: &MemberId,
        view: ViewId,
        key: Key,
        had: impl Fn(&MemberId) -> Option<bool>,
    ) -> Check {
        self.delivered.entry(view).or_default().insert(key);
        let left = self.left.get(&view).into_iter().flatten();
        if let Some(other) = left.into_iter().find(|member| had(member) == Some(false)) {
            let what = format!("{key:?} in {view:?}, which {other:?} left without it");
            return Err(Violation::new("safe messages", &[me.node], what));
        }
        Ok(())
    }

    /// `me` leaves `view` for another, having delivered `set` in it.
    pub(super) fn leave(&mut self, me: &MemberId, view: ViewId, set: &BTreeSet<Key>) -> Check {
        self.left.entry(view).or_default().insert(*me);
        let safe = self.delivered.get(&view).into_iter().flatten();
        if let Some(missed) = safe.into_iter().find(|key| !set.contains(key)) {
            let what = format!("leaves {view:?} without {missed:?}, delivered as safe elsewhere");
            return Err(Violation::new("safe messages", &[me.node], what));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    #[test]
    fn safe_means_everywhere() {
        let id = view(5, &[1, 2, 3]).id;
        let key = Key { sender: life(1), number: 1 };
        let mut safe = Safe::default();
        assert!(safe.check(&life(1), id, key, |_| None).is_ok());
        assert!(safe.leave(&life(2), id, &BTreeSet::from([key])).is_ok());
        assert!(safe.leave(&life(3), id, &BTreeSet::new()).is_err());
        let late = Key { sender: life(1), number: 2 };
        assert!(safe.check(&life(1), id, late, |_| Some(false)).is_err());
    }
}
