//! Messages to units: small ones share one, large ones go on over several.

use crate::{
    limits::ROOM_MIN,
    piece::{self, HEAD_MAX, Kind},
    queue::Queue,
};
use bytes::Bytes;

/// The least part of a large message that is worth a place behind others.
const REST_MIN: usize = 64;

/// Cuts units off the front of a queue. At most one message is partly sent at a time: the queue's
/// first, which stays there until its last piece is cut. R-42m.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Cutter {
    /// Bytes of payload that fit a unit.
    room: usize,
    /// Bytes of the queue's first message that are in units already.
    cut: usize,
}

impl Cutter {
    pub(crate) fn new(room: usize) -> Self {
        Self { room: room.max(ROOM_MIN), cut: 0 }
    }

    /// Whether what waits is enough that waiting for more would not pay: three quarters of a unit.
    pub(crate) fn is_full(&self, queue: &Queue) -> bool {
        self.waiting(queue) >= self.room * 3 / 4
    }

    /// Bytes that all that waits would take up in units, at most.
    fn waiting(&self, queue: &Queue) -> usize {
        queue.payload_bytes() - self.cut + queue.len() * HEAD_MAX
    }

    /// Whether a message is partly sent.
    pub(crate) const fn has_begun(&self) -> bool {
        self.cut > 0
    }

    /// Bytes of the message that comes next, if a piece of it has to begin a new run of units.
    pub(crate) fn begins(&self, queue: &Queue) -> Option<usize> {
        queue.front().filter(|_| !self.has_begun()).map(|message| message.payload.len())
    }

    /// The next unit's payload; `None` if nothing waits. R-163.
    pub(crate) fn cut(&mut self, queue: &mut Queue) -> Option<Bytes> {
        queue.front()?;
        let mut unit = Vec::with_capacity(self.waiting(queue).min(self.room));
        while let Some(message) = queue.front() {
            let rest = message.payload.get(self.cut..).unwrap_or_default();
            let space = self.room - unit.len();
            let whole = rest.len() + piece::head_size(rest.len());
            let fits = whole <= space;
            // What fits a unit of its own is not torn: nothing has to be put together, and less is
            // to be sent again when the view ends.
            let tear = self.has_begun() || whole > self.room;
            if !fits && (!tear || space < REST_MIN.min(self.room)) {
                break;
            }
            let size = if fits { rest.len() } else { space - HEAD_MAX };
            let kind = Kind { first: !self.has_begun(), last: fits, safe: message.safe };
            piece::write(kind, rest.get(..size).unwrap_or_default(), &mut unit);
            if fits {
                queue.pop();
                self.cut = 0;
            } else {
                self.cut += size;
                break;
            }
        }
        Some(Bytes::from(unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        queue::Message,
        reassembly::{Reassembly, Whole},
    };

    fn queue_of(sizes: &[usize]) -> Queue {
        let mut queue = Queue::new();
        for (&size, fill) in sizes.iter().zip(1..) {
            let message = Message { payload: Bytes::from(vec![fill; size]), safe: size % 2 == 1 };
            assert_eq!(queue.push(message), Ok(()));
        }
        queue
    }

    fn cut_all(room: usize, sizes: &[usize]) -> Vec<Bytes> {
        let (mut cutter, mut queue) = (Cutter::new(room), queue_of(sizes));
        core::iter::from_fn(|| cutter.cut(&mut queue)).collect()
    }

    ///
    #[test]
    fn small_messages_share_a_unit() {
        let units = cut_all(1300, &[64; 40]);
        assert_eq!(units.iter().map(Bytes::len).collect::<Vec<_>>(), [19 * 66, 19 * 66, 2 * 66]);
    }

    ///
    #[test]
    fn what_fits_a_unit_is_not_torn() {
        assert_eq!(cut_all(1300, &[1000, 1000]).len(), 2);
    }

    /// R-42m: at most one message is partial, and whatever the sizes all arrive whole, in order.
    #[test]
    fn everything_comes_out_as_it_went_in() {
        for room in [64, 67, 200, 1300, 9000] {
            for sizes in [&[0, 0, 1][..], &[5000, 0, 64, 131, 128, 20_000], &[1 << 20, 3, 1 << 18]]
            {
                let mut reassembly = Reassembly::new(1);
                let mut got = Vec::new();
                for unit in cut_all(room, sizes) {
                    assert!(unit.len() <= room && !unit.is_empty());
                    reassembly.take(0, &unit, |whole| got.push(whole));
                }
                let sent = sizes.iter().zip(1..).map(|(&size, fill)| Whole {
                    payload: Bytes::from(vec![fill; size]),
                    safe: size % 2 == 1,
                });
                assert!(got.into_iter().eq(sent), "room {room}, sizes {sizes:?}");
            }
        }
    }

    ///
    #[test]
    fn a_unit_is_full_at_three_quarters() {
        let cutter = Cutter::new(1000);
        assert!(!cutter.is_full(&queue_of(&[600])));
        assert!(cutter.is_full(&queue_of(&[300, 450])));
    }
}
