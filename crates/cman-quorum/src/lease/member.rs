//! A node's own side of the lease: until when it may act, and what it promised.

use cman_types::{Instant, MemberId, NodeId};
use core::time::Duration;
use std::collections::BTreeMap;

use crate::timing::Timing;

/// Until when this node may act, and what it promised to hubs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MemberLease {
    end: Instant,
    /// What that rests on: until when a lease lasts that each hub told of.
    told: BTreeMap<MemberId, Instant>,
    /// Until when this node grants nothing.
    wait_until: Instant,
    promises: BTreeMap<MemberId, Instant>,
}

/// What a view change means for the lease.
#[derive(Debug)]
pub struct Handover<'a> {
    /// Members of the old view that are not in the new one and not proven gone.
    pub lost: &'a [MemberId],
    /// Members that come along from the same old view: hubs among them vouch for what they gave.
    pub lineage: &'a [MemberId],
    /// How long leases may still last that those hubs gave to the lost.
    pub leases: &'a [(NodeId, Duration)],
    /// How long the longest promise lasts that any member of the new view gave to a hub that did
    /// not come along with it.
    pub promised: Duration,
    /// Whether the new view can be quorate.
    pub eligible: bool,
}

impl MemberLease {
    /// A node that starts grants nothing for one lease: a former life may have promised.
    #[must_use]
    pub fn new(now: Instant, timing: &Timing) -> Self {
        Self {
            end: Instant::ZERO,
            told: BTreeMap::new(),
            wait_until: now + timing.lease,
            promises: BTreeMap::new(),
        }
    }

    /// Until when this node may act.
    #[must_use]
    pub const fn end(&self) -> Instant {
        self.end
    }

    /// Until when this node grants nothing.
    #[must_use]
    pub const fn wait_until(&self) -> Instant {
        self.wait_until
    }

    /// Whether this node may grant now.
    #[must_use]
    pub fn may_grant(&self, now: Instant) -> bool {
        now >= self.wait_until
    }

    /// Gives up the lease: the node leaves or was put out.
    pub fn drop_lease(&mut self) {
        self.end = Instant::ZERO;
        self.told.clear();
    }

    /// Promises one lease to a hub whose beat was received at `received`.
    pub fn promise(&mut self, hub: MemberId, received: Instant, timing: &Timing) {
        let until = self.promises.entry(hub).or_insert(Instant::ZERO);
        *until = (*until).max(received + timing.lease);
    }

    /// A hub's beat says that its lease lasts `left`, and echoes our beat sent at `echoed`. Time
    /// counts from our own sending: the hub's beat may have been on the way for long.
    pub fn told(&mut self, hub: MemberId, echoed: Instant, left: Duration, timing: &Timing) {
        if !left.is_zero() {
            let end = echoed + timing.shortened(left);
            let told = self.told.entry(hub).or_insert(end);
            *told = end.max(*told);
            self.end = self.end.max(end);
        }
    }

    /// As a hub, this node's own count is its lease.
    pub fn counted(&mut self, end: Instant) {
        self.end = self.end.max(end);
    }

    /// How long promises still last that were given to each hub.
    pub fn promised(&self, now: Instant) -> impl Iterator<Item = (MemberId, Duration)> + '_ {
        self.promises
            .iter()
            .filter(move |(_, until)| **until > now)
            .map(move |(&hub, until)| (hub, until.since(now)))
    }

    /// A view is installed. If it leaves nobody out, everything runs on. If it does, this
    /// node grants nothing until what it promised to the old view has ended, and until the leases
    /// have ended that hubs which came along gave to the lost.
    ///
    /// Its own lease runs on only if nobody that was left out can hold one: no member of the new
    /// view is bound by a promise to a hub that did not come along, and no such hub told this node
    /// of a lease (which it may do though this node has granted nothing yet). So it is after a
    /// whole token of silence, and so no quorum is lost when a node dies.
    pub fn hand_over(&mut self, now: Instant, handover: &Handover<'_>) {
        self.promises.retain(|_, until| *until > now);
        self.told.retain(|_, until| *until > now);
        if !handover.eligible {
            self.drop_lease();
        }
        if handover.lost.is_empty() {
            return;
        }
        let stays_behind = |hub: &MemberId| !handover.lineage.contains(hub);
        let own =
            self.promises.iter().filter(|(hub, _)| stays_behind(hub)).map(|(_, &until)| until);
        let vouched = handover
            .leases
            .iter()
            .filter(|(node, _)| handover.lost.iter().any(|lost| lost.node == *node))
            .map(|&(_, left)| now + left);
        let wait = own.chain(vouched).max().unwrap_or(now);
        self.wait_until = self.wait_until.max(wait);
        let told = self.told.keys().any(stays_behind);
        if told || wait.max(now + handover.promised) > now {
            self.drop_lease();
        }
    }
}
