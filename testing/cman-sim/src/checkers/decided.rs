//! R-24, second half: what a dead coordinator may have decided is not dropped. If all of a
//! ballot's members that are left confirmed it, its coordinator may have installed it alone; they
//! install it before they go on without the coordinator.
//!
//! Only those who can know are asked: the next proposer must have confirmed that ballot, as the
//! last thing it had a part in, and all of them must still be in the view they were in.

use cman_types::{MemberId, View, ViewId};

use crate::{
    history::{History, ViewRecord},
    violation::{Check, Violation},
};

/// `me` is about to install `view`, coming from `previous`.
///
/// # Errors
/// It proposed that view over one that was decided.
pub fn check(history: &History, me: &MemberId, previous: Option<ViewId>, view: &View) -> Check {
    let Some(previous) = previous.filter(|_| view.id.coordinator == *me) else {
        return Ok(());
    };
    let Some(dropped) = history.last_part(me, previous, view.id) else {
        return Ok(());
    };
    let lost = |_: &&ViewRecord| !view.contains(&dropped.coordinator);
    let Some(record) = history.views.get(&dropped).filter(lost) else {
        return Ok(());
    };
    if !record.members.contains(me) {
        return Ok(()); // It departed with that ballot: it completes no view that it leaves.
    }
    let mut here = record.members.iter().filter(|member| view.contains(member));
    let stayed = |member: &&MemberId| {
        let now = history.lives.get(member).and_then(|life| life.view);
        // Who was brought into another view since, which it had confirmed too, stays there.
        history.has_confirmed(member, dropped)
            && history.still_there(member, dropped, now)
            && now == Some(previous)
    };
    if !here.all(|member| stayed(&member)) {
        return Ok(());
    }
    Err(Violation::new(
        "the decided is completed",
        &[me.node, dropped.coordinator.node],
        format!("goes from {previous:?} to {:?}, over {dropped:?} that all confirmed", view.id),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    /// 1 decides view 6 alone; 2 and 3, still in view 5, go on without it.
    fn decided_alone(confirmed: &[u32]) -> History {
        let mut history = History::default();
        let (old, decided) = (view(5, &[1, 2, 3]), view(6, &[1, 2, 3]));
        for id in [1, 2, 3] {
            history.begin(life(id), 0);
            history.install(10, life(id), old.id, old.ids());
        }
        for id in confirmed {
            history.confirm(20, life(*id), decided.id);
        }
        history.install(30, life(1), decided.id, decided.ids());
        history
    }

    #[test]
    fn what_all_confirmed_is_not_dropped() {
        let next = view(7, &[2, 3]);
        let old = Some(view(5, &[1, 2, 3]).id);
        assert!(check(&decided_alone(&[2, 3]), &life(2), old, &next).is_err());
        assert!(check(&decided_alone(&[2]), &life(2), old, &next).is_ok(), "3 did not confirm");
        let completed = Some(view(6, &[1, 2, 3]).id);
        assert!(check(&decided_alone(&[2, 3]), &life(2), completed, &next).is_ok());
        let mut history = decided_alone(&[2, 3]);
        history.plan(view(6, &[2, 3]).id);
        assert!(check(&history, &life(2), old, &next).is_ok(), "it led another ballot since");
    }
}
