//! Groups: named sets of processes that see the same messages in the same order.

use crate::NodeId;
use core::{borrow::Borrow, error::Error, fmt};
use std::sync::Arc;

/// Longest message to a group, in bytes.
pub const GROUP_MESSAGE_MAX: usize = 4 << 20;

/// The name of a group: any bytes, up to [`GroupName::SIZE_MAX`] of them. Two names are the same
/// if all bytes are; a name with a zero at its end differs from the one without. Clones share the
/// bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(Arc<[u8]>);

impl GroupName {
    /// The most bytes a name has.
    pub const SIZE_MAX: usize = 128;

    /// A name of these bytes.
    ///
    /// # Errors
    /// [`NameTooLong`] if they are more than [`Self::SIZE_MAX`].
    pub fn new(bytes: &[u8]) -> Result<Self, NameTooLong> {
        if bytes.len() > Self::SIZE_MAX {
            return Err(NameTooLong { size: bytes.len() });
        }
        Ok(Self(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for GroupName {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// A name of a group has too many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameTooLong {
    /// How many bytes it has.
    pub size: usize,
}

impl fmt::Display for NameTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size } = self;
        let max = GroupName::SIZE_MAX;
        write!(f, "the name of the group has {size} bytes, at most {max} are possible")
    }
}

impl Error for NameTooLong {}

/// As text, without the zero byte that programs in C put at the end.
impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.strip_suffix(&[0]).unwrap_or(&self.0);
        write!(f, "{}", text.escape_ascii())
    }
}

impl fmt::Debug for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// A member of groups: a process of a node. The number is what the client says it is, which in a
/// container need not be the one that the node's kernel knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// Where it runs.
    pub node: NodeId,
    /// Its number there.
    pub pid: u32,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.pid)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}", self.node, self.pid)
    }
}

/// Why a process came into a group or went out of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// It joined.
    Join,
    /// It left.
    Leave,
    /// Its node went out of the view.
    NodeDown,
    /// Its node came into the view.
    NodeUp,
    /// It died, or closed its connection without leaving.
    ProcessDown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bytes_up_to_a_length() {
        assert!(GroupName::new(&[b'x'; GroupName::SIZE_MAX]).is_ok());
        assert_eq!(GroupName::new(&[b'x'; 129]), Err(NameTooLong { size: 129 }));
        assert_ne!(GroupName::new(b"x"), GroupName::new(b"x\0"));
        assert_eq!(GroupName::new(b"cpg\0").unwrap().to_string(), "cpg");
        assert_eq!(GroupName::new(b"a\xff\0b").unwrap().to_string(), "a\\xff\\x00b");
    }
}
