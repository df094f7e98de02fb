//! The whole node.

use cman_crypto::Cipher;
use cman_types::Instant;
use core::net::SocketAddr;

use crate::{
    input::{Command, Lane, Setup, Stored},
    output::{Event, Status, Transmit},
};

/// A whole node without I/O.
///
/// Methods are of three kinds. *Handlers* (`handle_*`) tell it what happened; each takes `now`,
/// which never goes back. *Polls* (`poll_*`) hand out what it wants; after each batch of handlers
/// drain `poll_transmit`, then `poll_event`, then ask `poll_timeout` when to call
/// [`Node::handle_timeout`] at the latest (calling it earlier is harmless). *Getters* have no
/// effect.
///
/// After a wake-up read *all* pending datagrams before anything else, then call
/// [`Node::handle_drained`]: a node that was stalled counts what lay queued as old.
#[derive(Debug)]
pub struct Node {}

impl Node {
    /// A node that starts now, as a candidate.
    #[must_use]
    pub fn new(now: Instant, setup: Setup, cipher: Box<dyn Cipher>) -> Self {
        let _ = (now, setup, cipher);
        Self {}
    }

    /// A datagram arrived. `bytes` is opened in place. `multicast`: it came to the group address.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        lane: Lane,
        multicast: bool,
        bytes: &mut [u8],
    ) {
        let _ = (now, from, lane, multicast, bytes);
    }

    /// All sockets are empty: what arrives from now on is fresh. Call it after every read-out,
    /// also when there was nothing.
    pub fn handle_drained(&mut self, now: Instant) {
        let _ = now;
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// The disk answered an [`Event::Store`].
    pub fn handle_stored(&mut self, now: Instant, stored: Stored) {
        let _ = (now, stored);
    }

    /// Somebody asks for something. An error is a sentence for whoever asked.
    ///
    /// # Errors
    /// The command cannot be carried out now; nothing has changed.
    pub fn handle_command(&mut self, now: Instant, command: Command) -> Result<(), String> {
        let _ = (now, command);
        Ok(())
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When to call [`Node::handle_timeout`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Until when this node may act, `Instant::ZERO` if it may not: for the published page. It
    /// must be published before any event or answer that says "quorate".
    #[must_use]
    pub fn lease_deadline(&self) -> Instant {
        Instant::ZERO
    }

    /// The node's state for tools and checkers.
    #[must_use]
    pub fn status(&self, now: Instant) -> Status {
        let _ = now;
        unimplemented!("skeleton: replaced within the hour")
    }
}
