//! The messages of the view: the engine hands its stream what arrives, and takes from it what is
//! to be sent and delivered.

use cman_order::{Delivery, Message, Out, Queue, Refused, Setup, Stream};
use cman_types::{Instant, MemberId, NodeId, NodeSet, View, ViewId};
use cman_wire::{
    Frame,
    frame::{Holdings, Lineage, Plan, Reason},
};
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    engine::Engine,
    event::{Deliver, Event, To},
    phase::Changes,
};

/// The stream of the view installed last; before the first view, what waits for it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Messages {
    /// No view yet.
    Waiting(Queue),
    /// The stream; frozen when the view has ended.
    Open(Box<Stream>),
}

impl Messages {
    pub(crate) const fn due(&self) -> Instant {
        match self {
            Self::Waiting(_) => Instant::FAR,
            Self::Open(stream) => stream.due(),
        }
    }

    const fn stream(&mut self) -> Option<&mut Stream> {
        match self {
            Self::Waiting(_) => None,
            Self::Open(stream) => Some(stream),
        }
    }
}

impl Engine {
    /// A message to all members of the view, this node included, in the agreed order. R-40m.
    ///
    /// # Errors
    /// [`Refused::Full`]: [`Event::Room`] tells when there is room again.
    pub fn send_message(&mut self, now: Instant, message: Message) -> Result<(), Refused> {
        self.wake(now);
        let accepted = match &mut self.messages {
            Messages::Waiting(queue) => queue.push(message),
            Messages::Open(stream) => stream.send(message),
        };
        self.batch = true;
        self.settle(now);
        accepted
    }

    /// The same for what cannot wait for room: a member's own part of an agreement. `urgent`:
    /// before everything else that waits.
    pub fn send_always(&mut self, now: Instant, message: Message, urgent: bool) {
        self.wake(now);
        match &mut self.messages {
            Messages::Waiting(queue) => queue.push_always(message),
            Messages::Open(stream) => stream.send_always(message, urgent),
        }
        self.batch = true;
        self.settle(now);
    }

    /// Whether the queue takes one more message. If not, [`Event::Room`] tells when it does.
    pub fn has_room(&mut self) -> bool {
        match &mut self.messages {
            Messages::Waiting(queue) => queue.has_room(),
            Messages::Open(stream) => stream.has_room(),
        }
    }

    /// A member did not do its part after a view change: the coordinator proposes without it.
    pub fn put_out_unsynced(&mut self, now: Instant, node: NodeId) {
        let member = self.view.as_ref().and_then(|view| view.member_of_node(node));
        // Who slept has not read what it was sent meanwhile: the services say so again.
        let judges = self.coordinates() && !self.stall.must_not_accuse(now);
        let Some(id) = member.map(|member| member.id).filter(|_| judges) else {
            return;
        };
        self.put_out_lagging(now, id);
        self.settle(now);
    }

    /// What the stream has done so far, if there is one.
    #[must_use]
    pub fn stream_stats(&self) -> Option<cman_order::Stats> {
        match &self.messages {
            Messages::Waiting(_) => None,
            Messages::Open(stream) => Some(stream.stats()),
        }
    }

    /// A frame of a stream. Those of other views are of no use.
    pub(crate) fn on_stream(&mut self, now: Instant, from: MemberId, frame: &Frame) {
        let view = match frame {
            Frame::Data(data) => data.view,
            Frame::Order(order) => order.view,
            Frame::Ask(ask) => ask.view,
            Frame::Ack(ack) => ack.view,
            _ => return,
        };
        let Some(index) = self.index_in(view, &from) else { return };
        let Some(stream) = self.messages.stream() else { return };
        self.batch = true;
        match frame {
            Frame::Data(data) => stream.on_data(now, index, data),
            Frame::Order(order) => stream.on_order(now, index, order),
            Frame::Ask(ask) => stream.on_ask(now, index, ask),
            Frame::Ack(ack) => stream.on_ack(now, index, ack),
            _ => {}
        }
    }

    fn index_in(&self, view: ViewId, member: &MemberId) -> Option<u16> {
        let ours = self.view.as_ref().filter(|ours| ours.id == view)?;
        u16::try_from(ours.index_of(member)?).ok()
    }

    /// The batch of inputs is over: units are cut, orders and acknowledgements given.
    pub(crate) fn tick_stream(&mut self, now: Instant) {
        let batch = core::mem::replace(&mut self.batch, false);
        if let Some(stream) = self.messages.stream()
            && (batch || stream.due() <= now)
        {
            stream.flush(now);
        }
    }

    /// A member that fell behind further than the others can keep for it is put out (R-56o).
    pub(crate) fn judge_laggards(&mut self, now: Instant) {
        let Messages::Open(stream) = &self.messages else { return };
        let Some(index) = stream.lagging(now) else { return };
        let Some(id) = self.id_at(index) else { return };
        self.put_out_lagging(now, id);
    }

    fn put_out_lagging(&mut self, now: Instant, id: MemberId) {
        let mut changes = Changes::default();
        changes.note(id.node, Reason::Lagging, self.me().node, core::time::Duration::ZERO);
        self.propose_without(now, &BTreeSet::from([id]), changes);
    }

    fn id_at(&self, index: u16) -> Option<MemberId> {
        self.view.as_ref()?.members.get(usize::from(index)).map(|member| member.id)
    }

    /// Takes over what the stream wants. R-63r.
    pub(crate) fn drain_stream(&mut self) {
        while let Some(out) = self.messages.stream().and_then(Stream::poll) {
            match out {
                Out::Cast(frame) => {
                    // Data is asked for by whoever does not hear it; orders must not wait.
                    if matches!(frame, Frame::Order(_)) {
                        for id in self.routes.targets() {
                            self.send_relayed(id, &frame);
                        }
                    }
                    self.push(To::All, frame);
                }
                Out::To(index, frame) => {
                    let Some(id) = self.id_at(index) else { continue };
                    if matches!(frame, Frame::Data(_)) {
                        self.push(To::Member(id), frame);
                    } else {
                        self.send(id, frame);
                    }
                }
                Out::Deliver(delivery) => {
                    let view = self.view.as_ref();
                    let deliver = view.and_then(|view| deliver(view, delivery));
                    self.emit_delivery(deliver);
                }
            }
        }
        let reopened = match &mut self.messages {
            Messages::Waiting(queue) => queue.reopened(),
            Messages::Open(stream) => stream.reopened(),
        };
        if reopened {
            self.emit(Event::Room);
        }
    }

    fn emit_delivery(&mut self, deliver: Option<Deliver>) {
        if let Some(deliver) = deliver {
            self.emit(Event::Deliver(deliver));
        }
    }

    // --- the end of a view ------------------------------------------------------------------

    /// The view has ended: nothing is sent, ordered or delivered in it any more.
    pub(crate) fn freeze_stream(&mut self) {
        // What was delivered before stays delivered before.
        self.drain_stream();
        if let Some(stream) = self.messages.stream() {
            stream.freeze();
        }
    }

    /// Where this node stands in its last view, and what it holds of that view's messages. R-168.
    pub(crate) fn holdings(&self) -> (u16, Holdings) {
        let Messages::Open(stream) = &self.messages else { return (0, Holdings::default()) };
        let index = self.view.as_ref().and_then(|view| self.index_in(view.id, &self.me()));
        (index.unwrap_or(0), stream.holdings())
    }

    /// Begins to fetch what the plan asks of this node. R-169.
    pub(crate) fn recover_stream(&mut self, now: Instant, plan: &Plan) {
        let Some(lineage) = self.own_lineage(plan) else { return };
        let members = self.indices_of(&lineage.members);
        let sequence = lineage.sequence.clone();
        if let Some(stream) = self.messages.stream() {
            stream.recover(now, &members, &sequence);
        }
    }

    /// How many units are missing of what the plan asks for.
    pub(crate) fn missing(&self) -> u32 {
        match &self.messages {
            Messages::Waiting(_) => 0,
            Messages::Open(stream) => u32::try_from(stream.missing()).unwrap_or(u32::MAX),
        }
    }

    fn own_lineage<'a>(&self, plan: &'a Plan) -> Option<&'a Lineage> {
        let origin = self.view.as_ref()?.id;
        plan.lineages.iter().find(|lineage| lineage.origin == Some(origin))
    }

    fn indices_of(&self, nodes: &NodeSet) -> Vec<u16> {
        let members = self.view.iter().flat_map(|view| &view.members).enumerate();
        members
            .filter(|(_, member)| nodes.contains(member.id.node))
            .filter_map(|(index, _)| u16::try_from(index).ok())
            .collect()
    }

    /// Ends the stream as the plan says: delivers the rest of its sequence, with the transitional
    /// event at its place. What was not sent waits for the next view. R-160.
    pub(crate) fn close_stream(&mut self, plan: &Plan) {
        self.drain_stream();
        let messages = core::mem::replace(&mut self.messages, Messages::Waiting(Queue::default()));
        let Messages::Open(stream) = messages else {
            self.messages = messages;
            return;
        };
        let Some(view) = self.view.clone() else { return };
        let (sequence, stable, members) = match self.own_lineage(plan) {
            Some(lineage) => {
                let members = lineage.members.iter().collect();
                (lineage.sequence.as_slice(), lineage.stable, members)
            }
            None => (&[][..], 0, vec![self.me().node]),
        };
        let closed = stream.close(sequence, stable);
        for delivery in closed.before {
            self.emit_delivery(deliver(&view, delivery));
        }
        self.emit(Event::Transitional(members));
        for delivery in closed.after {
            self.emit_delivery(deliver(&view, delivery));
        }
        self.messages = Messages::Waiting(closed.queue);
    }

    /// The stream of the view just installed begins.
    pub(crate) fn open_stream(&mut self, now: Instant) {
        let Some(view) = &self.view else { return };
        let index = |id: &MemberId| view.index_of(id).and_then(|at| u16::try_from(at).ok());
        let (Some(me), Some(coordinator)) = (index(&self.me()), index(&view.id.coordinator)) else {
            return;
        };
        let setup = Setup {
            view: view.id,
            members: view.members.len(),
            me,
            coordinator,
            room: self.cfg.room,
            beat: self.cfg.timing.beat,
            token: self.cfg.timing.token,
            seed: self.prng.next_u64(),
        };
        let messages = core::mem::replace(&mut self.messages, Messages::Waiting(Queue::default()));
        self.batch = true;
        self.messages = match messages {
            Messages::Waiting(queue) => Messages::Open(Box::new(Stream::open(now, setup, queue))),
            open @ Messages::Open(_) => open,
        };
    }
}

fn deliver(view: &View, delivery: Delivery) -> Option<Deliver> {
    let sender = view.members.get(usize::from(delivery.sender))?.id;
    let Delivery { number, safe, payload, .. } = delivery;
    Some(Deliver { view: view.id, sender, number, safe, payload })
}

/// How the last views end: the union of what the members of each lineage hold.
pub(crate) fn sequences(
    flushes: &BTreeMap<MemberId, cman_wire::frame::Flush>,
    origin: ViewId,
) -> (Vec<cman_wire::frame::Ordered>, u64) {
    let lineage: Vec<(u16, &Holdings)> = flushes
        .values()
        .filter(|flush| flush.origin == Some(origin))
        .map(|flush| (flush.index, &flush.holdings))
        .collect();
    cman_order::plan(&lineage)
}
