//! Complaining in moderation: what goes wrong a thousand times a second is said every ten seconds.

use cman_types::Instant;
use std::time::Duration;

/// The least time between two complaints of one kind.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// Complaints of one kind.
#[derive(Debug, Default)]
pub(crate) struct Moderation {
    complained_at: Option<Instant>,
    /// Reasons to complain since the last complaint.
    count: u64,
}

impl Moderation {
    /// Something went wrong at `now`: logs `what` if that is due, with how often it happened.
    pub(crate) fn complain(&mut self, now: Instant, what: impl FnOnce() -> String) {
        if let Some(count) = self.count_if_due(now) {
            match count {
                1 => tracing::warn!("{}", what()),
                count => tracing::warn!("{} ({count} times since the last report)", what()),
            }
        }
    }

    fn count_if_due(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.complained_at.is_some_and(|last| now.since(last) < COMPLAIN_EVERY) {
            return None;
        }
        self.complained_at = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_once_and_then_every_ten_seconds() {
        let mut moderation = Moderation::default();
        let mut at =
            |seconds: u64| moderation.count_if_due(Instant::ZERO + Duration::from_secs(seconds));
        assert_eq!((at(1), at(2), at(10)), (Some(1), None, None));
        assert_eq!((at(11), at(12), at(30)), (Some(3), None, Some(2)));
    }
}
