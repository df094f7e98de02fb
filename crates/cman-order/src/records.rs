//! Order records: which unit has which place in the sequence.

use crate::limits::{LATER_RUNS_MAX, STORE_RUNS_MAX};
use cman_wire::frame::{Ordered, Run};
use std::collections::{BTreeMap, VecDeque};

/// A way along the sequence that goes on when records are added and freed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Cursor {
    /// The last global sequence passed.
    at: u64,
    /// The run after which, or within which, this is: counted from the first of the view.
    run: u64,
}

impl Cursor {
    /// The last global sequence passed.
    pub(crate) const fn at(self) -> u64 {
        self.at
    }
}

/// Whether order records could be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Added {
    /// They follow on, and were taken.
    New,
    /// Nothing new, or to be used later.
    Nothing,
    /// They contradict what is known, or make no sense.
    Refused,
}

/// Runs of units in the order of the sequence. As a sender's units are ordered by number (R-50o),
/// the records of one sender that follow on name its units without a gap.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Records {
    /// Those that follow on each other and are not freed.
    runs: VecDeque<Ordered>,
    /// How many runs were freed.
    freed_runs: u64,
    /// The last global sequence in `runs`.
    end: u64,
    /// The last unit of each sender that they name.
    named: Vec<u64>,
    /// Runs beyond a gap, by their first global sequence.
    later: BTreeMap<u64, Run>,
    /// The highest global sequence known to have been given.
    told: u64,
}

/// The run without its first `count` units; `None` if nothing is left.
pub(crate) fn without(ordered: Ordered, count: u64) -> Option<Ordered> {
    let Ordered { first, run } = ordered;
    let left = u64::from(run.count).checked_sub(count).filter(|left| *left > 0)?;
    Some(Ordered {
        first: first.saturating_add(count),
        run: Run { from: run.from.saturating_add(count), count: u32::try_from(left).ok()?, ..run },
    })
}

/// The last global sequence of a run.
pub(crate) fn last_of(ordered: &Ordered) -> u64 {
    ordered.first + u64::from(ordered.run.count) - 1
}

impl Records {
    pub(crate) fn new(members: usize) -> Self {
        Self {
            runs: VecDeque::new(),
            freed_runs: 0,
            end: 0,
            named: vec![0; members],
            later: BTreeMap::new(),
            told: 0,
        }
    }

    /// The highest global sequence up to which all records are here.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// The last unit of `sender` that the records up to [`Self::end`] name.
    pub(crate) fn named(&self, sender: u16) -> u64 {
        self.named.get(usize::from(sender)).copied().unwrap_or(0)
    }

    /// Runs that are kept.
    pub(crate) fn run_count(&self) -> usize {
        self.runs.len() + self.later.len()
    }

    /// The coordinator's word that the sequence has come to `told`.
    pub(crate) fn hear_of(&mut self, told: u64) {
        self.told = self.told.max(told);
    }

    /// The last global sequence that is missing before one that is known.
    pub(crate) fn missing_to(&self) -> Option<u64> {
        // The last gap ends where the last run begins, unless more was told of than that run.
        let later = self.later.last_key_value();
        let known_to = later.map(|(&first, run)| (first, first + u64::from(run.count) - 1));
        match known_to {
            Some((first, last)) if last >= self.told => Some(first - 1),
            _ => (self.told > self.end).then_some(self.told),
        }
    }

    /// Takes a run of records. Bounds every number it holds.
    pub(crate) fn add(&mut self, ordered: Ordered) -> Added {
        let Ordered { first, run } = ordered;
        let count = u64::from(run.count);
        let fits = |from: u64| from > 0 && from.checked_add(count).is_some();
        if usize::from(run.sender) >= self.named.len() || count == 0 || !fits(first) {
            return Added::Refused;
        }
        if !fits(run.from) || self.run_count() >= STORE_RUNS_MAX {
            return Added::Refused;
        }
        if first > self.end + 1 {
            self.told = self.told.max(last_of(&ordered));
            return self.keep_for_later(first, run);
        }
        let Some(new) = without(ordered, self.end + 1 - first) else { return Added::Nothing };
        if new.run.from != self.named(run.sender) + 1 {
            return Added::Refused;
        }
        self.append(new);
        self.use_later();
        Added::New
    }

    fn keep_for_later(&mut self, first: u64, run: Run) -> Added {
        if self.later.len() < LATER_RUNS_MAX {
            let kept = self.later.entry(first).or_insert(run);
            // The longer of two that begin alike.
            if kept.count < run.count {
                *kept = run;
            }
        }
        Added::Nothing
    }

    /// Moves what follows on now out of `later`; drops what contradicts.
    fn use_later(&mut self) {
        while let Some(entry) = self.later.first_entry() {
            if *entry.key() > self.end + 1 {
                break;
            }
            let (first, run) = entry.remove_entry();
            let new = without(Ordered { first, run }, self.end + 1 - first);
            if let Some(new) = new.filter(|new| new.run.from == self.named(run.sender) + 1) {
                self.append(new);
            }
        }
    }

    fn append(&mut self, new: Ordered) {
        self.end = last_of(&new);
        self.told = self.told.max(self.end);
        if let Some(named) = self.named.get_mut(usize::from(new.run.sender)) {
            *named = new.run.from + u64::from(new.run.count) - 1;
        }
        if let Some(Ordered { run, .. }) = self.runs.back_mut()
            && run.sender == new.run.sender
            && let Some(count) = run.count.checked_add(new.run.count)
        {
            run.count = count;
            return;
        }
        self.runs.push_back(new);
    }

    /// What follows at the cursor, up to the end of a run.
    pub(crate) fn next(&self, cursor: &mut Cursor) -> Option<Ordered> {
        cursor.run = cursor.run.max(self.freed_runs);
        loop {
            let index = usize::try_from(cursor.run - self.freed_runs).ok()?;
            let run = *self.runs.get(index)?;
            if let Some(rest) = without(run, cursor.at + 1 - run.first) {
                return Some(rest);
            }
            // The last run may still grow: it is left only for one that follows.
            self.runs.get(index + 1)?;
            cursor.run += 1;
        }
    }

    /// Moves the cursor on by units of the run that [`Self::next`] gave.
    pub(crate) fn pass(cursor: &mut Cursor, count: u64) {
        cursor.at += count;
    }

    /// Forgets the records of the first `count` units of the first run.
    pub(crate) fn free(&mut self, count: u64) {
        let Some(first) = self.runs.front_mut() else { return };
        match without(*first, count) {
            Some(rest) => *first = rest,
            None => {
                self.runs.pop_front();
                self.freed_runs += 1;
            }
        }
    }

    /// The first run that is not freed.
    pub(crate) fn first(&self) -> Option<Ordered> {
        self.runs.front().copied()
    }

    /// The records of a range of global sequences, as far as they are here and follow on.
    pub(crate) fn range(&self, first: u64, last: u64) -> impl Iterator<Item = Ordered> + '_ {
        let start = self.runs.partition_point(|run| last_of(run) < first);
        self.runs.range(start..).take_while(move |run| run.first <= last).filter_map(move |run| {
            let mut part = without(*run, first.saturating_sub(run.first))?;
            let width = last.checked_sub(part.first)?.saturating_add(1);
            part.run.count = part.run.count.min(u32::try_from(width).unwrap_or(u32::MAX));
            Some(part)
        })
    }

    /// All records, also those beyond a gap.
    pub(crate) fn all(&self) -> impl Iterator<Item = Ordered> + '_ {
        let later = self.later.iter().map(|(&first, &run)| Ordered { first, run });
        self.runs.iter().copied().chain(later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u64, sender: u16, from: u64, count: u32) -> Ordered {
        Ordered { first, run: Run { sender, from, count } }
    }

    fn records(runs: &[Ordered]) -> Records {
        let mut records = Records::new(3);
        for run in runs {
            assert_eq!(records.add(*run), Added::New);
        }
        records
    }

    #[test]
    fn runs_of_one_sender_become_one() {
        let records = records(&[run(1, 0, 1, 2), run(3, 0, 3, 4), run(7, 1, 1, 1)]);
        assert_eq!(records.all().collect::<Vec<_>>(), [run(1, 0, 1, 6), run(7, 1, 1, 1)]);
        assert_eq!((records.end(), records.named(0), records.named(1)), (7, 6, 1));
    }

    #[test]
    fn what_comes_too_early_waits() {
        let mut records = records(&[run(1, 0, 1, 1)]);
        assert_eq!(records.add(run(5, 1, 2, 2)), Added::Nothing);
        assert_eq!((records.end(), records.missing_to()), (1, Some(4)));
        assert_eq!(records.add(run(2, 0, 2, 2)), Added::New);
        assert_eq!((records.end(), records.missing_to()), (3, Some(4)));
        assert_eq!(records.add(run(1, 0, 1, 1)), Added::Nothing);
        assert_eq!(records.add(run(4, 1, 1, 1)), Added::New);
        assert_eq!((records.end(), records.missing_to()), (6, None));
        records.hear_of(9);
        assert_eq!(records.missing_to(), Some(9));
    }

    #[test]
    fn overlaps_are_trimmed_and_contradictions_refused() {
        let mut records = records(&[run(1, 0, 1, 3)]);
        assert_eq!(records.add(run(2, 0, 2, 4)), Added::New);
        assert_eq!(records.end(), 5);
        assert_eq!(records.add(run(6, 0, 9, 1)), Added::Refused);
        assert_eq!(records.add(run(5, 1, 1, 2)), Added::Refused);
        for absurd in [
            run(6, 3, 1, 1),
            run(6, 1, 1, 0),
            run(6, 1, 0, 1),
            run(0, 1, 1, 1),
            run(6, 1, u64::MAX, 1),
            run(u64::MAX, 1, 1, 1),
        ] {
            assert_eq!(records.add(absurd), Added::Refused, "{absurd:?}");
        }
        assert_eq!((records.end(), records.missing_to()), (5, None));
    }

    #[test]
    fn a_cursor_survives_growth_and_freeing() {
        let mut records = records(&[run(1, 0, 1, 2)]);
        let mut cursor = Cursor::default();
        assert_eq!(records.next(&mut cursor), Some(run(1, 0, 1, 2)));
        Records::pass(&mut cursor, 2);
        assert_eq!(records.next(&mut cursor), None);
        assert_eq!(records.add(run(3, 0, 3, 2)), Added::New);
        assert_eq!(records.next(&mut cursor), Some(run(3, 0, 3, 2)));
        records.free(1);
        records.free(3);
        Records::pass(&mut cursor, 2);
        assert_eq!((records.first(), records.next(&mut cursor)), (None, None));
        assert_eq!(records.add(run(5, 1, 1, 1)), Added::New);
        assert_eq!(records.next(&mut cursor), Some(run(5, 1, 1, 1)));
    }

    #[test]
    fn a_range_is_cut_out_of_runs() {
        let records = records(&[run(1, 0, 1, 4), run(5, 1, 1, 4), run(9, 2, 1, 4)]);
        let range = |first, last| records.range(first, last).collect::<Vec<_>>();
        assert_eq!(range(3, 6), [run(3, 0, 3, 2), run(5, 1, 1, 2)]);
        assert_eq!(range(6, 7), [run(6, 1, 2, 2)]);
        assert_eq!(range(12, u64::MAX), [run(12, 2, 4, 1)]);
        assert_eq!(range(13, u64::MAX), []);
        assert_eq!(range(7, 6), []);
    }
}
