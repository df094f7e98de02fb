//! Handing messages to this node, in sequence.

use crate::{
    piece,
    reassembly::Reassembly,
    records::{Cursor, Records},
    store::Store,
};
use bytes::Bytes;
use cman_wire::frame::Ordered;
use std::collections::VecDeque;

/// A message at its place in the order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Delivery {
    /// Who sent it: index in the view's member list.
    pub sender: u16,
    /// Global sequence of the unit in which it ended: several messages may share it. 0 if the
    /// unit had none when its view ended.
    pub number: u64,
    /// Whether it was sent to be delivered only when all hold it.
    pub safe: bool,
    /// What was sent.
    pub payload: Bytes,
}

/// How far this node has delivered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Deliverer {
    cursor: Cursor,
    /// The last unit of each sender that was delivered.
    units: Vec<u64>,
    reassembly: Reassembly,
    /// The place of the safe message for which all that follows waits.
    waits_for: Option<u64>,
}

impl Deliverer {
    pub(crate) fn new(members: usize) -> Self {
        Self {
            cursor: Cursor::default(),
            units: vec![0; members],
            reassembly: Reassembly::new(members),
            waits_for: None,
        }
    }

    /// The highest global sequence delivered.
    pub(crate) const fn delivered(&self) -> u64 {
        self.cursor.at()
    }

    /// The place of the safe message, held here, that is not stable yet.
    pub(crate) const fn waits_for(&self) -> Option<u64> {
        self.waits_for
    }

    /// The last unit of a sender that was delivered.
    pub(crate) fn last_unit(&self, sender: u16) -> u64 {
        self.units.get(usize::from(sender)).copied().unwrap_or(0)
    }

    /// Delivers what is held, up to the first safe message that is not stable. Safe is: held by
    /// all (P4). R-170.
    pub(crate) fn deliver(&mut self, store: &Store, stable: u64, out: &mut VecDeque<Delivery>) {
        if self.waits_for.is_some_and(|number| number > stable) {
            return;
        }
        self.waits_for = None;
        while let Some(Ordered { first, run }) = store.next_held(&mut self.cursor) {
            for (number, unit) in (first..).zip(run.from..).take(to_size(run.count)) {
                let Some(payload) = store.get(run.sender, unit) else { return };
                if number > stable && piece::completes_safe(payload) {
                    self.waits_for = Some(number);
                    return;
                }
                Records::pass(&mut self.cursor, 1);
                self.hand_over(run.sender, unit, number, payload, |message| {
                    out.push_back(message);
                });
            }
        }
    }

    /// Delivers one unit, the sender's next.
    pub(crate) fn hand_over(
        &mut self,
        sender: u16,
        unit: u64,
        number: u64,
        payload: &Bytes,
        mut out: impl FnMut(Delivery),
    ) {
        if let Some(last) = self.units.get_mut(usize::from(sender)) {
            *last = unit;
        }
        self.reassembly.take(sender, payload, |whole| {
            out(Delivery { sender, number, safe: whole.safe, payload: whole.payload });
        });
    }
}

fn to_size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piece::Kind;
    use cman_wire::frame::Run;

    fn unit(text: &[u8], safe: bool) -> Bytes {
        let mut out = Vec::new();
        piece::write(Kind { first: true, last: true, safe }, text, &mut out);
        out.into()
    }

    /// P4, R-170: what is safe waits until all hold it, and all that follows waits with it.
    #[test]
    fn safe_messages_wait_and_hold_the_line() {
        let mut store = Store::new(1);
        for (number, (text, safe)) in (1..).zip([(b"a", false), (b"b", true), (b"c", false)]) {
            store.insert(0, number, &unit(text, safe));
        }
        store.order(Ordered { first: 1, run: Run { sender: 0, from: 1, count: 3 } });
        store.advance();
        let mut deliverer = Deliverer::new(1);
        let mut deliver = |stable| {
            let mut out = VecDeque::new();
            deliverer.deliver(&store, stable, &mut out);
            let texts = out.into_iter().map(|delivery| delivery.payload).collect::<Vec<_>>();
            (texts, deliverer.waits_for())
        };
        assert_eq!(deliver(0), (vec![Bytes::from_static(b"a")], Some(2)));
        assert_eq!(deliver(1), (vec![], Some(2)));
        assert_eq!(deliver(2), (vec![Bytes::from_static(b"b"), Bytes::from_static(b"c")], None));
    }
}
