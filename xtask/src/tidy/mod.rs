//! Rules of the house that no compiler checks.
//!
//! | module | rules about |
//! |---|---|
//! | [`dependencies`] | which crate may use which |
//! | [`sources`] | lengths, words and openings of source files |
//! | [`documents`] | links between documents |
//!
//! And those of [`crate::spec`]: what is cited is specified, and what is specified is cited.

mod dependencies;
mod documents;
mod sources;

use crate::{repository, spec, tally::Tally};
use anyhow::{Context, Result, bail};
use std::{fmt, fs};

/// Crates that decide, and so do no I/O: neither their sources nor what they are built with.
const LOGIC: &[&str] = &[
    "cman-types",
    "cman-wire",
    "cman-order",
    "cman-quorum",
    "cman-services",
    "cman-proto",
    "cman-node",
    "cman-config",
];

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, relative to the root of the repository.
    pub(crate) file: String,
    /// The line, from 1; `None` if it is about the whole file.
    pub(crate) line: Option<usize>,
    /// What is wrong and what to do instead.
    pub(crate) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Checks everything and prints what is wrong.
pub(crate) fn run() -> Result<()> {
    tally().map(drop)
}

/// The same, counted as one check.
pub(crate) fn tally() -> Result<Tally> {
    let findings = findings()?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(Tally { passed: 1, failed: 0 }),
        1 => bail!("1 rule is broken"),
        many => bail!("{many} rules are broken"),
    }
}

fn findings() -> Result<Vec<Finding>> {
    let mut findings = dependencies::check()?;
    findings.extend(spec::check()?);
    let files = repository::files()?;
    for file in &files {
        let name = file.to_string_lossy();
        let path = repository::root().join(file);
        let read = || fs::read_to_string(&path).with_context(|| format!("cannot read {name}"));
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => findings.extend(sources::check(&name, &read()?)),
            Some("md") => findings.extend(documents::check(&name, &read()?)),
            _ => {}
        }
    }
    Ok(findings)
}
