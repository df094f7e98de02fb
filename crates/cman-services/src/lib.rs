//! Replicated services over the ordered stream: what the members of a view keep alike by applying
//! the same operations in the same order. Specified in `docs/spec/groups.md`, whose rules
//! code and tests cite.
//!
//! No I/O, no clock, no chance: the shell hands in views, deliveries and clients' requests and
//! takes out what is to be multicast and what clients are told.
//!
//! | module | what |
//! |---|---|
//! | [`services`] | [`Services`]: composes the rest; `on_*` in, [`Services::poll`] out |
//! | [`output`] | what goes in and out: [`ViewInfo`], [`Session`], [`Out`] |
//! | `service` | what every service consists of |
//! | `sync` | after a view in which sides meet: everybody's own part, or nothing |
//! | `state` | the message that carries one member's part |
//! | `reader` | a cursor over received bytes |
//! | [`groups`] | closed process groups |
//!
//! Another service (ports, barriers, votes ...) is one more machine beside [`groups`] that
//! implements `service::Service`, one more field of `state::State`, and one more arm in
//! [`Services::on_deliver`].
//!
//! Invariants: (1) members that stayed together since a sync hold the same state after the same
//! deliveries; (2) whatever a service lists of a node, the node is a member of the view:
//! [`Services::ghosts`] is empty; (3) a sync that did not come to its end has changed nothing.
#![forbid(unsafe_code)]

pub mod groups;
pub mod output;
mod reader;
mod service;
pub mod services;
mod state;
mod sync;

pub use cman_types::{GroupName, Process, group::Reason};
pub use groups::{GroupError, GroupEvent, GroupRequest};
pub use output::{Out, Session, ViewInfo};
pub use services::Services;
