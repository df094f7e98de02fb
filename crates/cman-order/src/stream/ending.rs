//! The end of a view..

use super::{Phase, Stream};
use crate::{
    delivery::Delivery, limits::RECOVERY_WAIT, peers::Peers, piece, queue::Queue, records::without,
};
use cman_types::Instant;
use cman_wire::frame::{Holdings, Ordered};

/// What is left of a stream when its view ends.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Closed {
    /// To be delivered before the transitional event.
    pub before: Vec<Delivery>,
    /// To be delivered after it: safe messages that may not have come to all, and what follows
    /// them; and all that members who parted may deliver in another order, or not at all.
    pub after: Vec<Delivery>,
    /// Own messages for the next view, a partly sent one whole. R-40m, R-42m.
    pub queue: Queue,
}

impl Stream {
    /// Nothing is sent, ordered or delivered from now on; others are still given what they ask
    /// for. R-22. R-168.
    pub fn freeze(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Frozen;
            self.due = Instant::FAR;
        }
    }

    /// What the flush answer tells. R-23.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        self.store.holdings(self.delivered(), self.stable)
    }

    /// Fetches what the plan needs from the members of the lineage, with flushes as usual. Another
    /// ballot may bring another plan. R-26. R-169.
    pub fn recover(&mut self, now: Instant, lineage: &[u16], plan: &[Ordered]) {
        let members = lineage.iter().copied();
        let members = members.filter(|member| usize::from(*member) < self.setup.members);
        let mut members: Vec<_> = members.collect();
        members.sort_unstable();
        self.phase = Phase::Recovering(Peers::new(members, self.setup.me));
        let mut goals = vec![0; self.setup.members];
        for Ordered { run, .. } in plan {
            if let Some(goal) = goals.get_mut(usize::from(run.sender)) {
                *goal = run.from.saturating_add(run.count.into()).saturating_sub(1).max(*goal);
            }
        }
        self.gaps.aim(now, &goals, RECOVERY_WAIT, |sender| self.store.units(sender));
        self.due = now;
    }

    /// How many units the plan needs that are not here yet. R-32.
    #[must_use]
    pub fn missing(&self) -> u64 {
        match self.phase {
            Phase::Recovering(_) => self.gaps.missing(),
            Phase::Open | Phase::Frozen => 0,
        }
    }

    /// Whether the plan needs anything that is not here yet.
    #[must_use]
    pub fn lacks(&self) -> bool {
        self.missing() > 0
    }

    /// The view is over: delivers the rest of its sequence. R-27. Of what [`Self::poll`] has not
    /// given yet, frames are lost and deliveries come first. R-160.
    #[must_use]
    pub fn close(mut self, plan: &[Ordered], stable: u64) -> Closed {
        let mut end = End {
            before: core::mem::take(&mut self.deliveries).into(),
            after: Vec::new(),
            parted: false,
            next: self.delivered() + 1,
            stable: self.stable.max(stable),
        };
        for ordered in plan {
            self.deliver_run(*ordered, &mut end);
        }
        Closed { before: end.before, after: end.after, queue: self.queue }
    }

    fn deliver_run(&mut self, ordered: Ordered, end: &mut End) {
        let sender = ordered.run.sender;
        let delivered = self.deliverer.last_unit(sender);
        // What was delivered already is not again, whatever the plan says.
        let known = (delivered + 1).saturating_sub(ordered.run.from);
        let Some(rest) = without(ordered, known) else { return };
        let last = rest.run.from.saturating_add(rest.run.count.into()).saturating_sub(1);
        for unit in rest.run.from..=last {
            let number = if ordered.first == 0 {
                0
            } else {
                rest.first.saturating_add(unit - rest.run.from)
            };
            // Nor is anything behind a gap in its sender's units.
            let next = self.deliverer.last_unit(sender) + 1;
            let Some(payload) = self.store.get(sender, unit).filter(|_| unit == next) else {
                return;
            };
            let payload = payload.clone();
            let out = end.place(number, piece::completes_safe(&payload));
            self.deliverer.hand_over(sender, unit, number, &payload, |message| out.push(message));
        }
    }
}

/// Where deliveries go.
struct End {
    before: Vec<Delivery>,
    after: Vec<Delivery>,
    /// Whether the rest belongs behind the transitional event.
    parted: bool,
    /// The next global sequence, while there is no hole.
    next: u64,
    stable: u64,
}

impl End {
    fn place(&mut self, number: u64, completes_safe: bool) -> &mut Vec<Delivery> {
        self.parted |= number != self.next || (completes_safe && number > self.stable);
        self.next += 1;
        if self.parted { &mut self.after } else { &mut self.before }
    }
}
