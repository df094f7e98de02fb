//! The hub's side of the lease.

use cman_types::{Instant, MemberId, NodeId};
use core::time::Duration;
use std::collections::BTreeMap;

use super::SendTimes;
use crate::{
    timing::Timing,
    votes::{Tally, ViewVotes, VoteRules},
};

/// What a hub knows of grants. It outlives views: leases given out in one view are vouched for in
/// the next.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct HubBook {
    sent: SendTimes<u64>,
    last_number: u64,
    /// Newest beat of ours, by send time, that each member answered with a grant in this view.
    grants: BTreeMap<MemberId, Instant>,
    /// The votes of those grants, by the same time: few beats, however many members.
    granted: BTreeMap<Instant, Granted>,
    /// Until when a lease that we gave out to each member may last at most.
    outstanding: BTreeMap<MemberId, Instant>,
    /// Until when our lease runs that rests on grants of this view.
    end: Instant,
    settled: bool,
}

/// Votes of the members whose newest grant answers the same beat.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Granted {
    /// Of all of them.
    all: Tally,
    /// Of those that had not given up their votes.
    old: Tally,
}

impl Granted {
    /// What the grant of one node weighs.
    fn by(node: NodeId, rules: &VoteRules, votes: &ViewVotes) -> Self {
        let mut all = Tally::default();
        all.add(rules.votes_of(node), votes.fresh.contains(node));
        let old = if votes.returning.contains(node) { Tally::default() } else { all };
        Self { all, old }
    }

    /// The quorum device of the hub grants with it. R-172.
    const fn with_device(mut self, votes: &ViewVotes) -> Self {
        self.all.add(votes.device, false);
        self.old.add(votes.device, false);
        self
    }

    const fn join(&mut self, other: &Self) {
        self.all.join(&other.all);
        self.old.join(&other.old);
    }

    const fn take_off(&mut self, other: &Self) {
        self.all.take_off(&other.all);
        self.old.take_off(&other.old);
    }
}

impl HubBook {
    /// A new view: grants given in another one do not count in it, because they promise nothing
    /// about members that are new. What was given out stays vouched for.
    pub fn enter_view(&mut self, now: Instant, votes: &ViewVotes) {
        self.grants.clear();
        self.granted.clear();
        self.end = Instant::ZERO;
        self.settled = votes.returning.is_empty();
        self.outstanding.retain(|_, until| *until > now);
    }

    /// The number for a beat that is sent now.
    pub fn next_beat(&mut self, now: Instant) -> u64 {
        self.last_number = self.last_number.wrapping_add(1).max(1);
        self.sent.note(self.last_number, now);
        self.last_number
    }

    /// The number of the newest beat, for an answer that is not a beat of its own.
    #[must_use]
    pub const fn newest_beat(&self) -> u64 {
        self.last_number
    }

    /// A member beat of this view arrived: the member may be told a lease from now on, and
    /// `granted` says which beat of ours it answers with a grant.
    pub fn heard(
        &mut self,
        now: Instant,
        member: MemberId,
        granted: Option<u64>,
        rules: &VoteRules,
        votes: &ViewVotes,
        timing: &Timing,
    ) {
        self.outstanding.insert(member, now + timing.lease);
        let Some(sent) = granted.and_then(|number| self.sent.sent_at(number)) else { return };
        let before = self.grants.get(&member).copied();
        if before.is_some_and(|before| before >= sent) {
            return;
        }
        let grant = Granted::by(member.node, rules, votes);
        self.grants.insert(member, sent);
        self.granted.entry(sent).or_default().join(&grant);
        if let Some(before) = before
            && let Some(left) = self.granted.get_mut(&before)
        {
            left.take_off(&grant);
            if *left == Granted::default() {
                self.granted.remove(&before);
            }
        }
    }

    /// Until when the hub's lease runs. Time counts from the sending of the beat that a quorum
    /// answered. `own_grant`: whether the hub itself may grant now.
    pub fn count(
        &mut self,
        now: Instant,
        me: MemberId,
        own_grant: bool,
        rules: &VoteRules,
        votes: &ViewVotes,
        timing: &Timing,
    ) -> Instant {
        if !votes.eligible {
            self.end = Instant::ZERO;
            return self.end;
        }
        let own = own_grant.then(|| (now, Granted::by(me.node, rules, votes).with_device(votes)));
        let others = self.granted.iter().rev().map(|(&sent, &granted)| (sent, granted));
        let mut newest_first = own.into_iter().chain(others);
        let mut total = Granted::default();
        if !self.settled {
            newest_first.for_each(|(_, granted)| total.join(&granted));
            self.settled = total.old.reaches(&votes.before);
            return self.end;
        }
        let quorum_at = newest_first.find_map(|(at, granted)| {
            total.join(&granted);
            total.all.reaches(&votes.quorum).then_some(at)
        });
        if let Some(at) = quorum_at {
            self.end = self.end.max(at + timing.shortened(timing.lease));
        }
        self.end
    }

    /// Another hub of this view says that it is settled.
    pub const fn note_settled(&mut self) {
        self.settled = true;
    }

    /// Until when the lease runs that [`HubBook::count`] found.
    #[must_use]
    pub const fn end(&self) -> Instant {
        self.end
    }

    /// Whether a quorum counted in the old way has installed this view.
    #[must_use]
    pub const fn settled(&self) -> bool {
        self.settled
    }

    /// How long leases given out to members for which `lost` holds may still last.
    pub fn outstanding(
        &self,
        now: Instant,
        lost: impl Fn(&MemberId) -> bool,
    ) -> Vec<(NodeId, Duration)> {
        self.outstanding
            .iter()
            .filter(|(member, until)| **until > now && lost(member))
            .map(|(member, until)| (member.node, until.since(now)))
            .collect()
    }
}
