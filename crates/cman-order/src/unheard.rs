//! Units that the coordinator does not seem to hear of: the path from their sender to it may be
//! cut. Members who hold such units pass one on; the coordinator asks them for the others.

use crate::{backoff::wait_after, limits::FORWARD_WAIT, store::Store, units::Units};
use cman_types::Instant;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// Senders with units that have no order record yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Unheard {
    watches: BTreeMap<u16, Watch>,
    /// When to look whether there are records now.
    row: BTreeSet<(Instant, u16)>,
    /// The longest time between two looks.
    longest: Duration,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Watch {
    /// The last unit of the sender that had a record when the watch began.
    named: u64,
    /// How often that was found unchanged since.
    tries: u32,
}

impl Unheard {
    /// The time between two looks doubles up to `longest`.
    pub(crate) const fn new(longest: Duration) -> Self {
        Self { watches: BTreeMap::new(), row: BTreeSet::new(), longest }
    }

    /// A unit of `sender` came whose predecessors are here and that has no record yet.
    pub(crate) fn came(&mut self, now: Instant, sender: u16, named: u64) {
        if !self.watches.contains_key(&sender) {
            self.watch(now, sender, Watch { named, tries: 0 });
        }
    }

    fn watch(&mut self, now: Instant, sender: u16, watch: Watch) {
        let wait = wait_after(FORWARD_WAIT, self.longest, watch.tries);
        self.row.insert((now + wait, sender));
        self.watches.insert(sender, watch);
    }

    /// Nothing is without a record.
    pub(crate) fn clear(&mut self) {
        self.watches.clear();
        self.row.clear();
    }

    /// The last units of senders of whom nothing was ordered for too long.
    pub(crate) fn overdue(&mut self, now: Instant, store: &Store) -> Vec<(u16, u64)> {
        let mut overdue = Vec::new();
        while let Some((_, sender)) = self.row.first().copied().filter(|(due, _)| *due <= now) {
            self.row.pop_first();
            let Some(watch) = self.watches.remove(&sender) else { continue };
            let named = store.records().named(sender);
            let whole = store.units(sender).map_or(0, Units::whole);
            if whole <= named {
                continue;
            }
            if named == watch.named {
                overdue.push((sender, whole));
                self.watch(now, sender, Watch { named, tries: watch.tries.saturating_add(1) });
            } else {
                self.came(now, sender, named);
            }
        }
        overdue
    }

    /// When to look next.
    pub(crate) fn due(&self) -> Instant {
        self.row.first().map_or(Instant::FAR, |(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use cman_wire::frame::{Ordered, Run};

    #[test]
    fn only_who_waits_in_vain_is_passed_on_and_ever_more_seldom() {
        let mut unheard = Unheard::new(FORWARD_WAIT * 3);
        let mut store = Store::new(3);
        for (sender, unit) in [(1, 1), (1, 2), (2, 1)] {
            store.insert(sender, unit, &Bytes::new());
            unheard.came(Instant::ZERO, sender, 0);
        }
        store.order(Ordered { first: 1, run: Run { sender: 1, from: 1, count: 1 } });
        let at = |waits| Instant::ZERO + FORWARD_WAIT * waits;
        assert_eq!(unheard.due(), at(1));
        assert_eq!(unheard.overdue(at(1), &store), [(2, 1)]);
        assert_eq!(unheard.overdue(at(2), &store), [(1, 2)]);
        assert_eq!(unheard.overdue(at(3), &store), [(2, 1)]);
        assert_eq!(unheard.overdue(at(5), &store), [(1, 2)]);
        assert_eq!(unheard.overdue(at(6), &store), [(2, 1)], "no more than three waits");
        assert_eq!(unheard.due(), at(7).max(unheard.due()));
        unheard.clear();
        assert_eq!(unheard.due(), Instant::FAR);
    }
}
