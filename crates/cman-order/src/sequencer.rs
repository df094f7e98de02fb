//! The coordinator's part: giving places, and knowing how far everybody is.

use crate::{
    backoff::Backoff,
    limits::{FLOW_STEP, KEEPING_UP, ORDER_RUNS_MAX, ORDER_WAIT},
    records::Added,
    store::Store,
    times::Times,
    units::Units,
};
use cman_types::Instant;
use cman_wire::frame::{Ordered, Run};
use core::time::Duration;
use std::collections::BTreeSet;

/// What the coordinator of a view keeps beside what every member keeps.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Sequencer {
    me: u16,
    token: Duration,
    ack_interval: Duration,
    /// Senders with units to order, as they came, and who is among them.
    arrived: Vec<u16>,
    has_arrived: Vec<bool>,
    members: Vec<Progress>,
    /// Those that had said that they held everything when last they spoke: they are not late with
    /// what is ordered from now on.
    complete: Vec<u16>,
    /// Whether somebody said something new.
    heard: bool,
    stable: u64,
    flow: u64,
    /// When a member may cease to keep up.
    ages: Instant,
    /// What all were told of `stable` and `flow`, and when.
    told: (u64, u64),
    told_at: Instant,
    /// The end of the sequence is repeated until all hold it.
    tail: Backoff,
    /// Members that ask again for what they were told.
    forgetful: BTreeSet<u16>,
}

/// What is known of a member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Progress {
    /// How far it holds everything.
    held: u64,
    /// When that last moved, or there was something to move to again.
    moved: Instant,
}

impl Sequencer {
    pub(crate) fn new(now: Instant, me: u16, members: usize, times: Times) -> Self {
        Self {
            me,
            token: times.token,
            ack_interval: times.ack_interval,
            arrived: Vec::new(),
            has_arrived: vec![false; members],
            members: vec![Progress { held: 0, moved: now }; members],
            complete: (0..).take(members).collect(),
            heard: true,
            stable: 0,
            flow: 0,
            ages: Instant::FAR,
            told: (0, 0),
            told_at: now,
            tail: Backoff::new(ORDER_WAIT, times.beat),
            forgetful: BTreeSet::new(),
        }
    }

    /// All members hold everything up to here. Never falls. R-53o.
    pub(crate) const fn stable(&self) -> u64 {
        self.stable
    }

    /// All members that keep up do. R-55o.
    pub(crate) const fn flow(&self) -> u64 {
        self.flow
    }

    /// A unit of `sender` came.
    pub(crate) fn arrived(&mut self, sender: u16) {
        if let Some(known @ false) = self.has_arrived.get_mut(usize::from(sender)) {
            *known = true;
            self.arrived.push(sender);
        }
    }

    /// Gives places to all units that came with all earlier ones of their senders (R-50o): the
    /// first global sequence, and the runs.
    pub(crate) fn order(&mut self, now: Instant, store: &mut Store) -> Option<(u64, Vec<Run>)> {
        let begin = store.records().end() + 1;
        let mut runs = Vec::new();
        for sender in core::mem::take(&mut self.arrived) {
            if let Some(known) = self.has_arrived.get_mut(usize::from(sender)) {
                *known = false;
            }
            let whole = store.units(sender).map_or(0, Units::whole);
            let from = store.records().named(sender) + 1;
            let Some(count) = (whole + 1).checked_sub(from).filter(|count| *count > 0) else {
                continue;
            };
            let run = Run { sender, from, count: u32::try_from(count).unwrap_or(u32::MAX) };
            let first = store.records().end() + 1;
            if store.order(Ordered { first, run }) == Added::New {
                runs.push(run);
            } else {
                // No room for more records: it has to wait.
                self.arrived(sender);
            }
        }
        if runs.is_empty() {
            return None;
        }
        for member in self.complete.drain(..) {
            if let Some(member) = self.members.get_mut(usize::from(member)) {
                member.moved = now;
            }
        }
        self.ages = self.ages.min(now + KEEPING_UP);
        self.tail.restart(now);
        Some((begin, runs))
    }

    /// How many runs a frame may have whose units would have this much room.
    pub(crate) const fn runs_max(room: usize) -> usize {
        // A run takes 14 bytes; what else an order frame holds, 14 more than what a data frame
        // does.
        let fit = room.saturating_sub(14) / 14;
        if fit < 1 {
            1
        } else if fit < ORDER_RUNS_MAX {
            fit
        } else {
            ORDER_RUNS_MAX
        }
    }

    /// A member's word how far it holds everything.
    pub(crate) fn on_ack(&mut self, now: Instant, from: u16, held: u64, end: u64) {
        let Some(member) = self.members.get_mut(usize::from(from)) else { return };
        if held > end || from == self.me {
            return;
        }
        if held <= member.held {
            // It would be silent if it knew that all is stable.
            self.forgetful.insert(from);
            return;
        }
        *member = Progress { held, moved: now };
        self.heard = true;
        if held == end {
            self.complete.push(from);
        }
    }

    /// Works out `stable` and `flow` from what all hold.
    pub(crate) fn advance(&mut self, now: Instant, store: &Store) {
        let (held, end) = (store.held(), store.records().end());
        let alone = self.is_alone();
        if let Some(me) = self.members.get_mut(usize::from(self.me)) {
            self.heard |= alone && me.held < held;
            me.held = me.held.max(held);
        }
        if !self.heard && now < self.ages {
            return;
        }
        self.heard = false;
        let (mut stable, mut flow, mut ages) = (end, end, Instant::FAR);
        for member in &self.members {
            stable = stable.min(member.held);
            let until = member.moved + KEEPING_UP;
            if member.held < end && now < until {
                flow = flow.min(member.held);
                ages = ages.min(until);
            }
        }
        self.stable = self.stable.max(stable);
        self.ages = ages;
        // With a full repair buffer everybody waits for the slowest, or for its end.
        if !store.is_overfull() {
            self.flow = self.flow.max(flow);
        }
        self.flow = self.flow.max(self.stable);
        if self.stable == end {
            self.tail.stop();
        }
    }

    /// Who is to be put out: it does not move for two tokens, or so much is kept for it that
    /// there is no more room. R-56o.
    pub(crate) fn lagging(&self, now: Instant, store: &Store) -> Option<u16> {
        let end = store.records().end();
        if self.stable == end {
            return None;
        }
        let behind = (0..).zip(&self.members).filter(|(index, member)| {
            let patience = if store.is_overfull() { KEEPING_UP } else { self.token * 2 };
            *index != self.me && member.held < end && now - member.moved >= patience
        });
        behind.min_by_key(|(_, member)| member.held).map(|(index, _)| index)
    }

    /// This node was not run for a while: nobody else is to blame for what it did not hear.
    pub(crate) fn forgive(&mut self, now: Instant, stall: Duration) {
        for member in &mut self.members {
            member.moved = now.min(member.moved + stall);
        }
        self.heard = true;
    }

    /// Whether all are to be told `stable` and `flow` although there is nothing to order: at once
    /// if somebody waits for it, after a while otherwise, and again while somebody lacks anything.
    ///
    pub(crate) fn must_tell(&mut self, now: Instant, is_urgent: bool) -> bool {
        let (stable, flow) = self.told;
        let repeat = self.tail.is_due(now);
        let opened = self.flow - flow >= FLOW_STEP || (is_urgent && self.stable > stable);
        repeat || opened || now >= self.tell_due()
    }

    fn is_alone(&self) -> bool {
        self.members.len() == 1
    }

    fn tell_due(&self) -> Instant {
        if self.told == (self.stable, self.flow) || self.is_alone() {
            Instant::FAR
        } else {
            self.told_at + self.ack_interval
        }
    }

    /// All are told now.
    pub(crate) fn tell(&mut self, now: Instant) {
        self.told = (self.stable, self.flow);
        self.told_at = now;
        self.forgetful.clear();
    }

    /// Members that are to be told alone.
    pub(crate) fn forgetful(&mut self) -> BTreeSet<u16> {
        core::mem::take(&mut self.forgetful)
    }

    /// When there is something to do even if nothing comes.
    pub(crate) fn due(&self) -> Instant {
        self.ages.min(self.tell_due()).min(self.tail.due())
    }
}
