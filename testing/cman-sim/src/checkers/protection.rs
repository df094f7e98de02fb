//! R-80m: state that was apart is never merged, and only it ends.

use cman_types::{MemberId, NodeId, ViewId};

use crate::{
    clock::Real,
    history::{History, Installer},
    host::Host,
    violation::{Check, Violation},
};

/// `me` has installed a view, coming from `previous`; history knows it already. Of those members
/// that carried state when they answered its proposal, all come from one view.
pub fn merged(history: &History, me: &MemberId, previous: Option<ViewId>, view: ViewId) -> Check {
    let mine = Installer { member: *me, previous };
    let Some(record) = history.views.get(&view) else { return Ok(()) };
    if !history.was_dirty(me, view) {
        return Ok(());
    }
    let elsewhere = record
        .installers
        .iter()
        .find(|other| other.previous != mine.previous && history.was_dirty(&other.member, view));
    let Some(other) = elsewhere else { return Ok(()) };
    Err(Violation::new(
        "state is not merged",
        &[me.node, other.member.node],
        format!("{view:?}: both carry state, and come from {previous:?} and {:?}", other.previous),
    ))
}

/// A node ended because it was disallowed by `by`: it carried state, `by` held quorum until at most
/// `patience` ago, and has not got it in its view.
pub fn ended(now: Real, patience: Real, hosts: &[Host], index: usize, by: NodeId) -> Check {
    let Some(host) = hosts.get(index) else { return Ok(()) };
    let Some(life) = &host.life else { return Ok(()) };
    let fail =
        |what: String| Err(Violation::new("only state that was away ends", &[host.node], what));
    if !life.dirty {
        return fail("it carries no state".to_owned());
    }
    let Some(killer) = hosts.iter().find(|other| other.observed && other.node == by) else {
        return fail(format!("disallowed by {by:?}, which is nobody"));
    };
    if killer.claimed_until + patience < now {
        return fail(format!("disallowed by {by:?}, which does not hold quorum"));
    }
    if killer.view().is_some_and(|view| view.contains(&life.me)) {
        return fail(format!("disallowed by {by:?}, which has it in its view"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    /// Nodes 1 and 2 install view 7, coming from views 5 and `other`; what the checker says.
    fn met(other: u64, dirty: &[(u32, u64)]) -> Check {
        let mut history = History::default();
        for (me, first) in [(1, 5), (2, other)] {
            history.begin(life(me), 0);
            let first = view(first, &[1, 2]);
            history.install(0, life(me), first.id, first.ids());
        }
        for &(me, promised) in dirty {
            history.promise(life(me), view(promised, &[1, 2]).id);
            history.mark_dirty(life(me));
        }
        let met = view(7, &[1, 2]);
        for me in [1, 2] {
            history.promise(life(me), met.id);
            let previous = history.install(0, life(me), met.id, met.ids());
            merged(&history, &life(me), previous, met.id)?;
        }
        Ok(())
    }

    #[test]
    fn state_from_two_views_is_noticed() {
        assert_eq!(met(6, &[(1, 5), (2, 6)]).unwrap_err().invariant, "state is not merged");
        assert_eq!(met(5, &[(1, 5), (2, 5)]), Ok(()), "they were together");
        assert_eq!(met(6, &[(1, 5)]), Ok(()), "one carries no state");
        assert_eq!(met(6, &[(1, 5), (2, 7)]), Ok(()), "one was marked after it had answered");
    }
}
