//! The gate in front of the engine: opens, checks and seals datagrams.
//!
//! What passes it is authentic, new, well formed and said by a life that is alive: each life
//! (node id, incarnation, salt) of another node must first answer a fresh random challenge of
//! this gate, or be vouched for by a view. So a recorded past is never believed.
//!
//! | module | what |
//! |---|---|
//! | `session` | what is known of each life of each node |
//! | `sending` | counters, packing and sealing of what this node says |
//! | `refusals` | what was refused: counts and a notice now and then |
//! | `strangers` | who speaks without being configured |
//!
//! Rules: `docs/spec/wire.md`.

mod refusals;
mod sending;
mod session;
mod strangers;
#[cfg(test)]
mod tests;

pub use strangers::{Stranger, StrangerKind, StrangerNotice};

use crate::{
    input::Lane,
    output::{Destination, Rejected, Transmit},
};
use cman_crypto::Cipher;
use cman_types::{Instant, Member, MemberId, NodeId, Prng};
use cman_wire::{
    Header,
    codec::{self, Decoded},
    frame::{Answer, Challenge, Frame},
    header::HEADER_SIZE,
    name_hash,
};
use core::{net::SocketAddr, time::Duration};
use refusals::{Refusal, Refusals};
use sending::Outgoing;
pub(crate) use sending::ROOM;
use session::{Incoming, Session, Slot};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use strangers::Strangers;

/// Datagrams of the gate's own that may wait to be sent; what comes on top is dropped.
const OUTBOX_MAX: usize = 8192;

/// Longest time between two challenges to a life that has not answered.
const CHALLENGE_AGAIN_MAX: Duration = Duration::from_millis(100);

/// What a gate must know.
#[derive(Clone, Debug)]
pub struct GateSetup {
    /// This life of this node.
    pub me: MemberId,
    /// The cluster's name.
    pub cluster_name: String,
    /// All configured nodes. No key is derived for any other.
    pub peers: Vec<NodeId>,
    /// The token: the scale of all patience.
    pub token: Duration,
}

/// One frame of a verified life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Who said it.
    pub from: MemberId,
    /// The control address of whoever sent the datagram.
    pub address: SocketAddr,
    /// Whether it came to the group address.
    pub multicast: bool,
    /// On which lane.
    pub lane: Lane,
    /// What was said.
    pub frame: Frame,
}

/// The way in and out: see the module.
#[derive(Debug)]
pub struct Gate {
    me: MemberId,
    cluster: u64,
    token: Duration,
    cipher: Box<dyn Cipher>,
    prng: Prng,
    slots: BTreeMap<NodeId, Slot>,
    /// When to challenge whom again.
    due: BTreeSet<(Instant, MemberId)>,
    outgoing: [Outgoing; 2],
    outbox: VecDeque<Transmit>,
    refusals: Refusals,
    strangers: Strangers,
}

/// How a datagram came in.
#[derive(Clone, Copy)]
struct Arrival {
    now: Instant,
    address: SocketAddr,
    lane: Lane,
    multicast: bool,
    counter: u64,
    wire_version: u8,
}

impl Gate {
    /// A gate that has heard nobody yet.
    #[must_use]
    pub fn new(setup: GateSetup, cipher: Box<dyn Cipher>, prng: Prng) -> Self {
        let cluster = name_hash(&setup.cluster_name);
        let outgoing = [0, 1].map(|lane| Outgoing::new(setup.me, cluster, lane, cipher.as_ref()));
        Self {
            me: setup.me,
            cluster,
            token: setup.token,
            cipher,
            prng,
            slots: setup.peers.into_iter().map(|peer| (peer, Slot::default())).collect(),
            due: BTreeSet::new(),
            outgoing,
            outbox: VecDeque::new(),
            refusals: Refusals::default(),
            strangers: Strangers::default(),
        }
    }

    /// Handler: a datagram arrived. Returns what verified lives say in it; `bytes` is opened in
    /// place.
    pub fn open(
        &mut self,
        now: Instant,
        from: SocketAddr,
        lane: Lane,
        multicast: bool,
        bytes: &mut [u8],
    ) -> Vec<Heard> {
        self.refusals.set_now(now);
        match self.admit(now, from, lane, multicast, bytes) {
            Ok(heard) => heard,
            Err(refusal) => {
                self.refusals.count(refusal, from);
                Vec::new()
            }
        }
    }

    /// Handler: time has passed. Challenges again who has not answered.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.refusals.set_now(now);
        while let Some((at, id)) = self.due.first().copied() {
            if at > now {
                break;
            }
            self.due.pop_first();
            let patience = self.challenge_again();
            let session = self.slots.get_mut(&id.node).and_then(|slot| slot.get_mut(&id));
            let Some(session) = session else { continue };
            if let Some(nonce) = session.challenge(now, patience, false) {
                let address = session.address;
                self.send(address, id.node, &[Frame::Challenge(Challenge { nonce })]);
                self.due.insert((now + patience, id));
            }
        }
    }

    /// When to call [`Gate::handle_timeout`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let again = self.due.first().map(|(at, _)| *at);
        [again, self.refusals.due(), self.strangers.due()].into_iter().flatten().min()
    }

    /// The next challenge or answer to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    /// A sentence about refused datagrams, at most every 10 s.
    pub fn poll_notice(&mut self) -> Option<String> {
        self.refusals.poll_notice()
    }

    /// Those who spoke lately without being allowed to, each address at most every 10 s: to be
    /// told so themselves, if they may be of this cluster.
    pub fn strangers(&mut self) -> Vec<Stranger> {
        self.strangers.take()
    }

    /// What the operator should know of strangers: of each kind at most every 10 s.
    pub fn poll_stranger_notice(&mut self, now: Instant) -> Option<StrangerNotice> {
        self.strangers.poll_notice(now)
    }

    /// Frames sealed into datagrams, in the given order. Only `receiver` opens them; anybody if
    /// it is `None`.
    pub fn seal(
        &mut self,
        to: Destination,
        receiver: Option<NodeId>,
        lane: Lane,
        frames: &[Frame],
    ) -> Vec<Transmit> {
        let mut datagrams = Vec::with_capacity(1);
        let [control, data] = &mut self.outgoing;
        let outgoing = match lane {
            Lane::Control => control,
            Lane::Data => data,
        };
        outgoing.seal(receiver, frames, |bytes| datagrams.push(Transmit { to, lane, bytes }));
        datagrams
    }

    /// Command: speak this wire version from now on.
    pub fn set_wire_version(&mut self, version: u8) {
        for outgoing in &mut self.outgoing {
            outgoing.set_wire_version(version);
        }
    }

    /// Command: a verified node's view or proposal names this life, so it is alive.
    pub fn vouch(&mut self, now: Instant, member: &Member) {
        if member.id == self.me {
            return;
        }
        if let Some(slot) = self.slots.get_mut(&member.id.node) {
            slot.vouch(now, member);
        }
    }

    /// Command: this life is over. Should it speak again, it is challenged anew.
    pub fn forget(&mut self, member: &MemberId) {
        if let Some(slot) = self.slots.get_mut(&member.node) {
            slot.forget(member);
        }
    }

    /// Command: these lives are the members of a view. Every other life of their nodes, and every
    /// life in `gone`, must prove itself anew should it speak again: what a dead life said and
    /// nobody heard may have been recorded.
    pub fn settle(&mut self, members: &[Member], gone: &[MemberId]) {
        for member in members {
            if let Some(slot) = self.slots.get_mut(&member.id.node) {
                slot.forget_others(&member.id);
            }
        }
        for member in gone {
            self.forget(member);
        }
    }

    /// Where this life was heard last, or where its view says that it is.
    #[must_use]
    pub fn address_of(&self, member: &MemberId) -> Option<SocketAddr> {
        self.slots.get(&member.node)?.get(member).map(|session| session.address)
    }

    /// Whether this life has proved that it is alive, or was vouched for.
    #[must_use]
    pub fn is_verified(&self, member: &MemberId) -> bool {
        let session = self.slots.get(&member.node).and_then(|slot| slot.get(member));
        session.is_some_and(Session::is_verified)
    }

    /// Refused datagrams by cause.
    #[must_use]
    pub const fn rejected(&self) -> Rejected {
        self.refusals.counts()
    }

    fn challenge_again(&self) -> Duration {
        CHALLENGE_AGAIN_MAX.min(self.token / 20)
    }

    /// Everything between the socket and the frames, cheapest checks first.
    fn admit(
        &mut self,
        now: Instant,
        from: SocketAddr,
        lane: Lane,
        multicast: bool,
        bytes: &mut [u8],
    ) -> Result<Vec<Heard>, Refusal> {
        let (header, _) = Header::parse(bytes).map_err(|_| Refusal::Malformed)?;
        if header.cluster != self.cluster {
            return Err(Refusal::ForeignCluster);
        }
        let sender = header.sender;
        if sender == self.me {
            return Ok(Vec::new());
        }
        let address = lane.control_address(from);
        if header.encrypted != self.cipher.is_encrypted()
            || header.key_id != self.cipher.key_id()
            || header.lane != number(lane)
        {
            return Err(Refusal::Unauthenticated);
        }
        if header.receiver.is_some_and(|receiver| receiver != self.me.node) {
            return Err(Refusal::Replayed);
        }
        let counter = header.counter;
        let (clear, sealed) = bytes.split_at_mut(HEADER_SIZE);
        let Some(slot) = self.slots.get_mut(&sender.node) else {
            // Only who holds the key is worth a word: any id can be made up.
            let seal = Incoming::new(&sender, lane, self.cipher.as_ref()).seal;
            if seal.open(counter, clear, sealed).is_some() {
                self.strangers.note(now, sender, address, StrangerKind::NotConfigured);
            }
            return Err(Refusal::Unauthenticated);
        };
        slot.prune(now, self.token * 10);
        let plain = if let Some(session) = slot.get_mut(&sender) {
            let incoming = session.incoming(lane, self.cipher.as_ref());
            if !incoming.window.is_new(counter) {
                return Err(Refusal::Replayed);
            }
            let plain = incoming.seal.open(counter, clear, sealed);
            let plain = plain.ok_or(Refusal::Unauthenticated)?;
            incoming.window.insert(counter);
            plain
        } else {
            let mut incoming = Incoming::new(&sender, lane, self.cipher.as_ref());
            let plain = incoming.seal.open(counter, clear, sealed);
            let plain = plain.ok_or(Refusal::Unauthenticated)?;
            incoming.window.insert(counter);
            let nonce = self.prng.next_u64();
            let session = Session::new(now, sender, address, nonce, lane, incoming);
            if !slot.admit(now, session) {
                return Err(Refusal::Replayed);
            }
            plain
        };
        let wire_version = header.wire_version;
        let decoded = codec::decode(wire_version, plain).map_err(|_| Refusal::Malformed)?;
        let arrival = Arrival { now, address, lane, multicast, counter, wire_version };
        self.hear(sender, arrival, decoded)
    }

    /// What an authentic datagram leads to.
    fn hear(
        &mut self,
        sender: MemberId,
        arrival: Arrival,
        decoded: Decoded<'_>,
    ) -> Result<Vec<Heard>, Refusal> {
        let patience = self.challenge_again();
        let Some(slot) = self.slots.get_mut(&sender.node) else { return Ok(Vec::new()) };
        let Some((session, answers)) = slot.get_with_answers(&sender) else {
            return Ok(Vec::new());
        };
        let challenge_at = session.challenge_at();
        session.touch(arrival.now, arrival.address);
        let mut heard = Vec::with_capacity(decoded.frames.len());
        let mut reply = Vec::new();
        for frame in decoded.frames {
            match frame {
                Frame::Challenge(Challenge { nonce }) => {
                    if answers.allow(arrival.now) {
                        reply.push(Frame::Answer(Answer { nonce }));
                    }
                }
                Frame::Answer(Answer { nonce }) => heard.extend(session.answered(arrival, nonce)),
                frame => session.pass(self.me, arrival, frame, &mut heard),
            }
        }
        for part in &decoded.parts {
            if let Some(frame) = session.assemble(arrival.lane, arrival.wire_version, part)? {
                session.pass(self.me, arrival, frame, &mut heard);
            }
        }
        if let Some(nonce) = session.challenge(arrival.now, patience, true) {
            reply.push(Frame::Challenge(Challenge { nonce }));
        }
        if session.challenge_at() != challenge_at {
            self.due.extend(session.challenge_at().map(|at| (at, sender)));
            challenge_at.map(|at| self.due.remove(&(at, sender)));
        }
        if sender.node == self.me.node {
            // Another living node with this node's id, or an echo of this node's former life:
            // only the first can ever be verified. Nothing it says concerns the engine.
            if session.is_verified() {
                let kind = StrangerKind::SameNodeId;
                self.strangers.note(arrival.now, sender, arrival.address, kind);
            }
            heard.clear();
        }
        if !reply.is_empty() {
            self.send(arrival.address, sender.node, &reply);
        }
        Ok(heard)
    }

    /// Queues control frames of the gate's own.
    fn send(&mut self, address: SocketAddr, node: NodeId, frames: &[Frame]) {
        if self.outbox.len() < OUTBOX_MAX {
            let to = Destination::Unicast(address);
            let datagrams = self.seal(to, Some(node), Lane::Control, frames);
            self.outbox.extend(datagrams);
        }
    }
}

/// The lane's number in the header and in the derivation of keys.
const fn number(lane: Lane) -> u8 {
    match lane {
        Lane::Control => 0,
        Lane::Data => 1,
    }
}
