//! The units of one sender.

use crate::limits::AHEAD_MAX;
use bytes::Bytes;
use std::collections::VecDeque;

/// What became of a unit that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// It was missing, and is here now.
    New,
    /// It was here, or is freed already.
    Known,
    /// Too far ahead of the first that is missing: to be asked for later.
    Ahead,
}

/// Units of one sender that are not freed: a table without gaps in its numbers, so that finding
/// one is arithmetic.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Units {
    /// Up to this number all are freed.
    freed: u64,
    /// Those that follow.
    table: VecDeque<Option<Bytes>>,
    /// Up to this number all came.
    whole: u64,
}

impl Units {
    /// Up to this number all came.
    pub(crate) const fn whole(&self) -> u64 {
        self.whole
    }

    /// No unit beyond this one is taken yet.
    pub(crate) const fn reach(&self) -> u64 {
        self.whole.saturating_add(AHEAD_MAX)
    }

    fn index(&self, unit: u64) -> Option<usize> {
        usize::try_from(unit.checked_sub(self.freed)?.checked_sub(1)?).ok()
    }

    pub(crate) fn get(&self, unit: u64) -> Option<&Bytes> {
        self.table.get(self.index(unit)?)?.as_ref()
    }

    /// Whether it came, be it freed or not.
    pub(crate) fn came(&self, unit: u64) -> bool {
        unit <= self.whole || self.get(unit).is_some()
    }

    pub(crate) fn insert(&mut self, unit: u64, payload: Bytes) -> Taken {
        if unit <= self.whole {
            return Taken::Known;
        }
        if unit > self.reach() {
            return Taken::Ahead;
        }
        let Some(index) = self.index(unit) else { return Taken::Known };
        if index >= self.table.len() {
            self.table.resize(index, None);
            self.table.push_back(Some(payload));
        } else {
            match self.table.get_mut(index) {
                Some(place @ None) => *place = Some(payload),
                _ => return Taken::Known,
            }
        }
        while self.get(self.whole + 1).is_some() {
            self.whole += 1;
        }
        Taken::New
    }

    /// Forgets the lowest; gives the size of its payload. Only of what came.
    pub(crate) fn free(&mut self) -> usize {
        debug_assert!(self.freed < self.whole, "what never came is not freed");
        self.freed += 1;
        self.table.pop_front().flatten().map_or(0, |payload| payload.len())
    }

    /// The units of a range that are here.
    pub(crate) fn held_in(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, &Bytes)> {
        let first = first.max(self.freed + 1);
        let index = usize::try_from(first - self.freed - 1).unwrap_or(usize::MAX);
        let places = self.table.range(index.min(self.table.len())..);
        let numbered = (first..=last.max(first)).zip(places);
        numbered
            .take_while(move |(unit, _)| *unit <= last)
            .filter_map(|(unit, place)| Some((unit, place.as_ref()?)))
    }

    /// What is here, as ranges (first, last).
    pub(crate) fn ranges(&self) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (number, place) in (self.freed + 1..).zip(&self.table) {
            match ranges.last_mut() {
                _ if place.is_none() => {}
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        ranges
    }

    /// The part of the range that was never received: ranges (first, last).
    pub(crate) fn missing(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let mut missing: Vec<(u64, u64)> = Vec::new();
        let last = last.min(self.reach());
        for unit in first.max(self.whole + 1)..=last {
            match missing.last_mut() {
                _ if self.came(unit) => {}
                Some((_, last)) if *last + 1 == unit => *last = unit,
                _ => missing.push((unit, unit)),
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(numbers: &[u64]) -> Units {
        let mut units = Units::default();
        for &number in numbers {
            assert_eq!(units.insert(number, Bytes::from_static(b"unit")), Taken::New);
        }
        units
    }

    #[test]
    fn gaps_close_in_any_order() {
        let mut units = units(&[1, 4, 2, 7]);
        assert_eq!(units.whole(), 2);
        assert_eq!(units.ranges(), [(1, 2), (4, 4), (7, 7)]);
        assert_eq!(units.missing(1, 9), [(3, 3), (5, 6), (8, 9)]);
        assert_eq!(units.insert(4, Bytes::new()), Taken::Known);
        assert_eq!(units.insert(3, Bytes::new()), Taken::New);
        assert_eq!(units.whole(), 4);
    }

    #[test]
    fn freed_units_came() {
        let mut units = units(&[1, 2, 3]);
        assert_eq!((units.free(), units.free()), (4, 4));
        assert!(units.came(1) && units.get(1).is_none() && units.get(3).is_some());
        assert_eq!(units.insert(1, Bytes::new()), Taken::Known);
        assert_eq!(units.ranges(), [(3, 3)]);
    }

    #[test]
    fn absurd_numbers_cost_nothing() {
        let mut units = units(&[1]);
        for number in [0, u64::MAX, AHEAD_MAX + 2] {
            assert_ne!(units.insert(number, Bytes::new()), Taken::New);
        }
        assert_eq!(units.insert(AHEAD_MAX + 1, Bytes::new()), Taken::New);
        assert_eq!(units.missing(0, u64::MAX), [(2, AHEAD_MAX)]);
    }
}
