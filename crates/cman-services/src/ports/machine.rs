//! Who has bound which port, as a function of what is delivered, and what clients of this node
//! ask.

use super::{
    PortError, PortEvent, PortRequest, PortSet,
    binders::Binders,
    codec::{self, Operation},
};
use crate::{
    output::{Out, Session},
    reader::Malformed,
    service::Service,
};
use bytes::Bytes;
use cman_types::{MemberId, NodeId};
use std::collections::{BTreeMap, VecDeque};

/// All ports. What nodes have bound is the same at all that are in step; the binders are clients
/// of this node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Ports {
    me: NodeId,
    /// PT-02: of the nodes in step.
    bound: BTreeMap<NodeId, PortSet>,
    binders: Binders,
}

impl Ports {
    pub(crate) fn new(me: MemberId) -> Self {
        let bound = BTreeMap::from([(me.node, PortSet::default())]);
        Self { me: me.node, bound, binders: Binders::default() }
    }

    /// PT-12: what a node has bound, as of what was delivered; none if that is not known.
    pub(crate) fn of(&self, node: NodeId) -> Option<&PortSet> {
        self.bound.get(&node)
    }

    /// All that is known.
    pub(crate) fn all(&self) -> impl Iterator<Item = (NodeId, &PortSet)> {
        self.bound.iter().map(|(node, ports)| (*node, ports))
    }

    /// PT-12: whether a client of this node has the port, also before that was delivered.
    pub(crate) fn is_bound_here(&self, port: u8) -> bool {
        port == 0 || self.binders.wants(port)
    }

    /// What is accepted is sent; nothing has changed if it is refused.
    pub(crate) fn on_client(
        &mut self,
        session: Session,
        request: PortRequest,
        out: &mut VecDeque<Out>,
    ) -> Result<(), PortError> {
        let payload = match request {
            // PT-04
            PortRequest::Bind { port } => {
                self.binders.bind(session, port)?;
                codec::open(port)
            }
            PortRequest::Send { port: 0, .. } => return Err(PortError::Zero),
            PortRequest::Send { to, port, payload } => {
                codec::message(to, port, self.binders.port_of(session), &payload)
            }
        };
        out.push_back(Out::Multicast { payload, safe: false, urgent: false });
        Ok(())
    }

    /// PT-05: a client that is gone has no port.
    pub(crate) fn close_session(&mut self, session: Session, out: &mut VecDeque<Out>) {
        if let Some(port) = self.binders.close(session) {
            let payload = codec::close(port);
            out.push_back(Out::Multicast { payload, safe: false, urgent: false });
        }
    }

    /// PT-06.
    fn open(&mut self, node: NodeId, port: u8, out: &mut VecDeque<Out>) {
        if !self.bound.entry(node).or_default().insert(port) {
            return;
        }
        if node == self.me {
            self.binders.opened(port);
        }
        self.tell(port, PortEvent::Opened { node }, out);
    }

    /// PT-06.
    fn close(&mut self, node: NodeId, port: u8, out: &mut VecDeque<Out>) {
        if !self.bound.entry(node).or_default().remove(port) {
            return;
        }
        if node == self.me {
            self.binders.closed(port);
        }
        self.tell(port, PortEvent::Closed { node }, out);
    }

    fn tell(&self, port: u8, event: PortEvent, out: &mut VecDeque<Out>) {
        if let Some(session) = self.binders.listener(port) {
            out.push_back(Out::Client { session, event: event.into() });
        }
    }
}

impl Service for Ports {
    const ID: u8 = codec::ID;

    type Part = PortSet;

    fn part(&self) -> PortSet {
        self.of(self.me).copied().unwrap_or_default()
    }

    fn encode_part(part: &PortSet, into: &mut Vec<u8>) {
        into.extend(part.as_bytes());
    }

    fn decode_part(bytes: &[u8]) -> Result<PortSet, Malformed> {
        codec::decode_part(bytes)
    }

    /// PT-08: nobody is told.
    fn on_lost(&mut self, kept: &[NodeId], _: &mut VecDeque<Out>) {
        self.bound.retain(|node, _| kept.binary_search(node).is_ok());
    }

    /// PT-09, PT-10: what nodes have bound is what they say of themselves.
    fn on_synced(&mut self, parts: BTreeMap<NodeId, PortSet>, out: &mut VecDeque<Out>) {
        let before = core::mem::replace(&mut self.bound, parts);
        for (&node, now) in &self.bound {
            let was = before.get(&node).copied().unwrap_or_default();
            for port in was.iter().filter(|port| !now.contains(*port)) {
                self.tell(port, PortEvent::Closed { node }, out);
            }
            for port in now.iter().filter(|port| !was.contains(*port)) {
                self.tell(port, PortEvent::Opened { node }, out);
            }
        }
    }

    /// PT-15: binders are told in the order of the stream.
    fn on_operation(&mut self, sender: MemberId, delivered: &Bytes, out: &mut VecDeque<Out>) {
        let Ok(operation) = codec::decode(delivered) else { return };
        let node = sender.node;
        match operation {
            Operation::Open { port } => self.open(node, port, out),
            Operation::Close { port } => self.close(node, port, out),
            // PT-07
            Operation::Message { to, port, from, payload } => {
                if to.is_none_or(|to| to == self.me) {
                    let payload = delivered.slice(payload);
                    self.tell(port, PortEvent::Message { node, port: from, payload }, out);
                }
            }
        }
    }
}
