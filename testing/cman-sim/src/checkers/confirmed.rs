//! a proposer installs only when every proposed member has confirmed that it holds
//! what it must; and nobody installs what it has not confirmed itself.
//!
//! A successor may install a view of a dead coordinator that not all confirmed (architecture,
//! "view change"): it cannot know, if those that did not confirm are out of reach.

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
    let missing = if *me == coordinator {
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
}
