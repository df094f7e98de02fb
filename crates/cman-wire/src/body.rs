//! How the bodies of frames look on the wire.

use crate::{
    codec,
    error::WireError,
    field::{Field, Item, choice, record},
    frame::{
        Ack, Amend, Answer, Ask, Beat, Challenge, Change, Commit, Data, Echo, Flush, Gone, Hears,
        Hello, HelloKind, Holdings, Install, Kill, Leave, Lineage, MemberBeat, Moved, Nack,
        NackReason, Order, Ordered, Plan, Probe, ProbeAck, Propose, PutOut, Reason, Recover,
        Recovered, Refuse, RefuseReason, Relay, Run, Who,
    },
    reader::Reader,
};
use bytes::Bytes;
use cman_types::{
    Amendment, Basis, Epoch, Member, MemberId, NodeId, NodeSet, View, ViewId, limits::NODES_MAX,
};
use core::{net::SocketAddr, time::Duration};

/// Most ranges of units, or runs, in one frame; the size of a message bounds them before this does.
const UNITS_MAX: usize = 1 << 17;

record!(Beat {
    view: ViewId,
    number: u64,
    acting: bool,
    urgent: bool,
    lease_left: Duration,
    settled: bool,
    late: NodeSet,
    routed: NodeSet,
    echoes_from: u16,
    echoes: Vec<Echo>,
});
record!(MemberBeat {
    view: ViewId,
    echo: u64,
    answer: u8,
    grant: bool,
    urgent: bool,
    multicast_heard: bool,
    unicast_heard: bool,
    delay: Duration,
    dirty: bool,
});
record!(Who { view: ViewId, hub: NodeId });
record!(Hears { view: ViewId, hub: NodeId, routes: u16 });
choice!(HelloKind { 0 = Candidate, 1 = Coordinator });
record!(Hello {
    kind: HelloKind,
    wire_min: u8,
    wire_max: u8,
    cluster_id: u16,
    config_version: u64,
    epoch_seen: Epoch,
    view: Option<ViewId>,
    members: NodeSet,
    votes: u32,
    nodes: u32,
    incumbent: u32,
    hears: NodeSet,
    quorate: bool,
    dirty: bool,
    took_part: bool,
});
record!(Probe { nonce: u64, epoch_seen: Epoch, want_members: bool });
record!(ProbeAck { nonce: u64, epoch_seen: Epoch, view: Option<View> });
choice!(RefuseReason {
    0 = DuplicateNode,
    1 = NotConfigured,
    2 = ConfigOlder,
    3 = ConfigNewer,
    4 = OtherCluster,
    5 = WireVersion,
    6 = HeldOff,
    7 = Disallowed,
});
record!(Refuse {
    target: MemberId,
    reason: RefuseReason,
    ours: u64,
    theirs: u64,
    other: Option<SocketAddr>,
    retry_after: Duration,
    quorate: bool,
});
choice!(Reason {
    0 = Joined,
    1 = Merged,
    2 = Silent,
    3 = Unresponsive,
    4 = Left,
    5 = Removed,
    6 = Killed,
    7 = Restarted,
    8 = Parted,
    9 = Lagging,
});
record!(Change { node: NodeId, reason: Reason, witness: NodeId, silent: Duration });
record!(Propose {
    ballot: ViewId,
    wire_version: u8,
    members: Vec<Member>,
    departing: NodeSet,
    removing: NodeSet,
    gone: Vec<MemberId>,
    amending: Option<Amendment>,
    changes: Vec<Change>,
});
record!(Run { sender: u16, from: u64, count: u32 });
record!(Holdings {
    delivered: u64,
    stable: u64,
    units: Vec<(u16, u64, u64)>,
    records: Vec<Ordered>,
});
record!(Flush {
    ballot: ViewId,
    origin: Option<ViewId>,
    pending: Vec<ViewId>,
    epoch_seen: Epoch,
    basis: Basis,
    removed_self: bool,
    fresh: bool,
    knew: Epoch,
    dirty: bool,
    hub_leases: Vec<(NodeId, Duration)>,
    promised: Vec<(NodeId, Duration)>,
    index: u16,
    holdings: Holdings,
});
choice!(NackReason { 0 = Outvoted, 1 = Held, 2 = NotMe });
record!(Nack { ballot: ViewId, epoch_seen: Epoch, reason: NackReason });
record!(Commit { ballot: ViewId, view: ViewId });
record!(Lineage {
    origin: Option<ViewId>,
    members: NodeSet,
    leases: Vec<(NodeId, Duration)>,
    stable: u64,
    sequence: Vec<Ordered>,
});
record!(Plan {
    basis: Basis,
    not_readmitted: NodeSet,
    fresh: NodeSet,
    forgotten: bool,
    promised: Duration,
    lineages: Vec<Lineage>,
});
record!(Recover { ballot: ViewId, plan: Plan });
record!(Recovered { ballot: ViewId, missing: u32 });
record!(Install { ballot: ViewId });
record!(Moved { view: ViewId, members: NodeSet });
record!(Leave { view: ViewId, remove: bool });
record!(Gone { ballot: ViewId });
record!(Kill { view: ViewId, target: MemberId });
record!(PutOut { view: ViewId, target: MemberId, by: NodeId });
record!(Amend { view: ViewId, amendment: Amendment });
record!(Challenge { nonce: u64 });
record!(Answer { nonce: u64 });
record!(Data { view: ViewId, sender: u16, unit: u64, payload: Bytes });
record!(Order { view: ViewId, first: u64, runs: Vec<Run>, stable: u64, flow: u64 });
record!(Ask { view: ViewId, units: Vec<(u16, u64, u64)>, records: Option<(u64, u64)> });
record!(Ack { view: ViewId, held: u64, sent: u64 });

impl Field for Echo {
    const SIZE_MIN: usize = 4;

    fn write(&self, out: &mut Vec<u8>) {
        self.age.write(out);
        self.answer.write(out);
        self.members.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let (age, answer, members) = (u8::read(input)?, u8::read(input)?, u16::read(input)?);
        if members == 0 {
            return Err(WireError::Value("how many members an echo is for"));
        }
        Ok(Self { age, answer, members })
    }
}

/// The inner frame's kind and body fill the rest of the relay's body.
impl Field for Relay {
    const SIZE_MIN: usize = 2 * MemberId::SIZE_MIN + 1;

    fn write(&self, out: &mut Vec<u8>) {
        self.origin.write(out);
        self.target.write(out);
        out.push(codec::kind(&self.frame));
        codec::write_body(&self.frame, out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.enter_relay()?;
        let (origin, target) = (MemberId::read(input)?, MemberId::read(input)?);
        let kind = input.byte()?;
        Ok(Self { origin, target, frame: Box::new(codec::read_body(kind, input)?) })
    }
}

macro_rules! items {
    ($($type:ty: $list:literal, $max:expr;)+) => {$(
        impl Item for $type {
            const LIST: &'static str = $list;
            const COUNT_MAX: usize = $max;
        }
    )+};
}

items! {
    Echo: "echoes", NODES_MAX;
    // Each node may both go (its old life) and come (its new one).
    Change: "changes", 2 * NODES_MAX;
    ViewId: "pending ballots", NODES_MAX;
    MemberId: "lives", NODES_MAX;
    Lineage: "lineages", NODES_MAX;
    (NodeId, Duration): "leases", NODES_MAX;
    (u16, u64, u64): "units", UNITS_MAX;
    Run: "runs", UNITS_MAX;
}
