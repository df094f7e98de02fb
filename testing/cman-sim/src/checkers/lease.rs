//! a lease rests on fresh grants of a majority, and is told honestly.
//!
//! The proof sketch of section 12 bounds the end of a lease by the instant Q at which a quorum of
//! grants answered beats sent at or after Q: grants are therefore sent after Q, and the lease ends
//! before any promise behind it can, even one kept by the fastest clock: at most L / (1 + rho) of
//! real time later. So whoever may act until E had grants worth a quorum that were sent at or after
//! E - L / (1 + rho), whatever way they took: that is checked against what was really sent. Whose
//! grants they are does not matter, also of a node that has left since: a promise is a promise.

use cman_types::NodeId;

use crate::{
    clock::{ERROR_MAX, PERFECT, Real, nanos},
    history::History,
    host::Host,
    violation::{Check, Violation},
};

/// Rounding in the arithmetic of leases.
const SLACK: Real = 1_000;

/// The claim of `host` has been extended: who granted it, worth the votes needed?
pub fn rests_on_grants(
    history: &History,
    host: &Host,
    needed: u32,
    votes_of: impl Fn(NodeId) -> u32,
) -> Check {
    let (Some(me), Some(view)) = (host.claim.me, &host.claim.view) else {
        return Err(Violation::new(
            "lease rests on grants",
            &[host.node],
            "may act without a view".to_owned(),
        ));
    };
    let length = nanos(host.cluster.lease()) * PERFECT / (PERFECT + ERROR_MAX) + SLACK;
    let since = host.claim.until.saturating_sub(length);
    let fresh = history.granted.iter().filter(|&(_, &at)| at >= since);
    let mut granters: Vec<NodeId> = fresh.map(|(member, _)| member.node).collect();
    let lately = since.saturating_sub(2 * nanos(host.cluster.beat()));
    let is_hub = history.spoke_as_hub.get(&me).is_some_and(|&at| at >= lately);
    if view.id.coordinator == me || is_hub {
        // A hub grants itself without a word, whenever it counts.
        granters.push(me.node);
    }
    // Several lives of a node count once.
    granters.sort_unstable();
    granters.dedup();
    let votes: u32 = granters.iter().map(|node| votes_of(*node)).sum();
    if votes >= needed {
        return Ok(());
    }
    Err(Violation::new(
        "lease rests on grants",
        &[host.node],
        format!(
            "in {:?} until {} ms, but only {votes} of {needed} votes granted since {} ms: {:?}",
            view.id,
            host.claim.until / 1_000_000,
            since / 1_000_000,
            granters,
        ),
    ))
}

/// After each wake-up: what the node told its clients agrees with what its page says.
pub fn told_honestly(now: Real, host: &Host) -> Check {
    let Some(life) = &host.life else {
        return Ok(());
    };
    if life.said_quorate == host.claims(now) {
        return Ok(());
    }
    Err(Violation::new(
        "quorum told honestly",
        &[host.node],
        format!(
            "clients were told quorate = {}, the lease ends at {:?}, now is {:?}",
            life.said_quorate,
            host.claim.deadline,
            host.clock.local(now)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        cluster::{Cluster, address},
        testing::{life, view},
    };
    use std::rc::Rc;

    fn host(until: Real) -> Host {
        let cluster = Rc::new(Cluster::plain(5));
        let mut host = Host::new(life(2).node, cluster, address(1), Clock::new(0, PERFECT));
        host.claim.until = until;
        host.claim.me = Some(life(2));
        host.claim.view = Some(Rc::new(view(7, &[1, 2, 3, 4, 5])));
        host
    }

    #[test]
    fn old_grants_do_not_carry_a_lease() {
        let mut history = History::default();
        let second = 1_000_000_000;
        for id in [1, 2, 3] {
            history.granted.insert(life(id), 10 * second);
        }
        assert_eq!(rests_on_grants(&history, &host(11 * second), 3, |_| 1), Ok(()));
        assert!(rests_on_grants(&history, &host(12 * second), 3, |_| 1).is_err(), "L is 1.5 s");
        history.granted.insert(life(3), 9 * second);
        assert!(rests_on_grants(&history, &host(11 * second), 3, |_| 1).is_err());
        assert_eq!(
            rests_on_grants(&history, &host(11 * second), 2, |_| 1),
            Ok(()),
            "two are enough"
        );
    }

    #[test]
    fn nobody_grants_itself_but_the_coordinator() {
        let history = History::default();
        let mut host = host(1_000);
        assert!(rests_on_grants(&history, &host, 1, |_| 1).is_err());
        host.claim.view = Some(Rc::new(view(7, &[2])));
        assert_eq!(rests_on_grants(&history, &host, 1, |_| 1), Ok(()));
    }
}
