//! Units that the coordinator does not seem to hear of: the path from their sender to it may be
//! cut. Members who hold such units pass one on; the coordinator asks them for the others.

use crate::{limits::FORWARD_WAIT, store::Store, units::Units};
use cman_types::Instant;
use std::collections::VecDeque;

/// Senders with units that have no order record yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Unheard {
    watches: VecDeque<Watch>,
    is_watched: Vec<bool>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Watch {
    sender: u16,
    /// When to look whether there are records now.
    due: Instant,
    /// The last unit of the sender that had one when the watch began.
    named: u64,
}

impl Unheard {
    pub(crate) fn new(members: usize) -> Self {
        Self { watches: VecDeque::new(), is_watched: vec![false; members] }
    }

    /// A unit of `sender` came whose predecessors are here and that has no record yet.
    pub(crate) fn came(&mut self, now: Instant, sender: u16, named: u64) {
        if let Some(watched @ false) = self.is_watched.get_mut(usize::from(sender)) {
            *watched = true;
            self.watches.push_back(Watch { sender, due: now + FORWARD_WAIT, named });
        }
    }

    /// Nothing is without a record.
    pub(crate) fn clear(&mut self) {
        for watch in self.watches.drain(..) {
            if let Some(watched) = self.is_watched.get_mut(usize::from(watch.sender)) {
                *watched = false;
            }
        }
    }

    /// The last units of senders of whom nothing was ordered for too long.
    pub(crate) fn overdue(&mut self, now: Instant, store: &Store) -> Vec<(u16, u64)> {
        let mut overdue = Vec::new();
        // All wait equally long, so the first in the row is due first.
        while self.due() <= now {
            let Some(watch) = self.watches.pop_front() else { break };
            let Watch { sender, named: before, .. } = watch;
            if let Some(watched) = self.is_watched.get_mut(usize::from(sender)) {
                *watched = false;
            }
            let named = store.records().named(sender);
            let whole = store.units(sender).map_or(0, Units::whole);
            if whole > named {
                self.came(now, sender, named);
                if named == before {
                    overdue.push((sender, whole));
                }
            }
        }
        overdue
    }

    /// When to look next.
    pub(crate) fn due(&self) -> Instant {
        self.watches.front().map_or(Instant::FAR, |watch| watch.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use cman_wire::frame::{Ordered, Run};

    #[test]
    fn only_who_waits_in_vain_is_passed_on() {
        let (mut unheard, mut store) = (Unheard::new(3), Store::new(3));
        for (sender, unit) in [(1, 1), (1, 2), (2, 1)] {
            store.insert(sender, unit, &Bytes::new());
            unheard.came(Instant::ZERO, sender, 0);
        }
        store.order(Ordered { first: 1, run: Run { sender: 1, from: 1, count: 1 } });
        let later = Instant::ZERO + FORWARD_WAIT;
        assert_eq!(unheard.due(), later);
        assert_eq!(unheard.overdue(later, &store), [(2, 1)]);
        assert_eq!(unheard.overdue(later + FORWARD_WAIT, &store), [(1, 2), (2, 1)]);
        unheard.clear();
        assert_eq!(unheard.due(), Instant::FAR);
    }
}
