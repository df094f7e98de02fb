//! When and where a message was sent, at the front of the message: the machine's monotonic clock,
//! and what tells that clock from those of other machines.

use rustix::time::{ClockId, clock_gettime};
use std::{fs, time::Duration};

/// Bytes that a stamp takes. Shorter messages have none.
pub(crate) const STAMP_BYTES: usize = 16;

/// One machine's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Made of the machine's boot id: equal only where the clock is the same.
    boot: u64,
}

impl Clock {
    /// This machine's.
    pub(crate) fn here() -> Self {
        let id = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self { boot: crate::order_hash::of_bytes(&id) }
    }

    /// Writes a stamp, if there is room for it.
    pub(crate) fn stamp(self, message: &mut [u8]) {
        let Some((stamp, _)) = message.split_first_chunk_mut::<STAMP_BYTES>() else { return };
        let (time, boot) = stamp.split_at_mut(8);
        time.copy_from_slice(&now().to_le_bytes());
        boot.copy_from_slice(&self.boot.to_le_bytes());
    }

    /// How long ago a message was sent, if it was sent on this machine and says so.
    pub(crate) fn age(self, message: &[u8]) -> Option<Duration> {
        let (time, rest) = message.split_first_chunk()?;
        let (boot, _) = rest.split_first_chunk()?;
        let sent = u64::from_le_bytes(*time);
        let here = u64::from_le_bytes(*boot) == self.boot;
        here.then(|| now().checked_sub(sent).map(Duration::from_nanos))?
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_known_on_the_same_machine_only() {
        let (here, elsewhere) = (Clock { boot: 1 }, Clock { boot: 2 });
        let mut message = [0; 20];
        here.stamp(&mut message);
        assert!(here.age(&message).is_some_and(|age| age < Duration::from_secs(10)));
        assert_eq!(elsewhere.age(&message), None);
        assert_eq!(here.age(&message[..15]), None);
        let mut short = [7; 15];
        here.stamp(&mut short);
        assert_eq!(short, [7; 15]);
    }
}
