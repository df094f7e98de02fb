//! From `tracing` to lines of the log.
//!
//! A subscriber of our own, because all that is wanted is a line for each event: no spans, no
//! filters by module, nothing that allocates when a message is not logged.

use crate::log::Log;
use std::fmt::{Debug, Write};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::{SetGlobalDefaultError, set_global_default},
};

/// Sends everything up to `level` to `log`, from all threads.
///
/// # Errors
/// When it was called before.
pub(crate) fn install(log: Log, level: Level) -> Result<(), SetGlobalDefaultError> {
    set_global_default(Lines { log, level })
}

struct Lines {
    log: Log,
    level: Level,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries speak only when something is wrong: their details are nobody's business here.
        let ours = metadata.target().starts_with("cman");
        *metadata.level() <= if ours { self.level } else { self.level.min(Level::WARN) }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.into())
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.log.line(*event.metadata().level(), line.message + &line.fields);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The message and, behind it, ` name=value` for each field.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _never = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::subscriber::with_default;

    #[test]
    fn message_first_then_fields_and_nothing_below_the_level() {
        let log = Log::start().unwrap();
        let lines = Lines { log: log.clone(), level: Level::INFO };
        with_default(lines, || {
            tracing::info!(target: "cman_test", node = 3, "heard by multicast");
            tracing::debug!(target: "cman_test", "too small");
            tracing::info!(target: "library", "not ours");
        });
        log.flush();
        let recent = log.recent();
        assert_eq!(recent.len(), 1, "{recent:?}");
        assert!(recent[0].ends_with(" info: heard by multicast node=3"), "{recent:?}");
    }
}
