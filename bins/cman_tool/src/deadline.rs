//! Until when to wait.

use std::time::{Duration, Instant};

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

    /// Whether it is over.
    pub(crate) fn has_passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// Sleeps for `span`, but not beyond the end.
    pub(crate) fn sleep(self, span: Duration) {
        std::thread::sleep(self.left().map_or(span, |left| left.min(span)));
    }
}
