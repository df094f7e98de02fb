//! Refusing and being refused (R-76, R-77, R-80m).

use cman_types::{Instant, MemberId};
use cman_wire::{
    Frame,
    frame::{Hello, Refuse, RefuseReason},
};
use core::{net::SocketAddr, time::Duration};

use crate::{
    engine::Engine,
    event::{Event, Fatal, Notice, Refusal},
    phase::Phase,
};

impl Engine {
    /// Whether a hello's sender can be in one view with this node.
    pub(super) fn is_compatible(&self, hello: &Hello) -> bool {
        self.incompatibility(hello).is_none()
    }

    fn incompatibility(&self, hello: &Hello) -> Option<(RefuseReason, (u64, u64))> {
        let cfg = &self.cfg;
        let overlap = hello.wire_min <= cfg.wire.1 && hello.wire_max >= cfg.wire.0;
        let versions = (cfg.config_version, hello.config_version);
        if hello.cluster_id != cfg.cluster_id {
            let ids = (u64::from(cfg.cluster_id), u64::from(hello.cluster_id));
            Some((RefuseReason::OtherCluster, ids))
        } else if !overlap {
            let wire = (u64::from(cfg.wire.1), u64::from(hello.wire_max));
            Some((RefuseReason::WireVersion, wire))
        } else if hello.config_version < cfg.config_version {
            Some((RefuseReason::ConfigOlder, versions))
        } else if hello.config_version > cfg.config_version {
            Some((RefuseReason::ConfigNewer, versions))
        } else {
            None
        }
    }

    pub(super) fn refuse_incompatible(&mut self, now: Instant, from: MemberId, hello: &Hello) {
        if let Some((reason, values)) = self.incompatibility(hello) {
            self.refuse(now, from, reason, values, None, self.cfg.timing.token * 2);
        }
    }

    /// Two candidates that do not fit: nobody refuses, both say so.
    pub(super) fn warn_incompatible(&mut self, now: Instant, from: MemberId, hello: &Hello) {
        if let Some((reason, (ours, theirs))) = self.incompatibility(hello) {
            let by = self.me().node;
            let refusal = Refusal { by, node: from.node, reason, ours, theirs, other: None };
            self.notice(now, from.node, Notice::Refusing(refusal));
        }
    }

    pub(super) fn refuse(
        &mut self,
        now: Instant,
        target: MemberId,
        reason: RefuseReason,
        (ours, theirs): (u64, u64),
        other: Option<SocketAddr>,
        retry_after: Duration,
    ) {
        let by = self.me().node;
        let refusal = Refusal { by, node: target.node, reason, ours, theirs, other };
        let notice = match reason {
            RefuseReason::HeldOff => Notice::HeldOff(target.node, retry_after),
            _ => Notice::Refusing(refusal),
        };
        self.notice(now, target.node, notice);
        let quorate = self.is_quorate(now);
        let refuse = Refuse { target, reason, ours, theirs, other, retry_after, quorate };
        self.send(target, Frame::Refuse(refuse));
    }

    pub(crate) fn on_refuse(&mut self, now: Instant, from: MemberId, refuse: &Refuse) {
        if refuse.target != self.me() {
            return;
        }
        if refuse.reason == RefuseReason::Disallowed {
            self.on_disallowed(now, from, refuse);
            return;
        }
        if !self.is_candidate() {
            return;
        }
        let refusal = Refusal {
            by: from.node,
            node: self.me().node,
            reason: refuse.reason,
            ours: refuse.ours,
            theirs: refuse.theirs,
            other: refuse.other,
        };
        // What an inquorate node thinks of us binds nobody.
        let duplicate = refuse.reason == RefuseReason::DuplicateNode;
        let passing = refuse.reason == RefuseReason::HeldOff;
        if !passing && (refuse.quorate || duplicate) {
            self.end_fatally(Fatal::Refused(refusal));
            return;
        }
        let patience = refuse.retry_after.min(self.cfg.timing.token * 3);
        self.refused_until = self.refused_until.max(now + patience);
        self.notice(now, from.node, Notice::Refused(refusal));
    }

    pub(crate) fn end_fatally(&mut self, fatal: Fatal) {
        self.lease.drop_lease();
        self.phase = Phase::Ended;
        self.emit(Event::Fatal(fatal));
    }
}
