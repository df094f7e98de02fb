//! Any frame that can be said.

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
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
};

fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![1..=64u32, any::<u32>()].prop_filter_map("zero names nobody", NodeId::new)
}

fn nodes() -> impl Strategy<Value = NodeSet> {
    btree_set(node(), 0..40).prop_map(|nodes| nodes.into_iter().collect())
}

prop_compose! {
    fn member_id()(node in node(), incarnation: u64, salt: [u8; 16]) -> MemberId {
        MemberId { node, incarnation: Incarnation(incarnation), salt: Salt(salt) }
    }
}

prop_compose! {
    fn view_id()(epoch in epoch(), coordinator in member_id()) -> ViewId {
        ViewId { epoch, coordinator }
    }
}

fn epoch() -> impl Strategy<Value = Epoch> {
    any::<u64>().prop_map(Epoch)
}

fn duration() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_nanos)
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    btree_map(node(), (any::<u64>(), any::<[u8; 16]>(), address()), 0..40).prop_map(|members| {
        members
            .into_iter()
            .map(|(node, (incarnation, salt, address))| Member {
                id: MemberId { node, incarnation: Incarnation(incarnation), salt: Salt(salt) },
                address,
            })
            .collect()
    })
}

prop_compose! {
    fn view()(id in view_id(), members in members()) -> View {
        View { id, members }
    }
}

prop_compose! {
    fn amended()(
        votes in vec((node(), any::<u32>()), 0..5),
        expected: Option<(u32, u32)>,
        highest: u32,
    ) -> Amended {
        let expected = expected.map(|(votes, of)| Expected { votes, of });
        Amended { votes: votes.into_iter().collect(), expected, highest }
    }
}

fn amendment() -> impl Strategy<Value = Amendment> {
    prop_oneof![
        (node(), any::<u32>()).prop_map(|(node, votes)| Amendment::Votes { node, votes }),
        any::<u32>().prop_map(|votes| Amendment::Expected { votes }),
    ]
}

prop_compose! {
    fn basis()(
        epoch in epoch(),
        removed in nodes(),
        all_seen: bool,
        amended in amended(),
    ) -> Basis {
        Basis { epoch, removed, all_seen, amended }
    }
}

fn leases() -> impl Strategy<Value = Vec<(NodeId, Duration)>> {
    vec((node(), duration()), 0..9)
}

fn reason() -> impl Strategy<Value = Reason> {
    use Reason::{Joined, Killed, Left, Merged, Parted, Removed, Restarted, Silent, Unresponsive};
    prop::sample::select(vec![
        Joined,
        Merged,
        Silent,
        Unresponsive,
        Left,
        Removed,
        Killed,
        Restarted,
        Parted,
    ])
}

prop_compose! {
    fn echo()(age: u8, answer: u8, members in 1..=u16::MAX) -> Echo {
        Echo { age, answer, members }
    }
}

prop_compose! {
    fn beat()(
        view in view_id(),
        number: u64,
        flags: [bool; 3],
        lease_left in duration(),
        late in nodes(),
        routed in nodes(),
        echoes_from: u16,
        echoes in vec(echo(), 0..300),
    ) -> Frame {
        let [acting, urgent, settled] = flags;
        Frame::Beat(Beat {
            view, number, acting, urgent, lease_left, settled, late, routed, echoes_from, echoes,
        })
    }
}

prop_compose! {
    fn member_beat()(
        view in view_id(), echo: u64, answer: u8, flags: [bool; 5], delay in duration(),
    ) -> Frame {
        let [grant, urgent, multicast_heard, unicast_heard, dirty] = flags;
        Frame::MemberBeat(MemberBeat {
            view, echo, answer, grant, urgent, multicast_heard, unicast_heard, delay, dirty,
        })
    }
}

prop_compose! {
    fn hello()(
        coordinator: bool,
        wire: (u8, u8),
        cluster: (u16, u64),
        epoch_seen in epoch(),
        view in option::of(view_id()),
        sets in (nodes(), nodes()),
        counts: (u32, u32, u32),
        flags: [bool; 3],
    ) -> Frame {
        let [quorate, dirty, took_part] = flags;
        Frame::Hello(Hello {
            kind: if coordinator { HelloKind::Coordinator } else { HelloKind::Candidate },
            wire_min: wire.0,
            wire_max: wire.1,
            cluster_id: cluster.0,
            config_version: cluster.1,
            epoch_seen,
            view,
            members: sets.0,
            votes: counts.0,
            nodes: counts.1,
            incumbent: counts.2,
            hears: sets.1,
            quorate,
            dirty,
            took_part,
        })
    }
}

prop_compose! {
    fn refuse()(
        target in member_id(),
        reason in prop::sample::select(vec![
            RefuseReason::DuplicateNode,
            RefuseReason::NotConfigured,
            RefuseReason::ConfigOlder,
            RefuseReason::ConfigNewer,
            RefuseReason::OtherCluster,
            RefuseReason::WireVersion,
            RefuseReason::HeldOff,
            RefuseReason::Disallowed,
        ]),
        ours: u64,
        theirs: u64,
        other in option::of(address()),
        retry_after in duration(),
        quorate: bool,
    ) -> Frame {
        Frame::Refuse(Refuse { target, reason, ours, theirs, other, retry_after, quorate })
    }
}

prop_compose! {
    fn change()(
        node in node(), reason in reason(), witness in node(), silent in duration(),
    ) -> Change {
        Change { node, reason, witness, silent }
    }
}

prop_compose! {
    fn propose()(
        ballot in view_id(),
        wire_version: u8,
        members in members(),
        sets in (nodes(), nodes()),
        gone in vec(member_id(), 0..5),
        amending in option::of(amendment()),
        changes in vec(change(), 0..20),
    ) -> Frame {
        let (departing, removing) = sets;
        Frame::Propose(Propose {
            ballot, wire_version, members, departing, removing, gone, amending, changes,
        })
    }
}

prop_compose! {
    fn run()(sender: u16, from: u64, count: u32) -> Run {
        Run { sender, from, count }
    }
}

prop_compose! {
    fn ordered()(first: u64, run in run()) -> Ordered {
        Ordered { first, run }
    }
}

prop_compose! {
    fn data()(
        view in view_id(),
        sender: u16,
        unit: u64,
        payload in vec(any::<u8>(), 0..2000),
    ) -> Frame {
        Frame::Data(Data { view, sender, unit, payload: payload.into() })
    }
}

prop_compose! {
    fn order()(
        view in view_id(),
        first: u64,
        runs in vec(run(), 0..9),
        stable: u64,
        flow: u64,
    ) -> Frame {
        Frame::Order(Order { view, first, runs, stable, flow })
    }
}

prop_compose! {
    fn ask()(
        view in view_id(),
        units in vec(any::<(u16, u64, u64)>(), 0..9),
        records: Option<(u64, u64)>,
    ) -> Frame {
        Frame::Ask(Ask { view, units, records })
    }
}

prop_compose! {
    fn flush()(
        ballot in view_id(),
        origin in option::of(view_id()),
        pending in vec(view_id(), 0..5),
        epoch_seen in epoch(),
        basis in basis(),
        flags: [bool; 3],
        knew in epoch(),
        hub_leases in leases(),
        promised in leases(),
        index: u16,
        delivered: u64,
        stable: u64,
        units in vec(any::<(u16, u64, u64)>(), 0..9),
        records in vec(ordered(), 0..9),
    ) -> Frame {
        let holdings = Holdings { delivered, stable, units, records };
        let [removed_self, fresh, dirty] = flags;
        Frame::Flush(Box::new(Flush {
            ballot, origin, pending, epoch_seen, basis, removed_self, fresh, knew, dirty,
            hub_leases, promised, index, holdings,
        }))
    }
}

prop_compose! {
    fn lineage()(
        origin in option::of(view_id()),
        members in nodes(),
        leases in leases(),
        stable: u64,
        sequence in vec(ordered(), 0..9),
    ) -> Lineage {
        Lineage { origin, members, leases, stable, sequence }
    }
}

prop_compose! {
    fn recover()(
        ballot in view_id(),
        basis in basis(),
        not_readmitted in nodes(),
        fresh in nodes(),
        forgotten: bool,
        promised in duration(),
        lineages in vec(lineage(), 0..5),
    ) -> Frame {
        let plan = Plan { basis, not_readmitted, fresh, forgotten, promised, lineages };
        Frame::Recover(Recover { ballot, plan })
    }
}

/// Frames that are little more than names.
fn small() -> impl Strategy<Value = Frame> {
    let nack_reason =
        prop::sample::select(vec![NackReason::Outvoted, NackReason::Held, NackReason::NotMe]);
    prop_oneof![
        (view_id(), node()).prop_map(|(view, hub)| Frame::Who(Who { view, hub })),
        (view_id(), node(), any::<u16>()).prop_map(|(view, hub, routes)| Frame::Hears(Hears {
            view,
            hub,
            routes
        })),
        (any::<u64>(), epoch(), any::<bool>()).prop_map(|(nonce, epoch_seen, want_members)| {
            Frame::Probe(Probe { nonce, epoch_seen, want_members })
        }),
        (any::<u64>(), epoch(), option::of(view())).prop_map(|(nonce, epoch_seen, view)| {
            Frame::ProbeAck(ProbeAck { nonce, epoch_seen, view })
        }),
        (view_id(), epoch(), nack_reason).prop_map(|(ballot, epoch_seen, reason)| {
            Frame::Nack(Nack { ballot, epoch_seen, reason })
        }),
        (view_id(), view_id()).prop_map(|(ballot, view)| Frame::Commit(Commit { ballot, view })),
        (view_id(), any::<u32>())
            .prop_map(|(ballot, missing)| Frame::Recovered(Recovered { ballot, missing })),
        view_id().prop_map(|ballot| Frame::Install(Install { ballot })),
        (view_id(), nodes()).prop_map(|(view, members)| Frame::Moved(Moved { view, members })),
        (view_id(), any::<bool>()).prop_map(|(view, remove)| Frame::Leave(Leave { view, remove })),
        view_id().prop_map(|ballot| Frame::Gone(Gone { ballot })),
        (view_id(), member_id()).prop_map(|(view, target)| Frame::Kill(Kill { view, target })),
        (view_id(), member_id(), node()).prop_map(|(view, target, by)| Frame::PutOut(PutOut {
            view,
            target,
            by
        })),
        (view_id(), amendment())
            .prop_map(|(view, amendment)| Frame::Amend(Amend { view, amendment })),
        any::<u64>().prop_map(|nonce| Frame::Challenge(Challenge { nonce })),
        any::<u64>().prop_map(|nonce| Frame::Answer(Answer { nonce })),
        (view_id(), any::<u64>(), any::<u64>()).prop_map(|(view, held, sent)| Frame::Ack(Ack {
            view,
            held,
            sent
        })),
    ]
}

/// Any frame but a relay.
fn plain_frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        8 => small(),
        1 => beat(),
        1 => member_beat(),
        1 => hello(),
        1 => refuse(),
        1 => propose(),
        1 => flush(),
        1 => recover(),
        1 => data(),
        1 => order(),
        1 => ask(),
    ]
}

/// Any frame.
pub(super) fn frame() -> impl Strategy<Value = Frame> {
    let relay = (member_id(), member_id(), plain_frame()).prop_map(|(origin, target, frame)| {
        Frame::Relay(Relay { origin, target, frame: Box::new(frame) })
    });
    prop_oneof![12 => plain_frame(), 1 => relay]
}
