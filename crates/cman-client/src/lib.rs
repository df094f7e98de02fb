//! Talks to the cluster daemon of this machine.
//!
//! Blocking, on the standard library's Unix sockets, without a runtime. One [`Connection`] is one
//! conversation: each method sends a request and waits for its answer. [`Connection::subscribe`]
//! turns a connection into a stream of [`Events`]. [`Groups`] is a conversation of its own.
//! [`Lease`] answers "may this node act?" without asking the daemon, so that a stalled daemon
//! cannot say yes.
//!
//! ```no_run
//! use cman_client::{Connection, Socket};
//! use std::path::Path;
//!
//! # fn main() -> Result<(), cman_client::Error> {
//! let run_dir = Path::new("/run/cman");
//! let mut daemon = Connection::open(run_dir, Socket::Public, "example")?;
//! println!("{} is {}", daemon.status()?.node_name, daemon.status()?.state);
//! for event in daemon.subscribe()? {
//!     println!("{:?}", event?.event);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`connection`] | requests and their answers |
//! | [`events`] | what happens, as an iterator |
//! | [`calls`] | calls, and beside them what happens: for libraries |
//! | [`groups`] | messages in one order, to processes on all nodes |
//! | [`lease`] | whether this node may act, read from the daemon's page |
//! | [`process`] | whether a daemon lives that cannot be talked to |
//! | [`error`] | what can go wrong, and what to try then |
#![forbid(unsafe_code)]

pub mod calls;
pub mod connection;
pub mod error;
pub mod events;
#[cfg(any(test, feature = "fake-daemon"))]
pub mod fake_daemon;
pub mod groups;
pub mod lease;
pub mod process;
#[cfg(test)]
mod tests;
mod wire;

pub use calls::{Calls, EventLine};
pub use cman_ipc as ipc;
pub use connection::{Connection, Socket};
pub use error::Error;
pub use events::Events;
pub use groups::Groups;
pub use lease::Lease;
