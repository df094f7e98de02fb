//! A node that was itself stalled accuses nobody (R-14; Dadgar et al., Lifeguard, 2017).

use cman_quorum::Timing;
use cman_types::Instant;
use core::time::Duration;

/// What a node knows of its own stalls.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Stall {
    /// While the sockets are read out after a stall: when this node ran last before it. What lay
    /// queued came later, nobody knows when.
    backlog_of: Option<Instant>,
    /// This node accuses nobody before.
    accuse_after: Instant,
    /// Smoothed own delay, at most a quarter of the token; halves with every token. What lay queued
    /// counts as old and every suspicion is shifted by the stall itself, so this needs only cover
    /// the moments after it, and must not make the next real death take long.
    score: Duration,
    scored_at: Instant,
    /// How often it happened.
    pub count: u64,
}

impl Stall {
    /// An input came at `now`, while a timer was due at `due`; `ran` is when this node ran last.
    /// Returns by how much this node stalled, if by more than a beat.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        ran: Instant,
        due: Instant,
        timing: &Timing,
    ) -> Option<Duration> {
        let late = now.since(due);
        if late <= timing.beat {
            return None;
        }
        self.score = (self.delay(now, timing) + late).min(timing.token / 4);
        self.scored_at = now;
        self.count += 1;
        self.accuse_after = now + timing.beat * 2;
        self.backlog_of = Some(ran);
        Some(late)
    }

    /// The sockets are empty: what comes from now on is fresh.
    pub(crate) const fn drained(&mut self) {
        self.backlog_of = None;
    }

    /// Whether what is read now lay queued: it is not passed on as if it were fresh.
    pub(crate) const fn in_backlog(&self) -> bool {
        self.backlog_of.is_some()
    }

    /// The moment for which a frame that is read now is evidence of life.
    pub(crate) fn evidence_time(&self, now: Instant) -> Instant {
        self.backlog_of.unwrap_or(now)
    }

    /// Whether this node must not accuse anybody now.
    pub(crate) fn must_not_accuse(&self, now: Instant) -> bool {
        now < self.accuse_after
    }

    /// When it may accuse again.
    pub(crate) const fn accuse_after(&self) -> Instant {
        self.accuse_after
    }

    /// The smoothed own delay.
    pub(crate) fn delay(&self, now: Instant, timing: &Timing) -> Duration {
        if self.score.is_zero() {
            return Duration::ZERO; // Nearly always, and asked after every input.
        }
        let halvings = now.since(self.scored_at).as_nanos() / timing.token.as_nanos().max(1);
        self.score.checked_div(1 << halvings.min(31)).unwrap_or_default()
    }

    /// How long a silence this node takes for death: the token, stretched by its own delay.
    pub(crate) fn patience(&self, now: Instant, timing: &Timing) -> Duration {
        timing.token + self.delay(now, timing)
    }
}
