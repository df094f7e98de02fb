//! What a flush does.

use super::{Out, Phase, Stream};
use crate::{
    gaps::Wanted,
    limits::{ASK_RANGES_MAX, BURST_UNITS, PACKING_WAIT},
    sequencer::Sequencer,
};
use bytes::Bytes;
use cman_types::Instant;
use cman_wire::frame::{Ack, Ask, Data, Frame, Order, Run};

/// Members that pass units on at a time, about.
const FORWARDERS: u64 = 3;

/// Repeated acknowledgements without an effect after which others are asked. R-165.
const DOUBT_AFTER: u32 = 2;

impl Stream {
    /// All input that there was has been handled: does what follows from it. [`Self::poll`] gives
    /// what it is. Many inputs to a flush make few frames. R-161.
    pub fn flush(&mut self, now: Instant) {
        match self.phase {
            Phase::Open => {
                self.notice_stall(now);
                self.send_and_order(now);
                let was_urgent = self.deliver();
                self.tell(now, was_urgent);
                self.repeat_unordered(now);
                self.ask(now);
            }
            Phase::Recovering(_) => self.ask_units(now),
            Phase::Frozen => {}
        }
        self.due = self.next_due();
    }

    fn next_due(&self) -> Instant {
        let packing = self.packing.map_or(Instant::FAR, |since| since + PACKING_WAIT);
        match &self.phase {
            Phase::Frozen => Instant::FAR,
            Phase::Recovering(_) => self.gaps.due(),
            Phase::Open => match &self.sequencer {
                Some(sequencer) => sequencer.due(),
                None => {
                    let own = self.acks.due().min(self.resend.due());
                    own.min(self.requests.due()).min(self.unheard.due())
                }
            }
            .min(packing)
            .min(self.gaps.due()),
        }
    }

    /// This node was not run for a while: it accuses nobody for what it did not hear. R-14.
    fn notice_stall(&mut self, now: Instant) {
        let late = now - self.due;
        if let Some(sequencer) = self.sequencer.as_mut().filter(|_| late > self.times.beat) {
            sequencer.forgive(now, late);
        }
    }

    fn send_and_order(&mut self, now: Instant) {
        loop {
            self.advance(now);
            let count = self.cut(now);
            self.order(now);
            if count == 0 {
                break;
            }
        }
        self.advance(now);
    }

    /// How far everything is, here and elsewhere.
    fn advance(&mut self, now: Instant) {
        self.store.advance();
        if let Some(sequencer) = &mut self.sequencer {
            sequencer.advance(now, &self.store);
            self.stable = sequencer.stable();
            self.flow = sequencer.flow();
        } else {
            // What this node lacks is not held by all.
            self.stable = self.stable.max(self.told_stable.min(self.store.held()));
            self.flow = self.flow.max(self.stable);
        }
        self.window.advance(&self.store, self.flow);
    }

    /// Cuts and sends units, as many as may be before order records go out; says how many.
    fn cut(&mut self, now: Instant) -> usize {
        for count in 0..BURST_UNITS {
            if self.queue.is_empty() || !self.may_cut(now) {
                return count;
            }
            let Some(payload) = self.cutter.cut(&mut self.queue) else { return count };
            self.packing = None;
            self.send_unit(now, payload);
        }
        BURST_UNITS
    }

    fn may_cut(&mut self, now: Instant) -> bool {
        let begins = self.cutter.begins(&self.queue);
        if self.store.is_full() || !self.window.has_room(now, begins) {
            // Room comes with what others say, not with time.
            self.packing = None;
            return false;
        }
        let ordered = self.store.records().named(self.setup.me) >= self.sent;
        if ordered || self.cutter.has_begun() || self.cutter.is_full(&self.queue) {
            return true;
        }
        // While the last unit is on its way others may come that share the next.
        now - *self.packing.get_or_insert(now) >= PACKING_WAIT
    }

    fn send_unit(&mut self, now: Instant, payload: Bytes) {
        let me = self.setup.me;
        self.sent += 1;
        self.stats.sent_units += 1;
        self.store.insert(me, self.sent, &payload);
        self.window.saw(now, me);
        self.window.add(payload.len());
        self.acks.came(payload.len());
        if let Some(sequencer) = &mut self.sequencer {
            sequencer.arrived(me);
        }
        let data = Data { view: self.setup.view, sender: me, unit: self.sent, payload };
        self.cast(Frame::Data(data));
    }

    fn cast(&mut self, frame: Frame) {
        if !self.peers.is_empty() {
            self.frames.push_back(Out::Cast(frame));
        }
    }

    /// At the coordinator: gives what came its places, and says so. R-50o.
    fn order(&mut self, now: Instant) {
        let Some(sequencer) = &mut self.sequencer else { return };
        let Some((mut first, runs)) = sequencer.order(now, &mut self.store) else { return };
        sequencer.tell(now);
        for runs in runs.chunks(Sequencer::runs_max(self.setup.room)) {
            self.cast_order(first, runs.to_vec());
            first += runs.iter().map(|run| u64::from(run.count)).sum::<u64>();
        }
    }

    fn cast_order(&mut self, first: u64, runs: Vec<Run>) {
        let order = self.order_frame(first, runs);
        self.cast(order);
    }

    fn order_frame(&self, first: u64, runs: Vec<Run>) -> Frame {
        let (stable, flow) = (self.stable, self.flow);
        Frame::Order(Order { view: self.setup.view, first, runs, stable, flow })
    }

    /// Whether a safe message that waited was delivered.
    fn deliver(&mut self) -> bool {
        let waited = self.deliverer.waits_for();
        let waiting = self.deliveries.len();
        self.deliverer.deliver(&self.store, self.stable, &mut self.deliveries);
        let delivered = self.deliveries.len() - waiting;
        self.stats.delivered_messages += u64::try_from(delivered).unwrap_or(u64::MAX);
        let passed = self.deliverer.delivered().min(self.window.passed());
        self.store.free(self.stable.min(passed));
        waited.is_some_and(|number| number <= self.stable)
    }

    /// The coordinator tells how far all are; a member tells it what it holds. R-54o.
    fn tell(&mut self, now: Instant, was_urgent: bool) {
        let urgent = self.deliverer.waits_for();
        let next = self.store.records().end() + 1;
        let Some(sequencer) = &mut self.sequencer else {
            self.acks.update(now, self.store.held(), self.stable, urgent);
            if self.acks.due() <= now {
                self.acknowledge(now);
                self.acks.update(now, self.store.held(), self.stable, urgent);
            }
            if self.hearsay.must_tell(self.store.held(), self.setup.members, &mut self.prng) {
                self.cast_order(next, Vec::new());
            }
            return;
        };
        if sequencer.must_tell(now, was_urgent) {
            sequencer.tell(now);
            self.cast_order(next, Vec::new());
        }
        let forgetful = self.sequencer.as_mut().map(Sequencer::forgetful).unwrap_or_default();
        for member in forgetful {
            let order = self.order_frame(next, Vec::new());
            self.frames.push_back(Out::To(member, order));
        }
    }

    fn acknowledge(&mut self, now: Instant) {
        self.acks.sent(now, self.store.held());
        self.send_ack();
        // The coordinator hears this node, or is not heard by it, or waits for another member. In
        // the first two cases others know more.
        if self.acks.repeated() >= DOUBT_AFTER
            && let Some(peer) = self.peers.any(&mut self.prng)
        {
            let next = self.store.records().end() + 1;
            self.ask_records(peer, (next, u64::MAX));
        }
    }

    fn send_ack(&mut self) {
        let ack = Ack { view: self.setup.view, held: self.store.held(), sent: self.sent };
        self.frames.push_back(Out::To(self.setup.coordinator, Frame::Ack(ack)));
    }

    /// A member's own unit without order record: the coordinator did not get it, or this node not
    /// the record. R-52o.
    fn repeat_unordered(&mut self, now: Instant) {
        let ordered = self.store.records().named(self.setup.me);
        if self.sequencer.is_some() || ordered >= self.sent {
            self.resend.stop();
            return;
        }
        if self.unordered != ordered + 1 {
            self.unordered = ordered + 1;
            self.resend.restart(now);
        }
        self.resend.start(now);
        if self.resend.is_due(now) {
            self.stats.resent_units += 1;
            // Later others get it too: they can pass it on if the path to the coordinator is cut.
            let to_all = self.resend.tries() > 1;
            self.repeat_unit(self.setup.me, ordered + 1, to_all);
            self.send_ack();
        }
    }

    fn repeat_unit(&mut self, sender: u16, unit: u64, to_all: bool) {
        let Some(payload) = self.store.get(sender, unit).cloned() else { return };
        let frame = Frame::Data(Data { view: self.setup.view, sender, unit, payload });
        let to = self.setup.coordinator;
        self.frames.push_back(if to_all { Out::Cast(frame) } else { Out::To(to, frame) });
    }

    /// Asks for what is missing. R-51o.
    fn ask(&mut self, now: Instant) {
        self.ask_units(now);
        if self.sequencer.is_some() {
            return;
        }
        let unordered = self.store.has_unordered();
        let wanted =
            self.requests.wanted(now, self.store.records(), unordered, &self.peers, &mut self.prng);
        if let Some((of, range)) = wanted {
            self.ask_records(of, range);
        }
        self.forward(now);
    }

    fn ask_records(&mut self, of: u16, range: (u64, u64)) {
        self.stats.asked_records += 1;
        let ask = Ask { view: self.setup.view, units: Vec::new(), records: Some(range) };
        self.frames.push_back(Out::To(of, Frame::Ask(ask)));
    }

    fn ask_units(&mut self, now: Instant) {
        let peers = match &self.phase {
            Phase::Recovering(lineage) => lineage,
            _ => &self.peers,
        };
        if peers.is_empty() {
            return;
        }
        let units_of = |sender| self.store.units(sender);
        let wanted: Wanted = self.gaps.wanted(now, peers, &mut self.prng, units_of);
        for (of, ranges) in wanted {
            for units in ranges.chunks(ASK_RANGES_MAX) {
                let count = units.iter().map(|(_, first, last)| last - first + 1);
                self.stats.asked_units += count.sum::<u64>();
                let ask = Ask { view: self.setup.view, units: units.to_vec(), records: None };
                self.frames.push_back(Out::To(of, Frame::Ask(ask)));
            }
        }
    }

    /// Passes on to the coordinator the last unit of senders that it does not seem to hear: it
    /// will ask for those before. Some members do, so that it is not flooded. R-166.
    fn forward(&mut self, now: Instant) {
        if self.store.has_all_ordered() {
            return self.unheard.clear();
        }
        for (sender, unit) in self.unheard.overdue(now, &self.store) {
            let others = u64::try_from(self.setup.members.saturating_sub(2)).unwrap_or(u64::MAX);
            if others <= FORWARDERS || self.prng.below(others) < FORWARDERS {
                self.stats.forwarded_units += 1;
                self.repeat_unit(sender, unit, false);
            }
        }
    }
}
