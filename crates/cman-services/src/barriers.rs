//! Barriers: named places where nodes wait until others have come. Specified in
//! `docs/spec/barriers.md`.
//!
//! | module | what |
//! |---|---|
//! | `request` | what clients ask, what they are told, why they are refused |
//! | `codec` | operations and parts to bytes and back |
//! | `claims` | which node has come where: alike at all members |
//! | `local` | one barrier, as far as clients of this node have to do with it |
//! | `machine` | all barriers: operations, views, syncs, completion |
//! | `client` | all barriers: what clients of this node ask, one thing at a time for each |

mod claims;
mod client;
mod codec;
mod local;
mod machine;
mod request;

pub use claims::BarrierClaim;
pub(crate) use machine::Barriers;
pub use request::{BarrierChange, BarrierError, BarrierEvent, BarrierOptions, BarrierRequest};
