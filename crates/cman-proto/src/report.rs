//! What the engine knows of its peers, for tools and checkers.

use cman_types::{Instant, MemberId};
use core::time::Duration;

use crate::engine::Engine;

/// What this node knows of a member of its view.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct PeerReport {
    /// The moment of the newest evidence of its life; never later than the arrival of the frame
    /// that is the evidence.
    pub heard: Option<Instant>,
    /// It is reached through a relay.
    pub relayed: bool,
    /// Unicast passes between it and this node, multicast does not.
    pub multicast_dead: bool,
    /// Its own smoothed stall, as it told.
    pub delay: Duration,
}

impl Engine {
    /// What this node knows of a member of its view. A member that is not a hub knows only of the
    /// coordinator.
    #[must_use]
    pub fn peer_report(&self, now: Instant, id: &MemberId) -> PeerReport {
        let Some(normal) = self.normal() else { return PeerReport::default() };
        let (timing, watch) = (&self.cfg.timing, &normal.watch);
        let late = now.before(timing.share(30));
        if let Some(member) = normal.hub.as_ref().and_then(|hub| hub.members.get(id)) {
            return PeerReport {
                heard: member.evidence,
                relayed: member.direct < late && member.heard >= late,
                multicast_dead: member.deaf,
                delay: member.delay,
            };
        }
        if self.coordinator() != Some(*id) {
            return PeerReport::default();
        }
        PeerReport {
            heard: watch.evidence,
            relayed: watch.direct < late && watch.heard >= late,
            multicast_dead: watch.direct >= late
                && now.since(watch.multicast) > timing.token.max(timing.beat * 4),
            delay: Duration::ZERO,
        }
    }
}
