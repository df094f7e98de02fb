//! Who is believed, and since when.

use super::*;
use cman_wire::frame::{PutOut, Refuse, RefuseReason};

///
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

///
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

///
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

///
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

///
#[test]
fn a_vouched_life_is_heard_at_once() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    b.vouch(at(0), &Member { id: a.me, address: address(1) });
    assert_eq!(b.address_of(&a.me), Some(address(1)));
    let said = say(&mut a, &[who(life(1, 10))]);
    assert_eq!(open(&mut b, at(0), address(1), &said[0]).len(), 1);
    assert_eq!(b.poll_transmit(), None);
}

///
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

///
#[test]
fn long_frames_and_full_datagrams_pass() {
    use cman_wire::frame::{Beat, Echo, Propose};
    let (mut a, mut b) = acquainted();
    let members =
        (1..=1000).map(|id| Member { id: life(id, 1), address: address(id % 200) }).collect();
    let propose = Frame::Propose(Propose {
        ballot: view(a.me),
        wire_version: 1,
        members,
        departing: NodeSet::new(),
        removing: NodeSet::new(),
        gone: Vec::new(),
        amending: None,
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
        echoes: vec![Echo { age: 1, answer: 0, members: 1 }; 300],
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

/// A datagram of each of so many former lives of node 1, oldest first.
fn former_lives(count: u64) -> Vec<Vec<u8>> {
    (1..=count)
        .map(|incarnation| say(&mut gate(life(1, incarnation)), &[hello(1)]).remove(0))
        .collect()
}

///
#[test]
fn replaying_many_lives_does_not_push_out_the_living_one() {
    let mut b = gate(life(2, 20));
    let mut a = gate(life(1, 100));
    let recorded = former_lives(20);
    let said = say(&mut a, &[hello(5)]);
    for bytes in &recorded[..10] {
        open(&mut b, at(0), address(1), bytes);
    }
    open(&mut b, at(1), address(1), &said[0]);
    for bytes in &recorded[10..] {
        open(&mut b, at(1), address(1), bytes);
    }
    let (_, at_b, _) = settle(at(2), &mut a, &mut b);
    assert_eq!(frames(&at_b), [&hello(5)]);
}

#[test]
fn replaying_a_later_life_does_not_lock_out_an_earlier_one_for_long() {
    // State was lost and the clock stepped back: the living life looks older than the dead ones.
    let mut b = gate(life(2, 20));
    let mut a = gate(life(1, 1));
    for incarnation in 50..54 {
        open(&mut b, at(0), address(1), &say(&mut gate(life(1, incarnation)), &[hello(1)])[0]);
    }
    let said = say(&mut a, &[hello(5)]);
    open(&mut b, at(999), address(1), &said[0]);
    settle(at(999), &mut a, &mut b);
    assert!(!b.is_verified(&life(1, 1)));
    let said = say(&mut a, &[hello(5)]);
    open(&mut b, at(1000), address(1), &said[0]);
    settle(at(1000), &mut a, &mut b);
    assert!(b.is_verified(&life(1, 1)));
}

///
#[test]
fn unverified_lives_make_room_before_verified_ones() {
    let (_, mut b) = acquainted();
    for (bytes, ms) in former_lives(30).iter().zip(5000..) {
        open(&mut b, at(ms), address(1), bytes);
    }
    assert!(b.is_verified(&life(1, 10)));
}

#[test]
fn who_has_answered_is_not_challenged_again() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let said = say(&mut a, &[hello(1)]);
    open(&mut b, at(0), address(1), &said[0]);
    assert_eq!(b.poll_timeout(), Some(at(100)));
    settle(at(1), &mut a, &mut b);
    assert_eq!((a.poll_timeout(), b.poll_timeout()), (None, None));
}

#[test]
fn the_last_life_heard_stays_verified_however_long_it_is_silent() {
    let (mut a, mut b) = acquainted();
    let mut new = gate(life(1, 11));
    let said = say(&mut new, &[hello(1)]);
    open(&mut b, at(1000), address(1), &said[0]);
    settle(at(1000), &mut new, &mut b);
    let said = say(&mut a, &[hello(2)]);
    assert_eq!(open(&mut b, at(90_000), address(1), &said[0]), [], "dropped: challenged anew");
    assert!(b.is_verified(&life(1, 11)));
}

///
#[test]
fn an_old_life_is_dropped_when_a_new_one_is_verified_and_the_old_fell_silent() {
    let (_, mut b) = acquainted();
    let mut new = gate(life(1, 11));
    let said = say(&mut new, &[hello(1)]);
    open(&mut b, at(1000), address(1), &said[0]);
    settle(at(1000), &mut new, &mut b);
    assert!(b.is_verified(&life(1, 10)) && b.is_verified(&life(1, 11)));
    for ms in [19_999, 20_000] {
        let said = say(&mut new, &[hello(1)]);
        assert_eq!(open(&mut b, at(ms), address(1), &said[0]).len(), 1);
        assert_eq!(b.is_verified(&life(1, 10)), ms < 20_000);
    }
    assert!(b.is_verified(&life(1, 11)));
}

#[test]
fn a_forgotten_life_must_answer_again() {
    let (mut a, mut b) = acquainted();
    b.forget(&life(1, 10));
    assert_eq!(b.address_of(&life(1, 10)), None);
    let said = say(&mut a, &[who(life(1, 10))]);
    assert_eq!(open(&mut b, at(1), address(1), &said[0]), []);
    settle(at(1), &mut a, &mut b);
    assert!(b.is_verified(&life(1, 10)));
}

///
#[test]
fn a_wrong_answer_verifies_nobody() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let said = say(&mut a, &[Frame::Answer(Answer { nonce: 0 }), hello(1)]);
    assert_eq!(open(&mut b, at(0), address(1), &said[0]), []);
    assert!(!b.is_verified(&life(1, 10)));
}

///
#[test]
fn what_was_sealed_before_the_proof_is_not_believed_after_it() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let recorded = say(&mut a, &[hello(1), who(life(1, 10))]);
    let said = say(&mut a, &[hello(2)]);
    open(&mut b, at(0), address(1), &said[0]);
    settle(at(0), &mut a, &mut b);
    assert!(b.is_verified(&life(1, 10)));
    assert_eq!(open(&mut b, at(1), address(1), &recorded[0]), []);
    assert_eq!(b.rejected(), Rejected { replayed: 1, ..Rejected::default() });
}

///
#[test]
fn fifty_challenges_a_second_are_answered() {
    let (mut a, mut b) = acquainted();
    let mut answered = |ms| {
        for nonce in 0..60 {
            let said = say(&mut a, &[Frame::Challenge(Challenge { nonce })]);
            open(&mut b, at(ms), address(1), &said[0]);
        }
        core::iter::from_fn(|| b.poll_transmit()).count()
    };
    assert_eq!(answered(5000), 50);
    assert_eq!(answered(5999), 0);
    assert_eq!(answered(6000), 50);
}

///
#[test]
fn challenges_are_spaced() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let mut challenges = 0;
    for ms in 0..=100 {
        let said = say(&mut a, &[hello(1)]);
        open(&mut b, at(ms), address(1), &said[0]);
        challenges += core::iter::from_fn(|| b.poll_transmit()).count();
    }
    assert_eq!(challenges, 2);
}

///
#[test]
fn the_data_lane_is_its_own_and_one_proof_serves_both() {
    let (mut a, mut b) = acquainted();
    let from = SocketAddr::from(([10, 0, 0, 1], 5404));
    let sealed = a.seal(Destination::Multicast, None, Lane::Data, &[who(life(1, 10))]);
    let heard = b.open(at(1), from, Lane::Data, true, &mut sealed[0].bytes.clone());
    assert_eq!(frames(&heard), [&who(life(1, 10))]);
    assert_eq!(heard[0].address, address(1), "where it is answered, not where it came from");
    assert_eq!(b.address_of(&life(1, 10)), Some(address(1)));
}

#[test]
fn a_life_first_heard_on_the_data_lane_is_challenged_on_the_control_lane() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let from = SocketAddr::from(([10, 0, 0, 1], 5404));
    let sealed = a.seal(Destination::Multicast, None, Lane::Data, &[who(life(1, 10))]);
    assert_eq!(b.open(at(1), from, Lane::Data, true, &mut sealed[0].bytes.clone()), []);
    settle(at(1), &mut a, &mut b);
    assert!(b.is_verified(&life(1, 10)));
}

#[test]
fn an_address_is_learnt_from_authentic_datagrams() {
    let (mut a, mut b) = acquainted();
    let said = say(&mut a, &[who(life(1, 10))]);
    open(&mut b, at(1), address(77), &said[0]);
    assert_eq!(b.address_of(&life(1, 10)), Some(address(77)));
    open(&mut b, at(1), address(78), &said[0]);
    assert_eq!(b.address_of(&life(1, 10)), Some(address(77)), "a repetition teaches nothing");
}

///
#[test]
fn parts_of_unverified_lives_are_not_kept() {
    let mut a = gate(life(1, 10));
    let mut b = gate(life(2, 20));
    let beat = cman_wire::frame::Moved {
        view: view(life(1, 10)),
        members: (1..2000).step_by(2).filter_map(NodeId::new).collect(),
    };
    let said = say(&mut a, &[Frame::Moved(beat)]);
    assert!(said.len() > 1);
    for bytes in &said[1..] {
        open(&mut b, at(0), address(1), bytes);
    }
    settle(at(0), &mut a, &mut b);
    assert!(b.is_verified(&life(1, 10)));
    assert_eq!(open(&mut b, at(0), address(1), &said[0]), [], "the rest was not kept");
}

#[test]
fn the_wire_version_can_be_changed() {
    let (mut a, mut b) = acquainted();
    a.set_wire_version(2);
    let said = say(&mut a, &[who(life(1, 10)), hello(4)]);
    let heard = open(&mut b, at(1), address(1), &said[0]);
    assert_eq!(frames(&heard), [&hello(4)], "of a newer version only greetings are understood");
}
