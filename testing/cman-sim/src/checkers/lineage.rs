//! R-24 and P7: members that go together from view to view never see each other leave.

use cman_node::ViewEvent;
use cman_types::{MemberId, NodeId, ViewId};

use crate::{
    history::{History, Installer},
    violation::{Check, Violation},
};

/// `me` has installed `event.view`, coming from `previous`; history knows it already.
pub fn check(
    history: &History,
    me: &MemberId,
    previous: Option<ViewId>,
    event: &ViewEvent,
) -> Check {
    let Some(record) = history.views.get(&event.view.id) else {
        return Ok(());
    };
    own_lists(history, me, previous, event)?;
    let mine = Installer { member: *me, previous };
    for other in record.installers.iter().filter(|other| other.member != *me) {
        needless(history, &mine, other, event)?;
        needless(history, other, &mine, event)?;
        if previous.is_some() {
            same_company(me, previous, other, event)?;
        }
    }
    Ok(())
}

/// The event's three lists against the member lists of both views.
fn own_lists(
    history: &History,
    me: &MemberId,
    previous: Option<ViewId>,
    event: &ViewEvent,
) -> Check {
    let fail = |what: String| Err(Violation::new("view event", &[me.node], what));
    let view = &event.view;
    let before: &[MemberId] =
        previous.and_then(|id| history.views.get(&id)).map_or(&[], |record| &record.members);
    if !event.transitional.contains(&me.node) {
        return fail(format!("{:?}: not among those that come with itself", view.id));
    }
    if let Some(node) =
        view.nodes().find(|node| event.transitional.contains(node) == event.joined.contains(node))
    {
        return fail(format!("{:?}: {node:?} must either come along or join", view.id));
    }
    let left = before
        .iter()
        .filter(|member| !(event.transitional.contains(&member.node) && view.contains(member)));
    let left: Vec<NodeId> = left.map(|member| member.node).collect();
    if previous.is_some() && !left.iter().all(|node| event.left.contains(node)) {
        return fail(format!("{:?}: left {:?}, but {left:?} did", view.id, event.left));
    }
    if event.left.len() != left.len() {
        return fail(format!("{:?}: left {:?}, but {left:?} did", view.id, event.left));
    }
    Ok(())
}

/// Two installers of one view: if one comes from a view that the other one has confirmed but not
/// yet installed, they would see each other leave and join. R-24 completes that view first.
fn needless(history: &History, ahead: &Installer, behind: &Installer, event: &ViewEvent) -> Check {
    let Some(origin) = ahead.previous else {
        return Ok(());
    };
    let shared = history.has_confirmed(&behind.member, origin)
        && history.still_there(&behind.member, origin, behind.previous)
        && history.views.get(&origin).is_some_and(|record| record.members.contains(&behind.member));
    let is_behind = behind.previous.is_none_or(|previous| previous.epoch < origin.epoch);
    if shared && is_behind {
        return Err(Violation::new(
            "no needless departure",
            &[ahead.member.node, behind.member.node],
            format!(
                "{:?}: the one comes from {origin:?}, and the other, which belongs to that, \
                 still from {:?}",
                event.view.id, behind.previous
            ),
        ));
    }
    Ok(())
}

/// Those and only those who come from the same view are transitional.
fn same_company(
    me: &MemberId,
    previous: Option<ViewId>,
    other: &Installer,
    event: &ViewEvent,
) -> Check {
    let together = other.previous == previous;
    if event.transitional.contains(&other.member.node) == together {
        return Ok(());
    }
    Err(Violation::new(
        "transitional members",
        &[me.node, other.member.node],
        format!(
            "{:?}: from {previous:?} and {:?}, transitional here: {:?}",
            event.view.id, other.previous, event.transitional
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, node, view};
    use cman_types::View;

    fn event(view: View, transitional: &[u32], joined: &[u32], left: &[u32]) -> ViewEvent {
        let list = |ids: &[u32]| ids.iter().map(|&id| node(id)).collect::<Vec<_>>();
        ViewEvent {
            view,
            transitional: list(transitional),
            joined: list(joined),
            left: list(left),
            reasons: Vec::new(),
            amending: None,
            text: String::new(),
        }
    }

    fn install(history: &mut History, me: u32, event: &ViewEvent) -> Check {
        let id = event.view.id;
        let previous = history.install(0, life(me), id, event.view.ids());
        check(history, &life(me), previous, event)
    }

    fn born(history: &mut History, ids: &[u32]) {
        ids.iter().for_each(|&id| history.begin(life(id), 0));
    }

    #[test]
    fn together_from_view_to_view() {
        let mut history = History::default();
        born(&mut history, &[1, 2, 3]);
        for me in [1, 2, 3] {
            let others: Vec<u32> = [1, 2, 3].into_iter().filter(|&id| id != me).collect();
            let first = event(view(5, &[1, 2, 3]), &[me], &others, &[]);
            assert_eq!(install(&mut history, me, &first), Ok(()));
        }
        for me in [1, 2] {
            let second = event(view(6, &[1, 2]), &[1, 2], &[], &[3]);
            assert_eq!(install(&mut history, me, &second), Ok(()));
        }
    }

    #[test]
    fn a_half_installed_view_must_be_completed() {
        let mut history = History::default();
        born(&mut history, &[1, 2, 3]);
        for me in [1, 2] {
            let other = 3 - me;
            let first = event(view(5, &[1, 2]), &[me], &[other], &[]);
            assert_eq!(install(&mut history, me, &first), Ok(()));
        }
        // Only node 1 installs view 6; node 2 is not completed before view 7.
        history.confirm(0, life(2), view(6, &[1, 2]).id);
        let second = event(view(6, &[1, 2]), &[1, 2], &[], &[]);
        assert_eq!(install(&mut history, 1, &second), Ok(()));
        let third = event(view(7, &[1, 2]), &[1], &[2], &[2]);
        assert_eq!(install(&mut history, 1, &third), Ok(()));
        let third = event(view(7, &[1, 2]), &[2], &[1], &[1]);
        let broken = install(&mut history, 2, &third).unwrap_err();
        assert_eq!(broken.invariant, "no needless departure");
    }

    #[test]
    fn wrong_lists_are_noticed() {
        for (transitional, joined, left) in [(&[1, 2][..], &[][..], &[][..]), (&[1], &[2], &[3])] {
            let mut history = History::default();
            born(&mut history, &[1, 2]);
            assert!(install(&mut history, 1, &event(view(5, &[1]), &[1], &[], &[])).is_ok());
            let second = event(view(6, &[1, 2]), transitional, joined, left);
            let broken = install(&mut history, 1, &second);
            let expected = if left.is_empty() { None } else { Some("view event") };
            assert_eq!(broken.err().map(|violation| violation.invariant), expected);
        }
        let mut history = History::default();
        born(&mut history, &[1]);
        let without_itself = event(view(5, &[1]), &[], &[1], &[]);
        let broken = install(&mut history, 1, &without_itself).unwrap_err();
        assert_eq!(broken.invariant, "view event");
    }

    #[test]
    fn a_wrong_company_is_noticed() {
        let mut history = History::default();
        born(&mut history, &[1, 2]);
        assert!(install(&mut history, 1, &event(view(5, &[1]), &[1], &[], &[])).is_ok());
        assert!(install(&mut history, 2, &event(view(5, &[2]), &[2], &[], &[])).is_ok());
        assert!(install(&mut history, 1, &event(view(6, &[1, 2]), &[1, 2], &[], &[])).is_ok());
        let broken = install(&mut history, 2, &event(view(6, &[1, 2]), &[1, 2], &[], &[]));
        assert_eq!(broken.unwrap_err().invariant, "transitional members");
    }
}
