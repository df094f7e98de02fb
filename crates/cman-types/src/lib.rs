//! Identifiers, views and time: the words every other crate speaks.
//!
//! This crate depends on nothing, does no I/O and reads no clock.
//!
//! | module | what |
//! |---|---|
//! | [`node`] | who: node ids, incarnations, members |
//! | [`view`] | agreed memberships and their names |
//! | [`time`] | instants on a node's own monotonic clock |
//! | [`prng`] | the one source of chance, seeded |
//! | [`limits`] | the numbers nothing may exceed |
#![forbid(unsafe_code)]

pub mod limits;
pub mod node;
pub mod prng;
pub mod time;
pub mod view;

pub use node::{Incarnation, Member, MemberId, NodeId, Salt};
pub use prng::Prng;
pub use time::Instant;
pub use view::{Epoch, View, ViewId};
