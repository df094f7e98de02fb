//! Four engines in two pairs that do not hear each other at first. Frames travel as bytes, at once,
//! and as on a real network none that is too long.

use bytes::Bytes;
use cman_order::Message;
use cman_proto::{Config, Engine, Event, Output, To, Via};
use cman_quorum::{Timing, VoteRules};
use cman_types::{Epoch, Incarnation, Instant, Member, MemberId, NodeId, Salt};
use cman_wire::{Frame, MESSAGE_MAX, codec};
use core::{net::SocketAddr, time::Duration};
use std::collections::VecDeque;

/// Bytes of a frame in front of its body.
const HEAD: usize = 3;

pub(crate) const TOKEN: Duration = Duration::from_secs(2);
pub(crate) const PAIRS: [[usize; 2]; 2] = [[0, 1], [2, 3]];

/// A message as it was delivered: its sender, and its number among those of its sender.
pub(crate) type Delivered = (NodeId, u64);

struct Node {
    engine: Engine,
    /// Up to which epoch it has reserved.
    ceiling: Epoch,
    sent: u64,
    delivered: Vec<Delivered>,
}

pub(crate) struct Pairs {
    now: Instant,
    nodes: Vec<Node>,
    parted: bool,
    on_their_way: VecDeque<(usize, usize, Via, Vec<u8>)>,
    /// Frames that were too long to be sent.
    pub(crate) too_long: usize,
}

impl Pairs {
    /// Each pair has its view.
    pub(crate) fn formed() -> Self {
        let now = Instant::ZERO + TOKEN;
        let node = |at| {
            let engine = Engine::new(now, config(at));
            Node { engine, ceiling: Epoch(0), sent: 0, delivered: Vec::new() }
        };
        let nodes = (0..4).map(node).collect();
        let on_their_way = VecDeque::new();
        let mut world = Self { now, nodes, parted: true, on_their_way, too_long: 0 };
        world.settle();
        let formed = |world: &Self| PAIRS.iter().all(|pair| world.is_view(pair));
        assert!(world.run_until(TOKEN * 5, formed), "each pair for itself");
        world
    }

    /// The pairs hear each other from now on.
    pub(crate) fn heal(&mut self) {
        self.parted = false;
    }

    /// A client sends the next message of a node.
    pub(crate) fn send(&mut self, at: usize, safe: bool) {
        let node = &mut self.nodes[at];
        node.sent += 1;
        let payload = Bytes::copy_from_slice(&node.sent.to_be_bytes());
        node.engine.send_message(self.now, Message { payload, safe }).unwrap();
        self.settle();
    }

    /// What a node delivered, in order.
    pub(crate) fn delivered(&self, at: usize) -> &[Delivered] {
        &self.nodes[at].delivered
    }

    /// A node is told something that its peer never said.
    pub(crate) fn tell(&mut self, from: usize, to: usize, frame: Frame) {
        let engine = &mut self.nodes[to].engine;
        engine.handle_frame(self.now, life(from), address(from), Via::Unicast, frame);
        self.settle();
    }

    /// Up to which epochs the nodes have reserved.
    pub(crate) fn ceilings(&self) -> Vec<Epoch> {
        self.nodes.iter().map(|node| node.ceiling).collect()
    }

    /// Whether all work in one view.
    pub(crate) fn is_one(&self) -> bool {
        self.is_view(&PAIRS.concat())
    }

    fn is_view(&self, nodes: &[usize]) -> bool {
        let view = |at: usize| {
            let engine = &self.nodes[at].engine;
            engine.view().filter(|_| engine.is_working())
        };
        let first = view(nodes[0]);
        let wanted = nodes.iter().map(|&at| life(at).node);
        first.is_some_and(|first| first.nodes().eq(wanted))
            && nodes.iter().all(|&at| view(at) == first)
    }

    /// Time passes.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(time, |world| world.due() > end);
        self.now = end;
    }

    /// Time passes until this holds, or is over. Whether it holds.
    pub(crate) fn run_until(&mut self, time: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + time;
        while !holds(self) {
            let due = self.due();
            if due > end {
                return false;
            }
            self.now = self.now.max(due);
            self.settle();
        }
        true
    }

    fn due(&self) -> Instant {
        self.nodes.iter().map(|node| node.engine.poll_timeout()).min().unwrap_or(Instant::FAR)
    }

    /// Everything arrives, and who wants to be called is.
    fn settle(&mut self) {
        loop {
            for at in 0..self.nodes.len() {
                self.take_outputs(at);
            }
            if let Some((from, to, via, bytes)) = self.on_their_way.pop_front() {
                let (kind, body) = (bytes[0], &bytes[HEAD..]);
                let frame = codec::decode_long(codec::WIRE_VERSION, kind, body).unwrap().unwrap();
                let engine = &mut self.nodes[to].engine;
                engine.handle_frame(self.now, life(from), address(from), via, frame);
                engine.handle_drained(self.now);
                continue;
            }
            let due = |node: &&mut Node| node.engine.poll_timeout() <= self.now;
            let Some(node) = self.nodes.iter_mut().find(due) else { return };
            node.engine.handle_timeout(self.now);
        }
    }

    fn take_outputs(&mut self, at: usize) {
        while let Some(output) = self.nodes[at].engine.poll_output() {
            match output {
                Output::Send { to, frame } => self.route(at, to, &frame),
                Output::Event(Event::Store { epoch_ceiling, removed, .. }) => {
                    self.nodes[at].ceiling = epoch_ceiling;
                    self.nodes[at].engine.handle_stored(self.now, epoch_ceiling, removed);
                }
                Output::Event(Event::Deliver(deliver)) => {
                    let number = deliver.payload.as_ref().try_into().unwrap();
                    let delivered = (deliver.sender.node, u64::from_be_bytes(number));
                    self.nodes[at].delivered.push(delivered);
                }
                Output::Event(_) => {}
            }
        }
    }

    fn route(&mut self, from: usize, to: To, frame: &Frame) {
        // Acknowledgements are lost: nothing is ever stable.
        if matches!(frame, Frame::Ack(_)) {
            return;
        }
        let mut bytes = Vec::new();
        codec::encode(frame, &mut bytes);
        if bytes.len() - HEAD > MESSAGE_MAX {
            self.too_long += 1;
            return;
        }
        let via = if to == To::All { Via::Multicast } else { Via::Unicast };
        for target in (0..self.nodes.len()).filter(|&target| target != from) {
            let meant = match to {
                To::All => true,
                To::Member(id) => id == life(target),
                To::Peer(node) => node == life(target).node,
            };
            if meant && (!self.parted || from / 2 == target / 2) {
                self.on_their_way.push_back((from, target, via, bytes.clone()));
            }
        }
    }
}

fn life(at: usize) -> MemberId {
    let number = u32::try_from(at + 1).unwrap();
    let salt = Salt([u8::try_from(number).unwrap(); 16]);
    MemberId {
        node: NodeId::new(number).unwrap(),
        incarnation: Incarnation(u64::from(number)),
        salt,
    }
}

fn address(at: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(at + 1).unwrap()], 5405))
}

fn config(at: usize) -> Config {
    Config {
        me: Member { id: life(at), address: address(at) },
        rules: VoteRules {
            votes: (0..4).map(|at| (life(at).node, 1)).collect(),
            expected_votes: 4,
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
        seed: u64::try_from(at).unwrap(),
    }
}
