//! How much a sender may have on its way. R-55o.

use crate::{
    limits::{ACTIVE, ACTIVE_COUNT_PERIOD, WINDOW_BYTES, WINDOW_UNITS_MIN},
    records::{Cursor, Records},
    store::{Store, charge},
};
use cman_types::Instant;

/// Own units beyond `flow`, and this sender's share of the window.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Window {
    me: u16,
    /// How far the sequence was looked through for own units.
    cursor: Cursor,
    /// Own units beyond the cursor.
    units: u64,
    /// What they count.
    bytes: usize,
    /// When each member's last new unit came; `None` if none did.
    sent: Vec<Option<Instant>>,
    /// How many sent lately, and when that was counted.
    active: usize,
    counted: Instant,
}

impl Window {
    pub(crate) fn new(now: Instant, me: u16, members: usize) -> Self {
        Self {
            me,
            cursor: Cursor::default(),
            units: 0,
            bytes: 0,
            sent: vec![None; members],
            active: 0,
            counted: now,
        }
    }

    /// How far the sequence was looked through: what is not must not be freed.
    pub(crate) const fn passed(&self) -> u64 {
        self.cursor.at()
    }

    /// A new unit of `sender` came, or was sent.
    pub(crate) fn saw(&mut self, now: Instant, sender: u16) {
        let Some(sent) = self.sent.get_mut(usize::from(sender)) else { return };
        if !sent.is_some_and(|sent| now - sent < ACTIVE) {
            self.active += 1;
        }
        *sent = Some(now);
    }

    /// An own unit goes on its way.
    pub(crate) fn add(&mut self, size: usize) {
        self.units += 1;
        self.bytes += charge(size);
    }

    /// What members that keep up hold is off its way.
    pub(crate) fn advance(&mut self, store: &Store, flow: u64) {
        while let Some(next) = store.records().next(&mut self.cursor) {
            let count = flow.saturating_sub(self.cursor.at()).min(next.run.count.into());
            if count == 0 {
                break;
            }
            if next.run.sender == self.me {
                let units = next.run.from..next.run.from + count;
                self.units = self.units.saturating_sub(count);
                self.bytes -= units.map(|unit| store.charge_of(self.me, unit)).sum::<usize>();
            }
            Records::pass(&mut self.cursor, count);
        }
    }

    /// Whether another unit may go on its way. If it begins a message, a quarter of it must have
    /// room, so that few messages are torn by the end of a view. R-42m.
    pub(crate) fn has_room(&mut self, now: Instant, begins: Option<usize>) -> bool {
        if self.units < WINDOW_UNITS_MIN {
            return true;
        }
        self.count_active(now);
        let share = WINDOW_BYTES / self.active.max(1);
        let need = begins.map_or(0, |size| size / 4).min(share / 2);
        self.bytes + need < share
    }

    fn count_active(&mut self, now: Instant) {
        if now - self.counted < ACTIVE_COUNT_PERIOD {
            return;
        }
        self.counted = now;
        self.active = self.sent.iter().flatten().filter(|sent| now - **sent < ACTIVE).count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use cman_wire::frame::{Ordered, Run};
    use core::time::Duration;

    /// Fills the window of member 0; how many units of 1000 bytes went in.
    fn fill(window: &mut Window, store: &mut Store, now: Instant) -> u64 {
        let payload = Bytes::from(vec![0; 1000]);
        let from = store.units(0).unwrap().whole();
        let mut sent = from;
        while window.has_room(now, None) {
            sent += 1;
            store.insert(0, sent, &payload);
            window.saw(now, 0);
            window.add(1000);
        }
        sent - from
    }

    #[test]
    fn flow_opens_what_sending_closed() {
        let (mut window, mut store) = (Window::new(Instant::ZERO, 0, 3), Store::new(3));
        let full = fill(&mut window, &mut store, Instant::ZERO);
        assert_eq!(full, (WINDOW_BYTES / charge(1000) + 1) as u64);
        store.order(Ordered {
            first: 1,
            run: Run { sender: 0, from: 1, count: u32::try_from(full).unwrap() },
        });
        window.advance(&store, 100);
        assert_eq!(fill(&mut window, &mut store, Instant::ZERO), 100);
        window.advance(&store, u64::MAX);
        assert_eq!(window.passed(), full);
    }

    #[test]
    fn who_sent_lately_shares() {
        let (mut window, mut store) = (Window::new(Instant::ZERO, 0, 3), Store::new(3));
        window.saw(Instant::ZERO, 1);
        let half = fill(&mut window, &mut store, Instant::ZERO);
        assert_eq!(half, (WINDOW_BYTES / 2 / charge(1000) + 1) as u64);
        let later = Instant::ZERO + Duration::from_secs(1);
        assert_eq!(fill(&mut window, &mut store, later) / 100, half / 100);
    }

    /// Two units always go, however many share; a large message does not begin without room.
    #[test]
    fn never_less_than_two_units_and_no_message_begins_in_a_corner() {
        let (mut window, mut store) = (Window::new(Instant::ZERO, 0, 4096), Store::new(4096));
        (0..4096).for_each(|sender| window.saw(Instant::ZERO, sender));
        assert_eq!(fill(&mut window, &mut store, Instant::ZERO), 2);
        let mut window = Window::new(Instant::ZERO, 0, 1);
        (0..3000).for_each(|_| window.add(1000));
        assert!(window.has_room(Instant::ZERO, None));
        assert!(window.has_room(Instant::ZERO, Some(1 << 20)));
        assert!(!window.has_room(Instant::ZERO, Some(8 << 20)));
    }
}
