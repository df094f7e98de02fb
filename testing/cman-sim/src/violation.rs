//! A broken invariant.

use cman_types::NodeId;
use core::fmt;

use crate::clock::Real;

/// A broken invariant: what, when, who.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// When it was noticed.
    pub at: Real,
    /// Which nodes are concerned.
    pub nodes: Vec<NodeId>,
    /// What was seen.
    pub what: String,
}

impl Violation {
    /// A violation that is noticed now; the world adds the time.
    #[must_use]
    pub fn new(invariant: &'static str, nodes: &[NodeId], what: String) -> Self {
        Self { invariant, at: 0, nodes: nodes.to_vec(), what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.invariant, seconds(self.at))?;
        for node in &self.nodes {
            write!(f, " {node:?}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// The outcome of a check.
pub type Check = Result<(), Violation>;

/// Simulated time for people: seconds with six digits.
#[must_use]
pub fn seconds(at: Real) -> String {
    format!("{}.{:06} s", at / 1_000_000_000, at / 1_000 % 1_000_000)
}
