//! Three engines, a network and a clock.

use bytes::Bytes;
use cman_proto::{Config, Engine, Event, Output, To, Via};
use cman_quorum::{Timing, VoteRules};
use cman_types::{Epoch, Incarnation, Instant, Member, MemberId, NodeId, Salt};
use cman_wire::Frame;
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use crate::{
    fault::Fault,
    history::Deed,
    packet::{Packet, Place, is_explored, subject},
};

/// How many nodes there are.
pub const NODES: usize = 3;

/// The token of all nodes: the default.
pub const TOKEN: Duration = Duration::from_secs(2);

/// How often a node may want to be called again at one moment before that is a fault.
const ROUNDS_MAX: u32 = 64;

/// What becomes of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Road {
    /// All arrive at once.
    Open,
    /// What is explored waits, the rest arrives at once.
    Watched,
    /// What is explored waits, the rest is lost.
    Still,
}

/// A node.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Node {
    /// None before it starts, and when it is dead or has left.
    pub engine: Option<Arc<Engine>>,
    /// What its clients saw.
    pub history: Arc<Vec<Deed>>,
}

/// Three engines, a network and a clock, which all nodes share.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    /// What time it is, at all nodes.
    pub now: Instant,
    /// The nodes.
    pub nodes: [Node; NODES],
    /// Frames that are explored and on their way: two that are alike are one.
    pub packets: BTreeSet<Packet>,
    /// What was sent: by whom, and what it says.
    pub sent: Vec<(Place, u8)>,
    /// What is broken.
    pub fault: Fault,
    /// What arrives at once and has not yet.
    queue: VecDeque<Packet>,
    /// Who alone hears hellos; all do if there is none.
    host: Option<Place>,
}

/// The id of the node at this place.
#[must_use]
pub fn node_id(place: Place) -> NodeId {
    let number = u32::try_from(place).unwrap_or(0).saturating_add(1);
    NodeId::new(number).unwrap_or_else(|| unreachable!("above 0: {:?}", NonZeroU32::MIN))
}

/// The only life of the node at this place. The first node lives longest, and so coordinates.
#[must_use]
pub fn life(place: Place) -> MemberId {
    let node = node_id(place);
    let mut salt = Salt::default();
    salt.0[15] = u8::try_from(place).unwrap_or(0);
    MemberId { node, incarnation: Incarnation(u64::from(node.get())), salt }
}

fn address(place: Place) -> SocketAddr {
    let port = u16::try_from(place).unwrap_or(0).saturating_add(5000);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn config(place: Place) -> Config {
    Config {
        me: Member { id: life(place), address: address(place) },
        rules: VoteRules {
            votes: (0..NODES).map(|place| (node_id(place), 1)).collect(),
            expected_votes: u32::try_from(NODES).unwrap_or(0),
            two_node: false,
            wait_for_all: false,
        },
        timing: Timing::new(TOKEN),
        wire: (1, 1),
        cluster_id: 1,
        config_version: 1,
        epoch_floor: Epoch(0),
        removed: false,
        raised: Epoch(0),
        room: 1300,
        seed: u64::from(node_id(place).get()),
    }
}

fn hand_over(engine: &mut Engine, now: Instant, from: Place, via: Via, frame: Frame) {
    engine.handle_frame(now, life(from), address(from), via, frame);
    engine.handle_drained(now);
}

/// Whether a node stays as it is and says nothing when a frame arrives.
fn is_ignored(engine: &Engine, now: Instant, packet: &Packet, frame: Frame) -> bool {
    let mut after = engine.clone();
    hand_over(&mut after, now, packet.from, Via::Unicast, frame);
    after == *engine
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Nobody has started yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: Instant::ZERO + TOKEN,
            nodes: Default::default(),
            packets: BTreeSet::new(),
            sent: Vec::new(),
            fault: Fault::None,
            queue: VecDeque::new(),
            host: None,
        }
    }

    /// Starts a node, and everything arrives at once.
    pub fn begin(&mut self, place: Place) {
        self.begin_on(place, Road::Open);
    }

    /// Starts a node; if that makes somebody propose a view, the proposal waits on its way. Only
    /// `host` hears its first hello: nobody passes that on, and learns a second way to the new
    /// node by it.
    pub fn begin_quietly(&mut self, place: Place, host: Place) {
        self.host = Some(host);
        self.begin_on(place, Road::Watched);
        self.host = None;
    }

    fn begin_on(&mut self, place: Place, road: Road) {
        self.nodes[place].engine = Some(Arc::new(Engine::new(self.now, config(place))));
        self.settle(place, road);
        self.arrive_all(road);
    }

    /// The engine at this place, if it lives.
    #[must_use]
    pub fn engine(&self, place: Place) -> Option<&Engine> {
        self.nodes.get(place)?.engine.as_deref()
    }

    /// The places whose nodes live.
    pub fn living(&self) -> impl Iterator<Item = Place> + '_ {
        (0..NODES).filter(|&place| self.engine(place).is_some())
    }

    /// A node dies. What it said is still on its way.
    pub fn crash(&mut self, place: Place) {
        self.nodes[place].engine = None;
        self.packets.retain(|packet| packet.to != place);
    }

    /// A client of a node sends a message. Its units wait on their way.
    pub fn send(&mut self, place: Place, says: u8) {
        self.sent.push((place, says));
        let message = cman_order::Message { payload: Bytes::from(vec![says]), safe: false };
        self.act(place, |engine, now| {
            let taken = engine.send_message(now, message);
            assert!(taken.is_ok(), "one message always has room");
        });
    }

    /// An administrator or client asks a node for something; what it says waits on its way.
    pub fn act(&mut self, place: Place, what: impl FnOnce(&mut Engine, Instant)) {
        self.tell(place, what);
        self.settle(place, Road::Still);
    }

    /// A frame arrives.
    pub fn deliver(&mut self, packet: &Packet) {
        self.packets.remove(packet);
        self.take(packet, Road::Still);
        self.sweep();
    }

    /// Forgets frames that can change nothing any more, so that states which differ by them only
    /// are one. That they change nothing is tried, not believed.
    fn sweep(&mut self) {
        let spent = |packet: &&Packet| {
            let Some(engine) = self.engine(packet.to) else { return false };
            let frame = packet.frame();
            let Some((subject, view)) = subject(&frame).zip(engine.view()) else { return false };
            subject.epoch < view.id.epoch && is_ignored(engine, self.now, packet, frame)
        };
        for packet in self.packets.iter().filter(spent).cloned().collect::<Vec<_>>() {
            self.packets.remove(&packet);
        }
    }

    /// Histories begin anew, with the views in which nodes are.
    pub fn forget(&mut self) {
        for node in &mut self.nodes {
            let is_view = |deed: &&Deed| matches!(deed, Deed::View { .. });
            let last = node.history.iter().rev().find(is_view).cloned();
            node.history = Arc::new(last.into_iter().collect());
        }
    }

    /// All frames of this kind that are on their way arrive.
    pub fn let_arrive(&mut self, meant: impl Fn(&Frame) -> bool) {
        let waiting = self.packets.iter().filter(|packet| meant(&packet.frame()));
        for packet in waiting.cloned().collect::<Vec<_>>() {
            self.deliver(&packet);
        }
    }

    /// Time passes until somebody says something new or a client sees something, for two tokens at
    /// most. False if nothing of that happens.
    pub fn pass(&mut self) -> bool {
        let end = self.now + TOKEN * 2;
        let before = self.packets.clone();
        let seen = self.seen();
        while self.step(Road::Watched) && self.now <= end {
            if self.packets.iter().any(|packet| !before.contains(packet)) || self.seen() != seen {
                return true;
            }
        }
        false
    }

    /// Everything arrives at once, until this holds or the time is over. Whether it holds.
    pub fn run_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        for packet in core::mem::take(&mut self.packets) {
            self.take(&packet, Road::Open);
        }
        while !holds(self) {
            if self.now > end || !self.step(Road::Open) {
                return false;
            }
        }
        true
    }

    /// Everything arrives at once, up to the moment before somebody proposes a view. Whether
    /// anybody does, before the time is over.
    pub fn run_to_proposal(&mut self, limit: Duration) -> bool {
        let end = self.now + limit;
        while self.now <= end {
            let mut ahead = self.clone();
            if !ahead.step(Road::Watched) {
                return false;
            }
            let proposes = |packet: &Packet| matches!(packet.frame(), Frame::Propose(_));
            if ahead.packets.iter().any(proposes) {
                return true;
            }
            self.step(Road::Open);
        }
        false
    }

    /// Whether all that live work in one view of nobody else.
    #[must_use]
    pub fn is_united(&self) -> bool {
        let living: Vec<NodeId> = self.living().map(node_id).collect();
        let mut views = self.living().filter_map(|place| self.engine(place)).map(|engine| {
            let view = engine.view().filter(|_| engine.is_working())?;
            Some((view.id, view.nodes().collect::<Vec<_>>()))
        });
        let Some(first) = views.next() else { return true };
        first.as_ref().is_some_and(|(_, nodes)| *nodes == living) && views.all(|view| view == first)
    }

    // --- the machinery ----------------------------------------------------------------------

    fn seen(&self) -> usize {
        self.nodes.iter().map(|node| node.history.len()).sum()
    }

    /// Time goes on to when somebody wants to be called next.
    fn step(&mut self, road: Road) -> bool {
        let due = |world: &Self, place| world.engine(place).map(Engine::poll_timeout);
        let Some(next) = (0..NODES).filter_map(|place| due(self, place)).min() else {
            return false;
        };
        if next == Instant::FAR {
            return false;
        }
        self.now = self.now.max(next);
        for place in 0..NODES {
            if due(self, place).is_some_and(|at| at <= self.now) {
                self.settle(place, road);
            }
        }
        self.arrive_all(road);
        true
    }

    fn arrive_all(&mut self, road: Road) {
        while let Some(packet) = self.queue.pop_front() {
            self.take(&packet, road);
        }
    }

    fn take(&mut self, packet: &Packet, road: Road) {
        let via = if packet.multicast { Via::Multicast } else { Via::Unicast };
        let (from, frame) = (packet.from, packet.frame());
        self.tell(packet.to, |engine, now| hand_over(engine, now, from, via, frame));
        self.settle(packet.to, road);
    }

    fn tell(&mut self, place: Place, what: impl FnOnce(&mut Engine, Instant)) {
        if let Some(engine) = &mut self.nodes[place].engine {
            what(Arc::make_mut(engine), self.now);
        }
    }

    /// Takes over what a node wants, and calls it as long as it wants to be called now.
    fn settle(&mut self, place: Place, road: Road) {
        for _ in 0..ROUNDS_MAX {
            self.drain(place, road);
            let Some(engine) = self.engine(place) else { return };
            if engine.has_ended() {
                self.crash(place);
                return;
            }
            if engine.poll_timeout() > self.now {
                return;
            }
            self.tell(place, Engine::handle_timeout);
        }
        panic!("node {} wants to be called at {:?} for ever", node_id(place), self.now);
    }

    fn drain(&mut self, place: Place, road: Road) {
        loop {
            let Some(engine) = &mut self.nodes[place].engine else { return };
            let Some(output) = Arc::make_mut(engine).poll_output() else { return };
            match output {
                Output::Send { to, frame } => self.route(place, to, &frame, road),
                Output::Event(Event::Store { epoch_ceiling, removed, .. }) => {
                    self.tell(place, |engine, now| {
                        engine.handle_stored(now, epoch_ceiling, removed);
                    });
                }
                Output::Event(event) => {
                    if let Some(deed) = Deed::of(&event) {
                        Arc::make_mut(&mut self.nodes[place].history).push(deed);
                    }
                }
            }
        }
    }

    fn route(&mut self, from: Place, to: To, frame: &Frame, road: Road) {
        for target in (0..NODES).filter(|&target| target != from) {
            let meant = match to {
                To::All => true,
                To::Member(id) => id == life(target),
                To::Peer(node) => node == node_id(target),
            };
            let unheard =
                matches!(frame, Frame::Hello(_)) && self.host.is_some_and(|h| h != target);
            if !meant || unheard || self.engine(target).is_none() {
                continue;
            }
            let mut frame = frame.clone();
            self.fault.twist(from, target, &mut frame);
            let packet = Packet::new(from, target, to == To::All, &frame);
            match road {
                Road::Still | Road::Watched if is_explored(&frame) => {
                    self.packets.insert(packet);
                }
                Road::Still => {}
                Road::Watched | Road::Open => self.queue.push_back(packet),
            }
        }
    }
}
