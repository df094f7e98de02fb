//! `cluster.conf`: reading, checking, explaining.
//!
//! [`parse`] turns the text of a `cluster.conf` into a [`Config`], or into a list of **all** the
//! problems it has, each with its place, what was expected and what to write instead. The crate is
//! pure: it opens no file, resolves no name and reads no clock, so the daemon, the tools and the
//! simulator all judge a file alike.
//!
//! | module | what |
//! |---|---|
//! | `config` | the result: [`Config`], [`NodeConfig`], [`Transport`] |
//! | `overrides` | what one node is told instead: [`Overrides`] |
//! | `code`, `diagnostic`, `render` | problems: their codes, their places, their text |
//! | `source` | the bytes of the file, and from an offset to line and column |
//! | `schema` | every element and attribute there is, and what becomes of it |
//! | `unused` | finds what is unknown, historic, or not used yet |
//! | `value` | one attribute: numbers, switches, addresses, with ranges |
//! | `read` | from the tree of elements to a [`Config`] |
//! | `rules` | what must hold between several values |
//! | `suggest` | the nearest known name to a misspelt one |
//! | `template` | writes a minimal valid file |
//!
//! Invariants:
//! 1. A [`Config`] only exists for a file without errors.
//! 2. No input makes this crate panic, recurse, or work longer than in proportion to its size.
//! 3. Nothing taken from the file is printed with control characters in it.
//!
//! ```
//! let text = cman_config::template("alpha", &[(1, "n1"), (2, "n2"), (3, "n3")], None);
//! let parsed = cman_config::parse("cluster.conf", text.as_bytes())?;
//! assert_eq!(parsed.config.cluster_id, 3169);
//! assert_eq!(parsed.config.expected_votes, 3);
//! # Ok::<(), cman_config::Diagnostics>(())
//! ```
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod code;
mod config;
mod diagnostic;
mod overrides;
mod read;
mod render;
mod rules;
mod schema;
mod source;
mod suggest;
mod template;
mod unused;
mod value;

pub use code::{Code, Severity};
pub use config::{
    Config, DEVICE_POLL_DEFAULT, DEVICE_POLL_MAX, NodeConfig, PORT_DEFAULT,
    SHUTDOWN_TIMEOUT_DEFAULT, SHUTDOWN_TIMEOUT_MAX, TOKEN_DEFAULT, TOKEN_MAX, TOKEN_MIN, Transport,
};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use overrides::{OverrideError, Overrides};
pub use source::FILE_SIZE_MAX;
pub use template::template;

use diagnostic::Findings;
use source::Source;

/// A configuration, and what its author should know about the file it came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parsed {
    /// What the file says, complete and consistent.
    pub config: Config,
    /// Warnings and notes, in the order of the file; no errors.
    pub warnings: Diagnostics,
}

/// Reads the bytes of a `cluster.conf`. `file_name` is only used to name the file in messages.
///
/// # Errors
/// All the problems of the file together, in the order of the file, warnings included. Only a file
/// that is not XML at all is reported with the first problem alone: what follows cannot be told.
pub fn parse(file_name: &str, text: &[u8]) -> Result<Parsed, Diagnostics> {
    let source = match Source::new(text) {
        Ok(source) => source,
        Err(problem) => return Err(Diagnostics::of_one(file_name, *problem)),
    };
    let document = match source.document() {
        Ok(document) => document,
        Err(problem) => return Err(Diagnostics::of_one(file_name, *problem)),
    };
    let mut findings = Findings::new(&source);
    let config = read::config(document.root_element(), &mut findings);
    let diagnostics = findings.into_diagnostics(file_name);
    match config {
        Some(config) if !diagnostics.has_errors() => Ok(Parsed { config, warnings: diagnostics }),
        _ => Err(diagnostics),
    }
}
