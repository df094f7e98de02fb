//! Architecture, invariant 1: two members that install the same view id have the same member
//! list, everywhere and ever; a node is in its own views; each node at most once.

use cman_types::{MemberId, View};

use crate::{
    history::History,
    violation::{Check, Violation},
};

/// `me` is about to install `view`.
pub fn check(history: &History, me: &MemberId, view: &View) -> Check {
    let fail = |invariant, what| Err(Violation::new(invariant, &[me.node], what));
    if !view.contains(me) {
        return fail("own view", format!("installs {:?} without itself", view.id));
    }
    if view.members.windows(2).any(|pair| matches!(pair, [a, b] if a.id.node >= b.id.node)) {
        return fail("each node once", format!("members of {:?}: {:?}", view.id, view.members));
    }
    match history.views.get(&view.id) {
        Some(record) if !record.members.iter().copied().eq(view.ids()) => fail(
            "view agreement",
            format!(
                "{:?} is {:?} here, but {:?} elsewhere",
                view.id,
                view.ids().collect::<Vec<_>>(),
                record.members
            ),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    #[test]
    fn one_id_one_list() {
        let mut history = History::default();
        let first = view(5, &[1, 2, 3]);
        assert_eq!(check(&history, &life(1), &first), Ok(()));
        history.install(9, life(1), first.id, first.ids());
        assert_eq!(check(&history, &life(2), &first), Ok(()));
        let other = view(5, &[1, 2]);
        assert_eq!(check(&history, &life(2), &other).unwrap_err().invariant, "view agreement");
    }

    #[test]
    fn oneself_and_nobody_twice() {
        let history = History::default();
        let without_me = view(5, &[1, 2]);
        assert_eq!(check(&history, &life(3), &without_me).unwrap_err().invariant, "own view");
        let mut twice = view(5, &[1, 2]);
        twice.members.push(twice.members[1]);
        twice.members[2].id.incarnation.0 += 1;
        assert_eq!(check(&history, &life(1), &twice).unwrap_err().invariant, "each node once");
    }
}
