//! What is being waited for, on stderr, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A spinner with a sentence and the time that has passed; gone when dropped. Silent where nobody
/// looks.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Begins; silent with `--json`.
    pub(crate) fn new(json: bool) -> Self {
        // It draws on stderr, and by itself only if that is a terminal.
        let bar = if json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Says what is being waited for now.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }

    /// Writes a line that stays, above the spinner if there is one.
    pub(crate) fn line(&self, text: &str) {
        self.0.suspend(|| crate::output::talk(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
