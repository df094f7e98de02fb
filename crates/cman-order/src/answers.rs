//! Answering requests, within bounds. R-51o.

use crate::{
    limits::{ALARM_PERIOD, ANSWER_ORDERS_MAX, ANSWER_PERIOD, ANSWER_UNITS_MAX, ASKERS_FOR_ALL},
    store::Store,
};
use bytes::Bytes;
use cman_types::Instant;
use cman_wire::frame::Run;
use std::collections::BTreeMap;

/// Units remembered as asked for, at most.
const ASKED_MAX: usize = 4096;

/// What this node gave to whom lately.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Answers {
    given: Vec<Given>,
    /// How often a unit was asked for since when.
    asked: BTreeMap<(u16, u64), (Instant, u8)>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Given {
    since: Instant,
    units: usize,
    orders: usize,
}

/// A unit to be sent again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) sender: u16,
    pub(crate) unit: u64,
    pub(crate) payload: Bytes,
    /// So many asked for it that all shall get it.
    pub(crate) for_all: bool,
}

impl Answers {
    pub(crate) fn new(now: Instant, members: usize) -> Self {
        let given = Given { since: now, units: 0, orders: 0 };
        Self { given: vec![given; members], asked: BTreeMap::new() }
    }

    fn given(&mut self, now: Instant, to: u16) -> Option<&mut Given> {
        let given = self.given.get_mut(usize::from(to))?;
        if now - given.since >= ANSWER_PERIOD {
            *given = Given { since: now, units: 0, orders: 0 };
        }
        Some(given)
    }

    /// The units of these ranges that are here, as many as `to` may have.
    pub(crate) fn units(
        &mut self,
        now: Instant,
        to: u16,
        ranges: &[(u16, u64, u64)],
        store: &Store,
    ) -> Vec<Answer> {
        let used = self.given(now, to).map_or(ANSWER_UNITS_MAX, |given| given.units);
        let mut left = ANSWER_UNITS_MAX.saturating_sub(used);
        let mut answers = Vec::new();
        for &(sender, first, last) in ranges {
            // The bounds of the store bound the way, whatever is asked for.
            let Some(units) = store.units(sender) else { continue };
            for (unit, payload) in units.held_in(first, last).take(left) {
                let for_all = self.is_asked_by_many(now, sender, unit);
                answers.push(Answer { sender, unit, payload: payload.clone(), for_all });
            }
            left = ANSWER_UNITS_MAX.saturating_sub(used + answers.len());
        }
        if let Some(given) = self.given(now, to) {
            given.units += answers.len();
        }
        answers
    }

    fn is_asked_by_many(&mut self, now: Instant, sender: u16, unit: u64) -> bool {
        if self.asked.len() >= ASKED_MAX {
            self.asked.retain(|_, (since, _)| now - *since < ALARM_PERIOD);
        }
        if self.asked.len() >= ASKED_MAX {
            return false;
        }
        let (since, times) = self.asked.entry((sender, unit)).or_insert((now, 0));
        if now - *since >= ALARM_PERIOD {
            (*since, *times) = (now, 0);
        }
        *times = times.saturating_add(1);
        *times == ASKERS_FOR_ALL
    }

    /// The order records of a range, as far as they are here: for each frame the first global
    /// sequence and the runs. At least one frame, even if there are none, unless `to` had its
    /// share.
    pub(crate) fn records(
        &mut self,
        now: Instant,
        to: u16,
        (first, last): (u64, u64),
        runs_max: usize,
        store: &Store,
    ) -> Vec<(u64, Vec<Run>)> {
        let Some(given) = self.given(now, to) else { return Vec::new() };
        let left = ANSWER_ORDERS_MAX.saturating_sub(given.orders);
        let records: Vec<_> = store.records().range(first, last).take(left * runs_max).collect();
        let mut frames: Vec<_> = records
            .chunks(runs_max)
            .filter_map(|runs| {
                Some((runs.first()?.first, runs.iter().map(|ordered| ordered.run).collect()))
            })
            .collect();
        if frames.is_empty() && left > 0 {
            frames.push((store.records().end() + 1, Vec::new()));
        }
        given.orders += frames.len();
        frames
    }
}
