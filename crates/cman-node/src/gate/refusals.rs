//! What was refused: counts by cause, and a notice for the operator now and then.

use crate::output::Rejected;
use cman_types::Instant;
use core::{fmt::Write, net::SocketAddr, time::Duration};

/// At least this long passes between two notices.
const NOTICE_EVERY: Duration = Duration::from_secs(10);

/// Networks repeat datagrams now and then: below this many between two notices, seen datagrams
/// are counted and not reported.
const REPLAYS_WORTH_A_NOTICE: u64 = 100;

/// Why a datagram is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// It does not open with our key, or is not encrypted while we are, or the reverse.
    Unauthenticated,
    /// Its counter was seen before, or it is meant for another node.
    Replayed,
    /// It is not of this protocol, or does not parse.
    Malformed,
    /// It is of a cluster with another name.
    ForeignCluster,
}

impl Refusal {
    const ALL: [Self; 4] =
        [Self::Unauthenticated, Self::Replayed, Self::Malformed, Self::ForeignCluster];

    const fn index(self) -> usize {
        match self {
            Self::Unauthenticated => 0,
            Self::Replayed => 1,
            Self::Malformed => 2,
            Self::ForeignCluster => 3,
        }
    }

    /// What it most likely means.
    const fn meaning(self) -> &'static str {
        match self {
            Self::Unauthenticated => {
                "not sealed with this cluster's key, or from a node that is not configured here \
                 (key mismatch, or a cluster without encryption on the same port)"
            }
            Self::Replayed => {
                "seen before, or meant for another node (the network repeats datagrams, or \
                 somebody does)"
            }
            Self::Malformed => "not of cman (another program uses the same port)",
            Self::ForeignCluster => {
                "of a cluster with another name (it shares port and multicast address; give it \
                 another port or cluster id to save both the traffic)"
            }
        }
    }
}

/// Refusals of one cause since the last notice.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    count: u64,
    source: Option<SocketAddr>,
    several_sources: bool,
}

#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: [u64; 4],
    recent: [Recent; 4],
    /// Not before this.
    next_notice: Instant,
    now: Instant,
}

impl Refusals {
    pub(super) const fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    pub(super) fn count(&mut self, refusal: Refusal, source: SocketAddr) {
        let index = refusal.index();
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        if let Some(recent) = self.recent.get_mut(index) {
            recent.count += 1;
            recent.several_sources |= recent.source.is_some_and(|before| before != source);
            recent.source = Some(source);
        }
    }

    pub(super) const fn counts(&self) -> Rejected {
        let [unauthenticated, replayed, malformed, foreign_cluster] = self.counts;
        Rejected { unauthenticated, replayed, malformed, foreign_cluster }
    }

    /// When the next notice may be had; `None` if there is nothing to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        self.worth_telling().next().map(|_| self.next_notice)
    }

    pub(super) fn poll_notice(&mut self) -> Option<String> {
        if self.due().is_none_or(|due| due > self.now) {
            return None;
        }
        let mut text = String::from("refused datagrams since the last such notice:");
        for (number, (refusal, recent)) in self.worth_telling().enumerate() {
            let separator = if number == 0 { "" } else { ";" };
            let from = recent.source.map(|source| source.to_string()).unwrap_or_default();
            let others = if recent.several_sources { " and others" } else { "" };
            let Recent { count, .. } = recent;
            let meaning = refusal.meaning();
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator} {count} from {from}{others}: {meaning}");
        }
        self.recent = Default::default();
        self.next_notice = self.now + NOTICE_EVERY;
        Some(text)
    }

    fn worth_telling(&self) -> impl Iterator<Item = (Refusal, &Recent)> {
        Refusal::ALL.into_iter().zip(&self.recent).filter(|(refusal, recent)| {
            let least = if *refusal == Refusal::Replayed { REPLAYS_WORTH_A_NOTICE } else { 1 };
            recent.count >= least
        })
    }
}
