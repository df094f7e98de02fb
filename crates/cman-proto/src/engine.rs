//! The engine: composes the machines.

use cman_order::Queue;
use cman_quorum::{Agreed, HubBook, MemberLease, Timing, ViewVotes, VoteRules};
use cman_types::{Basis, Epoch, Instant, Member, MemberId, NodeId, NodeSet, Prng, View, ViewId};
use cman_wire::{Frame, frame::Hello};
use core::{net::SocketAddr, time::Duration};
use std::collections::{BTreeMap, VecDeque};

use crate::{
    admission::{hold::Holds, protection::Protection, refuse::Versions, wishes::Wishes},
    amending::Amending,
    config::Config,
    detector::{relay::Routes, stall::Stall},
    event::{Event, Notice, Output, To, Topic, Via},
    leaving::Leaving,
    messages::Messages,
    phase::{Candidate, Hub, Normal, Pending, Phase, Role},
};

/// The protocol engine of one life of one node.
///
/// *Handlers* (`handle_*`) say what happened; `now` never goes back. After each batch drain
/// [`Engine::poll_output`], then ask [`Engine::poll_timeout`] when to call
/// [`Engine::handle_timeout`] at the latest. *Getters* have no effect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Engine {
    pub(crate) cfg: Config,
    pub(crate) versions: Versions,
    pub(crate) prng: Prng,
    pub(crate) phase: Phase,
    /// The view installed last; stays when the phase moves on.
    pub(crate) view: Option<View>,
    pub(crate) wire_version: u8,
    pub(crate) installed_at: Instant,
    pub(crate) changes: u64,
    /// When a view was installed last before which somebody was lost who may have held a lease.
    pub(crate) parted_at: Option<Instant>,
    /// Highest ballot answered.
    pub(crate) promised: Option<ViewId>,
    /// Ballots answered *recovered* since the last install.
    pub(crate) pending: Vec<Pending>,
    pub(crate) epochs: Epochs,
    pub(crate) lease: MemberLease,
    pub(crate) book: HubBook,
    pub(crate) votes: ViewVotes,
    /// What its members agreed on, and what is counted by.
    pub(crate) agreed: Agreed,
    pub(crate) basis: Basis,
    /// The configured rules with what the basis changes.
    pub(crate) rules: VoteRules,
    /// Votes of this node's own quorum device, while it lives.
    pub(crate) device: u32,
    pub(crate) amending: Amending,
    /// Epoch of the newest basis in which nodes had more votes than configured, as on disk.
    pub(crate) raised_at: Epoch,
    /// This node left with `remove` and was not readmitted since.
    pub(crate) removed_self: bool,
    /// The disk surely says that it did.
    pub(crate) removed_on_disk: bool,
    /// This life has granted in a view that could be quorate.
    pub(crate) took_part: bool,
    /// The newest hello of each node.
    pub(crate) heard: BTreeMap<NodeId, HeardHello>,
    /// This node's own newest hello.
    pub(crate) said: Option<Hello>,
    pub(crate) addresses: BTreeMap<MemberId, SocketAddr>,
    pub(crate) routes: Routes,
    pub(crate) holds: Holds,
    /// Coordinators that fell silent: their proposals are refused until then.
    pub(crate) silent_hubs: BTreeMap<NodeId, Instant>,
    pub(crate) wishes: Wishes,
    pub(crate) protection: Protection,
    pub(crate) stall: Stall,
    pub(crate) leaving: Leaving,
    pub(crate) messages: Messages,
    /// The stream has inputs that were not followed up: at the end of the batch they are.
    pub(crate) batch: bool,
    /// Refused until then: this node proposes nothing and waits.
    pub(crate) refused_until: Instant,
    /// Notices already given: at most one of a kind and node every ten seconds.
    pub(crate) noticed: BTreeMap<(Topic, NodeId), Instant>,
    out: VecDeque<Output>,
    ran: Instant,
    due: Instant,
}

/// A hello, and how it came.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct HeardHello {
    pub from: MemberId,
    pub hello: Hello,
    pub at: Instant,
}

/// The epochs a node knows of and may use. R-100.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Epochs {
    /// Highest epoch heard of.
    pub seen: Epoch,
    /// On disk: epochs up to this one may be used.
    ceiling: Epoch,
    /// Asked of the disk.
    asked: Epoch,
}

/// How many epochs are reserved on disk at a time, and with how many left more are asked for.
const EPOCH_BLOCK: u64 = 16;
const EPOCH_RESERVE: u64 = 8;

/// By how much an epoch may exceed all that were seen before: more than clocks that were never set
/// and clocks that were set to the far future are apart, in seconds. R-04.
const EPOCH_LEAP: u64 = 1 << 36;
/// How long a disk may take to write a few bytes before that is worth a warning.
const DISK_PATIENCE: Duration = Duration::from_secs(5);

impl Engine {
    /// An engine that starts now, as a candidate.
    #[must_use]
    pub fn new(now: Instant, cfg: Config) -> Self {
        let timing = cfg.timing;
        let mut engine = Self {
            versions: Versions::new(cfg.config_version),
            prng: Prng::new(cfg.seed),
            phase: Phase::Candidate(Candidate::new(now, timing.share(50))),
            view: None,
            wire_version: cfg.wire.1,
            installed_at: now,
            changes: 0,
            parted_at: None,
            promised: None,
            pending: Vec::new(),
            epochs: Epochs {
                seen: cfg.epoch_floor,
                ceiling: cfg.epoch_floor,
                asked: cfg.epoch_floor,
            },
            lease: MemberLease::new(now, &timing),
            book: HubBook::default(),
            votes: ViewVotes::default(),
            agreed: Agreed::default(),
            basis: Basis::default(),
            rules: cfg.rules.clone(),
            device: 0,
            amending: Amending::default(),
            raised_at: cfg.raised,
            removed_self: cfg.removed,
            removed_on_disk: cfg.removed,
            took_part: false,
            heard: BTreeMap::new(),
            said: None,
            addresses: BTreeMap::new(),
            routes: Routes::default(),
            holds: Holds::default(),
            silent_hubs: BTreeMap::new(),
            wishes: Wishes::default(),
            protection: Protection::default(),
            stall: Stall::default(),
            leaving: Leaving::No,
            messages: Messages::Waiting(Queue::default()),
            batch: false,
            refused_until: Instant::ZERO,
            noticed: BTreeMap::new(),
            out: VecDeque::new(),
            ran: now,
            due: Instant::FAR,
            cfg,
        };
        engine.reserve_epochs();
        engine.settle(now);
        engine
    }

    /// A frame arrived from a verified life of a node.
    pub fn handle_frame(
        &mut self,
        now: Instant,
        from: MemberId,
        address: SocketAddr,
        via: Via,
        frame: Frame,
    ) {
        self.wake(now);
        if !matches!(via, Via::Relay(_)) {
            self.addresses.insert(from, address);
        }
        self.dispatch(now, from, via, frame);
        self.settle(now);
    }

    /// The sockets are empty. R-102.
    pub fn handle_drained(&mut self, now: Instant) {
        self.wake(now);
        self.stall.drained();
        self.settle(now);
    }

    /// Time has passed. R-161.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.wake(now);
        match &self.phase {
            Phase::Candidate(_) => self.tick_candidate(now),
            Phase::Normal(_) => {
                self.tick_member(now);
                self.tick_hub(now);
                self.tick_wishes(now);
            }
            Phase::Frozen(_) => self.tick_frozen(now),
            Phase::Ended => {}
        }
        self.tick_leaving(now);
        self.tick_amending(now);
        self.routes.expire(now.before(self.cfg.timing.token));
        self.tick_stream(now);
        self.watch_disk(now);
        self.settle(now);
    }

    /// The disk holds this ceiling and this removed flag now.
    pub fn handle_stored(&mut self, now: Instant, ceiling: Epoch, removed: bool) {
        self.wake(now);
        self.epochs.ceiling = self.epochs.ceiling.max(ceiling);
        self.removed_on_disk = removed;
        if removed {
            self.leaving.ask_at(now);
        }
        self.settle(now);
    }

    /// The next frame or event.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`Engine::handle_timeout`] at the latest.
    #[must_use]
    pub const fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// Whether this node may act now.
    #[must_use]
    pub fn is_quorate(&self, now: Instant) -> bool {
        now < self.lease_end()
    }

    /// Until when this node may act; [`Instant::ZERO`] if it may not.
    #[must_use]
    pub fn lease_end(&self) -> Instant {
        if self.votes.eligible && !matches!(self.phase, Phase::Ended) {
            self.lease.end()
        } else {
            Instant::ZERO
        }
    }

    /// The view installed last.
    #[must_use]
    pub const fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// Whether that view is a working one.
    #[must_use]
    pub const fn is_working(&self) -> bool {
        matches!(self.phase, Phase::Normal(_))
    }

    /// How often views were installed.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// When the view was installed.
    #[must_use]
    pub const fn installed_at(&self) -> Instant {
        self.installed_at
    }

    /// What the view has and needs.
    #[must_use]
    pub const fn votes(&self) -> &ViewVotes {
        &self.votes
    }

    /// Nodes whose votes are not expected.
    #[must_use]
    pub const fn removed(&self) -> &NodeSet {
        &self.basis.removed
    }

    /// Whether this node left with `remove` and was not readmitted since.
    #[must_use]
    pub const fn is_removed(&self) -> bool {
        self.removed_self
    }

    /// The wire version of the view.
    #[must_use]
    pub const fn wire_version(&self) -> u8 {
        self.wire_version
    }

    /// How often this node stalled.
    #[must_use]
    pub const fn stalls(&self) -> u64 {
        self.stall.count
    }

    /// This node's own smoothed delay.
    #[must_use]
    pub fn own_delay(&self, now: Instant) -> Duration {
        self.stall.delay(now, &self.cfg.timing)
    }

    /// The timers.
    #[must_use]
    pub const fn timing(&self) -> &Timing {
        &self.cfg.timing
    }

    /// Until when a node is held off. R-126.
    #[must_use]
    pub fn held_until(&self, now: Instant, node: NodeId) -> Option<Instant> {
        if self.is_quorate(now) {
            self.holds.until(now, node)
        } else {
            let patience = self.cfg.timing.token * 5;
            self.holds.until_at_most(now, node, patience)
        }
    }

    /// Where a life of a node is.
    #[must_use]
    pub fn address_of(&self, member: &MemberId) -> Option<SocketAddr> {
        self.addresses.get(member).copied()
    }

    /// Whether this node has left, or was put out for good.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Whether this node is about to leave.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        matches!(self.leaving, Leaving::Asked { .. })
    }

    /// Whether this node looks for a view.
    #[must_use]
    pub const fn is_candidate(&self) -> bool {
        matches!(self.phase, Phase::Candidate(_))
    }

    /// Whether a view change is under way in which this node departs.
    #[must_use]
    pub fn is_departing(&self, node: NodeId) -> bool {
        match &self.phase {
            Phase::Frozen(frozen) => frozen.propose.departing.contains(node),
            _ => node == self.me().node && self.is_leaving(),
        }
    }

    /// The life of a node that said hello last.
    #[must_use]
    pub fn last_heard_life(&self, node: NodeId) -> Option<MemberId> {
        self.heard.get(&node).map(|heard| heard.from)
    }

    // --- shared by the machines -----------------------------------------------------------

    pub(crate) const fn me(&self) -> MemberId {
        self.cfg.me.id
    }

    pub(crate) const fn my_member(&self) -> Member {
        self.cfg.me
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Gives a notice, unless the same one was given for the same node within ten seconds.
    pub(crate) fn notice(&mut self, now: Instant, node: NodeId, notice: Notice) {
        let about = (notice.topic(), node);
        let fresh =
            self.noticed.get(&about).is_none_or(|&at| now.since(at) >= Duration::from_secs(10));
        if fresh {
            self.noticed.insert(about, now);
            self.emit(Event::Notice(notice));
        }
    }

    pub(crate) fn push(&mut self, to: To, frame: Frame) {
        self.out.push_back(Output::Send { to, frame });
    }

    /// A member by its identity, with the best address known.
    pub(crate) fn member(&self, id: MemberId) -> Member {
        let known = self.addresses.get(&id).copied();
        let in_view = || self.view.as_ref()?.members.iter().find(|m| m.id == id).map(|m| m.address);
        let address = known.or_else(in_view).unwrap_or_else(unknown_address);
        Member { id, address }
    }

    pub(crate) fn normal(&self) -> Option<&Normal> {
        match &self.phase {
            Phase::Normal(normal) => Some(normal),
            _ => None,
        }
    }

    pub(crate) fn normal_mut(&mut self) -> Option<&mut Normal> {
        match &mut self.phase {
            Phase::Normal(normal) => Some(normal),
            _ => None,
        }
    }

    pub(crate) fn hub(&self) -> Option<&Hub> {
        self.normal()?.hub.as_ref()
    }

    pub(crate) fn hub_mut(&mut self) -> Option<&mut Hub> {
        self.normal_mut()?.hub.as_mut()
    }

    /// The view, if it works and this is its name.
    pub(crate) fn is_my_view(&self, id: ViewId) -> bool {
        self.is_working() && self.view.as_ref().is_some_and(|view| view.id == id)
    }

    /// Whether this node coordinates a working view.
    pub(crate) fn coordinates(&self) -> bool {
        self.hub().is_some_and(|hub| !hub.acting)
    }

    /// Whether this node, a deputy, acts as hub for its coordinator.
    pub(crate) fn acts(&self) -> bool {
        self.hub().is_some_and(|hub| hub.acting)
    }

    pub(crate) fn coordinator(&self) -> Option<MemberId> {
        self.view.as_ref().map(|view| view.id.coordinator)
    }

    pub(crate) fn my_epoch(&self) -> Epoch {
        self.view.as_ref().map_or(Epoch(0), |view| view.id.epoch)
    }

    pub(crate) fn saw_epoch(&mut self, epoch: Epoch) {
        self.epochs.seen = self.epochs.seen.max(epoch);
        self.reserve_epochs();
    }

    /// Asks the disk for more epochs well ahead of need, and again for the removed flag's sake.
    pub(crate) fn reserve_epochs(&mut self) {
        if self.epochs.seen.plus(EPOCH_RESERVE) > self.epochs.asked {
            self.epochs.asked = self.epochs.seen.plus(EPOCH_BLOCK);
            self.store();
        }
    }

    /// Puts the ceiling and the removed flag on disk.
    pub(crate) fn store(&mut self) {
        let epoch_ceiling = self.epochs.asked;
        let removed = self.removed_self || self.leaving.removes();
        self.removed_on_disk &= removed;
        let raised = self.raised_at;
        self.emit(Event::Store { epoch_ceiling, removed, raised });
    }

    /// No view change waits for a disk; a view's name is unique anyway, by the coordinator's salt.
    /// A node that starts lifts everybody's epochs to its clock, and the disk follows. It is worth
    /// a warning only if it has not after a while.
    fn watch_disk(&mut self, now: Instant) {
        let epoch = self.my_epoch();
        let late = now.since(self.installed_at) > DISK_PATIENCE;
        if late && self.view.is_some() && epoch > self.epochs.ceiling {
            self.notice(now, self.me().node, Notice::AboveCeiling(epoch));
        }
    }

    pub(crate) fn wake(&mut self, now: Instant) {
        let timing = self.cfg.timing;
        if let Some(late) = self.stall.observe(now, self.ran, self.due, &timing) {
            self.due = now;
            self.after_stall(now, late);
        }
    }

    /// Shifts every suspicion by what was slept through.
    fn after_stall(&mut self, now: Instant, late: Duration) {
        self.notice(now, self.me().node, Notice::Stalled(late));
        self.holds.forgive_all(now);
        self.silent_hubs.clear();
        let shift = |at: &mut Instant| *at = (*at + late).min(now);
        match &mut self.phase {
            Phase::Normal(normal) => {
                shift(&mut normal.watch.heard);
                shift(&mut normal.watch.contact);
                shift(&mut normal.watch.direct);
                if let Some(hub) = &mut normal.hub {
                    for member in hub.members.values_mut() {
                        shift(&mut member.heard);
                        shift(&mut member.direct);
                    }
                    hub.check_at = now;
                    if late > self.cfg.timing.lease {
                        // First find out whether the others have moved on.
                        hub.next_beat = now + self.cfg.timing.beat * 2;
                        hub.next_hello = hub.next_beat;
                    }
                }
            }
            Phase::Frozen(frozen) => {
                shift(&mut frozen.since);
                shift(&mut frozen.progress);
                if let Role::Proposer(proposer) = &mut frozen.role {
                    proposer.deadline += late;
                }
            }
            Phase::Candidate(candidate) => shift(&mut candidate.since),
            Phase::Ended => {}
        }
    }

    /// After every input: when to be called next.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.ran = now;
        self.drain_stream();
        self.check_recovered(now);
        let due = match &self.phase {
            Phase::Candidate(candidate) => candidate.next_hello.min(candidate.next_look),
            Phase::Normal(normal) => {
                let coordinates = normal.hub.as_ref().is_some_and(|hub| !hub.acting);
                let hub = normal.hub.as_ref().map_or(Instant::FAR, |hub| self.hub_due(hub));
                let watch = if coordinates { Instant::FAR } else { self.watch_due(now, normal) };
                let wait = self.lease.wait_until();
                let grant = if wait > now { wait } else { Instant::FAR };
                hub.min(watch).min(grant).min(self.wishes.due())
            }
            Phase::Frozen(frozen) => self.frozen_due(frozen),
            Phase::Ended => Instant::FAR,
        };
        let stream = if self.batch { now } else { self.messages.due() };
        let asked = self.leaving.due().min(self.amending.due());
        self.due = due.min(asked).min(stream).max(now);
    }

    pub(crate) fn dispatch_relayed(
        &mut self,
        now: Instant,
        origin: MemberId,
        relay: MemberId,
        frame: Frame,
    ) {
        self.dispatch(now, origin, Via::Relay(relay), frame);
    }

    /// Hands a frame to whom it concerns, if its sender may speak here. R-104.
    fn dispatch(&mut self, now: Instant, from: MemberId, via: Via, frame: Frame) {
        let is_peer = self.cfg.knows(from.node) && from.node != self.me().node;
        let newest = frame.newest_epoch();
        let is_plausible = newest <= Epoch::MAX.min(self.epochs.seen.plus(EPOCH_LEAP));
        if matches!(self.phase, Phase::Ended) || !is_peer || !is_plausible {
            return;
        }
        match frame {
            Frame::Beat(beat) => self.on_beat(now, from, via, &beat),
            Frame::MemberBeat(beat) => self.on_member_beat(now, from, via, &beat),
            Frame::Who(who) => self.on_who(now, from, &who),
            Frame::Hears(hears) => self.on_hears(now, from, &hears),
            Frame::Relay(relay) => self.on_relay(now, from, via, relay),
            Frame::Hello(hello) => self.on_hello(now, from, via, hello),
            Frame::Probe(probe) => self.on_probe(now, from, &probe),
            Frame::ProbeAck(ack) => self.on_probe_ack(now, from, &ack),
            Frame::Refuse(refuse) => self.on_refuse(now, from, &refuse),
            Frame::Propose(propose) => self.on_propose(now, from, propose),
            Frame::Flush(flush) => self.on_flush(now, from, *flush),
            Frame::Nack(nack) => self.on_nack(now, from, &nack),
            Frame::Commit(commit) => self.on_commit(now, from, &commit),
            Frame::Recover(recover) => self.on_recover(now, from, recover),
            Frame::Recovered(recovered) => self.on_recovered(now, from, &recovered),
            Frame::Install(install) => self.on_install(now, from, &install),
            Frame::Moved(moved) => self.on_moved(now, from, &moved),
            Frame::Leave(leave) => self.on_leave(now, from, &leave),
            Frame::Gone(gone) => self.on_gone(now, from, &gone),
            Frame::Kill(kill) => self.on_kill(now, from, &kill),
            Frame::PutOut(put_out) => self.on_put_out(now, &put_out),
            Frame::Amend(amend) => self.on_amend(now, from, &amend),
            // Answered by the gate in front of the engine.
            Frame::Challenge(_) | Frame::Answer(_) => {}
            Frame::Data(_) | Frame::Order(_) | Frame::Ask(_) | Frame::Ack(_) => {
                self.on_stream(now, from, &frame);
            }
        }
    }
}

/// The address of somebody whose address is not known: nothing is sent there directly.
const fn unknown_address() -> SocketAddr {
    SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), 0)
}
