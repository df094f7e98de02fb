//! Faults that strike a proposer at the worst moment: when it sends a certain frame, or when the
//! first answer arrives.

use cman_types::ViewId;
use core::time::Duration;

use crate::{
    host::Stage,
    peek::{Kind, Peek},
};

/// When a proposer is struck.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Point {
    /// It has just sent its proposal.
    Proposes,
    /// The first answer to its proposal is about to arrive.
    FirstFlush,
    /// It has just sent the plan.
    Recovers,
    /// The first confirmation is about to arrive.
    FirstRecovered,
    /// It has just sent the decision, to all.
    Installs,
    /// It has just sent the decision, but only a random half of the members get it.
    InstallsHalf,
}

impl Point {
    /// All points.
    pub const ALL: [Self; 6] = [
        Self::Proposes,
        Self::FirstFlush,
        Self::Recovers,
        Self::FirstRecovered,
        Self::Installs,
        Self::InstallsHalf,
    ];

    const fn sent(self) -> Option<Kind> {
        match self {
            Self::Proposes => Some(Kind::Propose),
            Self::Recovers => Some(Kind::Recover),
            Self::Installs | Self::InstallsHalf => Some(Kind::Install),
            Self::FirstFlush | Self::FirstRecovered => None,
        }
    }

    const fn arriving(self) -> Option<Kind> {
        match self {
            Self::FirstFlush => Some(Kind::Flush),
            Self::FirstRecovered => Some(Kind::Recovered),
            _ => None,
        }
    }
}

/// What hits the proposer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blow {
    /// It dies, and may be started again.
    Crash {
        /// After so long, if at all.
        back_after: Option<Duration>,
    },
    /// It stalls.
    Stall(Duration),
    /// It is cut off both ways.
    CutOff(Duration),
    /// Nobody hears it.
    Mute(Duration),
    /// It hears nobody.
    Deafen(Duration),
}

/// A trigger that fires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Struck {
    /// What hits.
    pub blow: Blow,
    /// Whether only half of the receivers get what is being sent.
    pub half: bool,
    /// Whether it fires for a second time, at the next proposer.
    pub again: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Trigger {
    point: Point,
    blow: Blow,
    /// How often it still fires, each time at another host.
    times: u8,
    last: Option<usize>,
}

/// All armed triggers.
#[derive(Debug, Default)]
pub struct Triggers {
    armed: Vec<Trigger>,
    /// The host whose decision, being sent now, gets through to a half only.
    halving: Option<usize>,
}

impl Triggers {
    /// Arms a trigger that fires `times` times, each time at another proposer.
    pub fn arm(&mut self, point: Point, blow: Blow, times: u8) {
        self.armed.push(Trigger { point, blow, times, last: None });
    }

    /// Whether nothing is armed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }

    /// A host sends a datagram: does something strike it?
    pub fn sent(&mut self, host: usize, peek: &Peek) -> Option<Struck> {
        if self.armed.is_empty() {
            return None;
        }
        self.fire(host, |point| point.sent().is_some_and(|kind| peek.kinds.has(kind)))
    }

    /// A datagram is about to reach a host that carries out this proposal.
    pub fn arrives(
        &mut self,
        host: usize,
        peek: &Peek,
        proposing: Option<(ViewId, Stage)>,
    ) -> Option<Struck> {
        if self.armed.is_empty() || peek.ballot.is_none() {
            return None;
        }
        if peek.ballot != proposing.map(|(ballot, _)| ballot) {
            return None;
        }
        self.fire(host, |point| point.arriving().is_some_and(|kind| peek.kinds.has(kind)))
    }

    fn fire(&mut self, host: usize, matches: impl Fn(Point) -> bool) -> Option<Struck> {
        let at = self
            .armed
            .iter()
            .position(|trigger| trigger.last != Some(host) && matches(trigger.point))?;
        let trigger = self.armed.get_mut(at)?;
        let half = trigger.point == Point::InstallsHalf;
        let struck = Struck { blow: trigger.blow, half, again: trigger.last.is_some() };
        trigger.last = Some(host);
        trigger.times -= 1;
        if trigger.times == 0 {
            self.armed.remove(at);
        }
        if half {
            self.halving = Some(host);
        }
        Some(struck)
    }

    /// Whether what this host sends now gets through to a half only.
    #[must_use]
    pub fn halves(&self, host: usize) -> bool {
        self.halving == Some(host)
    }

    /// The datagrams of one wake-up have been sent.
    pub fn batch_over(&mut self) {
        self.halving = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sending(kind: Kind) -> Peek {
        let mut peek = Peek::default();
        peek.kinds.insert(kind);
        peek
    }

    #[test]
    fn fires_at_two_different_hosts() {
        let mut triggers = Triggers::default();
        triggers.arm(Point::Recovers, Blow::Stall(Duration::from_secs(1)), 2);
        assert_eq!(triggers.sent(0, &sending(Kind::Propose)), None);
        assert!(triggers.sent(0, &sending(Kind::Recover)).is_some());
        assert_eq!(triggers.sent(0, &sending(Kind::Recover)), None, "the same host again");
        assert!(triggers.sent(1, &sending(Kind::Recover)).is_some_and(|struck| struck.again));
        assert!(triggers.is_empty());
    }

    #[test]
    fn half_of_the_decision_gets_through() {
        let mut triggers = Triggers::default();
        triggers.arm(Point::InstallsHalf, Blow::Crash { back_after: None }, 1);
        assert!(triggers.sent(3, &sending(Kind::Install)).is_some_and(|struck| struck.half));
        assert!(triggers.halves(3) && !triggers.halves(2));
        triggers.batch_over();
        assert!(!triggers.halves(3));
    }
}
