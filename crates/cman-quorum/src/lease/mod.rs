//! The quorum lease.
//!
//! A *grant* is a promise of a member to one hub (the coordinator of its view, or a deputy acting
//! for it) not to help a view that excludes members of this one for one lease L. Votes in grants,
//! not in the member list, make a view quorate:
//!
//! * [`hub`]: what a hub sent, who granted, until when its own lease runs, and what it vouches for.
//! * [`member`]: until when this node may act, whom it promised what, and until when it must not
//!   grant.

pub mod hub;
pub mod member;
#[cfg(test)]
mod tests;

pub use hub::HubBook;
pub use member::MemberLease;

use cman_types::Instant;
use std::collections::VecDeque;

/// When each of the newest numbered frames was sent. Echoes of older ones are worth nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct SendTimes(VecDeque<(u32, Instant)>);

impl SendTimes {
    /// How many are kept: at four a beat, more than a lease is long.
    const KEPT: usize = 64;

    /// Notes that frame `number` is sent now; numbers grow.
    pub fn note(&mut self, number: u32, now: Instant) {
        if self.0.len() == Self::KEPT {
            self.0.pop_front();
        }
        self.0.push_back((number, now));
    }

    /// When frame `number` was sent, if that is remembered.
    #[must_use]
    pub fn sent_at(&self, number: u32) -> Option<Instant> {
        let at = self.0.binary_search_by_key(&number, |&(number, _)| number).ok()?;
        self.0.get(at).map(|&(_, at)| at)
    }
}
