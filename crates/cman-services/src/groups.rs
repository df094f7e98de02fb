//! Closed process groups: processes join and leave them, every message and every change of the
//! membership reaches all members of a group in one order.
//!
//! | module | what |
//! |---|---|
//! | `request` | what clients ask, what they are told, why they are refused |
//! | `codec` | operations and parts to bytes and back |
//! | `group` | one group: its members, and who of them is a client of this node |
//! | `machine` | all groups: operations, views, syncs |
//! | `client` | all groups: what clients of this node ask |

mod client;
mod codec;
mod group;
mod machine;
mod request;

pub(crate) use machine::Groups;
pub use request::{GroupError, GroupEvent, GroupRequest};
