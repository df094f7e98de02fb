//! What several daemons told over time, held against what must always be true.
//!
//! The simulator checks the same, and more, at every step of thousands of lives. Here real
//! daemons tell it, on real clocks and through real sockets.

use crate::report::Event;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;

/// How much later than its effect an event may be told: the daemon's wake-up and the queue to its
/// clients lie between.
const TOLD_LATE_NS: u64 = 100_000_000;

/// One life of one daemon.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Its node id.
    pub node: u32,
    /// What it told, oldest first.
    pub events: Vec<Event>,
    /// When it was killed, if it was.
    pub ended: Option<u64>,
    /// When it was stopped, and when it was woken.
    pub stops: Vec<(u64, u64)>,
}

/// A time in which a node claimed to be quorate, in one view.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    node: u32,
    from: u64,
    to: u64,
    members: Vec<u32>,
}

/// Fails if these lives, those of one node in their order, broke a promise. `lease_ns`: how long
/// a daemon that does not run is believed to be quorate.
pub fn check(lives: &[Life], lease_ns: u64) -> Result<()> {
    views_are_the_same_everywhere(lives)?;
    epochs_only_grow(lives)?;
    everybody_is_in_its_own_views(lives)?;
    let claims: Vec<_> = lives.iter().flat_map(|life| claims(life, lease_ns)).collect();
    nobody_acts_beside_others(&claims)
}

/// Number and coordinator of a view.
fn view_id(event: &Event) -> Option<(u64, u64)> {
    event.members()?;
    Some((event.fields.get("epoch")?.as_u64()?, event.fields.get("coordinator")?.as_u64()?))
}

/// Invariant 1: who installs the same view has the same members in it.
fn views_are_the_same_everywhere(lives: &[Life]) -> Result<()> {
    let mut known = BTreeMap::new();
    for life in lives {
        for event in &life.events {
            let Some((id, members)) = view_id(event).zip(event.members()) else { continue };
            let (first, by) = known.entry(id).or_insert_with(|| (members.clone(), life.node));
            ensure!(
                *first == members,
                "view {id:?} has the members {first:?} at node {by}, {members:?} at node {}",
                life.node
            );
        }
    }
    Ok(())
}

/// Invariant 1: the epochs of a node only grow, also over its lives.
fn epochs_only_grow(lives: &[Life]) -> Result<()> {
    let mut last = BTreeMap::new();
    for life in lives {
        for event in &life.events {
            let Some(id) = view_id(event) else { continue };
            let before = last.insert(life.node, id);
            // A new stream begins with the view that is installed already.
            ensure!(
                before.is_none_or(|before| id == before || id.0 > before.0),
                "node {} went from view {before:?} to {id:?}",
                life.node
            );
        }
    }
    Ok(())
}

/// Invariant 1: a node is in its own views.
fn everybody_is_in_its_own_views(lives: &[Life]) -> Result<()> {
    for life in lives {
        for members in life.events.iter().filter_map(Event::members) {
            ensure!(members.contains(&life.node), "node {} is not in {members:?}", life.node);
        }
    }
    Ok(())
}

/// Invariant 4: of two that claim quorum at one instant, at least one is in the view of the
/// other.
fn nobody_acts_beside_others(claims: &[Claim]) -> Result<()> {
    for (at, one) in claims.iter().enumerate() {
        for other in claims.iter().skip(at + 1).filter(|other| other.node != one.node) {
            let known = one.members.contains(&other.node) || other.members.contains(&one.node);
            let (from, to) = (one.from.max(other.from), one.to.min(other.to));
            ensure!(
                known || to.saturating_sub(from) <= TOLD_LATE_NS,
                "two quorums for {} ms: {one:?} and {other:?}",
                to.saturating_sub(from) / 1_000_000
            );
        }
    }
    Ok(())
}

/// When a life claimed quorum, cut at each view.
fn claims(life: &Life, lease_ns: u64) -> Vec<Claim> {
    let mut found = Vec::new();
    let (mut members, mut quorate, mut since) = (Vec::new(), false, 0);
    let end = life.ended.unwrap_or(u64::MAX);
    for event in &life.events {
        let (view, quorum) = (event.members(), event.quorate());
        if view.is_none() && quorum.is_none() {
            continue;
        }
        if quorate {
            let to = event.monotonic_ns.min(end);
            push_claim(&mut found, life, lease_ns, (since, to), &members);
        }
        members = view.unwrap_or(members);
        quorate = quorum.unwrap_or(quorate);
        since = event.monotonic_ns;
    }
    if quorate {
        push_claim(&mut found, life, lease_ns, (since, end), &members);
    }
    found
}

/// A claim ends with its lease if the daemon was stopped for longer; what it tells when it wakes
/// comes late, but its page of the lease does not lie meanwhile.
fn push_claim(
    found: &mut Vec<Claim>,
    life: &Life,
    lease_ns: u64,
    (from, to): (u64, u64),
    members: &[u32],
) {
    let overslept = life.stops.iter().map(|&(stop, woken)| (stop.saturating_add(lease_ns), woken));
    let mut overslept =
        overslept.filter(|&(lease, woken)| lease < woken && from < woken && lease < to);
    let to = overslept.next().map_or(to, |(lease, _)| lease);
    if from < to {
        found.push(Claim { node: life.node, from, to, members: members.to_vec() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MS: u64 = 1_000_000;

    fn view(at_ms: u64, epoch: u64, members: &[u32]) -> Event {
        let coordinator = members[0];
        let fields = json!({ "epoch": epoch, "coordinator": coordinator, "members": members });
        Event { monotonic_ns: at_ms * MS, event: "view".to_owned(), fields }
    }

    fn quorum(at_ms: u64, quorate: bool) -> Event {
        let fields = json!({ "quorate": quorate });
        Event { monotonic_ns: at_ms * MS, event: "quorum".to_owned(), fields }
    }

    fn life(node: u32, events: Vec<Event>) -> Life {
        Life { node, events, ..Life::default() }
    }

    fn outcome(lives: &[Life]) -> String {
        check(lives, 750 * MS).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn a_handover_from_one_side_to_the_other_is_fine() {
        let old = vec![view(0, 1, &[1, 2, 3]), quorum(0, true), quorum(900, false)];
        let new = vec![view(0, 1, &[1, 2, 3]), quorum(0, true), view(1000, 2, &[2, 3])];
        assert_eq!(outcome(&[life(1, old), life(2, new)]), "fine");
    }

    #[test]
    fn two_quorums_at_once_are_found() {
        let old = vec![view(0, 1, &[1, 4, 5]), quorum(0, true)];
        let new = vec![view(500, 2, &[2, 3]), quorum(500, true)];
        assert!(outcome(&[life(1, old), life(2, new)]).contains("two quorums"));
    }

    #[test]
    fn the_dead_and_the_sleeping_claim_nothing() {
        let claim = || vec![view(0, 1, &[1, 4, 5]), quorum(0, true)];
        let new = life(2, vec![view(2000, 2, &[2, 3]), quorum(2000, true)]);
        let dead = Life { ended: Some(1000 * MS), ..life(1, claim()) };
        assert_eq!(outcome(&[dead, new.clone()]), "fine");
        let mut told = claim();
        told.push(quorum(5000, false));
        let asleep = Life { stops: vec![(1000 * MS, 5000 * MS)], ..life(1, told.clone()) };
        assert_eq!(outcome(&[asleep, new.clone()]), "fine");
        let dozing = Life { stops: vec![(1000 * MS, 1500 * MS)], ..life(1, told) };
        assert!(outcome(&[dozing, new]).contains("two quorums"));
    }

    #[test]
    fn one_view_with_two_lists_is_found() {
        let (one, two) =
            (life(1, vec![view(0, 1, &[1, 2])]), life(2, vec![view(0, 1, &[1, 2, 3])]));
        assert!(outcome(&[one, two]).contains("view (1, 1)"));
    }

    #[test]
    fn an_epoch_that_goes_back_is_found_also_over_lives() {
        let (first, second) = (life(1, vec![view(0, 7, &[1])]), life(1, vec![view(9, 6, &[1])]));
        assert!(outcome(&[first, second]).contains("went from"));
    }

    #[test]
    fn a_node_outside_its_own_view_is_found() {
        assert!(outcome(&[life(3, vec![view(0, 1, &[1, 2])])]).contains("not in"));
    }
}
