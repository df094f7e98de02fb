//! The protocol engine: failure detection, views, admission. No I/O, no clock, no threads; time
//! is handed in, chance comes from a seed.
//!
//! | module | what |
//! |---|---|
//! | [`engine`] | [`engine::Engine`]: composes the rest; `handle_*` in, `poll_*` out |
//! | `phase` | candidate, normal, frozen |
//! | `detector` | beats of hubs and members, relays, own stalls |
//! | `view_change` | propose, flush, recover, install |
//! | `amending` | votes that are changed while the cluster runs |
//! | `messages` | the ordered stream of the view, and what is handed to it |
//! | `admission` | hello, probe, refuse, hold off; who proposes when nobody coordinates |
//! | [`event`] | what the engine says |
//! | [`report`] | what the engine knows of its peers, for tools |
//!
//! Invariants (numbers of the architecture page): 1 members that install the same view id have
//! the same list; 4 leases: see `cman_quorum::lease`; a node is in exactly one phase, and there is
//! no way from frozen or candidate back into the old view.
#![forbid(unsafe_code)]

mod admission;
mod amending;
pub mod config;
mod detector;
pub mod engine;
pub mod event;
mod leaving;
mod messages;
mod phase;
pub mod report;
mod view_change;

pub use config::Config;
pub use engine::Engine;
pub use event::{Event, Output, To, Via};
pub use report::PeerReport;
