//! Votes and the quorum lease.
//!
//! * [`amend`]: votes that an administrator changes while the cluster runs.
//! * [`device`]: the quorum device of a node.
//! * [`votes`]: a pure function from (rules, members, basis) to what a view needs.
//! * [`lease`]: who promised what to whom, and until when a node may act.
//!
//! A node is quorate while its view is eligible ([`votes::ViewVotes::eligible`]) *and* its lease
//! runs ([`lease::MemberLease::end`]). Never does any I/O; time is handed in.
#![forbid(unsafe_code)]

pub mod amend;
pub mod device;
pub mod lease;
pub mod timing;
pub mod votes;

pub use amend::AmendError;
pub use device::{DeviceError, DeviceWatch};
pub use lease::{HubBook, MemberLease};
pub use timing::Timing;
pub use votes::{Agreed, ViewVotes, VoteRules};
