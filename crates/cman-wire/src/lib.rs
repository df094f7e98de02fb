//! Datagrams and frames of cman: what is on the wire, and nothing of what it means.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

pub mod frame;

pub use frame::Frame;
