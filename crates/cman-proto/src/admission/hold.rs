//! Holding off nodes that come and go, so that views do not oscillate (R-81h).
//!
//! A view change costs everybody. A node that falls silent soon after it was taken in is taken in
//! again after a second the first time, and after a minute from then on: two views (out and in) a
//! minute is what a single sick node may cost (invariant 7). Two steady minutes are forgiven.

use cman_types::{Instant, NodeId};
use core::time::Duration;
use std::collections::BTreeMap;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
const FORGIVEN_AFTER: Duration = Duration::from_secs(120);
/// So many losses within [`LOSSES_WITHIN`] are too many even if each was far from the last.
const LOSSES_MAX: usize = 4;
const LOSSES_WITHIN: Duration = Duration::from_secs(180);
/// So many new lives within [`FORGIVEN_AFTER`] are still a normal repair.
const RESTARTS_FREE: u32 = 3;

/// What is remembered of one node.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Record {
    taken_in: Option<Instant>,
    strikes: u32,
    losses: Vec<Instant>,
    attempts: u32,
    restarts: u32,
    restarted_at: Instant,
    held_at: Instant,
    until: Instant,
}

impl Record {
    fn hold(&mut self, now: Instant, hold: Duration) {
        if !hold.is_zero() {
            self.held_at = now;
        }
        self.until = self.until.max(now + hold);
    }
}

/// Who is held off until when.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Holds(BTreeMap<NodeId, Record>);

impl Holds {
    /// A node became a member.
    pub(crate) fn taken_in(&mut self, now: Instant, node: NodeId) {
        let record = self.0.entry(node).or_default();
        record.taken_in.get_or_insert(now);
        record.attempts = 0;
    }

    /// A member was put out because it was silent. `token`: the time of silence.
    pub(crate) fn lost(&mut self, now: Instant, node: NodeId, token: Duration) {
        let record = self.0.entry(node).or_default();
        let since = record.taken_in.take().map(|at| now.since(at));
        if since.is_some_and(|steady| steady > FORGIVEN_AFTER) {
            record.strikes = 0;
        }
        record.losses.retain(|&at| now.since(at) < LOSSES_WITHIN);
        record.losses.push(now);
        let soon = since.is_some_and(|steady| steady < token * 15);
        if soon {
            record.strikes += 1;
        }
        if record.losses.len() >= LOSSES_MAX {
            record.strikes = record.strikes.max(2);
        }
        let hold = match record.strikes {
            0 => Duration::ZERO,
            1 => FIRST,
            _ => LONGEST,
        };
        record.hold(now, hold);
    }

    /// A member left in good order: nothing is held against it.
    pub(crate) fn left(&mut self, node: NodeId) {
        self.0.remove(&node);
    }

    /// A new life of a node comes. A few in a row are a repair; more are a daemon that crashes
    /// as it starts. R-124.
    pub(crate) fn restarted(&mut self, now: Instant, node: NodeId) {
        let record = self.0.entry(node).or_default();
        if now.since(record.restarted_at) > FORGIVEN_AFTER {
            record.restarts = 0;
        }
        record.restarts += 1;
        record.restarted_at = now;
        record.taken_in = None;
        record.until = now;
        if record.restarts > RESTARTS_FREE {
            record.hold(now, doubled(record.restarts - RESTARTS_FREE));
        }
    }

    /// An attempt to take a node in failed: the wait doubles from one second to a minute. R-118.
    pub(crate) fn failed(&mut self, now: Instant, node: NodeId) {
        let record = self.0.entry(node).or_default();
        record.attempts += 1;
        record.hold(now, doubled(record.attempts));
    }

    /// A node refused to be taken in for a while: it is asked again after that.
    pub(crate) fn pause(&mut self, now: Instant, node: NodeId, pause: Duration) {
        let record = self.0.entry(node).or_default();
        record.hold(now, pause);
    }

    /// Until when a node is held off, if it is.
    pub(crate) fn until(&self, now: Instant, node: NodeId) -> Option<Instant> {
        self.0.get(&node).map(|record| record.until).filter(|&until| until > now)
    }

    /// The same for a view that is not quorate: there everybody is needed, and nobody is held off
    /// for longer than `patience`. R-126.
    pub(crate) fn until_at_most(
        &self,
        now: Instant,
        node: NodeId,
        patience: Duration,
    ) -> Option<Instant> {
        let latest = self.0.get(&node)?.held_at + patience;
        self.until(now, node).map(|until| until.min(latest)).filter(|&until| until > now)
    }

    /// Stall awareness: this node itself slept, so what it saw of others meanwhile is no proof.
    pub(crate) fn forgive_all(&mut self, now: Instant) {
        for record in self.0.values_mut() {
            record.until = record.until.min(now);
            record.taken_in = None;
        }
    }
}

/// One second, doubled `times - 1` times, at most a minute.
fn doubled(times: u32) -> Duration {
    (FIRST * 2u32.saturating_pow(times.saturating_sub(1).min(6))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn node() -> NodeId {
        NodeId::new(3).unwrap()
    }

    #[test]
    fn a_sick_node_costs_two_views_a_minute() {
        let mut holds = Holds::default();
        let mut now = at(100);
        let mut losses = Vec::new();
        while now < at(1000) {
            if holds.until(now, node()).is_none() {
                holds.taken_in(now, node());
                now += Duration::from_secs(3);
                holds.lost(now, node(), TOKEN);
                losses.push(now);
            }
            now += Duration::from_secs(1);
        }
        for minute in losses.windows(2).skip(1) {
            assert!(minute[1].since(minute[0]) >= Duration::from_secs(60), "{losses:?}");
        }
    }

    #[test]
    fn three_partitions_a_minute_apart_are_healed_at_once() {
        let mut holds = Holds::default();
        for round in 0..3 {
            let now = at(1000 + round * 60);
            holds.lost(now, node(), TOKEN);
            assert_eq!(holds.until(now + Duration::from_secs(5), node()), None);
            holds.taken_in(now + Duration::from_secs(10), node());
        }
    }

    #[test]
    fn failed_attempts_double() {
        let mut holds = Holds::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            holds.failed(at(10), node());
            waits.push(holds.until(at(10), node()).unwrap().since(at(10)).as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    /// no longer than the patience of who needs everybody, from when the hold began.
    #[test]
    fn without_quorum_nobody_is_held_off_for_long() {
        let mut holds = Holds::default();
        (0..8).for_each(|_| holds.failed(at(10), node()));
        let until = |now| holds.until_at_most(now, node(), TOKEN * 5);
        assert_eq!(
            (until(at(10)), until(at(19)), until(at(20))),
            (Some(at(20)), Some(at(20)), None)
        );
        assert_eq!(holds.until(at(20), node()), Some(at(70)), "with quorum it goes on");
    }

    #[test]
    fn restarts_are_repairs_until_they_are_too_many() {
        let mut holds = Holds::default();
        for _ in 0..3 {
            holds.restarted(at(10), node());
            assert_eq!(holds.until(at(10), node()), None);
        }
        holds.restarted(at(10), node());
        assert!(holds.until(at(10), node()).is_some());
    }
}
