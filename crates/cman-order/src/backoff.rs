//! Waiting longer each time.

use cman_types::Instant;
use core::time::Duration;

/// Something that is repeated until it has worked: after a first wait, then after twice as long
/// each time, up to a longest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    /// When next; `None` while there is nothing to repeat.
    due: Option<Instant>,
    /// How often it was repeated since it began.
    tries: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest: longest.max(first), due: None, tries: 0 }
    }

    /// Begins anew: the first time is one first wait from now.
    pub(crate) fn restart(&mut self, now: Instant) {
        (self.due, self.tries) = (Some(now + self.first), 0);
    }

    /// Begins, if it has not.
    pub(crate) fn start(&mut self, now: Instant) {
        self.start_in(now, self.first);
    }

    /// The same, with another wait before the first time.
    pub(crate) fn start_in(&mut self, now: Instant, wait: Duration) {
        if self.due.is_none() {
            (self.due, self.tries) = (Some(now + wait), 0);
        }
    }

    pub(crate) fn stop(&mut self) {
        (self.due, self.tries) = (None, 0);
    }

    /// When the next time is.
    pub(crate) fn due(&self) -> Instant {
        self.due.unwrap_or(Instant::FAR)
    }

    /// How often it was repeated.
    pub(crate) const fn tries(&self) -> u32 {
        self.tries
    }

    /// Whether it is time; then the next wait has begun.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.due() <= now;
        if is_due {
            self.tries = self.tries.saturating_add(1);
            self.due = Some(now + wait_after(self.first, self.longest, self.tries));
        }
        is_due
    }
}

/// How long to wait after something was done `tries` times: twice as long each time.
pub(crate) fn wait_after(first: Duration, longest: Duration, tries: u32) -> Duration {
    first.saturating_mul(1 << tries.min(16)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(2), ms(9));
        assert_eq!(backoff.due(), Instant::FAR);
        backoff.start(Instant::ZERO);
        let mut times = Vec::new();
        for _ in 0..4 {
            let due = backoff.due();
            assert!(!backoff.is_due(due.before(ms(1))) && backoff.is_due(due));
            times.push(due.since(Instant::ZERO).as_millis());
        }
        assert_eq!((times, backoff.tries()), (vec![2, 6, 14, 23], 4));
    }
}
