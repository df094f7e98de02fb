//! P5: within a view nobody delivers a message before one that its sender had delivered when it
//! sent it.

use cman_types::{MemberId, ViewId};

use super::{Delivered, Key};
use crate::violation::{Check, Violation};

/// `me` is about to deliver `key` in `view`; its sender had delivered `after` before it sent it.
pub(super) fn check(
    me: &MemberId,
    mine: &Delivered,
    key: &Key,
    view: ViewId,
    after: Option<(ViewId, Key)>,
) -> Check {
    let Some((_, cause)) = after.filter(|(sent_in, _)| *sent_in == view) else { return Ok(()) };
    if mine.set.contains(&cause) {
        return Ok(());
    }
    let what = format!("{key:?} is delivered, but not {cause:?}, which its sender knew");
    Err(Violation::new("causes before effects", &[me.node], what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{life, view};

    #[test]
    fn an_effect_waits_for_its_cause() {
        let id = view(5, &[1, 2, 3]).id;
        let (cause, effect) =
            (Key { sender: life(1), number: 1 }, Key { sender: life(2), number: 1 });
        let mut mine = Delivered { view: Some(id), ..Delivered::default() };
        assert!(check(&life(3), &mine, &effect, id, Some((id, cause))).is_err());
        mine.set.insert(cause);
        assert!(check(&life(3), &mine, &effect, id, Some((id, cause))).is_ok());
        let other = view(6, &[1, 2, 3]).id;
        assert!(check(&life(3), &Delivered::default(), &effect, other, Some((id, cause))).is_ok());
    }
}
