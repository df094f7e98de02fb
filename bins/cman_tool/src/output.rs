//! Standard output: data only. A reader that goes away is no error.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{self, ErrorKind, Write};

/// Prints text as it is, and flushes.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(failed)
}

/// Prints one JSON object on one line, and flushes.
pub(crate) fn json_line(object: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_string(object).map_err(|error| failed(error.into()))?;
    line.push('\n');
    text(&line)
}

fn failed(error: io::Error) -> Failure {
    if error.kind() == ErrorKind::BrokenPipe {
        Failure::PipeClosed
    } else {
        Failure::failed(format!("Cannot write to standard output: {error}."), "")
    }
}
