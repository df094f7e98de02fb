//! Which counters of a sender were seen already.

/// Counters that the window remembers behind the highest one seen. More than the datagrams that a
/// socket holds: a receiver that was late reads what was sent to it alone before what was multicast
/// long ago, or the other way round, and must not take that for a repetition.
pub const WINDOW: u64 = 8192;

const WORDS: usize = 128;

/// A sliding window over the counters of one sender on one lane.
///
/// Counters at most [`WINDOW`] - 1 behind the highest one seen are told apart; older ones count
/// as seen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ReplayWindow {
    /// Highest counter seen; 0 before the first, for counters begin at 1.
    highest: u64,
    /// What is below counts as seen.
    floor: u64,
    /// One bit a counter, at `counter % WINDOW`.
    seen: [u64; WORDS],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { highest: 0, floor: 0, seen: [0; WORDS] }
    }
}

impl ReplayWindow {
    /// Whether this counter is new. Says nothing of whether the datagram is authentic: check
    /// that before [`ReplayWindow::insert`].
    #[must_use]
    pub fn is_new(&self, counter: u64) -> bool {
        if counter == 0 || counter < self.floor {
            return false;
        }
        if counter > self.highest {
            return true;
        }
        if self.highest - counter >= WINDOW {
            return false;
        }
        let (word, bit) = place(counter);
        self.seen.get(word).is_some_and(|word| word & bit == 0)
    }

    /// From now on all counters below this one count as seen.
    pub fn forget_before(&mut self, counter: u64) {
        self.floor = self.floor.max(counter);
    }

    /// Remembers a counter; false if it was not new.
    pub fn insert(&mut self, counter: u64) -> bool {
        if !self.is_new(counter) {
            return false;
        }
        if counter > self.highest {
            if counter - self.highest >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                // What lies between was not seen; its bits are of counters now too old.
                for skipped in self.highest + 1..counter {
                    let (word, bit) = place(skipped);
                    if let Some(word) = self.seen.get_mut(word) {
                        *word &= !bit;
                    }
                }
            }
            self.highest = counter;
        }
        let (word, bit) = place(counter);
        if let Some(word) = self.seen.get_mut(word) {
            *word |= bit;
        }
        true
    }
}

/// The word and the bit of a counter.
fn place(counter: u64) -> (usize, u64) {
    let word = usize::try_from(counter % WINDOW / 64).unwrap_or(0);
    (word, 1 << (counter % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The same thing, without any cleverness.
    #[derive(Default)]
    struct Remembered {
        seen: BTreeSet<u64>,
        floor: u64,
    }

    impl Remembered {
        fn insert(&mut self, counter: u64) -> bool {
            let highest = self.seen.last().copied().unwrap_or(0);
            let too_old = highest.saturating_sub(counter) >= WINDOW;
            let too_old = too_old || counter < self.floor;
            counter != 0 && !too_old && self.seen.insert(counter)
        }
    }

    /// Walks of counters that stay close to each other, with jumps.
    fn counters() -> impl Strategy<Value = Vec<u64>> {
        let step = prop_oneof![
            20 => -8i64..=9,
            3 => -9000i64..=9000,
            1 => Just(8191i64),
            1 => Just(8192i64),
            1 => 0..=i64::MAX / 64,
        ];
        (any::<bool>(), prop::collection::vec(step, 1..300)).prop_map(|(from_top, steps)| {
            let mut at: u64 = if from_top { u64::MAX - 20_000 } else { 0 };
            let mut walk = Vec::with_capacity(steps.len());
            for step in steps {
                at = at.saturating_add_signed(step);
                walk.push(at);
            }
            walk
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(walk in counters(), forget_at in 0..1000usize) {
            let mut window = ReplayWindow::default();
            let mut remembered = Remembered::default();
            for (at, counter) in walk.into_iter().enumerate() {
                if at == forget_at {
                    window.forget_before(counter);
                    remembered.floor = counter;
                }
                let expected = remembered.insert(counter);
                prop_assert_eq!(window.is_new(counter), expected, "counter {}", counter);
                prop_assert_eq!(window.insert(counter), expected, "counter {}", counter);
            }
        }
    }

    #[test]
    fn the_edge_of_the_window() {
        let mut window = ReplayWindow::default();
        assert!(window.insert(50_000));
        assert!(window.insert(50_000 - (WINDOW - 1)));
        assert!(!window.insert(50_000 - (WINDOW - 1)));
        assert!(!window.insert(50_000 - WINDOW));
        assert!(!window.insert(0));
    }
}
