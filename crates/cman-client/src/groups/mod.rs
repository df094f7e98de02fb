//! Groups: processes on all nodes that see the same messages, and each other come and go, in the
//! same order.
//!
//! [`Groups`] waits; `groups::tokio::Groups` (feature `tokio`) is for
//! programs that do many things at a time. Both talk over one connection:
//!
//! - What is sent is kept until there is more of it, something is received, or
//!   [`flush`](Groups::flush) is called. While the daemon cannot take more, sending waits, and
//!   reads meanwhile.
//! - A program that does not take what it receives is let go by the daemon, alone.
//! - A message counts as sent when it comes back: its sender sees it in the same place as
//!   everybody else. What has not come back when the connection breaks may or may not have been
//!   delivered to others: [`Lost`] says how many those are.
//!
//! ```no_run
//! use cman_client::groups::{GroupName, Groups, Incoming};
//! use cman_client::ipc::GroupEvent;
//! use std::path::Path;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut groups = Groups::open(Path::new("/run/cman"), "example")?;
//! let chat = GroupName::new(b"chat")?;
//! groups.join(&chat)?;
//! groups.send(&chat, b"hello", false)?;
//! while let Some(incoming) = groups.receive(None)? {
//!     if let Incoming::Group(GroupEvent::Message(message)) = incoming {
//!         println!("{}: {:?}", message.sender, message.payload);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod blocking;
mod talk;
#[cfg(test)]
mod tests;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use blocking::Groups;
pub use cman_types::{
    GroupName, Process,
    group::{GROUP_MESSAGE_MAX, NameTooLong, Reason},
};

pub use cman_ipc::ListedGroup;

use cman_ipc::{EventMessage, GroupEvent};

/// Something that arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// About the cluster: views and quorum for those who subscribed, its end for everybody.
    Cluster(EventMessage),
    /// About a group that this process is a member of.
    Group(GroupEvent),
}

/// What came to an end with a connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lost {
    /// Groups that this process was in, or had asked to join. It is in none of them any more, and
    /// does not know what happened there since.
    pub groups: Vec<GroupName>,
    /// Messages of this process that had not come back. Each of them was delivered to all that
    /// stayed in the group, or to nobody.
    pub unconfirmed: u64,
}
