//! The whole node.

use cman_crypto::Cipher;
use cman_proto::{
    Config, Engine, Via,
    event::{Event as Said, Fatal, Notice, Refusal, To},
};
use cman_quorum::{DeviceWatch, Timing, ViewVotes, VoteRules};
use cman_services::Services;
use cman_types::{Epoch, Instant, Member, MemberId, NodeId, Prng, View};
use cman_wire::{
    Frame,
    frame::{Refuse, RefuseReason},
};
use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    counting::CommandError,
    gate::{self, Gate, GateSetup, Heard, Stranger, StrangerKind, StrangerNotice},
    input::{Command, Lane, Setup, Stored},
    output::{Came, Destination, Event, Store, Transmit, ViewEvent},
    sentence,
};

/// The lane that frames take, where they go and who alone may open them.
type Way = (Lane, Destination, Option<NodeId>);

/// Frames by their way, sorted. Most often there are none, or some for one way.
#[derive(Default)]
struct Batches(Vec<(Way, Vec<Frame>)>);

impl Batches {
    fn put(&mut self, way: Way, frame: Frame) {
        let found = self.0.binary_search_by(|(other, _)| other.cmp(&way));
        match found.map(|at| self.0.get_mut(at)) {
            Ok(Some((_, frames))) => frames.push(frame),
            Ok(None) => {}
            Err(at) => self.0.insert(at, (way, vec![frame])),
        }
    }
}

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
pub struct Node {
    pub(crate) setup: Setup,
    pub(crate) me: MemberId,
    pub(crate) gate: Gate,
    pub(crate) engine: Engine,
    /// The configured or later resolved address of each peer.
    pub(crate) configured: BTreeMap<NodeId, SocketAddr>,
    /// Since when each member has been one without a break.
    pub(crate) joined_at: BTreeMap<NodeId, Instant>,
    /// The members of the view installed last.
    members: BTreeSet<MemberId>,
    pub(crate) services: Services,
    /// A client was refused because a sync was under way.
    pub(crate) room_wanted: bool,
    transmits: VecDeque<Transmit>,
    pub(crate) events: VecDeque<Event>,
    told_quorate: bool,
    /// Votes are counted in another way than was told.
    pub(crate) counted_anew: bool,
    pub(crate) device: DeviceWatch,
    /// Whether it was told that the quorum device lives.
    pub(crate) told_device: bool,
}

impl Node {
    /// A node that starts now, as a candidate.
    #[must_use]
    pub fn new(now: Instant, setup: Setup, cipher: Box<dyn Cipher>) -> Self {
        let me = MemberId { node: setup.me, incarnation: setup.incarnation, salt: setup.salt };
        let mut seeds = Prng::new(setup.seed);
        let config = config_of(&setup, me, seeds.next_u64());
        let gate_setup = GateSetup {
            me,
            cluster_name: setup.cluster_name.clone(),
            peers: setup.peers.iter().map(|peer| peer.id).collect(),
            token: setup.token,
        };
        let configured =
            setup.peers.iter().filter_map(|peer| Some((peer.id, peer.address?))).collect();
        let mut node = Self {
            me,
            gate: Gate::new(gate_setup, cipher, Prng::new(seeds.next_u64())),
            engine: Engine::new(now, config),
            configured,
            joined_at: BTreeMap::new(),
            members: BTreeSet::new(),
            services: Services::new(me, setup.token),
            room_wanted: false,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            told_quorate: false,
            counted_anew: false,
            device: DeviceWatch::new(setup.device_poll),
            told_device: false,
            setup,
        };
        node.collect(now);
        node
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
        self.tell_quorum(now);
        for heard in self.gate.open(now, from, lane, multicast, bytes) {
            let Heard { from, address, multicast, frame, .. } = heard;
            // Without multicast, what is meant for all comes by unicast.
            let via =
                if multicast || !self.setup.multicast { Via::Multicast } else { Via::Unicast };
            self.engine.handle_frame(now, from, address, via, frame);
        }
        self.collect(now);
    }

    /// All sockets are empty: what arrives from now on is fresh. Call it after every read-out,
    /// also when there was nothing.
    pub fn handle_drained(&mut self, now: Instant) {
        self.tell_quorum(now);
        self.engine.handle_drained(now);
        self.collect(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tell_quorum(now);
        self.gate.handle_timeout(now);
        self.engine.handle_timeout(now);
        self.watch_device(now);
        if self.services.due() <= now {
            self.services.on_timeout(now);
        }
        self.collect(now);
    }

    /// The disk answered an [`Event::Store`].
    pub fn handle_stored(&mut self, now: Instant, stored: Stored) {
        self.tell_quorum(now);
        let ceiling = if stored.ok { stored.epoch_ceiling } else { Epoch(0) };
        self.engine.handle_stored(now, ceiling, stored.ok && stored.removed);
        self.collect(now);
    }

    /// Somebody asks for something. An error is a sentence for whoever asked.
    ///
    /// # Errors
    /// The command cannot be carried out now; nothing has changed.
    pub fn handle_command(&mut self, now: Instant, command: Command) -> Result<(), CommandError> {
        self.tell_quorum(now);
        let answer = match command {
            Command::Leave { remove } => {
                self.engine.leave(now, remove);
                Ok(())
            }
            Command::Kill { node } => self.engine.kill(now, node).map_err(CommandError::Refused),
            Command::Amend { ticket, amendment } => {
                self.engine.amend(now, ticket, amendment);
                Ok(())
            }
            Command::DeviceRegister { name, votes } => Ok(self.register_device(name, votes)?),
            Command::DeviceUnregister => Ok(self.device.unregister()?),
            Command::DevicePoll { available } => Ok(self.poll_device(now, available)?),
            Command::SetDirty => self.engine.set_dirty(now).map_err(CommandError::Refused),
            Command::WantConfig { version } => {
                self.want_config(version, version);
                Ok(())
            }
            Command::Configure { version } => {
                self.setup.config_version = version;
                let like = self.engine.configure(version);
                self.want_config(version, like);
                Ok(())
            }
            Command::Resolved { node, address } => {
                self.configured.insert(node, address);
                Ok(())
            }
        };
        self.collect(now);
        answer
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Node::handle_timeout`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let services = self.services.due().min(self.device.due());
        let mut due = self.engine.poll_timeout().min(services);
        if let Some(gate) = self.gate.poll_timeout() {
            due = due.min(gate);
        }
        if self.told_quorate {
            due = due.min(self.engine.lease_end());
        }
        (due < Instant::FAR).then_some(due)
    }

    /// Until when this node may act, `Instant::ZERO` if it may not: for the published page. It
    /// must be published before any event or answer that says "quorate".
    #[must_use]
    pub fn lease_deadline(&self) -> Instant {
        self.engine.lease_end()
    }

    /// Takes over what gate and engine want.
    pub(crate) fn collect(&mut self, now: Instant) {
        let mut batches = Batches::default();
        loop {
            while let Some(output) = self.engine.poll_output() {
                match output {
                    cman_proto::Output::Send { to, frame } => {
                        self.address(to, frame, &mut batches);
                    }
                    cman_proto::Output::Event(event) => self.tell(now, event),
                }
            }
            if !self.serve(now) {
                break;
            }
        }
        self.refuse_strangers();
        while let Some(notice) = self.gate.poll_stranger_notice(now) {
            let text = sentence::strangers(&notice, self.setup.config_version);
            let refusals = self.refusals_of(&notice);
            self.events.push_back(Event::Notice { warning: true, text, refusals });
        }
        for ((lane, to, receiver), frames) in batches.0 {
            self.transmits.extend(self.gate.seal(to, receiver, lane, &frames));
        }
        while let Some(transmit) = self.gate.poll_transmit() {
            self.transmits.push_back(transmit);
        }
        while let Some(text) = self.gate.poll_notice() {
            let refusals = Vec::new();
            self.events.push_back(Event::Notice { warning: true, text, refusals });
        }
        self.tell_quorum(now);
    }

    /// Puts a frame into the datagrams for its destination and lane.
    fn address(&self, to: To, frame: Frame, batches: &mut Batches) {
        let receiver = match to {
            To::Member(id) => Some(id.node),
            // Who lives at a configured address is not known before it has spoken.
            To::All | To::Peer(_) => None,
        };
        let lane = if frame.is_data() { Lane::Data } else { Lane::Control };
        let mut put = |to, frame| batches.put((lane, to, receiver), frame);
        match to {
            To::All if self.setup.multicast => put(Destination::Multicast, frame),
            To::All => {
                for address in self.everybody() {
                    put(Destination::Unicast(address), frame.clone());
                }
            }
            To::Member(id) => {
                if let Some(address) = self.address_of(&id) {
                    put(Destination::Unicast(address), frame);
                }
            }
            To::Peer(node) => {
                // Without multicast they are among everybody already.
                if let (true, Some(&address)) = (self.setup.multicast, self.configured.get(&node)) {
                    put(Destination::Unicast(address), frame);
                }
            }
        }
    }

    pub(crate) fn address_of(&self, id: &MemberId) -> Option<SocketAddr> {
        self.gate
            .address_of(id)
            .or_else(|| self.engine.address_of(id))
            .or_else(|| self.configured.get(&id.node).copied())
            .filter(|address| address.port() != 0)
    }

    /// All known addresses but this node's own: of members where they are, of others where they
    /// are configured to be.
    fn everybody(&self) -> Vec<SocketAddr> {
        let member = |node: NodeId| {
            let view = self.engine.view()?;
            self.address_of(&view.member_of_node(node)?.id)
        };
        self.setup
            .peers
            .iter()
            .map(|peer| peer.id)
            .filter(|&node| node != self.me.node)
            .filter_map(|node| member(node).or_else(|| self.configured.get(&node).copied()))
            .collect()
    }

    fn tell(&mut self, now: Instant, event: Said) {
        match event {
            Said::View(change) => {
                self.gate.set_wire_version(change.wire_version);
                self.note_joined(now, &change);
                self.note_members(&change.view);
                self.services_enter(now, &change.view, &change.transitional);
                let came = |change: &cman_wire::frame::Change| Came {
                    node: change.node,
                    reason: change.reason,
                    evidence: sentence::evidence(change),
                };
                self.counted_anew |= change.amending.is_some();
                self.events.push_back(Event::View(ViewEvent {
                    text: sentence::view(&change),
                    reasons: change.changes.iter().map(came).collect(),
                    view: change.view,
                    transitional: change.transitional,
                    joined: change.joined,
                    left: change.left,
                    amending: change.amending,
                }));
            }
            Said::Deliver(deliver) => self.deliver(deliver),
            Said::Transitional(members) => {
                if self.setup.observe {
                    self.events.push_back(Event::Transitional(members));
                }
            }
            Said::Room => self.events.push_back(Event::Room),
            Said::Vouched(members) => {
                for member in &members {
                    self.gate.vouch(now, member);
                }
            }
            Said::Amended { ticket, result } => self.tell_amended(ticket, result),
            Said::Store { epoch_ceiling, removed, raised } => {
                let store = Store { epoch_ceiling, removed, raised };
                self.events.push_back(Event::Store(store));
            }
            Said::Fatal(fatal) => {
                let (text, refusal) = match fatal {
                    Fatal::Killed { by } => {
                        let text = format!(
                            "this node was put out of the cluster by an administrator on node {by}"
                        );
                        (text, None)
                    }
                    Fatal::Refused(refusal) => {
                        (sentence::refusal(&refusal, self.me.node), Some(refusal))
                    }
                };
                self.events.push_back(Event::Fatal { text, refusal });
            }
            Said::Left => self.events.push_back(Event::Left),
            Said::Notice(notice) => {
                let (warning, text) = sentence::notice(&notice, self.me.node);
                let refusals = refusal_in(&notice, self.me.node).into_iter().collect();
                self.events.push_back(Event::Notice { warning, text, refusals });
            }
        }
    }

    /// Lives that are no members any more must prove themselves anew.
    fn note_members(&mut self, view: &View) {
        let members: BTreeSet<MemberId> = view.ids().collect();
        let gone: Vec<MemberId> = self.members.difference(&members).copied().collect();
        self.gate.settle(&view.members, &gone);
        self.members = members;
    }

    fn note_joined(&mut self, now: Instant, change: &cman_proto::event::ViewChange) {
        let members = &change.view;
        self.joined_at.retain(|&node, _| members.member_of_node(node).is_some());
        for node in &change.joined {
            self.joined_at.insert(*node, now);
        }
        for node in members.nodes() {
            self.joined_at.entry(node).or_insert(now);
        }
    }

    /// Quorum is told when it changes, before anything else happens; and when votes are
    /// counted in another way.
    pub(crate) fn tell_quorum(&mut self, now: Instant) {
        let quorate = self.engine.is_quorate(now);
        let same = quorate == self.told_quorate;
        if same && !self.counted_anew {
            return;
        }
        self.told_quorate = quorate;
        self.counted_anew = false;
        let standing = self.standing(quorate);
        let text = if same { sentence::recount(&standing) } else { sentence::quorum(&standing) };
        let &ViewVotes { present: votes, expected, needed, .. } = self.engine.votes();
        self.events.push_back(Event::Quorum { quorate, votes, expected, needed, text });
    }

    /// What the strangers of a notice are refused for. Those that are not configured are none that
    /// have proved anything.
    fn refusals_of(&self, notice: &StrangerNotice) -> Vec<Refusal> {
        if notice.kind == StrangerKind::NotConfigured {
            return Vec::new();
        }
        let refusal = |stranger: &Stranger| Refusal {
            by: self.me.node,
            node: stranger.id.node,
            reason: RefuseReason::DuplicateNode,
            ours: 0,
            theirs: 0,
            other: Some(stranger.address),
        };
        notice.named.iter().map(refusal).collect()
    }

    /// Those who may belong here but are not configured are told so.
    fn refuse_strangers(&mut self) {
        for stranger in self.gate.strangers() {
            if stranger.kind == StrangerKind::NotConfigured {
                let refuse = Frame::Refuse(Refuse {
                    target: stranger.id,
                    reason: RefuseReason::NotConfigured,
                    ours: self.setup.config_version,
                    theirs: 0,
                    other: None,
                    retry_after: self.setup.token * 2,
                    quorate: self.told_quorate,
                });
                let to = Destination::Unicast(stranger.address);
                let receiver = Some(stranger.id.node);
                self.transmits.extend(self.gate.seal(to, receiver, Lane::Control, &[refuse]));
            }
        }
    }
}

/// The refusal that a notice tells of, if it does.
fn refusal_in(notice: &Notice, me: NodeId) -> Option<Refusal> {
    match notice {
        Notice::Refusing(refusal) | Notice::Refused(refusal) => Some(refusal.clone()),
        &Notice::HeldOff(node, _) => Some(Refusal {
            by: me,
            node,
            reason: RefuseReason::HeldOff,
            ours: 0,
            theirs: 0,
            other: None,
        }),
        Notice::Stalled(_)
        | Notice::CoordinatorLost(_)
        | Notice::Acting(_)
        | Notice::Disallowing(_)
        | Notice::MulticastDead(_)
        | Notice::AboveCeiling(_)
        | Notice::VotesStay => None,
    }
}

fn config_of(setup: &Setup, me: MemberId, seed: u64) -> Config {
    let stored = setup.epoch_ceiling.unwrap_or_default();
    Config {
        me: Member { id: me, address: setup.address },
        rules: VoteRules {
            votes: setup.peers.iter().map(|peer| (peer.id, peer.votes)).collect(),
            expected_votes: setup.expected_votes,
            two_node: setup.two_node,
            wait_for_all: setup.wait_for_all,
        },
        timing: Timing::new(setup.token),
        wire: setup.wire_versions,
        cluster_id: setup.cluster_id,
        config_version: setup.config_version,
        // The wall clock outruns the epochs, so a lost or rolled back state repeats none unless
        // the clock stepped back too.
        epoch_floor: stored.max(Epoch(setup.wall_seconds)),
        removed: setup.removed,
        raised: setup.raised,
        room: gate::ROOM - cman_wire::DATA_HEAD,
        seed,
    }
}
