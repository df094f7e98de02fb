//! What is held of a view: units, and the order records that give them their places.

use crate::{
    limits::{
        RANGES_TOLD_MAX, REPAIR_BYTES_MAX, REPAIR_RUNS_MAX, STORE_BYTES_MAX, UNIT_BYTES_MAX,
        UNIT_OVERHEAD,
    },
    records::{Added, Cursor, Records},
    units::{Taken, Units},
};
use bytes::Bytes;
use cman_wire::frame::{Holdings, Ordered};

/// Units and records that are not freed. Nothing that is not stable is ever freed. R-53o.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Store {
    units: Vec<Units>,
    records: Records,
    /// How far all units and records are here.
    held: Cursor,
    /// Size of the units, with something for the keeping of each.
    bytes: usize,
    /// Units of all senders that came with all earlier ones of their sender.
    whole: u64,
}

impl Store {
    pub(crate) fn new(members: usize) -> Self {
        Self {
            units: vec![Units::default(); members],
            records: Records::new(members),
            held: Cursor::default(),
            bytes: 0,
            whole: 0,
        }
    }

    pub(crate) const fn records(&self) -> &Records {
        &self.records
    }

    pub(crate) fn hear_of(&mut self, told: u64) {
        self.records.hear_of(told);
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The highest global sequence up to which all units and records are here.
    pub(crate) const fn held(&self) -> u64 {
        self.held.at()
    }

    /// The units of a sender; `None` if there is no such member.
    pub(crate) fn units(&self, sender: u16) -> Option<&Units> {
        self.units.get(usize::from(sender))
    }

    pub(crate) fn get(&self, sender: u16, unit: u64) -> Option<&Bytes> {
        self.units(sender)?.get(unit)
    }

    /// Whether so much is kept for members that do not keep up that it has to end. R-56o.
    pub(crate) fn is_overfull(&self) -> bool {
        self.bytes >= REPAIR_BYTES_MAX || self.records.run_count() >= REPAIR_RUNS_MAX
    }

    /// Whether nothing is taken that has no order record.
    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= STORE_BYTES_MAX
    }

    /// Whether units are here that have no record here. While something else is missing: no.
    pub(crate) const fn has_unordered(&self) -> bool {
        // As many are named as there are places up to the end.
        self.held() == self.records.end() && self.whole > self.records.end()
    }

    /// Whether everything that is here has its record, and the reverse.
    pub(crate) const fn has_all_ordered(&self) -> bool {
        self.held() == self.records.end() && self.whole == self.records.end()
    }

    /// Takes a unit. Memory is bounded whatever comes. R-167.
    pub(crate) fn insert(&mut self, sender: u16, unit: u64, payload: &Bytes) -> Taken {
        let unordered = unit > self.records.named(sender);
        if payload.len() > UNIT_BYTES_MAX || (unordered && self.is_full()) {
            return Taken::Ahead;
        }
        let Some(units) = self.units.get_mut(usize::from(sender)) else { return Taken::Known };
        let whole = units.whole();
        let taken = units.insert(unit, payload.clone());
        if taken == Taken::New {
            self.whole += units.whole() - whole;
            self.bytes += charge(payload.len());
        }
        taken
    }

    /// Takes a run of order records.
    pub(crate) fn order(&mut self, ordered: Ordered) -> Added {
        self.records.add(ordered)
    }

    /// Finds out how far everything is here, run by run.
    pub(crate) fn advance(&mut self) {
        while let Some(Ordered { run, .. }) = self.records.next(&mut self.held) {
            let whole = self.units.get(usize::from(run.sender)).map_or(0, Units::whole);
            let here = (whole + 1).saturating_sub(run.from).min(run.count.into());
            if here == 0 {
                break;
            }
            Records::pass(&mut self.held, here);
        }
    }

    /// What follows at a cursor, as far as it is held.
    pub(crate) fn next_held(&self, cursor: &mut Cursor) -> Option<Ordered> {
        let mut next = self.records.next(cursor)?;
        let width = self.held().checked_sub(cursor.at())?.min(next.run.count.into());
        next.run.count = u32::try_from(width).ok()?;
        (width > 0).then_some(next)
    }

    /// What a unit counts, if it is here.
    pub(crate) fn charge_of(&self, sender: u16, unit: u64) -> usize {
        self.get(sender, unit).map_or(0, |payload| charge(payload.len()))
    }

    /// Frees all up to a global sequence, which is held.
    pub(crate) fn free(&mut self, to: u64) {
        debug_assert!(to <= self.held(), "what is not held is not freed");
        while let Some(Ordered { first, run }) = self.records.first() {
            let count = (to + 1).saturating_sub(first).min(run.count.into());
            if count == 0 {
                break;
            }
            if let Some(units) = self.units.get_mut(usize::from(run.sender)) {
                self.bytes -= (0..count).map(|_| charge(units.free())).sum::<usize>();
            }
            self.records.free(count);
        }
    }

    /// What a view change needs to know: all that is not freed..
    pub(crate) fn holdings(&self, delivered: u64, stable: u64) -> Holdings {
        let mut units = Vec::new();
        let mut beyond_gaps = RANGES_TOLD_MAX;
        for (sender, of_sender) in (0..).zip(&self.units) {
            // The first range has all that may have been delivered, and all own units.
            let ranges = of_sender.ranges();
            let told = ranges.len().min(1 + beyond_gaps);
            beyond_gaps -= told.saturating_sub(1);
            let ranges = ranges.into_iter().take(told);
            units.extend(ranges.map(|(first, last)| (sender, first, last)));
        }
        Holdings { delivered, stable, units, records: self.records.all().collect() }
    }
}

/// What a unit with a payload of this size counts.
pub(crate) const fn charge(size: usize) -> usize {
    size + UNIT_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{AHEAD_MAX, STORE_RUNS_MAX};
    use cman_types::{Basis, Epoch, Incarnation, MemberId, NodeId, Salt, ViewId};
    use cman_wire::{
        Frame, MESSAGE_MAX, codec,
        frame::{Flush, Run},
    };

    fn run(first: u64, sender: u16, from: u64, count: u32) -> Ordered {
        Ordered { first, run: Run { sender, from, count } }
    }

    fn store() -> Store {
        let mut store = Store::new(2);
        for (sender, unit) in [(0, 1), (0, 2), (1, 1), (1, 3)] {
            assert_eq!(store.insert(sender, unit, &Bytes::from_static(b"unit")), Taken::New);
        }
        store
    }

    /// *held* needs both, the unit and its record (protocol, section 1).
    #[test]
    fn held_is_where_unit_and_record_are_here() {
        let mut store = store();
        store.advance();
        assert_eq!(store.held(), 0);
        store.order(run(1, 1, 1, 2));
        store.advance();
        assert_eq!(store.held(), 1);
        store.order(run(3, 0, 1, 2));
        store.advance();
        assert_eq!(store.held(), 1);
        store.insert(1, 2, &Bytes::new());
        store.advance();
        assert_eq!(store.held(), 4);
    }

    #[test]
    fn freeing_gives_all_bytes_back() {
        let mut store = store();
        store.order(run(1, 0, 1, 2));
        store.order(run(3, 1, 1, 1));
        store.advance();
        store.free(1);
        let holdings = store.holdings(3, 1);
        assert_eq!(holdings.units, [(0, 2, 2), (1, 1, 1), (1, 3, 3)]);
        assert_eq!(holdings.records, [run(2, 0, 2, 1), run(3, 1, 1, 1)]);
        store.free(3);
        assert_eq!(store.bytes(), charge(4));
    }

    /// a receiver would not take a longer answer.
    #[test]
    fn all_that_a_store_can_hold_fits_a_message() {
        let members = 32;
        let mut store = Store::new(members);
        // Every run is of one unit, and of each sender every second unit is missing behind those.
        let senders = || (0..).take(members);
        let mut first = 0;
        'full: for unit in 1.. {
            for sender in senders() {
                first += 1;
                store.insert(sender, unit, &Bytes::new());
                if store.order(run(first, sender, unit, 1)) == Added::Refused {
                    break 'full;
                }
            }
        }
        for sender in senders() {
            let whole = store.units(sender).unwrap().whole();
            for unit in (whole + 2..whole + AHEAD_MAX).step_by(2) {
                store.insert(sender, unit, &Bytes::new());
            }
        }
        let holdings = store.holdings(0, 0);
        assert_eq!(holdings.records.len(), STORE_RUNS_MAX);
        assert_eq!(holdings.units.len(), members + RANGES_TOLD_MAX);
        for sender in senders() {
            let whole = store.units(sender).unwrap().whole();
            assert!(holdings.units.contains(&(sender, 1, whole)), "{sender}: all that is whole");
        }
        assert!(size(holdings) < MESSAGE_MAX * 3 / 4);
    }

    fn size(holdings: Holdings) -> usize {
        let id = MemberId {
            node: NodeId::new(1).unwrap(),
            incarnation: Incarnation(1),
            salt: Salt::default(),
        };
        let flush = Flush {
            ballot: ViewId { epoch: Epoch(1), coordinator: id },
            origin: None,
            pending: Vec::new(),
            epoch_seen: Epoch(1),
            basis: Basis::default(),
            removed_self: false,
            fresh: false,
            knew: Epoch(0),
            dirty: false,
            hub_leases: Vec::new(),
            promised: Vec::new(),
            index: 0,
            holdings,
        };
        let mut bytes = Vec::new();
        codec::encode(&Frame::Flush(flush.into()), &mut bytes);
        bytes.len()
    }

    #[test]
    fn a_full_store_takes_only_what_is_ordered() {
        let mut store = Store::new(2);
        let payload = Bytes::from(vec![0; UNIT_BYTES_MAX]);
        let mut unit = 0;
        while store.bytes() < STORE_BYTES_MAX {
            unit += 1;
            assert_eq!(store.insert(0, unit, &payload), Taken::New);
        }
        assert!(store.is_overfull());
        assert_eq!(store.insert(1, 1, &payload), Taken::Ahead);
        store.order(run(1, 1, 1, 1));
        assert_eq!(store.insert(1, 1, &payload), Taken::New);
        assert_ne!(store.insert(5, 1, &payload), Taken::New);
    }
}
