//! Datagrams on their way.

use cman_node::{Destination, Lane};
use cman_types::{Instant, View};
use core::{cell::Cell, time::Duration};
use std::{collections::VecDeque, rc::Rc};

use super::{Happening, World};
use crate::{
    clock::nanos,
    cluster::address,
    host::{Datagram, Stage},
    peek::{Kind, Peek, peek},
    reach::Place,
    triggers::{Blow, Point, Struck},
};

/// Old datagrams that can be replayed.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    tape: Vec<Rc<Datagram>>,
    heard: u64,
    /// The first words of lives: hellos, and answers to challenges.
    births: VecDeque<Rc<Datagram>>,
}

/// How many datagrams are kept for replaying.
const TAPE_MAX: usize = 256;

/// How many first words are kept, and of what age a life is when it says them.
const BIRTHS_MAX: usize = 256;
const BIRTH: Duration = Duration::from_millis(300);

/// Nanoseconds between two of them when they are replayed: others can answer in between.
const BIRTHS_STEP: usize = 500_000;

/// One in so many datagrams goes on tape.
const TAPE_EVERY: u64 = 7;

impl World {
    /// Sends what the node of a host wants to send.
    pub(super) fn send_all(&mut self, index: usize) {
        let mut blow = None;
        let mut count = 0;
        while let Some(life) = &mut self.hosts[index].life {
            let Some(transmit) = life.node.poll_transmit() else {
                break;
            };
            // What messages cost depends on how much is said.
            count += u64::from(transmit.lane == Lane::Control);
            self.script_sent(index, &transmit);
            let peek = peek(&transmit.bytes);
            self.note_sent(index, &peek);
            let struck = self.triggers.sent(index, &peek);
            let half = struck.is_some_and(|struck| struck.half);
            blow = blow.or(struck);
            let datagram = Rc::new(Datagram {
                host: Some(index),
                sent_at: self.now,
                from: transmit.lane.address_of(self.hosts[index].address),
                lane: transmit.lane,
                multicast: transmit.to == Destination::Multicast,
                bytes: transmit.bytes,
                peek,
                reached: Cell::new(0),
            });
            self.hosts[index].sent.add(&datagram);
            self.record(&datagram);
            self.dispatch(index, transmit.to, &datagram, half || self.triggers.halves(index));
        }
        self.triggers.batch_over();
        self.note_effort(index, count);
        if let Some(struck) = blow {
            self.strike(index, struck);
        }
    }

    fn note_effort(&mut self, index: usize, count: u64) {
        if count > 0 {
            let host = &self.hosts[index];
            let (token, node) = (nanos(host.cluster.token), host.node);
            let check = self.work.sends(self.now, token, index, node, count);
            self.checked(check);
        }
    }

    /// Puts a datagram on the network. `half`: each receiver gets it by the toss of a coin.
    fn dispatch(&mut self, from: usize, to: Destination, datagram: &Rc<Datagram>, half: bool) {
        match to {
            Destination::Multicast => {
                for to in 0..self.hosts.len() {
                    let heard = (to != from || self.options.loopback)
                        && !(half && self.prng.chance(500_000));
                    if heard {
                        self.launch(from, to, datagram);
                    }
                }
            }
            Destination::Unicast(target) => {
                let to = self.host_at(target);
                if let Some(to) = to.filter(|_| !(half && self.prng.chance(500_000))) {
                    self.launch(from, to, datagram);
                }
            }
        }
    }

    /// The host with this control address. Most often hosts are in the order of addresses.
    fn host_at(&self, target: core::net::SocketAddr) -> Option<usize> {
        let core::net::IpAddr::V4(ip) = target.ip() else {
            return None;
        };
        let [.., high, low] = ip.octets();
        let index = usize::from(u16::from_be_bytes([high, low])).checked_sub(1)?;
        (index < self.hosts.len() && address(index) == target).then_some(index)
    }

    fn launch(&mut self, from: usize, to: usize, datagram: &Rc<Datagram>) {
        if datagram.lane == Lane::Data && !self.network.carries_data(to) {
            return;
        }
        if self.is_kept(from, to, datagram) {
            return;
        }
        let late = self.late_hellos.filter(|(host, _)| {
            *host == from && datagram.peek.kinds.has(Kind::Hello) && self.prng.chance(500_000)
        });
        let late = late.map_or(0, |(_, most)| self.prng.below(nanos(most)));
        for delay in self.network.carry(from, to, datagram.multicast).into_iter().flatten() {
            let delay = delay + late;
            let datagram = Rc::clone(datagram);
            self.queue.push(self.now + delay, Happening::Arrive { host: to, datagram });
        }
    }

    /// A datagram reaches the socket of a host.
    pub(super) fn arrive(&mut self, index: usize, datagram: &Rc<Datagram>) {
        if !self.hosts[index].is_alive() {
            return;
        }
        let struck = self.triggers.arrives(index, &datagram.peek, self.hosts[index].proposing);
        if let Some(struck) = struck {
            self.strike(index, struck);
            if !self.hosts[index].is_alive() {
                return;
            }
        }
        let host = &mut self.hosts[index];
        if !host.inbox.push(Rc::clone(datagram)) {
            self.reach.hit(Place::Dropped);
            return;
        }
        // A second copy proves nothing, unless it is new to a life that began in between.
        let born = host.life.as_ref().map_or(0, |life| life.born);
        if datagram.first_at(index) || datagram.sent_at < born {
            let local = host.clock.local(self.now);
            note_heard(host, &datagram.peek, local);
        }
        if !self.is_stalled(index) {
            self.work.input(index);
            self.wake(index);
        }
    }

    /// What the world learns from a datagram that is sent.
    fn note_sent(&mut self, index: usize, peek: &Peek) {
        let Some(me) = self.hosts[index].me() else {
            return;
        };
        if peek.grants {
            self.history.granted.insert(me, self.now);
        }
        if peek.hub {
            self.history.spoke_as_hub.insert(me, self.now);
        }
        if let Some(life) = self.hosts[index].life.as_mut().filter(|_| peek.settled.is_some()) {
            life.settled = peek.settled;
            self.check_settled(index);
        }
        if let Some(ballot) = peek.confirms {
            self.history.confirm(self.now, me, ballot);
        }
        if let Some(flush) = &peek.flush {
            self.endings.tell(me, flush);
            self.history.promise(me, flush.ballot);
            flush.origin.into_iter().for_each(|origin| self.history.tell_origin(origin));
        }
        self.note_stage(index, peek);
        for (kind, place) in [
            (Kind::ActingBeat, Place::ActingBeats),
            (Kind::Nack, Place::Nacks),
            (Kind::NackHeld, Place::Holds),
            (Kind::HeldOff, Place::Holds),
            (Kind::Refuse, Place::Refusals),
            (Kind::Commit, Place::Commits),
        ] {
            if peek.kinds.has(kind) {
                self.reach.hit(place);
            }
        }
        self.reach.add(Place::Relays, peek.relayed.len() as u64);
        if !self.columns.is_on() {
            return;
        }
        let all = self.options.frames;
        let kinds: Vec<Kind> =
            peek.kinds.iter().filter(|kind| all || !kind.is_idle_talk()).collect();
        if !kinds.is_empty() {
            let epoch = peek.ballot.map(|ballot| ballot.epoch);
            self.log(index, || match epoch {
                Some(epoch) => format!("sends {kinds:?} e{epoch}"),
                None => format!("sends {kinds:?}"),
            });
        }
    }

    /// A hub said that its view is settled. If removed nodes come back in it, the others must have
    /// the votes that are needed.
    pub(super) fn check_settled(&mut self, index: usize) {
        let host = &self.hosts[index];
        let Some(life) = host.life.as_ref().filter(|_| host.observed) else {
            return;
        };
        let me = life.me;
        let settled = |view: &&Rc<View>| life.settled == Some(view.id) && self.votes.returns(view);
        if let Some(view) = life.view.as_ref().filter(settled).cloned() {
            let cluster = Rc::clone(&host.cluster);
            let check = self.votes.check(&cluster, &me, &view);
            self.checked(check);
        }
    }

    fn note_stage(&mut self, index: usize, peek: &Peek) {
        let Some(ballot) = peek.ballot else {
            return;
        };
        let host = &mut self.hosts[index];
        for (kind, stage) in [
            (Kind::Propose, Stage::Flush),
            (Kind::Recover, Stage::Recover),
            (Kind::Install, Stage::Install),
        ] {
            let own = host.me() == Some(ballot.coordinator);
            if own && kind == Kind::Propose && peek.kinds.has(kind) {
                self.history.promise(ballot.coordinator, ballot);
            }
            if own && kind == Kind::Recover && peek.kinds.has(kind) {
                self.history.plan(ballot);
            }
            if own && peek.kinds.has(kind) && host.proposing < Some((ballot, stage)) {
                host.proposing = Some((ballot, stage));
                if stage == Stage::Recover {
                    let holes = self.endings.end(ballot, &peek.endings);
                    self.reach.add(Place::Holes, holes);
                }
            }
        }
    }

    /// A blow hits a host: the trigger that was armed for it has fired.
    fn strike(&mut self, index: usize, struck: Struck) {
        let blow = struck.blow;
        if struck.again {
            self.reach.hit(Place::TwiceInARow);
        }
        self.log(index, || format!("is struck: {blow:?}"));
        match blow {
            Blow::Crash { back_after } => {
                self.crash(index);
                if let Some(after) = back_after {
                    self.later(after, super::Deed::Start(index));
                }
            }
            Blow::Stall(span) => self.stall(index, span),
            Blow::CutOff(span) => self.cut_for(span, self.paths_of(index, true, true)),
            Blow::Mute(span) => self.cut_for(span, self.paths_of(index, true, false)),
            Blow::Deafen(span) => self.cut_for(span, self.paths_of(index, false, true)),
        }
    }

    fn record(&mut self, datagram: &Rc<Datagram>) {
        let life = datagram.host.and_then(|host| self.hosts[host].life.as_ref());
        let newborn = life.is_some_and(|life| self.now - life.born < nanos(BIRTH));
        let recorder = &mut self.recorder;
        if newborn {
            if recorder.births.len() == BIRTHS_MAX {
                recorder.births.pop_front();
            }
            recorder.births.push_back(Rc::clone(datagram));
        }
        recorder.heard += 1;
        if !recorder.heard.is_multiple_of(TAPE_EVERY) {
            return;
        }
        if recorder.tape.len() < TAPE_MAX {
            recorder.tape.push(Rc::clone(datagram));
        } else {
            let at = usize::try_from(self.prng.below(TAPE_MAX as u64)).unwrap_or(0);
            recorder.tape[at] = Rc::clone(datagram);
        }
    }

    /// Replays old datagrams, of whatever life, to whatever host.
    pub fn replay(&mut self, count: u64) {
        for _ in 0..count {
            let length = self.recorder.tape.len() as u64;
            let at = usize::try_from(self.prng.below(length)).unwrap_or(0);
            let Some(datagram) = self.recorder.tape.get(at).map(Rc::clone) else {
                return;
            };
            let to = self.draw_host();
            let after = self.prng.below(nanos(Duration::from_millis(20)));
            self.queue.push(self.now + after, Happening::Arrive { host: to, datagram });
            self.reach.hit(Place::Replays);
        }
    }

    /// Says again, to everybody and in the old order, what lives that are over said first.
    pub fn replay_births(&mut self) {
        let living: Vec<_> = self.hosts.iter().map(crate::host::Host::me).collect();
        let over = |datagram: &&Rc<Datagram>| {
            datagram.peek.sender.is_some() && !living.contains(&datagram.peek.sender)
        };
        let births: Vec<_> = self.recorder.births.iter().filter(over).map(Rc::clone).collect();
        for (at, datagram) in (self.now..).step_by(BIRTHS_STEP).zip(births) {
            for host in 0..self.hosts.len() {
                let datagram = Rc::clone(&datagram);
                self.queue.push(at, Happening::Arrive { host, datagram });
                self.reach.hit(Place::Replays);
            }
        }
    }

    /// Sends garbage to a host: random bytes, or a real datagram that was damaged.
    pub fn garbage(&mut self, count: u64) {
        for _ in 0..count {
            let to = self.draw_host();
            let mut bytes = match self.recorder.tape.last() {
                Some(datagram) if self.prng.chance(500_000) => datagram.bytes.clone(),
                _ => (0..self.prng.below(200)).map(|_| self.byte()).collect(),
            };
            if let Ok(at) = usize::try_from(self.prng.below(bytes.len() as u64)) {
                let byte = self.byte();
                if let Some(place) = bytes.get_mut(at) {
                    *place ^= byte | 1;
                }
                if self.prng.chance(200_000) {
                    bytes.truncate(at);
                }
            }
            let from = address(self.draw_host());
            let multicast = self.prng.chance(500_000);
            self.inject(to, from, multicast, bytes);
            self.reach.hit(Place::Garbage);
        }
    }

    /// A datagram out of nowhere reaches a host now.
    pub fn inject(
        &mut self,
        to: usize,
        from: core::net::SocketAddr,
        multicast: bool,
        bytes: Vec<u8>,
    ) {
        let datagram = Rc::new(Datagram {
            host: None,
            sent_at: self.now,
            from,
            lane: Lane::Control,
            multicast,
            bytes,
            peek: Peek::default(),
            reached: Cell::new(0),
        });
        self.queue.push(self.now, Happening::Arrive { host: to, datagram });
    }

    /// Any host.
    pub fn draw_host(&mut self) -> usize {
        usize::try_from(self.prng.below(self.hosts.len() as u64)).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.prng.below(256)).unwrap_or(0)
    }

    /// Arms a fault that waits for a frame.
    pub fn arm(&mut self, point: Point, blow: Blow, times: u8) {
        self.triggers.arm(point, blow, times);
    }
}

/// Notes evidence of life that reached the socket of a host.
fn note_heard(host: &mut crate::host::Host, peek: &Peek, local: Instant) {
    let authors = peek.sender.iter().map(|sender| sender.node).chain(peek.relayed.iter().copied());
    for node in authors {
        let at = host.cluster.position(node);
        if let Some(heard) = at.and_then(|at| host.heard.get_mut(at)) {
            *heard = local;
        }
    }
}
