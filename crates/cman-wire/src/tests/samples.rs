//! One filled-in frame of each kind, always the same.

use crate::frame::{
    Ack, Amend, Answer, Ask, Beat, Challenge, Change, Commit, Data, Echo, Flush, Frame, Gone,
    Hears, Hello, HelloKind, Holdings, Install, Kill, Leave, Lineage, MemberBeat, Moved, Nack,
    NackReason, Order, Ordered, Plan, Probe, ProbeAck, Propose, PutOut, Reason, Recover, Recovered,
    Refuse, RefuseReason, Relay, Run, Who,
};
use cman_types::{
    Amended, Amendment, Basis, Epoch, Expected, Incarnation, Member, MemberId, NodeId, NodeSet,
    Salt, View, ViewId,
};
use core::{
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

pub(super) fn node(id: u32) -> NodeId {
    NodeId::new(id).unwrap()
}

pub(super) fn life(id: u32) -> MemberId {
    MemberId {
        node: node(id),
        incarnation: Incarnation(1_763_821_000_123 + u64::from(id)),
        salt: Salt([u8::try_from(id % 256).unwrap(); 16]),
    }
}

fn view_id(epoch: u64) -> ViewId {
    ViewId { epoch: Epoch(epoch), coordinator: life(1) }
}

fn nodes(ids: &[u32]) -> NodeSet {
    ids.iter().copied().map(node).collect()
}

pub(super) fn members() -> Vec<Member> {
    vec![
        Member { id: life(1), address: SocketAddr::from(([10, 0, 0, 1], 5405)) },
        Member {
            id: life(2),
            address: SocketAddr::from((Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2), 5405)),
        },
    ]
}

fn basis() -> Basis {
    let amended = Amended {
        votes: [(node(1), 3), (node(2), 2)].into(),
        expected: Some(Expected { votes: 4, of: 5 }),
        highest: 6,
    };
    Basis { epoch: Epoch(16), removed: nodes(&[9]), all_seen: true, amended }
}

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(super) fn challenge() -> Frame {
    Frame::Challenge(Challenge { nonce: 0x0102_0304_0506_0708 })
}

pub(super) fn answer() -> Frame {
    Frame::Answer(Answer { nonce: 0x0102_0304_0506_0708 })
}

pub(super) fn relay() -> Frame {
    let frame = Box::new(Frame::Kill(Kill { view: view_id(17), target: life(3) }));
    Frame::Relay(Relay { origin: life(2), target: life(1), frame })
}

pub(super) fn beat() -> Beat {
    Beat {
        view: view_id(17),
        number: 41,
        acting: false,
        urgent: true,
        lease_left: ms(1500),
        settled: true,
        late: nodes(&[2, 3, 4, 9]),
        routed: nodes(&[]),
        echoes_from: 0,
        echoes: vec![
            Echo { age: Echo::NONE, answer: 0, members: 1 },
            Echo { age: 1, answer: 0, members: 300 },
            Echo { age: 2, answer: 1, members: 2 },
        ],
    }
}

fn hello() -> Frame {
    Frame::Hello(Hello {
        kind: HelloKind::Coordinator,
        wire_min: 1,
        wire_max: 2,
        cluster_id: 3169,
        config_version: 4,
        epoch_seen: Epoch(18),
        view: Some(view_id(17)),
        members: nodes(&[1, 2]),
        votes: 3,
        nodes: 2,
        incumbent: 5,
        hears: nodes(&[1, 2, 4]),
        quorate: true,
        dirty: true,
        took_part: true,
    })
}

fn refuse() -> Frame {
    Frame::Refuse(Refuse {
        target: life(2),
        reason: RefuseReason::ConfigOlder,
        ours: 5,
        theirs: 4,
        other: Some(SocketAddr::from(([10, 0, 0, 3], 5405))),
        retry_after: ms(1000),
        quorate: true,
    })
}

pub(super) fn propose() -> Propose {
    let silent = Change { node: node(3), reason: Reason::Silent, witness: node(1), silent: ms(2) };
    Propose {
        ballot: view_id(18),
        wire_version: 1,
        members: members(),
        departing: nodes(&[2]),
        removing: nodes(&[2]),
        gone: vec![life(3)],
        amending: Some(Amendment::Expected { votes: 4 }),
        changes: vec![silent],
    }
}

const fn run() -> Run {
    Run { sender: 1, from: 2, count: 3 }
}

const fn ordered() -> Ordered {
    Ordered { first: 6, run: run() }
}

fn flush() -> Frame {
    Frame::Flush(Box::new(Flush {
        ballot: view_id(18),
        origin: Some(view_id(17)),
        pending: vec![view_id(16)],
        epoch_seen: Epoch(18),
        basis: basis(),
        removed_self: false,
        fresh: true,
        knew: Epoch(15),
        dirty: true,
        hub_leases: vec![(node(3), ms(700))],
        promised: vec![(node(2), ms(900))],
        index: 1,
        holdings: Holdings {
            delivered: 5,
            stable: 4,
            units: vec![(1, 2, 3)],
            records: vec![ordered()],
        },
    }))
}

fn recover() -> Frame {
    let lineage = Lineage {
        origin: Some(view_id(17)),
        members: nodes(&[1, 2]),
        leases: vec![(node(3), ms(700))],
        stable: 5,
        sequence: vec![ordered()],
    };
    let plan = Plan {
        basis: basis(),
        not_readmitted: nodes(&[9]),
        fresh: nodes(&[2]),
        forgotten: false,
        promised: ms(800),
        lineages: vec![lineage],
    };
    Frame::Recover(Recover { ballot: view_id(18), plan })
}

/// In the order of their kinds.
pub(super) fn all() -> Vec<Frame> {
    let (view, ballot) = (view_id(17), view_id(18));
    vec![
        Frame::Beat(beat()),
        Frame::MemberBeat(MemberBeat {
            view,
            echo: 41,
            answer: 7,
            grant: true,
            urgent: false,
            multicast_heard: true,
            unicast_heard: true,
            delay: ms(3),
            dirty: true,
        }),
        Frame::Who(Who { view, hub: node(1) }),
        Frame::Hears(Hears { view, hub: node(1), routes: 2 }),
        relay(),
        hello(),
        Frame::Probe(Probe { nonce: 99, epoch_seen: Epoch(18), want_members: true }),
        Frame::ProbeAck(ProbeAck {
            nonce: 99,
            epoch_seen: Epoch(18),
            view: Some(View { id: view, members: members() }),
        }),
        refuse(),
        Frame::Propose(propose()),
        flush(),
        Frame::Nack(Nack { ballot, epoch_seen: Epoch(19), reason: NackReason::Held }),
        Frame::Commit(Commit { ballot, view }),
        recover(),
        Frame::Recovered(Recovered { ballot, missing: 3 }),
        Frame::Install(Install { ballot }),
        Frame::Moved(Moved { view, members: nodes(&[1, 2]) }),
        Frame::Leave(Leave { view, remove: true }),
        Frame::Gone(Gone { ballot }),
        Frame::Kill(Kill { view, target: life(3) }),
        Frame::PutOut(PutOut { view, target: life(3), by: node(2) }),
        challenge(),
        answer(),
        Frame::Data(Data { view, sender: 1, unit: 7, payload: vec![1, 2, 3].into() }),
        Frame::Order(Order { view, first: 6, runs: vec![run()], stable: 4, flow: 5 }),
        Frame::Ask(Ask { view, units: vec![(1, 2, 3)], records: Some((4, 5)) }),
        Frame::Ack(Ack { view, held: 5, sent: 7 }),
        Frame::Amend(Amend { view, amendment: Amendment::Votes { node: node(2), votes: 3 } }),
    ]
}
