//! All services of a node, composed.

use crate::{
    barriers::{BarrierClaim, Barriers},
    client::{ClientError, ClientRequest},
    configuration::{Configuration, WantedConfig},
    fencing::{FenceRecord, Fencing},
    groups::Groups,
    output::{Out, Session, ViewInfo},
    ports::{PortSet, Ports},
    service::Service,
    state::{SYNC, State},
    sync::{Operation, Sync},
};
use bytes::Bytes;
use cman_types::{BarrierName, GroupName, Instant, MemberId, NodeId, Process, ViewId};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// The replicated services of one life of a node. Call `on_*`, then [`Self::poll`] until it gives
/// nothing more; call [`Self::on_timeout`] at [`Self::due`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Services {
    barriers: Barriers,
    fencing: Fencing,
    groups: Groups,
    ports: Ports,
    configuration: Configuration,
    sync: Sync,
    out: VecDeque<Out>,
}

impl Services {
    /// The services of `me`, before its first view. `sync_time_max` is how long a member of a
    /// view may take to send its part of a sync until the coordinator puts it out: the token.
    #[must_use]
    pub fn new(me: MemberId, sync_time_max: Duration) -> Self {
        Self {
            barriers: Barriers::new(me),
            fencing: Fencing::new(me),
            groups: Groups::new(me),
            ports: Ports::new(me),
            configuration: Configuration::default(),
            sync: Sync::new(me, sync_time_max),
            out: VecDeque::new(),
        }
    }

    /// A view was installed, and everything of the one before was delivered.
    pub fn on_view(&mut self, now: Instant, info: &ViewInfo<'_>) {
        // What the old view delivered comes before the loss of its senders (G-25).
        for operation in self.sync.abort() {
            self.apply(operation);
        }
        self.sync.keep(info);
        let kept = self.sync.known_nodes();
        self.groups.on_lost(&kept, &mut self.out);
        self.ports.on_lost(&kept, &mut self.out);
        self.barriers.on_lost(&kept, &mut self.out);
        self.fencing.on_view(info.view);
        self.configuration.on_lost(&kept, &mut self.out);
        if self.sync.is_complete() {
            self.barriers.on_ready(&kept, &mut self.out);
            self.out.push_back(Out::Synced { view: info.view.id });
        } else {
            self.start_sync(now, info.view.id);
        }
    }

    /// G-21: before anything else that waits.
    fn start_sync(&mut self, now: Instant, view: ViewId) {
        self.sync.start(now, view);
        let state = State {
            view,
            barriers: self.barriers.part(),
            fencing: self.fencing.part(),
            groups: self.groups.part(),
            ports: self.ports.part(),
            configuration: self.configuration.part(),
        };
        self.out.push_back(Out::Multicast { payload: state.encode(), safe: false, urgent: true });
    }

    /// A message was delivered, in the agreed order, in the view told last.
    pub fn on_deliver(&mut self, sender: MemberId, payload: Bytes) {
        if payload.first() == Some(&SYNC) {
            self.on_state(sender, &payload);
        } else if let Some(operation) = self.sync.hold(Operation { sender, payload }) {
            self.apply(operation);
        }
    }

    /// What does not decode was not said: its sender runs into the deadline (G-24).
    fn on_state(&mut self, sender: MemberId, payload: &Bytes) {
        let Some(bytes) = payload.get(1..) else { return };
        let Ok(state) = State::decode(bytes) else { return };
        let Some(ended) = self.sync.on_state(sender, state) else { return };
        let (mut groups, mut ports) = (BTreeMap::new(), BTreeMap::new());
        let (mut barriers, mut fencing) = (BTreeMap::new(), BTreeMap::new());
        let mut configuration = BTreeMap::new();
        for (member, state) in ended.states {
            barriers.insert(member.node, state.barriers);
            fencing.insert(member.node, state.fencing);
            groups.insert(member.node, state.groups);
            ports.insert(member.node, state.ports);
            configuration.insert(member.node, state.configuration);
        }
        self.groups.on_synced(groups, &mut self.out);
        self.ports.on_synced(ports, &mut self.out);
        self.barriers.on_synced(barriers, &mut self.out);
        self.fencing.on_synced(fencing, &mut self.out);
        self.barriers.on_ready(&self.sync.known_nodes(), &mut self.out);
        self.configuration.on_synced(configuration, &mut self.out);
        self.out.push_back(Out::Synced { view: ended.view });
        for operation in ended.held {
            self.apply(operation);
        }
    }

    fn apply(&mut self, operation: Operation) {
        let Operation { sender, payload } = operation;
        // G-08
        if !self.sync.knows(&sender) {
            return;
        }
        match payload.first() {
            Some(&Barriers::ID) => self.barriers.on_operation(sender, &payload, &mut self.out),
            Some(&Fencing::ID) => self.fencing.on_operation(sender, &payload, &mut self.out),
            Some(&Groups::ID) => self.groups.on_operation(sender, &payload, &mut self.out),
            Some(&Ports::ID) => self.ports.on_operation(sender, &payload, &mut self.out),
            Some(&Configuration::ID) => {
                self.configuration.on_operation(sender, &payload, &mut self.out);
            }
            _ => {}
        }
    }

    /// A client of this node asks. Nothing has changed if it is refused.
    ///
    /// # Errors
    /// The service's reason.
    pub fn on_client(
        &mut self,
        now: Instant,
        session: Session,
        request: ClientRequest,
    ) -> Result<(), ClientError> {
        match request {
            ClientRequest::Barrier(request) => {
                self.barriers.on_client(now, session, request, &mut self.out)?;
            }
            ClientRequest::Fence(request) => {
                self.fencing.on_client(session, request, &mut self.out)?;
            }
            ClientRequest::Group(request) => {
                self.groups.on_client(session, request, &mut self.out)?;
            }
            ClientRequest::Port(request) => {
                self.ports.on_client(session, request, &mut self.out)?;
            }
        }
        Ok(())
    }

    /// The members are to have that version of the configuration. Sends at most one message; none
    /// if that says nothing new (CF-03).
    pub fn want_config(&mut self, wanted: WantedConfig) {
        self.configuration.want(wanted, &mut self.out);
    }

    /// Which version of the configuration the members are to have, as of what was delivered so far.
    #[must_use]
    pub const fn wanted_config(&self) -> WantedConfig {
        self.configuration.wanted()
    }

    /// A client of this node is gone: from groups that it was not leaving it goes as a process
    /// that died (G-18), and its port is not bound any more (PT-05).
    pub fn close_session(&mut self, session: Session) {
        self.groups.close_session(session, &mut self.out);
        self.ports.close_session(session, &mut self.out);
        self.barriers.close_session(session, &mut self.out);
        self.fencing.close_session(session);
    }

    /// When [`Self::on_timeout`] wants to be called; [`Instant::FAR`] if never.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.sync.due().min(self.barriers.due())
    }

    /// It is [`Self::due`]. Call it after what arrived until now was handed in.
    pub fn on_timeout(&mut self, now: Instant) {
        self.sync.on_timeout(now, &mut self.out);
        self.barriers.on_timeout(now, &mut self.out);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Out> {
        self.out.pop_front()
    }

    /// Whether a sync is under way. Operations delivered meanwhile are held; a stream that sends
    /// only urgent messages until it is over leaves nothing to hold (G-26).
    #[must_use]
    pub const fn is_syncing(&self) -> bool {
        self.sync.is_under_way()
    }

    /// How many bytes of delivered messages wait for the end of a sync.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.sync.held_bytes()
    }

    /// The members of a group, sorted, as of what was delivered so far.
    #[must_use]
    pub fn members(&self, group: &GroupName) -> &[Process] {
        self.groups.members(group)
    }

    /// All groups that have members, with these.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupName, &[Process])> {
        self.groups.all()
    }

    /// What a node has bound, as of what was delivered so far; none if that is not known: it is no
    /// member of the view, or a sync has yet to bring its part.
    #[must_use]
    pub fn ports(&self, node: NodeId) -> Option<&PortSet> {
        self.ports.of(node)
    }

    /// What all nodes have bound of which that is known.
    pub fn all_ports(&self) -> impl Iterator<Item = (NodeId, &PortSet)> {
        self.ports.all()
    }

    /// Whether a client of this node has bound the port. Unlike in [`Self::ports`], from the
    /// moment on in which it was accepted.
    #[must_use]
    pub fn is_bound_here(&self, port: u8) -> bool {
        self.ports.is_bound_here(port)
    }

    /// Which node has registered which barrier and which of them have come, by name and node, as of
    /// what was delivered so far.
    pub fn barriers(&self) -> impl Iterator<Item = (&BarrierName, NodeId, BarrierClaim)> {
        self.barriers.all().map(|(name, node, claim)| (name, node, *claim))
    }

    /// When and by what a node was fenced last, as far as that was reported.
    #[must_use]
    pub fn fenced(&self, node: NodeId) -> Option<&FenceRecord> {
        self.fencing.of(node)
    }

    /// All nodes that were fenced, as far as that was reported.
    pub fn all_fenced(&self) -> impl Iterator<Item = (NodeId, &FenceRecord)> {
        self.fencing.all()
    }

    /// Members of groups on nodes that are not members of the view, or that this node does not
    /// know yet. There are none, ever (invariant 2, G-03); for checkers.
    pub fn ghosts(&self) -> impl Iterator<Item = (&GroupName, Process)> {
        let all = self.groups();
        let each = all.flat_map(|(name, members)| members.iter().map(move |&who| (name, who)));
        each.filter(|(_, who)| !self.sync.may_list(who.node))
    }
}
