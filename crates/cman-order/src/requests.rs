//! Order records that are missing, and whom to ask for them. R-51o, R-52o.

use crate::{
    backoff::Backoff,
    limits::{ANSWER_WAIT, ORDER_WAIT, OVERTAKING},
    peers::Peers,
    records::Records,
};
use cman_types::{Instant, Prng};
use core::time::Duration;

/// Asking for order records. The coordinator, which makes them, does not.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RecordRequests {
    /// Whom to ask first: from whom the last came.
    helper: u16,
    /// Who was asked last.
    asked: u16,
    /// Records are missing before others that are here, or that are known to have been given.
    gap: Backoff,
    /// Units are here that have no record, as far as is known.
    unordered: Backoff,
    /// What was asked for while nothing new came.
    tries: u32,
}

impl RecordRequests {
    pub(crate) fn new(coordinator: u16, longest: Duration) -> Self {
        Self {
            helper: coordinator,
            asked: coordinator,
            // Twice as long as this after the first time.
            gap: Backoff::new(ANSWER_WAIT / 2, longest),
            unordered: Backoff::new(ORDER_WAIT, longest),
            tries: 0,
        }
    }

    /// New records came, transmitted by `from`.
    pub(crate) fn came(&mut self, from: u16) {
        self.helper = from;
        self.gap.stop();
        self.unordered.stop();
        self.tries = 0;
    }

    /// Whether to ask now: whom, and for which global sequences. `unordered`: whether units are
    /// here without records.
    pub(crate) fn wanted(
        &mut self,
        now: Instant,
        records: &Records,
        unordered: bool,
        peers: &Peers,
        prng: &mut Prng,
    ) -> Option<(u16, (u64, u64))> {
        let missing_to = records.missing_to();
        if unordered && missing_to.is_none() {
            self.unordered.start(now);
        } else {
            self.unordered.stop();
        }
        let first = records.end() + 1;
        let last = match missing_to {
            Some(last) => {
                self.gap.start_in(now, OVERTAKING);
                self.gap.is_due(now).then_some(last)?
            }
            None => {
                self.gap.stop();
                self.unordered.is_due(now).then_some(u64::MAX)?
            }
        };
        if self.tries > 0 && self.helper == self.asked {
            self.helper = peers.instead_of(self.asked, self.tries, prng);
        }
        self.tries = self.tries.saturating_add(1);
        self.asked = peers.or_another(self.helper, prng);
        Some((self.asked, (first, last)))
    }

    /// When to look next.
    pub(crate) fn due(&self) -> Instant {
        // While a gap is asked for, units without records have to wait for that.
        if self.gap.due() < Instant::FAR { self.gap.due() } else { self.unordered.due() }
    }
}
