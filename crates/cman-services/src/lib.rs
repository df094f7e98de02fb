//! Replicated services over the ordered stream: what the members of a view keep alike by applying
//! the same operations in the same order. Specified in `docs/spec`: `groups.md`,
//! which is about services in general, too, `ports.md`, `barriers.md`, `fencing.md` and
//! `configuration.md`, whose rules code and tests cite.
//!
//! No I/O, no clock, no chance: the shell hands in views, deliveries and clients' requests and
//! takes out what is to be multicast and what clients are told.
//!
//! | module | what |
//! |---|---|
//! | [`services`] | [`Services`]: composes the rest; `on_*` in, [`Services::poll`] out |
//! | [`client`] | what clients ask of any service, what they are told, why they are refused |
//! | [`output`] | what goes in and out: [`ViewInfo`], [`Session`], [`Out`] |
//! | `service` | what every service consists of |
//! | `sync` | after a view in which sides meet: everybody's own part, or nothing |
//! | `state` | the message that carries one member's part |
//! | `reader` | a cursor over received bytes |
//! | [`barriers`] | places where nodes wait for each other |
//! | [`fencing`] | which node was forced out last, when, by what |
//! | [`groups`] | closed process groups |
//! | [`ports`] | who has bound which port, and messages to ports |
//! | [`configuration`] | which version of the configuration is wanted |
//!
//! Another service is one more machine beside these that implements
//! `service::Service`, one more variant of each type in [`client`], one more field of
//! `state::State`, and one more arm wherever [`Services`] asks all of them.
//!
//! Invariants: (1) members that stayed together since a sync hold the same state after the same
//! deliveries; (2) whatever groups, ports and barriers list of a node, the node is a member of the
//! view: [`Services::ghosts`] is empty; (3) a sync that did not come to its end has changed
//! nothing.
//!
//! ```
//! use cman_services::{GroupName, GroupRequest, Out, Services, Session, ViewInfo};
//! use cman_types::{
//!     Epoch, Incarnation, Instant, Member, MemberId, NodeId, Salt, View, ViewId,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = NodeId::new(1).ok_or("not a node id")?;
//! let me = MemberId { node, incarnation: Incarnation(1), salt: Salt::default() };
//! let mut services = Services::new(me, std::time::Duration::from_secs(2));
//!
//! // A view of this node alone: nobody to agree with.
//! let id = ViewId { epoch: Epoch(1), coordinator: me };
//! let view = View { id, members: vec![Member { id: me, address: "127.0.0.1:5405".parse()? }] };
//! services.on_view(Instant::ZERO, &ViewInfo { view: &view, transitional: &[node] });
//! assert_eq!(services.poll(), Some(Out::Synced { view: id }));
//!
//! // A client joins: that goes out, and comes back in the order of the stream.
//! let group = GroupName::new(b"editors")?;
//! let join = GroupRequest::Join { group: group.clone(), pid: 4711 };
//! services.on_client(Instant::ZERO, Session(1), join.into())?;
//! let Some(Out::Multicast { payload, .. }) = services.poll() else { panic!("nothing to send") };
//! assert!(services.members(&group).is_empty());
//! services.on_deliver(me, payload);
//! assert_eq!(services.members(&group).len(), 1);
//! assert!(matches!(services.poll(), Some(Out::Client { session: Session(1), .. })));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod barriers;
pub mod client;
pub mod configuration;
pub mod fencing;
pub mod groups;
pub mod output;
pub mod ports;
mod reader;
mod service;
pub mod services;
mod state;
mod sync;

pub use barriers::{
    BarrierChange, BarrierClaim, BarrierError, BarrierEvent, BarrierOptions, BarrierRequest,
};
pub use client::{ClientError, ClientEvent, ClientRequest};
pub use cman_types::{BarrierName, GroupName, Process, group::Reason};
pub use configuration::WantedConfig;
pub use fencing::{FenceError, FenceEvent, FenceRecord, FenceRequest};
pub use groups::{GroupError, GroupEvent, GroupRequest};
pub use output::{Out, Session, ViewInfo};
pub use ports::{PortError, PortEvent, PortRequest, PortSet};
pub use services::Services;
