//! Frames: what nodes say to each other. A datagram carries one or more of them.
//!
//! Rule numbers (R-xx) are those of the protocol specification.

use bytes::Bytes;
use cman_types::{Amendment, Basis, Epoch, Member, MemberId, NodeId, NodeSet, View, ViewId};
use core::time::Duration;

/// One statement of a node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Frame {
    /// Proof of life, lease and echoes of a hub (the coordinator, or a deputy acting for it).
    Beat(Beat),
    /// Proof of life, echo and grant of a member, to one hub.
    MemberBeat(MemberBeat),
    /// "Do you hear this hub, and does it hear you?" Asked by a member that lost touch with it.
    Who(Who),
    /// "Yes": the answer to [`Who`], an offer to relay.
    Hears(Hears),
    /// One-hop forwarding of a frame for a pair that cannot hear each other.
    Relay(Relay),
    /// A candidate or coordinator announces itself: the basis of join and merge.
    Hello(Hello),
    /// A coordinator or candidate asks a stranger to prove that both directions work.
    Probe(Probe),
    /// The answer to a [`Probe`].
    ProbeAck(ProbeAck),
    /// A stranger is refused, with the reason.
    Refuse(Refuse),
    /// Phase 1 of a view change.
    Propose(Propose),
    /// Answer to [`Propose`]: a promise, and what was held at the freeze.
    Flush(Box<Flush>),
    /// Answer to [`Propose`]: refused.
    Nack(Nack),
    /// Complete a half-installed view before going on.
    Commit(Commit),
    /// Phase 2: the plan, how the last views end.
    Recover(Recover),
    /// Answer to [`Recover`]: all of it is held here.
    Recovered(Recovered),
    /// Phase 3: decided.
    Install(Install),
    /// "You are not in my view any more."
    Moved(Moved),
    /// A member asks to leave in good order.
    Leave(Leave),
    /// A departing or killed member dropped its lease and is gone.
    Gone(Gone),
    /// A member asks the coordinator to put a node out.
    Kill(Kill),
    /// The coordinator tells a node that it was killed.
    PutOut(PutOut),
    /// A member asks the coordinator for other votes.
    Amend(Amend),
    /// A fresh random challenge to a life of a node that was not heard before.
    Challenge(Challenge),
    /// The answer to a [`Challenge`]: proves that this life is alive now.
    Answer(Answer),
    /// A unit: pieces of messages.
    Data(Data),
    /// Order records, and how far everybody is.
    Order(Order),
    /// What is missing is asked for.
    Ask(Ask),
    /// What a member holds.
    Ack(Ack),
}

impl Frame {
    /// Whether it belongs to the messages of a view, which travel on a port of their own.
    #[must_use]
    pub fn is_data(&self) -> bool {
        match self {
            Self::Data(_) | Self::Order(_) | Self::Ask(_) | Self::Ack(_) => true,
            Self::Relay(relay) => relay.frame.is_data(),
            _ => false,
        }
    }

    /// The highest epoch that it tells of, by which a receiver may raise its own. 0 if none.
    #[must_use]
    pub fn newest_epoch(&self) -> Epoch {
        match self {
            Self::Beat(Beat { view, .. })
            | Self::MemberBeat(MemberBeat { view, .. })
            | Self::Who(Who { view, .. })
            | Self::Hears(Hears { view, .. })
            | Self::Moved(Moved { view, .. })
            | Self::Leave(Leave { view, .. })
            | Self::Kill(Kill { view, .. })
            | Self::PutOut(PutOut { view, .. })
            | Self::Amend(Amend { view, .. })
            | Self::Data(Data { view, .. })
            | Self::Order(Order { view, .. })
            | Self::Ask(Ask { view, .. })
            | Self::Ack(Ack { view, .. }) => view.epoch,
            Self::Propose(Propose { ballot, .. })
            | Self::Recover(Recover { ballot, .. })
            | Self::Recovered(Recovered { ballot, .. })
            | Self::Install(Install { ballot, .. })
            | Self::Gone(Gone { ballot, .. }) => ballot.epoch,
            Self::Relay(relay) => relay.frame.newest_epoch(),
            Self::Hello(hello) => newest([hello.epoch_seen], hello.view),
            Self::Probe(probe) => probe.epoch_seen,
            Self::ProbeAck(ack) => newest([ack.epoch_seen], ack.view.as_ref().map(|view| view.id)),
            Self::Flush(flush) => newest(
                [flush.epoch_seen, flush.ballot.epoch],
                flush.pending.iter().copied().chain(flush.origin),
            ),
            Self::Nack(nack) => newest([nack.epoch_seen], [nack.ballot]),
            Self::Commit(commit) => newest([], [commit.ballot, commit.view]),
            Self::Refuse(_) | Self::Challenge(_) | Self::Answer(_) => Epoch(0),
        }
    }
}

fn newest<const N: usize>(epochs: [Epoch; N], views: impl IntoIterator<Item = ViewId>) -> Epoch {
    let views = views.into_iter().map(|view| view.epoch);
    epochs.into_iter().chain(views).max().unwrap_or_default()
}

/// A unit, from its sender or, as repair, from whoever holds it. R-50o, R-51o.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Data {
    /// The view in which it is sent.
    pub view: ViewId,
    /// Who sent it first: index in the view's member list.
    pub sender: u16,
    /// Its number among the sender's units of this view, from 1.
    pub unit: u64,
    /// The pieces of messages in it.
    pub payload: Bytes,
}

/// Units of one sender that follow each other in the sequence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Run {
    /// Whose units: index in the view's member list.
    pub sender: u16,
    /// Number of the first.
    pub from: u64,
    /// How many; at least one.
    pub count: u32,
}

/// Coordinator to all; order records also, as repair, from whoever holds them. R-50o, R-53o.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Order {
    /// The view.
    pub view: ViewId,
    /// Global sequence of the first unit of the runs; the next one to be given if there are none.
    pub first: u64,
    /// Runs of units, one after another in the sequence.
    pub runs: Vec<Run>,
    /// Up to this global sequence all members hold everything.
    pub stable: u64,
    /// Up to this one all members do that keep up: it opens the senders' windows.
    pub flow: u64,
}

/// Any member to one that may hold what it lacks. R-51o.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ask {
    /// The view.
    pub view: ViewId,
    /// Units: (sender's index, first, last).
    pub units: Vec<(u16, u64, u64)>,
    /// Order records: (first global sequence, last); `u64::MAX` as last for all that follow.
    pub records: Option<(u64, u64)>,
}

/// Member to coordinator. R-54o.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ack {
    /// The view.
    pub view: ViewId,
    /// Up to this global sequence everything is here.
    pub held: u64,
    /// Number of the newest unit of its own.
    pub sent: u64,
}

/// Hub to all..
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Beat {
    /// The view in which it is said.
    pub view: ViewId,
    /// Number of this beat; grows by one with each beat of this hub's life.
    pub number: u64,
    /// True when the sender is not the coordinator but acts as hub for it.
    pub acting: bool,
    /// Asks for an answer at once: the sender's lease runs low.
    pub urgent: bool,
    /// How long the sender's lease, resting on grants given in this view, lasts from now on.
    pub lease_left: Duration,
    /// Whether a quorum of the members whose votes were expected before has installed this view,
    /// so that members that had given up their votes count again.
    pub settled: bool,
    /// Members the hub has not heard lately.
    pub late: NodeSet,
    /// Members the hub hears only through relays.
    pub routed: NodeSet,
    /// Index in the view's member list of the first member that `echoes` speaks of.
    pub echoes_from: u16,
    /// What was heard last of the members from there on.
    pub echoes: Vec<Echo>,
}

/// What a hub heard last of consecutive members, where it is the same of each: which answer to
/// which beat. In an idle cluster one of these speaks of everybody, however many they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Echo {
    /// How many beats ago the beat was sent that their newest [`MemberBeat`] answers;
    /// [`Echo::NONE`] if that is longer ago than can be said, or none was heard.
    pub age: u8,
    /// Which answer to that beat it was: [`MemberBeat::answer`].
    pub answer: u8,
    /// How many members, at least one.
    pub members: u16,
}

impl Echo {
    /// The age that says that nothing was heard of late.
    pub const NONE: u8 = u8::MAX;
}

/// Member to a hub..
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MemberBeat {
    /// The view in which it is said.
    pub view: ViewId,
    /// Number of the newest beat heard of this hub; 0 for none.
    pub echo: u64,
    /// How often that beat was answered before, at most 255: the hub echoes both numbers, so that
    /// this node knows which of its beats arrived.
    pub answer: u8,
    /// A promise not to help a view that excludes members of this one for one lease.
    pub grant: bool,
    /// Asks for an answer at once: the sender's lease runs low.
    pub urgent: bool,
    /// Whether beats of this hub came by multicast lately. If not, it sends them by unicast too.
    pub multicast_heard: bool,
    /// Whether beats of this hub came by unicast lately. If so, but not by multicast, multicast
    /// does not pass; if neither did, the path is cut.
    pub unicast_heard: bool,
    /// The sender's own smoothed stall, so that tools can name the sick node.
    pub delay: Duration,
    /// Whether the sender carries state that must not be merged (R-80m).
    pub dirty: bool,
}

/// R-60r.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Who {
    /// The sender's view.
    pub view: ViewId,
    /// The hub it lost touch with.
    pub hub: NodeId,
}

/// R-60r.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hears {
    /// The sender's view.
    pub view: ViewId,
    /// The hub it is in touch with.
    pub hub: NodeId,
    /// For how many pairs it relays already.
    pub routes: u16,
}

/// R-62r. The inner frame is never itself a relay.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Relay {
    /// Who said it.
    pub origin: MemberId,
    /// For whom.
    pub target: MemberId,
    /// What.
    pub frame: Box<Frame>,
}

/// What somebody is when it says hello.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HelloKind {
    /// Without a working view.
    Candidate,
    /// Coordinator of a working view.
    Coordinator,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hello {
    /// What the sender is.
    pub kind: HelloKind,
    /// Lowest wire version it speaks.
    pub wire_min: u8,
    /// Highest wire version it speaks.
    pub wire_max: u8,
    /// Its configuration's cluster id.
    pub cluster_id: u16,
    /// Its configuration's version.
    pub config_version: u64,
    /// Highest epoch it knows of.
    pub epoch_seen: Epoch,
    /// The view it is in, or was in last.
    pub view: Option<ViewId>,
    /// The members of that view.
    pub members: NodeSet,
    /// Votes it can reach (candidate) or that its view holds (coordinator).
    pub votes: u32,
    /// Nodes it can reach (candidate) or that its view holds (coordinator), itself included.
    pub nodes: u32,
    /// Size of the view it coordinated last, 0 if none: the incumbent is preferred.
    pub incumbent: u32,
    /// The nodes it hears lately.
    pub hears: NodeSet,
    /// Whether it holds quorum now.
    pub quorate: bool,
    /// Whether a member of its part carries state that must not be merged; of a candidate, whether
    /// it does itself (R-80m).
    pub dirty: bool,
    /// Whether its part has taken part in quorum (R-80m).
    pub took_part: bool,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Probe {
    /// Fresh and random; the answer repeats it.
    pub nonce: u64,
    /// Highest epoch the sender knows of.
    pub epoch_seen: Epoch,
    /// Ask for the member list of the view that the receiver coordinates.
    pub want_members: bool,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ProbeAck {
    /// The probe's.
    pub nonce: u64,
    /// Highest epoch the sender knows of.
    pub epoch_seen: Epoch,
    /// The view the sender coordinates, if it was asked for and does.
    pub view: Option<View>,
}

/// Why a stranger is refused., R-80m.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RefuseReason {
    /// Another living node has this node id, at the address in `Refuse::other`.
    DuplicateNode,
    /// The node id is not in the sender's configuration.
    NotConfigured,
    /// The stranger's configuration is older than the sender's.
    ConfigOlder,
    /// The stranger's configuration is newer than the sender's.
    ConfigNewer,
    /// The two configurations are of different clusters (cluster id).
    OtherCluster,
    /// No common wire version.
    WireVersion,
    /// Lost again soon after it was taken in; may come again later.
    HeldOff,
    /// It carries state, and was away from those who are quorate. `Refuse::ours` names the node
    /// that refuses: a coordinator hands this on to the members of its own view.
    Disallowed,
}

/// It names the target's whole identity, salt included: so it is fresh.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Refuse {
    /// Who is refused.
    pub target: MemberId,
    /// Why.
    pub reason: RefuseReason,
    /// The sender's value of what differs (configuration version, wire version, cluster id).
    pub ours: u64,
    /// The target's value, as the sender understood it.
    pub theirs: u64,
    /// The address of the other holder of the node id.
    pub other: Option<core::net::SocketAddr>,
    /// How long the target need not try again.
    pub retry_after: Duration,
    /// Whether the sender holds quorum: only then is a refusal final.
    pub quorate: bool,
}

/// Why a node came or went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// It started and was taken in.
    Joined,
    /// It, or the view it was in, could be reached again.
    Merged,
    /// It was not heard for the token time.
    Silent,
    /// It did not answer a proposal in time.
    Unresponsive,
    /// It left in good order.
    Left,
    /// It left in good order and gave up its votes.
    Removed,
    /// It was killed by an administrator.
    Killed,
    /// A new life of the same node took its place.
    Restarted,
    /// It could not be reached when views parted.
    Parted,
    /// It fell behind with the messages further than the others can keep them for it.
    Lagging,
}

/// One difference between a ballot and the proposer's last view.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Change {
    /// Which node.
    pub node: NodeId,
    /// Why it came or went.
    pub reason: Reason,
    /// On whose evidence: who found it silent, whom it asked, who killed it.
    pub witness: NodeId,
    /// For how long it was silent, where that is the reason; else zero.
    pub silent: Duration,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Propose {
    /// Its name and the view's, if it comes to that.
    pub ballot: ViewId,
    /// The wire version the view would speak: the highest that all proposed members know.
    pub wire_version: u8,
    /// The proposed members, departing ones included, sorted.
    pub members: Vec<Member>,
    /// Those of them who take part only to leave in good order.
    pub departing: NodeSet,
    /// Those of the departing who give up their votes.
    pub removing: NodeSet,
    /// Lives that are proven gone: nobody waits for their leases.
    pub gone: Vec<MemberId>,
    /// What is counted in another way from the install on.
    pub amending: Option<Amendment>,
    /// What differs from the proposer's last view, and why.
    pub changes: Vec<Change>,
}

/// A run of units in a sequence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ordered {
    /// Global sequence of the first; 0 if the units have no order record.
    pub first: u64,
    /// Which units.
    pub run: Run,
}

/// What a member holds of its last view's messages.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Holdings {
    /// Highest global sequence delivered.
    pub delivered: u64,
    /// Highest global sequence known to be held by all.
    pub stable: u64,
    /// Units held beyond `stable`, as ranges: (sender's index in the origin view, first, last).
    pub units: Vec<(u16, u64, u64)>,
    /// Order records held beyond `stable`, in sequence.
    pub records: Vec<Ordered>,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Flush {
    /// Which proposal is answered.
    pub ballot: ViewId,
    /// The view the sender installed last.
    pub origin: Option<ViewId>,
    /// Ballots it answered *recovered* to since then.
    pub pending: Vec<ViewId>,
    /// Highest epoch it knows of.
    pub epoch_seen: Epoch,
    /// Its basis for counting votes.
    pub basis: Basis,
    /// Whether it itself left with `remove` and has not been readmitted.
    pub removed_self: bool,
    /// Whether this life has not granted in any view that could be quorate: what a former life
    /// knew of removed nodes may be lost.
    pub fresh: bool,
    /// Epoch of the newest basis known to a former life in which nodes had more votes than the
    /// configuration gives them; 0 if there is none. R-159.
    pub knew: Epoch,
    /// Whether it carries state that must not be merged (R-80m).
    pub dirty: bool,
    /// How long leases that it gave out, as a hub, to nodes that are not in the ballot may still
    /// last.
    pub hub_leases: Vec<(NodeId, Duration)>,
    /// How long its promises to each hub still last.
    pub promised: Vec<(NodeId, Duration)>,
    /// Where it stands in the member list of its origin view; 0 if there is none.
    pub index: u16,
    /// What it holds of the messages of that view.
    pub holdings: Holdings,
}

/// Why a proposal is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NackReason {
    /// A higher ballot was promised already, or the installed view is not older.
    Outvoted,
    /// The proposer fell silent lately and is held off.
    Held,
    /// The proposal names another life of this node, or a wire version it does not speak.
    NotMe,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Nack {
    /// Which proposal is refused.
    pub ballot: ViewId,
    /// Highest epoch the sender knows of.
    pub epoch_seen: Epoch,
    /// Why.
    pub reason: NackReason,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Commit {
    /// The ballot under way.
    pub ballot: ViewId,
    /// The earlier ballot to install first, with the plan its holder kept.
    pub view: ViewId,
}

/// How one previous view ends: R-25.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lineage {
    /// The view its members come from; `None` for those that come from none.
    pub origin: Option<ViewId>,
    /// The members of the ballot that come from it.
    pub members: NodeSet,
    /// How long leases that any of them gave out, as hub, to lost members may still last.
    pub leases: Vec<(NodeId, Duration)>,
    /// Up to this global sequence every member of that view holds everything.
    pub stable: u64,
    /// The rest of its sequence, beyond the lowest that any of them has delivered.
    pub sequence: Vec<Ordered>,
}

/// How all previous views of a ballot's members end.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Plan {
    /// The basis for counting votes in the new view.
    pub basis: Basis,
    /// Members that left with `remove` and have not been readmitted: they grant nothing yet.
    pub not_readmitted: NodeSet,
    /// Members that said so of themselves (`Flush::fresh`).
    pub fresh: NodeSet,
    /// Whether a former life of a member knew of votes that nobody in the ballot knows any more
    /// (`Flush::knew`).
    pub forgotten: bool,
    /// How long the longest promise of any member still lasts that it gave to a hub which did not
    /// come along from the same view: somebody may hold a lease that rests on it.
    pub promised: Duration,
    /// One entry for each previous view.
    pub lineages: Vec<Lineage>,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Recover {
    /// Which ballot.
    pub ballot: ViewId,
    /// The plan.
    pub plan: Plan,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Recovered {
    /// Which ballot.
    pub ballot: ViewId,
    /// How many units it still lacks: 0 when it holds all that the plan asks for.
    pub missing: u32,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Install {
    /// Which ballot.
    pub ballot: ViewId,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Moved {
    /// The sender's view.
    pub view: ViewId,
    /// Its members.
    pub members: NodeSet,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Leave {
    /// The sender's view.
    pub view: ViewId,
    /// Whether it gives up its votes.
    pub remove: bool,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Gone {
    /// The ballot in which it departed, or the view out of which it was killed.
    pub ballot: ViewId,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Kill {
    /// The sender's view.
    pub view: ViewId,
    /// Which life to put out: a later one of the same node is not meant.
    pub target: MemberId,
}

/// It names the target's whole identity, salt included: so it is fresh.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PutOut {
    /// The view out of which it is put.
    pub view: ViewId,
    /// Who is put out.
    pub target: MemberId,
    /// On whose node an administrator asked for it.
    pub by: NodeId,
}

///
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Amend {
    /// The sender's view: what was asked for in an older one is asked for again.
    pub view: ViewId,
    /// What shall be counted.
    pub amendment: Amendment,
}

/// Fresh randomness for a life of a node that was not heard before.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Challenge {
    /// Fresh and random; the answer repeats it.
    pub nonce: u64,
}

/// The answer to a challenge.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Answer {
    /// The challenge's.
    pub nonce: u64,
}
