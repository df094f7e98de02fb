//! What others say. Nothing is sent here: that is for the flush. Answers to requests are queued.

use super::{Out, Phase, Stream};
use crate::{
    limits::{OVERTAKING, PLAUSIBLE_UNITS},
    records::Added,
    sequencer::Sequencer,
    units::{Taken, Units},
};
use cman_types::Instant;
use cman_wire::frame::{Ack, Ask, Data, Frame, Order, Ordered};

impl Stream {
    /// A unit came, transmitted by `from`: its sender, or who repairs. Also taken while the view
    /// ends.
    pub fn on_data(&mut self, now: Instant, from: u16, data: &Data) {
        let sender = data.sender;
        let of_member = usize::from(sender) < self.setup.members;
        let invented = sender == self.setup.me && data.unit > self.sent;
        if data.view != self.setup.view || !self.is_peer(from) || !of_member || invented {
            self.stats.refused += 1;
            return;
        }
        match self.store.insert(sender, data.unit, &data.payload) {
            Taken::New => self.came(now, from, data),
            Taken::Known => self.stats.duplicate_units += 1,
            Taken::Ahead => self.hear_of_unit(now + OVERTAKING, sender, data.unit),
        }
    }

    fn came(&mut self, now: Instant, from: u16, data: &Data) {
        let sender = data.sender;
        if self.phase != Phase::Open {
            self.gaps.fill(sender, data.unit, from);
            return;
        }
        if let Some(units) = self.store.units(sender) {
            self.gaps.came(now + OVERTAKING, sender, data.unit, from, units);
        }
        self.window.saw(now, sender);
        self.acks.came(data.payload.len());
        if let Some(sequencer) = &mut self.sequencer {
            sequencer.arrived(sender);
        } else {
            self.unheard.came(now, sender, self.store.records().named(sender));
        }
    }

    /// Units of `sender` up to this one exist, says somebody.
    fn hear_of_unit(&mut self, due: Instant, sender: u16, unit: u64) {
        let Some(units) = self.store.units(sender).filter(|_| self.phase == Phase::Open) else {
            return;
        };
        if unit > units.whole().saturating_add(PLAUSIBLE_UNITS) {
            self.stats.refused += 1;
        } else if sender != self.setup.me {
            self.gaps.hear_of(due, sender, unit, units);
        }
    }

    /// Order records came, transmitted by `from`: the coordinator, or who repairs.
    pub fn on_order(&mut self, now: Instant, from: u16, order: &Order) {
        if order.view != self.setup.view || !self.is_peer(from) {
            self.stats.refused += 1;
            return;
        }
        // Who makes the records learns nothing from them; who is frozen takes none.
        if self.sequencer.is_some() || self.phase != Phase::Open {
            return;
        }
        let Some(end) = self.take_runs(now, from, order) else {
            self.stats.refused += 1;
            return;
        };
        self.store.hear_of(end);
        if from == self.setup.coordinator && order.runs.is_empty() && order.stable < end {
            self.hearsay.heard(end);
        }
        // Neither can be beyond what there is.
        self.told_stable = self.told_stable.max(order.stable.min(end));
        self.flow = self.flow.max(order.flow.min(end));
    }

    /// The last global sequence that the frame tells of; `None` if it makes no sense. What made
    /// sense before that is kept. R-167.
    fn take_runs(&mut self, now: Instant, from: u16, order: &Order) -> Option<u64> {
        let mut first = order.first;
        let mut progress = false;
        let mut sane = true;
        if first == 0 {
            return None;
        }
        for run in &order.runs {
            let last_unit = run.from.saturating_add(run.count.into()).saturating_sub(1);
            let invented = run.sender == self.setup.me && last_unit > self.sent;
            let next = first.checked_add(run.count.into());
            let (Some(next), false) = (next, invented) else {
                sane = false;
                break;
            };
            match self.store.order(Ordered { first, run: *run }) {
                Added::New => progress = true,
                Added::Nothing => {}
                Added::Refused => {
                    sane = false;
                    break;
                }
            }
            self.hear_of_unit(now + OVERTAKING, run.sender, last_unit);
            first = next;
        }
        if progress {
            self.requests.came(from);
        }
        sane.then(|| first - 1)
    }

    /// A member asks for what it lacks; answered also while the view ends.
    pub fn on_ask(&mut self, now: Instant, from: u16, ask: &Ask) {
        if ask.view != self.setup.view || !self.is_peer(from) {
            self.stats.refused += 1;
            return;
        }
        let view = self.setup.view;
        if let Some(range) = ask.records.filter(|_| self.phase == Phase::Open) {
            let runs_max = Sequencer::runs_max(self.setup.room);
            for (first, runs) in self.answers.records(now, from, range, runs_max, &self.store) {
                let order = Order { view, first, runs, stable: self.stable, flow: self.flow };
                self.frames.push_back(Out::To(from, Frame::Order(order)));
            }
        }
        for answer in self.answers.units(now, from, &ask.units, &self.store) {
            self.stats.repaired_units += 1;
            let data =
                Data { view, sender: answer.sender, unit: answer.unit, payload: answer.payload };
            self.frames.push_back(if answer.for_all {
                self.stats.repaired_for_all += 1;
                Out::Cast(Frame::Data(data))
            } else {
                Out::To(from, Frame::Data(data))
            });
        }
    }

    /// A member says what it holds, and what it sent. For the coordinator. R-54o.
    pub fn on_ack(&mut self, now: Instant, from: u16, ack: &Ack) {
        if ack.view != self.setup.view || !self.is_peer(from) {
            self.stats.refused += 1;
            return;
        }
        if self.phase != Phase::Open {
            return;
        }
        let Some(sequencer) = &mut self.sequencer else { return };
        sequencer.on_ack(now, from, ack.held, self.store.records().end());
        if self.store.units(from).map_or(0, Units::whole) < ack.sent {
            self.hear_of_unit(now + OVERTAKING, from, ack.sent);
        }
    }

    /// Whether it is another member.
    fn is_peer(&self, index: u16) -> bool {
        index != self.setup.me && usize::from(index) < self.setup.members
    }
}
