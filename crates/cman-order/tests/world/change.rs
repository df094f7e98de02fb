//! View changes: what the engine does around streams, without its ballots.

use crate::{
    MS, World,
    check::{View, When},
};
use cman_order::{Queue, Setup, Stream, plan};
use cman_types::{Epoch, Incarnation, MemberId, NodeId, Salt, ViewId};
use cman_wire::frame::{Holdings, Ordered};
use std::collections::{BTreeMap, BTreeSet};

/// How the view of a lineage ends.
struct Ending {
    /// The nodes.
    lineage: Vec<usize>,
    sequence: Vec<Ordered>,
    stable: u64,
}

impl World {
    /// The first view: all nodes.
    pub(crate) fn begin(&mut self) {
        let members: Vec<usize> = (0..self.nodes.len()).collect();
        let coordinator = self.random.below(members.len());
        let view = self.new_view(&members, coordinator);
        for node in members {
            self.open(node, view, Queue::new());
        }
    }

    fn new_view(&mut self, members: &[usize], coordinator: usize) -> usize {
        let node = NodeId::new(u32::try_from(coordinator).unwrap() + 1).unwrap();
        let coordinator_id = MemberId { node, incarnation: Incarnation(1), salt: Salt::default() };
        let epoch = Epoch(self.views.len() as u64 + 1);
        let id = ViewId { epoch, coordinator: coordinator_id };
        let starts = vec![0; members.len()];
        self.views.push(View::new(id, members.to_vec(), coordinator, starts));
        self.views.len() - 1
    }

    fn open(&mut self, at: usize, view: usize, queue: Queue) {
        let seed = self.random.next();
        let new = &mut self.views[view];
        let index = |node| u16::try_from(new.members.binary_search(&node).unwrap()).unwrap();
        let setup = Setup {
            view: new.id,
            members: new.members.len(),
            me: index(at),
            coordinator: index(new.coordinator),
            room: self.room,
            beat: 167 * MS,
            token: 2000 * MS,
            seed,
        };
        let node = &mut self.nodes[at];
        (node.view, node.me) = (view, usize::from(setup.me));
        new.starts[node.me] = node.own_delivered;
        node.stream = Some(Stream::open(self.now, setup, queue));
    }

    /// All nodes of the groups leave their views, each group for a view of its own. Nodes may
    /// crash on the way, and ballots may die.
    pub(crate) fn change(&mut self, groups: &[Vec<usize>], crash: Option<usize>) {
        self.freeze(groups);
        if let Some(crash) = crash {
            self.crash(crash);
        }
        for group in groups {
            let alive = |world: &Self| {
                let alive = group.iter().copied().filter(|at| world.nodes[*at].stream.is_some());
                alive.collect::<Vec<_>>()
            };
            // A ballot that dies: with some, and for a short time.
            if self.random.percent(30) {
                let mut some = alive(self);
                some.retain(|_| self.random.percent(70));
                self.recover(&some);
                let end = self.now + self.random.up_to(5 * MS);
                self.run_until(end, |_| false);
                if self.random.percent(30) && alive(self).len() > 1 {
                    let victim = self.random.pick(&alive(self));
                    self.crash(victim);
                }
            }
            let members = alive(self);
            let endings = self.recover(&members);
            let end = self.now + 20_000 * MS;
            let recovered = self.run_until(end, |world| {
                let lacks = |at: &usize| world.nodes[*at].stream.as_ref().unwrap().lacks();
                !members.iter().any(lacks)
            });
            assert!(recovered, "R-26: not recovered");
            self.install(&members, &endings);
        }
    }

    pub(crate) fn crash(&mut self, at: usize) {
        self.nodes[at].stream = None;
    }

    /// One after the other, while the rest goes on. R-22.
    fn freeze(&mut self, groups: &[Vec<usize>]) {
        let mut nodes: Vec<usize> = groups.iter().flatten().copied().collect();
        self.random.shuffle(&mut nodes);
        for at in nodes {
            let end = self.now + self.random.up_to(3 * MS);
            self.run_until(end, |_| false);
            if let Some(stream) = &mut self.nodes[at].stream {
                stream.freeze();
                let delivered = stream.delivered();
                assert!(delivered >= stream.stable().min(delivered));
            }
        }
    }

    /// A ballot: the plan of each lineage, and everybody fetches what it needs.
    fn recover(&mut self, members: &[usize]) -> BTreeMap<usize, Ending> {
        let origins: BTreeSet<usize> = members.iter().map(|at| self.nodes[*at].view).collect();
        let mut endings = BTreeMap::new();
        for origin in origins {
            let of_origin = |at: &usize| self.nodes[*at].view == origin;
            let lineage: Vec<usize> = members.iter().copied().filter(of_origin).collect();
            let index = |at: usize| u16::try_from(self.nodes[at].me).unwrap();
            let stream = |at: usize| self.nodes[at].stream.as_ref().unwrap();
            let held: Vec<(u16, Holdings)> =
                lineage.iter().map(|at| (index(*at), stream(*at).holdings())).collect();
            let lent: Vec<_> = held.iter().map(|(index, held)| (*index, held)).collect();
            let (sequence, stable) = plan(&lent);
            let indices: Vec<u16> = held.iter().map(|(index, _)| *index).collect();
            for at in &lineage {
                let stream = self.nodes[*at].stream.as_mut().unwrap();
                stream.recover(self.now, &indices, &sequence);
            }
            endings.insert(origin, Ending { lineage, sequence, stable });
        }
        endings
    }

    /// One after the other installs. R-27.
    fn install(&mut self, members: &[usize], endings: &BTreeMap<usize, Ending>) {
        if members.is_empty() {
            return;
        }
        let coordinator = self.random.pick(members);
        let view = self.new_view(members, coordinator);
        // Everybody's place in the order of its own messages is known before anybody delivers.
        let mut closed = BTreeMap::new();
        for (&origin, ending) in endings {
            for &at in &ending.lineage {
                closed.insert(at, self.close(at, ending));
            }
            self.check_lineage(origin, &ending.lineage);
        }
        let mut order = members.to_vec();
        self.random.shuffle(&mut order);
        let starts = members.iter().map(|at| self.nodes[*at].own_delivered).collect();
        self.views[view].starts = starts;
        for at in order {
            let end = self.now + self.random.up_to(2 * MS);
            self.run_until(end, |_| false);
            if let Some(queue) = closed.remove(&at) {
                self.open(at, view, queue);
            }
        }
    }

    fn close(&mut self, at: usize, ending: &Ending) -> Queue {
        let stream = self.nodes[at].stream.take().unwrap();
        let closed = stream.close(&ending.sequence, ending.stable);
        for delivery in &closed.before {
            self.deliver(at, delivery, When::BeforeTransition);
        }
        for delivery in &closed.after {
            self.deliver(at, delivery, When::AfterTransition);
        }
        let node = &self.nodes[at];
        self.views[node.view].logs[node.me].closed = true;
        // P3, R-40m, R-42m: what is not delivered at its sender waits there, whole.
        let waiting = node.accepted.len() - node.own_delivered;
        assert_eq!(closed.queue.len(), waiting, "P3: own messages of node {at}");
        closed.queue
    }

    /// P2: who goes on together delivered the same.
    fn check_lineage(&self, origin: usize, lineage: &[usize]) {
        let view = &self.views[origin];
        let log = |at: usize| &view.logs[view.index_of(at)].items;
        for pair in lineage.windows(2) {
            assert!(log(pair[0]) == log(pair[1]), "P2: nodes {pair:?} of view {origin}");
        }
    }
}
