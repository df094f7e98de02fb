//! `cman_tool report`.

use crate::{
    cli::{Common, Report},
    failure::Failure,
    output,
    render::{self, classic::Widths},
    report::{archive::Archive, redact::redact, system},
};
use cman_client::{
    Error,
    ipc::{EventMessage, StatusReply},
};
use cman_io::regular_file;
use jiff::Timestamp;
use serde::Serialize;
use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

/// Most bytes of the configuration that are taken.
const CONFIG_MAX: u64 = 16 << 20;
/// How long to listen for events: those of the present come at once.
const LISTEN: Duration = Duration::from_millis(300);

/// Gathers everything into one archive. What cannot be had is named in it; the daemon may be
/// dead, for that is when a report is wanted. It counts as failed when there is no status in it.
pub(super) fn run(common: &Common, args: &Report) -> Result<(), Failure> {
    let mut parts = Parts::default();
    let status = parts.daemon(common);
    parts.configuration(&config_file(args, status.as_ref()));
    parts.add("system.txt", system::facts());
    parts.add_list_of_problems();

    let now = Timestamp::now();
    let node = status.as_ref().map_or("unknown", |status| status.node_name.as_str());
    let directory = directory(node, now);
    let path = args.output.clone().unwrap_or_else(|| format!("{directory}.tar.gz").into());
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    write(&path, &directory, seconds, &parts).map_err(|error| refused(&path, &error))?;
    tell(common, &path, &parts.problems)?;
    if status.is_some() { Ok(()) } else { Err(Failure::Told) }
}

/// Where the configuration is: the daemon knows best.
fn config_file(args: &Report, status: Option<&StatusReply>) -> PathBuf {
    status.map_or_else(|| args.config.clone(), |status| status.daemon.config_file.clone().into())
}

/// A name for the archive: letters that a node's name has and a path must not are replaced.
fn directory(node: &str, now: Timestamp) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let node: String = node.chars().map(|c| if safe(c) { c } else { '_' }).collect();
    format!("cman-report-{node}-{}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// What goes into the archive.
#[derive(Debug, Default)]
struct Parts {
    files: Vec<(&'static str, Vec<u8>)>,
    problems: Vec<String>,
}

impl Parts {
    fn add(&mut self, name: &'static str, content: impl Into<Vec<u8>>) {
        self.files.push((name, content.into()));
    }

    fn add_json(&mut self, name: &'static str, object: &impl Serialize) {
        match serde_json::to_vec_pretty(object) {
            Ok(content) => self.add(name, content),
            Err(error) => self.problem(name, &error),
        }
    }

    fn add_lines(&mut self, name: &'static str, events: &[EventMessage]) {
        let lines: String = events.iter().map(render::events::line).collect();
        self.add(name, lines);
    }

    fn add_json_lines(&mut self, name: &'static str, events: &[EventMessage]) {
        let mut lines = Vec::new();
        for event in events {
            if let Err(error) = serde_json::to_writer(&mut lines, &render::json::event(event)) {
                return self.problem(name, &error);
            }
            lines.push(b'\n');
        }
        self.add(name, lines);
    }

    fn problem(&mut self, name: &str, error: &dyn std::fmt::Display) {
        self.problems.push(format!("{name}: {error}"));
    }

    /// What was asked for, or `None` and a problem.
    fn had<T>(&mut self, name: &str, answer: Result<T, Error>) -> Option<T> {
        answer.map_err(|error| self.problem(name, &error)).ok()
    }

    /// Everything the daemon tells.
    fn daemon(&mut self, common: &Common) -> Option<StatusReply> {
        let mut daemon = self.had("daemon", common.connect())?;
        let status = self.had("status", daemon.status());
        if let Some(status) = &status {
            self.add_json("status.json", &render::json::status(status));
            self.add("status.txt", render::classic::status(status) + &render::long::status(status));
        }
        if let Some(nodes) = self.had("nodes", daemon.nodes()) {
            self.add_json("nodes.json", &render::json::nodes(&nodes));
            let widths = Widths::fitting(&nodes);
            self.add("nodes.txt", render::classic::nodes(&nodes, widths, true, true));
        }
        if let Some(version) = self.had("version", daemon.version()) {
            self.add_json("version.json", &render::json::version(&version));
        }
        if let Some(lines) = self.had("logs", daemon.logs()) {
            self.add("log.txt", lines.join("\n") + "\n");
        }
        if let Some(events) = self.had("events", daemon.past_events()) {
            self.add_lines("events.txt", &events);
            self.add_json_lines("events.jsonl", &events);
        }
        if let Some(events) = self.had("present", present(common)) {
            self.add_lines("present.txt", &events);
        }
        let recorder = common.connect_admin().and_then(|mut admin| admin.recorder());
        if let Some(recorder) = self.had("recorder", recorder) {
            self.add("recorder.bin", recorder);
        }
        status
    }

    /// The configuration without its secrets. The key file is never read.
    fn configuration(&mut self, path: &Path) {
        match read_text(path) {
            Ok(text) => self.add("cluster.conf", redact(&text)),
            Err(error) => self.problem(&path.display().to_string(), &error),
        }
    }

    fn add_list_of_problems(&mut self) {
        if !self.problems.is_empty() {
            let list = self.problems.join("\n") + "\n";
            self.add("problems.txt", list);
        }
    }
}

/// What the daemon tells to everybody who begins to listen, and what happens in a moment.
fn present(common: &Common) -> Result<Vec<EventMessage>, Error> {
    let mut stream = common.connect()?.subscribe()?;
    let mut events = Vec::new();
    loop {
        match stream.next_within(Some(LISTEN)) {
            Ok(Some(event)) if events.len() < 1000 => events.push(event),
            Ok(_) | Err(Error::TimedOut { .. }) => return Ok(events),
            Err(error) => return Err(error),
        }
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let bytes = regular_file::read(path, CONFIG_MAX)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes the archive, whole or not at all.
fn write(path: &Path, directory: &str, seconds: u64, parts: &Parts) -> io::Result<()> {
    let mut archive = Archive::create(path, directory, seconds)?;
    let added = parts.files.iter().try_for_each(|(name, content)| archive.add(name, content));
    let written = added.and_then(|()| archive.finish());
    if written.is_err() {
        let _remains = fs::remove_file(path);
    }
    written
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    let sentence = match error.kind() {
        ErrorKind::AlreadyExists => format!("{shown} exists; a report overwrites nothing."),
        _ => format!("Cannot write the report to {shown}: {error}."),
    };
    Failure::failed(sentence, "Name another file with --output.")
}

#[derive(Serialize)]
struct ReportJson<'a> {
    file: &'a Path,
    problems: &'a [String],
}

fn tell(common: &Common, path: &Path, problems: &[String]) -> Result<(), Failure> {
    if common.json {
        return output::json_line(&ReportJson { file: path, problems });
    }
    for problem in problems {
        output::talk(&format!("cman_tool: left out: {problem}"));
    }
    output::text(&format!("{}\n", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leaves_its_directory() {
        let name = directory("../a b/ü", Timestamp::UNIX_EPOCH);
        assert_eq!(name, "cman-report-.._a_b__-19700101T000000Z");
    }
}
