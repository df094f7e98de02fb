//! Who speaks without being allowed to.

use cman_types::{Instant, MemberId};
use core::{net::SocketAddr, time::Duration};
use std::collections::BTreeMap;

/// The same address is named again after this long.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Operators hear of strangers of one kind at most this often.
const NOTICE_EVERY: Duration = Duration::from_secs(10);

/// Addresses that are remembered; sources can be forged, so there must be an end to it.
const ADDRESSES_MAX: usize = 64;

/// Strangers that one notice names; of more it gives the number.
const NAMED_MAX: usize = 4;

/// What is wrong with a stranger.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StrangerKind {
    /// Its node id is not in this node's configuration. It holds the cluster's key.
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

/// Strangers of one kind, to be told to the operator in one sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StrangerNotice {
    /// What is wrong with them.
    pub kind: StrangerKind,
    /// The first of them, at least one.
    pub named: Vec<Stranger>,
    /// How many more there were.
    pub others: usize,
}

#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// When each address was last named.
    named: BTreeMap<SocketAddr, Instant>,
    /// Named since the caller asked last.
    fresh: Vec<Stranger>,
    /// What the operator has not been told, by kind.
    untold: [Untold; 2],
}

/// Strangers of one kind of whom the operator has not been told.
#[derive(Debug, Default)]
struct Untold {
    named: Vec<Stranger>,
    others: usize,
    /// Not before this.
    next_notice: Instant,
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
        let stranger = Stranger { id, address, kind };
        self.fresh.push(stranger);
        let [not_configured, same_id] = &mut self.untold;
        match kind {
            StrangerKind::NotConfigured => not_configured.add(stranger),
            StrangerKind::SameNodeId => same_id.add(stranger),
        }
    }

    pub(super) fn take(&mut self) -> Vec<Stranger> {
        core::mem::take(&mut self.fresh)
    }

    /// When the next notice may be had; `None` if there is nothing to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        let waiting = self.untold.iter().filter(|untold| !untold.named.is_empty());
        waiting.map(|untold| untold.next_notice).min()
    }

    pub(super) fn poll_notice(&mut self, now: Instant) -> Option<StrangerNotice> {
        self.untold.iter_mut().find_map(|untold| untold.take(now))
    }
}

impl Untold {
    fn add(&mut self, stranger: Stranger) {
        if self.named.len() < NAMED_MAX {
            self.named.push(stranger);
        } else {
            self.others += 1;
        }
    }

    fn take(&mut self, now: Instant) -> Option<StrangerNotice> {
        let kind = self.named.first()?.kind;
        if self.next_notice > now {
            return None;
        }
        self.next_notice = now + NOTICE_EVERY;
        let named = core::mem::take(&mut self.named);
        Some(StrangerNotice { kind, named, others: core::mem::take(&mut self.others) })
    }
}
