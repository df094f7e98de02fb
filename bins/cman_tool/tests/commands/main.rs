//! The tool against a fake daemon: what it prints, byte for byte, and how it ends.
//!
//! The texts are kept in `tests/texts`. `REWRITE=1 cargo test -p cman_tool` writes them anew, for
//! review as a difference.

#[cfg(test)]
mod acting;
#[cfg(test)]
mod joining;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod report;
#[cfg(test)]
mod support;
#[cfg(test)]
mod usage;
