//! Architecture, "Security", and R-76: a replayed past brings no dead node to life, and no living
//! node is replaced by an older life of it.

use cman_node::ViewEvent;
use cman_types::{MemberId, ViewId};
use cman_wire::frame::Reason;

use crate::{
    clock::Real,
    history::History,
    violation::{Check, Violation},
};

/// How many tokens after a death its life may still be in a ballot that gets as far as being
/// confirmed: token and stretched patience until the death is noticed, and a proposer that was
/// slow (recover phase up to 4 T) or stalled (up to 4 T). The ballot itself may be installed
/// whenever a successor completes it.
pub const DEAD_LINGER_TOKENS: u64 = 12;

/// `me` is about to install a view, coming from `previous`.
pub fn check(
    history: &History,
    now: Real,
    token: Real,
    me: &MemberId,
    previous: Option<ViewId>,
    event: &ViewEvent,
) -> Check {
    let view = &event.view;
    if !history.views.contains_key(&view.id) {
        let decided = history.first_confirmed(view.id).unwrap_or(now);
        for member in view.ids() {
            let dead_for = history.died(&member).map_or(0, |died| decided.saturating_sub(died));
            if dead_for > token * DEAD_LINGER_TOKENS {
                return Err(Violation::new(
                    "the dead stay dead",
                    &[me.node, member.node],
                    format!("{:?} holds {member:?}, dead for {} ms", view.id, dead_for / 1_000_000),
                ));
            }
        }
    }
    let before = previous.and_then(|id| history.views.get(&id));
    for came in event.reasons.iter().filter(|came| came.reason == Reason::Restarted) {
        let old = before
            .and_then(|record| record.members.iter().find(|member| member.node == came.node))
            .filter(|old| !view.contains(old));
        if let Some(old) = old.filter(|old| history.died(old).is_none()) {
            return Err(Violation::new(
                "the living are not replaced",
                &[me.node, old.node],
                format!("{:?}: {old:?} lives, but is said to have restarted", view.id),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, node, view};
    use cman_node::Came;

    fn event(reasons: Vec<Came>) -> ViewEvent {
        let view = view(6, &[1, 2]);
        let (joined, left, text) = (Vec::new(), Vec::new(), String::new());
        let (transitional, amending) = (vec![node(1)], None);
        ViewEvent { view, transitional, joined, left, reasons, amending, text }
    }

    #[test]
    fn the_dead_stay_dead() {
        let mut history = History::default();
        history.begin(life(1), 0);
        assert!(check(&history, 0, 10, &life(1), None, &event(Vec::new())).is_ok());
        assert!(
            check(&history, 500, 10, &life(1), None, &event(Vec::new())).is_err(),
            "node 2 never lived"
        );
        history.begin(life(2), 0);
        history.end(&life(2), 400);
        assert!(check(&history, 500, 10, &life(1), None, &event(Vec::new())).is_ok());
        assert!(check(&history, 521, 10, &life(1), None, &event(Vec::new())).is_err());
    }

    #[test]
    fn the_living_are_not_replaced() {
        let mut history = History::default();
        [1, 2, 3].into_iter().for_each(|id| history.begin(life(id), 0));
        let old = view(5, &[1, 3]);
        history.install(0, life(1), old.id, old.ids());
        let came = Came { node: node(3), reason: Reason::Restarted, evidence: String::new() };
        let event = event(vec![came]);
        assert!(check(&history, 9, 10, &life(1), Some(old.id), &event).is_err());
        history.end(&life(3), 5);
        assert!(check(&history, 9, 10, &life(1), Some(old.id), &event).is_ok());
    }
}
