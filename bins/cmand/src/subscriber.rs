//! From `tracing` to lines of the log.
//!
//! A subscriber of our own, because all that is wanted is a line for each event: no spans, and
//! nothing that allocates when a message is not logged.

use crate::{debug, log::Log};
use std::fmt::{Debug, Write};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::{SetGlobalDefaultError, set_global_default},
};

/// Sends everything up to `level` to `log`, and the details that it wants, from all threads.
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
        let (level, target) = (*metadata.level(), metadata.target());
        // Libraries speak only when something is wrong: their details are nobody's business here.
        let most = if debug::is_ours(target) { self.level } else { self.level.min(Level::WARN) };
        level <= most || (level <= Level::DEBUG && self.log.details().want(target))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // More is wanted where details are.
        let details = self.log.details().is_any().then_some(Level::DEBUG);
        Some(details.map_or(self.level, |debug| self.level.max(debug)).into())
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
    use cman_ipc::classic::debug;
    use tracing::subscriber::with_default;

    fn heard(level: Level, talk: impl FnOnce(&Log)) -> Vec<String> {
        let log = Log::start().unwrap();
        with_default(Lines { log: log.clone(), level }, || talk(&log));
        log.flush();
        log.recent()
    }

    #[test]
    fn message_first_then_fields_and_nothing_below_the_level() {
        let recent = heard(Level::INFO, |_| {
            tracing::info!(target: "cman_test", node = 3, "heard by multicast");
            tracing::debug!(target: "cman_test", "too small");
            tracing::info!(target: "library", "not ours");
        });
        assert_eq!(recent.len(), 1, "{recent:?}");
        assert!(recent[0].ends_with(" info: heard by multicast node=3"), "{recent:?}");
    }

    #[test]
    fn details_come_and_go_while_the_program_runs() {
        let recent = heard(Level::INFO, |log| {
            for (mask, number) in [(0, 1), (debug::DAEMON, 2), (debug::BARRIER, 3), (0, 4)] {
                log.details().set(mask);
                tracing::debug!(target: "cmand::test", "detail {number}");
            }
        });
        assert_eq!(recent.len(), 1, "{recent:?}");
        assert!(recent[0].ends_with(" debug: detail 2"), "{recent:?}");
    }
}
