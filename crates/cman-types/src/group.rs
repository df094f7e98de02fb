//! Groups: named sets of processes that see the same messages in the same order.

use crate::NodeId;
use core::fmt;
use std::sync::Arc;

/// Longest name of a group, in bytes.
pub const GROUP_NAME_MAX: usize = 128;
/// Longest message to a group, in bytes.
pub const GROUP_MESSAGE_MAX: usize = 4 << 20;

/// The name of a group: any bytes, compared as they are. Clones share them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(Arc<[u8]>);

impl GroupName {
    /// A name of these bytes; `None` if they are more than [`GROUP_NAME_MAX`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= GROUP_NAME_MAX).then(|| Self(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

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
pub enum Cause {
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
        assert!(GroupName::new(&[b'x'; GROUP_NAME_MAX]).is_some());
        assert_eq!(GroupName::new(&[b'x'; GROUP_NAME_MAX + 1]), None);
        assert_ne!(GroupName::new(b"x"), GroupName::new(b"x\0"));
        assert_eq!(GroupName::new(b"cpg\0").unwrap().to_string(), "cpg");
        assert_eq!(GroupName::new(b"a\xff\0b").unwrap().to_string(), "a\\xff\\x00b");
    }
}
