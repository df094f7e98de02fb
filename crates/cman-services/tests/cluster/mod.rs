//! Several nodes' services over a stand-in for the ordered stream: each view has one agreed
//! sequence, each member delivers it at its own pace, and members that go from one view to the
//! next together deliver the same before it.
#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod client;
pub(crate) mod history;

use bytes::Bytes;
use client::Clients;
use cman_services::{
    ClientError, ClientEvent, ClientRequest, GroupError, GroupName, GroupRequest, Out, Process,
    Services, Session, ViewInfo, WantedConfig,
};
use cman_types::{Epoch, Incarnation, Instant, Member, MemberId, NodeId, Prng, Salt, View, ViewId};
use core::time::Duration;
use history::{History, Tag};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

pub(crate) const TOKEN: Duration = Duration::from_secs(2);

/// A message of the agreed sequence of a view.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) number: u64,
    pub(crate) sender: MemberId,
    pub(crate) payload: Bytes,
}

/// A view and its agreed sequence.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) view: View,
    pub(crate) sequence: Vec<Sent>,
}

/// A node: its services, its clients, and what waits to be sent.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: MemberId,
    pub(crate) services: Services,
    pub(crate) clients: Clients,
    pub(crate) queue: VecDeque<Bytes>,
    /// The view it is in, and how much of its sequence it delivered.
    pub(crate) stream: Option<usize>,
    pub(crate) delivered: usize,
    /// Whether it sends nothing.
    pub(crate) mute: bool,
    /// Who the coordinator was told to put out.
    pub(crate) put_out: Vec<NodeId>,
    /// The views of which all was told.
    pub(crate) synced: Vec<ViewId>,
    /// What clients were told by services other than groups.
    pub(crate) answers: Vec<Answer>,
}

/// What a client was told by another service than groups, and at what.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) session: Session,
    pub(crate) tag: Tag,
    /// The members of the view in which it was told.
    pub(crate) members: Vec<MemberId>,
    pub(crate) event: ClientEvent,
}

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) now: Instant,
    pub(crate) prng: Prng,
    pub(crate) streams: Vec<Stream>,
    pub(crate) nodes: BTreeMap<u32, Node>,
    pub(crate) history: History,
    /// Whether the end of a view loses what only nodes sent that do not come along, if nobody
    /// delivered it.
    pub(crate) lossy: bool,
    /// Whether nodes send nothing but their part during a sync (G-26).
    pub(crate) gated: bool,
    epoch: u64,
    lives: u64,
    sent: u64,
}

/// What of the services is alike at all nodes that are in step, besides groups; as a hash.
fn state_of(services: &Services) -> u64 {
    let mut hasher = DefaultHasher::new();
    services.barriers().for_each(|claim| claim.hash(&mut hasher));
    services.all_fenced().for_each(|record| record.hash(&mut hasher));
    services.all_ports().for_each(|bound| bound.hash(&mut hasher));
    hasher.finish()
}

pub(crate) fn node_id(id: u32) -> NodeId {
    NodeId::new(id).unwrap()
}

pub(crate) fn process(node: u32, pid: u32) -> Process {
    Process { node: node_id(node), pid }
}

pub(crate) fn group(name: &str) -> GroupName {
    GroupName::new(name.as_bytes()).unwrap()
}

impl Cluster {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Instant::ZERO + TOKEN,
            prng: Prng::new(seed),
            streams: Vec::new(),
            nodes: BTreeMap::new(),
            history: History::default(),
            lossy: false,
            gated: false,
            epoch: 0,
            lives: 0,
            sent: 0,
        }
    }

    /// A cluster of nodes that are in one view, in step.
    pub(crate) fn formed(nodes: u32) -> Self {
        let mut cluster = Self::new(1);
        (1..=nodes).for_each(|id| cluster.start(id));
        let all: Vec<_> = (1..=nodes).collect();
        cluster.view(&all);
        cluster.run();
        cluster
    }

    /// A node starts, in a new life.
    pub(crate) fn start(&mut self, id: u32) {
        self.lives += 1;
        let incarnation = Incarnation(self.lives);
        let id_of_life = MemberId { node: node_id(id), incarnation, salt: Salt([7; 16]) };
        let node = Node {
            id: id_of_life,
            services: Services::new(id_of_life, TOKEN),
            clients: Clients::new(node_id(id)),
            queue: VecDeque::new(),
            stream: None,
            delivered: 0,
            mute: false,
            put_out: Vec::new(),
            synced: Vec::new(),
            answers: Vec::new(),
        };
        self.history.forget(id);
        assert!(self.nodes.insert(id, node).is_none(), "node {id} runs");
    }

    /// A node dies.
    pub(crate) fn crash(&mut self, id: u32) {
        self.nodes.remove(&id).unwrap();
    }

    pub(crate) fn node(&mut self, id: u32) -> &mut Node {
        self.nodes.get_mut(&id).unwrap()
    }

    pub(crate) fn members(&self, id: u32, name: &str) -> Vec<Process> {
        self.nodes[&id].services.members(&group(name)).to_vec()
    }

    /// These nodes, all alive, go to a new view, from whatever views they were in. The first is
    /// the coordinator.
    pub(crate) fn view(&mut self, ids: &[u32]) {
        let origins: BTreeMap<u32, Option<usize>> =
            ids.iter().map(|id| (*id, self.nodes[id].stream)).collect();
        self.view_with(ids, |id| {
            // Nobody comes along from a view that never was.
            let along = |other: &&u32| {
                *other == id || (origins[id].is_some() && origins[*other] == origins[id])
            };
            ids.iter().filter(along).map(|id| node_id(*id)).collect()
        });
    }

    /// The same, but each is told that these came along with it.
    pub(crate) fn view_with(&mut self, ids: &[u32], along: impl Fn(&u32) -> Vec<NodeId>) {
        self.close_streams(ids);
        let view = self.make_view(ids);
        let at = self.streams.len();
        self.streams.push(Stream { view: view.clone(), sequence: Vec::new() });
        for id in ids {
            let now = self.now;
            let node = self.node(*id);
            node.stream = Some(at);
            node.delivered = 0;
            node.services.on_view(now, &ViewInfo { view: &view, transitional: &along(id) });
            self.drain(*id, Tag::View(at), None);
        }
    }

    fn make_view(&mut self, ids: &[u32]) -> View {
        self.epoch += 1;
        let coordinator = self.nodes[&ids[0]].id;
        let id = ViewId { epoch: Epoch(self.epoch), coordinator };
        let address = ([127, 0, 0, 1], 5405).into();
        let member = |id: &u32| Member { id: self.nodes[id].id, address };
        let mut members: Vec<_> = ids.iter().map(member).collect();
        members.sort();
        View { id, members }
    }

    /// Members that go on together deliver the same rest of their old view. What no sender of
    /// theirs sent may be lost, and behind a loss their own messages lose their order.
    fn close_streams(&mut self, ids: &[u32]) {
        let mut lineages: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for id in ids {
            if let Some(stream) = self.nodes[id].stream {
                lineages.entry(stream).or_default().push(*id);
            }
        }
        for (stream, lineage) in lineages {
            let rest = self.rest_of(stream, &lineage);
            for id in &lineage {
                let common = lineage.iter().map(|id| self.nodes[id].delivered).max().unwrap();
                while self.nodes[id].delivered < common {
                    self.deliver(*id);
                }
            }
            let next = self.streams.len();
            for id in lineage {
                self.history.on_parting(id, next);
                for sent in &rest {
                    self.deliver_this(id, stream, sent.clone(), Some(next));
                }
            }
        }
    }

    fn rest_of(&mut self, stream: usize, lineage: &[u32]) -> Vec<Sent> {
        let common = lineage.iter().map(|id| self.nodes[id].delivered).max().unwrap();
        let mut recovered = self.streams[stream].sequence[common..].to_vec();
        let whole = recovered.len() as u64 + 1;
        let lossy = self.lossy && self.prng.chance(500_000);
        let cut = if lossy { self.prng.below(whole) } else { whole };
        let mut tail = recovered.split_off((cut as usize).min(recovered.len()));
        tail.retain(|sent| lineage.iter().any(|id| self.nodes[id].id == sent.sender));
        tail.sort_by_key(|sent| sent.sender);
        recovered.extend(tail);
        recovered
    }

    /// A node sends the first message that waits; false if none does.
    pub(crate) fn send(&mut self, id: u32) -> bool {
        let node = self.nodes.get_mut(&id).unwrap();
        let Some(stream) = node.stream.filter(|_| !node.mute) else { return false };
        let may_send =
            |first: &Bytes| !self.gated || !node.services.is_syncing() || first.first() == Some(&0);
        if !node.queue.front().is_some_and(may_send) {
            return false;
        }
        let Some(payload) = node.queue.pop_front() else { return false };
        self.sent += 1;
        let sent = Sent { number: self.sent, sender: node.id, payload };
        self.streams[stream].sequence.push(sent);
        true
    }

    /// A node delivers the next message; false if there is none.
    pub(crate) fn deliver(&mut self, id: u32) -> bool {
        let node = &self.nodes[&id];
        let Some(stream) = node.stream else { return false };
        let Some(sent) = self.streams[stream].sequence.get(node.delivered).cloned() else {
            return false;
        };
        self.node(id).delivered += 1;
        self.deliver_this(id, stream, sent, None);
        true
    }

    fn deliver_this(&mut self, id: u32, stream: usize, sent: Sent, parting: Option<usize>) {
        self.node(id).services.on_deliver(sent.sender, sent.payload);
        self.drain(id, Tag::Message(stream, sent.number), parting);
    }

    /// Everything that waits is sent and delivered.
    pub(crate) fn run(&mut self) {
        let ids: Vec<_> = self.nodes.keys().copied().collect();
        self.run_these(&ids);
    }

    /// The same, but one node does nothing.
    pub(crate) fn run_without(&mut self, id: u32) {
        let ids: Vec<_> = self.nodes.keys().copied().filter(|other| *other != id).collect();
        self.run_these(&ids);
    }

    fn run_these(&mut self, ids: &[u32]) {
        loop {
            let mut any = false;
            for id in ids {
                any |= self.send(*id);
                any |= self.deliver(*id);
            }
            if !any {
                break;
            }
        }
    }

    pub(crate) fn ask(
        &mut self,
        id: u32,
        session: u64,
        request: GroupRequest,
    ) -> Result<(), GroupError> {
        let now = self.now;
        let node = self.node(id);
        let result = node.services.on_client(now, Session(session), request.clone().into());
        let result = result.map_err(|error| match error {
            ClientError::Group(error) => error,
            error => panic!("{error}"),
        });
        node.clients.asked(Session(session), request, &result);
        self.drain(id, Tag::None, None);
        result
    }

    /// Asks something of another service than groups.
    pub(crate) fn ask_other(
        &mut self,
        id: u32,
        session: u64,
        request: impl Into<ClientRequest>,
    ) -> Result<(), ClientError> {
        let now = self.now;
        let answer = self.node(id).services.on_client(now, Session(session), request.into());
        self.drain(id, Tag::None, None);
        answer
    }

    /// What the sessions of a node were told by other services than groups since the last time.
    pub(crate) fn answers(&mut self, id: u32) -> Vec<Answer> {
        core::mem::take(&mut self.node(id).answers)
    }

    pub(crate) fn join(
        &mut self,
        id: u32,
        session: u64,
        name: &str,
        pid: u32,
    ) -> Result<(), GroupError> {
        self.ask(id, session, GroupRequest::Join { group: group(name), pid })
    }

    pub(crate) fn leave(&mut self, id: u32, session: u64, name: &str) -> Result<(), GroupError> {
        self.ask(id, session, GroupRequest::Leave { group: group(name) })
    }

    pub(crate) fn say(
        &mut self,
        id: u32,
        session: u64,
        name: &str,
        text: &str,
    ) -> Result<(), GroupError> {
        let payload = Bytes::copy_from_slice(text.as_bytes());
        self.ask(id, session, GroupRequest::Send { group: group(name), payload, safe: false })
    }

    pub(crate) fn close(&mut self, id: u32, session: u64) {
        let node = self.node(id);
        node.services.close_session(Session(session));
        node.clients.closed(Session(session));
        self.drain(id, Tag::None, None);
    }

    /// What a session was told since the last time it was asked for, in short.
    pub(crate) fn told(&mut self, id: u32, session: u64) -> Vec<String> {
        self.node(id).clients.take(Session(session))
    }

    /// The coordinators look at the time.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        let ids: Vec<_> = self.nodes.keys().copied().collect();
        for id in ids {
            let now = self.now;
            let node = self.node(id);
            if node.services.due() <= now {
                node.services.on_timeout(now);
            }
            self.drain(id, Tag::None, None);
        }
    }

    /// A node is asked to have all members have that version of the configuration.
    pub(crate) fn want_config(&mut self, id: u32, wanted: WantedConfig) {
        self.node(id).services.want_config(wanted);
        self.drain(id, Tag::None, None);
    }

    fn drain(&mut self, id: u32, tag: Tag, parting: Option<usize>) {
        let node = self.nodes.get_mut(&id).unwrap();
        let view = node.stream.map(|stream| &self.streams[stream].view);
        let members: Vec<MemberId> = view.map(|view| view.ids().collect()).unwrap_or_default();
        let mut told = Vec::new();
        let mut synced = None;
        while let Some(out) = node.services.poll() {
            match out {
                Out::Client { session, event: ClientEvent::Group(event) } => {
                    told.push((session, event));
                }
                Out::Client { session, event } => {
                    let members = members.clone();
                    node.answers.push(Answer { session, tag, members, event });
                }
                Out::Multicast { payload, urgent: true, .. } => node.queue.push_front(payload),
                Out::Multicast { payload, .. } => node.queue.push_back(payload),
                // Whoever wants to know it asks the services.
                Out::Configuration(_) => {}
                Out::PutOut { node: silent } => node.put_out.push(silent),
                Out::Synced { view } => {
                    node.synced.push(view);
                    synced = node.stream;
                }
            }
        }
        let lists = node.clients.told(told);
        self.history.compare(id, tag, lists);
        self.history.compare_state(id, tag, state_of(&self.nodes[&id].services));
        if let Some(stream) = synced {
            self.history.on_synced(id, stream, parting);
        }
        self.check(id);
    }

    /// What holds at a node at any time (G-03, G-26, PT-02): whom it lists is a member of its view.
    fn check(&self, id: u32) {
        let node = &self.nodes[&id];
        assert_eq!(node.services.ghosts().count(), 0, "node {id}");
        let may_hold = node.services.is_syncing() && !self.gated;
        assert!(may_hold || node.services.held_bytes() == 0, "node {id}");
        let view = node.stream.map(|stream| &self.streams[stream].view);
        let in_view = |who: &Process| view.is_some_and(|v| v.member_of_node(who.node).is_some());
        for (name, members) in node.services.groups() {
            assert!(members.iter().all(in_view), "node {id} lists {members:?} in {name}");
        }
        for (of, ports) in node.services.all_ports() {
            let there = of == node.id.node || view.is_some_and(|v| v.member_of_node(of).is_some());
            assert!(there, "node {id} knows {ports:?} of {of}");
        }
    }

    /// All nodes of a view list in each group exactly those of their clients that want to be.
    pub(crate) fn check_settled(&self, ids: &[u32]) {
        let mut wanted: BTreeMap<GroupName, BTreeSet<Process>> = BTreeMap::new();
        for id in ids {
            for (name, who) in self.nodes[id].clients.memberships() {
                wanted.entry(name).or_default().insert(who);
            }
        }
        for id in ids {
            let node = &self.nodes[id];
            assert!(!node.services.is_syncing(), "node {id}");
            let listed = node.services.groups();
            let listed: BTreeMap<GroupName, BTreeSet<Process>> =
                listed.map(|(n, m)| (n.clone(), m.iter().copied().collect())).collect();
            assert_eq!(listed, wanted, "node {id}");
            node.clients.check_settled();
        }
    }
}
