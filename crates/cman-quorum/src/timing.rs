//! The timers that follow from the token, and the inequality that the lease rests on.

use core::time::Duration;

/// Timers, all derived from the token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timing {
    /// T: silence after which a node is declared dead. 200 ms to 300 s.
    pub token: Duration,
    /// B: time between beats, T/12: nine beats fit in a lease, so that losing several in a row
    /// costs nothing.
    pub beat: Duration,
    /// L: how long a grant lasts, 3/4 T: over before the silent can be replaced.
    pub lease: Duration,
    /// rho: bound on the error of a clock's rate, in parts per million.
    pub clock_error_ppm: u32,
    /// S: stall between a check of the lease and its effect that the inequality leaves room for.
    pub stall_bound: Duration,
}

impl Timing {
    /// Bound on clock rates that the protocol is built for: 1 %.
    pub const CLOCK_ERROR_PPM: u32 = 10_000;

    /// The timers for a token.
    #[must_use]
    pub fn new(token: Duration) -> Self {
        Self {
            token,
            beat: token / 12,
            lease: token * 3 / 4,
            clock_error_ppm: Self::CLOCK_ERROR_PPM,
            stall_bound: token / 5,
        }
    }

    /// Whether L/(1 - rho) + S < T/(1 + rho): a lease is over, and what was checked under it has
    /// taken effect, before silence can lead to a view without its holder.
    #[must_use]
    pub fn inequality_holds(&self) -> bool {
        let ppm = u128::from(self.clock_error_ppm);
        let million = 1_000_000u128;
        let lease = self.lease.as_nanos() * million / (million - ppm);
        let token = self.token.as_nanos() * million / (million + ppm);
        lease + self.stall_bound.as_nanos() < token
    }

    /// A span told by one clock, shortened so that it is over on any other clock in time:
    /// `span` (1 - rho) / (1 + rho).
    #[must_use]
    pub fn shortened(&self, span: Duration) -> Duration {
        let ppm = self.clock_error_ppm;
        span * (1_000_000 - ppm) / (1_000_000 + ppm)
    }

    /// A share of the token in hundredths.
    #[must_use]
    pub fn share(&self, hundredths: u32) -> Duration {
        self.token * hundredths / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inequality_holds_for_every_token() {
        for ms in [200, 1000, 2000, 10_000, 300_000] {
            assert!(Timing::new(Duration::from_millis(ms)).inequality_holds(), "{ms}");
        }
    }

    #[test]
    fn a_longer_lease_would_break_it() {
        let mut timing = Timing::new(Duration::from_secs(2));
        timing.lease = timing.token * 4 / 5;
        assert!(!timing.inequality_holds());
    }
}
