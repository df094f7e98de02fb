//! What is being waited for, on stderr, if that is a terminal.

use indicatif::ProgressBar;
use std::time::Duration;

/// A spinner with a sentence; gone when dropped. Silent where nobody looks.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Begins; silent with `--json`.
    pub(crate) fn new(json: bool) -> Self {
        // It draws on stderr, and by itself only if that is a terminal.
        let bar = if json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Says what is being waited for now.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
