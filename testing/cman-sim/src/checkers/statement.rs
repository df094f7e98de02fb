//! Architecture, invariant 4, and the statement of section 12.
//!
//! Checked whenever somebody's claim grows or moves to another view; between such moments claims
//! only end. A claim is what the published page of a host says, so it outlives its daemon until
//! the next life clears it.

use crate::{
    clock::Real,
    host::Host,
    violation::{Check, Violation},
};

/// Whether the claim of `host` goes together with those of all others.
pub fn check(now: Real, hosts: &[Host], host: usize) -> Check {
    let Some(mine) = hosts.get(host).filter(|host| host.claims(now) && host.observed) else {
        return Ok(());
    };
    if mine.cluster.two_node {
        return Ok(());
    }
    let others = hosts.iter().enumerate().filter(|(index, _)| *index != host);
    let at_home =
        mine.claim.view.as_ref().filter(|view| mine.claim.me.is_some_and(|me| view.contains(&me)));
    for (_, other) in others.filter(|(_, other)| other.claims(now) && other.observed) {
        // Of two in the same view, the usual case, each is checked for itself: a thousand claims
        // need no million searches.
        let together = other.claim.view.as_ref().map(|view| view.id) == at_home.map(|view| view.id);
        if at_home.is_none() || !together {
            pair(mine, other)?;
        }
    }
    Ok(())
}

fn pair(a: &Host, b: &Host) -> Check {
    let (Some(a_me), Some(b_me), Some(a_view), Some(b_view)) =
        (a.claim.me, b.claim.me, &a.claim.view, &b.claim.view)
    else {
        return Err(Violation::new(
            "quorum statement",
            &[a.node, b.node],
            "somebody claims quorum without a view".to_owned(),
        ));
    };
    let fail = |invariant| {
        let what = format!(
            "{a_me:?} in {:?} {:?} and {b_me:?} in {:?} {:?} both may act",
            a_view.id,
            a_view.nodes().collect::<Vec<_>>(),
            b_view.id,
            b_view.nodes().collect::<Vec<_>>(),
        );
        Err(Violation::new(invariant, &[a.node, b.node], what))
    };
    if !a_view.contains(&b_me) && !b_view.contains(&a_me) {
        return fail("quorum statement");
    }
    let (newer, older) = if a_view.id > b_view.id { (a_view, b_me) } else { (b_view, a_me) };
    if !newer.contains(&older) {
        return fail("no view acts while one that it put out still may");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Clock, PERFECT},
        cluster::{Cluster, address},
        testing::{life, view},
    };
    use std::rc::Rc;

    fn host(id: u32, epoch: u64, members: &[u32], until: Real) -> Host {
        let me = life(id);
        let cluster = Rc::new(Cluster::plain(5));
        let mut host = Host::new(me.node, cluster, address(0), Clock::new(0, PERFECT));
        host.claim.until = until;
        host.claim.me = Some(me);
        host.claim.view = Some(Rc::new(view(epoch, members)));
        host
    }

    #[test]
    fn disjoint_claims_are_noticed_only_while_both_last() {
        let hosts = [host(1, 5, &[1, 2, 3], 100), host(4, 6, &[4, 5], 100)];
        assert_eq!(check(50, &hosts, 0).unwrap_err().invariant, "quorum statement");
        assert_eq!(check(100, &hosts, 0), Ok(()));
    }

    #[test]
    fn a_newer_view_must_hold_older_claimants() {
        let hosts = [host(1, 5, &[1, 2, 3], 100), host(2, 6, &[2, 3], 100)];
        assert!(check(50, &hosts, 1).is_err());
        let hosts = [host(1, 5, &[1, 2, 3], 100), host(4, 6, &[1, 2, 3, 4], 100)];
        assert_eq!(check(50, &hosts, 1), Ok(()));
    }

    #[test]
    fn two_nodes_may_act_alone() {
        let mut hosts = [host(1, 5, &[1], 100), host(2, 6, &[2], 100)];
        assert!(check(50, &hosts, 0).is_err());
        hosts[0].cluster = Rc::new(Cluster { two_node: true, ..Cluster::plain(2) });
        assert_eq!(check(50, &hosts, 0), Ok(()));
    }
}
