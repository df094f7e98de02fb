//! How the tool ends.
//!
//! | code | when |
//! |---|---|
//! | 0 | done |
//! | 1 | refused, failed, or wrong usage |
//! | 2 | timed out, and nothing else |

use std::process::ExitCode;

/// How the tool ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// 0
    Done,
    /// 1
    Failed,
    /// 2
    TimedOut,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::TimedOut => Self::from(2),
        }
    }
}
