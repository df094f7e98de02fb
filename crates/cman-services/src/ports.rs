//! Ports: a client binds one of 255 ports of its node; messages go to a port of one node or of
//! all, and reach whoever has bound it there. Specified in `docs/spec/ports.md`.
//!
//! | module | what |
//! |---|---|
//! | `request` | what clients ask, what they are told, why they are refused |
//! | `set` | some of the 256 ports |
//! | `codec` | operations and parts to bytes and back |
//! | `binders` | the clients of this node, and the ports that they have bound |
//! | `machine` | who has bound what: operations, views, syncs, requests |

mod binders;
mod codec;
mod machine;
mod request;
mod set;

pub(crate) use machine::Ports;
pub use request::{PortError, PortEvent, PortRequest};
pub use set::PortSet;
