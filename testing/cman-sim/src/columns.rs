//! The column log: one line per event, one column per node. `docs/spec/sim-output.md` explains it.

use core::fmt::Write as _;
use std::{
    collections::VecDeque,
    io::{self, Write as _},
};

use cman_node::State;

use crate::{clock::Real, host::Host};

/// Lines that are kept for the end of a failed run.
const LINES_MAX: usize = 60;

/// Nodes that get a column.
const COLUMNS_MAX: usize = 16;

/// Width of a column.
const WIDTH: usize = 9;

/// A column log that keeps its last lines.
#[derive(Debug)]
pub struct Columns {
    on: bool,
    live: bool,
    lines: VecDeque<String>,
    head: String,
}

impl Columns {
    /// A log that is written only if `on`, and printed at once if `live`.
    #[must_use]
    pub fn new(on: bool, live: bool) -> Self {
        Self { on: on || live, live, lines: VecDeque::new(), head: String::new() }
    }

    /// Whether lines are written.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Names the columns.
    pub fn head(&mut self, hosts: &[Host]) {
        let mut head = format!("{:>13}", "time");
        for host in hosts.iter().take(COLUMNS_MAX) {
            _ = write!(head, "  {:<WIDTH$}", format!("{:?}", host.node));
        }
        self.head = head;
        if self.live {
            print_line(&self.head);
        }
    }

    /// Writes a line about a host, or about the world.
    pub fn line(&mut self, now: Real, hosts: &[Host], about: Option<usize>, text: &str) {
        let mut line = format!("{:>13}", crate::violation::seconds(now));
        for (index, host) in hosts.iter().enumerate().take(COLUMNS_MAX) {
            let mark = if about == Some(index) { '*' } else { ' ' };
            _ = write!(line, " {mark}{:<WIDTH$}", cell(host, now));
        }
        _ = write!(line, " {text}");
        if self.live {
            print_line(&line);
            return;
        }
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// The head and the last lines.
    #[must_use]
    pub fn tail(&self) -> Vec<String> {
        core::iter::once(self.head.clone()).chain(self.lines.iter().cloned()).collect()
    }
}

/// Writes a line to standard output. That nobody reads it any more is no error.
pub fn print_line(line: &str) {
    _ = writeln!(io::stdout(), "{line}");
}

/// The state of one host: stall, role, the last digits of the epoch, quorum.
fn cell(host: &Host, now: Real) -> String {
    let Some(life) = &host.life else {
        return if host.claims(now) { "--!".to_owned() } else { "--".to_owned() };
    };
    let status = life.node.status(host.clock.local(now));
    let stalled = if now < host.stalled_until { "Z" } else { "" };
    let role = match status.state {
        State::Joining => 'j',
        State::Left => 'x',
        State::Leaving => 'l',
        State::Member if !status.working => 'f',
        State::Member if host.coordinates() => 'C',
        State::Member => 'm',
    };
    let epoch = status.view.as_ref().map_or(0, |view| view.id.epoch.0 % 100_000);
    let quorum = if host.claims(now) { '!' } else { '.' };
    format!("{stalled}{role}{epoch}{quorum}")
}
