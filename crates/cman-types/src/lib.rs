//! Identifiers, views and time: the words every other crate speaks.
//!
//! This crate depends on nothing, does no I/O and reads no clock.
//!
//! | module | what |
//! |---|---|
//! | [`node`] | who: node ids, incarnations, members |
//! | [`node_set`] | sets of node ids |
//! | [`view`] | agreed memberships and their names |
//! | [`group`] | named sets of processes |
//! | [`barrier`] | named places where nodes wait for each other |
//! | [`basis`] | what members agree on to count votes |
//! | [`time`] | instants on a node's own monotonic clock |
//! | [`span`] | spans of time, in words for people |
//! | [`prng`] | the one source of chance, seeded |
//! | [`limits`] | the numbers nothing may exceed |
#![forbid(unsafe_code)]

pub mod barrier;
pub mod basis;
pub mod group;
pub mod limits;
pub mod node;
pub mod node_set;
pub mod prng;
pub mod span;
pub mod time;
pub mod view;

pub use barrier::BarrierName;
pub use basis::{Amended, Amendment, Basis, Expected};
pub use group::{GroupName, Process};
pub use node::{Incarnation, Member, MemberId, NodeId, Salt};
pub use node_set::NodeSet;
pub use prng::Prng;
pub use span::Span;
pub use time::Instant;
pub use view::{Epoch, View, ViewId};
