//! Datagrams and frames of cman: what is on the wire, and nothing of what it means.
//!
//! | module | what |
//! |---|---|
//! | [`header`] | the clear header of a datagram |
//! | [`frame`] | what nodes say to each other |
//! | [`codec`] | frames to bytes and back |
//! | [`parts`] | long frames cut into parts, short ones packed together |
//!
//! The layout is described in `docs/spec/wire.md`. Whatever bytes arrive, decoding neither
//! panics nor allocates more than a small multiple of what was received.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod body;
pub mod codec;
pub mod error;
mod field;
pub mod frame;
pub mod header;
mod order_records;
pub mod parts;
mod reader;
#[cfg(test)]
mod tests;

pub use codec::{DATA_HEAD, Decoded, WIRE_VERSION};
pub use error::WireError;
pub use frame::Frame;
pub use header::{HEADER_SIZE, Header, name_hash};
pub use parts::{Assembly, MESSAGE_MAX, Packer, Part};
