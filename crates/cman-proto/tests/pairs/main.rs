//! Engines in two pairs that meet.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod epochs;
mod merge;
mod world;
