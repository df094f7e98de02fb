//! Clients of nodes bind ports, and send letters to ports.

use cman_node::{PortRequest, Session};
use cman_types::NodeId;
use std::collections::BTreeMap;

use super::World;
use crate::checkers::ports::Letter;

/// The ports that there are.
const PORTS: [u8; 3] = [1, 11, 255];

/// Most bytes of a letter.
const LENGTH_MAX: u64 = 1492;

/// The ports and letters of the clients of one life.
#[derive(Debug, Default)]
pub(super) struct Letters {
    /// Who has which port.
    bound: BTreeMap<Session, u8>,
    /// How many letters each has sent to which port of whom.
    sent: BTreeMap<(Session, u8, Option<NodeId>), u64>,
}

impl World {
    /// A client of a host binds a port, or sends to one.
    pub(super) fn client_writes(&mut self, index: usize) {
        let Some(session) = self.draw_client(index) else { return };
        let at = self.draw_below(PORTS.len());
        let Some(&port) = PORTS.get(at) else { return };
        if self.prng.below(8) == 0 {
            self.client_binds(index, session, port);
        } else {
            let to = self.draw_addressee();
            let length = usize::try_from(self.prng.below(LENGTH_MAX + 1)).unwrap_or(0);
            self.client_sends(index, session, to, port, length);
        }
    }

    /// Half of the time all nodes.
    fn draw_addressee(&mut self) -> Option<NodeId> {
        let at = self.draw_below(2 * self.hosts.len());
        self.hosts.get(at).map(|host| host.node)
    }

    /// A client of a host binds a port. Whether it may.
    pub fn client_binds(&mut self, index: usize, session: Session, port: u8) -> bool {
        let host = &mut self.hosts[index];
        let local = host.clock.local(self.now);
        let Some(life) = &mut host.life else { return false };
        let taken =
            life.node.handle_client(local, session, PortRequest::Bind { port }.into()).is_ok();
        if taken {
            life.clients.letters.bound.insert(session, port);
            self.ports.bound(life.me, session, port);
        }
        self.settle(index);
        taken
    }

    /// A client of a host sends a letter. Whether it was taken.
    pub fn client_sends(
        &mut self,
        index: usize,
        session: Session,
        to: Option<NodeId>,
        port: u8,
        length: usize,
    ) -> bool {
        let host = &mut self.hosts[index];
        let Some(life) = &mut host.life else { return false };
        let letters = &mut life.clients.letters;
        let from = letters.bound.get(&session).copied().unwrap_or(0);
        let sent = letters.sent.entry((session, port, to)).or_default();
        let letter = Letter { session, from, number: *sent + 1, to };
        let request = PortRequest::Send { to, port, payload: letter.encode(length).into() };
        let local = host.clock.local(self.now);
        let taken = life.node.handle_client(local, session, request.into()).is_ok();
        *sent += u64::from(taken);
        self.settle(index);
        taken
    }
}
