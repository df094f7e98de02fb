//! Sets of numbers as ranges.

/// Numbers, as ranges (first, last): ascending, apart from each other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// The numbers of any ranges; those that end before they begin are left out.
    pub(crate) fn union(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.retain(|(first, last)| first <= last);
        ranges.sort_unstable();
        let mut union: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match union.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last)
                }
                _ => union.push((first, last)),
            }
        }
        Self(union)
    }

    /// The lowest number.
    pub(crate) fn first(&self) -> Option<u64> {
        self.0.first().map(|(first, _)| *first)
    }

    /// The last number of the range that `number` is in.
    pub(crate) fn end_of(&self, number: u64) -> Option<u64> {
        let (first, last) = self.0.get(self.0.partition_point(|(_, last)| *last < number))?;
        (*first <= number).then_some(*last)
    }

    /// Those that are not in `other`.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut others = other.0.iter().peekable();
        for &(mut first, last) in &self.0 {
            while others.next_if(|(_, end)| *end < first).is_some() {}
            loop {
                match others.peek() {
                    Some(&&(from, to)) if from <= last => {
                        if first < from {
                            left.push((first, from - 1));
                        }
                        if to >= last {
                            break;
                        }
                        first = to + 1;
                        others.next();
                    }
                    _ => {
                        left.push((first, last));
                        break;
                    }
                }
            }
        }
        Self(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cman_types::Prng;
    use std::collections::BTreeSet;

    #[test]
    fn neighbours_become_one() {
        let ranges =
            Ranges::union(vec![(5, 6), (1, 2), (3, 3), (9, 8), (6, 7), (u64::MAX, u64::MAX)]);
        assert_eq!(ranges.0, [(1, 3), (5, 7), (u64::MAX, u64::MAX)]);
        assert_eq!((ranges.end_of(2), ranges.end_of(4), ranges.end_of(8)), (Some(3), None, None));
    }

    #[test]
    fn they_are_sets_of_numbers() {
        let mut prng = Prng::new(5);
        for _ in 0..2000 {
            let mut some = || {
                let mut range = || (prng.below(20), prng.below(20));
                (0..4).map(|_| range()).collect::<Vec<_>>()
            };
            let numbers = |ranges: &[(u64, u64)]| {
                ranges.iter().flat_map(|&(a, b)| a..=b).collect::<BTreeSet<_>>()
            };
            let (a, b) = (some(), some());
            let (in_a, in_b) = (numbers(&a), numbers(&b));
            let left = Ranges::union(a).without(&Ranges::union(b));
            assert_eq!(numbers(&left.0), &in_a - &in_b);
            assert_eq!(left.clone(), Ranges::union(left.0));
        }
    }
}
