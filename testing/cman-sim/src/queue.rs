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
    /// When, then which: one number, because nothing is compared more often.
    fn key(&self) -> u128 {
        u128::from(self.at) << 64 | u128::from(self.number)
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

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due<E> {
    /// An event that was scheduled.
    Event(E),
    /// The alarm of somebody.
    Alarm(usize),
}

/// A queue of future events, with one alarm each for somebody: nodes put theirs forward all the
/// time, and the event of the old one would still have to be waited for.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    alarms: Alarms,
    scheduled: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), alarms: Alarms::default(), scheduled: 0 }
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

    /// Sets the alarm of somebody anew; never, if `at` is the end of time.
    pub fn set_alarm(&mut self, of: usize, at: Real) {
        self.scheduled += 1;
        self.alarms.set(of, (at, self.scheduled));
    }

    /// When somebody's alarm rings; the end of time if it does not.
    #[must_use]
    pub fn alarm(&self, of: usize) -> Real {
        self.alarms.of(of).0
    }

    /// What is due next, if it is by `until`.
    pub fn pop_until(&mut self, until: Real) -> Option<(Real, Due<E>)> {
        let event = self.heap.peek().map_or(NEVER, |Reverse(entry)| (entry.at, entry.number));
        let (of, alarm) = self.alarms.first();
        let at = event.min(alarm).0;
        if at > until || at == Real::MAX {
            return None;
        }
        if alarm < event {
            self.alarms.set(of, NEVER);
            return Some((at, Due::Alarm(of)));
        }
        self.heap.pop().map(|Reverse(entry)| (at, Due::Event(entry.event)))
    }
}

/// When, and the how many-th that was scheduled.
type Place = (Real, u64);

const NEVER: Place = (Real::MAX, u64::MAX);

/// When each alarm rings.
#[derive(Debug, Default)]
struct Alarms {
    places: Vec<Place>,
    /// Whose rings first.
    first: usize,
}

impl Alarms {
    fn of(&self, of: usize) -> Place {
        self.places.get(of).copied().unwrap_or(NEVER)
    }

    fn first(&self) -> (usize, Place) {
        (self.first, self.of(self.first))
    }

    fn set(&mut self, of: usize, place: Place) {
        if of >= self.places.len() {
            self.places.resize(of + 1, NEVER);
        }
        self.places[of] = place;
        if place < self.of(self.first) {
            self.first = of;
        } else if of == self.first {
            let all = self.places.iter().enumerate();
            self.first = all.min_by_key(|(_, place)| **place).map_or(0, |(of, _)| of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is due by `until`, in turn; alarms as the digits of who set them.
    fn drain(queue: &mut Queue<char>, until: Real) -> String {
        let mut got = String::new();
        while let Some((_, due)) = queue.pop_until(until) {
            match due {
                Due::Event(event) => got.push(event),
                Due::Alarm(of) => got.push_str(&of.to_string()),
            }
        }
        got
    }

    #[test]
    fn by_time_then_by_order_of_scheduling() {
        let mut queue = Queue::default();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b'), (Real::MAX, 'x')] {
            queue.push(at, event);
        }
        assert_eq!(drain(&mut queue, 5), "abcd");
        assert!(queue.pop_until(Real::MAX).is_none());
    }

    #[test]
    fn an_alarm_rings_once_when_it_was_set_to_last() {
        let mut queue = Queue::default();
        queue.set_alarm(3, 9);
        queue.set_alarm(1, 4);
        queue.push(4, 'a');
        queue.set_alarm(2, 4);
        queue.set_alarm(1, 6);
        queue.set_alarm(3, 5);
        queue.set_alarm(0, 5);
        queue.set_alarm(0, Real::MAX);
        assert_eq!((queue.alarm(0), queue.alarm(3), queue.alarm(77)), (Real::MAX, 5, Real::MAX));
        assert_eq!(drain(&mut queue, 5), "a23");
        assert_eq!(drain(&mut queue, Real::MAX), "1");
    }
}
