//! A node: its stream, its client, and when it looks after them.

use crate::{
    World,
    check::{Accepted, When},
    net::Flight,
};
use bytes::Bytes;
use cman_order::{Delivery, Message, Out, Refused, Stream};
use cman_types::Instant;
use cman_wire::frame::Frame;

pub(crate) struct Node {
    /// `None` when it crashed.
    pub(crate) stream: Option<Stream>,
    /// Its view, and its place there.
    pub(crate) view: usize,
    pub(crate) me: usize,
    pub(crate) accepted: Vec<Accepted>,
    pub(crate) own_delivered: usize,
    /// When it flushes next because something came.
    pub(crate) wake: Instant,
    /// It does nothing before this.
    pub(crate) asleep: Instant,
    pub(crate) was_refused: bool,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            stream: None,
            view: 0,
            me: 0,
            accepted: Vec::new(),
            own_delivered: 0,
            wake: Instant::FAR,
            asleep: Instant::ZERO,
            was_refused: false,
        }
    }

    /// When it does something next.
    pub(crate) fn due(&self) -> Instant {
        let due = self.stream.as_ref().map_or(Instant::FAR, Stream::due);
        due.min(self.wake).max(self.asleep)
    }
}

impl World {
    /// A client of a node sends.
    pub(crate) fn say(&mut self, at: usize, size: usize, safe: bool) {
        let filler = self.random.next().to_le_bytes();
        let payload: Vec<u8> = filler.into_iter().cycle().take(size).collect();
        let (payload, node) = (Bytes::from(payload), &mut self.nodes[at]);
        let Some(stream) = &mut node.stream else { return };
        let message = Message { payload: payload.clone(), safe };
        let delivered = self.views[node.view].logs[node.me].items.len();
        match stream.send(message) {
            Ok(()) => {
                let cause = (node.view, delivered);
                node.accepted.push(Accepted { payload, safe, cause });
                node.wake = node.wake.min(self.now);
            }
            Err(Refused::Full) => node.was_refused = true,
            Err(refused) => panic!("{refused}"),
        }
    }

    /// A frame arrives. R-07: only of the own view.
    pub(crate) fn hear(&mut self, flight: Flight) {
        let Flight { from, to, frame } = flight;
        let view = match &frame {
            Frame::Data(data) => data.view,
            Frame::Order(order) => order.view,
            Frame::Ask(ask) => ask.view,
            Frame::Ack(ack) => ack.view,
            other => panic!("no frame of a stream: {other:?}"),
        };
        let node = &mut self.nodes[to];
        let (now, mine) = (self.now, &self.views[node.view]);
        let Some(stream) = node.stream.as_mut().filter(|_| mine.id == view) else { return };
        let from = u16::try_from(mine.index_of(from)).unwrap();
        match &frame {
            Frame::Data(data) => stream.on_data(now, from, data),
            Frame::Order(order) => stream.on_order(now, from, order),
            Frame::Ask(ask) => stream.on_ask(now, from, ask),
            Frame::Ack(ack) => stream.on_ack(now, from, ack),
            _ => {}
        }
        // Sometimes more is read before the flush.
        let batch = self.random.up_to(crate::US * 50);
        node.wake = node.wake.min(now + batch);
    }

    /// Flushes a node, and does what it says.
    pub(crate) fn flush(&mut self, at: usize) {
        let now = self.now;
        let node = &mut self.nodes[at];
        node.wake = Instant::FAR;
        let Some(stream) = &mut node.stream else { return };
        stream.flush(now);
        assert!(stream.due() > now, "a flush left work at {now:?}: {:?}", stream.stats());
        self.held_max = self.held_max.max(stream.stats().held_bytes);
        while let Some(out) = self.nodes[at].stream.as_mut().and_then(Stream::poll) {
            match out {
                Out::Deliver(delivery) => self.deliver(at, &delivery, When::Open),
                Out::To(to, frame) => {
                    let to = self.views[self.nodes[at].view].members[usize::from(to)];
                    self.send(at, to, frame);
                }
                Out::Cast(frame) => {
                    let members = self.views[self.nodes[at].view].members.clone();
                    for to in members.into_iter().filter(|to| *to != at) {
                        self.send(at, to, frame.clone());
                    }
                }
            }
        }
        let node = &mut self.nodes[at];
        if node.stream.as_mut().is_some_and(Stream::reopened) {
            node.was_refused = false;
        }
    }

    fn send(&mut self, from: usize, to: usize, frame: Frame) {
        assert_ne!(from, to, "nobody sends to itself");
        self.net.send(self.now, &mut self.random, Flight { from, to, frame });
    }

    pub(crate) fn deliver(&mut self, at: usize, delivery: &Delivery, when: When) {
        let (number, me) = (self.nodes[at].view, self.nodes[at].me);
        let sender = self.views[number].members[usize::from(delivery.sender)];
        let accepted = &self.nodes[sender].accepted;
        self.views[number].deliver(number, me, delivery, when, accepted);
        if sender == at {
            self.nodes[at].own_delivered += 1;
        }
    }

    /// Lets things happen until `done`, or `end`; whether it was done.
    pub(crate) fn run_until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> bool {
        while !done(self) {
            let due = self.nodes.iter().map(Node::due).min().unwrap_or(Instant::FAR);
            let next = due.min(self.net.due());
            if next > end {
                self.now = end.max(self.now).min(Instant::FAR);
                return done(self);
            }
            self.now = self.now.max(next);
            while let Some(flight) = self.net.arrived(self.now) {
                self.hear(flight);
            }
            for at in 0..self.nodes.len() {
                if self.nodes[at].due() <= self.now {
                    self.flush(at);
                }
            }
        }
        true
    }
}
