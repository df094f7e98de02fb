//! `cman-sim replay`: what a replay found, for people and for programs.

use super::{Stop, Summary, replay, show};
use crate::columns::print_line;
use cman_record::Reader;
use cman_types::Instant;
use serde_json::json;
use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

/// Replays the recording in a file and prints what came of it. True if all outputs were equal.
///
/// # Errors
/// The file cannot be opened.
pub fn report(path: &Path, json: bool) -> Result<bool, String> {
    let (summary, result) = replay(open(path)?);
    if json {
        print_line(&as_json(path, &summary, &result).to_string());
        return Ok(result.is_ok());
    }
    if let Err(stop) = &result {
        print_line(&stop.to_string());
    }
    print_line(&as_text(&summary, result.is_ok()));
    Ok(result.is_ok())
}

/// Prints each record of the recording in a file, with its number and its time since the first.
///
/// # Errors
/// The file cannot be opened, or not be read to its end.
pub fn list(path: &Path) -> Result<bool, String> {
    let mut reader = Reader::new(open(path)?).map_err(|error| error.to_string())?;
    let mut first = None;
    while let Some(entry) = reader.next().map_err(|error| error.to_string())? {
        let since = entry.at.since(*first.get_or_insert(entry.at));
        let at = show::time(Instant::ZERO + since);
        print_line(&format!("{:>8} {at:>16}  {}", entry.number, show::record(&entry.record)));
    }
    Ok(true)
}

fn open(path: &Path) -> Result<impl Read, String> {
    let file = File::open(path);
    file.map(BufReader::new).map_err(|error| format!("cannot open {}: {error}", path.display()))
}

fn as_text(summary: &Summary, equal: bool) -> String {
    let Summary { release, cluster, node, outputs, records, inputs, compared, span_ns, ended } =
        summary;
    if release.is_empty() {
        return "nothing was replayed".to_owned();
    }
    let span = show::time(Instant::from_nanos(*span_ns));
    let end = if *ended || !equal {
        ""
    } else {
        "; the recording ends without the end of the daemon: it was killed, or went on"
    };
    let found = match (equal, *outputs) {
        (_, false) => "no outputs are recorded, so nothing was compared".to_owned(),
        (true, true) => format!("{compared} outputs compared, all equal"),
        (false, true) => format!("{compared} outputs were equal before"),
    };
    format!(
        "node {node} of cluster {cluster}, recorded by release {release}: {records} records over \
         {span}, {inputs} inputs replayed, {found}{end}"
    )
}

fn as_json(path: &Path, summary: &Summary, result: &Result<(), Stop>) -> serde_json::Value {
    let difference = match result {
        Err(Stop::Differs(difference)) => json!({
            "record": difference.record,
            "at_ns": difference.at.as_nanos(),
            "expected": difference.expected,
            "came": difference.came,
        }),
        _ => json!(null),
    };
    json!({
        "file": path.display().to_string(),
        "cluster": summary.cluster,
        "node": summary.node,
        "release": summary.release,
        "records": summary.records,
        "inputs": summary.inputs,
        "outputs_recorded": summary.outputs,
        "compared": summary.compared,
        "span_ns": summary.span_ns,
        "ended": summary.ended,
        "equal": result.is_ok(),
        "difference": difference,
        "error": result.as_ref().err().map(ToString::to_string),
    })
}
