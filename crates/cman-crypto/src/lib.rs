//! Sealing of datagrams. Knows nothing of what they mean.
//!
//! | module | what |
//! |---|---|
//! | [`key`] | the cluster's key and its file |
//! | `aead` | encryption, on by default (feature `aws-lc`) |
//! | [`plain`] | `encryption off`: a checksum and the cluster's identity |
//! | [`replay`] | which counters of a sender were seen already |
//!
//! Keys never appear in `Debug` output or errors, and are wiped when dropped.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

#[cfg(feature = "aws-lc")]
pub mod aead;
pub mod key;
pub mod plain;
pub mod replay;
#[cfg(test)]
mod tests;

#[cfg(feature = "aws-lc")]
pub use aead::Aead;
pub use key::{ClusterKey, KeyError};
pub use plain::Plain;
pub use replay::ReplayWindow;

use cman_types::MemberId;
use core::fmt::Debug;

/// Most bytes that sealing adds to what is sealed.
pub const SEAL_MAX: usize = 16;

/// Makes the keys of senders from the cluster's key. Injected into the node, so that the core
/// does not depend on any implementation of cryptography.
pub trait Cipher: Send + Debug {
    /// The key that one life of one node seals its datagrams with, on one lane (0 control, 1
    /// data).
    fn derive(&self, sender: &MemberId, lane: u8) -> Box<dyn Seal>;

    /// Whether datagrams are encrypted; if not they carry a checksum only.
    fn is_encrypted(&self) -> bool;

    /// Names the key in the clear header, so that rotation can tell keys apart.
    fn key_id(&self) -> u8;
}

/// One sender's key on one lane.
pub trait Seal: Send + Debug {
    /// Appends the sealed form of `plain` to `out`, authenticating `clear` with it. It is at
    /// most [`SEAL_MAX`] bytes longer than `plain`. `counter` is the nonce: the caller never
    /// uses one twice.
    fn seal(&self, counter: u64, clear: &[u8], plain: &[u8], out: &mut Vec<u8>);

    /// Opens `sealed` in place; the opened part, or `None` if it was not sealed with this key,
    /// counter and clear header.
    fn open<'a>(&self, counter: u64, clear: &[u8], sealed: &'a mut [u8]) -> Option<&'a [u8]>;
}
