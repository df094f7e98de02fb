//! Why bytes were refused.

use core::fmt;

/// Why bytes from the network are not a datagram, a frame or a part.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WireError {
    /// It does not begin as a datagram of this protocol does.
    NoMagic,
    /// The header has a version that this program does not know.
    HeaderVersion(u8),
    /// It ends before the value that must come next.
    Truncated,
    /// Bytes are left over after the last value.
    Trailing,
    /// A value that its type does not have; the field is named.
    Value(&'static str),
    /// A list longer than its limit, or longer than the bytes that follow could hold.
    TooMany(&'static str),
    /// A list that must ascend does not.
    Unsorted(&'static str),
    /// A relay within a relay.
    NestedRelay,
    /// A kind of frame that this program does not know: skipped, not an error of the sender.
    UnknownKind(u8),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMagic => write!(f, "not a cman datagram"),
            Self::HeaderVersion(version) => write!(f, "unknown header version {version}"),
            Self::Truncated => write!(f, "ends too early"),
            Self::Trailing => write!(f, "bytes left over after the last value"),
            Self::Value(field) => write!(f, "impossible value of {field}"),
            Self::TooMany(list) => write!(f, "too many {list}"),
            Self::Unsorted(list) => write!(f, "{list} out of order"),
            Self::NestedRelay => write!(f, "a relay within a relay"),
            Self::UnknownKind(kind) => write!(f, "unknown kind of frame {kind}"),
        }
    }
}

impl core::error::Error for WireError {}
