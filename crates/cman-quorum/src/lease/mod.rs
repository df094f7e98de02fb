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

/// When each of the newest frames was sent. Echoes of older ones are worth nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SendTimes<K>(VecDeque<(K, Instant)>);

impl<K: Copy + Ord> SendTimes<K> {
    /// How many are kept: at four a beat, more than a lease is long.
    const KEPT: usize = 64;

    /// Notes that the frame of this name is sent now. Names grow; of frames with the same name the
    /// first one counts.
    pub fn note(&mut self, name: K, now: Instant) {
        if self.0.back().is_some_and(|&(last, _)| last >= name) {
            return;
        }
        if self.0.len() == Self::KEPT {
            self.0.pop_front();
        }
        self.0.push_back((name, now));
    }

    /// When the frame of this name was sent, if that is remembered.
    #[must_use]
    pub fn sent_at(&self, name: K) -> Option<Instant> {
        let at = self.0.binary_search_by_key(&name, |&(name, _)| name).ok()?;
        self.0.get(at).map(|&(_, at)| at)
    }
}

impl<K> Default for SendTimes<K> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}
