//! a proposer installs only when every proposed member has confirmed that it holds
//! what it must; and nobody installs what it has not confirmed itself.
//!
//! A successor may install a view of a lost coordinator that not all confirmed (architecture,
//! "view change"): it cannot know, if those that did not confirm are out of reach. The coordinator,
//! if it was only stalled or cut off, completes the view later like anybody who is behind:
//! in a higher ballot, after somebody else has installed it. What it decides itself all confirm.

use cman_types::{MemberId, View};

use crate::{
    history::History,
    violation::{Check, Violation},
};

/// `me` is about to install `view`. A coordinator need not tell itself that it is ready.
///
/// # Errors
/// Somebody has not confirmed.
pub fn check(history: &History, me: &MemberId, view: &View) -> Check {
    let coordinator = view.id.coordinator;
    let completes = history.has_gone_beyond(me, view.id) && history.was_installed(view.id);
    let missing = if *me == coordinator && completes {
        None
    } else if *me == coordinator {
        view.ids().find(|member| *member != coordinator && !history.has_confirmed(member, view.id))
    } else {
        Some(*me).filter(|me| !history.has_confirmed(me, view.id))
    };
    match missing {
        None => Ok(()),
        Some(member) => Err(Violation::new(
            "all confirmed",
            &[me.node, member.node],
            format!("{:?} is installed although {member:?} never said recovered", view.id),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    #[test]
    fn everybody_but_the_coordinator_confirms() {
        let mut history = History::default();
        let view = view(5, &[1, 2, 3]);
        history.confirm(0, life(2), view.id);
        assert!(check(&history, &life(1), &view).is_err());
        assert!(check(&history, &life(2), &view).is_ok());
        assert!(check(&history, &life(3), &view).is_err());
        history.confirm(0, life(3), view.id);
        assert!(check(&history, &life(1), &view).is_ok());
    }

    /// Seeds 17197 and 19771: 2 completes a view whose coordinator 1 stalls, without 3.
    #[test]
    fn a_coordinator_completes_its_own_view_after_others() {
        let (old, later) = (view(5, &[1, 2, 3]), view(6, &[1, 2]));
        let begun = || {
            let mut history = History::default();
            history.confirm(0, life(2), old.id);
            history
        };
        let mut history = begun();
        history.promise(life(1), later.id);
        assert!(check(&history, &life(1), &old).is_err(), "nobody has installed it");
        history.tell_origin(old.id);
        assert!(check(&history, &life(1), &old).is_ok(), "as 2 told and died");
        let mut history = begun();
        history.promise(life(1), old.id);
        history.install(0, life(2), old.id, old.ids());
        assert!(check(&history, &life(1), &old).is_err(), "it decides");
        history.promise(life(1), later.id);
        assert!(check(&history, &life(1), &old).is_ok(), "it completes");
        assert!(check(&history, &life(3), &old).is_err(), "not what it did not confirm itself");
    }
}
