//! Barriers: named places where nodes wait for each other.

use core::{error::Error, fmt};
use std::sync::Arc;

/// The name of a barrier: any bytes, from one up to [`BarrierName::SIZE_MAX`] of them. Clones
/// share the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BarrierName(Arc<[u8]>);

impl BarrierName {
    /// The most bytes a name has.
    pub const SIZE_MAX: usize = 32;

    /// A name of these bytes.
    ///
    /// # Errors
    /// [`BadBarrierName`] if there are none, or more than [`Self::SIZE_MAX`].
    pub fn new(bytes: &[u8]) -> Result<Self, BadBarrierName> {
        if (1..=Self::SIZE_MAX).contains(&bytes.len()) {
            Ok(Self(bytes.into()))
        } else {
            Err(BadBarrierName { size: bytes.len() })
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The name of a barrier is empty or has too many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadBarrierName {
    /// How many bytes it has.
    pub size: usize,
}

impl fmt::Display for BadBarrierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = BarrierName::SIZE_MAX;
        write!(f, "the name of the barrier has {} bytes, 1 to {max} are possible", self.size)
    }
}

impl Error for BadBarrierName {}

impl fmt::Display for BarrierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for BarrierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_to_thirty_two_bytes() {
        assert_eq!(BarrierName::new(b""), Err(BadBarrierName { size: 0 }));
        assert!(BarrierName::new(&[b'x'; 32]).is_ok());
        assert_eq!(BarrierName::new(&[b'x'; 33]), Err(BadBarrierName { size: 33 }));
    }
}
