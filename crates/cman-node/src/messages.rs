//! Messages and services: between clients, the replicated services and the engine.

use cman_order::{Message, Refused as Full, Stats as StreamStats};
use cman_proto::event::Deliver;
use cman_services::{
    BarrierClaim, BarrierName, ClientError, ClientRequest, FenceRequest, GroupName, Out, PortSet,
    Process, Session, ViewInfo, WantedConfig,
};
use cman_types::{Instant, NodeId, View};

use crate::{node::Node, output::Event};

/// Why a client's request is refused. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// As many messages wait as may: try again after [`Event::Room`].
    #[error("too many messages wait to be sent: try again in a moment")]
    Full,
    /// The node is not configured.
    #[error("there is no node {0} in the configuration")]
    NoNode(NodeId),
    /// What the service says of which it is asked.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Why it is not known whether a node has bound a port.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PortUnknown {
    /// The node is not configured.
    #[error("there is no node {0} in the configuration")]
    NoNode(NodeId),
    /// The node is not a member of the view.
    #[error("node {0} is not a member of the cluster")]
    NotMember(NodeId),
    /// The view is new, and the node has not said yet what it has bound.
    #[error("node {0} has just become a member and has not said yet which ports it has bound")]
    NotYet(NodeId),
}

impl Node {
    /// A message that no service of this node cares for, to all members: for whoever observes
    /// deliveries.
    ///
    /// # Errors
    /// The queue is full; [`Event::Room`] tells when it is not any more.
    pub fn handle_message(&mut self, now: Instant, message: Message) -> Result<(), Full> {
        self.tell_quorum(now);
        let taken = self.engine.send_message(now, message);
        self.collect(now);
        taken
    }

    /// A client asks something of a service.
    ///
    /// # Errors
    /// Too much waits to be sent, or the service refuses. Nothing has changed.
    pub fn handle_client(
        &mut self,
        now: Instant,
        session: Session,
        request: ClientRequest,
    ) -> Result<(), Refused> {
        self.tell_quorum(now);
        // What is sent while the members of a new view agree on what they know would only be
        // held by all of them.
        if request.is_message() && self.services.is_syncing() {
            self.room_wanted = true;
            return Err(Refused::Full);
        }
        if !self.engine.has_room() {
            return Err(Refused::Full);
        }
        // FR-02
        if let ClientRequest::Fence(FenceRequest::Note { node, .. }) = &request
            && !self.is_configured(*node)
        {
            return Err(Refused::NoNode(*node));
        }
        let answer = self.services.on_client(now, session, request).map_err(Refused::Client);
        self.collect(now);
        answer
    }

    /// The members are to have a version of the configuration, which is known here to be alike with
    /// the version `like` (CF-03).
    pub(crate) fn want_config(&mut self, version: u64, like: u64) {
        self.services.want_config(WantedConfig { version, like });
    }

    /// A client is gone.
    pub fn close_session(&mut self, now: Instant, session: Session) {
        self.tell_quorum(now);
        self.services.close_session(session);
        self.collect(now);
    }

    /// The members of a group, sorted.
    #[must_use]
    pub fn group_members(&self, group: &GroupName) -> &[Process] {
        self.services.members(group)
    }

    /// All groups that have members.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupName, &[Process])> {
        self.services.groups()
    }

    /// Whether a node, this one if none is named, has bound a port. Of this node it is known as
    /// soon as its client was answered (PT-12).
    ///
    /// # Errors
    /// When that is not known.
    pub fn is_bound(&self, node: Option<NodeId>, port: u8) -> Result<bool, PortUnknown> {
        let Some(node) = node.filter(|node| *node != self.me.node) else {
            return Ok(self.services.is_bound_here(port));
        };
        if !self.is_configured(node) {
            return Err(PortUnknown::NoNode(node));
        }
        if self.engine.view().and_then(|view| view.member_of_node(node)).is_none() {
            return Err(PortUnknown::NotMember(node));
        }
        let ports = self.services.ports(node).ok_or(PortUnknown::NotYet(node))?;
        Ok(ports.contains(port))
    }

    fn is_configured(&self, node: NodeId) -> bool {
        self.setup.peers.iter().any(|peer| peer.id == node)
    }

    /// Which node has registered which barrier, and whether it has come; for checkers.
    pub fn barriers(&self) -> impl Iterator<Item = (&BarrierName, NodeId, BarrierClaim)> {
        self.services.barriers()
    }

    /// The ports that this node has bound, ascending; port 0 is always among them.
    pub fn ports_bound(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(|port| self.services.is_bound_here(*port))
    }

    /// What nodes have bound, of which that is known; for checkers.
    pub fn all_ports(&self) -> impl Iterator<Item = (NodeId, &PortSet)> {
        self.services.all_ports()
    }

    /// Members of groups on nodes that are no members of the view: none, ever; for checkers.
    pub fn group_ghosts(&self) -> impl Iterator<Item = (&GroupName, Process)> {
        self.services.ghosts()
    }

    /// Whether the members of the view still tell each other what they know of groups; for
    /// checkers.
    #[must_use]
    pub const fn is_syncing(&self) -> bool {
        self.services.is_syncing()
    }

    /// What the stream of the view has done so far, and holds; none before the first view.
    #[must_use]
    pub fn stream_stats(&self) -> Option<StreamStats> {
        self.engine.stream_stats()
    }

    /// The engine delivers.
    pub(crate) fn deliver(&mut self, deliver: Deliver) {
        if self.setup.observe {
            self.events.push_back(Event::Deliver(deliver.clone()));
        }
        self.services.on_deliver(deliver.sender, deliver.payload);
    }

    /// A view was installed: what was delivered before belongs to the old one.
    pub(crate) fn services_enter(&mut self, now: Instant, view: &View, transitional: &[NodeId]) {
        self.services.on_view(now, &ViewInfo { view, transitional });
        // Groups lose their members before anybody is told of the view.
        self.serve(now);
    }

    /// Does what the services want. Whether there was anything.
    pub(crate) fn serve(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(out) = self.services.poll() {
            any = true;
            match out {
                Out::Client { session, event } => {
                    self.events.push_back(Event::Client { session, event });
                }
                Out::Multicast { payload, safe, urgent } => {
                    self.engine.send_always(now, Message { payload, safe }, urgent);
                }
                Out::PutOut { node } => self.engine.put_out_unsynced(now, node),
                Out::Configuration(WantedConfig { version, like }) => {
                    self.engine.want_config(version, like);
                    self.events.push_back(Event::ConfigWanted { version });
                }
                Out::Synced { .. } => {
                    if core::mem::take(&mut self.room_wanted) {
                        self.events.push_back(Event::Room);
                    }
                }
            }
        }
        any
    }
}
