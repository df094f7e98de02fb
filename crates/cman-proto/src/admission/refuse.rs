//! Refusing and being refused (R-76, R-77, R-80m).

use cman_types::{Instant, MemberId};
use cman_wire::{
    Frame,
    frame::{Hello, Refuse, RefuseReason},
};
use core::{net::SocketAddr, time::Duration};
use std::collections::BTreeSet;

use crate::{
    engine::Engine,
    event::{Event, Fatal, Notice, Refusal},
    phase::Phase,
};

/// Versions that are remembered to be alike: of more changes than there are in a life.
const ALIKE_MAX: usize = 64;

/// Versions of the configuration that fit (CF-05).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Versions {
    /// The own one, and those that are known to be alike with it.
    alike: BTreeSet<u64>,
    /// The version that is wanted, and one that is alike with it; zeros if none is.
    wanted: (u64, u64),
}

impl Versions {
    /// Those of a node that starts with this version.
    pub(crate) fn new(own: u64) -> Self {
        Self { alike: BTreeSet::from([own]), wanted: (0, 0) }
    }

    /// One more is alike. The oldest that is remembered.
    fn add(&mut self, version: u64) -> u64 {
        self.alike.insert(version);
        while self.alike.len() > ALIKE_MAX {
            self.alike.pop_first();
        }
        self.alike.first().copied().unwrap_or(version)
    }

    fn fits(&self, other: u64) -> bool {
        let (version, like) = self.wanted;
        let wanted = self.alike.contains(&version) || self.alike.contains(&like);
        self.alike.contains(&other) || (wanted && (other == version || other == like))
    }
}

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
        } else if self.versions.fits(hello.config_version) {
            None
        } else if hello.config_version < cfg.config_version {
            Some((RefuseReason::ConfigOlder, versions))
        } else {
            Some((RefuseReason::ConfigNewer, versions))
        }
    }

    /// A configuration is in force from now on that is alike with the one before (CF-06). The
    /// oldest version that is known to be alike with it.
    pub fn configure(&mut self, version: u64) -> u64 {
        self.cfg.config_version = version;
        self.versions.add(version)
    }

    /// That version of the configuration is wanted, and alike with an older one (CF-05).
    pub const fn want_config(&mut self, version: u64, like: u64) {
        self.versions.wanted = (version, like);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Which versions from 1 to 9 fit.
    fn fitting(alike: &[u64], wanted: (u64, u64)) -> Vec<u64> {
        let versions = Versions { alike: alike.iter().copied().collect(), wanted };
        (1..=9).filter(|other| versions.fits(*other)).collect()
    }

    /// CF-05
    #[test]
    fn only_versions_that_are_known_to_be_alike_fit() {
        assert_eq!(fitting(&[5], (0, 0)), [5]);
        assert_eq!(fitting(&[3, 5], (0, 0)), [3, 5], "nobody knows of 4");
        assert_eq!(fitting(&[5], (7, 7)), [5], "nobody knows whether they are alike");
        assert_eq!(fitting(&[5], (7, 6)), [5]);
        assert_eq!(fitting(&[5], (7, 5)), [5, 7]);
        assert_eq!(fitting(&[3, 5], (7, 3)), [3, 5, 7]);
        assert_eq!(fitting(&[7], (7, 3)), [3, 7], "seen from the other side");
        assert_eq!(fitting(&[5], (4, 2)), [5], "an old wish says nothing of newer versions");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut versions = Versions::new(1);
        assert_eq!(versions.add(3), 1);
        assert_eq!((4..=200).map(|version| versions.add(version)).last(), Some(137));
        assert_eq!(versions.alike.len(), ALIKE_MAX);
        assert!(versions.fits(200) && !versions.fits(1));
    }
}
