//! What does not pass, how it is counted and what is said about it.

use super::*;
use proptest::{collection::vec, prelude::*};

///
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
    assert_eq!(a.poll_transmit(), None, "nobody challenges himself");
}

#[test]
fn the_first_datagram_of_a_life_counts_as_seen_too() {
    let (mut a, mut b) = (gate(life(1, 10)), gate(life(2, 20)));
    let said = say(&mut a, &[hello(1)]);
    open(&mut b, at(0), address(1), &said[0]);
    open(&mut b, at(1), address(1), &said[0]);
    assert_eq!(b.rejected(), Rejected { replayed: 1, ..Rejected::default() });
}

///
#[test]
fn what_was_said_to_another_node_is_refused() {
    let (mut a, mut b) = acquainted();
    let mut said_to = |node| {
        let to = Destination::Unicast(address(2));
        a.seal(to, NodeId::new(node), Lane::Control, &[who(life(1, 10))]).remove(0).bytes
    };
    // What node 1 said to node 3, recorded and sent again to node 2, which has not seen it.
    let (to_three, to_two) = (said_to(3), said_to(2));
    assert_eq!(open(&mut b, at(1), address(1), &to_three), []);
    assert_eq!(b.rejected(), Rejected { replayed: 1, ..Rejected::default() });
    assert_eq!(open(&mut b, at(1), address(1), &to_two).len(), 1);
}

///
#[test]
fn counters_grow_by_one_on_each_lane() {
    let mut a = gate(life(1, 10));
    let mut counter = |lane| {
        let sealed = a.seal(Destination::Multicast, None, lane, &[hello(1)]);
        Header::parse(&sealed[0].bytes).unwrap().0.counter
    };
    assert_eq!([1, 2, 3].map(|_| counter(Lane::Control)), [1, 2, 3]);
    assert_eq!([1, 2].map(|_| counter(Lane::Data)), [1, 2]);
}

///
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

///
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

///
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

///
#[test]
fn who_is_not_configured_and_has_no_key_is_not_named() {
    let mut b = gate(life(2, 20));
    let mut stranger = gate(life(9, 10));
    let mut said = say(&mut stranger, &[hello(1)]);
    *said[0].last_mut().unwrap() ^= 1;
    open(&mut b, at(0), address(9), &said[0]);
    assert_eq!(b.strangers(), []);
    assert_eq!(b.rejected().unauthenticated, 1);
}

#[test]
fn repeated_datagrams_are_reported_only_in_masses() {
    let (mut a, mut b) = acquainted();
    let said = say(&mut a, &[who(life(1, 10))]);
    for _ in 0..100 {
        open(&mut b, at(1), address(1), &said[0]);
        assert_eq!(b.poll_notice(), None);
    }
    open(&mut b, at(1), address(1), &said[0]);
    let notice = b.poll_notice().unwrap();
    assert!(notice.contains("100 from 10.0.0.1:5405: seen before"), "{notice}");
}

#[test]
fn a_notice_names_each_cause() {
    let mut b = gate(life(2, 20));
    open(&mut b, at(0), address(7), b"x");
    open(&mut b, at(0), address(8), b"x");
    open(
        &mut b,
        at(0),
        address(9),
        &say(&mut gate_with(life(1, 1), "beta", "key", 1), &[hello(1)])[0],
    );
    let notice = b.poll_notice().unwrap();
    assert!(notice.contains("2 from 10.0.0.8:5405 and others: not of cman"), "{notice}");
    assert!(notice.contains("; 1 from 10.0.0.9:5405: of a cluster with another name"), "{notice}");
}

///
#[test]
fn a_datagram_of_the_other_lane_does_not_open() {
    let (mut a, mut b) = acquainted();
    let said = say(&mut a, &[who(life(1, 10))]);
    assert_eq!(b.open(at(1), address(1), Lane::Data, false, &mut said[0].clone()), []);
    assert_eq!(b.rejected().unauthenticated, 1);
}

/// Whatever the key says: what the header claims must be what this gate expects.
#[test]
fn a_header_that_claims_another_cipher_key_or_lane_is_refused() {
    let expected = Header {
        wire_version: 1,
        encrypted: false,
        lane: 0,
        key_id: 0,
        cluster: name_hash("alpha"),
        sender: life(1, 10),
        receiver: None,
        counter: 1,
    };
    let refused = |header: &Header| {
        let mut clear = Vec::new();
        header.write(&mut clear);
        let mut bytes = clear.clone();
        Plain::new("key").derive(&header.sender, 0).seal(header.counter, &clear, &[], &mut bytes);
        let mut b = gate(life(2, 20));
        assert_eq!(open(&mut b, at(0), address(1), &bytes), []);
        b.rejected()
    };
    let unauthenticated = Rejected { unauthenticated: 1, ..Rejected::default() };
    assert_eq!(refused(&expected), Rejected::default());
    assert_eq!(refused(&Header { encrypted: true, ..expected }), unauthenticated);
    assert_eq!(refused(&Header { key_id: 1, ..expected }), unauthenticated);
    assert_eq!(refused(&Header { lane: 1, ..expected }), unauthenticated);
}

#[test]
fn an_authentic_datagram_that_does_not_parse_is_malformed() {
    let (mut a, mut b) = acquainted();
    // A frame that claims more bytes than follow, sealed as it should be.
    let [outgoing, _] = &mut a.outgoing;
    let forged = outgoing.seal_raw(&[22, 0, 9, 1]);
    assert_eq!(open(&mut b, at(1), address(1), &forged), []);
    assert_eq!(b.rejected(), Rejected { malformed: 1, ..Rejected::default() });
}

///
#[test]
fn strangers_do_not_fill_memory() {
    let mut b = gate(life(2, 20));
    let said = say(&mut gate(life(9, 10)), &[hello(1)]);
    for source in 0..5000_u16 {
        let forged = SocketAddr::from(([10, 9, 0, 1], source));
        open(&mut b, at(u32::from(source)), forged, &said[0]);
    }
    assert!(b.strangers().len() <= 64);
}

#[test]
fn operators_hear_of_many_strangers_in_one_sentence_every_ten_seconds() {
    let mut b = gate(life(2, 20));
    let said = say(&mut gate(life(9, 10)), &[hello(1)]);
    let mut told = Vec::new();
    for ms in 0..20_000_u32 {
        let source = u16::try_from(ms % 50).unwrap_or(0);
        let forged = SocketAddr::from(([10, 9, 0, 1], source));
        open(&mut b, at(ms), forged, &said[0]);
        told.extend(b.poll_stranger_notice(at(ms)).map(|notice| (ms, notice)));
    }
    let counts = |(ms, notice): &(u32, StrangerNotice)| (*ms, notice.named.len(), notice.others);
    // The first at once; with the first of the next round those who came after it.
    let counts: Vec<_> = told.iter().map(counts).collect();
    assert_eq!(counts, [(0, 1, 0), (10_000, 4, 46)]);
    assert_eq!(b.strangers.due(), Some(at(20_000)));
}

proptest! {
    /// Whatever comes, nothing passes that no verified life has said.
    #[test]
    fn bytes_from_nowhere_do_no_harm(
        noise in vec(vec(any::<u8>(), 0..200), 0..20),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let (mut a, mut b) = acquainted();
        let good = say(&mut a, &[who(life(1, 10)), hello(3)]).remove(0);
        let mut bad = good.clone();
        for (at, value) in damage {
            let at = at.index(bad.len());
            bad[at] = value;
        }
        for bytes in noise {
            prop_assert!(open(&mut b, at(1), address(1), &bytes).is_empty());
            let headed = [&good[..HEADER_SIZE - 8], &bytes[..]].concat();
            prop_assert!(open(&mut b, at(1), address(1), &headed).is_empty());
        }
        if bad != good {
            prop_assert!(open(&mut b, at(1), address(1), &bad).is_empty());
        }
        prop_assert_eq!(open(&mut b, at(1), address(1), &good).len(), 2);
    }
}
