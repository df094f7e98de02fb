//! Tests of the gate: at least one for each rule.

mod refusing;
mod verifying;

use super::*;
use cman_crypto::Plain;
use cman_types::{Epoch, Incarnation, NodeSet, Salt, ViewId};
use cman_wire::frame::{Hello, HelloKind, Who};

const MS: Duration = Duration::from_millis(1);

fn at(ms: u32) -> Instant {
    Instant::ZERO + MS * ms
}

fn life(node: u32, incarnation: u64) -> MemberId {
    let salt = Salt([u8::try_from(incarnation % 256).unwrap(); 16]);
    MemberId { node: NodeId::new(node).unwrap(), incarnation: Incarnation(incarnation), salt }
}

fn address(node: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(node).unwrap()], 5405))
}

/// A gate of the cluster "alpha" of nodes 1 to 4; `key` stands for the cluster's key.
fn gate_with(me: MemberId, name: &str, key: &str, seed: u64) -> Gate {
    let peers = (1..=4).map(|id| NodeId::new(id).unwrap()).collect();
    let setup =
        GateSetup { me, cluster_name: name.to_owned(), peers, token: Duration::from_secs(2) };
    Gate::new(setup, Box::new(Plain::new(key)), Prng::new(seed))
}

fn gate(me: MemberId) -> Gate {
    gate_with(me, "alpha", "key", u64::from(me.node.get()) * 1000 + me.incarnation.0)
}

fn hello(epoch: u64) -> Frame {
    Frame::Hello(Hello {
        kind: HelloKind::Candidate,
        wire_min: 1,
        wire_max: 1,
        cluster_id: 7,
        config_version: 1,
        epoch_seen: Epoch(epoch),
        view: None,
        members: NodeSet::new(),
        votes: 1,
        nodes: 1,
        incumbent: 0,
        hears: NodeSet::new(),
        quorate: false,
        dirty: false,
        took_part: false,
    })
}

fn view(of: MemberId) -> ViewId {
    ViewId { epoch: Epoch(1), coordinator: of }
}

fn who(of: MemberId) -> Frame {
    Frame::Who(Who { view: view(of), hub: of.node })
}

/// What `from` says, as datagrams.
fn say(from: &mut Gate, frames: &[Frame]) -> Vec<Vec<u8>> {
    let sealed = from.seal(Destination::Multicast, None, Lane::Control, frames);
    sealed.into_iter().map(|transmit| transmit.bytes).collect()
}

fn open(gate: &mut Gate, now: Instant, from: SocketAddr, bytes: &[u8]) -> Vec<Heard> {
    gate.open(now, from, Lane::Control, false, &mut bytes.to_vec())
}

/// Carries what the gates themselves have to say to each other until they fall silent. Returns
/// what passed at each, and every datagram.
fn settle(now: Instant, a: &mut Gate, b: &mut Gate) -> (Vec<Heard>, Vec<Heard>, Vec<Vec<u8>>) {
    let (mut at_a, mut at_b, mut wire) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..10 {
        let (from_a, from_b) = (address(a.me.node.get()), address(b.me.node.get()));
        while let Some(transmit) = a.poll_transmit() {
            if transmit.to == Destination::Unicast(from_b) {
                at_b.extend(open(b, now, from_a, &transmit.bytes));
            }
            wire.push(transmit.bytes);
        }
        while let Some(transmit) = b.poll_transmit() {
            if transmit.to == Destination::Unicast(from_a) {
                at_a.extend(open(a, now, from_b, &transmit.bytes));
            }
            wire.push(transmit.bytes);
        }
    }
    (at_a, at_b, wire)
}

/// Two gates that have verified each other.
fn acquainted() -> (Gate, Gate) {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    for bytes in say(&mut a, &[hello(0)]) {
        open(&mut b, at(0), address(1), &bytes);
    }
    settle(at(0), &mut a, &mut b);
    assert!(a.is_verified(&b.me) && b.is_verified(&a.me));
    (a, b)
}

fn frames(heard: &[Heard]) -> Vec<&Frame> {
    heard.iter().map(|heard| &heard.frame).collect()
}
