//! A node's own clock: it runs at its own rate and from its own origin.

use cman_types::Instant;
use core::time::Duration;

/// Ticks of a perfect clock in a million nanoseconds.
pub const PERFECT: u64 = 1_000_000;

/// How far a clock's rate may be off, in millionths: rho of the protocol, about 1 %.
pub const ERROR_MAX: u64 = 10_000;

/// Simulated real time in nanoseconds since the world began.
pub type Real = u64;

/// Nanoseconds of a duration; the world does not last 584 years.
#[must_use]
pub fn nanos(duration: Duration) -> Real {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A monotonic clock that gains or loses at a constant rate.
#[derive(Clone, Debug)]
pub struct Clock {
    anchor_real: Real,
    anchor_local: u64,
    /// Ticks in a million nanoseconds of real time.
    rate: u64,
}

impl Clock {
    /// A clock that shows `offset` when the world begins and ticks `rate` times in a million
    /// nanoseconds.
    #[must_use]
    pub fn new(offset: u64, rate: u64) -> Self {
        Self { anchor_real: 0, anchor_local: offset, rate }
    }

    /// What the clock shows at `real`.
    #[must_use]
    pub fn local(&self, real: Real) -> Instant {
        let elapsed = u128::from(real.saturating_sub(self.anchor_real));
        let ticks = elapsed * u128::from(self.rate) / u128::from(PERFECT);
        let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
        Instant::from_nanos(self.anchor_local.saturating_add(ticks))
    }

    /// The first instant of real time at which the clock shows at least `local`; the end of time
    /// for [`Instant::FAR`].
    #[must_use]
    pub fn real_at(&self, local: Instant) -> Real {
        let ticks = u128::from(local.as_nanos().saturating_sub(self.anchor_local));
        let elapsed = (ticks * u128::from(PERFECT)).div_ceil(u128::from(self.rate));
        u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_add(self.anchor_real)
    }

    /// From `real` on the clock ticks at another rate.
    pub fn set_rate(&mut self, real: Real, rate: u64) {
        self.anchor_local = self.local(real).as_nanos();
        self.anchor_real = real;
        self.rate = rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree() {
        for rate in [PERFECT - ERROR_MAX, PERFECT, PERFECT + ERROR_MAX] {
            let mut clock = Clock::new(77, rate);
            clock.set_rate(5_000, rate);
            for real in [5_000, 5_001, 123_456_789, 7_000_000_000_000] {
                let shown = clock.local(real);
                let back = clock.real_at(shown);
                assert!(back <= real && clock.local(back) == shown, "{rate} {real} {back}");
            }
        }
    }

    #[test]
    fn a_change_of_rate_does_not_jump() {
        let mut clock = Clock::new(0, PERFECT);
        let before = clock.local(1_000_000);
        clock.set_rate(1_000_000, PERFECT + ERROR_MAX);
        assert_eq!(clock.local(1_000_000), before);
        assert_eq!(clock.local(2_000_000).since(before), Duration::from_nanos(1_010_000));
    }

    #[test]
    fn the_end_of_time_is_never_reached() {
        assert_eq!(Clock::new(0, PERFECT - ERROR_MAX).real_at(Instant::FAR), u64::MAX);
    }
}
