//! The times that depend on the view.

use crate::limits::{ACK_INTERVAL_MIN, ACK_SPACING};
use core::time::Duration;

/// Times of a view.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Times {
    /// The longest that anything is put off which has to be repeated.
    pub(crate) beat: Duration,
    /// Silence after which a member is dead.
    pub(crate) token: Duration,
    /// Time between two acknowledgements of a member, while nothing is urgent.
    pub(crate) ack_interval: Duration,
    /// Time between two that are. Many members leave the coordinator time for other things.
    pub(crate) ack_spacing: Duration,
}

impl Times {
    pub(crate) fn new(beat: Duration, token: Duration, members: usize) -> Self {
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        let ack_spacing = ACK_SPACING.saturating_mul(members);
        Self { beat, token, ack_interval: ACK_INTERVAL_MIN.max(ack_spacing), ack_spacing }
    }
}
