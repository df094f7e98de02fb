//! Where the engine and the quorum lease meet.

use cman_types::Instant;

use crate::engine::Engine;

impl Engine {
    /// As a hub: counts the grants of this view.
    pub(crate) fn count_lease(&mut self, now: Instant) {
        let own_grant = self.may_grant(now);
        let (me, timing) = (self.me(), self.cfg.timing);
        let end = self.book.count(now, me, own_grant, &self.rules, &self.votes, &timing);
        self.lease.counted(end);
        if self.book.settled() {
            self.readmit(now);
        }
        if own_grant {
            self.takes_part();
        }
    }

    /// This node grants in this view: its basis is the newest, if quorum can rest on the grant.
    ///
    pub(crate) fn takes_part(&mut self) {
        if self.votes.eligible {
            self.basis.epoch = self.my_epoch();
            self.took_part = true;
        }
    }

    /// Whether the view can be quorate and all its members count in it.
    pub(crate) const fn is_settled(&self) -> bool {
        self.votes.eligible && self.book.settled()
    }

    /// Whether this node may grant: it waited long enough, and did not give up its votes. R-145.
    pub(crate) fn may_grant(&self, now: Instant) -> bool {
        self.lease.may_grant(now) && !self.removed_self
    }

    /// This node had left with `remove`; a quorum that knows it again has installed this view. It
    /// counts from now on, and promises as if it had granted. R-147.
    pub(crate) fn readmit(&mut self, now: Instant) {
        if self.removed_self && self.votes.eligible {
            self.removed_self = false;
            let timing = self.cfg.timing;
            if let Some(hub) = self.coordinator() {
                self.lease.promise(hub, now, &timing);
            }
            self.store();
        }
    }

    /// Whether a lease that did run is less than half full, or ran out lately: then beats are
    /// answered at once until it is full again. R-149.
    pub(crate) fn runs_low(&self, now: Instant, end: Instant) -> bool {
        let lease = self.cfg.timing.lease;
        self.votes.eligible
            && end > Instant::ZERO
            && end.since(now) < lease / 2
            && now.since(end) < lease
    }
}
