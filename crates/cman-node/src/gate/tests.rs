//! One test for each rule of the gate.

use super::*;
use cman_crypto::Plain;
use cman_types::{Epoch, Incarnation, NodeSet, Salt, ViewId};
use cman_wire::frame::{Hello, HelloKind, PutOut, Refuse, RefuseReason, Who};

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
    let sealed = from.seal(Destination::Multicast, Lane::Control, frames);
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

#[test]
fn a_hello_is_handed_on_once_its_sender_has_answered() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let said = say(&mut a, &[hello(3), who(life(1, 10))]);
    assert_eq!(open(&mut b, at(0), address(1), &said[0]), []);
    assert!(!b.is_verified(&life(1, 10)));
    let (_, at_b, _) = settle(at(0), &mut a, &mut b);
    assert_eq!(frames(&at_b), [&hello(3)], "the hello, and nothing else that it said before");
    assert_eq!(at_b[0].from, life(1, 10));
    assert_eq!(at_b[0].address, address(1));
    assert!(b.is_verified(&life(1, 10)));
    assert_eq!(b.address_of(&life(1, 10)), Some(address(1)));
    assert!(a.is_verified(&life(2, 20)), "the answer went together with a challenge");
    assert_eq!(b.rejected(), Rejected::default());
}

#[test]
fn the_newest_hello_is_kept() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let first = say(&mut a, &[hello(1)]);
    let second = say(&mut a, &[hello(2)]);
    open(&mut b, at(0), address(1), &second[0]);
    open(&mut b, at(1), address(1), &first[0]);
    let (_, at_b, _) = settle(at(2), &mut a, &mut b);
    assert_eq!(frames(&at_b), [&hello(2)]);
}

#[test]
fn verified_lives_are_heard_at_once() {
    let (mut a, mut b) = acquainted();
    let said = say(&mut a, &[who(life(1, 10))]);
    let heard = b.open(at(5), address(1), Lane::Control, true, &mut said[0].clone());
    assert_eq!(frames(&heard), [&who(a.me)]);
    assert!(heard[0].multicast);
}

#[test]
fn a_replayed_life_is_never_believed() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    // All that is on the wire in the life of `a`, in both directions.
    let mut recorded = say(&mut a, &[hello(1)]);
    open(&mut b, at(0), address(1), &recorded[0]);
    recorded.extend(settle(at(0), &mut a, &mut b).2);
    recorded.extend(say(&mut a, &[who(life(1, 10)), hello(2)]));
    assert!(b.is_verified(&a.me));

    // A fresh life of node 2, and the gate of the old one after it forgot `a`.
    let mut fresh = gate_with(life(2, 21), "alpha", "key", 99);
    b.forget(&a.me);
    for gate in [&mut fresh, &mut b] {
        for round in 1..=3 {
            for bytes in &recorded {
                assert_eq!(open(gate, at(1000 * round), address(1), bytes), []);
            }
        }
        assert!(!gate.is_verified(&a.me));
    }
}

#[test]
fn a_seen_datagram_is_refused() {
    let (mut a, mut b) = acquainted();
    let said = say(&mut a, &[who(life(1, 10))]);
    assert_eq!(open(&mut b, at(1), address(1), &said[0]).len(), 1);
    assert_eq!(open(&mut b, at(2), address(1), &said[0]), []);
    assert_eq!(b.rejected(), Rejected { replayed: 1, ..Rejected::default() });
}

#[test]
fn own_datagrams_are_ignored() {
    let mut a = gate(life(1, 10));
    let said = say(&mut a, &[hello(1)]);
    assert_eq!(open(&mut a, at(0), address(1), &said[0]), []);
    assert_eq!(a.rejected(), Rejected::default());
    assert_eq!(a.poll_notice(), None);
}

#[test]
fn refusals_are_told_apart() {
    let mut b = gate(life(2, 20));
    let mut refuse = |bytes: &[u8]| {
        assert_eq!(open(&mut b, at(0), address(1), bytes), []);
    };
    refuse(b"");
    refuse(b"GET / HTTP/1.1");
    refuse(&say(&mut gate(life(1, 10)), &[hello(1)])[0][..40]);
    refuse(&say(&mut gate_with(life(1, 10), "beta", "key", 1), &[hello(1)])[0]);
    refuse(&say(&mut gate_with(life(1, 10), "alpha", "other", 1), &[hello(1)])[0]);
    refuse(&say(&mut gate(life(9, 10)), &[hello(1)])[0]);
    let expected = Rejected { unauthenticated: 2, replayed: 0, malformed: 3, foreign_cluster: 1 };
    assert_eq!(b.rejected(), expected);
    assert!(b.slots.values().all(|slot| slot.get(&life(1, 10)).is_none()));
    assert_eq!(b.poll_transmit(), None);
}

#[test]
fn every_flipped_bit_is_refused() {
    let (mut a, mut b) = acquainted();
    let said = say(&mut a, &[hello(7)]);
    for bit in 0..said[0].len() * 8 {
        let mut bytes = said[0].clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&mut b, at(1), address(1), &bytes), [], "bit {bit}");
    }
    assert_eq!(open(&mut b, at(1), address(1), &said[0]).len(), 1);
}

#[test]
fn a_notice_comes_at_most_every_ten_seconds() {
    let mut b = gate(life(2, 20));
    open(&mut b, at(0), address(9), b"x");
    let notice = b.poll_notice().unwrap();
    assert!(notice.contains("1 from 10.0.0.9:5405: not of cman"), "{notice}");
    for ms in 0..9 {
        open(&mut b, at(1000 * ms), address(8), b"x");
        assert_eq!(b.poll_notice(), None);
    }
    assert_eq!(b.poll_timeout(), Some(at(10_000)));
    b.handle_timeout(at(10_000));
    let notice = b.poll_notice().unwrap();
    assert!(notice.contains("9 from 10.0.0.8:5405"), "{notice}");
    b.handle_timeout(at(60_000));
    assert_eq!(b.poll_notice(), None, "nothing new");
}

#[test]
fn who_is_not_configured_is_named_every_ten_seconds() {
    let mut b = gate(life(2, 20));
    let mut stranger = gate(life(9, 10));
    for ms in [0, 1, 9_999, 10_000] {
        let said = say(&mut stranger, &[hello(1)]);
        open(&mut b, at(ms), address(9), &said[0]);
    }
    let expected =
        Stranger { id: life(9, 10), address: address(9), kind: StrangerKind::NotConfigured };
    assert_eq!(b.strangers(), [expected, expected]);
    assert_eq!(b.strangers(), []);
}

#[test]
fn another_life_with_this_nodes_id_is_named_once_it_proved_itself() {
    let (mut a, mut twin) = (gate(life(1, 10)), gate(life(1, 11)));
    let said = say(&mut twin, &[hello(1)]);
    assert_eq!(open(&mut a, at(0), address(7), &said[0]), []);
    assert_eq!(a.strangers(), []);
    let challenge = a.poll_transmit().unwrap();
    open(&mut twin, at(1), address(1), &challenge.bytes);
    let answer = twin.poll_transmit().unwrap();
    assert_eq!(open(&mut a, at(2), address(7), &answer.bytes), []);
    let named = a.strangers();
    assert_eq!(named[0].kind, StrangerKind::SameNodeId);
    assert_eq!(named[0].address, address(7));
}

#[test]
fn what_names_this_life_needs_no_challenge() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let refuse = |target| {
        Frame::Refuse(Refuse {
            target,
            reason: RefuseReason::NotConfigured,
            ours: 0,
            theirs: 0,
            other: None,
            retry_after: MS,
            quorate: true,
        })
    };
    let put_out =
        |target| Frame::PutOut(PutOut { view: view(life(1, 10)), target, by: life(1, 10).node });
    let said = say(
        &mut a,
        &[refuse(life(2, 20)), refuse(life(2, 19)), put_out(life(2, 20)), put_out(life(2, 19))],
    );
    let heard = open(&mut b, at(0), address(1), &said[0]);
    assert_eq!(frames(&heard), [&refuse(life(2, 20)), &put_out(life(2, 20))]);
    assert!(!b.is_verified(&life(1, 10)));
}

#[test]
fn a_vouched_life_is_heard_at_once() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    b.vouch(at(0), &Member { id: a.me, address: address(1) });
    assert_eq!(b.address_of(&a.me), Some(address(1)));
    let said = say(&mut a, &[who(life(1, 10))]);
    assert_eq!(open(&mut b, at(0), address(1), &said[0]).len(), 1);
    assert_eq!(b.poll_transmit(), None);
}

#[test]
fn a_silent_life_is_challenged_four_times() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let said = say(&mut a, &[hello(1)]);
    open(&mut b, at(0), address(1), &said[0]);
    let mut challenges = 0;
    for ms in 0..3000 {
        b.handle_timeout(at(ms));
        challenges += core::iter::from_fn(|| b.poll_transmit()).count();
    }
    assert_eq!(challenges, 4);
    assert_eq!(b.poll_timeout(), None);
}

#[test]
fn long_frames_and_full_datagrams_pass() {
    use cman_wire::frame::{Beat, Propose};
    let (mut a, mut b) = acquainted();
    let members =
        (1..=1000).map(|id| Member { id: life(id, 1), address: address(id % 200) }).collect();
    let propose = Frame::Propose(Propose {
        ballot: view(a.me),
        wire_version: 1,
        members,
        departing: NodeSet::new(),
        removing: NodeSet::new(),
        gone: NodeSet::new(),
        changes: Vec::new(),
    });
    let beat = Frame::Beat(Beat {
        view: view(a.me),
        number: 1,
        acting: false,
        urgent: false,
        lease_left: MS,
        settled: true,
        late: NodeSet::new(),
        routed: NodeSet::new(),
        echoes_from: 0,
        echoes: vec![7; 300],
    });
    let said = [who(a.me), beat.clone(), propose, beat, who(a.me)];
    let datagrams = say(&mut a, &said);
    let mut heard = Vec::new();
    for bytes in &datagrams {
        assert!(bytes.len() <= cman_types::limits::DATAGRAM_MAX);
        heard.extend(open(&mut b, at(1), address(1), bytes));
    }
    assert_eq!(frames(&heard), said.iter().collect::<Vec<_>>());
}
