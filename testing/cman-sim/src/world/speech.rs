//! Nodes send messages: when, how large, and how safe.

use cman_node::{Deliver, Message};
use core::time::Duration;

use super::{Happening, World};
use crate::{
    checkers::messages::{Key, Phase},
    clock::nanos,
    reach::Place,
    violation::Check,
};

/// How much is said.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    /// The time from one message of a host, or one [burst](BURST_MEAN) of them, to the next, on
    /// average.
    pub gap: Duration,
    /// Length of most messages, at most, in bytes.
    pub small: usize,
    /// Length of one in fifty, at most.
    pub large: usize,
    /// Whether a tenth of them is to be safe.
    pub safe: bool,
}

impl Talk {
    /// A little of everything.
    #[must_use]
    pub const fn plain() -> Self {
        Self { gap: Duration::from_millis(150), small: 200, large: 20_000, safe: true }
    }
}

/// Most messages that a host says at once. Half of the time it says a single one.
const BURST_MAX: u64 = 12;

/// How many messages a host says at once on average, rounded up.
pub const BURST_MEAN: u64 = 4;

impl World {
    /// From now on all hosts send messages, or none any more.
    pub fn talk(&mut self, talk: Option<Talk>) {
        let silent = self.options.talk.is_none();
        self.options.talk = talk;
        if talk.is_some() && silent {
            for host in 0..self.hosts.len() {
                self.speak_later(host);
            }
        }
    }

    /// How much is said at present.
    #[must_use]
    pub fn talking(&self) -> Option<Talk> {
        self.options.talk
    }

    pub(super) fn speak_later(&mut self, host: usize) {
        if let Some(talk) = self.options.talk {
            let after = self.prng.below(2 * nanos(talk.gap).max(1));
            self.queue.push(self.now + after, Happening::Speak { host });
        }
    }

    /// It is time for a host to say something.
    pub(super) fn speak(&mut self, index: usize) {
        let Some(talk) = self.options.talk else { return };
        self.speak_later(index);
        if self.is_stalled(index) || !self.hosts[index].observed {
            return;
        }
        let count = if self.prng.below(2) == 0 { 1 + self.prng.below(BURST_MAX) } else { 1 };
        for _ in 0..count {
            let most = if self.prng.below(50) == 0 { talk.large } else { talk.small };
            let length = usize::try_from(self.prng.below(most as u64 + 1)).unwrap_or(0);
            let safe = talk.safe && self.prng.below(10) == 0;
            self.say(index, length, safe);
        }
        self.client_acts(index);
    }

    /// The node of a host is handed one message. Which it is, if it was taken.
    pub fn say(&mut self, index: usize, length: usize, safe: bool) -> Option<Key> {
        let host = &mut self.hosts[index];
        let local = host.clock.local(self.now);
        let life = host.life.as_mut()?;
        let (key, payload) = self.messages.compose(life.me, length);
        let length = payload.len();
        let message = Message { payload: payload.into(), safe };
        // It counts from now on: alone, a node delivers before this returns.
        self.messages.accept(key, length, safe);
        let taken = life.node.handle_message(local, message).is_ok();
        if !taken {
            self.messages.refuse(&key.sender);
            self.reach.hit(Place::QueueFull);
        }
        self.settle(index);
        taken.then_some(key)
    }

    /// The node of a host delivers.
    pub(super) fn delivers(&mut self, index: usize, deliver: &Deliver, phase: Phase) -> Check {
        let host = &self.hosts[index];
        let Some(me) = host.me().filter(|_| host.observed) else { return Ok(()) };
        if deliver.number == 0 {
            self.reach.hit(Place::WithoutOrder);
        }
        if phase == Phase::Transitional {
            self.reach.hit(Place::AfterTransition);
        }
        if deliver.number == 0 && self.messages.had_a_place(deliver) {
            self.reach.hit(Place::RecordsLost);
        }
        self.note_heard(index, deliver, phase);
        self.messages.deliver(me, deliver, phase)
    }

    /// Which nodes' queues are full does not matter: all that was accepted is delivered, at the
    /// living members of the view of `index` alike.
    ///
    /// # Errors
    /// Something was not.
    pub fn check_at_rest(&self, index: usize) -> Check {
        let Some(view) = self.hosts[index].view() else { return Ok(()) };
        let members: Vec<_> = view.ids().collect();
        self.messages.at_rest(&members)?;
        self.services_at_rest(index)
    }
}
