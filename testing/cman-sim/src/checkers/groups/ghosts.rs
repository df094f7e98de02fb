//! G-03: groups list processes of members of the view, and of nobody else.

use cman_node::{GroupName, Process};
use cman_types::{NodeId, View};

use crate::violation::{Check, Violation};

/// What `node` lists, in the view that it installed last.
pub(super) fn check<'a>(
    node: NodeId,
    view: Option<&View>,
    groups: impl Iterator<Item = (&'a GroupName, &'a [Process])>,
) -> Check {
    let is_member =
        |who: &Process| view.is_some_and(|view| view.member_of_node(who.node).is_some());
    for (group, members) in groups {
        if let Some(ghost) = members.iter().find(|who| !is_member(who)) {
            let nodes: Vec<_> = view.iter().flat_map(|view| view.nodes()).collect();
            let what = format!("{group:?} lists {ghost:?} in a view of {nodes:?}");
            return Err(Violation::new("groups list members of the view", &[node], what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::view;

    #[test]
    fn a_ghost_is_found() {
        let view = view(5, &[1, 2]);
        let me = NodeId::new(1).unwrap();
        let group = GroupName::new(b"g").unwrap();
        let listed = |node: u32, view: Option<&View>| {
            let process = Process { node: NodeId::new(node).unwrap(), pid: 7 };
            check(me, view, [(&group, &[process][..])].into_iter())
        };
        assert!(listed(2, Some(&view)).is_ok());
        assert!(listed(3, Some(&view)).is_err());
        assert!(listed(1, None).is_err());
    }
}
