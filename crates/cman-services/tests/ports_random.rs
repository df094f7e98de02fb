//! Nodes, ports and everything at random: clients that bind, send and die; views that split and
//! meet; nodes that die and return. At every step nodes that are in step hold the same and know
//! nothing of others (`cluster`); what each binder is told fits together; and at the end each of
//! them hears what is sent to it.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panic")]

mod cluster;

use bytes::Bytes;
use cluster::{Answer, Cluster, node_id};
use cman_services::{ClientEvent, PortEvent, PortRequest};
use cman_types::NodeId;
use std::{
    collections::{BTreeMap, BTreeSet},
    panic,
};

const SLOTS: u64 = 3;
const PORTS: [u8; 3] = [1, 2, 255];

/// What a binder knows.
struct Binder {
    port: u8,
    /// Where its port is bound and where not, as far as it was told; a node that left is not there.
    nodes: BTreeMap<NodeId, bool>,
    /// The last message of each session of a node.
    last: BTreeMap<(NodeId, u64), u64>,
}

struct Run {
    cluster: Cluster,
    nodes: u32,
    /// The present session of each slot of each node.
    sessions: BTreeMap<(u32, u64), u64>,
    next_session: u64,
    binders: BTreeMap<(u32, u64), Binder>,
    /// How many messages each session sent to each port of all.
    sent: BTreeMap<(u64, u8), u64>,
    heard: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut cluster = Cluster::new(seed);
        cluster.lossy = true;
        cluster.gated = cluster.prng.chance(500_000);
        let nodes = 2 + cluster.prng.below(5) as u32;
        (1..=nodes).for_each(|id| cluster.start(id));
        Self {
            cluster,
            nodes,
            sessions: BTreeMap::new(),
            next_session: 1,
            binders: BTreeMap::new(),
            sent: BTreeMap::new(),
            heard: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.cluster.prng.below(bound)
    }

    fn some_node(&mut self) -> u32 {
        let at = self.below(self.cluster.nodes.len() as u64);
        *self.cluster.nodes.keys().nth(at as usize).unwrap()
    }

    fn step(&mut self) {
        match self.below(1000) {
            0..8 => self.change_views(),
            8..10 => self.die(),
            10..14 => self.start(),
            14..400 => self.client(),
            400..650 => {
                let node = self.some_node();
                self.cluster.send(node);
            }
            _ => {
                let node = self.some_node();
                for _ in 0..=self.below(6) {
                    self.cluster.deliver(node);
                }
            }
        }
        self.hear();
    }

    /// All nodes fall into sides; each side becomes a view, or stays where it is for now.
    fn change_views(&mut self) {
        let sides = 1 + self.below(3);
        let mut side_of: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        let ids: Vec<_> = self.cluster.nodes.keys().copied().collect();
        for id in ids {
            side_of.entry(self.below(sides)).or_default().push(id);
        }
        for (_, side) in side_of {
            if self.below(8) > 0 {
                self.view(&side);
            }
        }
    }

    /// PT-08: binders learn of lost nodes by the view, after what the old one said.
    fn view(&mut self, side: &[u32]) {
        let from: BTreeMap<u32, Option<usize>> =
            side.iter().map(|id| (*id, self.cluster.nodes[id].stream)).collect();
        self.cluster.view(side);
        self.hear();
        for ((id, _), binder) in self.binders.iter_mut().filter(|((id, _), _)| side.contains(id)) {
            let along = |other: &NodeId| {
                let came = from[id].is_some() && from.get(&other.get()) == Some(&from[id]);
                other.get() == *id || came
            };
            binder.nodes.retain(|node, _| along(node));
            binder.last.retain(|(node, _), _| along(node));
        }
    }

    fn die(&mut self) {
        if self.cluster.nodes.len() > 1 {
            let node = self.some_node();
            self.cluster.crash(node);
            self.sessions.retain(|(id, _), _| *id != node);
            self.binders.retain(|(id, _), _| *id != node);
        }
    }

    fn start(&mut self) {
        if let Some(id) = (1..=self.nodes).find(|id| !self.cluster.nodes.contains_key(id)) {
            self.cluster.start(id);
        }
    }

    fn client(&mut self) {
        let node = self.some_node();
        let slot = self.below(SLOTS);
        let fresh = self.next_session;
        let session = *self.sessions.entry((node, slot)).or_insert(fresh);
        self.next_session += u64::from(session == fresh);
        let port = PORTS[self.below(PORTS.len() as u64) as usize];
        match self.below(20) {
            0 => {
                self.sessions.remove(&(node, slot));
                self.binders.remove(&(node, session));
                self.cluster.close(node, session);
            }
            1..5 => self.bind(node, session, port),
            _ => self.send(node, session, port),
        }
    }

    /// PT-03: refused if, and only if, the port or the client is taken.
    fn bind(&mut self, node: u32, session: u64, port: u8) {
        let in_the_way = |(&(id, who), binder): (&(u32, u64), &Binder)| {
            id == node && (who == session || binder.port == port)
        };
        let taken = self.binders.iter().any(in_the_way);
        let bound = self.cluster.ask_other(node, session, PortRequest::Bind { port });
        assert_eq!(bound.is_err(), taken, "node {node}: {bound:?}");
        if !taken {
            let binder = Binder { port, nodes: BTreeMap::new(), last: BTreeMap::new() };
            self.binders.insert((node, session), binder);
        }
    }

    fn send(&mut self, node: u32, session: u64, port: u8) {
        let number = self.sent.entry((session, port)).or_default();
        *number += 1;
        let text = [session.to_be_bytes(), number.to_be_bytes()].concat();
        let request = PortRequest::Send { to: None, port, payload: text.into() };
        self.cluster.ask_other(node, session, request).unwrap();
    }

    fn hear(&mut self) {
        let ids: Vec<_> = self.cluster.nodes.keys().copied().collect();
        for id in ids {
            for answer in self.cluster.answers(id) {
                self.heard(id, answer);
            }
        }
    }

    fn heard(&mut self, id: u32, answer: Answer) {
        let key = (id, answer.session.0);
        let ClientEvent::Port(event) = answer.event else { panic!("{answer:?}") };
        let Some(binder) = self.binders.get_mut(&key) else { panic!("{key:?} is told {event:?}") };
        self.heard += 1;
        let own = PortEvent::Opened { node: node_id(id) };
        let knows_itself = binder.nodes.contains_key(&node_id(id));
        assert!(knows_itself || event == own, "{key:?}: {event:?} before its own");
        match event {
            PortEvent::Opened { node } => {
                assert_ne!(binder.nodes.insert(node, true), Some(true), "{key:?}: +{node}");
            }
            PortEvent::Closed { node } => {
                assert_ne!(binder.nodes.insert(node, false), Some(false), "{key:?}: -{node}");
            }
            PortEvent::Message { node, payload, .. } => {
                let (session, number) = letter(&payload);
                let last = binder.last.insert((node, session), number);
                let next = last.map_or(number, |last| last + 1);
                assert_eq!(number, next, "{key:?}: of session {session} of node {node}");
            }
        }
    }

    /// All faults end: one view of all, and everything is sent and delivered. What each
    /// binder was told of its port is so, and it hears once what is sent to it.
    fn settle(&mut self) {
        let ids: Vec<_> = self.cluster.nodes.keys().copied().collect();
        self.view(&ids);
        self.cluster.run();
        self.hear();
        let mut bound: BTreeMap<u8, BTreeSet<NodeId>> = BTreeMap::new();
        for ((id, _), binder) in &self.binders {
            assert!(bound.entry(binder.port).or_default().insert(node_id(*id)));
        }
        for (key, binder) in &self.binders {
            for (node, is) in &binder.nodes {
                assert_eq!(*is, bound[&binder.port].contains(node), "{key:?}: node {node}");
            }
        }
        for id in &ids {
            let services = &self.cluster.nodes[id].services;
            assert_eq!(services.all_ports().count(), ids.len(), "node {id}");
            for port in PORTS {
                let known = services.all_ports().filter(|(_, ports)| ports.contains(port));
                let known: BTreeSet<_> = known.map(|(node, _)| node).collect();
                assert_eq!(known, bound.get(&port).cloned().unwrap_or_default(), "node {id}");
            }
        }
        let before = self.heard;
        for port in PORTS {
            self.send(ids[0], 0, port);
        }
        self.cluster.run();
        self.hear();
        assert_eq!(self.heard - before, self.binders.len() as u64);
    }

    /// PT-05: all clients go, and nothing is bound.
    fn end(&mut self) {
        self.settle();
        for (node, session) in core::mem::take(&mut self.binders).into_keys() {
            self.cluster.close(node, session);
        }
        self.cluster.run();
        for (id, node) in &self.cluster.nodes {
            let none = |(_, ports): (NodeId, &cman_services::PortSet)| ports.iter().eq([0]);
            assert!(node.services.all_ports().all(none), "node {id}");
        }
    }
}

fn letter(payload: &Bytes) -> (u64, u64) {
    let (session, number) = payload.split_first_chunk().unwrap();
    (u64::from_be_bytes(*session), u64::from_be_bytes(number.try_into().unwrap()))
}

/// How many events binders heard.
fn run(seed: u64, steps: u32) -> u64 {
    let mut run = Run::new(seed);
    for step in 0..steps {
        run.step();
        if step % 700 == 699 {
            run.settle();
        }
    }
    run.end();
    run.heard
}

fn run_all(seeds: impl Iterator<Item = u64>, steps: u32) {
    let mut heard = 0;
    for seed in seeds {
        match panic::catch_unwind(|| run(seed, steps)) {
            Ok(events) => heard += events,
            Err(_) => panic!("seed {seed} of {steps} steps"),
        }
    }
    assert!(heard > 10_000, "only {heard} events");
}

#[test]
fn random_ports() {
    run_all(0..60, 1500);
}
