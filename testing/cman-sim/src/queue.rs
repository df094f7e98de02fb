//! What will happen, in the order of simulated real time.

use crate::clock::Real;
use core::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

#[derive(Debug)]
struct Entry<E> {
    at: Real,
    /// Events of one instant happen in the order in which they were scheduled.
    number: u64,
    event: E,
}

impl<E> Entry<E> {
    fn key(&self) -> (Real, u64) {
        (self.at, self.number)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// A queue of future events.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    scheduled: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), scheduled: 0 }
    }
}

impl<E> Queue<E> {
    /// Schedules an event; never, if `at` is the end of time.
    pub fn push(&mut self, at: Real, event: E) {
        if at < Real::MAX {
            self.scheduled += 1;
            self.heap.push(Reverse(Entry { at, number: self.scheduled, event }));
        }
    }

    /// The next event if it is due by `until`.
    pub fn pop_until(&mut self, until: Real) -> Option<(Real, E)> {
        if self.heap.peek()?.0.at > until {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_time_then_by_order_of_scheduling() {
        let mut queue = Queue::default();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b'), (Real::MAX, 'x')] {
            queue.push(at, event);
        }
        let mut got = String::new();
        while let Some((_, event)) = queue.pop_until(5) {
            got.push(event);
        }
        assert_eq!(got, "abcd");
        assert!(queue.pop_until(Real::MAX - 1).is_none());
    }
}
