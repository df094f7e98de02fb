//! When a member tells the coordinator what it holds. R-54o.

use crate::{backoff::Backoff, limits::WINDOW_BYTES, times::Times};
use cman_types::Instant;
use core::time::Duration;

/// A member's acknowledgements.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Acks {
    /// How long one may be put off: the members of a view do not all speak at once.
    delay: Duration,
    /// Least time between two.
    spacing: Duration,
    /// What was acknowledged, and when.
    told: u64,
    told_at: Option<Instant>,
    /// Since when there is more.
    since: Option<Instant>,
    /// Bytes that came since.
    bytes: usize,
    /// Repeats the last one until all is known to be stable.
    repeat: Backoff,
    due: Instant,
}

impl Acks {
    pub(crate) fn new(me: u16, members: usize, times: Times) -> Self {
        let members = u32::try_from(members).unwrap_or(u32::MAX).max(1);
        let half = times.ack_interval / 2;
        Self {
            delay: half + half * u32::from(me) / members,
            spacing: times.ack_spacing,
            told: 0,
            told_at: None,
            since: None,
            bytes: 0,
            repeat: Backoff::new(times.ack_interval * 2, times.beat),
            due: Instant::FAR,
        }
    }

    /// A unit came.
    pub(crate) fn came(&mut self, size: usize) {
        self.bytes += size;
    }

    /// How often the last one was repeated in vain.
    pub(crate) const fn repeated(&self) -> u32 {
        self.repeat.tries()
    }

    /// Takes in how far this member is. `urgent`: up to here there is something that waits for all
    /// to hold it.
    pub(crate) fn update(&mut self, now: Instant, held: u64, stable: u64, urgent: Option<u64>) {
        self.due = if held > self.told {
            let since = *self.since.get_or_insert(now);
            let is_urgent = urgent.is_some_and(|urgent| self.told < urgent && urgent <= held);
            if is_urgent || self.bytes >= WINDOW_BYTES / 4 {
                self.told_at.map_or(now, |at| at + self.spacing).min(since + self.delay)
            } else {
                since + self.delay
            }
        } else if held > stable {
            self.repeat.start(now);
            self.repeat.due()
        } else {
            self.repeat.stop();
            Instant::FAR
        };
    }

    /// When the next one is due.
    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// One is sent.
    pub(crate) fn sent(&mut self, now: Instant, held: u64) {
        if held > self.told {
            self.repeat.restart(now);
        } else {
            self.repeat.is_due(now);
        }
        (self.told, self.told_at, self.since, self.bytes) = (held, Some(now), None, 0);
        self.due = Instant::FAR;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn acks() -> Acks {
        Acks::new(1, 4, Times::new(100 * MS, 1200 * MS, 4))
    }

    fn due_ms(acks: &Acks) -> u128 {
        acks.due().since(Instant::ZERO).as_micros()
    }

    /// R-54o: put off a little under load, at once after a quarter of the window.
    #[test]
    fn put_off_but_not_for_long() {
        let mut acks = acks();
        acks.update(Instant::ZERO, 5, 0, None);
        assert_eq!(due_ms(&acks), 1250);
        acks.update(Instant::ZERO + MS, 9, 0, None);
        assert_eq!(due_ms(&acks), 1250);
        acks.came(WINDOW_BYTES / 4);
        acks.update(Instant::ZERO + MS, 9, 0, None);
        assert_eq!(acks.due(), Instant::ZERO + MS);
    }

    #[test]
    fn what_is_safe_is_urgent_but_not_twice() {
        let mut acks = acks();
        acks.update(Instant::ZERO, 5, 0, Some(5));
        assert_eq!(acks.due(), Instant::ZERO);
        acks.sent(Instant::ZERO, 5);
        acks.update(Instant::ZERO, 6, 0, Some(5));
        assert_eq!(due_ms(&acks), 1250);
        acks.update(Instant::ZERO, 6, 0, Some(6));
        assert_eq!(due_ms(&acks), 200);
    }

    #[test]
    fn repeated_until_all_is_stable() {
        let mut acks = acks();
        acks.sent(Instant::ZERO, 5);
        let mut times = Vec::new();
        for _ in 0..3 {
            acks.update(acks.due().min(Instant::ZERO), 5, 4, None);
            times.push(due_ms(&acks) / 1000);
            acks.sent(acks.due(), 5);
        }
        assert_eq!((times, acks.repeated()), (vec![4, 12, 28], 3));
        acks.update(Instant::ZERO, 5, 5, None);
        assert_eq!((acks.due(), acks.repeated()), (Instant::FAR, 0));
    }
}
