//! Lists at their bounds and beyond.

use super::samples::{beat, life, node, propose};
use crate::{
    Frame, MESSAGE_MAX, WIRE_VERSION, WireError,
    codec::{self, FRAME_HEAD, decode_long},
    frame::{Change, Lineage, Plan, Reason, Recover},
};
use cman_types::{Basis, Member, NodeSet, limits::NODES_MAX};
use core::{
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

fn body(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(frame, &mut bytes);
    bytes.split_off(FRAME_HEAD)
}

fn round_trip(frame: &Frame) -> Result<Option<Frame>, WireError> {
    decode_long(WIRE_VERSION, codec::kind(frame), &body(frame))
}

fn nodes(count: u32, step: usize) -> NodeSet {
    (1..=count).step_by(step).map(node).collect()
}

fn members(count: usize) -> Vec<Member> {
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, 5405));
    (1..).take(count).map(|id| Member { id: life(id), address }).collect()
}

#[test]
fn the_largest_proposal_fits_a_message() {
    let change = Change {
        node: node(u32::MAX),
        reason: Reason::Parted,
        witness: node(u32::MAX),
        silent: Duration::MAX,
    };
    // Every other id: the most ranges there can be.
    let scattered = nodes(2 * u32::try_from(NODES_MAX).unwrap(), 2);
    let mut propose = propose();
    propose.members = members(NODES_MAX);
    propose.departing = scattered.clone();
    propose.removing = scattered;
    propose.changes = vec![Change { silent: Duration::from_nanos(u64::MAX), ..change }; 8192];
    let frame = Frame::Propose(propose);
    assert!(body(&frame).len() <= MESSAGE_MAX, "{}", body(&frame).len());
    assert_eq!(round_trip(&frame), Ok(Some(frame)));
}

#[test]
fn one_member_too_many() {
    let mut propose = propose();
    propose.members = members(NODES_MAX + 1);
    assert_eq!(round_trip(&Frame::Propose(propose)), Err(WireError::TooMany("members")));
}

#[test]
fn members_out_of_order() {
    let sorted = body(&Frame::Propose(propose()));
    // Both members get the same node id.
    let at = 36 + 1 + 4;
    let mut bytes = sorted.clone();
    assert_eq!(bytes[at..at + 4], [0, 0, 0, 1]);
    bytes[at + 3] = 2;
    assert_eq!(decode_long(WIRE_VERSION, 10, &bytes), Err(WireError::Unsorted("members")));
}

#[test]
fn the_largest_set_and_one_node_more() {
    let max = u32::try_from(NODES_MAX).unwrap();
    let with = |late| Frame::Beat(crate::frame::Beat { late, ..beat() });
    assert_eq!(round_trip(&with(nodes(max, 1))), Ok(Some(with(nodes(max, 1)))));
    assert_eq!(round_trip(&with(nodes(max + 1, 1))), Err(WireError::TooMany("nodes")));
}

#[test]
fn ranges_that_touch_overlap_or_go_back() {
    let start = body(&Frame::Beat(beat()));
    // The set `late` of the sample: 2 to 4, 9.
    let at = 36 + 8 + 2 + 8 + 1;
    assert_eq!(start[at..at + 12], [0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 4]);
    for (first, last) in [(5, 9), (4, 9), (1, 1), (9, 8), (0, 9)] {
        let mut bytes = start.clone();
        bytes[at + 15] = first;
        bytes[at + 19] = last;
        let decoded = decode_long(WIRE_VERSION, 1, &bytes);
        assert_eq!(decoded, Err(WireError::Unsorted("ranges of nodes")), "{first} to {last}");
    }
}

#[test]
fn a_huge_range_costs_nothing() {
    let mut bytes = body(&Frame::Beat(beat()));
    let at = 36 + 8 + 2 + 8 + 1;
    bytes[at + 16..at + 20].copy_from_slice(&[0xff; 4]);
    assert_eq!(decode_long(WIRE_VERSION, 1, &bytes), Err(WireError::TooMany("nodes")));
}

#[test]
fn small_ranges_do_not_become_a_mountain() {
    // Each lineage names all nodes in a few bytes; together they would fill memory.
    let all = nodes(u32::try_from(NODES_MAX).unwrap(), 1);
    let lineage =
        Lineage { origin: None, members: all, leases: Vec::new(), stable: 0, sequence: Vec::new() };
    let plan = |count| Plan {
        basis: Basis::default(),
        not_readmitted: NodeSet::new(),
        fresh: NodeSet::new(),
        forgotten: false,
        promised: Duration::ZERO,
        lineages: vec![lineage.clone(); count],
    };
    let recover = |count| Frame::Recover(Recover { ballot: propose().ballot, plan: plan(count) });
    assert_eq!(round_trip(&recover(8)), Ok(Some(recover(8))));
    assert_eq!(round_trip(&recover(9)), Err(WireError::TooMany("nodes")));
}

#[test]
fn a_claimed_count_is_not_believed() {
    let mut bytes = body(&Frame::Beat(beat()));
    let at = bytes.len() - 3 * 4 - 4;
    bytes[at..at + 4].copy_from_slice(&4000_u32.to_be_bytes());
    assert_eq!(decode_long(WIRE_VERSION, 1, &bytes), Err(WireError::TooMany("echoes")));
}

#[test]
fn an_echo_for_nobody() {
    let mut bytes = body(&Frame::Beat(beat()));
    let at = bytes.len() - 2;
    bytes[at..].copy_from_slice(&[0; 2]);
    let refused = WireError::Value("how many members an echo is for");
    assert_eq!(decode_long(WIRE_VERSION, 1, &bytes), Err(refused));
}

#[test]
fn flags_and_choices_have_only_the_values_they_have() {
    let start = body(&Frame::Beat(beat()));
    let mut bytes = start.clone();
    bytes[44] = 2;
    assert_eq!(decode_long(WIRE_VERSION, 1, &bytes), Err(WireError::Value("a flag")));
    let mut bytes = vec![9];
    bytes.extend_from_slice(&[0; 100]);
    assert_eq!(decode_long(WIRE_VERSION, 6, &bytes), Err(WireError::Value("HelloKind")));
}
