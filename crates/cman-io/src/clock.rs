//! The two clocks of a daemon.
//!
//! Decisions use the boot-time clock: it never steps and goes on while the machine sleeps, so a
//! suspended node wakes up knowing that its lease is over. The wall clock only names things:
//! incarnations and log lines.

use cman_types::Instant;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, on the boot-time clock: nanoseconds since this machine booted, sleep included.
#[must_use]
pub fn now() -> Instant {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Instant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// The wall clock, since 1970; zero on a machine whose clock stands before that.
#[must_use]
pub fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_goes_on() {
        let before = now();
        std::thread::sleep(Duration::from_millis(2));
        assert!(now().since(before) >= Duration::from_millis(2));
    }

    #[test]
    fn wall_clock_is_after_this_was_written() {
        assert!(wall() > Duration::from_secs(1_700_000_000));
    }
}
