//! What the service thread knows besides what it asks the engine.

use crate::{
    dirty::Mark,
    engine::Engine,
    groups::sessions::Sessions,
    health::{Carrier, DiskTrouble},
    history::History,
    hub::Hub,
    listeners::Listeners,
    log::Log,
    reload::Reload,
};
use bytes::Bytes;
use cman_config::{Config, NodeConfig};
use cman_io::{clock, interface::Interface, lease_page::LeaseWriter};
use cman_ipc::{Event, EventMessage, Message, encode};
use cman_types::Amendment;
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Shared by all conversations with clients.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) engine: Engine,
    pub(crate) hub: Hub,
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) log: Log,
    pub(crate) history: Mutex<History>,
    pub(crate) lease: Arc<LeaseWriter>,
    pub(crate) mark: Mark,
    /// What the node runs on; the version that is in force is that of `reload`.
    pub(crate) config: Config,
    pub(crate) reload: Reload,
    pub(crate) me: NodeConfig,
    /// What this start asks of the cluster.
    pub(crate) asked: Vec<Amendment>,
    pub(crate) interface: Interface,
    pub(crate) group: Option<IpAddr>,
    pub(crate) memory_locked: bool,
    pub(crate) realtime: bool,
    /// What could not be had, one sentence each.
    pub(crate) notes: Vec<String>,
    pub(crate) disk: Arc<DiskTrouble>,
    pub(crate) carrier: Carrier,
    pub(crate) config_file: String,
    pub(crate) state_dir: String,
}

impl Context {
    /// Tells all who subscribed, and keeps it for those who ask later. Returns it as bytes; nothing
    /// if it is too long for any client, which is a warning.
    pub(crate) fn publish(&self, event: EventMessage) -> Option<Bytes> {
        let encoded = encode(&Message::Event(event));
        let frame: Bytes = encoded
            .inspect_err(|error| tracing::warn!("an event cannot be told to clients: {error}"))
            .ok()?
            .into();
        self.history().keep(frame.clone());
        self.hub.publish(&frame);
        Some(frame)
    }

    /// The same for what happens at this moment.
    pub(crate) fn publish_now(&self, event: Event) -> Option<Bytes> {
        let at = u64::try_from(clock::wall().as_nanos()).unwrap_or(u64::MAX);
        let message = EventMessage { at, monotonic_ns: clock::now().as_nanos(), event };
        self.history().note_link(&message);
        self.publish(message)
    }

    /// The past, for a moment: never across an await.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the published lease is good at this moment.
    pub(crate) fn lease_is_good(&self) -> bool {
        self.lease.deadline().is_some_and(|deadline| clock::now() < deadline)
    }
}
