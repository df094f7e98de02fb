//! Units that are known to be missing, and whom to ask for them. R-51o.

use crate::{
    backoff::wait_after,
    limits::{ANSWER_WAIT, GAP_UNITS_MAX, OUTSTANDING_MAX},
    peers::Peers,
    units::Units,
};
use cman_types::{Instant, Prng};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Ranges to ask of a member: (sender, first, last).
pub(crate) type Wanted = BTreeMap<u16, Vec<(u16, u64, u64)>>;

/// What is missing of all senders.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Gaps {
    senders: Vec<OfSender>,
    /// Those of whom something is missing.
    gappy: BTreeSet<u16>,
    /// Those of whom more is known to exist than is looked after.
    beyond: BTreeSet<u16>,
    /// Units asked for that did not come yet.
    outstanding: usize,
    /// Whether something waits only because so much is outstanding.
    held_back: bool,
    /// When to look next.
    due: Instant,
    /// Longest wait between two requests for the same.
    longest: Duration,
}

/// What is missing of one sender.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct OfSender {
    /// All missing units up to here are in `gaps`.
    looked_to: u64,
    /// Up to here units are known to exist.
    told: u64,
    gaps: VecDeque<Gap>,
    /// Whom to ask first: who answered last.
    helper: u16,
}

/// Neighbouring units of which some are missing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Gap {
    first: u64,
    last: u64,
    /// How many are missing.
    missing: usize,
    /// How often they were asked for, and of whom last.
    tries: u32,
    asked: u16,
    /// When to ask next.
    due: Instant,
}

impl Gaps {
    pub(crate) fn new(members: usize, longest: Duration) -> Self {
        let of = |sender| OfSender {
            looked_to: 0,
            told: 0,
            gaps: VecDeque::new(),
            // The original sender surely has it.
            helper: sender,
        };
        Self {
            senders: (0..).take(members).map(of).collect(),
            gappy: BTreeSet::new(),
            beyond: BTreeSet::new(),
            outstanding: 0,
            held_back: false,
            due: Instant::FAR,
            longest,
        }
    }

    /// How many units are known to be missing.
    pub(crate) fn missing(&self) -> u64 {
        let of_sender = |sender: &u16| {
            let of = self.senders.get(usize::from(*sender))?;
            let looked_after: u64 = of.gaps.iter().map(|gap| to_u64(gap.missing)).sum();
            Some(looked_after.saturating_add(of.told.saturating_sub(of.looked_to)))
        };
        let senders = self.gappy.union(&self.beyond);
        senders.filter_map(of_sender).fold(0, u64::saturating_add)
    }

    /// A unit came that was missing, transmitted by `from`; `units` has it already. What shows to
    /// be missing before it is asked for from `due` on.
    pub(crate) fn came(&mut self, due: Instant, sender: u16, unit: u64, from: u16, units: &Units) {
        let Some(of) = self.senders.get_mut(usize::from(sender)) else { return };
        of.told = of.told.max(unit);
        if unit == of.looked_to + 1 {
            of.looked_to = unit;
        } else if unit > of.looked_to {
            if from != sender {
                of.helper = from;
            }
            self.look_to(sender, unit, due, units);
        } else {
            self.fill(sender, unit, from);
        }
    }

    /// Units of `sender` up to `told` exist: what is missing is asked for from `due` on.
    pub(crate) fn hear_of(&mut self, due: Instant, sender: u16, told: u64, units: &Units) {
        let Some(of) = self.senders.get_mut(usize::from(sender)) else { return };
        if told > of.told {
            of.told = told;
            self.look_to(sender, told, due, units);
        }
    }

    /// From now on only units up to these goals, of each sender, are wanted. R-26.
    pub(crate) fn aim<'a>(
        &mut self,
        now: Instant,
        goals: &[u64],
        longest: Duration,
        units_of: impl Fn(u16) -> Option<&'a Units>,
    ) {
        *self = Self { due: now, ..Self::new(self.senders.len(), longest) };
        for (sender, &goal) in (0..).zip(goals) {
            if let Some(units) = units_of(sender) {
                self.hear_of(now, sender, goal, units);
            }
        }
    }

    /// Looks after all that is missing up to `to`, as far as it can be taken in.
    fn look_to(&mut self, sender: u16, to: u64, due: Instant, units: &Units) {
        let Some(of) = self.senders.get_mut(usize::from(sender)) else { return };
        for (first, last) in units.missing(of.looked_to + 1, to) {
            of.add(first, last, due);
        }
        of.looked_to = of.looked_to.max(to.min(units.reach()));
        if of.looked_to < of.told {
            self.beyond.insert(sender);
        } else {
            self.beyond.remove(&sender);
        }
        if !of.gaps.is_empty() {
            self.gappy.insert(sender);
            self.due = self.due.min(due);
        }
    }

    /// A unit came that was looked after, transmitted by `from`.
    pub(crate) fn fill(&mut self, sender: u16, unit: u64, from: u16) {
        let Some(of) = self.senders.get_mut(usize::from(sender)) else { return };
        let index = of.gaps.partition_point(|gap| gap.last < unit);
        let Some(gap) = of.gaps.get_mut(index).filter(|gap| gap.first <= unit) else { return };
        gap.missing = gap.missing.saturating_sub(1);
        if gap.tries > 0 {
            self.outstanding = self.outstanding.saturating_sub(1);
            of.helper = from;
        }
        if gap.missing == 0 {
            of.gaps.remove(index);
        }
        if of.gaps.is_empty() {
            self.gappy.remove(&sender);
        }
    }

    /// When to look next.
    pub(crate) fn due(&self) -> Instant {
        if self.gappy.is_empty() && self.beyond.is_empty() { Instant::FAR } else { self.due }
    }

    /// What to ask now, and of whom.
    pub(crate) fn wanted<'a>(
        &mut self,
        now: Instant,
        peers: &Peers,
        prng: &mut Prng,
        units_of: impl Fn(u16) -> Option<&'a Units>,
    ) -> Wanted {
        let mut wanted = Wanted::new();
        for sender in core::mem::take(&mut self.beyond) {
            let told = self.senders.get(usize::from(sender)).map(|of| of.told);
            if let Some((told, units)) = told.zip(units_of(sender)) {
                self.look_to(sender, told, now, units);
            }
        }
        if now < self.due && !(self.held_back && self.outstanding < OUTSTANDING_MAX / 2) {
            return wanted;
        }
        (self.due, self.held_back) = (Instant::FAR, false);
        for &sender in &self.gappy {
            let of = self.senders.get_mut(usize::from(sender)).zip(units_of(sender));
            let Some((of, units)) = of else { continue };
            for gap in &mut of.gaps {
                let again = gap.tries > 0;
                if !again && self.outstanding + gap.missing > OUTSTANDING_MAX {
                    self.held_back = true;
                    continue;
                }
                if gap.due <= now {
                    self.outstanding += if again { 0 } else { gap.missing };
                    // Who did not answer is not asked first for what comes next either.
                    if again && of.helper == gap.asked {
                        of.helper = peers.instead_of(gap.asked, gap.tries, prng);
                    }
                    gap.ask(now, peers.or_another(of.helper, prng), self.longest);
                    let ranges = wanted.entry(gap.asked).or_default();
                    let missing = units.missing(gap.first, gap.last);
                    ranges.extend(missing.into_iter().map(|(first, last)| (sender, first, last)));
                }
                self.due = self.due.min(gap.due);
            }
        }
        wanted
    }
}

impl OfSender {
    fn add(&mut self, mut first: u64, last: u64, due: Instant) {
        while first <= last {
            let end = last.min(first + GAP_UNITS_MAX - 1);
            self.gaps.push_back(Gap {
                first,
                last: end,
                missing: usize::try_from(end - first + 1).unwrap_or(usize::MAX),
                tries: 0,
                asked: self.helper,
                due,
            });
            first = end + 1;
        }
    }
}

impl Gap {
    fn ask(&mut self, now: Instant, of: u16, longest: Duration) {
        self.asked = of;
        self.due = now + wait_after(ANSWER_WAIT, longest, self.tries);
        self.tries = self.tries.saturating_add(1);
    }
}

fn to_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
