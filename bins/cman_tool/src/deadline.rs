//! Until when to wait.

use cman_client::connection::PATIENCE;
use std::time::{Duration, Instant};

/// How long the last answer may take, after the time for waiting is over.
const LAST_PATIENCE: Duration = Duration::from_millis(500);

/// The end of the time given with `-t`, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// So many seconds from now; without a number, or with 0, never.
    pub(crate) fn after(seconds: Option<u64>) -> Self {
        let span = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Self(span.and_then(|span| Instant::now().checked_add(span)))
    }

    /// The time left; `None` if there is no end.
    pub(crate) fn left(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// How long the daemon may take for an answer: when time is over, still long enough for one
    /// that is not stuck.
    pub(crate) fn patience(self) -> Duration {
        self.left().map_or(PATIENCE, |left| left.clamp(LAST_PATIENCE, PATIENCE))
    }

    /// The same for an answer that takes its time: without an end for ever.
    pub(crate) fn long_patience(self) -> Option<Duration> {
        self.left().map(|left| left.max(LAST_PATIENCE))
    }

    /// Whether it is over.
    pub(crate) fn has_passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// Sleeps for `span`, but not beyond the end.
    pub(crate) fn sleep(self, span: Duration) {
        std::thread::sleep(self.left().map_or(span, |left| left.min(span)));
    }
}
