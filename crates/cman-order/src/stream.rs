//! The ordered messages of one view at one member: puts the parts together.
//!
//! | module | what |
//! |---|---|
//! | this one | what there is, and asking about it |
//! | [`input`] | what others say |
//! | [`work`] | what follows from it: sending, ordering, delivering, asking |
//! | [`ending`] | the end of the view |

mod ending;
mod input;
mod work;

pub use ending::Closed;

use crate::{
    acks::Acks,
    answers::Answers,
    backoff::Backoff,
    cutter::Cutter,
    delivery::{Deliverer, Delivery},
    gaps::Gaps,
    hearsay::Hearsay,
    limits::{ORDER_WAIT, ROOM_MIN},
    peers::Peers,
    queue::{Message, Queue, Refused},
    requests::RecordRequests,
    sequencer::Sequencer,
    stats::Stats,
    store::Store,
    times::Times,
    unheard::Unheard,
    window::Window,
};
use cman_types::{Instant, Prng, ViewId};
use cman_wire::frame::Frame;
use core::time::Duration;
use std::collections::VecDeque;

/// What a stream is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Setup {
    /// The view whose messages these are.
    pub view: ViewId,
    /// How many members it has; at least one.
    pub members: usize,
    /// This node's index in its member list.
    pub me: u16,
    /// The coordinator's.
    pub coordinator: u16,
    /// Bytes of payload that fit a data frame in a datagram of its own; at least 64.
    pub room: usize,
    /// The longest that anything is put off which has to be repeated.
    pub beat: Duration,
    /// Silence after which a member is dead.
    pub token: Duration,
    /// Decides whom this node asks when chance decides.
    pub seed: u64,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Out {
    /// To all other members.
    Cast(Frame),
    /// To one.
    To(u16, Frame),
    /// To this node's clients.
    Deliver(Delivery),
}

/// How far the view's end has come.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// The view works.
    Open,
    /// nothing is sent, ordered or delivered.
    Frozen,
    /// what the plan needs is fetched, from members of the lineage.
    Recovering(Peers),
}

/// See the crate's documentation for how it is driven.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Stream {
    setup: Setup,
    times: Times,
    phase: Phase,
    peers: Peers,
    prng: Prng,

    queue: Queue,
    cutter: Cutter,
    window: Window,
    /// The last own unit.
    sent: u64,
    /// Since when a unit that is not full waits for the last one's order record.
    packing: Option<Instant>,
    /// Repeats the first own unit that has no order record, and which that was.
    resend: Backoff,
    unordered: u64,

    store: Store,
    deliverer: Deliverer,
    stable: u64,
    flow: u64,
    /// What the coordinator says is stable.
    told_stable: u64,
    /// At the coordinator only.
    sequencer: Option<Sequencer>,
    acks: Acks,

    gaps: Gaps,
    requests: RecordRequests,
    unheard: Unheard,
    hearsay: Hearsay,
    answers: Answers,

    frames: VecDeque<Out>,
    deliveries: VecDeque<Delivery>,
    due: Instant,
    stats: Stats,
}

impl Stream {
    /// The stream of a view that was just installed. What `queue` holds goes first.
    #[must_use]
    pub fn open(now: Instant, setup: Setup, queue: Queue) -> Self {
        let setup = Setup { room: setup.room.max(ROOM_MIN), ..setup };
        let Setup { me, members, coordinator, beat, .. } = setup;
        let times = Times::new(beat, setup.token, members);
        Self {
            setup,
            times,
            phase: Phase::Open,
            peers: Peers::new((0..).take(members), me),
            prng: Prng::new(setup.seed),
            queue,
            cutter: Cutter::new(setup.room),
            window: Window::new(now, me, members),
            sent: 0,
            packing: None,
            resend: Backoff::new(ORDER_WAIT, beat),
            unordered: 0,
            store: Store::new(members),
            deliverer: Deliverer::new(members),
            stable: 0,
            flow: 0,
            told_stable: 0,
            sequencer: (me == coordinator).then(|| Sequencer::new(now, me, members, times)),
            acks: Acks::new(me, members, times),
            gaps: Gaps::new(members, beat),
            requests: RecordRequests::new(coordinator, beat),
            unheard: Unheard::new(beat),
            hearsay: Hearsay::default(),
            answers: Answers::new(now, members),
            frames: VecDeque::new(),
            deliveries: VecDeque::new(),
            due: now,
            stats: Stats::default(),
        }
    }

    /// Takes a message of this node; it goes out with a flush.
    ///
    /// # Errors
    /// As [`Queue::push`].
    pub fn send(&mut self, message: Message) -> Result<(), Refused> {
        self.queue.push(message)
    }

    /// Takes a message that must not be refused; `urgent`: before all that waits, but for one
    /// that is partly sent. R-171.
    pub fn send_always(&mut self, message: Message, urgent: bool) {
        if urgent {
            self.queue.insert(usize::from(self.cutter.has_begun()), message);
        } else {
            self.queue.push_always(message);
        }
    }

    /// As [`Queue::has_room`].
    pub fn has_room(&mut self) -> bool {
        self.queue.has_room()
    }

    /// Whether there is room for a message again after one was refused. Says so once.
    pub fn reopened(&mut self) -> bool {
        self.queue.reopened()
    }

    /// Own messages that are not, or not wholly, on the wire.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The next thing to do, after a flush; `None` when all is done. Frames come first.
    pub fn poll(&mut self) -> Option<Out> {
        self.frames.pop_front().or_else(|| self.deliveries.pop_front().map(Out::Deliver))
    }

    /// Flush then at the latest, even if nothing comes; [`Instant::FAR`] when idle.
    #[must_use]
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// At the coordinator: a member that is to be put out because it lags behind. R-56o.
    #[must_use]
    pub fn lagging(&self, now: Instant) -> Option<u16> {
        let sequencer = self.sequencer.as_ref().filter(|_| self.phase == Phase::Open)?;
        sequencer.lagging(now, &self.store)
    }

    /// The highest global sequence delivered here.
    #[must_use]
    pub const fn delivered(&self) -> u64 {
        self.deliverer.delivered()
    }

    /// The highest global sequence known to be held by all.
    #[must_use]
    pub const fn stable(&self) -> u64 {
        self.stable
    }

    /// Counters, and what is held now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { held_bytes: self.store.bytes(), queued_bytes: self.queue.bytes(), ..self.stats }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod bad_peers;
