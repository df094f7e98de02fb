//! How a view's sequence ends: R-25, as a pure function of what its members hold.

use crate::{
    limits::PLAUSIBLE_UNITS,
    ranges::Ranges,
    records::{last_of, without},
};
use cman_wire::frame::{Holdings, Ordered, Run};
use std::collections::{BTreeMap, BTreeSet};

/// The rest of the sequence of a view for those of its members that go on together: everything
/// beyond the lowest global sequence that any of them delivered, and up to which global sequence
/// all is known to be stable. `lineage`: who goes on (index in that view's member list), and what
/// each holds. Runs without order record have `first` 0, and come last.
///
/// Why it is as it is: survivors agree, since they all follow it; no effect appears without its
/// cause, since what a lost sender sent after a hole may rest on what was in the hole; and nothing
/// of a sender that goes on is lost, so that it never has to be sent again.
#[must_use]
pub fn plan(lineage: &[(u16, &Holdings)]) -> (Vec<Ordered>, u64) {
    let delivered = lineage.iter().map(|(_, held)| held.delivered).min().unwrap_or(0);
    let delivered = delivered.min(u64::MAX - 1);
    let stable = lineage.iter().map(|(_, held)| held.stable).max().unwrap_or(0);
    let mut walk = Walk::new(lineage);
    for record in records(lineage) {
        walk.step(record, delivered);
    }
    walk.take_tail();
    (walk.sequence, stable)
}

/// All order records that anybody has and that make sense, in sequence.
fn records(lineage: &[(u16, &Holdings)]) -> Vec<Ordered> {
    let all = lineage.iter().flat_map(|(_, held)| held.records.iter().copied());
    let mut records: Vec<_> = all.filter(makes_sense).collect();
    records.sort_unstable();
    records.dedup();
    records
}

fn makes_sense(record: &Ordered) -> bool {
    let Ordered { first, run } = record;
    let fits = |from: u64| from > 0 && from.checked_add(run.count.into()).is_some();
    run.count > 0 && fits(*first) && fits(run.from)
}

fn units_of(run: Run) -> (u64, u64) {
    (run.from, run.from + u64::from(run.count) - 1)
}

/// The way along the sequence.
struct Walk {
    lineage: BTreeSet<u16>,
    /// Units that somebody holds, of each sender.
    held: BTreeMap<u16, Ranges>,
    /// The first that somebody holds and that no record names.
    unnamed: BTreeMap<u16, u64>,
    /// Units that all have delivered, or that have their place, of each sender.
    placed: BTreeMap<u16, Vec<(u64, u64)>>,
    /// Senders of whom nothing more is taken from the records, and their first unit not taken.
    stopped: BTreeMap<u16, u64>,
    /// The last global sequence passed.
    at: u64,
    /// Whether there was a hole: a unit or a record that nobody has.
    hole: bool,
    sequence: Vec<Ordered>,
}

impl Walk {
    fn new(lineage: &[(u16, &Holdings)]) -> Self {
        let mut held: BTreeMap<u16, Vec<_>> = BTreeMap::new();
        let mut named: BTreeMap<u16, Vec<_>> = BTreeMap::new();
        for (_, of) in lineage {
            for &(sender, first, last) in &of.units {
                held.entry(sender).or_default().push((first.max(1), last.min(u64::MAX - 1)));
            }
            for record in of.records.iter().filter(|record| makes_sense(record)) {
                named.entry(record.run.sender).or_default().push(units_of(record.run));
            }
        }
        let held: BTreeMap<_, _> =
            held.into_iter().map(|(sender, ranges)| (sender, Ranges::union(ranges))).collect();
        let unnamed = held.iter().filter_map(|(&sender, units)| {
            let named = Ranges::union(named.remove(&sender).unwrap_or_default());
            Some((sender, units.without(&named).first()?))
        });
        Self {
            unnamed: unnamed.collect(),
            lineage: lineage.iter().map(|(member, _)| *member).collect(),
            held,
            placed: BTreeMap::new(),
            stopped: BTreeMap::new(),
            at: 0,
            hole: false,
            sequence: Vec::new(),
        }
    }

    /// R-25 (a) and (b), for one run of records. R-43m.
    fn step(&mut self, record: Ordered, delivered: u64) {
        let sender = record.run.sender;
        if record.first <= delivered {
            let known = u64::from(record.run.count).min(delivered - record.first + 1);
            let units = (record.run.from, record.run.from + known - 1);
            self.placed.entry(sender).or_default().push(units);
        }
        self.at = self.at.max(delivered);
        let passed = (self.at + 1).saturating_sub(record.first);
        let Some(record) = without(record, passed) else { return };
        self.hole |= record.first > self.at + 1;
        self.at = last_of(&record);
        if !self.stopped.contains_key(&sender) {
            self.take(record);
        } else {
            self.hole = true;
        }
    }

    fn take(&mut self, mut record: Ordered) {
        let sender = record.run.sender;
        let (first, last) = units_of(record.run);
        if self.hole && !self.lineage.contains(&sender) {
            return;
        }
        // It stands behind a unit of its own sender that has no place: both belong to the tail.
        if self.unnamed.get(&sender).is_some_and(|unnamed| *unnamed < first) {
            self.stopped.insert(sender, first);
            return;
        }
        let end = self.held.get(&sender).and_then(|held| held.end_of(first));
        let end = end.map_or(first - 1, |end| end.min(last));
        if end < last {
            self.hole = true;
            self.stopped.insert(sender, end + 1);
        }
        record.run.count = u32::try_from(end + 1 - first).unwrap_or(u32::MAX);
        if record.run.count > 0 {
            self.placed.entry(sender).or_default().push((first, end));
            self.push(record);
        }
    }

    /// Adds to the sequence; joins what different members told of in different runs.
    fn push(&mut self, record: Ordered) {
        if let Some(before) = self.sequence.last_mut()
            && before.run.sender == record.run.sender
            && last_of(before) + 1 == record.first
            && let Some(count) = before.run.count.checked_add(record.run.count)
        {
            before.run.count = count;
        } else {
            self.sequence.push(record);
        }
    }

    /// R-25 (c): what members of the lineage sent and nobody has a record of, by sender and
    /// number. Members are sorted by node id and incarnation, and so are their indices. R-41m.
    fn take_tail(&mut self) {
        for &sender in &self.lineage {
            let Some(held) = self.held.get(&sender) else { continue };
            let placed = Ranges::union(self.placed.remove(&sender).unwrap_or_default());
            let left = held.without(&placed);
            let Some(first) = left.first() else { continue };
            let Some(last) = left.end_of(first) else { continue };
            // Behind a unit that nobody has nothing is taken.
            if self.stopped.get(&sender).is_some_and(|stopped| *stopped < first) {
                continue;
            }
            // What nobody can hold is not believed.
            let count = (last - first).min(PLAUSIBLE_UNITS) + 1;
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.sequence.push(Ordered { first: 0, run: Run { sender, from: first, count } });
        }
    }
}

#[cfg(test)]
mod tests;
