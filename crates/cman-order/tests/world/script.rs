//! What happens in a run.

use crate::{MS, Net, Node, Random, US, World};
use cman_types::Instant;
use core::time::Duration;

/// No member ever holds more than this, in bytes: a full repair buffer, and full windows.
const HELD_MAX: usize = 100 << 20;

impl World {
    fn new(seed: u64, nodes: usize) -> Self {
        let mut random = Random::new(seed);
        let room = random.pick(&[200, 1300, 1300, 8900]);
        Self {
            now: Instant::ZERO,
            random,
            net: Net::new(),
            nodes: (0..nodes).map(|_| Node::new()).collect(),
            views: Vec::new(),
            room,
            held_max: 0,
        }
    }

    fn alive(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| self.nodes[*at].stream.is_some()).collect()
    }

    fn random_size(&mut self, large: bool) -> usize {
        match self.random.below(100) {
            0..60 => self.random.below(150),
            60..85 => self.random.below(2000),
            85..99 => self.random.below(20_000),
            _ if large => self.random.below(2 << 20),
            _ => self.random.below(100_000),
        }
    }

    /// All send now and then, for a while.
    fn chatter(&mut self, span: Duration, gap: Duration, safe_percent: u64) {
        let end = self.now + span;
        let mut large = 1;
        while self.now < end {
            let next = self.now + self.random.up_to(gap);
            self.run_until(next, |_| false);
            let alive = self.alive();
            let at = self.random.pick(&alive);
            let burst = if self.random.percent(10) { 30 } else { 1 };
            for _ in 0..burst {
                let size = self.random_size(large > 0);
                large -= i32::from(size > 1 << 19);
                let safe = self.random.percent(safe_percent);
                self.say(at, size, safe);
            }
        }
    }

    /// Whether nobody has anything to send, to deliver, or to say.
    fn is_idle(&self) -> bool {
        let idle = |node: &Node| {
            let Some(stream) = &node.stream else { return true };
            let log = &self.views[node.view].logs[node.me].items;
            let idle = stream.due() == Instant::FAR && node.wake == Instant::FAR;
            idle && stream.queue().is_empty()
                && self.alive().iter().all(|at| {
                    let other = &self.nodes[*at];
                    other.view != node.view
                        || self.views[other.view].logs[other.me].items.len() == log.len()
                })
        };
        self.net.due() == Instant::FAR && self.nodes.iter().all(idle)
    }

    /// In the end all are delivered, the same everywhere, and nothing is kept or said.
    fn finish(&mut self, within: Duration) {
        let end = self.now + within;
        let idle = self.run_until(end, Self::is_idle);
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(stream) = &node.stream else { continue };
            let (stats, due) = (stream.stats(), stream.due());
            assert!(idle, "liveness: node {at} of {:?}, due {due:?}: {stats:?}", self.now);
            assert_eq!(node.own_delivered, node.accepted.len(), "P3: node {at}");
            assert_eq!((stats.held_bytes, stats.refused), (0, 0), "node {at}");
            assert!(!node.was_refused, "R-45m: node {at} was told full, and never open");
        }
        let mut alive = self.alive();
        alive.dedup_by_key(|at| self.nodes[*at].view);
        for at in alive {
            let view = &self.views[self.nodes[at].view];
            let logs: Vec<_> = view
                .members
                .iter()
                .filter(|at| self.nodes[**at].stream.is_some())
                .map(|at| &view.logs[view.index_of(*at)].items)
                .collect();
            assert!(logs.windows(2).all(|pair| pair[0] == pair[1]), "P2: at the end");
        }
        self.views.iter().for_each(crate::check::View::check_safe);
        assert!(self.held_max <= HELD_MAX, "{} bytes held", self.held_max);
    }

    fn faults(&mut self) {
        self.net.loss_percent = self.random.pick(&[0, 1, 5, 20]);
        self.net.double_percent = self.random.pick(&[0, 0, 5, 20]);
        self.net.late_percent = self.random.pick(&[0, 0, 1, 20]);
        self.net.delay = self.random.pick(&[20 * US, 200 * US, 2 * MS]);
        self.net.cuts.clear();
        let count = self.nodes.len();
        for _ in 0..self.random.below(3) {
            let cut = (self.random.below(count), self.random.below(count));
            self.net.cuts.insert(cut);
        }
        if self.random.percent(20) {
            let at = self.random.below(count);
            self.nodes[at].asleep = self.now + self.random.up_to(300 * MS);
        }
    }

    /// Random parts that no longer hear each other.
    fn part(&mut self) {
        let sides = self.random.pick(&[1, 1, 2, 2, 3]);
        let mut groups = vec![Vec::new(); sides];
        for at in self.alive() {
            let side = self.random.below(sides);
            groups[side].push(at);
        }
        for (side, group) in groups.iter().enumerate() {
            for other in groups.iter().skip(side + 1).flatten() {
                for at in group {
                    self.net.cuts.insert((*at, *other));
                    self.net.cuts.insert((*other, *at));
                }
            }
        }
        // The cut comes before it is noticed.
        let unnoticed = self.random.up_to(30 * MS);
        self.chatter(unnoticed, MS, 20);
        let alive = self.alive();
        let crash = (self.random.percent(20) && alive.len() > 2).then(|| self.random.pick(&alive));
        // Where a cut within a group would keep its members from helping each other, it heals.
        let within: Vec<_> = groups.iter().flat_map(|group| pairs(group)).collect();
        self.net.cuts.retain(|cut| !within.contains(cut));
        self.change(&groups, crash);
    }
}

fn pairs(group: &[usize]) -> Vec<(usize, usize)> {
    group.iter().flat_map(|a| group.iter().map(|b| (*a, *b))).collect()
}

/// See [`crate::views_change_under_fire`].
pub(crate) fn storm(seed: u64) {
    let mut world = World::new(seed, 0);
    let count = 1 + world.random.below(6);
    world.nodes = (0..count).map(|_| Node::new()).collect();
    world.begin();
    for _ in 0..4 {
        world.faults();
        let span = world.random.up_to(100 * MS);
        world.chatter(span, 2 * MS, 20);
        world.part();
    }
    world.net.cuts.clear();
    let all = world.alive();
    world.change(&[all], None);
    world.chatter(20 * MS, MS, 20);
    world.finish(60_000 * MS);
}

/// See [`crate::a_third_of_all_frames_lost`].
pub(crate) fn lossy(seed: u64) {
    let mut world = World::new(seed, 2 + usize::try_from(seed % 4).unwrap());
    world.begin();
    world.net.loss_percent = 30;
    world.chatter(300 * MS, MS, 20);
    world.finish(10_000 * MS);
}

/// See [`crate::one_path_cut`].
pub(crate) fn one_path_cut(seed: u64) {
    let mut world = World::new(seed, 3 + usize::try_from(seed % 3).unwrap());
    world.begin();
    world.chatter(50 * MS, MS, 0);
    let (from, to) = loop {
        let (from, to) = (world.random.below(3), world.random.below(3));
        if from != to {
            break (from, to);
        }
    };
    world.net.cuts.insert((from, to));
    world.chatter(500 * MS, MS, 0);
    let end = world.now + 60 * MS;
    let all: usize = world.nodes.iter().map(|node| node.accepted.len()).sum();
    let delivered =
        world.run_until(end, |world| world.views[0].logs.iter().all(|log| log.items.len() == all));
    assert!(delivered, "nobody waits for {from} to {to}: {all} sent, {:?}", lengths(&world));
    world.net.cuts.clear();
    world.finish(10_000 * MS);
}

fn lengths(world: &World) -> Vec<usize> {
    world.views[0].logs.iter().map(|log| log.items.len()).collect()
}

/// See [`crate::a_deaf_member_is_put_out`].
pub(crate) fn deaf_member(seed: u64) {
    let mut world = World::new(seed, 4);
    world.begin();
    world.chatter(50 * MS, MS, 0);
    let coordinator = world.views[0].coordinator;
    let deaf = (coordinator + 1) % 4;
    for other in (0..4).filter(|other| *other != deaf) {
        world.net.cuts.insert((other, deaf));
    }
    let from = world.now;
    loop {
        world.chatter(10 * MS, MS, 20);
        let stream = world.nodes[coordinator].stream.as_ref().unwrap();
        if let Some(lagging) = stream.lagging(world.now) {
            let members = &world.views[0].members;
            assert_eq!(members[usize::from(lagging)], deaf);
            break;
        }
        assert!(world.now < from + 6000 * MS, "R-56o: never put out");
    }
    let others = (0..4).filter(|at| *at != deaf).collect();
    world.change(&[others, vec![deaf]], None);
    world.net.cuts.clear();
    world.change(&[vec![0, 1, 2, 3]], None);
    world.finish(10_000 * MS);
}
