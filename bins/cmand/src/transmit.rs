//! Sending what the node wants sent.

use crate::{engine_thread::io_lane, moderation::Moderation};
use cman_io::{
    clock,
    udp::{self, UdpSockets},
};
use cman_node::{Destination, Transmit};
use cman_types::Instant;
use std::io::{self, IoSlice};

/// Sends datagrams; what cannot be sent is lost, as it could be anywhere else on its way.
#[derive(Debug, Default)]
pub(crate) struct Transmitter {
    /// What goes the same way and was not sent yet.
    waiting: Vec<Transmit>,
    failures: Moderation,
}

impl Transmitter {
    /// Sends a datagram, with those that follow the same way: when one comes that does not, or
    /// with [`Self::flush`].
    pub(crate) fn send(&mut self, sockets: &UdpSockets, transmit: Transmit) {
        let last = self.waiting.last();
        if last.is_some_and(|last| (last.lane, last.to) != (transmit.lane, transmit.to)) {
            self.flush(sockets);
        }
        self.waiting.push(transmit);
    }

    /// Sends what waits.
    pub(crate) fn flush(&mut self, sockets: &UdpSockets) {
        let Some(&Transmit { to, lane, .. }) = self.waiting.first() else { return };
        let destination = match to {
            Destination::Multicast => udp::Destination::Group,
            Destination::Unicast(control) => udp::Destination::Node(lane.address_of(control)),
        };
        let datagrams: Vec<_> =
            self.waiting.iter().map(|transmit| IoSlice::new(&transmit.bytes)).collect();
        let result = sockets.send(io_lane(lane), destination, &datagrams);
        self.waiting.clear();
        match result {
            Ok(()) => {}
            // The kernel's buffer is full: that is what loss looks like.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                let whom = match to {
                    Destination::Multicast => "the multicast group".to_owned(),
                    Destination::Unicast(address) => address.to_string(),
                };
                self.complain(clock::now(), &format!("cannot send to {whom}"), &error);
            }
        }
    }

    /// Logs a failure, in moderation.
    pub(crate) fn complain(&mut self, now: Instant, what: &str, error: &io::Error) {
        self.failures.complain(now, || format!("{what}: {error}"));
    }
}
