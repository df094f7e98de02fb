//! Votes that an administrator changes while the cluster runs.

use cman_types::{Amended, Amendment, Basis, Expected, NodeId};
use core::fmt;

use crate::votes::{Agreed, VoteRules};

/// Most votes of a node, and most that can be expected.
pub const VOTES_MAX: u32 = 2_147_483_647;

/// Why votes are not changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AmendError {
    /// Not from 1 to [`VOTES_MAX`].
    Range(u32),
    /// No such node is configured.
    NotConfigured(NodeId),
    /// The node is not a member of the view.
    NotMember(NodeId),
    /// Quorum would take more votes than are here.
    TooHigh {
        /// How many it would take.
        needed: u32,
        /// How many are here.
        present: u32,
    },
    /// Quorum would take less than half of the votes that are here.
    TooLow {
        /// How many it would take.
        needed: u32,
        /// How many are here.
        present: u32,
    },
    /// The votes of a node count differently for those who may act elsewhere.
    NotQuorate,
    /// The view could be quorate when it was asked for, and cannot any more.
    QuorumLost,
    /// There are nodes whose state must not be merged with ours.
    Disallowed,
    /// The node is in no view.
    NoView,
}

impl fmt::Display for AmendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(votes) => write!(f, "{votes} votes are not from 1 to {VOTES_MAX}"),
            Self::NotConfigured(node) => write!(f, "there is no node {node} in the configuration"),
            Self::NotMember(node) => write!(f, "node {node} is not a member of the cluster now"),
            Self::TooHigh { needed, present } => {
                write!(f, "quorum would take {needed} votes, and {present} are here")
            }
            Self::TooLow { needed, present } => {
                write!(f, "quorum would take {needed} votes, less than half of the {present} here")
            }
            Self::NotQuorate => f.write_str(
                "without quorum no votes of nodes are changed, because others may act by the old \
                 ones",
            ),
            Self::QuorumLost => f.write_str("quorum was lost meanwhile; nothing was changed"),
            Self::Disallowed => {
                f.write_str("there are disallowed nodes: nothing is changed while they are there")
            }
            Self::NoView => f.write_str("this node is in no view yet"),
        }
    }
}

impl core::error::Error for AmendError {}

impl VoteRules {
    /// These rules with what was changed.
    #[must_use]
    pub fn amended(&self, amended: &Amended) -> Self {
        let mut rules = self.clone();
        for (node, votes) in &mut rules.votes {
            if let Some(changed) = amended.votes.get(node) {
                *votes = *changed;
            }
        }
        let total = rules.total();
        rules.expected_votes = match amended.expected {
            Some(Expected { votes, of }) => votes.saturating_add(total.saturating_sub(of)),
            None => self.configured(total),
        };
        rules
    }

    /// What is expected when nobody lowered it, with as many votes in all.
    fn configured(&self, total: u32) -> u32 {
        // Expected votes may be one less than there are, which is as good as long as it is odd.
        if total > self.total() { self.expected_votes.max(total) } else { self.expected_votes }
    }

    /// What is expected of those who may know less than others.
    pub(crate) fn unlowered(&self, amended: &Amended) -> u32 {
        let rules = self.amended(amended);
        rules.expected_votes.max(self.configured(rules.total()))
    }

    /// Whether some node has more votes than the configuration gives it: those who forget that
    /// could be a majority without it.
    #[must_use]
    pub fn raises(&self, amended: &Amended) -> bool {
        amended.votes.iter().any(|(node, votes)| *votes > self.votes_of(*node))
    }

    /// Whether that is so already.
    #[must_use]
    pub fn holds(&self, basis: &Basis, amendment: Amendment) -> bool {
        let rules = self.amended(&basis.amended);
        match amendment {
            Amendment::Votes { node, votes } => rules.votes_of(node) == votes,
            Amendment::Expected { votes } => rules.expected_without(&basis.removed) == votes,
        }
    }

    /// The basis with the amendment in it. What is expected is said without the removed nodes.
    #[must_use]
    pub fn amend(&self, basis: &Basis, amendment: Amendment) -> Basis {
        let mut basis = basis.clone();
        let amended = &mut basis.amended;
        match amendment {
            Amendment::Votes { node, votes } if self.votes_of(node) == votes => {
                amended.votes.remove(&node);
            }
            Amendment::Votes { node, votes } => {
                amended.votes.insert(node, votes);
            }
            Amendment::Expected { votes } => {
                let rules = self.amended(amended);
                let votes = votes.saturating_add(rules.sum(basis.removed.iter()));
                amended.expected = Some(Expected { votes, of: rules.total() });
            }
        }
        amended.highest = 0;
        basis
    }

    /// Whether a view may change its votes in that way. `device`: votes of the quorum
    /// device of the node on which it is asked for.
    ///
    /// # Errors
    /// It may not.
    pub fn may_amend(
        &self,
        agreed: &Agreed,
        amendment: Amendment,
        device: u32,
    ) -> Result<(), AmendError> {
        let (Amendment::Votes { votes, .. } | Amendment::Expected { votes }) = amendment;
        if !(1..=VOTES_MAX).contains(&votes) {
            return Err(AmendError::Range(votes));
        }
        if let Amendment::Votes { node, .. } = amendment {
            if !self.votes.contains_key(&node) {
                return Err(AmendError::NotConfigured(node));
            }
            if !agreed.members.contains(node) {
                return Err(AmendError::NotMember(node));
            }
            if !self.decide(agreed, device).eligible {
                return Err(AmendError::NotQuorate);
            }
        }
        let basis = self.amend(&agreed.basis, amendment);
        let after = self.decide(&Agreed { basis, ..agreed.clone() }, device);
        let (needed, present) = (after.quorum.known, after.present);
        if needed > present {
            Err(AmendError::TooHigh { needed, present })
        } else if needed < present / 2 {
            Err(AmendError::TooLow { needed, present })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
