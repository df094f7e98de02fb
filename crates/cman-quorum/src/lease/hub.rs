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
    sent: SendTimes,
    last_number: u32,
    /// Newest beat of ours, by send time, that each member answered with a grant in this view.
    grants: BTreeMap<MemberId, Instant>,
    /// Until when a lease that we gave out to each member may last at most.
    outstanding: BTreeMap<MemberId, Instant>,
    /// Until when our lease runs that rests on grants of this view.
    end: Instant,
    settled: bool,
}

impl HubBook {
    /// A new view: grants given in another one do not count in it, because they promise nothing
    /// about members that are new. What was given out stays vouched for.
    pub fn enter_view(&mut self, now: Instant, votes: &ViewVotes) {
        self.grants.clear();
        self.end = Instant::ZERO;
        self.settled = votes.returning.is_empty();
        self.outstanding.retain(|_, until| *until > now);
    }

    /// The number for a beat that is sent now.
    pub fn next_beat(&mut self, now: Instant) -> u32 {
        self.last_number = self.last_number.wrapping_add(1).max(1);
        self.sent.note(self.last_number, now);
        self.last_number
    }

    /// The number of the newest beat, for an answer that is not a beat of its own.
    #[must_use]
    pub const fn newest_beat(&self) -> u32 {
        self.last_number
    }

    /// A member beat of this view arrived: it may be told a lease from now on, and `granted`
    /// says which beat of ours it answers with a grant.
    pub fn heard(&mut self, now: Instant, member: MemberId, granted: Option<u32>, timing: &Timing) {
        self.outstanding.insert(member, now + timing.lease);
        if let Some(sent) = granted.and_then(|number| self.sent.sent_at(number)) {
            let newest = self.grants.entry(member).or_insert(sent);
            *newest = (*newest).max(sent);
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
        let mut granted: Vec<(Instant, NodeId)> =
            self.grants.iter().map(|(member, &sent)| (sent, member.node)).collect();
        if own_grant {
            granted.push((now, me.node));
        }
        granted.sort_unstable_by(|a, b| b.cmp(a));
        if !self.settled {
            let mut old = Tally::default();
            for &(_, node) in granted.iter().filter(|(_, node)| !votes.returning.contains(*node)) {
                old.add(rules.votes_of(node), votes.fresh.contains(node));
            }
            self.settled = old.reaches(&votes.before);
            return self.end;
        }
        let mut tally = Tally::default();
        let quorum_at = granted.iter().find_map(|&(sent, node)| {
            tally.add(rules.votes_of(node), votes.fresh.contains(node));
            tally.reaches(&votes.quorum).then_some(sent)
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
