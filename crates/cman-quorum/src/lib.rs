//! Votes and the quorum lease.
//!
//! * [`votes`]: a pure function from (rules, members, basis) to what a view needs.
//! * [`lease`]: who promised what to whom, and until when a node may act.
//!
//! A node is quorate while its view is eligible ([`votes::ViewVotes::eligible`]) *and* its lease
//! runs ([`lease::MemberLease::end`]). Never does any I/O; time is handed in.
#![forbid(unsafe_code)]

pub mod lease;
pub mod timing;
pub mod votes;

pub use lease::{HubBook, MemberLease};
pub use timing::Timing;
pub use votes::{ViewVotes, VoteRules};
