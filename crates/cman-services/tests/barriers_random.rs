//! Nodes, barriers and everything at random: clients that register, wait, give up, delete and die;
//! views that split and meet; nodes that die and return. At every step nodes that are in step hold
//! the same (`cluster`), clients are answered once, and nobody passes a barrier that a member of
//! its view has not come to.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panic")]

mod cluster;

use bytes::Bytes;
use cluster::{Answer, Cluster, history::Tag, node_id};
use cman_services::{
    BarrierChange, BarrierError, BarrierEvent, BarrierName, BarrierOptions, BarrierRequest,
    ClientEvent, FenceEvent, FenceRequest,
};
use cman_types::Instant;
use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    panic,
};

const SLOTS: u64 = 3;

/// What a client asked for and was not told yet.
#[derive(Clone, PartialEq, Debug)]
enum Asked {
    /// Anything but to wait.
    Barrier(BarrierName),
    Fence,
    Wait {
        name: BarrierName,
        /// Whether its node had a claim then. Otherwise the barrier may be complete already.
        claimed: bool,
    },
}

struct Run {
    cluster: Cluster,
    nodes: u32,
    names: u64,
    /// The present session of each slot of each node.
    sessions: BTreeMap<(u32, u64), u64>,
    next_session: u64,
    asked: BTreeMap<(u32, u64), Asked>,
    /// Where clients of a node passed a barrier.
    passed: BTreeSet<(u32, BarrierName, Tag)>,
    /// Whose clients went while they waited: others may not have heard of it yet.
    gone: BTreeSet<(u32, BarrierName)>,
    /// How many members were asked whether they came.
    checked: u64,
    /// How many waits ended, by how they did.
    ends: BTreeMap<&'static str, u64>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut cluster = Cluster::new(seed);
        cluster.lossy = true;
        cluster.gated = cluster.prng.chance(500_000);
        let nodes = 2 + cluster.prng.below(4) as u32;
        let names = 1 + cluster.prng.below(3);
        (1..=nodes).for_each(|id| cluster.start(id));
        Self {
            cluster,
            nodes,
            names,
            sessions: BTreeMap::new(),
            next_session: 1,
            asked: BTreeMap::new(),
            passed: BTreeSet::new(),
            gone: BTreeSet::new(),
            checked: 0,
            ends: BTreeMap::new(),
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
            0..6 => self.change_views(),
            6..8 => self.die(),
            8..14 => self.start(),
            14..44 => self.cluster.wait(Duration::from_secs(1)),
            44..400 => self.client(),
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

    /// All nodes fall into sides, each a view.
    fn change_views(&mut self) {
        let sides = 1 + self.below(2);
        let mut side_of: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        let ids: Vec<_> = self.cluster.nodes.keys().copied().collect();
        for id in ids {
            side_of.entry(self.below(sides)).or_default().push(id);
        }
        for (_, side) in side_of {
            self.cluster.view(&side);
        }
    }

    fn die(&mut self) {
        if self.cluster.nodes.len() > 1 {
            let node = self.some_node();
            self.cluster.crash(node);
            self.sessions.retain(|(id, _), _| *id != node);
            self.asked.retain(|(id, _), _| *id != node);
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
        if self.below(100) < 4 {
            self.close(node, slot);
            return;
        }
        // A client says one thing at a time.
        if self.asked.contains_key(&(node, session)) {
            return;
        }
        if self.below(100) < 2 {
            let of = node_id(1 + self.below(self.nodes.into()) as u32);
            let (at, agent) = (self.below(9), Bytes::from_static(b"agent"));
            let request = FenceRequest::Note { node: of, at, agent };
            self.cluster.ask_other(node, session, request).unwrap();
            self.asked.insert((node, session), Asked::Fence);
            return;
        }
        let request = self.request();
        // Before the answer, which may come at once.
        let asked = self.asked_for(node, &request);
        self.asked.insert((node, session), asked);
        if self.cluster.ask_other(node, session, request).is_err() {
            self.asked.remove(&(node, session));
        }
    }

    fn asked_for(&self, node: u32, request: &BarrierRequest) -> Asked {
        let name = request.name().clone();
        if !matches!(request, BarrierRequest::Wait { .. }) {
            return Asked::Barrier(name);
        }
        let mut claims = self.cluster.nodes[&node].services.barriers();
        let claimed = claims.any(|(of, by, _)| *of == name && by == node_id(node));
        Asked::Wait { name, claimed }
    }

    fn close(&mut self, node: u32, slot: u64) {
        let Some(session) = self.sessions.remove(&(node, slot)) else { return };
        self.cluster.close(node, session);
        if let Some(Asked::Wait { name, .. }) = self.asked.remove(&(node, session)) {
            self.gone.insert((node, name));
        }
    }

    /// Most barriers are for all and have nothing but waits; one is everything.
    fn request(&mut self) -> BarrierRequest {
        let at = self.below(self.names + 1) as u8;
        let plain = u64::from(at) < self.names;
        let name = BarrierName::new(&[b'a' + at]).unwrap();
        let nodes = if plain { 0 } else { [0, 2, 2, 3][self.below(4) as usize] };
        match self.below(100) {
            0..30 => {
                let autodelete = self.below(2) == 0;
                let options = BarrierOptions { autodelete, enabled: !plain && self.below(8) == 0 };
                BarrierRequest::Register { name, nodes, options }
            }
            30..80 => BarrierRequest::Wait { name },
            80..84 => BarrierRequest::Delete { name },
            _ => {
                let change = match self.below(if plain { 3 } else { 5 }) {
                    0 => BarrierChange::Autodelete(true),
                    1 | 2 => BarrierChange::Timeout(self.below(3) as u32),
                    3 => BarrierChange::Enable,
                    _ => BarrierChange::Nodes(nodes),
                };
                BarrierRequest::Change { name, change }
            }
        }
    }

    fn hear(&mut self) {
        let ids: Vec<_> = self.cluster.nodes.keys().copied().collect();
        for id in ids {
            for answer in self.cluster.answers(id) {
                self.heard(id, answer);
            }
        }
    }

    /// BR-05: each request is answered once.
    fn heard(&mut self, id: u32, answer: Answer) {
        let asked = self.asked.remove(&(id, answer.session.0));
        match (&answer.event, asked) {
            (ClientEvent::Fence(FenceEvent::Noted { .. }), Some(Asked::Fence)) => {}
            (ClientEvent::Barrier(event), Some(Asked::Barrier(name))) => {
                assert_eq!(event.name, name);
            }
            (ClientEvent::Barrier(event), Some(Asked::Wait { name, claimed })) => {
                assert_eq!(event.name, name);
                self.wait_ended(id, &answer, event, claimed);
            }
            (event, asked) => panic!("node {id}: {event:?} for {asked:?}"),
        }
    }

    fn wait_ended(&mut self, id: u32, answer: &Answer, event: &BarrierEvent, claimed: bool) {
        let how = match &event.result {
            Ok(()) if !claimed => "passed perhaps before",
            Ok(()) => "passed",
            Err(BarrierError::NodeLost { .. }) => "node lost",
            Err(BarrierError::NotFound { .. }) => "not found",
            Err(BarrierError::TimedOut { .. }) => "timed out",
            Err(error) => panic!("{error}"),
        };
        *self.ends.entry(how).or_default() += 1;
        if event.result.is_ok() {
            self.passed.insert((id, event.name.clone(), answer.tag));
        }
        if how == "passed" {
            self.check_all_came(answer, &event.name);
        }
    }

    /// BR-10, BR-11: every member of the view has come. It waits, unless it passed at the same
    /// place, or its clients went meanwhile. Of those who are in another view by now nothing is
    /// known.
    fn check_all_came(&mut self, answer: &Answer, name: &BarrierName) {
        let plain = u64::from(name.as_bytes()[0] - b'a') < self.names;
        let (Tag::View(stream) | Tag::Message(stream, _)) = answer.tag else { return };
        for member in answer.members.iter().filter(|_| plain) {
            let id = member.node.get();
            let node = self.cluster.nodes.get(&id);
            if !node.is_some_and(|node| node.id == *member && node.stream == Some(stream)) {
                continue;
            }
            self.checked += 1;
            let waits = |((at, _), asked): (&(u32, u64), &Asked)| {
                *at == id && matches!(asked, Asked::Wait { name: of, .. } if of == name)
            };
            let came = self.passed.contains(&(id, name.clone(), answer.tag))
                || self.gone.contains(&(id, name.clone()))
                || self.asked.iter().any(waits);
            assert!(came, "node {id} did not come to {name}, but {answer:?}");
        }
    }

    /// All faults end: one view of all, and everything is sent and delivered. Nothing is under way
    /// then but waits, and these are what the claims say.
    fn settle(&mut self) {
        let ids: Vec<_> = self.cluster.nodes.keys().copied().collect();
        self.cluster.view(&ids);
        self.cluster.run();
        self.hear();
        self.gone.clear();
        let mut waiting = BTreeSet::new();
        for ((id, session), asked) in &self.asked {
            let Asked::Wait { name, .. } = asked else {
                panic!("session {session} of node {id} has no answer to {asked:?}");
            };
            waiting.insert((name.clone(), *id));
        }
        for id in &ids {
            let claims = self.cluster.nodes[id].services.barriers();
            let claims = claims.filter(|(_, _, claim)| claim.waiting && !claim.enabled);
            let claims: BTreeSet<_> =
                claims.map(|(name, node, _)| (name.clone(), node.get())).collect();
            assert!(claims.is_subset(&waiting), "node {id}: {claims:?}, waits: {waiting:?}");
        }
    }

    /// BR-15: everybody goes, and nothing is left.
    fn end(&mut self) {
        self.settle();
        let slots: Vec<_> = self.sessions.keys().copied().collect();
        for (node, slot) in slots {
            self.close(node, slot);
        }
        self.cluster.run();
        for (id, node) in &self.cluster.nodes {
            assert_eq!(node.services.barriers().count(), 0, "node {id}");
            assert_eq!(node.services.due(), Instant::FAR, "node {id}");
        }
    }
}

/// How many members were checked, and how waits ended.
fn run(seed: u64, steps: u32) -> (u64, BTreeMap<&'static str, u64>) {
    let mut run = Run::new(seed);
    for step in 0..steps {
        run.step();
        if step % 700 == 699 {
            run.settle();
        }
    }
    run.end();
    (run.checked, run.ends)
}

fn run_all(seeds: impl Iterator<Item = u64>, steps: u32) {
    let mut checked = 0;
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in seeds {
        let (more, how) = panic::catch_unwind(|| run(seed, steps)).unwrap_or_else(|_| {
            panic!("seed {seed} fails; repeat with SERVICES_SEED={seed}");
        });
        checked += more;
        for (how, count) in how {
            *ends.entry(how).or_default() += count;
        }
    }
    assert!(checked > 200, "a run in which nobody passes proves nothing: {checked}");
    let rare = ends.values().any(|count| *count < 10);
    assert!(ends.len() == 5 && !rare, "{ends:?}");
}

#[test]
fn all_come_everywhere() {
    run_all(1..=60, 2_000);
}

/// Seeds that nobody has seen; or the one of `SERVICES_SEED`, or as many as `SERVICES_SEEDS` says.
#[test]
fn all_come_everywhere_by_chance() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("SERVICES_SEED") {
        run(seed, 2_000);
        return;
    }
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let first = clock.as_nanos() as u64;
    let count = number("SERVICES_SEEDS").unwrap_or(20);
    run_all((0..count).map(|at| first.wrapping_add(at)), 2_000);
}
