//! a view is installed only when every proposed member has confirmed that it holds
//! what it must.

use cman_types::{MemberId, View};

use crate::{
    history::History,
    violation::{Check, Violation},
};

/// `me` is about to install `view`. The coordinator need not tell itself that it is ready.
pub fn check(history: &History, me: &MemberId, view: &View) -> Check {
    let confirmed = history.confirmed.get(&view.id);
    let missing = view.ids().find(|member| {
        *member != view.id.coordinator && !confirmed.is_some_and(|set| set.contains(member))
    });
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
        history.confirmed.entry(view.id).or_default().insert(life(2));
        assert!(check(&history, &life(1), &view).is_err());
        history.confirmed.entry(view.id).or_default().insert(life(3));
        assert!(check(&history, &life(1), &view).is_ok());
    }
}
