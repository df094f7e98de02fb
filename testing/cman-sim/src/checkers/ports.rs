//! Ports: what nodes say that is bound, and what binders are told (PT-02, PT-06 to PT-10, PT-15).
//!
//! Clients send letters: messages that say who sent them, and which one it is of those that their
//! sender sent to that port. So a binder knows if one is missing or comes twice.

use cman_node::{Node, PortEvent, Session};
use cman_types::{MemberId, NodeId, View, ViewId};
use std::collections::{BTreeMap, BTreeSet};

use super::histories::{Histories, Standing, Told};
use crate::violation::{Check, Violation};

/// What is sent to a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Letter {
    /// The client that sent it.
    pub session: Session,
    /// The port that it had bound.
    pub from: u8,
    /// Which of those that it sent to the port of the same node, or of all.
    pub number: u64,
    /// To which node; to all if none.
    pub to: Option<NodeId>,
}

impl Letter {
    /// As a payload of this length, or a little more.
    #[must_use]
    pub fn encode(&self, length: usize) -> Vec<u8> {
        let to = self.to.map_or(0, NodeId::get);
        let mut bytes = self.session.0.to_be_bytes().to_vec();
        bytes.push(self.from);
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(to.to_be_bytes());
        bytes.resize(length.max(bytes.len()), self.from);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (session, rest) = bytes.split_first_chunk()?;
        let ([from], rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (to, _) = rest.split_first_chunk()?;
        Some(Self {
            session: Session(u64::from_be_bytes(*session)),
            from: *from,
            number: u64::from_be_bytes(*number),
            to: NodeId::new(u32::from_be_bytes(*to)),
        })
    }
}

/// All ports of a world, as the binders see them.
#[derive(Debug, Default)]
pub struct Ports {
    lives: BTreeMap<MemberId, Binders>,
    histories: Histories<u8, PortEvent>,
    /// Events that binders were told.
    pub events: u64,
}

/// The binders of one life.
#[derive(Debug)]
struct Binders {
    standing: Standing,
    binders: BTreeMap<Session, Binder>,
    /// What those were told in this view that are gone.
    ended: Vec<(u8, Told<PortEvent>)>,
}

/// A client that has bound a port.
#[derive(Debug)]
struct Binder {
    port: u8,
    /// None until the first event.
    told: Option<Told<PortEvent>>,
    /// Of which nodes it was told that they have the port bound, or do not.
    bound: BTreeMap<NodeId, bool>,
    /// The last letter of each client, to this node and to all.
    numbers: BTreeMap<(NodeId, Session, Option<NodeId>), u64>,
}

impl Binder {
    /// PT-06, PT-07, PT-09.
    fn hear(&mut self, me: NodeId, event: &PortEvent) -> Result<(), String> {
        if self.told.is_none() && *event != (PortEvent::Opened { node: me }) {
            return Err(format!("{event:?} comes before the own port is bound"));
        }
        let (node, opened) = match event {
            PortEvent::Opened { node } => (*node, true),
            PortEvent::Closed { node } => (*node, false),
            PortEvent::Message { node, port, payload } => {
                let letter = Letter::decode(payload).ok_or("not what anybody sent")?;
                return self.letter(me, *node, *port, &letter);
            }
        };
        match self.bound.insert(node, opened) {
            Some(was) if was == opened => Err(format!("{event:?} once more")),
            _ => Ok(()),
        }
    }

    fn letter(
        &mut self,
        me: NodeId,
        node: NodeId,
        port: u8,
        letter: &Letter,
    ) -> Result<(), String> {
        if letter.from != port || letter.to.is_some_and(|to| to != me) {
            return Err(format!("from port {port} of node {node}: {letter:?}"));
        }
        match self.numbers.insert((node, letter.session, letter.to), letter.number) {
            Some(last) if last + 1 != letter.number => {
                Err(format!("{letter:?} of node {node} after letter {last}"))
            }
            _ => Ok(()),
        }
    }

    /// Messages to this node only are nobody else's history.
    fn keep(&mut self, event: PortEvent) {
        if let PortEvent::Message { payload, .. } = &event
            && Letter::decode(payload).is_none_or(|letter| letter.to.is_some())
        {
            return;
        }
        match &mut self.told {
            None => self.told = Some(Told::first(event)),
            Some(told) => told.events.push(event),
        }
    }

    /// PT-08: what nodes had bound and said that did not come along is over.
    fn lose(&mut self, along: &BTreeSet<NodeId>) {
        for (_, bound) in self.bound.iter_mut().filter(|(node, _)| !along.contains(node)) {
            *bound = false;
        }
        self.numbers.retain(|(node, ..), _| along.contains(node));
    }
}

impl Ports {
    fn binders(&mut self, me: MemberId) -> &mut Binders {
        self.lives.entry(me).or_insert_with(|| Binders {
            standing: Standing::new(me),
            binders: BTreeMap::new(),
            ended: Vec::new(),
        })
    }

    /// A client of `me` may bind a port.
    pub fn bound(&mut self, me: MemberId, session: Session, port: u8) {
        let (bound, numbers) = (BTreeMap::new(), BTreeMap::new());
        let binder = Binder { port, told: None, bound, numbers };
        self.binders(me).binders.insert(session, binder);
    }

    /// A client of `me` is told something.
    ///
    /// # Errors
    /// It must not be told that, or not now.
    pub fn told(&mut self, me: MemberId, session: Session, event: PortEvent) -> Check {
        self.events += 1;
        let fail = |what| Err(Violation::new("what binders are told", &[me.node], what));
        let Some(binder) = self.binders(me).binders.get_mut(&session) else {
            return fail(format!("{session:?} is told {event:?}, and has no port"));
        };
        if let Err(what) = binder.hear(me.node, &event) {
            return fail(format!("{session:?}, port {}: {what}", binder.port));
        }
        binder.keep(event);
        Ok(())
    }

    /// A client of `me` is gone, and told nothing more.
    pub fn closed(&mut self, me: MemberId, session: Session) {
        let binders = self.binders(me);
        if let Some(Binder { port, told: Some(told), .. }) = binders.binders.remove(&session) {
            binders.ended.push((port, told));
        }
    }

    /// Events that were held against what binders of the same port at other nodes were told.
    #[must_use]
    pub const fn compared(&self) -> u64 {
        self.histories.compared
    }

    /// `me` installs `view`, coming from `previous` together with the nodes `along`.
    ///
    /// # Errors
    /// Its binders were told otherwise than those of others that come along.
    pub fn install(
        &mut self,
        me: MemberId,
        previous: Option<ViewId>,
        view: ViewId,
        along: &[NodeId],
    ) -> Check {
        let binders = self.binders(me);
        let step = binders.standing.install(previous, view);
        let along: BTreeSet<NodeId> = along.iter().copied().chain([me.node]).collect();
        let mut all = core::mem::take(&mut binders.ended);
        for binder in binders.binders.values_mut() {
            binder.lose(&along);
            all.extend(binder.told.as_mut().map(|told| (binder.port, told.end_view())));
        }
        let Some(step) = step else { return Ok(()) };
        all.into_iter().try_for_each(|(port, told)| self.histories.check(&me, &step, &port, told))
    }

    /// Looks at what the node knows after a step (PT-02).
    ///
    /// # Errors
    /// It knows of a node that is not there.
    pub fn look(&mut self, me: MemberId, view: Option<&View>, node: &Node) -> Check {
        if view.is_some() && !node.is_syncing() {
            self.binders(me).standing.synced();
        }
        let is_there = |of: NodeId| {
            of == me.node || view.is_some_and(|view| view.member_of_node(of).is_some())
        };
        match node.all_ports().find(|(of, _)| !is_there(*of)) {
            None => Ok(()),
            Some((of, ports)) => {
                let what = format!("knows {ports:?} of node {of}, which is not in its view");
                Err(Violation::new("ports are of members of the view", &[me.node], what))
            }
        }
    }

    /// Nodes at rest in one view know the same, and so do their binders (PT-09).
    ///
    /// # Errors
    /// They do not.
    pub fn at_rest<'a>(&self, nodes: impl Iterator<Item = (MemberId, &'a Node)>) -> Check {
        let mut first = None;
        for (me, node) in nodes {
            let fail = |what| Err(Violation::new("ports at rest", &[me.node], what));
            let known: Vec<_> = node.all_ports().collect();
            let binders = self.lives.get(&me).into_iter().flat_map(|life| life.binders.values());
            for binder in binders {
                let told = binder.bound.iter().filter(|(_, bound)| **bound).map(|(node, _)| *node);
                let mut told = told;
                let unbound = told.find(|of| {
                    known.iter().all(|(node, ports)| node != of || !ports.contains(binder.port))
                });
                if let Some(of) = unbound {
                    return fail(format!("port {} is not bound at node {of}", binder.port));
                }
            }
            match &first {
                None => first = Some((me, known)),
                Some((_, expected)) if *expected == known => {}
                Some((other, expected)) => {
                    return fail(format!("knows {known:?}, {other:?} {expected:?}"));
                }
            }
        }
        Ok(())
    }

    /// The life is over.
    pub fn end(&mut self, me: &MemberId) {
        self.lives.remove(me);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::life;

    fn node(id: u32) -> NodeId {
        NodeId::new(id).unwrap()
    }

    fn letter(number: u64, to: Option<NodeId>) -> PortEvent {
        let letter = Letter { session: Session(7), from: 12, number, to };
        PortEvent::Message { node: node(2), port: 12, payload: letter.encode(40).into() }
    }

    fn opened(id: u32) -> PortEvent {
        PortEvent::Opened { node: node(id) }
    }

    /// A binder at node 1, after these events, is told another one.
    fn takes(events: &[PortEvent], event: PortEvent) -> bool {
        let (mut ports, me) = (Ports::default(), life(1));
        ports.bound(me, Session(1), 11);
        for event in events {
            ports.told(me, Session(1), event.clone()).unwrap();
        }
        ports.told(me, Session(1), event).is_ok()
    }

    #[test]
    fn what_makes_no_sense_is_found() {
        let closed = PortEvent::Closed { node: node(2) };
        assert!(!takes(&[], opened(2)), "the own port first");
        assert!(!takes(&[], letter(1, None)), "the own port first");
        assert!(takes(&[opened(1)], opened(2)));
        assert!(!takes(&[opened(1), opened(2)], opened(2)), "twice");
        assert!(takes(&[opened(1), opened(2)], closed.clone()));
        assert!(!takes(&[opened(1), closed.clone()], closed), "twice");
        assert!(takes(&[opened(1), letter(3, None)], letter(4, None)));
        assert!(!takes(&[opened(1), letter(3, None)], letter(3, None)), "twice");
        assert!(!takes(&[opened(1), letter(3, None)], letter(5, None)), "one is missing");
        assert!(takes(&[opened(1), letter(3, None)], letter(9, Some(node(1)))));
        assert!(!takes(&[opened(1)], letter(1, Some(node(3)))), "not for this node");
        let lie = PortEvent::Message { node: node(2), port: 13, payload: [0; 21][..].into() };
        assert!(!takes(&[opened(1)], lie), "from another port than it says");
    }

    #[test]
    fn who_has_no_port_is_told_nothing() {
        let (mut ports, me) = (Ports::default(), life(1));
        assert!(ports.told(me, Session(1), opened(1)).is_err());
        ports.bound(me, Session(1), 11);
        ports.told(me, Session(1), opened(1)).unwrap();
        ports.closed(me, Session(1));
        assert!(ports.told(me, Session(1), opened(2)).is_err());
    }
}
