//! The first words of each side. Their layout never changes; fields may be added at the end.

use core::ops::RangeInclusive;
use serde::{Deserialize, Serialize};

/// Protocol versions that this crate speaks.
pub const VERSIONS: RangeInclusive<u16> = 1..=1;

/// The client's first message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Lowest protocol version the client speaks.
    pub lowest: u16,
    /// Highest protocol version the client speaks.
    pub highest: u16,
    /// What the client is, for the daemon's log.
    pub program: String,
}

impl Hello {
    /// The greeting of a client built with this crate.
    #[must_use]
    pub fn from_program(program: &str) -> Self {
        Self { lowest: *VERSIONS.start(), highest: *VERSIONS.end(), program: program.to_owned() }
    }

    /// The highest version that both this client and this crate speak.
    #[must_use]
    pub fn common_version(&self) -> Option<u16> {
        let highest = self.highest.min(*VERSIONS.end());
        (highest >= self.lowest && VERSIONS.contains(&highest)).then_some(highest)
    }
}

/// The daemon's answer to [`Hello`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol version both sides use from now on.
    pub version: u16,
    /// Process id of the daemon.
    pub pid: u32,
    /// Release of the daemon, such as `0.1.0`.
    pub release: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(lowest: u16, highest: u16) -> Hello {
        Hello { lowest, highest, program: String::new() }
    }

    #[test]
    fn the_highest_common_version_is_taken() {
        assert_eq!(hello(1, 1).common_version(), Some(1));
        assert_eq!(hello(0, 9).common_version(), Some(1));
    }

    #[test]
    fn ranges_that_do_not_meet_have_none() {
        assert_eq!(hello(2, 9).common_version(), None);
        assert_eq!(hello(0, 0).common_version(), None);
        assert_eq!(hello(5, 1).common_version(), None);
    }
}
