//! A network that loses, doubles, delays and cuts off.

use crate::{MS, US, random::Random};
use cman_types::Instant;
use cman_wire::frame::Frame;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// A frame on its way between two nodes.
pub(crate) struct Flight {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) frame: Frame,
}

pub(crate) struct Net {
    flights: BTreeMap<(Instant, u64), Flight>,
    count: u64,
    pub(crate) loss_percent: u64,
    pub(crate) double_percent: u64,
    /// Frames that take long, and so overtake nobody but are overtaken.
    pub(crate) late_percent: u64,
    pub(crate) delay: Duration,
    /// (from, to) between which nothing arrives.
    pub(crate) cuts: BTreeSet<(usize, usize)>,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self {
            flights: BTreeMap::new(),
            count: 0,
            loss_percent: 0,
            double_percent: 0,
            late_percent: 0,
            delay: 200 * US,
            cuts: BTreeSet::new(),
        }
    }

    pub(crate) fn send(&mut self, now: Instant, random: &mut Random, flight: Flight) {
        if self.cuts.contains(&(flight.from, flight.to)) || random.percent(self.loss_percent) {
            return;
        }
        if random.percent(self.double_percent) {
            let Flight { from, to, ref frame } = flight;
            self.put(now, random, Flight { from, to, frame: frame.clone() });
        }
        self.put(now, random, flight);
    }

    fn put(&mut self, now: Instant, random: &mut Random, flight: Flight) {
        let late = if random.percent(self.late_percent) { 30 * MS } else { 20 * US };
        let at = now + self.delay + random.up_to(late);
        self.count += 1;
        self.flights.insert((at, self.count), flight);
    }

    /// When the next frame arrives.
    pub(crate) fn due(&self) -> Instant {
        self.flights.first_key_value().map_or(Instant::FAR, |((at, _), _)| *at)
    }

    /// The next frame that has arrived.
    pub(crate) fn arrived(&mut self, now: Instant) -> Option<Flight> {
        let first = self.flights.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }
}
