//! Logging that never holds anybody up.
//!
//! Whoever logs puts a finished line into a bounded queue; a thread of its own writes the lines,
//! because a pipe, a terminal or a system logger may block for as long as it likes. What finds the
//! queue full is counted and the count is logged. The last lines are kept for `cman_tool report`.

use crate::{debug::Details, wall_time};
use cman_io::clock;
use std::{
    collections::VecDeque,
    io::{self, Write as _},
    os::unix::net::UnixDatagram,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};
use tracing::Level;

/// Lines kept in memory.
const RECENT_MAX: usize = 500;
/// Lines that may wait to be written.
const QUEUE_MAX: usize = 1024;
/// Plenty for formatting one line.
const STACK_BYTES: usize = 128 << 10;
/// How long the end of the program waits for the last lines to be written.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Where lines go. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    queue: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
    recent: Arc<Mutex<VecDeque<String>>>,
    details: Details,
}

#[derive(Debug)]
enum Entry {
    Line {
        at: Duration,
        level: Level,
        text: String,
    },
    /// From now on there is no terminal.
    Detach,
    /// Tell when everything before this is written.
    Flush(SyncSender<()>),
}

impl Log {
    /// Starts the thread. It writes to stderr: for people with the time, for systemd (which adds
    /// the time itself) with the level in its notation.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start() -> io::Result<Self> {
        let (queue, entries) = sync_channel(QUEUE_MAX);
        let (lost, recent, details) = (Arc::default(), Arc::default(), Details::default());
        let log = Self { queue, lost, recent, details };
        let output = if stderr_is_journal() { Output::Journal } else { Output::Terminal };
        let writer = Writer { output, recent: log.recent.clone(), lost: log.lost.clone() };
        thread::Builder::new()
            .name("cman-log".into())
            .stack_size(STACK_BYTES)
            .spawn(move || writer.run(&entries))?;
        Ok(log)
    }

    /// Logs a line, or counts it as lost. Never blocks.
    pub(crate) fn line(&self, level: Level, text: String) {
        let at = clock::wall();
        if self.queue.try_send(Entry::Line { at, level, text }).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// From now on lines go to the system's logger instead of a terminal.
    pub(crate) fn detach(&self) {
        // Fails only when the writer is gone, and then there is nobody to tell.
        let _gone = self.queue.send(Entry::Detach);
    }

    /// The parts of the daemon whose details are wanted.
    pub(crate) const fn details(&self) -> &Details {
        &self.details
    }

    /// The last lines, oldest first.
    pub(crate) fn recent(&self) -> Vec<String> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Waits until all lines so far are written, at most a second.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Entry::Flush(done)).is_ok() {
            // A reader that does not read must not keep the program from ending.
            let _late = written.recv_timeout(FLUSH_LIMIT);
        }
    }
}

struct Writer {
    output: Output,
    recent: Arc<Mutex<VecDeque<String>>>,
    lost: Arc<AtomicU64>,
}

enum Output {
    Terminal,
    Journal,
    Syslog(UnixDatagram),
    Nowhere,
}

impl Writer {
    fn run(mut self, entries: &Receiver<Entry>) {
        while let Ok(entry) = entries.recv() {
            match entry {
                Entry::Line { at, level, text } => {
                    self.report_lost();
                    self.write(at, level, &text);
                }
                Entry::Detach => self.output = Output::system_logger(),
                // Whoever asked may have given up.
                Entry::Flush(done) => drop(done.send(())),
            }
        }
    }

    fn report_lost(&mut self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let text = format!("{lost} log lines were lost: the log is too slow");
            self.write(clock::wall(), Level::WARN, &text);
        }
    }

    fn write(&mut self, at: Duration, level: Level, text: &str) {
        let time = wall_time::format(at);
        let stamped = format!("{time} {}: {text}", level_name(level));
        self.output.write(level, text, &stamped);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(stamped);
    }
}

impl Output {
    /// The system's logger, if there is one.
    fn system_logger() -> Self {
        let connect = || {
            let socket = UnixDatagram::unbound()?;
            socket.connect("/dev/log")?;
            io::Result::Ok(socket)
        };
        connect().map_or(Self::Nowhere, Self::Syslog)
    }

    /// Errors are dropped: there is nowhere left to report them.
    fn write(&self, level: Level, text: &str, stamped: &str) {
        let priority = priority(level);
        match self {
            Self::Terminal => drop(writeln!(io::stderr(), "{stamped}")),
            Self::Journal => {
                for line in text.lines() {
                    let _dropped = writeln!(io::stderr(), "<{priority}>{line}");
                }
            }
            Self::Syslog(socket) => {
                // Facility "daemon" is 3, in the bits above the priority.
                let head = format!("<{}>cmand[{}]: ", 3 << 3 | priority, std::process::id());
                for line in text.lines() {
                    let _dropped = socket.send(format!("{head}{line}").as_bytes());
                }
            }
            Self::Nowhere => {}
        }
    }
}

/// Says something on stderr where there is no log. It gets lost where that is full or gone.
pub(crate) fn last_words(text: &str) {
    let _lost = writeln!(io::stderr().lock(), "cmand: {text}");
}

/// Whether stderr is what systemd made it: the variable alone is inherited by everything.
fn stderr_is_journal() -> bool {
    let journal = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stat| journal == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// As sd-daemon(3) and syslog(3) number them.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        _ => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_in_order() {
        let recent = Arc::default();
        let mut writer =
            Writer { output: Output::Nowhere, recent: Arc::clone(&recent), lost: Arc::default() };
        for number in 0..RECENT_MAX + 2 {
            writer.write(Duration::ZERO, Level::INFO, &format!("line {number}"));
        }
        let recent = recent.lock().unwrap();
        assert_eq!(recent.len(), RECENT_MAX);
        assert!(recent.front().unwrap().ends_with(" info: line 2"));
        assert!(recent.back().unwrap().ends_with(" info: line 501"));
    }

    #[test]
    fn a_full_queue_loses_lines_and_says_so() {
        let (queue, entries) = sync_channel(1);
        let (lost, recent, details) = (Arc::default(), Arc::default(), Details::default());
        let log = Log { queue, lost, recent, details };
        for number in 0..3 {
            log.line(Level::INFO, format!("line {number}"));
        }
        let (recent, lost) = (log.recent.clone(), log.lost.clone());
        drop(log.queue);
        Writer { output: Output::Nowhere, recent: recent.clone(), lost }.run(&entries);
        let recent = recent.lock().unwrap();
        assert!(recent[0].ends_with("2 log lines were lost: the log is too slow"));
        assert!(recent[1].ends_with("line 0"));
    }
}
