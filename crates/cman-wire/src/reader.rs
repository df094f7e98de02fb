//! A cursor over received bytes that cannot be led outside of them.

use crate::error::WireError;
use cman_types::limits::NODES_MAX;

/// Reads values from the front of received bytes. Never panics; never believes a length.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    nodes_left: usize,
    in_relay: bool,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        // A range of eight bytes can name thousands of nodes, so what all sets of one frame may
        // hold together is bounded. No honest frame names each node more than a few times.
        Self { rest: bytes, nodes_left: 8 * NODES_MAX, in_relay: false }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, WireError> {
        self.array().map(|[byte]| byte)
    }

    /// The number of items in a list: at most `max`, and no more than the bytes that follow can
    /// hold at `size_min` bytes each. So memory grows with what was received, not with claims.
    pub(crate) fn count(
        &mut self,
        name: &'static str,
        max: usize,
        size_min: usize,
    ) -> Result<usize, WireError> {
        let claimed = u32::from_be_bytes(self.array()?);
        usize::try_from(claimed)
            .ok()
            .filter(|count| *count <= max && *count <= self.rest.len() / size_min.max(1))
            .ok_or(WireError::TooMany(name))
    }

    /// Takes `count` off what the node sets of this frame may still hold.
    pub(crate) fn spend_nodes(&mut self, count: usize) -> Result<(), WireError> {
        self.nodes_left = self.nodes_left.checked_sub(count).ok_or(WireError::TooMany("nodes"))?;
        Ok(())
    }

    /// Enters the frame inside a relay; an error if this already is one.
    pub(crate) fn enter_relay(&mut self) -> Result<(), WireError> {
        if core::mem::replace(&mut self.in_relay, true) {
            return Err(WireError::NestedRelay);
        }
        Ok(())
    }

    pub(crate) fn finish(&self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::Trailing) }
    }
}
