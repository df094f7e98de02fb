//! What goes in and out of the services.

use crate::{client::ClientEvent, configuration::WantedConfig};
use bytes::Bytes;
use cman_types::{NodeId, View, ViewId};

/// One connection of a client of this node. The shell gives the numbers, and none twice in the
/// life of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Session(pub u64);

/// A view that was installed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ViewInfo<'a> {
    /// The view.
    pub view: &'a View,
    /// The members that came to it together with this node, which therefore delivered the same
    /// messages before it.
    pub transitional: &'a [NodeId],
}

/// What the shell is to do, in this order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Out {
    /// Tell a client. A session that was closed meanwhile is passed over.
    Client {
        /// Which.
        session: Session,
        /// What.
        event: ClientEvent,
    },
    /// Send this in the ordered stream. It cannot be refused: whoever wants to push back asks for
    /// room *before* [`crate::Services::on_client`], of which each call sends at most one.
    Multicast {
        /// What is to be delivered.
        payload: Bytes,
        /// Whether only when all members hold it.
        safe: bool,
        /// Whether it goes before everything else that waits: the member's part of a sync.
        urgent: bool,
    },
    /// The members are to have that version of the configuration.
    Configuration(WantedConfig),
    /// This member did not send its part of the sync in time: put it out of the view. Said by the
    /// coordinator only.
    PutOut {
        /// Which.
        node: NodeId,
    },
    /// All that this view changes has been told; what follows is of the view itself.
    Synced {
        /// Which view.
        view: ViewId,
    },
}
