//! Sending what the node wants sent.

use crate::{engine_thread::io_lane, moderation::Moderation};
use cman_io::{
    clock,
    udp::{self, UdpSockets},
};
use cman_node::{Destination, Transmit};
use cman_types::Instant;
use std::io;

/// Sends datagrams; what cannot be sent is lost, as it could be anywhere else on its way.
#[derive(Debug, Default)]
pub(crate) struct Transmitter {
    failures: Moderation,
}

impl Transmitter {
    pub(crate) fn send(&mut self, sockets: &UdpSockets, transmit: &Transmit) {
        let Transmit { to, lane, bytes } = transmit;
        let destination = match to {
            Destination::Multicast => udp::Destination::Group,
            Destination::Unicast(control) => udp::Destination::Node(lane.address_of(*control)),
        };
        match sockets.send(io_lane(*lane), destination, bytes) {
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
