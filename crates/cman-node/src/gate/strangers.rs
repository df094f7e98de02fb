//! Who speaks without being allowed to.

use cman_types::{Instant, MemberId};
use core::{net::SocketAddr, time::Duration};
use std::collections::BTreeMap;

/// The same address is named again after this long.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Addresses that are remembered; sources can be forged, so there must be an end to it.
const ADDRESSES_MAX: usize = 64;

/// What is wrong with a stranger.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StrangerKind {
    /// Its node id is not in this node's configuration. Nothing of it is authenticated.
    NotConfigured,
    /// It uses this node's own id, and has proved that it is alive and holds the cluster's key.
    SameNodeId,
}

/// Somebody who spoke without being allowed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stranger {
    /// Who it says it is.
    pub id: MemberId,
    /// Its control address.
    pub address: SocketAddr,
    /// What is wrong with it.
    pub kind: StrangerKind,
}

#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// When each address was last named.
    named: BTreeMap<SocketAddr, Instant>,
    /// Named since the caller asked last.
    fresh: Vec<Stranger>,
}

impl Strangers {
    pub(super) fn note(
        &mut self,
        now: Instant,
        id: MemberId,
        address: SocketAddr,
        kind: StrangerKind,
    ) {
        if self.named.get(&address).is_some_and(|at| *at + AGAIN_AFTER > now) {
            return;
        }
        if self.named.len() >= ADDRESSES_MAX {
            self.named.retain(|_, at| *at + AGAIN_AFTER > now);
            if self.named.len() >= ADDRESSES_MAX {
                return;
            }
        }
        self.named.insert(address, now);
        self.fresh.push(Stranger { id, address, kind });
    }

    pub(super) fn take(&mut self) -> Vec<Stranger> {
        core::mem::take(&mut self.fresh)
    }
}
